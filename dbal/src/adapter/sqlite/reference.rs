//! Which reference a refused write would have broken. SQLite does not say, so the rows are looked up; each lookup is
//! over a key or an index.

use rusqlite::Connection;

use super::value;
use crate::error::{Error, Reason};
use crate::plan::operation::{Encoding, Sql};
use crate::schema::{Entity, EntityId, Field, ForeignKey, Referential, Schema};
use crate::sql::quoted;
use crate::value::Value;

/// The conflict, naming the first reference found. The statement is undone already.
pub(super) fn broken(sqlite: &Connection, schema: &Schema, entity: EntityId, sql: &Sql, params: &[Value]) -> Error {
    let written = schema.entity(entity);
    let found = points_nowhere(sqlite, schema, written, sql, params).map(|field| (field, false));
    let found = found.or_else(|| pointed_at(sqlite, schema, written, sql, params).map(|field| (field, true)));
    match found {
        Some((field, true)) => {
            Error::conflict(Reason::ForeignKey, &[&field.name], "another row still refers to this one")
        }
        Some((field, false)) => {
            Error::conflict(Reason::ForeignKey, &[&field.name], "it would refer to a row that does not exist")
        }
        None => Error::conflict(Reason::ForeignKey, &[], "a reference would point to a row that does not exist"),
    }
}

/// The foreign key that was set to a value which no row has.
fn points_nowhere<'s>(
    sqlite: &Connection,
    schema: &Schema,
    written: &'s Entity,
    sql: &Sql,
    params: &[Value],
) -> Option<&'s Field> {
    let mut set = sql.references.iter().filter_map(|(field, param)| {
        let value = params.get(usize::from(param.0)).filter(|value| !value.is_null())?;
        let field = written.field(*field);
        Some((field, field.foreign_key.as_ref()?, value))
    });
    let missing = |key: &ForeignKey, value: &Value| {
        let target = schema.entity(key.entity);
        let (table, column) = (quoted(&target.table), quoted(&target.field(key.field).column));
        exists(sqlite, &format!("SELECT 1 FROM {table} WHERE {column} = ?"), [(Encoding::Plain, value)]) == Some(false)
    };
    set.find(|(_, key, value)| missing(key, value)).map(|(field, ..)| field)
}

/// The field of another row, or of one like it, that keeps the rows of a delete from going.
fn pointed_at<'s>(
    sqlite: &Connection,
    schema: &'s Schema,
    written: &Entity,
    sql: &Sql,
    params: &[Value],
) -> Option<&'s Field> {
    let mut referring = schema.entities().flat_map(|(_, other)| {
        other.fields.iter().filter_map(move |field| Some((other, field, field.foreign_key.as_ref()?)))
    });
    let deleted = sql.text.strip_prefix("DELETE FROM ");
    let keeps = |other: &Entity, field: &Field, key: &ForeignKey| {
        if !std::ptr::eq(schema.entity(key.entity), written) {
            return false;
        }
        // The rows to be deleted are those of the same statement, spelled as a query.
        let Some(rows) = deleted else { return key.on_update == Referential::Restrict };
        let (table, column) = (quoted(&other.table), quoted(&field.column));
        let target = quoted(&written.field(key.field).column);
        let text = format!("SELECT 1 FROM {table} WHERE {column} IN (SELECT {target} FROM {rows})");
        let values = sql.params.iter().filter_map(|param| Some((param.encoding, params.get(usize::from(param.id.0))?)));
        key.on_delete == Referential::Restrict && exists(sqlite, &text, values) == Some(true)
    };
    referring.find(|(other, field, key)| keeps(other, field, key)).map(|(_, field, _)| field)
}

/// Whether a query finds a row; none if it fails, in which case the fault stays without a name.
fn exists<'v>(
    sqlite: &Connection,
    text: &str,
    values: impl IntoIterator<Item = (Encoding, &'v Value)>,
) -> Option<bool> {
    let mut statement = sqlite.prepare(text).ok()?;
    for (position, (encoding, value)) in values.into_iter().enumerate() {
        value::bind(&mut statement, position + 1, encoding, value).ok()?;
    }
    let mut rows = statement.raw_query();
    rows.next().ok().map(|row| row.is_some())
}
