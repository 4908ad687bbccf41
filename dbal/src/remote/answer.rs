//! What a daemon answers.

use crate::error::Result;
use crate::packed::{Message, Unpacker};
use crate::remote::failure::senseless;
use crate::row::{Record, RecordSink};
use crate::schema::EntityId;
use crate::value::{Map, Value, json};

/// The answer to one question.
#[derive(Clone, Debug)]
pub enum Answer {
    /// JSON, as the protocol has the answer of the operation.
    Plain(Value),
    /// Rows that came packed.
    Rows {
        /// What they are: a word, or `{page: {...}}`.
        envelope: Value,
        /// Of which entity; none where there are no rows.
        entity: Option<EntityId>,
        /// The rows.
        records: Vec<Record>,
    },
}

/// A message of the daemon, read.
#[derive(Debug)]
pub(super) enum Incoming {
    /// The answer to the question of this number.
    Answer(u64, Answer),
    /// Why there is none.
    Failed(u64, Map),
    /// Rows of a stream that came packed.
    Packed(u64, Vec<Record>),
    /// Rows of a stream as JSON.
    Plain(u64, Value),
    /// Nothing that is waited for.
    Other,
}

/// Reads a text message.
pub(super) fn text(text: &str) -> Result<Incoming> {
    let limits = json::Limits { keep_floats: true, ..json::Limits::default() };
    let Value::Map(mut message) = json::parse_with(text.as_bytes(), &limits)? else { return Err(senseless()) };
    let id = message.get("id").and_then(number);
    if message.get("method").and_then(Value::as_str) == Some("stream.rows") {
        let Some(Value::Map(mut params)) = taken(&mut message, "params") else { return Err(senseless()) };
        let id = params.get("id").and_then(number).ok_or_else(senseless)?;
        return Ok(Incoming::Plain(id, taken(&mut params, "rows").ok_or_else(senseless)?));
    }
    let Some(id) = id else { return Ok(Incoming::Other) };
    match (taken(&mut message, "result"), taken(&mut message, "error")) {
        (Some(result), None) => Ok(Incoming::Answer(id, Answer::Plain(result))),
        (None, Some(Value::Map(mut error))) => {
            let data = match taken(&mut error, "data") {
                Some(Value::Map(data)) => data,
                _ => error,
            };
            Ok(Incoming::Failed(id, data))
        }
        _ => Err(senseless()),
    }
}

/// Reads a binary message.
pub(super) fn binary(bytes: &[u8], unpacker: &mut Unpacker) -> Result<Incoming> {
    let mut message = Message::read(bytes)?;
    unpacker.learn(&message.head)?;
    let mut sink = RecordSink::default();
    let entity = unpacker.rows(&mut message, &mut sink)?;
    let mut head = message.head;
    if let Some(id) = head.get("stream").and_then(number) {
        return Ok(Incoming::Packed(id, sink.records));
    }
    let id = head.get("id").and_then(number).ok_or_else(senseless)?;
    let envelope = taken(&mut head, "envelope").ok_or_else(senseless)?;
    Ok(Incoming::Answer(id, Answer::Rows { envelope, entity, records: sink.records }))
}

fn number(value: &Value) -> Option<u64> {
    value.as_i64().and_then(|number| u64::try_from(number).ok())
}

fn taken(map: &mut Map, name: &str) -> Option<Value> {
    let at = map.0.iter().position(|(known, _)| known == name)?;
    Some(map.0.swap_remove(at).1)
}
