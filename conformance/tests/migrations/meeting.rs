//! Migrations that meet, that are refused, and that somebody tampered with.

use std::time::Duration;

use dbal::adapter::Intent;
use dbal::client::TransactionOptions;
use dbal::migrate::{Options, Step};
use dbal::{Client, Config, ErrorKind, query, value};

use crate::places::{Place, mongodb, postgres, sqlite};

const FIRST: &str = "
entity: Note
fields:
  id: { type: integer, primary: true }
  text: { type: string }
  kind: { type: string }
";

fn open(place: &Place, schema: &str) -> Client {
    Client::open(Config::url(&place.url).schema_text(schema)).unwrap()
}

fn everywhere(name: &str, test: impl Fn(&Place)) {
    for place in [sqlite(), postgres(name), mongodb(name)].into_iter().flatten() {
        test(&place);
    }
}

#[test]
fn of_two_at_once_one_migrates() {
    everywhere("two", |place| {
        let ran: Vec<bool> = std::thread::scope(|scope| {
            let each = (0..4).map(|_| {
                scope.spawn(|| {
                    let client = open(place, FIRST);
                    client.migrations().unwrap().apply(&Options::default()).unwrap().is_some()
                })
            });
            let threads: Vec<_> = each.collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(ran.iter().filter(|ran| **ran).count(), 1, "{}: {ran:?}", place.url);
    });
}

/// A program holds the second table and waits for the first, while the migration holds the first and waits for the
/// second.
#[test]
fn a_migration_that_loses_to_a_program_is_begun_again() {
    let tables = |more: &str| {
        let table = |name| format!("---\nentity: {name}\nfields:\n  id: {{ type: integer, primary: true }}\n{more}");
        format!("{}{}", table("Apple"), table("Berry"))
    };
    everywhere("loses", |place| {
        let client = open(place, &tables(""));
        client.migrations().unwrap().apply(&Options::default()).unwrap();
        let (holds, held) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let program = scope.spawn(|| {
                let options = TransactionOptions { retries: 0, ..TransactionOptions::default() };
                client.transaction_with(options, |tx| {
                    tx.entity("Berry")?.count(query())?;
                    let _ = holds.send(());
                    std::thread::sleep(Duration::from_millis(400));
                    tx.entity("Apple")?.count(query())
                })
            });
            held.recv().unwrap();
            let next = open(place, &tables("  text: { type: string }\n"));
            assert!(next.migrations().unwrap().apply(&Options::default()).unwrap().is_some(), "{}", place.url);
            assert_eq!(program.join().unwrap().unwrap(), 0, "{}", place.url);
        });
    });
}

#[test]
fn what_stands_against_it_comes_at_once_and_nothing_is_changed() {
    everywhere("refused", |place| {
        let client = open(place, FIRST);
        client.migrations().unwrap().apply(&Options::default()).unwrap();
        let notes = client.entity("Note").unwrap();
        notes.create(value!({ "id": 1, "text": "a", "kind": "good" })).unwrap();
        notes.create(value!({ "id": 2, "text": "a", "kind": "odd" })).unwrap();
        notes.create(value!({ "id": 3, "kind": "good" })).unwrap();
        let next = "
entity: Note
fields:
  id: { type: integer, primary: true }
  text: { type: string, required: true, unique: true }
  kind: { type: enum, values: [good, bad] }
  stars: { type: integer, required: true }
";
        let next = open(place, next);
        let migrations = next.migrations().unwrap();
        let plan = migrations.plan(&Options::default()).unwrap();
        let said: Vec<&str> = plan.faults.iter().map(|fault| fault.message.as_str()).collect();
        let expected = [
            "Note.text is null in rows that exist: give it a default or a backfill (1)",
            "Note.kind holds values that are no words of it (good, bad) (1)",
            "Note.stars is new and never null, and the rows that exist have no value for it: give it a default or a \
             backfill (3)",
            "Note: rows that exist share the same text, which is to be unique (1)",
        ];
        for fault in expected {
            assert!(said.contains(&fault), "{}: {fault} is not in {said:#?}", place.url);
        }
        let error = migrations.apply(&Options::default()).unwrap_err();
        assert_eq!((error.kind(), error.fields()), (ErrorKind::ValidationError, &plan.faults[..]), "{}", place.url);
        assert_eq!(client.migrations().unwrap().survey().unwrap().entries.len(), 2, "{}", place.url);
        assert_eq!(notes.count(query()).unwrap(), 3);
    });
}

#[test]
fn what_would_be_lost_has_to_be_named() {
    everywhere("lost", |place| {
        open(place, FIRST).migrations().unwrap().apply(&Options::default()).unwrap();
        let less =
            open(place, "entity: Note\nfields:\n  id: { type: integer, primary: true }\n  text: { type: string }\n");
        let migrations = less.migrations().unwrap();
        let error = migrations.apply(&Options::default()).unwrap_err();
        assert_eq!(error.fields().iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), ["Note.kind"]);
        let named = Options { drop: vec!["Note.kind".into()], ..Options::default() };
        // What is said to run is what runs.
        let planned = migrations.plan(&named).unwrap();
        let ran = migrations.apply(&named).unwrap().unwrap();
        assert_eq!(planned.steps, ran.steps, "{}", place.url);
        assert!(ran.steps.iter().any(|step| matches!(step, Step::Run(_))), "{}", place.url);
        assert!(migrations.apply(&Options::default()).unwrap().is_none());
        migrations.rollback(&Options::default()).unwrap();
        let first = open(place, FIRST);
        first.entity("Note").unwrap().create(value!({ "id": 1, "kind": "back" })).unwrap();
        let error = first.migrations().unwrap().apply(&Options::default()).map(drop);
        assert!(error.is_ok(), "{error:?}");
    });
}

#[test]
fn a_history_that_was_changed_by_hand_is_refused() {
    let place = sqlite().unwrap();
    let client = open(&place, FIRST);
    client.migrations().unwrap().apply(&Options::default()).unwrap();
    let adapter = dbal::adapter::sqlite::SqliteAdapter::open(
        client.schema().clone(),
        dbal::adapter::sqlite::SqliteOptions::file(place.url.trim_start_matches("sqlite:")),
    )
    .unwrap();
    let mut connection = dbal::adapter::Adapter::connect(&adapter, Intent::Write, None).unwrap();
    connection.execute_ddl("UPDATE _dbal_migrations SET model = replace(model, 'kind', 'mind')").unwrap();
    let error = client.migrations().unwrap().survey().unwrap_err();
    assert!(error.message().contains("number 1 is not the one that was written"), "{error:?}");
}

#[test]
fn a_column_that_was_dropped_by_hand_is_named() {
    let place = sqlite().unwrap();
    let client = open(&place, FIRST);
    client.migrations().unwrap().apply(&Options::default()).unwrap();
    let adapter = dbal::adapter::sqlite::SqliteAdapter::open(
        client.schema().clone(),
        dbal::adapter::sqlite::SqliteOptions::file(place.url.trim_start_matches("sqlite:")),
    )
    .unwrap();
    let mut connection = dbal::adapter::Adapter::connect(&adapter, Intent::Write, None).unwrap();
    connection.execute_ddl("ALTER TABLE notes DROP COLUMN kind").unwrap();
    let error = client.migrations().unwrap().apply(&Options::default()).unwrap_err();
    assert!(error.message().contains("Note.kind: notes has no kind"), "{error:?}");
}

#[test]
fn what_comes_to_be_searched_is_found_in_rows_that_exist() {
    everywhere("searched", |place| {
        let first = open(place, FIRST);
        first.migrate().unwrap();
        first.entity("Note").unwrap().create(value!({ "id": 1, "text": "an old word" })).unwrap();
        let next = open(place, &format!("{FIRST}searchable: [text]\n"));
        next.migrate().unwrap();
        let found = next.entity("Note").unwrap().count(query().filter(value!({ "$search": "word" }))).unwrap();
        assert_eq!(found, 1, "{}", place.url);
    });
}

#[test]
fn a_reset_forgets_the_history() {
    everywhere("reset", |place| {
        let client = open(place, FIRST);
        client.migrations().unwrap().apply(&Options::default()).unwrap();
        client.reset().unwrap();
        assert!(client.migrations().unwrap().survey().unwrap().entries.is_empty(), "{}", place.url);
        assert!(client.migrate().unwrap().is_empty(), "{}", place.url);
        // What is there is what it begins with, and a rollback ends there.
        assert!(client.migrations().unwrap().apply(&Options::default()).unwrap().is_none(), "{}", place.url);
        let error = client.migrations().unwrap().rollback(&Options::default()).unwrap_err();
        assert!(error.message().contains("nothing was migrated"), "{error:?}");
    });
}
