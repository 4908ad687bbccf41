"""What values mean, inwards and outwards, and what is refused by name."""

import collections
import datetime as dt
import decimal
import enum
import pickle
import types
import unittest
import uuid

import dbal

SCHEMA = {
    "entity": "Thing",
    "fields": {
        "id": {"type": "integer", "primary": True},
        "name": {"type": "string"},
        "big": {"type": "bigint"},
        "rate": {"type": "float"},
        "price": {"type": "decimal"},
        "at": {"type": "datetime"},
        "day": {"type": "date"},
        "raw": {"type": "bytes"},
        "doc": {"type": "json"},
        "key": {"type": "uuid"},
        "on": {"type": "boolean"},
    },
}
UTC = dt.timezone.utc


def fresh():
    db = dbal.Client("memory:", schema=SCHEMA)
    db.things.create(id=1, name="one")
    return db


class Values(unittest.TestCase):
    def setUp(self):
        self.db = fresh()

    def kept(self, **fields):
        (name,) = fields
        row = self.db.things.update(1, fields)
        self.assertEqual(row, self.db.things.read(1))
        return row[name]

    def refused(self, field, message, work):
        with self.assertRaises(dbal.ValidationError) as caught:
            work()
        faults = [fault for fault in caught.exception.fields if fault.field == field]
        self.assertTrue(faults, caught.exception.fields)
        self.assertRegex(faults[0].message, message)

    def test_values_come_back_as_what_they_are(self):
        key = uuid.uuid4()
        for given in [
            {"name": "é☃𝒳" * 1000}, {"name": ""}, {"big": 2**63 - 1}, {"big": -(2**63)}, {"rate": 0.1}, {"rate": 2.0**60},
            {"price": decimal.Decimal("12345678901234567890.12345678901234")}, {"on": True}, {"on": False},
            {"at": dt.datetime(2024, 2, 29, 12, 34, 56, 789000, tzinfo=UTC)}, {"at": dt.datetime(1, 1, 1, tzinfo=UTC)},
            {"at": dt.datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)}, {"day": dt.date(1, 1, 1)},
            {"day": dt.date(9999, 12, 31)}, {"raw": b"\x00\xff"}, {"raw": b""}, {"key": key}, {"name": None},
            {"doc": {"a": [1, 2**60, 1.5, None, True, "x"], "": {}}},
        ]:
            (value,) = given.values()
            kept = self.kept(**given)
            self.assertEqual(kept, value)
            self.assertIs(type(kept), type(value))
        self.assertIs(self.kept(at=dt.datetime(2024, 1, 1, tzinfo=UTC)).tzinfo, UTC)
        self.assertEqual(hash(self.kept(key=key)), hash(key))
        self.assertEqual(pickle.loads(pickle.dumps(self.kept(key=key))), key)

    def test_what_means_the_same_is_taken(self):
        east = dt.timezone(dt.timedelta(hours=5, minutes=30))
        at = dt.datetime(2024, 1, 1, 5, 30, 0, 1999, tzinfo=east)
        self.assertEqual(self.kept(at=at), dt.datetime(2024, 1, 1, 0, 0, 0, 1000, tzinfo=UTC))
        self.assertEqual(self.kept(key=str(uuid.UUID(int=7)).upper()), uuid.UUID(int=7))
        self.assertEqual(self.kept(price=10**20), decimal.Decimal(10**20))
        self.assertEqual(self.kept(price=decimal.Decimal("1.5E+3")), 1500)
        self.assertEqual(self.kept(rate=3), 3.0)
        for raw in (bytearray(b"ab"), memoryview(b"ab")):
            self.assertEqual(self.kept(raw=raw), b"ab")
        word = enum.StrEnum("Word", {"ONE": "one"}) if hasattr(enum, "StrEnum") else None
        if word:
            self.assertEqual(self.db.things.count(filter={"name": word.ONE}), 1)
        self.assertEqual(self.db.things.count(filter=types.MappingProxyType({"id": 1})), 1)
        self.assertEqual(self.db.things.count(filter=collections.OrderedDict(id=1)), 1)
        self.assertEqual(self.db.things.count(filter={"id": {"$in": (1, 2)}}), 1)

    def test_numbers_keep_their_value_or_are_refused(self):
        update = self.db.things.update
        self.refused("big", "decimal", lambda: update(1, big=2**63))
        self.refused("big", "34 digits", lambda: update(1, big=10**40))
        self.refused("rate", ".", lambda: update(1, rate=float("nan")))
        self.refused("price", "finite", lambda: update(1, price=decimal.Decimal("NaN")))
        self.refused("price", "34 digits", lambda: update(1, price=decimal.Decimal("1E+999999")))
        self.refused("id", ".", lambda: self.db.things.create(id=1.5))
        self.refused("id", ".", lambda: self.db.things.create(id=True))
        self.refused("id", ".", lambda: self.db.things.create(id="2"))

    def test_what_is_no_plain_data_is_refused_by_name(self):
        update, count = self.db.things.update, self.db.things.count
        self.refused("name", "surrogate", lambda: update(1, name="\ud800"))
        self.refused("name", ".", lambda: update(1, name="a\0b"))
        self.refused("at", "time zone", lambda: update(1, at=dt.datetime(2024, 1, 1)))
        self.refused("doc.a.0", "object", lambda: update(1, doc={"a": [object()]}))
        self.refused("doc", "text, not int", lambda: update(1, doc={1: 2}))
        self.refused("filter.id", "function", lambda: count(filter={"id": lambda: 1}))
        self.refused("filter", "set", lambda: count(filter={"id"}))
        self.refused("limt", "unknown", lambda: self.db.things.list(limt=1))
        self.refused("limit", "twice", lambda: self.db.things.list({"limit": 1}, limit=2))
        circle = {}
        circle["a"] = circle
        self.refused("doc", "itself", lambda: update(1, doc=circle))
        deep = 1
        for _ in range(100_000):
            deep = [deep]
        self.refused("doc", "depth", lambda: update(1, doc=deep))
        while isinstance(deep, list):
            deep = deep.pop()

    def test_unset_is_absent_in_data_and_a_fault_elsewhere(self):
        self.assertIsNone(self.db.things.create(id=2, name=dbal.UNSET)["name"])
        self.refused("filter", "undefined", lambda: self.db.things.delete_many(filter=dbal.UNSET, all=True))
        self.assertEqual(self.db.things.count(), 2)
        self.assertFalse(dbal.UNSET)

    def test_a_mapping_whose_reading_changes_it_does_no_harm(self):
        class Sly(dict):
            def items(self):
                raise RuntimeError("mine")

        self.refused("filter", "cannot be read", lambda: self.db.things.count(filter=types.MappingProxyType(Sly())))
        data = {"id": 3, "name": "x"}

        class Decimal(decimal.Decimal):
            def __str__(self):
                data.clear()
                return "1"

        data["price"] = Decimal("1")
        self.assertEqual(self.db.things.create(data)["price"], 1)

    def test_errors_have_names_of_the_db_api_and_survive_pickling(self):
        with self.assertRaises(dbal.IntegrityError) as caught:
            self.db.things.create(id=1)
        error = caught.exception
        self.assertIsInstance(error, dbal.Conflict)
        self.assertIsInstance(error, dbal.DatabaseError)
        self.assertEqual((error.code, error.reason, error.retryable), ("CONFLICT", "unique", False))
        self.assertEqual([fault.field for fault in error.fields], ["id"])
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((type(again), str(again), again.fields), (type(error), str(error), error.fields))
        with self.assertRaises(dbal.NotFound):
            self.db.things.read(99)
        self.assertEqual(type(error).__module__, "dbal")

    def test_options_are_checked(self):
        self.refused("schem", "unknown", lambda: dbal.Client("memory:", schem=SCHEMA))
        self.refused("url", "missing", lambda: dbal.Client(schema=SCHEMA))
        self.refused("limits.rows", "unknown", lambda: dbal.Client("memory:", schema=SCHEMA, limits={"rows": 1}))
        self.refused("timeout", "seconds", lambda: self.db.with_timeout(-1))
        self.refused("principal", "mapping", lambda: self.db.as_principal(5))
        self.refused("schema", "daemon", lambda: dbal.Client("dbal://x", schema=SCHEMA))
        with self.assertRaises(AttributeError):
            self.db.thinks


if __name__ == "__main__":
    unittest.main()
