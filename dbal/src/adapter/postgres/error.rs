//! PostgreSQL's faults in the words of the catalogue. Its own text stays in the detail.

use tokio_postgres::Error as Driver;
use tokio_postgres::error::{DbError, SqlState};

use super::value::Misfit;
use crate::error::{Error, ErrorKind, Outcome, Reason, Result};
use crate::plan::operation::{Role, Sql, Step};
use crate::schema::{Entity, Field, Schema};

/// Why a step stopped.
pub(super) enum Fault {
    /// The server or the connection.
    Driver(Driver),
    /// A row did not fit its types, or the sink refused it.
    Own(Error),
    /// The same, with more rows on their way than are worth throwing away one by one.
    Unread(Error),
}

impl From<Driver> for Fault {
    fn from(error: Driver) -> Self {
        Fault::Driver(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Own(error)
    }
}

/// What the driver says, the causes too. The server's DETAIL is left out: it holds values of rows, and this goes into logs.
fn told(error: &Driver) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

/// A connection that could not be made.
pub(super) fn connecting(error: &Driver) -> Error {
    let message = match error.code() {
        Some(code) if *code == SqlState::INVALID_PASSWORD || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "the database refused the user or the password"
        }
        Some(code) if *code == SqlState::INVALID_CATALOG_NAME => "the server has no database of this name",
        Some(code) if *code == SqlState::TOO_MANY_CONNECTIONS => "the server has no connection left",
        Some(code) if *code == SqlState::CANNOT_CONNECT_NOW => "the server is starting or stopping",
        _ => "the database cannot be reached",
    };
    Error::database(message, told(error)).with_outcome(Outcome::NotApplied)
}

/// Whether the connection is gone with this error, or nobody knows.
pub(super) fn is_lost(error: &Driver) -> bool {
    let Some(error) = error.as_db_error() else {
        // What the driver refuses before it sends anything breaks nothing, but it should never be.
        return true;
    };
    use tokio_postgres::error::Severity::{Fatal, Panic};
    matches!(error.parsed_severity(), Some(Fatal | Panic))
        || [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::PROTOCOL_VIOLATION].contains(error.code())
}

/// A statement that failed. What is known of a lost one depends on whether it would have committed by itself.
pub(super) fn running(schema: &Schema, step: &Step, sql: &Sql, error: &Driver, commits: bool) -> Error {
    let entity = schema.entity(step.entity);
    let translated = match error.as_db_error() {
        Some(refused) => {
            let code = refused.code();
            if *code == SqlState::UNIQUE_VIOLATION {
                unique(schema, entity, refused)
            } else if *code == SqlState::FOREIGN_KEY_VIOLATION {
                reference(schema, step, sql, refused)
            } else if *code == SqlState::NOT_NULL_VIOLATION {
                not_null(schema, entity, refused)
            } else {
                refused_number(refused.message()).unwrap_or_else(|| other(error, commits))
            }
        }
        None => other(error, commits),
    };
    translated.with_entity(&entity.name)
}

/// A transaction, or a part of it, that could not begin or end.
pub(super) fn control(error: &Driver, commits: bool) -> Error {
    other(error, commits)
}

/// Any other fault.
pub(super) fn other(error: &Driver, commits: bool) -> Error {
    let lost = if commits { Outcome::Unknown } else { Outcome::NotApplied };
    let Some(refused) = error.as_db_error() else {
        return match error.is_closed()
            || std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>())
        {
            true => Error::database("the connection to the database was lost", told(error)).with_outcome(lost),
            false => Error::database("the database driver refused the statement", told(error)).with_outcome(lost),
        };
    };
    let code = refused.code();
    let is = |known: &[SqlState]| known.contains(code);
    if is(&[SqlState::QUERY_CANCELED, SqlState::LOCK_NOT_AVAILABLE]) {
        return Error::timeout(Outcome::NotApplied);
    }
    if is(&[SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED]) {
        // Who waited for whom: without it nobody finds the other one.
        return Error::conflict(Reason::Serialization, &[], "another transaction got there first")
            .with_detail(told(error));
    }
    if is(&[SqlState::IN_FAILED_SQL_TRANSACTION]) {
        return super::connection::aborted();
    }
    if is(&[SqlState::PROGRAM_LIMIT_EXCEEDED, SqlState::STRING_DATA_LENGTH_MISMATCH]) {
        return Error::new(ErrorKind::ValidationError, "a value or a row is larger than the database takes");
    }
    let missing = [
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_COLUMN,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::INVALID_SCHEMA_NAME,
    ];
    let message = if is(&missing) {
        "the database lacks a table, a column or a function of the schema; run migrate"
    } else if is(&[SqlState::DISK_FULL]) {
        "the server's disk is full"
    } else if is(&[SqlState::OUT_OF_MEMORY]) {
        "the server's memory is used up"
    } else if is(&[SqlState::READ_ONLY_SQL_TRANSACTION]) {
        "the database may not be written"
    } else if is(&[SqlState::INSUFFICIENT_PRIVILEGE]) {
        "the database does not permit its user to do this"
    } else if is_lost(error) {
        return Error::database("the server ended the connection", told(error)).with_outcome(lost);
    } else {
        "the database refused the statement"
    };
    Error::database(message, told(error)).with_outcome(Outcome::NotApplied)
}

/// What a cast of `sql::lower` failed with on purpose: `... "dbal refused: overflow count"`.
fn refused_number(message: &str) -> Option<Error> {
    let (_, said) = message.split_once("dbal refused: ")?;
    let (word, field) = said.trim_end_matches('"').split_once(' ')?;
    Some(match word {
        "overflow" => overflow(field),
        "least" => Error::validation(field, "the sum is less than the least allowed value"),
        "greatest" => Error::validation(field, "the sum is more than the greatest allowed value"),
        _ => return None,
    })
}

fn overflow(field: &str) -> Error {
    Error::validation(field, "the sum is outside the type's range").with_reason(Reason::Overflow)
}

/// Index names are unique in a schema, but the key's is the server's to choose.
fn unique(schema: &Schema, entity: &Entity, refused: &DbError) -> Error {
    let table = refused.table().unwrap_or(&entity.table);
    let constraint = refused.constraint().unwrap_or_default();
    let entity = schema.entities().map(|(_, entity)| entity).find(|entity| entity.table == table).unwrap_or(entity);
    let index = entity.indexes.iter().find(|index| index.unique && index.name == constraint);
    let fields: Vec<&str> = match index {
        Some(index) => index.fields.iter().map(|field| entity.field(*field).name.as_str()).collect(),
        None if constraint.ends_with("_pkey") => entity.keys().map(|key| entity.field(key).name.as_str()).collect(),
        None => columns(entity, refused),
    };
    let what = if fields.is_empty() { "these values".to_owned() } else { fields.join(", ") };
    Error::conflict(Reason::Unique, &fields, format!("another {} has the same {what}", entity.name))
}

/// The fields of `Key (tenant, email)=(1, a) already exists.`, for indexes that others made.
fn columns<'s>(entity: &'s Entity, refused: &DbError) -> Vec<&'s str> {
    let named = refused.detail().and_then(|detail| detail.split_once('(')?.1.split_once(")=(")).map(|(names, _)| names);
    let names = named.unwrap_or_default().split(", ").map(|name| name.trim_matches('"'));
    names.filter_map(|name| field_of(entity, name)).map(|field| field.name.as_str()).collect()
}

fn field_of<'s>(entity: &'s Entity, column: &str) -> Option<&'s Field> {
    entity.fields.iter().find(|field| field.column == column)
}

/// The server names the referring table and the constraint, in either direction; which column it is about stands in the
/// detail, for the referring table only.
fn reference(schema: &Schema, step: &Step, sql: &Sql, refused: &DbError) -> Error {
    let written = schema.entity(step.entity);
    let table = refused.table().unwrap_or_default();
    let referring = schema.entities().find(|(_, entity)| entity.table == table);
    let Some((id, referring)) = referring else {
        return Error::conflict(Reason::ForeignKey, &[], "a reference would point to a row that does not exist");
    };
    let constraint = refused.constraint().unwrap_or_default();
    // `table_column_fkey`, as the server calls them; cut where it is too long.
    let keys = || referring.field_ids().filter(|(_, field)| field.foreign_key.is_some());
    let known = keys().find(|(_, field)| format!("{}_{}_fkey", referring.table, field.column) == constraint);
    let detailed = || {
        let names = columns(referring, refused);
        keys().find(|(_, field)| names.contains(&field.name.as_str()) && is_set(sql, field, referring))
    };
    let only = || {
        let mut between = keys().filter(|(_, field)| {
            id == step.entity
                || field.foreign_key.as_ref().is_some_and(|key| std::ptr::eq(schema.entity(key.entity), written))
        });
        between.next().filter(|_| between.next().is_none())
    };
    let Some((field, declared)) = known.or_else(detailed).or_else(only) else {
        return Error::conflict(Reason::ForeignKey, &[], "a reference would point to a row that does not exist");
    };
    let sets = id == step.entity && sql.references.iter().any(|(set, _)| *set == field);
    let message = match sets {
        true => "it would refer to a row that does not exist",
        false => "another row still refers to this one",
    };
    Error::conflict(Reason::ForeignKey, &[&declared.name], message)
}

fn is_set(sql: &Sql, field: &Field, entity: &Entity) -> bool {
    sql.references.iter().any(|(set, _)| std::ptr::eq(entity.field(*set), field))
}

/// Values given are checked long before; null comes from SET NULL.
fn not_null(schema: &Schema, entity: &Entity, refused: &DbError) -> Error {
    let table = refused.table().unwrap_or(&entity.table);
    let entity = schema.entities().map(|(_, entity)| entity).find(|entity| entity.table == table).unwrap_or(entity);
    match refused.column().and_then(|column| field_of(entity, column)) {
        Some(field) => Error::validation(&field.name, "must not be null"),
        None => Error::database(format!("a required value of {} is null", entity.name), refused.message()),
    }
}

/// A value that does not fit its declared type.
pub(super) fn misfit(schema: &Schema, step: &Step, position: usize, misfit: Misfit, id: Option<String>) -> Error {
    let entity = schema.entity(step.owner(position).0);
    let cell = &step.cells[position];
    if let (Misfit::Overflow, Role::Root(output)) = (misfit, &step.role) {
        let name = output.columns.names.get(position).map_or("sum", AsRef::as_ref);
        return overflow(name).with_entity(&entity.name);
    }
    let name = cell.field.map_or("a result", |field| entity.field(field).name.as_str());
    let of = id.map_or(String::new(), |id| format!(" of {id}"));
    let message = format!("the stored value of {}.{name}{of} does not fit its type {}", entity.name, cell.ty.as_str());
    Error::database(message, "the server sent another type or a value outside its range").with_entity(&entity.name)
}

/// The result of a statement that cannot name a row.
pub(super) fn plain<T>(result: Result<T, Driver>) -> Result<T> {
    result.map_err(|error| other(&error, false))
}
