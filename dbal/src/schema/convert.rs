//! From a value that a host gives to the one form that everything after it sees, and the rules of a field.
//!
//! Messages say what was expected and what kind of value came, never the value: it may be secret, or long.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use super::hash::{hash_stored, verify_hash};
pub use super::rules::check_rules;
use super::{EnumType, FieldType, TextKind};
use crate::value::{Decimal, Uuid, Value, json, text};

/// Checks a value against a type and gives it in the type's canonical form: what a field of the type holds, whichever
/// host the value came from. Null passes; whether it may stand there is the caller's question.
///
/// ```
/// use dbal::schema::{convert, FieldType};
/// use dbal::Value;
/// let day = convert::convert(&FieldType::Date, &Value::from("2024-02-29"))?;
/// assert_eq!(day.kind(), "date");
/// let fault = convert::convert(&FieldType::Integer, &Value::from("5")).unwrap_err();
/// assert_eq!(fault, "expected an integer, got text");
/// # Ok::<(), String>(())
/// ```
pub fn convert(ty: &FieldType, value: &Value) -> Result<Value, String> {
    let converted = match (ty, value) {
        (FieldType::Json, document) => return json::canonical(document),
        (_, Value::Null) => Value::Null,
        (FieldType::Text(_), Value::Text(given)) => {
            text::check(given)?;
            let digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
            if ty.is_object_id() && !(given.len() == 24 && given.bytes().all(digit)) {
                return Err("not an object id: expected 24 hexadecimal digits in lower case".into());
            }
            value.clone()
        }
        (FieldType::Enum(words), Value::Text(word)) => match words.values.contains(word) {
            true => value.clone(),
            false => return Err(unknown_word(words, word)),
        },
        (FieldType::Integer, Value::Int(number)) => match i32::try_from(*number) {
            Ok(_) => Value::Int(*number),
            Err(_) => return Err("outside the 32 bits of an integer".into()),
        },
        (FieldType::BigInt, Value::Int(number)) => Value::Int(*number),
        (FieldType::BigInt, Value::Text(digits)) => Value::Int(bigint(digits)?),
        (FieldType::Float, Value::Float(number)) => float(*number)?,
        (FieldType::Float, Value::Int(number)) => match json::whole(*number as f64) {
            Some(same) if same == *number => Value::Float(*number as f64),
            _ => return Err("an integer that a float cannot hold exactly".into()),
        },
        (FieldType::Boolean, Value::Bool(_))
        | (FieldType::Uuid, Value::Uuid(_))
        | (FieldType::DateTime, Value::DateTime(_))
        | (FieldType::Date, Value::Date(_))
        | (FieldType::Bytes, Value::Bytes(_)) => value.clone(),
        (FieldType::Uuid, Value::Text(given)) => Value::Uuid(uuid(given)?),
        (FieldType::DateTime, Value::Text(given)) => Value::DateTime(parse(given)?),
        (FieldType::Date, Value::Text(given)) => Value::Date(parse(given)?),
        (FieldType::Bytes, Value::Text(given)) => {
            Value::Bytes(STANDARD.decode(given).map_err(|_| "not base64 (the standard alphabet, padded)")?)
        }
        (FieldType::Decimal { precision, scale }, Value::Decimal(number)) => decimal(**number, *precision, *scale)?,
        (FieldType::Decimal { precision, scale }, Value::Int(number)) => {
            decimal(Decimal::from(*number), *precision, *scale)?
        }
        (FieldType::Decimal { precision, scale }, Value::Text(given)) => decimal(parse(given)?, *precision, *scale)?,
        (ty, value) => return Err(format!("expected {}, got {}", expected(ty), value.kind())),
    };
    Ok(converted)
}

/// A type with its article.
fn expected(ty: &FieldType) -> &'static str {
    match ty {
        FieldType::Uuid => "a uuid",
        FieldType::Text(TextKind::Email) => "an email address",
        FieldType::Text(TextKind::ObjectId) => "an object id",
        FieldType::Text(_) => "text",
        FieldType::Enum(_) => "a word of the enum",
        FieldType::Integer => "an integer",
        FieldType::BigInt => "a bigint",
        FieldType::Float => "a float",
        FieldType::Decimal { .. } => "a decimal",
        FieldType::Boolean => "a boolean",
        FieldType::DateTime => "a datetime",
        FieldType::Date => "a date",
        FieldType::Json => "a json value",
        FieldType::Bytes => "bytes",
    }
}

fn parse<T: FromStr<Err = &'static str>>(text: &str) -> Result<T, String> {
    text.parse().map_err(str::to_owned)
}

/// A UUID in the form with hyphens, in any case. Other spellings that UUID libraries read are not the same everywhere.
fn uuid(text: &str) -> Result<Uuid, String> {
    let parsed = if text.len() == 36 { Uuid::try_parse(text).ok() } else { None };
    parsed.ok_or_else(|| "not a uuid such as 018f3c1e-7b1c-7000-8000-000000000001".into())
}

/// A whole number as it is written on the wire: no plus sign, no zeros in front, no spaces.
fn bigint(text: &str) -> Result<i64, String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("expected a bigint, got text that is not a whole number".into());
    }
    if digits.starts_with('0') && text != "0" {
        return Err("a bigint as text has no zeros in front".into());
    }
    text.parse().map_err(|_| "outside the 64 bits of a bigint".into())
}

fn float(number: f64) -> Result<Value, String> {
    match number.is_finite() {
        // Adding zero turns -0 into 0, so that both are one value to hashes and unique keys as well.
        true => Ok(Value::Float(number + 0.0)),
        false => Err("expected a finite float".into()),
    }
}

fn decimal(number: Decimal, precision: Option<u32>, scale: Option<u32>) -> Result<Value, String> {
    let number = match scale {
        Some(scale) => {
            number.normalized().with_scale(scale).map_err(|fault| match number.normalized().scale() > scale {
                true => format!("more than {scale} digits after the point"),
                false => fault.to_owned(),
            })?
        }
        None => number.normalized(),
    };
    match precision {
        Some(precision) if number.digits() > precision => Err(format!("more than {precision} digits")),
        _ => Ok(Value::Decimal(Box::new(number))),
    }
}

fn unknown_word(words: &EnumType, given: &str) -> String {
    let list = words.values.join(", ");
    let nearest = words
        .values
        .iter()
        // The distance is quadratic in the lengths, so it is not asked of long text.
        .filter(|_| given.len() <= 64)
        .map(|word| (strsim::osa_distance(&text::fold(word), &text::fold(given)), word))
        .filter(|(distance, word)| *distance <= word.chars().count() / 2)
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((_, word)) => format!("expected one of {list}; did you mean {word}?"),
        None => format!("expected one of {list}"),
    }
}
