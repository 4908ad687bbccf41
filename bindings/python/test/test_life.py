"""How clients live: transactions, streams, threads, forks, event loops, pages."""

import asyncio
import gc
import importlib.util
import os
import pathlib
import tempfile
import threading
import time
import unittest

import dbal

SCHEMA = [
    {"entity": "Box", "fields": {"id": {"type": "integer", "primary": True}, "note": {"type": "string"}}},
    {
        "entity": "Item",
        "fields": {
            "id": {"type": "integer", "primary": True},
            "box_id": {"type": "integer", "foreign_key": {"entity": "Box", "field": "id"}},
        },
    },
]


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.url = f"sqlite:{pathlib.Path(folder.name) / 'life.db'}"

    def opened(self, **options):
        db = dbal.Client(self.url, schema=SCHEMA, **options)
        db.migrate()
        return db


class Blocking(Folder):
    def test_a_block_commits_when_it_ends_well_and_undoes_what_raises(self):
        with self.opened() as db:
            with db.transaction() as tx:
                tx.boxes.create(id=1)
            with self.assertRaisesRegex(ValueError, "mine"), db.transaction() as tx:
                tx.boxes.create(id=2)
                with tx.transaction() as inner:
                    inner.boxes.create(id=3)
                with self.assertRaises(KeyError), tx.transaction() as inner:
                    inner.boxes.create(id=4)
                    raise KeyError
                self.assertEqual(tx.boxes.count(), 3)
                self.assertEqual(db.boxes.count(), 1)
                raise ValueError("mine")
            self.assertEqual(db.boxes.count(), 1)
            for ended in (tx, inner):
                with self.assertRaises(dbal.Conflict) as caught:
                    ended.boxes.count()
                self.assertEqual(caught.exception.reason, "aborted")

    def test_a_function_is_run_again_when_another_got_there_first(self):
        db = self.opened()
        tried = []

        def work(tx):
            tried.append(tx.boxes.create(id=1)["id"])
            if len(tried) < 3:
                raise dbal.Conflict("as if", code="CONFLICT", reason="serialization")
            return "done"

        self.assertEqual(db.transaction(work), "done")
        self.assertEqual((tried, db.boxes.count()), ([1, 1, 1], 1))
        tried.clear()
        db.boxes.delete(1)
        with self.assertRaises(dbal.Conflict):
            db.transaction(work, retries=1)
        self.assertEqual((len(tried), db.boxes.count()), (2, 0))

        async def awaited(tx): ...

        with self.assertRaises(dbal.ValidationError):
            db.transaction(awaited)

    def test_a_transaction_that_nobody_ends_is_rolled_back(self):
        db = self.opened()
        block = db.transaction()
        block.__enter__().boxes.create(id=1)
        del block
        gc.collect()
        self.assertEqual(db.boxes.count(), 0)
        db.boxes.create(id=1)

    def test_a_transaction_has_a_time(self):
        db = self.opened()
        with self.assertRaises(dbal.Timeout), db.transaction(timeout=0.05) as tx:
            tx.boxes.create(id=1)
            time.sleep(0.1)
            tx.boxes.create(id=2)
        self.assertEqual(db.boxes.count(), 0)

    def test_streams_give_every_row_in_order_and_stop_when_nobody_takes_more(self):
        db = self.opened()
        db.boxes.create_many(({"id": id, "note": f"n{id}"} for id in range(3000)), returning=False)
        self.assertEqual([box["id"] for box in db.boxes.stream(sort={"id": "asc"})], list(range(3000)))
        for _ in range(20):
            for _ in db.boxes.stream():
                break
        with self.assertRaises(dbal.ValidationError):
            db.boxes.stream(page=1)
        self.assertEqual(db.boxes.count(), 3000)

    def test_threads_share_a_client_and_the_interpreter_is_free_meanwhile(self):
        db = self.opened()
        db.boxes.create_many([{"id": id} for id in range(500)], returning=False)
        failed = []

        def work(first):
            try:
                for i in range(200):
                    assert db.boxes.read((first + i) % 500)["id"] == (first + i) % 500
                    if i % 50 == 0:
                        with db.transaction() as tx:
                            tx.boxes.create(id=1000 + first * 10 + i)
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=work, args=(n * 60,)) for n in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        self.assertEqual((failed, db.boxes.count(), db.newest().boxes.count()), ([], 532, 532))

        # The writer is held; a thread that waits for it must not stop this one.
        waited = []
        with db.transaction():
            def late():
                try:
                    db.with_timeout(0.3).boxes.create(id=9999)
                except dbal.Timeout as error:
                    waited.append(error.outcome)

            thread = threading.Thread(target=late)
            thread.start()
            ticks = 0
            while thread.is_alive():
                ticks += 1
                time.sleep(0.01)
            self.assertGreater(ticks, 5)
        self.assertEqual(waited, ["not_applied"])

    @unittest.skipUnless(hasattr(os, "fork"), "there is no fork")
    def test_a_forked_child_is_told_and_may_open_its_own(self):
        db = self.opened()
        db.boxes.create(id=1)
        rows = db.boxes.stream()
        held = db.transaction()
        inside = held.__enter__()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                for use in (db.boxes.count, inside.boxes.count, lambda: next(rows), db.transaction):
                    try:
                        use()
                        break
                    except dbal.InterfaceError as error:
                        assert "fork" in str(error)
                else:
                    del db, inside, rows, held
                    gc.collect()
                    code = 0
            finally:
                os._exit(code)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        inside.boxes.create(id=2)
        held.__exit__(None, None, None)
        self.assertEqual(db.boxes.count(), 2)

    def test_a_closed_client_says_so(self):
        db = self.opened()
        boxes = db.boxes
        db.close()
        for use in (boxes.count, db.migrate, lambda: db.transaction().__enter__()):
            with self.assertRaisesRegex(dbal.InterfaceError, "closed"):
                use()

    def test_reset_asks_for_confirmation(self):
        db = self.opened()
        db.boxes.create(id=1)
        with self.assertRaises(dbal.ValidationError):
            db.reset()
        db.reset(confirm=True)
        self.assertEqual(db.boxes.count(), 0)

    def test_rows_are_made_into_a_class(self):
        class Box:
            def __init__(self, id, note):
                self.id, self.note = id, note

        db = self.opened()
        boxes = db.boxes.into(Box)
        self.assertEqual(boxes.create(id=1, note="x").note, "x")
        self.assertEqual([box.id for box in boxes.list(limit=1)], [1])
        self.assertEqual([box.id for box in boxes.stream()], [1])
        with self.assertRaises(TypeError):
            db.boxes.into(5)

    def test_batches_and_calls_and_explanations(self):
        db = self.opened()
        made = db.batch([
            {"entity": "boxes", "operation": "create", "data": {"id": 1}},
            {"entity": "Item", "operation": "create", "data": {"id": 2, "box_id": {"$ref": "0.id"}}},
        ])
        self.assertEqual([row["id"] for row in made], [1, 2])
        told = db.explain("list", "boxes", filter={"id": {"$gt": 0}})
        self.assertIn("SELECT", told["steps"][0]["text"])
        self.assertEqual(db.capabilities()["transactions"], "native")
        with self.assertRaises(dbal.ValidationError):
            db.call("Box.nothing", id=1)
        self.assertIn("boxes", dir(db))

    def test_a_page_shows_itself(self):
        db = self.opened()
        db.boxes.create_many([{"id": id, "note": "<b>" if id == 0 else None} for id in range(30)])
        page = db.boxes.list(limit=10)
        self.assertEqual((len(page), page[0]["id"], page.total, page.has_more), (10, 0, 30, True))
        self.assertEqual(repr(page), "<Page 1: 10 of 30 rows, more follow>")
        shown = page._repr_html_()
        self.assertIn("<th>note</th>", shown)
        self.assertIn("&lt;b&gt;", shown)
        self.assertNotIn("<b>", shown)

    @unittest.skipUnless(importlib.util.find_spec("pandas") and importlib.util.find_spec("polars"), "no frames here")
    def test_a_page_becomes_a_frame(self):
        db = self.opened()
        db.boxes.create_many([{"id": id, "note": f"n{id}"} for id in range(30)])
        page = db.boxes.list(limit=10)
        for frame in (page.to_pandas(), page.to_polars()):
            self.assertEqual((frame.shape, list(frame.columns)), ((10, 2), ["id", "note"]))


class Awaited(Folder):
    def run_with(self, work, **options):
        async def main():
            async with await dbal.AsyncClient.open(self.url, schema=SCHEMA, **options) as db:
                await db.migrate()
                return await work(db)

        return asyncio.run(main())

    def test_many_requests_in_flight_are_answered_each_with_its_own(self):
        async def work(db):
            await db.boxes.create_many([{"id": id} for id in range(500)], returning=False)
            rows = await asyncio.gather(*(db.boxes.read(i % 500) for i in range(2000)))
            self.assertEqual([row["id"] for row in rows], [i % 500 for i in range(2000)])

        self.run_with(work)
        # Another loop, another port.
        self.run_with(lambda db: db.boxes.count())

    def test_transactions_and_what_nobody_awaited_in_them(self):
        async def work(db):
            async with db.transaction() as tx:
                for id in range(50):
                    tx.boxes.create(id=id)
            self.assertEqual(await db.boxes.count(), 50)
            with self.assertRaises(dbal.Conflict):
                await tx.boxes.count()
            with self.assertRaises(ValueError):
                async with db.transaction() as tx:
                    await tx.boxes.create(id=100)
                    async with tx.transaction() as inner:
                        await inner.boxes.create(id=101)
                    raise ValueError
            self.assertEqual(await db.boxes.count(), 50)
            tried = []

            async def again(tx):
                tried.append(await tx.boxes.count())
                if len(tried) == 1:
                    raise dbal.Conflict("as if", code="CONFLICT", reason="serialization")
                return (await tx.boxes.create(id=60))["id"]

            self.assertEqual(await db.transaction(again), 60)
            self.assertEqual(len(tried), 2)

        self.run_with(work)

    def test_a_cancelled_request_is_given_up_and_leaves_nothing(self):
        async def work(db):
            async with db.transaction() as tx:
                # The writer is taken: what else writes has to wait.
                late = asyncio.ensure_future(db.boxes.create(id=9))
                await asyncio.sleep(0.01)
                late.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await late
                with self.assertRaises((asyncio.TimeoutError, TimeoutError)):
                    await asyncio.wait_for(db.boxes.create(id=8), 0.02)
                with self.assertRaises(dbal.Timeout) as caught:
                    await db.with_timeout(0.03).boxes.create(id=7)
                self.assertEqual(caught.exception.outcome, "not_applied")
                await tx.boxes.create(id=1)
            self.assertEqual([box["id"] for box in await db.boxes.find_many()], [1])
            self.assertEqual(await db.newest().boxes.count(), 1)

        self.run_with(work)

    def test_streams(self):
        async def work(db):
            await db.boxes.create_many([{"id": id} for id in range(3000)], returning=False)
            self.assertEqual([box["id"] async for box in db.boxes.stream()], list(range(3000)))
            for _ in range(20):
                async for _ in db.boxes.stream():
                    break
            with self.assertRaises(dbal.ValidationError):
                async for _ in db.boxes.stream(page=1):
                    pass
            self.assertEqual(await db.boxes.count(), 3000)

        self.run_with(work)

    def test_errors_come_with_the_await_and_never_before(self):
        async def work(db):
            refused = db.boxes.read(99)
            with self.assertRaises(dbal.NotFound):
                await refused
            await db.close()
            closed = db.boxes.count()
            with self.assertRaises(dbal.InterfaceError):
                await closed

        self.run_with(work)

    def test_a_loop_that_watches_no_sockets_is_called(self):
        class Deaf(asyncio.SelectorEventLoop):
            def add_reader(self, fd, callback, *args):
                if getattr(callback, "__self__", None).__class__.__name__ == "Port":
                    raise NotImplementedError
                return super().add_reader(fd, callback, *args)

        async def main():
            async with dbal.AsyncClient(self.url, schema=SCHEMA) as db:
                await db.migrate()
                await asyncio.gather(*(db.boxes.create(id=id) for id in range(100)))
                return await db.boxes.count()

        loop = Deaf()
        try:
            self.assertEqual(loop.run_until_complete(main()), 100)
        finally:
            loop.close()

    def test_a_client_serves_the_loops_of_several_threads(self):
        db = dbal.AsyncClient(self.url, schema=SCHEMA)
        asyncio.run(db.migrate())
        failed = []

        async def main(first):
            await asyncio.gather(*(db.boxes.create(id=first + i) for i in range(50)))

        def work(first):
            try:
                asyncio.run(main(first))
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=work, args=(n * 100,)) for n in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        self.assertEqual((failed, asyncio.run(self.counted(db))), ([], 200))

    async def counted(self, db):
        return await db.boxes.count()


if __name__ == "__main__":
    unittest.main()
