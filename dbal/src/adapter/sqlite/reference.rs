//! Which reference a refused write would have broken. SQLite does not say, so the rows are looked up; each lookup is
//! over a key or an index.

use std::collections::VecDeque;

use rusqlite::Connection;

use super::value;
use crate::error::{Error, Reason};
use crate::plan::operation::{Encoding, Sql};
use crate::schema::{Entity, EntityId, Field, ForeignKey, Referential, Schema};
use crate::sql::dialect::Dialect;
use crate::sql::quoted;
use crate::sql::storage::{form, spelled};
use crate::value::Value;

/// The conflict, naming the first reference found. The statement is undone already.
pub(super) fn broken(sqlite: &Connection, schema: &Schema, entity: EntityId, sql: &Sql, params: &[Value]) -> Error {
    let written = schema.entity(entity);
    let found = points_nowhere(sqlite, schema, written, sql, params).map(|field| (field, false));
    let found = found.or_else(|| pointed_at(sqlite, schema, entity, sql, params).map(|field| (field, true)));
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
        let (table, target) = (quoted(&target.table), target.field(key.field));
        let column = quoted(&target.column);
        let column = form(Dialect::Sqlite, target).map_or_else(|| column.clone(), |form| spelled(&form.read, &column));
        exists(sqlite, &format!("SELECT 1 FROM {table} WHERE {column} = ?"), [(Encoding::Plain, value)]) == Some(false)
    };
    set.find(|(_, key, value)| missing(key, value)).map(|(field, ..)| field)
}

/// How far cascades are followed, and so how deep a lookup nests.
const MAX_CASCADES: usize = 8;

/// The field of another row, or of one like it, that keeps a row from going or from changing its key. A delete also
/// takes along what cascades from its rows, so those may be the ones that are kept.
fn pointed_at<'s>(
    sqlite: &Connection,
    schema: &'s Schema,
    written: EntityId,
    sql: &Sql,
    params: &[Value],
) -> Option<&'s Field> {
    // The rows to be deleted are those of the same statement, spelled as a query.
    let Some(rows) = sql.text.strip_prefix("DELETE FROM ") else {
        let restricts = |key: &ForeignKey| key.on_update == Referential::Restrict;
        return referring(schema, written).find(|(_, _, key)| restricts(key)).map(|(_, field, _)| field);
    };
    let mut going = VecDeque::from([(written, rows.to_owned(), 0)]);
    while let Some((entity, rows, cascades)) = going.pop_front() {
        for (other, field, key) in referring(schema, entity) {
            let (table, column) = (quoted(&schema.entity(other).table), quoted(&field.column));
            let target = quoted(&schema.entity(entity).field(key.field).column);
            let pointing = format!("{table} WHERE {column} IN (SELECT {target} FROM {rows})");
            let values =
                || sql.params.iter().filter_map(|param| Some((param.encoding, params.get(usize::from(param.id.0))?)));
            let found = || exists(sqlite, &format!("SELECT 1 FROM {pointing}"), values()) == Some(true);
            match key.on_delete {
                Referential::Restrict if found() => return Some(field),
                Referential::Cascade if cascades < MAX_CASCADES && found() => {
                    going.push_back((other, pointing, cascades + 1));
                }
                Referential::Restrict | Referential::Cascade | Referential::SetNull => {}
            }
        }
    }
    None
}

/// The fields that refer to an entity.
fn referring(schema: &Schema, entity: EntityId) -> impl Iterator<Item = (EntityId, &Field, &ForeignKey)> {
    let references = schema.entities().flat_map(|(other, declared)| {
        declared.fields.iter().filter_map(move |field| Some((other, field, field.foreign_key.as_ref()?)))
    });
    references.filter(move |(_, _, key)| key.entity == entity)
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
