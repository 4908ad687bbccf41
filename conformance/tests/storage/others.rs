//! What other programs wrote, in forms of their own: read tolerantly, compared by value, refused where it is no value.

use dbal::schema::StoredIn;
use dbal::{DateTime, Value, query, value};

use super::columns::{COLUMNS, Column};
use super::{Foreign, foreign};

/// The tables of a storage in a database; none where no server is named.
fn made(storage: &str, ty: &str, database: StoredIn, number: usize) -> Option<Foreign> {
    let is = |column: &&Column| {
        let declared = if database == StoredIn::Sqlite { column.sqlite } else { column.postgres };
        column.storage == storage && column.ty.starts_with(ty) && declared.is_some()
    };
    foreign(COLUMNS.iter().find(is).expect("is a column"), database, 2_000 + number)
}

fn ids(foreign: &Foreign, filter: Value) -> Vec<i64> {
    let sorted = query().filter(filter).sort("v", "asc").sort("id", "asc");
    let rows = foreign.client.entity("Item").expect("is declared").find_many(sorted).expect("finds");
    rows.iter().filter_map(|row| row.get("id")?.as_i64()).collect()
}

#[test]
fn instants_in_several_forms_are_one_order() {
    let database = made("iso_offset", "type: datetime", StoredIn::Sqlite, 0).expect("is in memory");
    database.execute(
        "INSERT INTO items (id, v) VALUES (1, '2024-01-31 12:00:00'), (2, 1706702400000), \
         (3, '2024-01-31T12:00:00.001+00:00'), (4, '2024-01-31T13:59:59.999+02:00'), (5, '2024-01-31')",
    );
    assert_eq!(ids(&database, value!({})), [5, 4, 1, 2, 3]);
    assert_eq!(ids(&database, value!({ "v": "2024-01-31T12:00:00Z" })), [1, 2]);
    assert_eq!(ids(&database, value!({ "v": { "$gt": "2024-01-31T12:00:00Z" } })), [3]);
}

#[test]
fn what_is_no_value_is_told_and_matches_nothing() {
    let database = made("iso_offset", "type: datetime", StoredIn::Sqlite, 1).expect("is in memory");
    database.execute("INSERT INTO items (id, v) VALUES (1, 'noon'), (2, '2024-01-31 12:00:00')");
    assert_eq!(ids(&database, value!({ "v": { "$gt": "0001-01-01T00:00:00Z" } })), [2]);
    let items = database.client.entity("Item").expect("is declared");
    let fault = items.find_many(query()).expect_err("is told");
    assert_eq!((fault.code(), fault.message().contains("Item.v of 1")), ("DATABASE_ERROR", true), "{fault}");
    // Not asked for, it is nobody's business.
    assert_eq!(items.find_many(query().select(["id"])).expect("reads").len(), 2);
}

#[test]
fn a_number_that_a_double_cannot_hold_is_refused() {
    let database = made("numeric", "type: decimal", StoredIn::Sqlite, 2).expect("is in memory");
    let items = database.client.entity("Item").expect("is declared");
    items.create(value!({ "id": 1, "v": "123456789012345.6" })).expect("is held exactly");
    let fault = items.create(value!({ "id": 2, "v": "1234567890123456789.25" })).expect_err("is refused");
    assert_eq!((fault.code(), fault.fields().len()), ("VALIDATION_ERROR", 1), "{fault}");
    assert_eq!(ids(&database, value!({})), [1]);
}

#[test]
fn microseconds_of_others_are_cut_before_anything_sees_them() {
    for (number, storage) in ["timestamp_us", "timestamptz_us"].into_iter().enumerate() {
        let Some(database) = made(storage, "type: datetime", StoredIn::Postgres, 3 + number) else { return };
        database.execute(
            "INSERT INTO items (id, v) VALUES (3, '2024-01-31 12:00:00.000001Z'), (2, '2024-01-31 12:00:00.000999Z'), \
             (1, '2024-01-31 12:00:00.001Z')",
        );
        assert_eq!(ids(&database, value!({})), [2, 3, 1]);
        assert_eq!(ids(&database, value!({ "v": "2024-01-31T12:00:00Z" })), [2, 3]);
        assert_eq!(ids(&database, value!({ "v": { "$gt": "2024-01-31T12:00:00Z" } })), [1]);
        assert_eq!(ids(&database, value!({ "v": { "$lte": "2024-01-31T12:00:00Z" } })), [2, 3]);
    }
}

#[test]
fn an_instant_finer_than_its_column_is_answered_as_it_is_kept() {
    for (number, database) in [StoredIn::Sqlite, StoredIn::Postgres].into_iter().enumerate() {
        let Some(database) = made("epoch_s", "type: datetime", database, 5 + number) else { return };
        let items = database.client.entity("Item").expect("is declared");
        let made = items.create(value!({ "id": 1, "v": "1969-12-31T23:59:59.500Z" })).expect("creates");
        let read = items.read(1).expect("reads");
        assert_eq!(made, read);
        assert_eq!(read.get("v"), Some(&Value::from("1969-12-31T23:59:59Z".parse::<DateTime>().expect("is one"))));
        assert_eq!(ids(&database, value!({ "v": { "$lt": "1969-12-31T23:59:59.500Z" } })), [1]);
        assert_eq!(ids(&database, value!({ "v": "1969-12-31T23:59:59.500Z" })), [] as [i64; 0]);
    }
}

#[test]
fn a_storage_that_a_type_or_a_database_has_not_is_a_fault() {
    let schema = |storage: &str| {
        format!(
            "entity: P\nfields:\n  id: {{ type: integer, primary: true }}\n  v: {{ type: datetime, storage: {storage} }}\n"
        )
    };
    let open = |config: dbal::Config, storage: &str| {
        let opened = dbal::Client::open(config.schema_text(schema(storage)));
        opened.err().map(|fault| fault.to_string()).unwrap_or_default()
    };
    let fault = open(dbal::Config::memory(), "blob");
    assert!(fault.contains("schema:4:33") && fault.contains("epoch_ms, epoch_s, iso"), "{fault}");
    let fault = open(dbal::Config::memory(), "isoo");
    assert!(fault.contains("there is no storage isoo"), "{fault}");
    let fault = open(dbal::Config::sqlite(":memory:"), "timestamp_ms");
    assert!(fault.contains("SQLite has no storage timestamp_ms"), "{fault}");
    assert_eq!(open(dbal::Config::sqlite(":memory:"), "sql"), "");
}
