"""What the checkers must accept, and what runs: `python use.py SCHEMA`."""

from __future__ import annotations

import asyncio
import datetime
import sys
import uuid

import dbal
import entities
import everywhere


def flat(schema: str) -> None:
    with everywhere.Client("memory:", schema=schema) as db:
        with db.transaction() as tx:
            made: everywhere.User = tx.users.create(username="ada", email="ada@example.org")
        count: int = db.transaction(lambda tx: tx.users.count())
        assert (made["username"], count) == ("ada", 1)


def blocking(schema: str) -> None:
    with entities.Client("memory:", schema=schema) as db:
        made: entities.User = db.users.create(username="ada", email="ada@example.org", role="admin", level=4)
        key: uuid.UUID = made["id"]
        level: int = made["level"]
        at: datetime.datetime = made["created_at"]
        data: entities.UserCreate = {"username": "bob", "email": "bob@example.org"}
        db.users.create(data)
        patch: entities.UserUpdate = {"level": {"$increment": 1}}
        again: entities.User = db.users.update(key, patch)
        page: dbal.Page[entities.User] = db.users.list(filter={"role": "admin"}, sort={"created_at": "desc"}, limit=10)
        names: list[str] = [user["username"] for user in page]
        row: entities.UserRow = db.users.into(entities.UserRow).read(username="ada")
        first: entities.User | None = db.users.first(sort={"username": "asc"})
        count: int = db.users.count(filter={"level": {"$gte": 2}})
        total: int | None = page.total
        written: int = db.users.update_many(filter={"role": "user"}, data={"level": 2})["count"]
        for user in db.users.stream():
            names.append(user["email"])
        with db.transaction() as tx:
            tx.users.delete(key)
        result: int = db.transaction(lambda tx: tx.entity("User").count())
        other: entities.Client = db.as_principal(user={"id": key, "role": "user"})
        try:
            other.users.create(username="eve", email="eve@example.org")
        except dbal.Forbidden as error:
            code: str = error.code
            print(code, level, at, again["level"], names, row.username, first, count, total, written, result)


async def awaited(schema: str) -> None:
    async with entities.AsyncClient("memory:", schema=schema) as db:
        made: entities.User = await db.users.create(username="ada", email="ada@example.org")
        names: list[str] = [user["username"] async for user in db.users.stream()]
        page: dbal.Page[entities.User] = await db.users.list(limit=1)
        async with db.transaction() as tx:
            await tx.users.update(made["id"], level=3)

        async def work(tx: dbal.AsyncTransaction) -> int:
            return len(await tx.users.find_many())

        print(names, page.total, await db.transaction(work))


if __name__ == "__main__":
    flat(sys.argv[1])
    blocking(sys.argv[1])
    asyncio.run(awaited(sys.argv[1]))
