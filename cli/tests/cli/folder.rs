//! A folder with a schema and a database, and the command run in it.

use std::path::Path;
use std::process::{Command, Output};

/// Authors and their books: a sequence, a bigint, a decimal, json, and rules of their own.
pub const SCHEMA: &str = "
entity: Author
fields:
  id: { type: integer, primary: true, generated: true }
  name: { type: string, required: true, unique: true, min_length: 2 }
  born: { type: date }
acl:
  read: { public: true }
  create: { role: [editor] }
---
entity: Book
fields:
  id: { type: uuid, primary: true, generated: true }
  author_id: { type: integer, required: true, foreign_key: { entity: Author, field: id } }
  title: { type: string, required: true }
  price: { type: decimal, precision: 8, scale: 2 }
  copies: { type: bigint, default: 0 }
  rating: { type: float }
  in_print: { type: boolean }
  tags: { type: json }
acl:
  read: { role: [editor] }
";

/// Rows that fit [`SCHEMA`].
pub const SEED: &str = "
Author:
  ursula: { name: Ursula, born: 1929-10-21 }
  bruno: { name: \"Bruno, 东京\" }
books:
  - { author_id: { $ref: ursula }, title: The Dispossessed, price: 10.10, copies: 9007199254740993, rating: 4.5, tags: [a] }
  - { author_id: { $ref: ursula }, title: Gifts, price: 7, in_print: false }
";

pub struct Folder {
    folder: tempfile::TempDir,
}

/// What a run said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Folder {
    /// Holds the schema, and no database.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Folder { folder };
        std::fs::create_dir(made.path().join("schema")).unwrap();
        made.write("schema/library.yaml", SCHEMA);
        made
    }

    /// Holds the tables as well.
    pub fn migrated() -> Self {
        let folder = Folder::new();
        folder.ok(&["migrate"]);
        folder
    }

    /// Holds the rows of [`SEED`] as well.
    pub fn seeded() -> Self {
        let folder = Folder::migrated();
        folder.write("seed.yaml", SEED);
        folder.ok(&["seed", "seed.yaml"]);
        folder
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    pub fn run(&self, arguments: &[&str]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_dbal"))
            .args(arguments)
            .current_dir(self.path())
            .env("DATABASE_URL", "sqlite:app.db")
            .env("DBAL_SCHEMA", "schema")
            .env_remove("COLUMNS")
            .output()
            .unwrap();
        Said::of(output)
    }

    /// A run that succeeds, and what it wrote.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
        said.out
    }

    /// A run that fails with this exit code, and what it complained.
    pub fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.code, code, "{arguments:?}: {said:?}");
        assert!(!said.err.contains("panicked"), "{}", said.err);
        said.err
    }
}

impl Said {
    fn of(output: Output) -> Said {
        Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
