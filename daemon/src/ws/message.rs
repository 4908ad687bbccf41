//! Messages of JSON-RPC 2.0.

use std::time::Duration;

use dbal::value::json;
use dbal::{Error, ErrorKind, Map, Operation, Request, Result, Value};

use crate::failure;

/// What a message is called: a whole number or text. Kept as the client wrote it.
pub type Id = String;

/// One message of a client.
#[derive(Debug)]
pub struct Incoming {
    /// None of a notification.
    pub id: Option<Id>,
    /// What is asked for.
    pub method: String,
    /// With what.
    pub params: Map,
}

/// Deeper than any filter or document that the engine takes, and the message around it.
const DEPTH: u32 = 132;

impl Incoming {
    /// Reads a message; none of what is not JSON-RPC.
    pub fn read(text: &str) -> Option<Incoming> {
        let limits = json::Limits { depth: DEPTH, keep_floats: true };
        let Ok(Value::Map(message)) = json::parse_with(text.as_bytes(), &limits) else { return None };
        let (mut id, mut method, mut params, mut version) = (None, None, Map::new(), false);
        for (name, value) in message.0 {
            match (name.as_ref(), value) {
                ("jsonrpc", Value::Text(given)) if given == "2.0" => version = true,
                ("id", Value::Int(number)) => id = Some(number.to_string()),
                ("id", Value::Text(text)) if text.len() <= 128 => id = Some(json::to_text(&Value::Text(text))),
                ("method", Value::Text(given)) => method = Some(given),
                ("params", Value::Map(given)) => params = given,
                ("params", Value::Null) => {}
                _ => return None,
            }
        }
        version.then_some(Incoming { id, method: method?, params })
    }
}

/// The parameters of a message, taken out one by one; what is left over is a fault.
pub struct Params(Map);

impl Params {
    /// All of them.
    pub fn new(params: Map) -> Self {
        Params(params)
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let place = self.0.0.iter().position(|(known, _)| known == name)?;
        match self.0.0.remove(place).1 {
            Value::Null => None,
            value => Some(value),
        }
    }

    /// A text.
    pub fn text(&mut self, name: &str) -> Result<Option<String>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(name, "text", &other)),
        }
    }

    /// A whole number, 0 or more.
    pub fn number(&mut self, name: &str) -> Result<Option<u64>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Int(number)) if number >= 0 => Ok(Some(number.unsigned_abs())),
            Some(other) => Err(wrong(name, "a whole number, 0 or more", &other)),
        }
    }

    /// Yes or no; no where nothing is said.
    pub fn flag(&mut self, name: &str) -> Result<bool> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => Err(wrong(name, "true or false", &other)),
        }
    }

    /// The id of another message, as it was written there.
    pub fn id(&mut self, name: &str) -> Result<Option<Id>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Int(number)) => Ok(Some(number.to_string())),
            Some(text @ Value::Text(_)) => Ok(Some(json::to_text(&text))),
            Some(other) => Err(wrong(name, "an id", &other)),
        }
    }

    /// How long the caller waits.
    pub fn deadline(&mut self) -> Result<Option<Duration>> {
        match self.number("deadline_ms")? {
            Some(0) => Err(Error::validation("deadline_ms", "expected 1 or more")),
            millis => Ok(millis.map(Duration::from_millis)),
        }
    }

    /// The request of `operation`, `entity` and `args`.
    pub fn request(&mut self, operation: Option<Operation>) -> Result<Request> {
        let operation = match operation {
            Some(operation) => operation,
            None => {
                let name = self.text("operation")?.unwrap_or_default();
                let unknown = || Error::validation("operation", "expected an operation, such as list");
                match Operation::parse(&name).ok_or_else(unknown)? {
                    Operation::Stream => {
                        return Err(Error::validation("operation", "a stream has a method of its own"));
                    }
                    operation => operation,
                }
            }
        };
        let entity = self.text("entity")?.unwrap_or_default();
        let args = match self.take("args") {
            None => Map::new(),
            Some(Value::Map(args)) => args,
            Some(other) => return Err(wrong("args", "an object", &other)),
        };
        Ok(Request { operation, entity: entity.into(), args })
    }

    /// Nothing may be left.
    pub fn finish(self) -> Result<()> {
        match self.0.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(Error::validation(format!("params.{name}"), "unknown parameter")),
        }
    }
}

fn wrong(name: &str, expected: &str, got: &Value) -> Error {
    Error::validation(name, format!("expected {expected}, got {}", got.kind()))
}

/// The answer to a message, its result already JSON.
pub fn result(id: &str, result: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}")
}

/// The answer that it failed.
pub fn failed(id: &str, error: &Error, request_id: &str) -> String {
    let data = Value::Map(failure::object(error, request_id));
    let told = Map(vec![
        ("code".into(), Value::Int(i64::from(error.kind() as u32))),
        ("message".into(), error.message().into()),
        ("data".into(), data),
    ]);
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{}}}", json::to_wire(&Value::Map(told)))
}

/// There is no such method.
pub fn unknown(method: &str) -> Error {
    let shown: String = method.chars().filter(|letter| !letter.is_control()).take(64).collect();
    Error::new(ErrorKind::CapabilityNotSupported, format!("there is no method `{shown}`"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn only_json_rpc_is_read() {
        let read = Incoming::read(r#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#).unwrap();
        assert_eq!((read.id.as_deref(), read.method.as_str()), (Some("\"a\""), "ping"));
        assert!(Incoming::read(r#"{"jsonrpc":"2.0","method":"$/cancel","params":{"id":1}}"#).unwrap().id.is_none());
        for text in [
            "",
            "[]",
            "1",
            "{}",
            r#"{"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","more":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"} x"#,
        ] {
            assert!(Incoming::read(text).is_none(), "{text}");
        }
    }
}
