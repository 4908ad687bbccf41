//! What a database holds, asked in its own language.

pub(super) mod documents;
mod postgres;
mod sqlite;

use super::Options;
use super::catalogue::{Catalogue, Seen, Table};
use crate::adapter::Connection;
use crate::error::{Error, Result};
use crate::plan::operation::Lowering;
use crate::plan::operation::document::SEQUENCES;
use crate::sql::ddl::Snapshot;
use crate::sql::dialect::Dialect;
use crate::value::{Map, Value};

/// Reads everything that is wanted.
///
/// # Errors
/// CAPABILITY_NOT_SUPPORTED where there is nothing to read, DATABASE_ERROR.
pub(super) fn read(
    connection: &mut dyn Connection,
    how: Lowering,
    existing: &Snapshot,
    options: &Options,
) -> Result<Catalogue> {
    match how {
        Lowering::Sql(Dialect::Sqlite) => sqlite::read(connection, existing, options),
        Lowering::Sql(Dialect::Postgres) => postgres::read(connection, options),
        Lowering::Document => documents::read(connection, existing, options),
        Lowering::Ast => Err(Error::unsupported("schema_introspection", "memory holds nothing that was not declared")),
    }
}

/// Whether the engine made a table for itself: its history, its numbers, the words of searchable fields.
fn ours(name: &str, existing: &Snapshot) -> bool {
    let of_words = || {
        let Some((table, column)) = name.strip_suffix("$words").and_then(|name| name.split_once('$')) else {
            return false;
        };
        let found = existing.tables.iter().find(|known| known.name == table);
        found.is_some_and(|known| known.columns.iter().any(|name| name == column))
    };
    name.starts_with("_dbal") || name == SEQUENCES || of_words()
}

/// Looks at rows of a table, whatever is declared of it.
fn sample(connection: &mut dyn Connection, table: &mut Table, options: &Options) -> Result<()> {
    let columns = &mut table.columns;
    for column in columns.iter_mut() {
        column.seen = Some(Seen::default());
    }
    let looked = connection.sample(&table.name, options.sample, &mut |name, kind, value| {
        let seen = match columns.iter_mut().find(|column| column.name == name) {
            Some(column) => column.seen.get_or_insert_default(),
            None => {
                columns.push(super::catalogue::Column {
                    name: name.to_owned(),
                    nullable: true,
                    seen: Some(Seen::default()),
                    ..super::catalogue::Column::default()
                });
                columns.last_mut().and_then(|column| column.seen.as_mut()).expect("it was put there a line before")
            }
        };
        seen.add(kind, value);
    })?;
    for seen in columns.iter_mut().filter_map(|column| column.seen.as_mut()) {
        seen.sort();
    }
    (table.sampled, table.whole) = (Some(looked.rows), looked.whole);
    Ok(())
}

/// A cell as text; empty for null.
fn text(row: &Map, name: &str) -> String {
    match row.get(name) {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Int(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// A cell as a number; 0 for null.
fn whole(row: &Map, name: &str) -> i64 {
    row.get(name).and_then(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok())).unwrap_or(0)
}

/// A cell as a truth.
fn flag(row: &Map, name: &str) -> bool {
    match row.get(name) {
        Some(Value::Int(number)) => *number != 0,
        Some(Value::Text(text)) => text == "t" || text == "true" || text == "1",
        Some(Value::Bool(truth)) => *truth,
        _ => false,
    }
}
