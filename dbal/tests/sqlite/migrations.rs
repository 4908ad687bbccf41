//! Tables that are made anew: what has to come along.

use dbal::adapter::sqlite::{SqliteAdapter, SqliteOptions};
use dbal::adapter::{Adapter, Intent};
use dbal::migrate::Options;
use dbal::value::json;
use dbal::{Client, Config, ErrorKind, Reason, query, value};

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    fn open(&self, schema: &str) -> Client {
        Client::open(Config::sqlite(self.folder.path().join("a.db")).schema_text(schema)).unwrap()
    }

    /// Brings the database to a schema; everything may be lost that is named.
    fn to(&self, schema: &str, drop: &[&str]) -> Client {
        let client = self.open(schema);
        let drop = drop.iter().map(|name| (*name).to_owned()).collect();
        client.migrations().unwrap().apply(&Options { drop, ..Options::default() }).unwrap();
        client
    }

    /// SQL of somebody else.
    fn execute(&self, client: &Client, text: &str) {
        let options = SqliteOptions::file(self.folder.path().join("a.db"));
        let adapter = SqliteAdapter::open(client.schema().clone(), options).unwrap();
        adapter.connect(Intent::Write, None).unwrap().execute_ddl(text).unwrap();
    }

    fn names(&self, client: &Client, table: &str) -> Vec<String> {
        let options = SqliteOptions::file(self.folder.path().join("a.db"));
        let adapter = SqliteAdapter::open(client.schema().clone(), options).unwrap();
        let found = adapter.connect(Intent::Read, None).unwrap().inspect().unwrap();
        let table = found.tables.into_iter().find(|known| known.name == table).unwrap();
        table.attached.into_iter().map(|(name, _)| name).collect()
    }
}

const PARENTS: &str = "
entity: Parent
fields:
  id: { type: integer, primary: true, generated: true }
  name: { type: string }
  age: { type: integer }
---
entity: Child
fields:
  id: { type: integer, primary: true }
  parent_id: { type: integer, foreign_key: { entity: Parent, field: id, on_delete: cascade } }
";

#[test]
fn children_stay_when_their_parents_are_made_anew() {
    let place = Place::new();
    let client = place.to(PARENTS, &[]);
    for id in 1..=3 {
        client.entity("Parent").unwrap().create(value!({ "name": (format!("p{id}")) })).unwrap();
        client.entity("Child").unwrap().create(value!({ "id": id, "parent_id": id })).unwrap();
    }
    client.entity("Parent").unwrap().delete(3).unwrap();
    let client = place.to(&PARENTS.replace("  age: { type: integer }\n", ""), &["Parent.age"]);
    assert_eq!(client.entity("Parent").unwrap().count(query()).unwrap(), 2);
    assert_eq!(client.entity("Child").unwrap().count(query()).unwrap(), 2);
    // References hold again, on the connection that migrated as well, and no number comes back.
    let error = client.entity("Child").unwrap().create(value!({ "id": 9, "parent_id": 9 })).unwrap_err();
    assert_eq!(error.reason(), Some(Reason::ForeignKey));
    let next = client.entity("Parent").unwrap().create(value!({ "name": "next" })).unwrap();
    assert_eq!(next.get("id").unwrap().as_i64(), Some(4));
    client.entity("Parent").unwrap().delete(1).unwrap();
    assert_eq!(client.entity("Child").unwrap().count(query()).unwrap(), 1);
}

#[test]
fn what_somebody_else_hung_on_a_table_stays_there() {
    let place = Place::new();
    let client = place.to(PARENTS, &[]);
    place.execute(&client, "CREATE TABLE log (n INTEGER); CREATE INDEX mine ON parents (age)");
    place.execute(&client, "CREATE TRIGGER told AFTER INSERT ON parents BEGIN INSERT INTO log VALUES (new.id); END");
    let required = PARENTS.replace("name: { type: string }", "name: { type: string, required: true, backfill: x }");
    let client = place.to(&required, &[]);
    assert_eq!(place.names(&client, "parents"), ["mine", "told"]);
    // A trigger may name what goes: somebody has to look.
    let dropped = place.open(&required.replace("  age: { type: integer }\n", ""));
    let options = Options { drop: vec!["Parent.age".into()], ..Options::default() };
    let error = dropped.migrations().unwrap().apply(&options).unwrap_err();
    assert!(error.message().contains("triggers or indexes that nothing declares"), "{error:?}");
}

#[test]
fn columns_that_nothing_declares_are_not_lost() {
    let place = Place::new();
    let client = place.to(PARENTS, &[]);
    place.execute(&client, "ALTER TABLE parents ADD COLUMN secret TEXT");
    let less = place.open(&PARENTS.replace("  age: { type: integer }\n", ""));
    let options = Options { drop: vec!["Parent.age".into()], ..Options::default() };
    let error = less.migrations().unwrap().apply(&options).unwrap_err();
    assert!(error.message().contains("columns that nothing declares (secret)"), "{error:?}");
}

#[test]
fn two_columns_change_places() {
    let place = Place::new();
    let schema = |first: &str, second: &str| {
        format!(
            "entity: T\nfields:\n  id: {{ type: integer, primary: true }}\n  a: {{ type: string, column: {first} }}\n  b: {{ \
             type: string, column: {second} }}\n"
        )
    };
    let client = place.to(&schema("x", "y"), &[]);
    client.entity("T").unwrap().create(value!({ "id": 1, "a": "one", "b": "two" })).unwrap();
    let client = place.to(&schema("y", "x"), &[]);
    let row = client.entity("T").unwrap().read(1).unwrap();
    assert_eq!((row.get("a").unwrap().as_str(), row.get("b").unwrap().as_str()), (Some("one"), Some("two")));
}

#[test]
fn a_name_is_taken_over_from_a_field_that_goes() {
    let place = Place::new();
    let before =
        "entity: T\nfields:\n  id: { type: integer, primary: true }\n  a: { type: string }\n  b: { type: string }\n";
    let client = place.to(before, &[]);
    client.entity("T").unwrap().create(value!({ "id": 1, "a": "one", "b": "two" })).unwrap();
    let after = "entity: T\nfields:\n  id: { type: integer, primary: true }\n  c: { type: string, column: b, renamed_from: a }\n";
    let client = place.to(after, &["T.b"]);
    assert_eq!(client.entity("T").unwrap().read(1).unwrap().get("c").unwrap().as_str(), Some("one"));
}

#[test]
fn a_backfill_comes_from_another_field_also_when_that_one_goes() {
    let place = Place::new();
    let before = "entity: T\nfields:\n  id: { type: integer, primary: true }\n  a: { type: integer }\n";
    let client = place.to(before, &[]);
    client.entity("T").unwrap().create(value!({ "id": 1, "a": 7 })).unwrap();
    let after = "entity: T\nfields:\n  id: { type: integer, primary: true }\n  b: { type: decimal, scale: 2, required: true, backfill: { from: a } }\n";
    let client = place.to(after, &["T.a"]);
    let row = client.entity("T").unwrap().read(1).unwrap();
    assert_eq!(json::to_wire(row.get("b").unwrap()), "\"7.00\"");
}

#[test]
fn a_rollback_that_dies_leaves_all_as_it_was() {
    let place = Place::new();
    let client = place.to(PARENTS, &[]);
    client.entity("Parent").unwrap().create(value!({ "name": null })).unwrap();
    let required = place.open(&PARENTS.replace("age: { type: integer }", "age: { type: integer, required: true }"));
    let error = required.migrations().unwrap().apply(&Options::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ValidationError);
    assert_eq!(required.migrations().unwrap().survey().unwrap().entries.len(), 2);
    let bound = required.as_principal(dbal::Principal::new("x", "god"));
    assert_eq!(bound.migrations().unwrap_err().kind(), ErrorKind::Forbidden);
}
