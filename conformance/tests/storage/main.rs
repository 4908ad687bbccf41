//! Columns that others made, held in every storage that a type may have: each request has the answer that it has where
//! the engine stores the values itself.

mod columns;
mod others;
mod pairs;
mod requests;

use std::sync::Arc;

use dbal::adapter::postgres::PostgresAdapter;
use dbal::adapter::sqlite::{SqliteAdapter, SqliteOptions};
use dbal::adapter::{Adapter, Intent};
use dbal::schema::StoredIn;
use dbal::{Client, Config, Schema, Value};
use dbal_conformance::servers::POSTGRES_URL;

use columns::Column;

/// A database with the tables of one column, made by statements of the test's own.
struct Foreign {
    client: Client,
    adapter: Arc<dyn Adapter>,
    dropped: Option<String>,
}

impl Foreign {
    fn execute(&self, text: &str) {
        self.adapter.connect(Intent::Write, None).expect("connects").execute_ddl(text).expect(text);
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        if let Some(name) = &self.dropped
            && let Ok(mut connection) = self.adapter.connect(Intent::Write, None)
        {
            let _ = connection.execute_ddl(&format!("DROP SCHEMA {name} CASCADE"));
        }
    }
}

fn schema(column: &Column, foreign: bool) -> String {
    let storage = if foreign { format!(", storage: {}", column.storage) } else { String::new() };
    let unique = if column.keyed { ", unique: true" } else { "" };
    let ty = column.ty;
    let mut text = format!(
        "entity: Item\nplural: items\nfields:\n  id: {{ type: integer, primary: true }}\n  \
         v: {{ {ty}{storage} }}\n  w: {{ {ty}{storage}{unique} }}\n  n: {{ type: integer }}\n"
    );
    if column.keyed {
        text += &format!(
            "---\nentity: Part\nplural: parts\nfields:\n  id: {{ type: integer, primary: true }}\n  \
             of: {{ {ty}{storage}, foreign_key: {{ entity: Item, field: w }} }}\n\
             relations:\n  item: {{ type: belongs_to, entity: Item, foreign_key: of }}\n\
             ---\nentity: Tag\nplural: tags\nfields:\n  k: {{ {ty}{storage}, primary: true }}\n  n: {{ type: integer }}\n"
        );
    }
    text
}

fn tables(column: &Column, decl: &str) -> String {
    let mut text = format!(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, v {decl}, w {decl}{}, n INTEGER);",
        if column.keyed { " UNIQUE" } else { "" }
    );
    if column.keyed {
        text += &format!(
            "CREATE TABLE parts (id INTEGER PRIMARY KEY, \"of\" {decl} REFERENCES items (w));\
             CREATE TABLE tags (k {decl} PRIMARY KEY, n INTEGER);"
        );
    }
    text
}

fn loaded(text: &str) -> Arc<Schema> {
    let client = Client::open(Config::memory().schema_text(text)).unwrap_or_else(|fault| panic!("{fault}: {text}"));
    assert!(client.warnings().is_empty(), "{:?}", client.warnings());
    client.schema().clone()
}

fn foreign(column: &Column, database: StoredIn, number: usize) -> Option<Foreign> {
    let schema = loaded(&schema(column, true));
    let (adapter, decl, dropped): (Arc<dyn Adapter>, _, _) = match database {
        StoredIn::Sqlite => {
            let adapter = SqliteAdapter::open(schema.clone(), SqliteOptions::memory()).expect("opens");
            (Arc::new(adapter), column.sqlite?, None)
        }
        StoredIn::Postgres => {
            let decl = column.postgres?;
            let url = std::env::var(POSTGRES_URL).ok().filter(|url| !url.is_empty())?;
            let name = format!("dbal_stored_{}_{number}", std::process::id());
            let adapter =
                PostgresAdapter::open(schema.clone(), &format!("{url}?schema={name}&pool_size=2")).expect("opens");
            let mut connection = adapter.connect(Intent::Write, None).expect("connects");
            connection.execute_ddl(&format!("CREATE SCHEMA {name}")).expect("makes the schema");
            drop(connection);
            (Arc::new(adapter), decl, Some(name))
        }
    };
    let client = Client::open(Config::adapter(adapter.clone()).schema(schema)).expect("opens");
    let foreign = Foreign { client, adapter, dropped };
    for statement in column.before.iter().filter(|_| database == StoredIn::Postgres) {
        foreign.execute(statement);
    }
    foreign.execute(&tables(column, decl));
    // What is missing is functions of the engine's own, and never anything about a table.
    let planned = foreign.client.pending_migration().expect("compares");
    assert!(planned.iter().all(|text| text.starts_with("CREATE FUNCTION") || text.contains("INDEX")), "{planned:?}");
    for statement in planned {
        foreign.execute(&statement);
    }
    Some(foreign)
}

fn compare(database: StoredIn) {
    if database == StoredIn::Postgres && std::env::var_os(POSTGRES_URL).is_none_or(|url| url.is_empty()) {
        eprintln!("LEFT OUT: {POSTGRES_URL} is not set; see cargo xtask servers");
        return;
    }
    let mut asked = 0;
    for (number, column) in columns::COLUMNS.iter().enumerate() {
        let Some(foreign) = foreign(column, database, number) else { continue };
        let own = Client::open(Config::memory().schema_text(schema(column, false))).expect("opens");
        own.migrate().expect("nothing to make");
        for request in requests::of(column) {
            let answer = |client: &Client| match client.execute(&request) {
                Ok(response) => Ok(response.into_value()),
                Err(error) => Err((error.code(), error.reason())),
            };
            let (expected, found) = (answer(&own), answer(&foreign.client));
            let detail = || foreign.client.execute(&request).err().map(|error| format!("{error:?}"));
            assert!(
                same(&expected, &found),
                "{} as {} in {}: {request:?}\nexpected {expected:?}\nfound    {found:?}\n{:?}",
                column.ty,
                column.storage,
                database.as_str(),
                detail()
            );
            asked += 1;
        }
    }
    assert!(asked > 500, "only {asked} requests were asked");
}

type Answer = Result<Value, (&'static str, Option<dbal::Reason>)>;

/// Equal but for cursors, which are sealed for one client each.
fn same(expected: &Answer, found: &Answer) -> bool {
    match (expected, found) {
        (Ok(expected), Ok(found)) => without_cursors(expected) == without_cursors(found),
        (expected, found) => expected == found,
    }
}

fn without_cursors(value: &Value) -> Value {
    match value {
        Value::Map(map) => {
            let kept = map.0.iter().filter(|(name, _)| !name.ends_with("_cursor"));
            Value::Map(dbal::Map(kept.cloned().collect()))
        }
        other => other.clone(),
    }
}

/// Walks all pages forward, then backward, and gives the ids met.
fn walk(client: &Client, sort: &Value) -> Vec<String> {
    let mut met = Vec::new();
    for (option, cursor) in [("after", "next"), ("before", "previous")] {
        let mut at = Value::Null;
        loop {
            let query = dbal::query().arg("sort", sort.clone()).limit(2).arg(option, at.clone());
            let page = client.entity("Item").expect("is declared").list(query).expect("lists");
            met.extend(page.data.iter().map(|row| format!("{:?}", row.get("id"))));
            let next = if cursor == "next" { page.next_cursor } else { page.prev_cursor };
            match next {
                Some(cursor) => at = Value::from(cursor.as_str()),
                None => break,
            }
        }
    }
    met
}

fn pages(database: StoredIn) {
    for (number, column) in columns::COLUMNS.iter().enumerate().filter(|(_, column)| column.sorted) {
        let Some(foreign) = foreign(column, database, 1_000 + number) else { continue };
        let own = Client::open(Config::memory().schema_text(schema(column, false))).expect("opens");
        for request in requests::rows(column) {
            own.execute(&request).expect("creates");
            foreign.client.execute(&request).expect("creates");
        }
        for direction in ["asc", "desc"] {
            let sort = dbal::value!([{ "v": direction }]);
            let (expected, found) = (walk(&own, &sort), walk(&foreign.client, &sort));
            assert_eq!(expected, found, "{} as {} in {}", column.ty, column.storage, database.as_str());
        }
    }
}

#[test]
fn sqlite_answers_as_if_values_were_stored_our_way() {
    compare(StoredIn::Sqlite);
}

#[test]
fn postgres_answers_as_if_values_were_stored_our_way() {
    compare(StoredIn::Postgres);
}

#[test]
fn cursors_go_through_sqlite_s_foreign_columns() {
    pages(StoredIn::Sqlite);
}

#[test]
fn cursors_go_through_postgres_s_foreign_columns() {
    pages(StoredIn::Postgres);
}

#[test]
fn every_storage_of_every_type_is_compared() {
    let types = [
        "uuid", "string", "enum", "integer", "bigint", "float", "decimal", "boolean", "datetime", "date", "json",
        "bytes",
    ];
    for ty in types {
        let values = if ty == "enum" { ", values: [a]" } else { "" };
        let probe =
            format!("entity: P\nfields:\n  id: {{ type: integer, primary: true }}\n  v: {{ type: {ty}{values} }}\n");
        let schema = loaded(&probe);
        let field = &schema.entity(schema.by_name("P").expect("is there")).fields[1];
        for storage in dbal::schema::Storage::ALL {
            for database in storage.of(&field.ty) {
                let compared = columns::COLUMNS.iter().any(|column| {
                    let decl = if *database == StoredIn::Sqlite { column.sqlite } else { column.postgres };
                    let of_type = column.ty.trim_start_matches("type: ").split(',').next() == Some(ty);
                    of_type && column.storage == storage.as_str() && decl.is_some()
                });
                assert!(compared, "{ty} as {} in {}", storage.as_str(), database.as_str());
            }
        }
    }
}
