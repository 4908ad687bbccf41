//! Equality and order of json values: typed, by content, exact.

use std::cmp::Ordering;

use super::whole;
use crate::value::Value;

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
        (Value::Map(a), Value::Map(b)) => a.matches(b, equal),
        _ => left == right,
    }
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
