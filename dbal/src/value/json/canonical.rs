//! The one form in which a document is stored, compared and given back.

use super::parse::has_duplicate;
use super::{MAX_DEPTH, whole};
use crate::value::{Map, Name, Value, text};

/// Checks that a value is a json document and gives it with sorted keys and whole floats as integers.
///
/// Refused, at any depth: what JSON has no word for (undefined, NaN, dates, bytes, ...), the NUL character, the same
/// key twice, and more than [`MAX_DEPTH`] lists and objects inside each other.
///
/// ```
/// use dbal::{value, value::json, Value};
/// let document = json::canonical(&value!({ "b": 2.0, "a": null }))?;
/// assert_eq!(document.as_map().unwrap().0[1].1.as_i64(), Some(2));
/// assert!(json::canonical(&Value::List(vec![Value::Undefined])).is_err());
/// # Ok::<(), String>(())
/// ```
pub fn canonical(document: &Value) -> Result<Value, String> {
    at_depth(document, MAX_DEPTH)
}

fn at_depth(value: &Value, depth: u32) -> Result<Value, String> {
    let inside = || depth.checked_sub(1).ok_or_else(|| format!("lists and objects nested more than {MAX_DEPTH} deep"));
    Ok(match value {
        Value::Null | Value::Bool(_) | Value::Int(_) => value.clone(),
        Value::Float(number) if !number.is_finite() => return Err("a float in a json value must be finite".into()),
        Value::Float(number) => whole(*number).map_or(Value::Float(*number), Value::Int),
        Value::Text(given) => {
            text::check(given)?;
            value.clone()
        }
        Value::List(list) => {
            let depth = inside()?;
            Value::List(list.iter().map(|item| at_depth(item, depth)).collect::<Result<_, _>>()?)
        }
        Value::Map(Map(pairs)) => {
            let depth = inside()?;
            if has_duplicate(pairs) {
                return Err("an object in a json value has the same key twice".into());
            }
            let pair = |(key, item): &(Name, Value)| {
                text::check(key)?;
                Ok::<_, String>((key.clone(), at_depth(item, depth)?))
            };
            let mut pairs = pairs.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Map(Map(pairs))
        }
        other => return Err(format!("expected a json value, got {}", other.kind())),
    })
}
