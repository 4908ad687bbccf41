//! Values to JSON text: the canonical text of a document, and the wire form of any value.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::whole;
use crate::row::Record;
use crate::value::{Value, ValueRef};

/// The canonical text of a document; see [`write()`].
pub fn to_text(document: &Value) -> String {
    let mut text = String::new();
    write(document, &mut text);
    text
}

/// Appends the canonical text of a document: no spaces, keys in code point order, only necessary escapes, whole numbers
/// as integers, other floats with the fewest digits that read back. Equal documents have equal texts.
pub fn write(document: &Value, out: &mut String) {
    match document {
        Value::List(list) => write_list(list, out, write),
        Value::Map(map) => {
            if map.0.is_sorted_by(|a, b| a.0 <= b.0) {
                write_object(map.iter(), out, write);
            } else {
                write_object(map.sorted().into_iter(), out, write);
            }
        }
        Value::Float(number) => match whole(*number) {
            Some(number) => write_int(number, out),
            None => write_float(*number, out),
        },
        Value::Json(text) => write(&ValueRef::Json(text).to_value(), out),
        other => write_wire(other, out),
    }
}

/// The wire form of a value; see [`write_wire`].
pub fn to_wire(value: &Value) -> String {
    let mut text = String::new();
    write_wire(value, &mut text);
    text
}

/// Appends a value as JSON the way daemon and CLI do, by its kind alone: decimal, uuid, datetime and date as text, bytes
/// as base64, maps and records as objects in their own order, floats always with a point or an exponent. A bigint
/// field's integer is text on the wire too, but only its field's type can say so.
pub fn write_wire(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Undefined => out.push_str("null"),
        Value::Bool(v) => out.push_str(if *v { "true" } else { "false" }),
        Value::Int(v) => write_int(*v, out),
        Value::Float(v) => write_float(*v, out),
        Value::Decimal(v) => write_display(v, out),
        Value::Text(v) => write_text(v, out),
        Value::Bytes(v) => {
            out.push('"');
            STANDARD.encode_string(v, out);
            out.push('"');
        }
        Value::Uuid(v) => write_display(v, out),
        Value::DateTime(v) => write_display(v, out),
        Value::Date(v) => write_display(v, out),
        Value::List(list) => write_list(list, out, write_wire),
        Value::Map(map) => write_object(map.iter(), out, write_wire),
        Value::Json(text) => out.push_str(text),
        Value::Record(record) => write_record(record, out),
        Value::Records(records) => write_list(records, out, write_record),
    }
}

fn write_record(record: &Record, out: &mut String) {
    write_object(record.iter(), out, write_wire);
}

fn write_list<T>(items: &[T], out: &mut String, one: fn(&T, &mut String)) {
    out.push('[');
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        one(item, out);
    }
    out.push(']');
}

fn write_object<'v>(pairs: impl Iterator<Item = (&'v str, &'v Value)>, out: &mut String, one: fn(&Value, &mut String)) {
    out.push('{');
    for (position, (key, value)) in pairs.enumerate() {
        if position > 0 {
            out.push(',');
        }
        write_text(key, out);
        out.push(':');
        one(value, out);
    }
    out.push('}');
}

fn write_int(number: i64, out: &mut String) {
    write!(out, "{number}").expect("a String takes any text");
}

/// The fewest digits that read back as the same double. JSON has no word for NaN and infinities; values never are.
fn write_float(number: f64, out: &mut String) {
    match number.is_finite() {
        true => write!(out, "{number:?}").expect("a String takes any text"),
        false => out.push_str("null"),
    }
}

/// Text that needs no escapes.
fn write_display(value: &impl std::fmt::Display, out: &mut String) {
    write!(out, "\"{value}\"").expect("a String takes any text");
}

/// Appends a JSON string.
pub(super) fn write_text(text: &str, out: &mut String) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut plain = 0;
    for (position, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        // Every byte that is escaped is a character of its own.
        out.push_str(&text[plain..position]);
        plain = position + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0C => out.push_str("\\f"),
            _ => write!(out, "\\u{byte:04x}").expect("a String takes any text"),
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}
