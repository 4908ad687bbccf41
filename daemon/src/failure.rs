//! An error as every transport tells it, and several errors as one.

use dbal::value::json;
use dbal::{Error, Map, Outcome, Result, Retry, Value};

/// The object of `docs/protocol.md`, "Errors".
pub fn object(error: &Error, request_id: &str) -> Map {
    let fields = error.fields().iter().map(|fault| {
        Value::Map(Map(vec![
            ("field".into(), fault.field.as_str().into()),
            ("message".into(), fault.message.as_str().into()),
            ("index".into(), fault.index.map_or(Value::Null, |index| Value::Int(index as i64))),
        ]))
    });
    let (retry, outcome) = (error.retry().as_str(), error.outcome().map(Outcome::as_str));
    let wait = error.retry_after().map(|wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
    Map(vec![
        ("code".into(), error.code().into()),
        ("number".into(), Value::Int(i64::from(error.kind() as u32))),
        ("message".into(), error.message().into()),
        ("reason".into(), error.reason().map_or(Value::Null, |reason| reason.as_str().into())),
        ("fields".into(), Value::List(fields.collect())),
        ("retry".into(), retry.into()),
        ("retryable".into(), Value::Bool(error.retry() == Retry::Yes)),
        ("retry_after_ms".into(), wait.map_or(Value::Null, Value::Int)),
        ("outcome".into(), outcome.map_or(Value::Null, Value::from)),
        ("operation".into(), error.operation().map_or(Value::Null, Value::from)),
        ("entity".into(), error.entity().map_or(Value::Null, Value::from)),
        ("entry".into(), error.entry().map_or(Value::Null, |entry| Value::Int(entry as i64))),
        ("request_id".into(), request_id.into()),
    ])
}

/// `{"error": {...}}`.
pub fn body(error: &Error, request_id: &str) -> String {
    json::to_wire(&Value::Map(Map(vec![("error".into(), Value::Map(object(error, request_id)))])))
}

/// What came of one of several things that are looked at; its fault is put beside those of the others.
pub fn sound<T>(faults: &mut Vec<Error>, found: Result<T>) -> Option<T> {
    match found {
        Ok(found) => Some(found),
        Err(error) => {
            faults.push(error);
            None
        }
    }
}

/// The faults of several things as one error. What is no fault of an input is told before those.
pub fn together(errors: Vec<Error>) -> Error {
    let fields = errors.iter().flat_map(|error| error.fields().iter().cloned()).collect();
    errors.into_iter().find(|error| error.fields().is_empty()).unwrap_or_else(|| Error::invalid(fields))
}
