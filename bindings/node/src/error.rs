//! Errors on their way to JavaScript: as JSON, from which `lib/error.js` makes a `DBALError`.

use dbal::value::{Map, Value, json};
use dbal::{Error, Outcome, Retry};

/// The error as JSON.
pub fn describe(error: &Error) -> String {
    let fields = error.fields().iter().map(|fault| {
        let mut map = Map::new();
        map.insert("field", fault.field.as_str());
        map.insert("message", fault.message.as_str());
        if let Some(index) = fault.index {
            map.insert("index", index as i64);
        }
        Value::Map(map)
    });
    let mut map = Map::new();
    map.insert("code", error.code());
    map.insert("message", error.message());
    map.insert("reason", error.reason().map(|reason| reason.as_str()));
    map.insert("retryable", error.retry() != Retry::No);
    map.insert("outcome", error.outcome().map(Outcome::as_str));
    map.insert("operation", error.operation());
    map.insert("entity", error.entity());
    map.insert("fields", Value::List(fields.collect()));
    map.insert("retryAfter", error.retry_after().map(|wait| wait.as_millis() as i64));
    map.insert("detail", error.detail());
    json::to_wire(&Value::Map(map))
}
