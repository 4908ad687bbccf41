//! The rules of a field beyond its type: lengths, pattern, range, the form of an address.

use std::cmp::Ordering;

use super::{Bound, Field, FieldType, TextKind};
use crate::value::{Decimal, Value, json, text};

/// Checks a converted value against the rules of its field, and reports every rule it breaks. Null passes.
pub fn check_rules(field: &Field, value: &Value) -> Result<(), String> {
    let mut faults = Vec::new();
    match value {
        Value::Text(given) => check_text(field, given, &mut faults),
        Value::Bytes(bytes) => check_length(field, bytes.len(), "bytes", &mut faults),
        Value::Int(_) | Value::Float(_) | Value::Decimal(_) => check_range(field, value, &mut faults),
        _ => {}
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
}

fn check_text(field: &Field, given: &str, faults: &mut Vec<String>) {
    if field.min_length.is_some() || field.max_length.is_some() {
        check_length(field, given.chars().count(), "characters", faults);
    }
    if field.ty == FieldType::Text(TextKind::Email) && !text::is_email(given) {
        faults.push("not an email address".into());
    }
    if let Some(pattern) = field.pattern.as_ref().filter(|pattern| !pattern.is_match(given)) {
        faults.push(format!("does not match the pattern {}", pattern.as_str()));
    }
}

fn check_length(field: &Field, length: usize, unit: &str, faults: &mut Vec<String>) {
    if let Some(least) = field.min_length.filter(|least| length < *least as usize) {
        faults.push(format!("shorter than {least} {unit}"));
    }
    if let Some(most) = field.max_length.filter(|most| length > *most as usize) {
        faults.push(format!("longer than {most} {unit}"));
    }
}

fn check_range(field: &Field, value: &Value, faults: &mut Vec<String>) {
    if let Some(least) = field.min.as_ref().filter(|least| to_bound(value, least) == Some(Ordering::Less)) {
        faults.push(format!("less than {}", spell(least)));
    }
    if let Some(most) = field.max.as_ref().filter(|most| to_bound(value, most) == Some(Ordering::Greater)) {
        faults.push(format!("greater than {}", spell(most)));
    }
}

/// How a number stands to a bound. The loader has given the bound the field's own type; none where it has not.
fn to_bound(value: &Value, bound: &Bound) -> Option<Ordering> {
    match (value, bound) {
        (Value::Decimal(number), Bound::Decimal(bound)) => Some((**number).cmp(bound)),
        (Value::Decimal(number), Bound::Int(bound)) => Some((**number).cmp(&Decimal::from(*bound))),
        (number, Bound::Int(bound)) => json::compare(number, &Value::Int(*bound)),
        (number, Bound::Float(bound)) => json::compare(number, &Value::Float(*bound)),
        (_, Bound::Decimal(_)) => None,
    }
}

fn spell(bound: &Bound) -> String {
    match bound {
        Bound::Int(bound) => bound.to_string(),
        Bound::Float(bound) => bound.to_string(),
        Bound::Decimal(bound) => bound.to_string(),
    }
}
