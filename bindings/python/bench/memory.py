"""A million calls of each face, and what the process holds meanwhile: `python memory.py [CALLS]`."""

import asyncio
import pathlib
import sys
import tempfile

import dbal

CALLS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
SCHEMA = {
    "entity": "Box",
    "fields": {"id": {"type": "integer", "primary": True}, "note": {"type": "string"}, "doc": {"type": "json"}},
}


def resident():
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024


def work(db, i):
    db.boxes.read(i % 100)
    kind = i % 10
    if kind == 0:
        db.boxes.update(i % 100, note=f"n{i}", doc={"a": [i]})
    elif kind == 1:
        db.boxes.list(filter={"id": {"$lt": i % 50}}, limit=5)
    elif kind == 2:
        try:
            db.boxes.create(id=i % 100)
        except dbal.Conflict:
            pass
    elif kind == 3:
        for _ in range(5):
            db.boxes.count()
    elif kind == 4 and i % 100 == 4:
        with db.transaction() as tx:
            tx.boxes.update(1, note="t")
        next(db.boxes.stream())


async def awaited(db, i):
    await asyncio.gather(*(db.boxes.read((i + k) % 100) for k in range(32)))
    late = asyncio.ensure_future(db.boxes.find_many())
    late.cancel()
    if i % 320 == 0:
        async with db.transaction() as tx:
            await tx.boxes.update(1, note="t")


async def main(url):
    with dbal.Client(url, schema=SCHEMA) as db:
        db.migrate()
        db.boxes.create_many([{"id": i} for i in range(100)])
        for i in range(CALLS // 2):
            if i % (CALLS // 20) == 0:
                print(f"blocking {i:8}: {resident()} MiB")
            work(db, i)
    async with dbal.AsyncClient(url, schema=SCHEMA) as db:
        for i in range(0, CALLS // 2, 32):
            if i // 32 % (CALLS // 640) == 0:
                print(f"awaited  {i:8}: {resident()} MiB")
            await awaited(db, i)
    print(f"at the end: {resident()} MiB")


with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(f"sqlite:{pathlib.Path(folder) / 'memory.db'}"))
