//! Errors of a daemon as the errors of a client in the same process.

use std::time::Duration;

use crate::error::{Error, ErrorKind, FieldFault, Outcome, Parts, Reason, Retry};
use crate::request::Operation;
use crate::value::{Map, Value};

/// The error that an error object describes.
pub(super) fn told(object: &Map) -> Error {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let number = |name: &str| object.get(name).and_then(Value::as_i64);
    let kind = text("code").and_then(|code| ErrorKind::ALL.iter().copied().find(|kind| kind.code() == code));
    let faults = object.get("fields").and_then(Value::as_list).unwrap_or_default();
    let fault = |fault: &Value| {
        let fault = fault.as_map()?;
        let part = |name: &str| fault.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let index = fault.get("index").and_then(Value::as_i64).and_then(|index| usize::try_from(index).ok());
        Some(FieldFault { field: part("field"), message: part("message"), index })
    };
    let reasons =
        [Reason::Unique, Reason::ForeignKey, Reason::Version, Reason::Serialization, Reason::Aborted, Reason::Overflow];
    let (retries, outcomes) = ([Retry::Yes, Retry::Transaction], [Outcome::NotApplied, Outcome::Unknown]);
    Error::from_parts(Parts {
        kind: kind.unwrap_or(ErrorKind::InternalError),
        message: text("message").unwrap_or("the daemon said no more").to_owned(),
        retry: text("retry")
            .and_then(|word| retries.into_iter().find(|retry| retry.as_str() == word))
            .unwrap_or_default(),
        reason: text("reason").and_then(|word| reasons.into_iter().find(|reason| reason.as_str() == word)),
        outcome: text("outcome").and_then(|word| outcomes.into_iter().find(|outcome| outcome.as_str() == word)),
        operation: text("operation").and_then(Operation::parse).map(Operation::as_str),
        entity: text("entity").map(str::to_owned),
        fields: faults.iter().filter_map(fault).collect(),
        retry_after: number("retry_after_ms").and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis),
        entry: number("entry").and_then(|entry| usize::try_from(entry).ok()),
    })
}

/// The way to the daemon is gone; what is known of the request.
pub(super) fn lost(outcome: Outcome) -> Error {
    let message = match outcome {
        Outcome::NotApplied => "the connection to the daemon was lost",
        Outcome::Unknown => "the connection to the daemon was lost before it answered",
    };
    Error::new(ErrorKind::DatabaseError, message).with_outcome(outcome).with_retry(match outcome {
        Outcome::NotApplied => Retry::Yes,
        Outcome::Unknown => Retry::No,
    })
}

/// The daemon cannot be reached.
pub(super) fn unreachable(place: &str, why: &dyn std::fmt::Display) -> Error {
    let message = format!("the daemon at {place} cannot be reached");
    let error = Error::database(message, why.to_string());
    error.with_outcome(Outcome::NotApplied).with_retry(Retry::Yes)
}

/// The daemon says what nobody should.
pub(super) fn senseless() -> Error {
    Error::internal("the daemon answered something that is no answer")
}
