//! Two moves at the same moment never put two rows below each other, also where transactions may overlook what another
//! one writes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::sync::{Arc, Barrier};

use dbal::adapter::postgres::PostgresAdapter;
use dbal::{Client, Config, Error, Record, Value, query, value};
use dbal_conformance::mongodb::Made;
use dbal_conformance::servers::{MONGODB_URL, POSTGRES_URL};

const SCHEMA: &str = "
entity: Branch
fields:
  id: { type: integer, primary: true }
  parent_id: { type: integer, foreign_key: { entity: Branch } }
  order: { type: integer, default: 0 }
operations:
  move:
    input: { required: [id, new_parent_id, order] }
    output: Branch
    hierarchical: true
    public: true
";

/// How often two moves meet on each backend.
const ROUNDS: usize = 40;

/// The parent of each row that has one.
fn parents(rows: &[Record]) -> std::collections::HashMap<i64, i64> {
    let number = |row: &Record, field: &str| row.get(field).and_then(Value::as_i64);
    rows.iter().filter_map(|row| Some((number(row, "id")?, number(row, "parent_id")?))).collect()
}

/// Four rows, 3 below 1 and 4 below 2; one move puts 1 below 4, the other 2 below 3. Each is fine by itself, and the
/// two together would be a circle of all four.
fn race(client: &Client) {
    client.migrate().unwrap();
    let branches = client.entity("Branch").unwrap();
    for (id, parent) in [(1, None), (2, None), (3, Some(1)), (4, Some(2))] {
        let parent = parent.map_or(Value::Null, Value::Int);
        branches.create(value!({ "id": id, "parent_id": parent })).unwrap();
    }
    let mut moved = [0, 0];
    for _ in 0..ROUNDS {
        for id in [1, 2] {
            branches.update(id, value!({ "parent_id": null })).unwrap();
        }
        let start = Barrier::new(2);
        let meet = |id: i64, under: i64| -> Result<(), Error> {
            start.wait();
            client.call("Branch.move", value!({ "id": id, "new_parent_id": under, "order": 0 })).map(drop)
        };
        let done = std::thread::scope(|scope| {
            let one = scope.spawn(|| meet(1, 4));
            let two = scope.spawn(|| meet(2, 3));
            [one.join().unwrap(), two.join().unwrap()]
        });
        let parents = parents(&branches.find_many(query()).unwrap());
        for start in 1..=4 {
            let (mut at, mut steps) = (start, 0);
            while let Some(parent) = parents.get(&at) {
                (at, steps) = (*parent, steps + 1);
                assert!(steps < 4, "{start} stands below itself: {parents:?}, {done:?}");
            }
        }
        for (position, done) in done.iter().enumerate() {
            match done {
                Ok(()) => moved[position] += 1,
                Err(error) => assert_eq!(error.code(), "VALIDATION_ERROR", "{error}"),
            }
        }
        assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1, "one of them comes first: {done:?}");
    }
    eprintln!("{moved:?} moves came first");
}

#[test]
fn in_memory() {
    race(&Client::open(Config::memory().schema_text(SCHEMA)).unwrap());
}

#[test]
fn on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    race(&Client::open(Config::sqlite(folder.path().join("app.db")).schema_text(SCHEMA)).unwrap());
}

#[test]
fn on_postgres() {
    let Some(url) = std::env::var(POSTGRES_URL).ok().filter(|url| !url.is_empty()) else {
        return eprintln!("LEFT OUT: {POSTGRES_URL} is not set; see cargo xtask servers");
    };
    let schema = Client::open(Config::memory().schema_text(SCHEMA)).unwrap().schema().clone();
    let name = format!("dbal_moves_{}", std::process::id());
    let adapter = PostgresAdapter::open(schema.clone(), &format!("{url}?schema={name}&pool_size=8")).unwrap();
    let client = Client::open(Config::adapter(Arc::new(adapter)).schema(schema)).unwrap();
    race(&client);
}

#[test]
fn on_mongodb() {
    if std::env::var_os(MONGODB_URL).is_none_or(|url| url.is_empty()) {
        return eprintln!("LEFT OUT: {MONGODB_URL} is not set; see cargo xtask servers");
    }
    let schema = Client::open(Config::memory().schema_text(SCHEMA)).unwrap().schema().clone();
    let made = Made::new(schema.clone()).unwrap();
    race(&Client::open(Config::adapter(made.adapter()).schema(schema)).unwrap());
}
