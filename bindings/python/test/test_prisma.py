"""A database that Prisma made, opened by its schema.prisma alone."""

import pathlib
import sqlite3
import tempfile
import unittest

import dbal

SCHEMA = """
datasource db {
  provider = "sqlite"
  url      = "file:./dev.db"
}
model User {
  id    Int      @id @default(autoincrement())
  email String   @unique @map("e_mail")
  at    DateTime @default(now())
  posts Post[]
}
model Post {
  id       Int    @id @default(autoincrement())
  title    String
  author   User?  @relation(fields: [authorId], references: [id])
  authorId Int?
}
"""

# As `prisma migrate` spells it.
TABLES = """
CREATE TABLE "User" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "e_mail" TEXT NOT NULL,
  "at" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE UNIQUE INDEX "User_e_mail_key" ON "User"("e_mail");
CREATE TABLE "Post" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "title" TEXT NOT NULL,
  "authorId" INTEGER, CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User" ("id")
  ON DELETE SET NULL ON UPDATE CASCADE);
INSERT INTO "User" VALUES (1, 'ada@example.org', '2024-01-31T12:00:00.000+00:00');
"""


class Prisma(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.schema = self.folder / "schema.prisma"
        self.schema.write_text(SCHEMA)
        self.url = f"file:{self.folder / 'dev.db'}"

    async def test_its_rows_are_read_and_written_as_it_does(self):
        tables = sqlite3.connect(self.folder / "dev.db")
        self.addCleanup(tables.close)
        tables.executescript(TABLES)
        with dbal.Client(self.url, adapter="prisma", schema=self.schema) as db:
            self.assertEqual(db.migrate(), [])
            ada = db.users.read(1)
            self.assertEqual((ada["email"], ada["at"].isoformat()), ("ada@example.org", "2024-01-31T12:00:00+00:00"))
            bob = db.users.create(email="bob@example.org", at="1969-12-31T23:59:59.999Z")
            db.posts.create(title="one", authorId=bob["id"])
        async with dbal.AsyncClient(self.url, adapter="prisma", schema=self.schema) as db:
            rows = await db.users.find_many(filter={"email": "bob@example.org"}, include={"posts": True})
            self.assertEqual([post["title"] for post in rows[0]["posts"]], ["one"])
        written = tables.execute('SELECT "e_mail", "at" FROM "User" WHERE id = 2').fetchone()
        self.assertEqual(written, ("bob@example.org", "1969-12-31T23:59:59.999+00:00"))

    def test_what_does_not_fit_the_adapter_is_refused_by_name(self):
        for options, fields in [
            ({"adapter": "prisma", "url": "mongodb://localhost/x", "timeout": "soon"}, ["adapter", "timeout"]),
            ({"adapter": "prism"}, ["adapter"]),
            ({"adapter": 5}, ["adapter"]),
            ({"adapter": "postgres"}, ["adapter"]),
        ]:
            with self.subTest(options=options), self.assertRaises(dbal.ValidationError) as caught:
                dbal.Client(options.pop("url", self.url), schema=self.schema, **options)
            self.assertEqual([fault.field for fault in caught.exception.fields], fields)
        self.schema.write_text("model User {\n  id Intt @id\n  b  Strin\n}\n")
        with self.assertRaises(dbal.ValidationError) as caught:
            dbal.Client(self.url, adapter="prisma", schema=self.schema)
        at = [fault.field for fault in caught.exception.fields]
        self.assertEqual(at, [f"{self.schema}:2:3", f"{self.schema}:3:3"])
