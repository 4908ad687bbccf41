//! MongoDB's faults in the words of the catalogue. Its own text stays in the detail.

use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument};
use mongodb::error::{
    Error as DriverError, ErrorKind as DriverKind, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT,
};

use crate::error::{Error, ErrorKind, Outcome, Reason};
use crate::plan::operation::Cell;
use crate::plan::operation::document::{Path, column};
use crate::schema::{Entity, EntityId, Schema};

/// What was asked when a fault came back: it decides what is known of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A read, or a statement of a transaction: nothing stays of it.
    Nothing,
    /// A write by itself: it may have been done although no answer came.
    Write,
}

impl Asked {
    fn lost(self) -> Outcome {
        match self {
            Asked::Nothing => Outcome::NotApplied,
            Asked::Write => Outcome::Unknown,
        }
    }
}

/// The time ran out on this side.
pub(super) fn late(asked: Asked) -> Error {
    Error::timeout(asked.lost())
}

/// Another transaction got there first.
pub(super) fn serialization(detail: &str) -> Error {
    let error = Error::conflict(Reason::Serialization, &[], "another transaction wrote the same rows first");
    error.with_detail(detail)
}

/// A command that failed.
pub(super) fn failed(error: &DriverError, asked: Asked) -> Error {
    let detail = error.to_string();
    match error.kind.as_ref() {
        DriverKind::Command(command) => match of_code(command.code, &command.message) {
            Some(error) => error,
            None if error.contains_label(TRANSIENT_TRANSACTION_ERROR) => serialization(&detail),
            None => Error::database("the database refused the command", detail).with_outcome(Outcome::NotApplied),
        },
        DriverKind::ServerSelection { .. } | DriverKind::DnsResolve { .. } => {
            Error::database("no database server answered", detail).with_outcome(Outcome::NotApplied)
        }
        DriverKind::Authentication { .. } => {
            Error::database("the database refused the user or the password", detail).with_outcome(Outcome::NotApplied)
        }
        DriverKind::Io(_) | DriverKind::ConnectionPoolCleared { .. } => {
            Error::database("the connection to the database was lost", detail).with_outcome(asked.lost())
        }
        DriverKind::SessionsNotSupported | DriverKind::Transaction { .. } => no_transactions(),
        _ => Error::database("the database driver refused the command", detail).with_outcome(asked.lost()),
    }
}

/// A commit that failed.
pub(super) fn committing(error: &DriverError, asked: Asked) -> Error {
    if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) {
        let lost = "the connection was lost while the transaction was committed";
        return Error::database(lost, error.to_string()).with_outcome(asked.lost());
    }
    failed(error, Asked::Nothing)
}

/// The fault of a code; none where nothing more is known of it.
fn of_code(code: i32, message: &str) -> Option<Error> {
    Some(match code {
        // MaxTimeMSExpired, ExceededTimeLimit, and a lock that was not had in time.
        50 | 262 => Error::timeout(Outcome::NotApplied),
        // WriteConflict, NoSuchTransaction, TransactionTooOld, LockTimeout, and snapshots that are gone.
        112 | 251 | 225 | 24 | 246 | 239 => serialization(message),
        // IllegalOperation: "Transaction numbers are only allowed on a replica set member or mongos".
        20 if message.contains("Transaction numbers") => no_transactions(),
        121 => {
            let refused = "the collection's validator refused the document";
            Error::database(refused, message).with_outcome(Outcome::NotApplied)
        }
        // BSONObjectTooLarge, and what the server says of commands and documents above 16 MiB.
        10334 | 17419 | 17420 | 2 if code != 2 || message.contains("too large") => {
            Error::new(ErrorKind::ValidationError, "a value or a row is larger than the database takes")
        }
        13 | 18 => Error::database("the database refused the user", message).with_outcome(Outcome::NotApplied),
        _ => return None,
    })
}

/// What a deployment without a replica set cannot do.
pub(super) fn no_transactions() -> Error {
    let message = "this needs a transaction, which MongoDB has only on a replica set or a sharded cluster";
    Error::unsupported("transactions", message)
}

/// A write that the reply says was refused.
pub(super) fn refused(entity: &Entity, fault: &Document) -> Error {
    let code = fault.get("code").and_then(whole).and_then(|code| i32::try_from(code).ok()).unwrap_or(0);
    let message = fault.get_str("errmsg").unwrap_or_default();
    match code {
        11000 | 11001 | 12582 => unique(entity, fault, message),
        _ => of_code(code, message).unwrap_or_else(|| {
            Error::database("the database refused the row", message).with_outcome(Outcome::NotApplied)
        }),
    }
}

fn unique(entity: &Entity, fault: &Document, message: &str) -> Error {
    let by_pattern = |pattern: &Document| -> Vec<&str> {
        let field = |name: &String| entity.fields.iter().find(|field| column(field) == name);
        pattern.keys().filter_map(field).map(|field| field.name.as_str()).collect()
    };
    let fields = fault.get_document("keyPattern").map(by_pattern).unwrap_or_default();
    let fields = if fields.is_empty() { by_index(entity, message) } else { fields };
    let what = if fields.is_empty() { "these values".to_owned() } else { fields.join(", ") };
    Error::conflict(Reason::Unique, &fields, format!("another {} has the same {what}", entity.name))
}

/// The fields of the index that a message names, for servers that do not name the fields.
fn by_index<'e>(entity: &'e Entity, message: &str) -> Vec<&'e str> {
    let name = message.split_once("index: ").map(|(_, rest)| rest.split(' ').next().unwrap_or_default());
    match name {
        Some("_id_") => vec![&entity.field(entity.key).name],
        Some(name) => {
            let index = entity.indexes.iter().find(|index| index.name == name);
            index
                .map(|index| index.fields.iter().map(|id| entity.field(*id).name.as_str()).collect())
                .unwrap_or_default()
        }
        None => Vec::new(),
    }
}

/// A whole number, whatever type it came in.
pub(super) fn whole(value: &Bson) -> Option<i64> {
    match value {
        Bson::Int32(number) => Some((*number).into()),
        Bson::Int64(number) => Some(*number),
        Bson::Double(number) => crate::value::json::whole(*number),
        _ => None,
    }
}

/// A stored value that does not fit its declared type.
pub(super) fn misfit(
    schema: &Schema,
    entity: EntityId,
    cell: &Cell,
    row: &RawDocument,
    stored: RawBsonRef<'_>,
) -> Error {
    let entity = schema.entity(entity);
    let name = cell.field.map_or("a result", |field| entity.field(field).name.as_str());
    let id = match row.get(crate::plan::operation::document::KEY) {
        Ok(Some(RawBsonRef::String(text))) => Some(text.to_owned()),
        Ok(Some(RawBsonRef::Int32(number))) => Some(number.to_string()),
        Ok(Some(RawBsonRef::Int64(number))) => Some(number.to_string()),
        _ => None,
    };
    let of = id.filter(|_| cell.field != Some(entity.key)).map_or(String::new(), |id| format!(" of {id}"));
    let message = format!("the stored value of {}.{name}{of} does not fit its type {}", entity.name, cell.ty.as_str());
    Error::database(message, format!("stored as {:?}", stored.element_type())).with_entity(&entity.name)
}

/// A stored value that nothing can be computed with.
pub(super) fn not_computed(entity: &Entity, path: &Path) -> Error {
    let field = entity.fields.iter().find(|field| column(field) == path.0);
    let field = field.map_or(path.0.as_str(), |field| field.name.as_str());
    let message = format!("a stored value of {} does not fit its type: {field} cannot be computed", entity.name);
    Error::database(message, "of another type")
}
