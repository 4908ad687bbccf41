//! Values as bytes: those of a cursor, which are read back, and those it is bound to, which are only digested.

use crate::error::{Error, Result};
use crate::value::{Date, DateTime, Decimal, Map, Uuid, Value};

/// Appends a value of a sort key.
///
/// # Errors
/// INTERNAL_ERROR for a value that nothing is sorted by.
pub(super) fn write(value: &Value, out: &mut Vec<u8>) -> Result<()> {
    let (tag, bytes): (u8, &[u8]) = match value {
        Value::Null | Value::Undefined => (0, &[]),
        Value::Bool(truth) => (1, &[u8::from(*truth)]),
        Value::Int(number) => (2, &number.to_le_bytes()),
        Value::Float(number) => (3, &number.to_bits().to_le_bytes()),
        Value::Decimal(number) => {
            let mut bytes = number.coefficient().to_le_bytes().to_vec();
            bytes.extend_from_slice(&number.scale().to_le_bytes());
            append(4, &bytes, out);
            return Ok(());
        }
        Value::Text(text) => (5, text.as_bytes()),
        Value::Bytes(bytes) => (6, bytes),
        Value::Uuid(uuid) => (7, uuid.as_bytes()),
        Value::DateTime(instant) => (8, &instant.epoch_millis().to_le_bytes()),
        Value::Date(day) => (9, &day.epoch_days().to_le_bytes()),
        Value::List(_) | Value::Map(_) | Value::Json(_) | Value::Record(_) | Value::Records(_) => {
            return Err(Error::internal(format!("a row is sorted by a {}", value.kind())));
        }
    };
    append(tag, bytes, out);
    Ok(())
}

/// All values; none when the bytes are not what [`write`] wrote.
pub(super) fn read_all(mut bytes: &[u8]) -> Option<Vec<Value>> {
    let mut values = Vec::new();
    while let Some((tag, rest)) = bytes.split_first() {
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        bytes = rest;
        values.push(match tag {
            0 => Value::Null,
            1 => Value::Bool(value == [1]),
            2 => Value::Int(i64::from_le_bytes(value.try_into().ok()?)),
            3 => Value::Float(f64::from_bits(u64::from_le_bytes(value.try_into().ok()?))),
            4 => {
                let (coefficient, scale) = value.split_first_chunk::<16>()?;
                let scale = u32::from_le_bytes(scale.try_into().ok()?);
                Value::Decimal(Box::new(Decimal::new(i128::from_le_bytes(*coefficient), scale)?))
            }
            5 => Value::Text(String::from_utf8(value.to_vec()).ok()?),
            6 => Value::Bytes(value.to_vec()),
            7 => Value::Uuid(Uuid::from_bytes(value.try_into().ok()?)),
            8 => Value::DateTime(DateTime::from_epoch_millis(i64::from_le_bytes(value.try_into().ok()?))?),
            9 => Value::Date(Date::from_epoch_days(i32::from_le_bytes(value.try_into().ok()?))?),
            _ => return None,
        });
    }
    Some(values)
}

/// Appends any value in a form that is the same for equal values, however a map is ordered.
pub(super) fn canonical(value: &Value, out: &mut Vec<u8>) {
    within(value, out, 96);
}

/// Appends a map in the order of its names.
pub(super) fn map(map: &Map, out: &mut Vec<u8>) {
    entries(map, out, 96);
}

pub(super) fn text(text: &str, out: &mut Vec<u8>) {
    append(5, text.as_bytes(), out);
}

/// Deeper requests are refused anyway; `depth` only keeps the walk off the end of the stack.
fn within(value: &Value, out: &mut Vec<u8>, depth: u32) {
    match value {
        Value::Undefined => append(20, &[], out),
        Value::List(_) | Value::Map(_) if depth == 0 => append(21, &[], out),
        Value::List(items) => {
            append(22, &(items.len() as u64).to_le_bytes(), out);
            items.iter().for_each(|item| within(item, out, depth - 1));
        }
        Value::Map(map) => entries(map, out, depth - 1),
        Value::Record(_) | Value::Records(_) => append(23, &[], out),
        simple => {
            // Only what was matched above cannot be written.
            let _ = write(simple, out);
        }
    }
}

fn entries(map: &Map, out: &mut Vec<u8>, depth: u32) {
    append(24, &(map.0.len() as u64).to_le_bytes(), out);
    let mut entries: Vec<_> = map.0.iter().collect();
    entries.sort_by(|(left, _), (right, _)| left.cmp(right));
    for (name, value) in entries {
        text(name, out);
        within(value, out, depth);
    }
}

fn append(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}
