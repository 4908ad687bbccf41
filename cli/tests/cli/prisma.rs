use dbal::adapter::sqlite::{SqliteAdapter, SqliteOptions};
use dbal::adapter::{Adapter as _, Intent};
use dbal::{Client, Config};

use crate::folder::Folder;

const SCHEMA: &str = r#"
generator client { 
  provider = "prisma-client-js"
}
datasource db {
  provider = "sqlite"
  url      = "file:./dev.db"
}

enum Role {
  USER
  ADMIN @map("boss")
}

/// Somebody.
model User {
  id       Int     @id @default(autoincrement())
  email    String  @unique
  name     String? @map("full name")
  role     Role    @default(ADMIN)
  posts    Post[]
  friends  User[]  @relation("Friends")
  friendOf User[]  @relation("Friends")
}

model Post {
  id       String   @id @default(cuid())
  at       DateTime @default(now())
  author   User?    @relation(fields: [authorId], references: [id])
  authorId Int?
  tags     Tag[]
  words    String[] // left out
  @@index([at, authorId])
  @@map("posts")
}

model Tag {
  label String @id
  posts Post[]
}

model Seat {
  row    Int
  number Int
  taken  Boolean @default(false)
  @@id([row, number])
}
"#;

/// The tables as Prisma makes them of it.
const TABLES: &[&str] = &[
    r#"CREATE TABLE "User" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "email" TEXT NOT NULL, "full name" TEXT, "role" TEXT NOT NULL DEFAULT 'boss')"#,
    r#"CREATE TABLE "posts" ("id" TEXT NOT NULL PRIMARY KEY, "at" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, "authorId" INTEGER, CONSTRAINT "posts_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User" ("id") ON DELETE SET NULL ON UPDATE CASCADE)"#,
    r#"CREATE TABLE "Tag" ("label" TEXT NOT NULL PRIMARY KEY)"#,
    r#"CREATE TABLE "Seat" ("row" INTEGER NOT NULL, "number" INTEGER NOT NULL, "taken" BOOLEAN NOT NULL DEFAULT false, PRIMARY KEY ("row", "number"))"#,
    r#"CREATE TABLE "_PostToTag" ("A" TEXT NOT NULL, "B" TEXT NOT NULL, CONSTRAINT "_PostToTag_A_fkey" FOREIGN KEY ("A") REFERENCES "posts" ("id") ON DELETE CASCADE ON UPDATE CASCADE, CONSTRAINT "_PostToTag_B_fkey" FOREIGN KEY ("B") REFERENCES "Tag" ("label") ON DELETE CASCADE ON UPDATE CASCADE)"#,
    r#"CREATE TABLE "_Friends" ("A" INTEGER NOT NULL, "B" INTEGER NOT NULL)"#,
    r#"CREATE UNIQUE INDEX "User_email_key" ON "User"("email")"#,
    r#"CREATE UNIQUE INDEX "_PostToTag_AB_unique" ON "_PostToTag"("A", "B")"#,
    r#"INSERT INTO "posts" VALUES ('p1', '2024-01-31T12:00:00.000+00:00', NULL), ('p2', '2024-01-31 12:00:00', NULL)"#,
    r#"INSERT INTO "Tag" VALUES ('new')"#,
    r#"INSERT INTO "_PostToTag" VALUES ('p1', 'new')"#,
];

#[test]
fn a_prisma_schema_becomes_entity_files_that_open_its_database() {
    let folder = Folder::new();
    folder.write("schema.prisma", SCHEMA);
    let said = folder.run(&["import", "prisma", "schema.prisma", "--out", "entities"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("schema.prisma:32:3: warning: Post.words is a list of scalars"), "{}", said.err);
    assert!(said.err.contains("dbal shows boss, as it is stored, where Prisma shows ADMIN"), "{}", said.err);
    assert!(folder.ok(&["check", "entities"]).ends_with("0 warnings\n"));
    // Nothing is written over.
    assert_eq!(folder.run(&["import", "prisma", "schema.prisma", "--out", "entities"]).code, 2);

    let none = Client::open(Config::memory().schema_text(crate::folder::SCHEMA)).unwrap().schema().clone();
    let database = SqliteAdapter::open(none, SqliteOptions::file(folder.path().join("dev.db"))).unwrap();
    let mut database = database.connect(Intent::Write, None).unwrap();
    for statement in TABLES {
        database.execute_ddl(statement).unwrap();
    }
    let with = |arguments: &[&str]| {
        let place = ["--adapter", "prisma", "--url", "file:./dev.db", "--schema", "entities"];
        folder.ok(&[arguments, &place].concat())
    };
    let found = with(&[
        "query",
        "Post",
        "--filter",
        r#"{"at": "2024-01-31T12:00:00Z"}"#,
        "--include",
        "tags",
        "--format",
        "json",
    ]);
    assert!(found.contains(r#""tags":[{"label":"new"}]"#) && found.contains("\"p2\""), "{found}");
    with(&["create", "User", r#"{"email": "ada@example.org", "name": "Ada"}"#]);
    with(&["create", "Seat", r#"{"row": 1, "number": 2}"#]);
    with(&["create", "_PostToTag", r#"{"A": "p2", "B": "new"}"#]);
    let mut ask = |text: &str| format!("{:?}", database.ask(text).unwrap());
    let row = ask(r#"SELECT "full name" AS name, role FROM "User""#);
    assert!(row.contains("Ada") && row.contains("boss"), "{row}");
    // Nothing is missing, and nothing is ever changed.
    let tables = "SELECT name, sql FROM sqlite_schema ORDER BY name";
    let before = ask(tables);
    with(&["migrate"]);
    assert_eq!(ask(tables), before);
}

#[test]
fn all_faults_of_a_prisma_schema_come_at_once() {
    let folder = Folder::new();
    let bad =
        "model A {\n  id Int @id\n  b  Bee\n  c  C\n  x  Int @default(\n}\nmodel C {\n  name String\n}\nmodul D {\n}\n";
    folder.write("bad.prisma", bad);
    let said = folder.run(&["import", "prisma", "bad.prisma", "--out", "entities"]);
    assert_eq!(said.code, 1);
    for fault in [
        "bad.prisma:3: column 3: A.b: there is no type, model or enum Bee",
        "bad.prisma:4: column 3: A.c: C has no field that leads back to A",
        "bad.prisma:7: column 7: C has no @id, @@id, @unique or @@unique",
        "bad.prisma:10: column 1: there is no block modul",
    ] {
        assert!(said.err.contains(fault), "{fault}\n{}", said.err);
    }
    assert!(!folder.path().join("entities").exists());
}

#[test]
fn what_is_exported_comes_back_by_import() {
    let folder = Folder::new();
    folder.write("schema.prisma", SCHEMA);
    folder.ok(&["import", "prisma", "schema.prisma", "--out", "one"]);
    folder.ok(&["export", "prisma", "--schema", "one", "--out", "again.prisma"]);
    folder.ok(&["import", "prisma", "again.prisma", "--out", "two"]);
    folder.ok(&["export", "prisma", "--schema", "two", "--out", "last.prisma"]);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("again.prisma"), read("last.prisma"));
    assert!(read("last.prisma").contains(r#"@relation("Friends")"#));
}
