//! What a migration creates, and that it is done only once.

use dbal::adapter::sqlite::{SqliteAdapter, SqliteOptions};
use dbal::adapter::{Adapter, Intent};
use dbal::schema::{DefaultValue, EntityId, FieldId, FieldType, ForeignKey, Index, Referential};
use dbal::sql::ddl::{Snapshot, TableInfo};
use dbal::sql::dialect::Dialect;
use dbal::sql::migrate::create_missing;
use dbal::{ErrorKind, Schema};

use crate::schema::*;

fn missing(schema: &Schema, existing: &Snapshot) -> Vec<String> {
    create_missing(schema, existing, Dialect::Sqlite).unwrap()
}

fn only(entity: dbal::schema::Entity) -> Schema {
    Schema::new(vec![entity], Vec::new())
}

fn snapshot(table: &str, columns: &[&str]) -> Snapshot {
    let columns = columns.iter().map(|column| column.to_string()).collect();
    let table = TableInfo { name: table.into(), columns, ..TableInfo::default() };
    Snapshot { tables: vec![table], ..Snapshot::default() }
}

#[test]
fn tables_are_strict_with_keys_references_and_indexes() {
    let all = missing(&schema(), &Snapshot::default());
    assert_eq!(
        all[1],
        r#"CREATE TABLE "posts" ( "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "title" TEXT NOT NULL, "author_id" TEXT NOT NULL, FOREIGN KEY ("author_id") REFERENCES "users" ("id") ON DELETE CASCADE ) STRICT"#
    );
    assert!(all[0].contains(r#""balance" TEXT COLLATE dbal_decimal"#), "{}", all[0]);
    assert!(all.contains(&r#"CREATE UNIQUE INDEX "users_email" ON "users" ("email")"#.to_owned()));
}

#[test]
fn a_second_run_finds_nothing_to_do() {
    let schema = schema();
    let adapter = SqliteAdapter::open(schema.clone(), SqliteOptions::memory()).unwrap();
    assert_eq!(migrate(&adapter, &schema), 9);
    assert_eq!(migrate(&adapter, &schema), 0);
}

#[test]
fn columns_are_added_to_a_table_that_exists() {
    let adapter = open(SqliteOptions::memory());
    add_user(&mut *adapter.connect(Intent::Write, None).unwrap(), 1, &[]).unwrap();
    let mut entities = entities();
    let mut note = nullable("note", TEXT);
    note.default = Some(DefaultValue::Value("it's new".into()));
    let mut friend = nullable("friend", FieldType::Uuid);
    friend.foreign_key = Some(ForeignKey {
        entity: EntityId(0),
        field: FieldId(0),
        on_delete: Referential::SetNull,
        on_update: Referential::Restrict,
    });
    let mut revision = field("revision", FieldType::Integer);
    revision.version = true;
    entities[0].fields.extend([note, friend, revision, nullable("price", DECIMAL)]);
    let schema = Schema::new(entities, Vec::new());
    assert_eq!(migrate(&adapter, &schema), 4);
    assert_eq!(migrate(&adapter, &schema), 0);
}

#[test]
fn columns_that_rows_cannot_get_are_reported_together() {
    let fields = vec![field("id", TEXT), field("a", TEXT), field("b", TEXT), nullable("c", TEXT)];
    let error = create_missing(&only(entity("T", "t", fields)), &snapshot("t", &["id"]), Dialect::Sqlite).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ValidationError);
    assert_eq!(error.fields().iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), ["T.a", "T.b"]);
}

#[test]
fn names_differ_by_case_only_in_the_schema() {
    let table = only(entity("T", "Things", vec![field("Id", TEXT)]));
    assert!(missing(&table, &snapshot("things", &["ID"])).is_empty());
}

#[test]
fn quotes_in_names_are_doubled() {
    let mut evil = entity("T", "t\"t", vec![field("a\"a", TEXT), nullable("b", TEXT)]);
    evil.indexes = vec![Index { name: "i\"i".into(), fields: vec![FieldId(1)], unique: false, filter: None }];
    let statements = missing(&only(evil), &Snapshot::default());
    assert_eq!(statements[0], r#"CREATE TABLE "t""t" ( "a""a" TEXT NOT NULL, "b" TEXT ) STRICT"#);
    assert_eq!(statements[1], r#"CREATE INDEX "i""i" ON "t""t" ("b")"#);
}

#[test]
fn what_cannot_be_created_is_refused_by_name() {
    let mut counted = entity("T", "t", vec![field("id", TEXT), field("n", FieldType::Integer)]);
    counted.fields[1].generated = Some(dbal::schema::Generator::Sequence);
    let error = create_missing(&only(counted), &Snapshot::default(), Dialect::Sqlite).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CapabilityNotSupported);
}
