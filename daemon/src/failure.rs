//! An error as every transport tells it.

use dbal::value::json;
use dbal::{Error, Map, Outcome, Retry, Value};

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
