"""The end of `cargo xtask demo`: the same file, from Python. Every outcome is checked; the first wrong one ends it."""

import asyncio
import itertools
import sys

import dbal

file, schema, first = sys.argv[1:]
numbers = itertools.count(int(first))
number = int(first)


def step(what):
    global number
    number = next(numbers)
    print(f"\n{number}. {what}")


def show(call, answer):
    print(f"   > {call}\n     {answer}")


def expect(holds, what):
    if not holds:
        sys.exit(f"step {number} went wrong: {what}")


with dbal.Client(f"sqlite:{file}", schema=schema) as db:
    step("From Python, on the same file: the rows that Rust, Node and the command line wrote.")
    page = db.users.list(sort=[{"level": "desc"}, {"username": "asc"}], limit=3, select=["username", "level"])
    show("db.users.list(sort=[{'level': 'desc'}, …], limit=3)", f"{page!r} {page.data}")
    expect(page.total == 4 and page[0]["username"] == "gloria", "four users, gloria first")
    bob = db.users.read(username="bob")
    expect(bob["level"] == 3, "Rust raised bob to level 3")

    step("A block is a transaction; what raises in it undoes it.")
    try:
        with db.transaction() as tx:
            tx.users.create(username="fay", email="fay@example.org")
            tx.users.create(username="bob", email="other@example.org")
        expect(False, "it should have been refused")
    except dbal.IntegrityError as error:
        show("with db.transaction() as tx: create fay, then a second bob", f"{type(error).__name__}: {error}")
        expect((error.code, error.reason) == ("CONFLICT", "unique"), "a conflict on a unique key")
    expect(db.users.count() == 4, "there should be as many users as before")

    step("Bob asks from Python: the same rules, the same refusals.")
    as_bob = db.as_principal(user={"id": bob["id"], "role": "user", "level": 3})
    seen = [user["username"] for user in as_bob.users.find_many()]
    show("as bob: users.find_many()", seen)
    expect(seen == ["bob"], "bob should see his own row and no other")
    try:
        as_bob.page_views.create(slug="mine", title="Mine", level=1, layout={})
        expect(False, "it should have been refused")
    except dbal.Forbidden as error:
        show("as bob: page_views.create(…)", error)

    step("Awaited, thirty at a time: one wake-up of the event loop for all that are ready.")

    async def main():
        async with dbal.AsyncClient(f"sqlite:{file}", schema=schema) as awaited:
            rows = await asyncio.gather(*(awaited.users.read(bob["id"]) for _ in range(30)))
            return [user["username"] async for user in awaited.users.stream(sort={"username": "asc"})], rows

    names, rows = asyncio.run(main())
    show("[user async for user in db.users.stream(sort={'username': 'asc'})]", names)
    expect(len(names) == 4 and all(row == bob for row in rows), "the same rows")

print(f"\nsteps: {number}")
