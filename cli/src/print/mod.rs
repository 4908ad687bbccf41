//! Answers on standard output.

pub mod csv;
mod table;

use std::borrow::Cow;
use std::io::Write;

use dbal::client::wire;
use dbal::schema::{EntityId, Schema};
use dbal::value::json;
use dbal::{Client, Record, Request, Value};

use crate::failure::Failure;
use crate::options::Format;
pub use table::texts;

/// Asks, and writes the answer.
pub fn answer(client: &Client, entity: EntityId, request: &Request, format: Format, out: &mut dyn Write) -> Done {
    let schema = client.schema();
    if format == Format::Csv && !matches!(request.operation, dbal::Operation::Count | dbal::Operation::Call) {
        return csv::stream(client, entity, request, out);
    }
    let response = client.execute(request)?;
    match format {
        Format::Json => writeln!(out, "{}", wire::response(schema, entity, &response))?,
        Format::Table | Format::Csv => table::response(schema, entity, &response, out)?,
    }
    Ok(())
}

/// What a command says when nothing failed.
pub type Done = Result<(), Failure>;

/// A value as bare text: what stands between the quotes of its JSON, or the JSON of a list or an object.
fn bare(schema: &Schema, entity: EntityId, column: &str, value: &Value) -> String {
    match value {
        Value::Null | Value::Undefined => String::new(),
        Value::Text(text) => text.clone(),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => json::to_wire(value),
        Value::Decimal(number) => number.to_string(),
        Value::Uuid(id) => id.to_string(),
        Value::DateTime(instant) => instant.to_string(),
        Value::Date(day) => day.to_string(),
        Value::Bytes(_) => json::to_wire(value).trim_matches('"').to_owned(),
        Value::List(_) | Value::Map(_) | Value::Json(_) | Value::Record(_) | Value::Records(_) => {
            wire::cell(schema, entity, column, value)
        }
    }
}

/// Text that cannot move a terminal's cursor or change its colours.
pub fn plain(text: &str) -> Cow<'_, str> {
    // Control characters, and those that turn the direction of text around.
    let odd = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    match text.contains(odd) {
        false => Cow::Borrowed(text),
        true => Cow::Owned(
            text.chars().map(|c| if odd(c) { c.escape_default().to_string() } else { c.to_string() }).collect(),
        ),
    }
}

/// `1 row`, `2 rows`.
pub fn count(number: u64, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

/// The names of a result that has rows.
fn columns(rows: &[Record]) -> Vec<&str> {
    rows.first().map(|row| row.iter().map(|(name, _)| name).collect()).unwrap_or_default()
}
