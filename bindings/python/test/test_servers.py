"""The same package on the servers that `cargo xtask servers` starts."""

import asyncio
import datetime as dt
import decimal
import os
import signal
import threading
import time
import unittest
import urllib.parse
import uuid

import dbal

SCHEMA = {
    "entity": "Parcel",
    "fields": {
        "id": {"type": "uuid", "primary": True, "generated": True},
        "name": {"type": "string", "required": True, "unique": True},
        "price": {"type": "decimal", "precision": 10, "scale": 2},
        "count": {"type": "bigint", "default": 0},
        "at": {"type": "datetime"},
        "day": {"type": "date"},
        "raw": {"type": "bytes"},
        "doc": {"type": "json"},
    },
    "owner": "name",
    "acl": {"read": {"self": True}},
}
UTC = dt.timezone.utc


class Postgres(unittest.TestCase):
    variable = "DBAL_TEST_POSTGRES_URL"

    def url(self, server):
        # A schema of its own; it is dropped with the test's tables.
        return f"{server}{'&' if '?' in server else '?'}pool_size=4"

    def setUp(self):
        server = os.environ.get(self.variable)
        if not server:
            self.skipTest(f"{self.variable} is not set")
        self.where = self.url(server)

    def test_the_same_answers(self):
        with dbal.Client(self.where, schema=SCHEMA) as db:
            db.migrate()
            db.reset(confirm=True)
            given = {
                "name": "é☃", "price": decimal.Decimal("12.50"), "count": 2**62, "raw": b"\x00\xff",
                "at": dt.datetime(2024, 2, 29, 12, 0, 0, 789000, tzinfo=UTC), "day": dt.date(2024, 2, 29),
                "doc": {"a": [1, 2.5, None, "x"]},
            }
            made = db.parcels.create(given)
            self.assertIsInstance(made["id"], uuid.UUID)
            self.assertEqual({name: made[name] for name in given}, given)
            self.assertEqual(str(made["price"]), "12.50")
            self.assertEqual(db.parcels.read(name="é☃"), made)
            with self.assertRaises(dbal.IntegrityError) as caught, db.transaction() as tx:
                tx.parcels.create(name="other")
                tx.parcels.create(name="é☃")
            self.assertEqual(caught.exception.reason, "unique")
            db.transaction(lambda tx: tx.parcels.create_many([{"name": f"n{n}"} for n in range(300)]))
            self.assertEqual(len(list(db.parcels.stream(sort={"name": "asc"}))), 301)
            self.assertEqual(db.parcels.aggregate(sum=["count"])["sum"]["count"], 2**62)
            bound = db.as_principal(user={"id": "n7", "role": "user"})
            self.assertEqual([parcel["name"] for parcel in bound.parcels.find_many()], ["n7"])
            with self.assertRaises(dbal.Forbidden):
                bound.parcels.create(name="x")
            asyncio.run(self.awaited())
            db.reset(confirm=True)

    @unittest.skipUnless(hasattr(signal, "SIGINT") and os.name == "posix", "there are no signals of this kind")
    def test_a_wait_for_the_server_is_interrupted(self):
        with dbal.Client(self.where, schema=SCHEMA) as db:
            db.migrate()
            db.reset(confirm=True)
            db.parcels.create(name="held", count=1)
            with db.transaction() as holder:
                holder.parcels.update_many(filter={"name": "held"}, data={"count": 2})
                timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
                timer.start()
                began = time.monotonic()
                with self.assertRaises(KeyboardInterrupt):
                    db.parcels.update_many(filter={"name": "held"}, data={"count": 3})
                    time.sleep(20)
                self.assertLess(time.monotonic() - began, 5)
                timer.join()
            self.assertEqual(db.parcels.read(name="held")["count"], 2)
            db.reset(confirm=True)

    async def awaited(self):
        async with await dbal.AsyncClient.open(self.where, schema=SCHEMA) as db:
            rows = await asyncio.gather(*(db.parcels.read(name=f"n{n % 300}") for n in range(64)))
            self.assertEqual([row["name"] for row in rows], [f"n{n}" for n in range(64)])
            self.assertEqual(len([row async for row in db.parcels.stream()]), 301)
            async with db.transaction() as tx:
                await tx.parcels.delete(name="n0")
            self.assertEqual(await db.parcels.count(), 300)


class Mongodb(Postgres):
    variable = "DBAL_TEST_MONGODB_URL"

    # A write that meets another one does not wait there; it is told so, and tried again.
    test_a_wait_for_the_server_is_interrupted = None

    def url(self, server):
        parts = urllib.parse.urlsplit(server)
        return urllib.parse.urlunsplit(parts._replace(path=f"/python_{os.getpid()}"))


if __name__ == "__main__":
    unittest.main()
