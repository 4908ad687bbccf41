//! SQLite's faults in the words of the catalogue. Its own text stays in the detail.

use rusqlite::{ErrorCode, Row, ffi};

use super::Location;
use super::functions::Refused;
use crate::error::{Error, ErrorKind, Outcome, Reason};
use crate::plan::operation::Step;
use crate::schema::{Entity, EntityId, Schema};

/// Why a step stopped.
pub(super) enum Fault {
    /// SQLite refused.
    Driver(rusqlite::Error),
    /// Before anything ran.
    Own(Error),
    /// A row did not fit its types, or the sink refused it.
    Row {
        error: Error,
        /// The rows are those of a write, which is done.
        wrote: bool,
    },
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Driver(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Own(error)
    }
}

/// A database that cannot be opened. Its place is known to whoever configured it, so it is named.
pub(super) fn opening(error: &rusqlite::Error, location: &Location) -> Error {
    let place = match location {
        Location::Memory => "the database in memory".to_owned(),
        Location::File(path) => format!("the database {}", path.display()),
    };
    let why = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => "is not a SQLite file",
        Some(ErrorCode::CannotOpen) => "cannot be opened: check that its folder exists and may be written",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => "may not be written",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "is locked by another process",
        Some(ErrorCode::DatabaseCorrupt) => "is damaged",
        _ => "cannot be opened",
    };
    Error::database(format!("{place} {why}"), error.to_string()).with_outcome(Outcome::NotApplied)
}

/// A transaction that could not begin.
pub(super) fn beginning(error: &rusqlite::Error) -> Error {
    other(error).with_outcome(Outcome::NotApplied)
}

/// A transaction, or a part of it, that could not end. A disk that failed may or may not hold the commit.
pub(super) fn ending(error: &rusqlite::Error) -> Error {
    let outcome = match error.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure) => Outcome::Unknown,
        _ => Outcome::NotApplied,
    };
    other(error).with_outcome(outcome)
}

/// A statement that failed. SQLite has undone it. It does not say which reference failed: `reference` finds out.
pub(super) fn running(
    schema: &Schema,
    entity: EntityId,
    error: &rusqlite::Error,
    reference: impl FnOnce() -> Error,
) -> Error {
    let entity = schema.entity(entity);
    let message = match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.as_str(),
        _ => "",
    };
    let code = error.sqlite_extended_error_code().unwrap_or(0);
    let translated = match code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            unique(schema, entity, message)
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY | ffi::SQLITE_CONSTRAINT_TRIGGER => reference(),
        ffi::SQLITE_CONSTRAINT_NOTNULL => not_null(schema, entity, message, error),
        _ => match Refused::parse(message) {
            Some((Refused::Overflow, field)) => {
                Error::validation(field, "the sum is outside the type's range").with_reason(Reason::Overflow)
            }
            Some((Refused::Least, field)) => Error::validation(field, "the sum is less than the least allowed value"),
            Some((Refused::Greatest, field)) => {
                Error::validation(field, "the sum is more than the greatest allowed value")
            }
            Some((Refused::Inexact, field)) => {
                Error::validation(field, "more digits than its column holds exactly: it is stored as a double")
            }
            Some((Refused::Misfit, field)) => {
                let message =
                    format!("a stored value of {} does not fit its type: {field} cannot be computed", entity.name);
                Error::database(message, error.to_string())
            }
            None => other(error),
        },
    };
    translated.with_entity(&entity.name)
}

/// Any other fault.
pub(super) fn other(error: &rusqlite::Error) -> Error {
    let detail = error.to_string();
    let Some(code) = error.sqlite_error_code() else {
        return Error::database("the database driver refused the statement", detail);
    };
    let message = match code {
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::OperationInterrupted
        | ErrorCode::OperationAborted
        | ErrorCode::FileLockingProtocolFailed => return Error::timeout(Outcome::NotApplied),
        ErrorCode::TooBig => {
            return Error::new(ErrorKind::ValidationError, "a value or a row is larger than the database takes");
        }
        ErrorCode::DiskFull => "the disk is full",
        ErrorCode::SystemIoFailure => {
            let error = Error::database("the disk failed", detail);
            return error.with_outcome(Outcome::Unknown);
        }
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => "the database may not be written",
        ErrorCode::DatabaseCorrupt => "the database file is damaged",
        ErrorCode::NotADatabase => "the file is not a database",
        ErrorCode::CannotOpen => "the database cannot be opened",
        ErrorCode::OutOfMemory => "memory is used up",
        ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch => "a rule of the database refused the row",
        ErrorCode::Unknown if is_missing(&detail) => {
            "the database lacks a table or a column of the schema; run migrate"
        }
        _ => "the database refused the statement",
    };
    Error::database(message, detail).with_outcome(Outcome::NotApplied)
}

fn is_missing(detail: &str) -> bool {
    ["no such table", "no such column", "has no column named"].iter().any(|words| detail.contains(words))
}

/// `UNIQUE constraint failed: users.tenant, users.email`.
fn unique(schema: &Schema, entity: &Entity, message: &str) -> Error {
    let columns = message.split_once(": ").map_or("", |(_, columns)| columns);
    let fields: Vec<&str> = columns.split(", ").filter_map(|column| field_of(schema, column)).collect();
    let what = match fields.as_slice() {
        [] => "these values".to_owned(),
        fields => fields.join(", "),
    };
    Error::conflict(Reason::Unique, &fields, format!("another {} has the same {what}", entity.name))
}

/// `NOT NULL constraint failed: users.email`. Values given are checked long before; null comes from SET NULL.
fn not_null(schema: &Schema, entity: &Entity, message: &str, error: &rusqlite::Error) -> Error {
    let field = message.split_once(": ").and_then(|(_, column)| field_of(schema, column));
    match field {
        Some(field) => Error::validation(field, "must not be null"),
        None => Error::database(format!("a required value of {} is null", entity.name), error.to_string()),
    }
}

/// The field of `table.column`.
fn field_of<'s>(schema: &'s Schema, name: &str) -> Option<&'s str> {
    let entities = || schema.entities().map(|(_, entity)| entity);
    let of = |entity: &'s Entity| {
        let column = name.strip_prefix(entity.table.as_str())?.strip_prefix('.')?;
        entity.fields.iter().find(|field| field.column == column).map(|field| field.name.as_str())
    };
    entities().find_map(of)
}

/// A stored value that does not fit its declared type.
pub(super) fn misfit(schema: &Schema, step: &Step, position: usize, row: &Row<'_>) -> Error {
    let (owner, columns) = step.owner(position);
    let entity = schema.entity(owner);
    let cell = &step.cells[position];
    let name = cell.field.map_or("a result", |field| entity.field(field).name.as_str());
    let mut columns = columns.filter(|at| step.cells[*at].field == Some(entity.key));
    let id =
        columns.next().filter(|key| *key != position).and_then(|key| row.get_ref(key).ok()).and_then(|raw| match raw {
            rusqlite::types::ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            rusqlite::types::ValueRef::Integer(number) => Some(number.to_string()),
            _ => None,
        });
    let of = id.map_or(String::new(), |id| format!(" of {id}"));
    let stored = row.get_ref(position).map_or_else(|error| error.to_string(), |raw| raw.data_type().to_string());
    let message = format!("the stored value of {}.{name}{of} does not fit its type {}", entity.name, cell.ty.as_str());
    Error::database(message, format!("stored as {stored}")).with_entity(&entity.name)
}
