//! Requests that write many rows, where a case cannot look: at once from several threads, and many rows.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use dbal::{Client, Config, ErrorKind, Operation, Request, Value, query, value};

const SCHEMA: &str = "
entity: Tally
fields:
  id: { type: integer, primary: true }
  name: { type: string, required: true, unique: true }
  hits: { type: integer, default: 1 }
  rank: { type: integer, unique: true }
";

/// Memory, and a SQLite file.
fn clients(folder: &tempfile::TempDir) -> Vec<Client> {
    let file = folder.path().join("tallies.db");
    let configs = [Config::memory(), Config::sqlite(&file)];
    let open = |config: Config| {
        let client = Client::open(config.schema_text(SCHEMA)).unwrap();
        client.migrate().unwrap();
        client
    };
    configs.into_iter().map(open).collect()
}

#[test]
fn upserts_at_once_never_fail_and_never_make_two_rows() {
    const THREADS: i64 = 8;
    const TIMES: i64 = 25;
    let folder = tempfile::TempDir::new().unwrap();
    for client in clients(&folder) {
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let client = client.clone();
                scope.spawn(move || {
                    for time in 0..TIMES {
                        let create = value!({ "id": (thread * TIMES + time) });
                        let update = value!({ "hits": { "$increment": 1 } });
                        client.entity("Tally").unwrap().upsert(value!({ "name": "one" }), create, update).unwrap();
                    }
                });
            }
        });
        let rows = client.entity("Tally").unwrap().find_many(query()).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].get("hits"), Some(&Value::Int(THREADS * TIMES)));
    }
}

#[test]
fn ten_thousand_rows_share_one_plan_and_are_all_or_none() {
    let folder = tempfile::TempDir::new().unwrap();
    for client in clients(&folder) {
        let tallies = client.entity("Tally").unwrap();
        let row = |id: i64| value!({ "id": (id), "name": (format!("n{id}")) });
        assert_eq!(tallies.insert_many((0..10_000).map(row)).unwrap(), 10_000);
        let error = tallies.insert_many((10_000..20_000).chain([5]).map(row)).unwrap_err();
        assert_eq!((error.kind(), error.fields()[0].index), (ErrorKind::Conflict, Some(10_000)));
        assert_eq!(tallies.count(query()).unwrap(), 10_000);
        assert_eq!(tallies.update_many(value!({ "id": { "$lt": 10 } }), value!({ "hits": 7 })).unwrap(), 10);
        assert_eq!(tallies.delete_all().unwrap(), 10_000);

        let rows = Value::List((0..50).map(row).collect());
        let request = Request::new(Operation::CreateMany, "Tally").arg("data", rows);
        let explained = client.explain(&request, None).unwrap();
        assert_eq!((explained.steps.len(), explained.atomic), (1, true));
    }
}

#[test]
fn a_unique_field_is_not_raised_in_many_rows_at_once() {
    let folder = tempfile::TempDir::new().unwrap();
    for client in clients(&folder) {
        let tallies = client.entity("Tally").unwrap();
        let error = tallies.update_all(value!({ "rank": { "$increment": 1 } })).unwrap_err();
        assert_eq!((error.kind(), error.fields()[0].field.as_str()), (ErrorKind::ValidationError, "rank"));
    }
}
