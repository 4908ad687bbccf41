"""Ctrl-C in the middle of a request: a real SIGINT while the main thread waits."""

import os
import pathlib
import signal
import sqlite3
import tempfile
import threading
import time
import unittest

import dbal

SCHEMA = {
    "entity": "Node",
    "fields": {
        "id": {"type": "integer", "primary": True},
        "group": {"type": "string", "required": True},
        "note": {"type": "string", "required": True},
    },
}
#: Each of these looks through all the text of a row.
SLOW = {"filter": {"$or": [{"note": {"$contains": f"never {n}"}} for n in range(400)]}}


@unittest.skipUnless(hasattr(signal, "setitimer"), "there are no signals of this kind")
class Interrupted(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.file = pathlib.Path(cls.folder.name) / "nodes.db"
        cls.db = dbal.Client(f"sqlite:{cls.file}", schema=SCHEMA)
        cls.db.migrate()
        rows = [{"id": n, "group": str(n % 7), "note": "a longer note " * 40} for n in range(6000)]
        cls.db.nodes.create_many(rows, returning=False)
        began = time.monotonic()
        assert cls.db.nodes.count(SLOW) == 0
        cls.whole = time.monotonic() - began

    @classmethod
    def tearDownClass(cls):
        cls.db.close()
        cls.folder.cleanup()

    def interrupted(self, work):
        """Runs something that takes long, with a SIGINT in its first quarter; says how long it took."""
        timer = threading.Timer(self.whole / 4, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        began = time.monotonic()
        try:
            work()
        finally:
            took = time.monotonic() - began
            timer.join()
        return took

    def refused(self, work):
        began = time.monotonic()
        with self.assertRaises(KeyboardInterrupt):
            self.interrupted(work)
        self.assertLess(time.monotonic() - began, self.whole * 0.75)

    def test_a_long_read_ends_and_the_client_goes_on(self):
        self.assertGreater(self.whole, 0.5, "too quick to be interrupted")
        self.refused(lambda: self.db.nodes.count(SLOW))
        self.assertEqual(self.db.nodes.count(), 6000)
        self.refused(lambda: self.db.nodes.find_many(SLOW))
        self.assertEqual(self.db.nodes.read(3)["group"], "3")

    def test_a_long_write_is_undone(self):
        def write():
            with self.db.transaction() as tx:
                tx.nodes.update(1, group="changed")
                tx.nodes.update_many(data={"group": "x"}, **SLOW)

        self.refused(write)
        self.assertEqual(self.db.nodes.read(1)["group"], "1")

    def test_waiting_for_a_lock_ends(self):
        other = sqlite3.connect(self.file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            self.refused(lambda: self.db.nodes.update(1, group="y"))
        finally:
            other.execute("ROLLBACK")
            other.close()
        self.assertEqual(self.db.nodes.update(1, note="z")["note"], "z")

    def test_a_stream_ends(self):
        self.refused(lambda: list(self.db.nodes.stream(SLOW)))
        self.assertEqual(len(list(self.db.nodes.stream())), 6000)

    def test_a_handler_that_raises_nothing_only_runs(self):
        heard = []
        before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(time.monotonic()))
        try:
            began = time.monotonic()
            took = self.interrupted(lambda: self.assertEqual(self.db.nodes.count(SLOW), 0))
        finally:
            signal.signal(signal.SIGINT, before)
        self.assertEqual(len(heard), 1)
        self.assertLess(heard[0] - began, took, "it ran only when the request was done")

    def test_other_threads_are_left_alone(self):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.db.nodes.count(SLOW)))
        thread.start()
        self.refused(lambda: self.db.nodes.count(SLOW))
        thread.join()
        self.assertEqual(answers, [0])


if __name__ == "__main__":
    unittest.main()
