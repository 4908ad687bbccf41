"""Users in a file of their own: `python script.py [SCHEMA]`."""

import pathlib
import sys
import tempfile

import dbal

schema = sys.argv[1] if len(sys.argv) > 1 else "api/schema"

with tempfile.TemporaryDirectory() as folder, dbal.Client(f"sqlite:{pathlib.Path(folder) / 'app.db'}", schema=schema) as db:
    db.migrate()

    # Trusted code: input is checked, ids and defaults are filled in, access rules do not apply.
    ada = db.users.create(username="ada", email="ada@example.org", role="admin", level=4)
    db.users.create_many({"username": f"user{n}", "email": f"user{n}@example.org"} for n in range(25))

    page = db.users.list(filter={"role": "user"}, sort={"username": "asc"}, limit=10)
    print(page, "the first is", page[0]["username"])

    try:
        db.users.create(username="x!", email="nobody", nickname="X")
    except dbal.ValidationError as error:
        for fault in error.fields:
            print(f"  {fault.field}: {fault.message}")

    # All or nothing.
    try:
        with db.transaction() as tx:
            tx.users.update(ada["id"], level={"$increment": 1})
            tx.users.create(username="ada", email="other@example.org")
    except dbal.IntegrityError as error:
        print(f"{error.code} ({error.reason}): ada is still of level {db.users.read(ada['id'])['level']}")

    # On somebody's behalf: the rules decide what they see.
    someone = db.users.read(username="user7")
    own = db.as_principal(user={"id": someone["id"], "role": "user", "level": 1})
    print("user7 sees", [user["username"] for user in own.users.find_many()])

    # In constant memory, however many there are.
    print(sum(user["level"] for user in db.users.stream(filter={"role": "user"})))
