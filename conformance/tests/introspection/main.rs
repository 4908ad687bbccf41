//! Databases made from schemas become schemas again, and the engine then finds nothing to migrate.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

mod ids;
mod make;
#[path = "../migrations/places.rs"]
mod places;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dbal::introspect::{Introspection, Options};
use dbal::migrate::{Model, record};
use dbal::schema::FieldType;
use dbal::{Client, Config, Map, Schema, Value};
use dbal_conformance::{Fixture, SchemaSource, Suite};

use places::{Place, mongodb, postgres, sqlite};

/// Which kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
    Mongodb,
}

const ALL: [Kind; 3] = [Kind::Sqlite, Kind::Postgres, Kind::Mongodb];

impl Kind {
    fn place(self, name: &str) -> Option<Place> {
        match self {
            Kind::Sqlite => sqlite(),
            Kind::Postgres => postgres(&format!("i_{name}")),
            Kind::Mongodb => mongodb(&format!("i_{name}")),
        }
    }
}

fn open(url: &str, schema: &Arc<Schema>) -> Client {
    Client::open(Config::url(url).schema(schema.clone())).unwrap()
}

/// Makes the database, with rows, looks at it, and holds what was found against what it was made from.
fn round(kind: Kind, what: &str, schema: &Arc<Schema>, rows: &[(String, Map)], history: bool) {
    // Tests run beside each other.
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let Some(place) = kind.place(&NUMBER.fetch_add(1, Ordering::Relaxed).to_string()) else { return };
    let first = open(&place.url, schema);
    match history {
        true => drop(first.migrations().unwrap().apply(&dbal::migrate::Options::default()).unwrap()),
        false => drop(first.migrate().unwrap()),
    }
    for (entity, row) in rows {
        first.entity(entity).unwrap().create(Value::Map(row.clone())).unwrap();
    }
    let found = Config::url(&place.url).introspect(&Options::default());
    let found = found.unwrap_or_else(|error| panic!("{kind:?} {what}: {error:?}"));
    let text = || found.files.iter().map(|file| file.text.as_str()).collect::<Vec<_>>().join("---\n");
    let schema_found = Arc::new(dbal::schema::load_sources(files(&found)).unwrap().schema);
    let second = open(&place.url, &schema_found);
    let plan = second.migrations().unwrap().plan(&dbal::migrate::Options::default()).unwrap();
    let said: Vec<String> = plan.changes.iter().map(ToString::to_string).collect();
    assert!(
        plan.changes.is_empty() && plan.faults.is_empty(),
        "{kind:?} {what}: {said:?} {:?}\n{}",
        plan.faults,
        text()
    );
    assert_eq!(second.pending_migration().unwrap(), Vec::<String>::new(), "{kind:?} {what}\n{}", text());
    let (was, is) = (Model::of(schema), Model::of(&schema_found));
    if history {
        let (was, is) = (record::to_text(&bare(&was)), record::to_text(&bare(&is)));
        assert_eq!(was, is, "{kind:?} {what}\n{}", text());
        assert!(found.left.is_empty(), "{kind:?} {what}: {:?}", found.left);
    } else {
        let (was, is) = (stored(kind, &was), stored(kind, &is));
        // What a database says of a condition may be more than its types allow: then it is a remark.
        let told = |line: &&String| line.ends_with("over some rows") && text().contains("is over some ");
        let lost: Vec<&String> = was.difference(&is).filter(|line| !told(line)).collect();
        let new: Vec<&String> = is.difference(&was).collect();
        assert!(lost.is_empty() && new.is_empty(), "{kind:?} {what}: lost {lost:#?}, new {new:#?}\n{}", text());
    }
}

fn files(found: &Introspection) -> Vec<(String, String)> {
    found.files.iter().map(|file| (file.name.clone(), file.text.clone())).collect()
}

/// Without what is no part of storage, and in one order.
fn bare(model: &Model) -> Model {
    let mut model = model.clone();
    for table in &mut model.tables {
        table.renamed_from = None;
        for column in &mut table.columns {
            (column.renamed_from, column.fill) = (None, None);
        }
        table.columns.sort_by(|a, b| a.field.cmp(&b.field));
        table.indexes.sort_by(|a, b| a.name.cmp(&b.name));
        table.searchable.sort();
    }
    model
}

/// What a catalogue can say of a model: tables and columns, how they are stored, what is unique, where it points.
fn stored(kind: Kind, model: &Model) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for table in &model.tables {
        let column = |field: &String| match kind {
            Kind::Mongodb if *field == table.key => "_id".to_owned(),
            _ => table.columns.iter().find(|column| column.field == *field).unwrap().column.clone(),
        };
        // A key of several fields is an index.
        if !table.key.is_empty() {
            lines.insert(format!("{}: key {}", table.table, column(&table.key)));
        }
        for one in &table.columns {
            let key = one.field == table.key;
            // A whole number that is a key is counted by SQLite, whether somebody asked for it or not.
            let (null, counted) = (one.nullable && !key, one.counted && kind == Kind::Postgres);
            // No validator says that json has to be there.
            let null = null || (kind == Kind::Mongodb && one.ty == FieldType::Json);
            lines.insert(format!(
                "{}.{}: {} null {null} counted {counted}",
                table.table,
                column(&one.field),
                class(kind, &one.ty)
            ));
            if let Some(reference) = one.reference.as_ref().filter(|_| kind != Kind::Mongodb) {
                let target = model.tables.iter().find(|other| other.entity == reference.entity).unwrap();
                let to = &target.columns.iter().find(|column| column.field == reference.field).unwrap().column;
                let rules = (reference.on_delete, reference.on_update);
                lines.insert(format!("{}.{} points to {}.{to} {rules:?}", table.table, one.column, target.table));
            }
        }
        for index in &table.indexes {
            let columns: Vec<String> = index.fields.iter().map(column).collect();
            let over = if index.filter.is_some() { " over some rows" } else { "" };
            lines.insert(format!("{} index {columns:?} unique {}{over}", table.table, index.unique));
        }
        lines.extend(table.searchable.iter().map(|field| format!("{} searches {}", table.table, column(field))));
    }
    lines
}

/// Types that a database does not tell apart are one. A sequence of rows is one where the engine counts.
fn class(kind: Kind, ty: &FieldType) -> &'static str {
    match (kind, ty) {
        (Kind::Sqlite, FieldType::Integer | FieldType::BigInt | FieldType::Boolean | FieldType::DateTime) => "whole",
        (_, FieldType::Text(_) | FieldType::Enum(_)) => "text",
        (Kind::Sqlite | Kind::Mongodb, FieldType::Uuid | FieldType::Date) => "text",
        (Kind::Sqlite, FieldType::Json) => "text",
        (_, ty) => ty.as_str(),
    }
}

fn schema_of(fixture: &Fixture) -> Arc<Schema> {
    let config = match &fixture.schema {
        SchemaSource::Text(text) => Config::memory().schema_text(text),
        SchemaSource::Folder(folder) => Config::memory().schema_dir(folder),
    };
    Client::open(config).unwrap().schema().clone()
}

fn fixtures(kind: Kind, history: bool) {
    let suite = Suite::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../common")).unwrap();
    for (name, fixture) in &suite.fixtures {
        round(kind, name, &schema_of(fixture), &fixture.data, history);
    }
    assert!(suite.fixtures.len() > 15);
}

fn generated(kind: Kind, history: bool) {
    for number in 0..12 {
        let text = make::schema(number);
        let schema =
            Client::open(Config::memory().schema_text(&text)).unwrap_or_else(|error| panic!("{error}\n{text}"));
        round(kind, &format!("schema {number}\n{text}"), schema.schema(), &[], history);
    }
}

#[test]
fn fixtures_come_back_from_sqlite() {
    fixtures(Kind::Sqlite, true);
}

#[test]
fn fixtures_come_back_from_postgres() {
    fixtures(Kind::Postgres, true);
}

#[test]
fn fixtures_come_back_from_mongodb() {
    fixtures(Kind::Mongodb, true);
}

#[test]
fn fixtures_without_a_history_need_no_migration() {
    for kind in ALL {
        fixtures(kind, false);
    }
}

/// A key of two fields that refer, and indexes over some rows, each condition that every backend can say.
const PARTS: &str = "
entity: Film
fields:
  id: { type: integer, primary: true, generated: true }
  title: { type: string, required: true }
  state: { type: enum, values: [new, old], required: true }
  level: { type: integer }
  shown: { type: boolean }
indexes:
  - { fields: [title], where: \"state = 'new'\" }
  - { fields: [level], unique: true, where: \"level > 3 AND shown\" }
  - { fields: [title, level], index: an_old_name, where: \"level IS NULL OR level IN (1, 2)\" }
  - { fields: [state], name: named, where: \"title IS NOT NULL\" }
---
entity: Actor
fields:
  id: { type: integer, primary: true, generated: true }
  name: { type: string }
";

const JOINED: &str = "---
entity: FilmActor
fields:
  actor_id: { type: integer, primary: true, foreign_key: { entity: Actor, field: id, on_delete: cascade } }
  film_id: { type: integer, primary: true, foreign_key: { entity: Film, field: id } }
  credited: { type: datetime }
";

#[test]
fn keys_of_several_fields_and_indexes_over_some_rows_come_back() {
    for (kind, history) in ALL.into_iter().flat_map(|kind| [(kind, true), (kind, false)]) {
        let text = if kind == Kind::Mongodb { PARTS.to_owned() } else { format!("{PARTS}{JOINED}") };
        let schema = Client::open(Config::memory().schema_text(&text)).unwrap().schema().clone();
        let row = |text: &str| match dbal::value::json::parse(text.as_bytes()).unwrap() {
            Value::Map(map) => map,
            other => panic!("{other:?}"),
        };
        let rows = [
            ("Film".to_owned(), row(r#"{"title": "one", "state": "new", "level": 5, "shown": true}"#)),
            ("Actor".to_owned(), row(r#"{"name": "ada"}"#)),
        ];
        round(kind, "parts", &schema, &rows, history);
    }
}

#[test]
fn generated_schemas_come_back() {
    for kind in ALL {
        generated(kind, true);
    }
}

#[test]
fn generated_schemas_without_a_history_need_no_migration() {
    for kind in ALL {
        generated(kind, false);
    }
}
