"""The same work through dbal and by others in alternating rounds of one run; the middle of the rounds, as ratios. On SQLite
to the standard library's sqlite3 returning dicts, and of 32 awaited at once to aiosqlite where it is installed; on the
server of DBAL_BENCH_POSTGRES, where that is set, to psycopg returning dicts.

    python bench.py [ROUNDS [OPERATION ...]]
"""

import asyncio
import datetime as dt
import inspect
import json
import os
import pathlib
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid

import dbal

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 15
ROLES = ("user", "moderator", "admin")
BODY = "a comment of about the usual length, with a few words more to make it so"
UTC = dt.timezone.utc
START, OLD = dt.datetime(2024, 1, 1, tzinfo=UTC), dt.datetime(2020, 1, 1, tzinfo=UTC)
FLIGHT = 32
COUNTS = {
    "read_pk": 2000, "list": 64, "join_nested": 32, "join_flat": 32, "insert1": 128, "update_pk": 192, "bulk100": 10,
    "agg": 3, "read10k": 3,
}

# ---- the data -------------------------------------------------------------------------------------------------------
_seed = 7


def random(below):
    global _seed
    _seed = (_seed * 1664525 + 1013904223) % 2**32
    return _seed * below >> 32


def words(count):
    all = "lorem ipsum dolor sit amet elit sed tempor labore magna aliqua enim".split()
    return " ".join(all[random(len(all))] for _ in range(count))


def pick(i, below):
    return ((11 + i) * 2654435761 % 2**32) * 48271 % 2**32 % below


def ms(count):
    return dt.timedelta(milliseconds=count)


USERS = [
    {
        "id": uuid.uuid4(), "username": f"user{i}", "email": f"user{i}@example.org",
        "role": "admin" if i % 20 == 0 else "moderator" if i % 20 < 4 else "user", "level": 1 + random(6),
        "created_at": START + ms(i * 1000), "updated_at": START + ms(i * 1000),
    }
    for i in range(10_000)
]
PAGES = [
    {
        "id": uuid.uuid4(), "slug": f"page-{i}", "title": words(4), "level": 1 + random(6),
        "layout": {"cols": 1 + random(4), "blocks": [{"type": "text", "text": words(7)} for _ in range(3)]},
        "is_active": random(5) > 0, "created_at": START + ms(i * 2000), "author_id": USERS[random(10_000)]["id"],
    }
    for i in range(5_000)
]
COMMENTS = [
    {
        "id": uuid.uuid4(), "page_id": PAGES[random(5_000)]["id"], "author_id": USERS[random(10_000)]["id"],
        "body": words(8 + random(16)), "created_at": START + ms(i * 500),
    }
    for i in range(100_000)
]


def comment(i):
    return {
        "id": uuid.uuid4(), "page_id": PAGES[pick(i, 5_000)]["id"], "author_id": USERS[pick(i, 10_000)]["id"],
        "body": BODY, "created_at": OLD + ms(i),
    }


def hundred(i):
    return [comment(i * 100 + k) for k in range(100)]


# ---- dbal -----------------------------------------------------------------------------------------------------------
SCHEMA = pathlib.Path(__file__).resolve().parents[3] / "dbal/benches/overhead/schema/work.yaml"
NESTED = {
    "filter": {"is_active": True, "level": {"$lte": 3}}, "sort": {"created_at": "desc"}, "limit": 20,
    "include": {
        "author": True,
        "comments": {"sort": {"created_at": "desc"}, "limit": 5, "include": {"author": True}},
    },
}
FLAT = {
    "filter": {"is_active": True, "author": {"$is": {"role": "admin"}}}, "sort": {"created_at": "desc"}, "limit": 50,
    "include": {"author": {"select": ["username", "level"]}},
}
TOP = {"group_by": ["page_id"], "count": True, "sort": [{"count": "desc"}, {"page_id": "asc"}], "limit": 10}


def nested_sum(pages):
    return sum(
        page["level"] + page["author"]["level"] + sum(note["author"]["level"] for note in page["comments"])
        for page in pages
    )


def flat_sum(pages):
    return sum(page["level"] + page["author"]["level"] for page in pages)


#: What is asked, and the number that it comes to.
def of_dbal(db):
    users, pages, comments = db.users, db.pages, db.comments
    return {
        "read_pk": (lambda i: users.read(USERS[pick(i, 10_000)]["id"]), lambda row: row["level"]),
        "list": (
            lambda i: users.list(
                filter={"role": ROLES[pick(i, 3)], "level": {"$lte": 3}}, sort={"created_at": "desc"}, limit=20
            ),
            lambda page: page.total + sum(row["level"] for row in page),
        ),
        "join_nested": (lambda i: pages.find_many(NESTED), nested_sum),
        "join_flat": (lambda i: pages.find_many(FLAT), flat_sum),
        "insert1": (lambda i: comments.create(comment(i)), lambda row: 1),
        "update_pk": (
            lambda i: users.update(
                USERS[pick(i, 10_000)]["id"], {"level": 1 + i % 6, "updated_at": dt.datetime.now(UTC)}
            ),
            lambda row: 1,
        ),
        "bulk100": (lambda i: comments.create_many(hundred(i), returning=False), lambda done: done["count"]),
        "agg": (lambda i: comments.aggregate(TOP), lambda groups: sum(group["count"] for group in groups)),
        "read10k": (lambda i: comments.find_many(limit=10_000), len),
    }


def dbal_on(url, kind):
    cache = {"cache_kib": 65_536} if url.startswith("sqlite:") else {}
    return kind(url, schema={"text": SCHEMA.read_text()}, **cache)


# ---- by hand --------------------------------------------------------------------------------------------------------
TABLES = """
CREATE TABLE users (id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE, email TEXT NOT NULL UNIQUE, role TEXT NOT NULL, level INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE TABLE pages (id TEXT PRIMARY KEY, slug TEXT NOT NULL UNIQUE, title TEXT NOT NULL, level INTEGER NOT NULL, layout TEXT NOT NULL, is_active INTEGER NOT NULL, created_at TEXT NOT NULL, author_id TEXT NOT NULL REFERENCES users(id));
CREATE TABLE comments (id TEXT PRIMARY KEY, page_id TEXT NOT NULL REFERENCES pages(id), author_id TEXT NOT NULL REFERENCES users(id), body TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE INDEX u1 ON users(role, created_at); CREATE INDEX u2 ON users(role, level); CREATE INDEX p1 ON pages(created_at);
CREATE INDEX p2 ON pages(author_id); CREATE INDEX c1 ON comments(page_id, created_at); CREATE INDEX c2 ON comments(author_id);"""
PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA busy_timeout=5000;"
AUTHOR = "u.id AS u_id, u.username AS u_username, u.email AS u_email, u.role AS u_role, u.level AS u_level, u.created_at AS u_created_at, u.updated_at AS u_updated_at"
ONE = "SELECT id, username, email, role, level, created_at, updated_at FROM users WHERE id = ?"
SOME = "SELECT id, username, email, role, level, created_at, updated_at FROM users WHERE role = ? AND level <= 3 ORDER BY created_at DESC LIMIT 20"
TOTAL = "SELECT count(*) AS n FROM users WHERE role = ? AND level <= 3"
NEWEST = f"SELECT p.*, {AUTHOR} FROM pages p JOIN users u ON u.id = p.author_id WHERE p.is_active = 1 AND p.level <= 3 ORDER BY p.created_at DESC LIMIT 20"
NOTES = f"SELECT c.*, {AUTHOR} FROM comments c JOIN users u ON u.id = c.author_id WHERE c.page_id = ? ORDER BY c.created_at DESC LIMIT 5"
ADMINS = "SELECT p.*, u.username AS u_username, u.level AS u_level FROM pages p JOIN users u ON u.id = p.author_id WHERE p.is_active = 1 AND u.role = 'admin' ORDER BY p.created_at DESC LIMIT 50"
INSERT = "INSERT INTO comments VALUES (?,?,?,?,?)"
UPDATE = "UPDATE users SET level = ?, updated_at = ? WHERE id = ?"
GROUPS = "SELECT page_id, count(*) AS count FROM comments GROUP BY page_id ORDER BY count DESC, page_id LIMIT 10"
MANY = "SELECT id, page_id, author_id, body, created_at FROM comments ORDER BY id LIMIT 10000"


def text(at):
    return at.strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03d}"


def as_dict(cursor, row):
    return {column[0]: cell for column, cell in zip(cursor.description, row)}


def plain(c):
    return (str(c["id"]), str(c["page_id"]), str(c["author_id"]), c["body"], text(c["created_at"]))


def author(row):
    own = {name: cell for name, cell in row.items() if not name.startswith("u_")}
    own["author"] = {name[2:]: cell for name, cell in row.items() if name.startswith("u_")}
    return own


def filled(file):
    db = sqlite3.connect(file)
    db.executescript(PRAGMAS + TABLES)
    with db:
        for u in USERS:
            db.execute("INSERT INTO users VALUES (?,?,?,?,?,?,?)", (str(u["id"]), u["username"], u["email"], u["role"], u["level"], text(u["created_at"]), text(u["updated_at"])))
        for p in PAGES:
            db.execute("INSERT INTO pages VALUES (?,?,?,?,?,?,?,?)", (str(p["id"]), p["slug"], p["title"], p["level"], json.dumps(p["layout"]), p["is_active"], text(p["created_at"]), str(p["author_id"])))
        db.executemany(INSERT, map(plain, COMMENTS))
    db.close()


def by_hand(file):
    db = sqlite3.connect(file, isolation_level=None, cached_statements=128)
    db.executescript(PRAGMAS)
    db.row_factory = as_dict

    def nested(i):
        pages = [author(row) for row in db.execute(NEWEST).fetchall()]
        for page in pages:
            page["layout"] = json.loads(page["layout"])
            page["comments"] = [author(row) for row in db.execute(NOTES, (page["id"],)).fetchall()]
        return pages

    def flat(i):
        pages = [author(row) for row in db.execute(ADMINS).fetchall()]
        for page in pages:
            page["layout"] = json.loads(page["layout"])
        return pages

    def bulk(i):
        db.execute("BEGIN IMMEDIATE")
        db.executemany(INSERT, map(plain, hundred(i)))
        db.execute("COMMIT")
        return 100

    def page(i):
        role = ROLES[pick(i, 3)]
        return db.execute(TOTAL, (role,)).fetchone()["n"], db.execute(SOME, (role,)).fetchall()

    return {
        "read_pk": (lambda i: db.execute(ONE, (str(USERS[pick(i, 10_000)]["id"]),)).fetchone(), lambda row: row["level"]),
        "list": (page, lambda got: got[0] + sum(row["level"] for row in got[1])),
        "join_nested": (nested, nested_sum),
        "join_flat": (flat, flat_sum),
        "insert1": (lambda i: db.execute(INSERT, plain(comment(i))), lambda done: 1),
        "update_pk": (lambda i: db.execute(UPDATE, (1 + i % 6, text(dt.datetime.now(UTC)), str(USERS[pick(i, 10_000)]["id"]))), lambda done: 1),
        "bulk100": (bulk, lambda count: count),
        "agg": (lambda i: db.execute(GROUPS).fetchall(), lambda groups: sum(group["count"] for group in groups)),
        "read10k": (lambda i: db.execute(MANY).fetchall(), len),
    }


def psycopg_on(url):
    """By hand with psycopg, on the tables that dbal made: the same rows for both."""
    import psycopg
    from psycopg.rows import dict_row

    settings = "-c datestyle=ISO -c timezone=UTC"
    db = psycopg.connect(url, autocommit=True, row_factory=dict_row, prepare_threshold=0, options=settings)
    one = ONE.replace("?", "%s")
    newest = (
        f"SELECT p.*, {AUTHOR}, c.id AS c_id, c.page_id AS c_page_id, c.author_id AS c_author_id, c.body AS c_body, "
        "c.created_at AS c_created_at, w.id AS w_id, w.username AS w_username, w.email AS w_email, w.role AS w_role, "
        "w.level AS w_level, w.created_at AS w_created_at, w.updated_at AS w_updated_at "
        "FROM (SELECT * FROM pages WHERE is_active AND level <= 3 ORDER BY created_at DESC LIMIT 20) p "
        "JOIN users u ON u.id = p.author_id "
        "LEFT JOIN LATERAL (SELECT * FROM comments c WHERE c.page_id = p.id ORDER BY c.created_at DESC LIMIT 5) c ON true "
        "LEFT JOIN users w ON w.id = c.author_id ORDER BY p.created_at DESC, c.created_at DESC"
    )
    many = "INSERT INTO comments (id, page_id, author_id, body, created_at) SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::timestamptz[])"

    def part(row, prefix):
        return {name[2:]: cell for name, cell in row.items() if name.startswith(prefix)}

    def nested(i):
        pages = {}
        for row in db.execute(newest).fetchall():
            page = pages.get(row["id"])
            if page is None:
                page = {name: cell for name, cell in row.items() if name[:2] not in ("u_", "c_", "w_")}
                page["author"], page["comments"] = part(row, "u_"), []
                pages[row["id"]] = page
            if row["c_id"] is not None:
                page["comments"].append({**part(row, "c_"), "author": part(row, "w_")})
        return list(pages.values())

    def page(i):
        role = ROLES[pick(i, 3)]
        return db.execute(TOTAL.replace("?", "%s"), (role,)).fetchone()["n"], db.execute(SOME.replace("?", "%s"), (role,)).fetchall()

    def bulk(i):
        columns = [list(column) for column in zip(*(row.values() for row in hundred(i)))]
        with db.transaction():
            db.execute(many, columns)
        return 100

    def insert(i):
        return db.execute(INSERT.replace("?", "%s"), tuple(comment(i).values()))

    return {
        "read_pk": (lambda i: db.execute(one, (USERS[pick(i, 10_000)]["id"],)).fetchone(), lambda row: row["level"]),
        "list": (page, lambda got: got[0] + sum(row["level"] for row in got[1])),
        "join_nested": (nested, nested_sum),
        "join_flat": (lambda i: [author(row) for row in db.execute(ADMINS.replace("is_active = 1", "is_active")).fetchall()], flat_sum),
        "insert1": (insert, lambda done: 1),
        "update_pk": (lambda i: db.execute(UPDATE.replace("?", "%s"), (1 + i % 6, dt.datetime.now(UTC), USERS[pick(i, 10_000)]["id"])), lambda done: 1),
        "bulk100": (bulk, lambda count: count),
        "agg": (lambda i: db.execute(GROUPS).fetchall(), lambda groups: sum(group["count"] for group in groups)),
        "read10k": (lambda i: db.execute(MANY).fetchall(), len),
    }


async def by_aiosqlite(file):
    import aiosqlite

    db = await aiosqlite.connect(file, isolation_level=None)
    await db.executescript(PRAGMAS)
    db.row_factory = as_dict

    async def one(i):
        async with db.execute(ONE, (str(USERS[pick(i, 10_000)]["id"]),)) as cursor:
            return await cursor.fetchone()

    async def page(i):
        role = ROLES[pick(i, 3)]
        async with db.execute(TOTAL, (role,)) as cursor:
            total = (await cursor.fetchone())["n"]
        return total, await db.execute_fetchall(SOME, (role,))

    async def nested(i):
        pages = [author(row) for row in await db.execute_fetchall(NEWEST)]
        for page in pages:
            page["layout"] = json.loads(page["layout"])
            page["comments"] = [author(row) for row in await db.execute_fetchall(NOTES, (page["id"],))]
        return pages

    async def flat(i):
        pages = [author(row) for row in await db.execute_fetchall(ADMINS)]
        for page in pages:
            page["layout"] = json.loads(page["layout"])
        return pages

    async def update(i):
        given = (1 + i % 6, text(dt.datetime.now(UTC)), str(USERS[pick(i, 10_000)]["id"]))
        async with db.execute(UPDATE, given) as cursor:
            return cursor

    # A transaction is the connection's: one at a time.
    alone = asyncio.Lock()

    async def bulk(i):
        async with alone:
            await db.execute("BEGIN IMMEDIATE")
            await db.executemany(INSERT, map(plain, hundred(i)))
            await db.execute("COMMIT")
        return 100

    return db, {
        "read_pk": (one, lambda row: row["level"]),
        "list": (page, lambda got: got[0] + sum(row["level"] for row in got[1])),
        "join_nested": (nested, nested_sum),
        "join_flat": (flat, flat_sum),
        "insert1": (lambda i: db.execute_insert(INSERT, plain(comment(i))), lambda done: 1),
        "update_pk": (update, lambda done: 1),
        "bulk100": (bulk, lambda count: count),
        "agg": (lambda i: db.execute_fetchall(GROUPS), lambda groups: sum(group["count"] for group in groups)),
        "read10k": (lambda i: db.execute_fetchall(MANY), lambda rows: len(list(rows))),
    }


# ---- the rounds -----------------------------------------------------------------------------------------------------
def loaded(db):
    db.migrate()
    db.users.create_many(USERS, returning=False)
    db.pages.create_many(PAGES, returning=False)
    for begin in range(0, len(COMMENTS), 50_000):
        db.comments.create_many(COMMENTS[begin : begin + 50_000], returning=False)


async def main(folder):
    with dbal_on(f"sqlite:{folder / 'dbal.db'}", dbal.Client) as first:
        loaded(first)
    shutil.copy(folder / "dbal.db", folder / "dbal-32.db")
    filled(folder / "raw.db")
    shutil.copy(folder / "raw.db", folder / "aio.db")
    contestants = {
        "sqlite3": (1, by_hand(folder / "raw.db")),
        "dbal": (1, of_dbal(dbal_on(f"sqlite:{folder / 'dbal.db'}", dbal.Client))),
        "dbal@32": (FLIGHT, of_dbal(dbal_on(f"sqlite:{folder / 'dbal-32.db'}", dbal.AsyncClient))),
    }
    closing = None
    try:
        closing, able = await by_aiosqlite(folder / "aio.db")
        contestants["aiosqlite@32"] = (FLIGHT, able)
    except ImportError:
        print("aiosqlite is not installed: left out")
    print(f"SQLite {sqlite3.sqlite_version} of the standard library; {said()}")
    await rounds(contestants, [("dbal", "sqlite3"), ("dbal@32", "aiosqlite@32")])
    if closing:
        await closing.close()


async def on_a_server(url):
    with dbal_on(url, dbal.Client) as db:
        db.migrate()
        db.reset(confirm=True)
        loaded(db)
        contestants = {"psycopg": (1, psycopg_on(url)), "dbal": (1, of_dbal(db))}
        print(f"PostgreSQL; {said()}")
        await rounds(contestants, [("dbal", "psycopg")])
        db.reset(confirm=True)


def said():
    return f"Python {sys.version.split()[0]}, {ROUNDS} rounds, load {os.getloadavg()[0]:.1f}"


async def rounds(contestants, pairs):
    for operation, count in COUNTS.items():
        if sys.argv[2:] and operation not in sys.argv[2:]:
            continue
        times = {name: [] for name, (_, able) in contestants.items() if operation in able}
        call = 0
        for round in range(-2, ROUNDS):
            sums = {}
            for name in times:
                flight, able = contestants[name]
                ask, read = able[operation]
                total = 0
                began = time.perf_counter()
                if flight == 1:
                    for i in range(call, call + count):
                        total += read(ask(i))
                else:
                    for i in range(call, call + count, flight):
                        asked = [ask(k) for k in range(i, min(i + flight, call + count))]
                        if inspect.isawaitable(asked[0]):
                            asked = await asyncio.gather(*asked)
                        total += sum(map(read, asked))
                if round >= 0:
                    times[name].append((time.perf_counter() - began) / count * 1e6)
                sums[name] = total
            assert len(set(sums.values())) == 1, (operation, sums)
            call += count
        middle = {name: statistics.median(all) for name, all in times.items()}
        told = [
            f"{one} {middle[one]:9.1f} us, {other} {middle[other]:9.1f} us: {middle[one] / middle[other]:5.2f}"
            for one, other in pairs
            if one in middle and other in middle
        ]
        print(f"{operation:12} {'   '.join(told)}", flush=True)


where = os.environ.get("DBAL_BENCH_POSTGRES")
if where:
    asyncio.run(on_a_server(where))
else:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(pathlib.Path(folder)))
