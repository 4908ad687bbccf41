//! A number added to a field's value: what every backend that cannot check a sum in its own statement computes.

use super::field::Bound;
use super::{Field, FieldType};
use crate::error::{Error, Reason, Result};
use crate::value::decimal::MAX_DIGITS;
use crate::value::order::compare;
use crate::value::{Decimal, Value, ValueRef};

/// A field's value plus a number: null stays null; the sum must be of the field's type and within its bounds.
///
/// # Errors
/// VALIDATION_ERROR, with reason `overflow` where the sum leaves the type.
pub fn increment(field: &Field, value: &Value, by: ValueRef<'_>) -> Result<Value> {
    let sum = match (value, by) {
        (Value::Null, _) | (_, ValueRef::Null) => return Ok(Value::Null),
        (Value::Int(value), ValueRef::Int(by)) => value.checked_add(by).map(Value::Int),
        (Value::Float(value), ValueRef::Float(by)) => Some(Value::Float(value + by)),
        (Value::Float(value), ValueRef::Int(by)) => Some(Value::Float(value + by as f64)),
        (Value::Decimal(value), ValueRef::Decimal(by)) => add_decimals(&field.ty, **value, *by),
        (Value::Decimal(value), ValueRef::Int(by)) => add_decimals(&field.ty, **value, Decimal::from(by)),
        (value, by) => return Err(Error::internal(format!("{}: cannot add {by:?} to {}", field.name, value.kind()))),
    };
    let sum =
        sum.filter(|sum| fits(&field.ty, sum)).ok_or_else(|| overflow(field, "the sum is outside the type's range"))?;
    let least =
        field.min.as_ref().is_none_or(|min| compare(sum.as_ref(), bound(min)).is_none_or(|order| order.is_ge()));
    let most = field.max.as_ref().is_none_or(|max| compare(sum.as_ref(), bound(max)).is_none_or(|order| order.is_le()));
    match (least, most) {
        (false, _) => Err(Error::validation(&field.name, "the sum is less than the least allowed value")),
        (_, false) => Err(Error::validation(&field.name, "the sum is more than the greatest allowed value")),
        _ => Ok(sum),
    }
}

/// The sum in the form in which the type stores it: a declared scale pads, an undeclared one drops zeros at the end.
fn add_decimals(ty: &FieldType, value: Decimal, by: Decimal) -> Option<Value> {
    let sum = value.checked_add(by)?;
    let sum = match ty {
        FieldType::Decimal { scale: Some(scale), .. } => sum.with_scale(*scale).ok()?,
        _ => sum.normalized(),
    };
    Some(Value::from(sum))
}

/// Whether a number is one of the type.
pub fn fits(ty: &FieldType, number: &Value) -> bool {
    match (ty, number) {
        (FieldType::Integer, Value::Int(number)) => i32::try_from(*number).is_ok(),
        (FieldType::Float, Value::Float(number)) => number.is_finite(),
        (FieldType::Decimal { precision, .. }, Value::Decimal(number)) => {
            number.digits() <= precision.unwrap_or(MAX_DIGITS)
        }
        _ => true,
    }
}

fn bound(bound: &Bound) -> ValueRef<'_> {
    match bound {
        Bound::Int(number) => ValueRef::Int(*number),
        Bound::Float(number) => ValueRef::Float(*number),
        Bound::Decimal(number) => ValueRef::Decimal(number),
    }
}

/// VALIDATION_ERROR with reason `overflow`.
pub fn overflow(field: &Field, message: &str) -> Error {
    Error::validation(&field.name, message).with_reason(Reason::Overflow)
}
