//! Equality and order of json values: typed, by content, exact.

use std::cmp::Ordering;

use super::whole;
use crate::value::{Map, Value};

/// How two json values stand to each other: numbers by value, whether integer or float; texts by code point; `None`
/// where there is no order, between kinds as well as among booleans, lists and objects that differ.
///
/// ```
/// use dbal::value::json::compare;
/// use dbal::Value;
/// assert!(compare(&Value::Int(1), &Value::Float(1.5)).unwrap().is_lt());
/// assert_eq!(compare(&Value::Int(1), &Value::from("1")), None);
/// ```
pub fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Float(b)) => int_with_float(*a, *b),
        (Value::Float(a), Value::Int(b)) => int_with_float(*b, *a).map(Ordering::reverse),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        _ => equal(left, right).then_some(Ordering::Equal),
    }
}

/// Whether two json values are the same: numbers by value (1 is 1.0, but not "1"), objects in any order of keys.
///
/// ```
/// use dbal::{value, value::json};
/// assert!(json::equal(&value!({ "a": 1, "b": [null] }), &value!({ "b": [null], "a": 1.0 })));
/// ```
pub fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Int(a), Value::Float(b)) | (Value::Float(b), Value::Int(a)) => {
            int_with_float(*a, *b) == Some(Ordering::Equal)
        }
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Map(a), Value::Map(b)) => equal_maps(a, b),
        _ => left == right,
    }
}

fn equal_maps(left: &Map, right: &Map) -> bool {
    let same = |a: (&str, &Value), b: (&str, &Value)| a.0 == b.0 && equal(a.1, b.1);
    // Stored documents have sorted keys: nothing to sort, nothing to look up.
    let in_step = left.iter().zip(right.iter()).all(|(a, b)| a.0 == b.0);
    left.len() == right.len()
        && match in_step {
            true => left.iter().zip(right.iter()).all(|(a, b)| same(a, b)),
            false => sorted(left).into_iter().zip(sorted(right)).all(|(a, b)| same(a, b)),
        }
}

/// Names and values by name.
pub(super) fn sorted(map: &Map) -> Vec<(&str, &Value)> {
    let mut pairs: Vec<(&str, &Value)> = map.iter().collect();
    pairs.sort_by_key(|pair| pair.0);
    pairs
}

/// Exact: neither side is rounded to the other's type. None for NaN.
fn int_with_float(int: i64, float: f64) -> Option<Ordering> {
    match whole(float) {
        Some(whole) => Some(int.cmp(&whole)),
        // With a fraction it is far from 2^63, so its whole part is an exact integer.
        None => match whole(float.trunc()) {
            Some(truncated) => Some(int.cmp(&truncated).then_with(|| 0.0_f64.total_cmp(&float.fract()))),
            None => 0.0.partial_cmp(&float),
        },
    }
}
