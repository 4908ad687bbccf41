//! Values to parameters, and stored cells to values. Nothing is coerced: a cell that does not fit its type is a fault.

use std::borrow::Cow;
use std::rc::Rc;

use rusqlite::types::{Null, Value as SqlValue, ValueRef as Raw};
use rusqlite::{Row, Statement};
use smallvec::SmallVec;
use uuid::fmt::Hyphenated;

use super::cells::Texts;
use super::error::Fault;
use crate::error::Error;
use crate::plan::operation::{Cell, Encoding, SqlParam};
use crate::schema::FieldType;
use crate::value::{Date, DateTime, Decimal, Uuid, Value, ValueRef, json, text};

/// A UUID's text.
type UuidText = [u8; Hyphenated::LENGTH];

/// The texts of UUIDs that are bound, in order: what is bound without a copy has to lie somewhere.
pub(super) type Spelled = SmallVec<[UuidText; 2]>;

/// Spells them.
#[inline]
pub(super) fn spell(placeholders: &[SqlParam], params: &[Value], spelled: &mut Spelled) {
    for placeholder in placeholders {
        let value = params.get(usize::from(placeholder.id.0));
        if let (Encoding::Plain, Some(Value::Uuid(uuid))) = (placeholder.encoding, value) {
            let mut text = [0; Hyphenated::LENGTH];
            uuid.hyphenated().encode_lower(&mut text);
            spelled.push(text);
        }
    }
}

/// Binds a value to a placeholder, counted from 1, a text without a copy. Those of UUIDs come from `spelled` in order.
#[inline]
pub(super) fn bind_lasting<'t>(
    statement: &mut Statement<'_>,
    texts: &Texts<'t>,
    at: usize,
    encoding: Encoding,
    value: &'t Value,
    spelled: &mut impl Iterator<Item = &'t UuidText>,
) -> Result<(), Fault> {
    match (encoding, value) {
        (Encoding::Plain, Value::Text(text)) => Ok(texts.bind(statement, at, text.as_bytes())?),
        (Encoding::Plain, Value::Uuid(_)) => {
            let text = spelled.next().ok_or_else(|| Error::internal("a UUID was not spelled"))?;
            Ok(texts.bind(statement, at, text)?)
        }
        _ => bind(statement, at, encoding, value),
    }
}

/// Binds a value to a placeholder, counted from 1.
pub(super) fn bind(statement: &mut Statement<'_>, at: usize, encoding: Encoding, value: &Value) -> Result<(), Fault> {
    match (encoding, value) {
        (Encoding::Plain, value) => bind_plain(statement, at, value),
        (Encoding::Json | Encoding::Folded, Value::Null | Value::Undefined) => {
            Ok(statement.raw_bind_parameter(at, Null)?)
        }
        (Encoding::Json, document) => Ok(statement.raw_bind_parameter(at, json::to_text(document))?),
        (Encoding::Folded, Value::Text(plain)) => Ok(statement.raw_bind_parameter(at, text::fold(plain).as_ref())?),
        (Encoding::List | Encoding::FoldedList, Value::List(items)) => {
            let fold = encoding == Encoding::FoldedList;
            let items = items.iter().map(|item| list_item(item, fold)).collect::<Result<Vec<SqlValue>, Error>>()?;
            Ok(statement.raw_bind_parameter(at, Rc::new(items))?)
        }
        // No list is known: whether a value is in it is unknown, which one null says. It is not an empty list.
        (Encoding::List | Encoding::FoldedList, Value::Null | Value::Undefined) => {
            Ok(statement.raw_bind_parameter(at, Rc::new(vec![SqlValue::Null]))?)
        }
        (_, other) => Err(Fault::Own(misplaced(other))),
    }
}

fn bind_plain(statement: &mut Statement<'_>, at: usize, value: &Value) -> Result<(), Fault> {
    match value {
        Value::Null | Value::Undefined => statement.raw_bind_parameter(at, Null)?,
        Value::Bool(v) => statement.raw_bind_parameter(at, i64::from(*v))?,
        Value::Int(v) => statement.raw_bind_parameter(at, *v)?,
        Value::Float(v) => statement.raw_bind_parameter(at, *v)?,
        Value::Decimal(v) => statement.raw_bind_parameter(at, v.to_string())?,
        Value::Text(v) => statement.raw_bind_parameter(at, v.as_str())?,
        Value::Bytes(v) => statement.raw_bind_parameter(at, v.as_slice())?,
        Value::Uuid(v) => {
            let mut buffer = Uuid::encode_buffer();
            statement.raw_bind_parameter(at, &*v.hyphenated().encode_lower(&mut buffer))?;
        }
        Value::DateTime(v) => statement.raw_bind_parameter(at, v.epoch_millis())?,
        Value::Date(v) => statement.raw_bind_parameter(at, v.to_string())?,
        Value::List(_) | Value::Map(_) | Value::Json(_) | Value::Record(_) | Value::Records(_) => {
            return Err(Fault::Own(misplaced(value)));
        }
    }
    Ok(())
}

fn list_item(item: &Value, fold: bool) -> Result<SqlValue, Error> {
    Ok(match item {
        Value::Null | Value::Undefined => SqlValue::Null,
        Value::Bool(v) => SqlValue::Integer(i64::from(*v)),
        Value::Int(v) => SqlValue::Integer(*v),
        Value::Float(v) => SqlValue::Real(*v),
        Value::Decimal(v) => SqlValue::Text(v.to_string()),
        Value::Text(v) if fold => SqlValue::Text(text::fold(v).into_owned()),
        Value::Text(v) => SqlValue::Text(v.clone()),
        Value::Bytes(v) => SqlValue::Blob(v.clone()),
        Value::Uuid(v) => SqlValue::Text(v.hyphenated().to_string()),
        Value::DateTime(v) => SqlValue::Integer(v.epoch_millis()),
        Value::Date(v) => SqlValue::Text(v.to_string()),
        Value::List(_) | Value::Map(_) | Value::Json(_) | Value::Record(_) | Value::Records(_) => {
            return Err(misplaced(item));
        }
    })
}

fn misplaced(value: &Value) -> Error {
    Error::internal(Cow::Owned(format!("a parameter cannot be of kind {} here", value.kind())))
}

/// Whether any cell is a decimal.
pub(super) fn has_decimals(cells: &[Cell]) -> bool {
    cells.iter().any(|cell| matches!(cell.ty, FieldType::Decimal { .. }))
}

/// The decimals of a row, one for each decimal cell; none where it is null or does not fit. Cells borrow them.
pub(super) fn decimals(cells: &[Cell], row: &Row<'_>) -> SmallVec<[Option<Decimal>; 4]> {
    let parse = |position: usize| match row.get_ref(position) {
        Ok(Raw::Text(text)) => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    };
    let is_decimal = |(_, cell): &(usize, &Cell)| matches!(cell.ty, FieldType::Decimal { .. });
    cells.iter().enumerate().filter(is_decimal).map(|(position, _)| parse(position)).collect()
}

/// Makes a cell the value of its declared type that is stored there; false if that does not fit. Decimals come from
/// `decimals` in order.
///
/// Each arm writes its value where it stays: one that is handed back is written in pieces and copied whole, and the
/// processor waits for the pieces, a few nanoseconds for each cell. What most cells are is decoded in the loop over a row.
#[inline(always)]
pub(super) fn decode<'r>(
    ty: &'r FieldType,
    raw: Raw<'r>,
    decimals: &mut impl Iterator<Item = &'r Option<Decimal>>,
    cell: &mut ValueRef<'r>,
) -> bool {
    match (ty, raw) {
        (FieldType::Text(_), Raw::Text(text)) => match std::str::from_utf8(text) {
            Ok(text) => *cell = ValueRef::Text(text),
            Err(_) => return false,
        },
        (FieldType::Integer, Raw::Integer(number)) if i32::try_from(number).is_ok() => {
            *cell = ValueRef::Int(number);
        }
        (FieldType::DateTime, Raw::Integer(millis)) => match DateTime::from_epoch_millis(millis) {
            Some(at) => *cell = ValueRef::DateTime(at),
            None => return false,
        },
        (FieldType::Decimal { .. }, raw) => match (raw, decimals.next().and_then(Option::as_ref)) {
            (Raw::Null, _) => *cell = ValueRef::Null,
            (_, Some(decimal)) => *cell = ValueRef::Decimal(decimal),
            _ => return false,
        },
        (_, Raw::Null) => *cell = ValueRef::Null,
        (ty, raw) => return decode_other(ty, raw, cell),
    }
    true
}

#[inline(never)]
fn decode_other<'r>(ty: &'r FieldType, raw: Raw<'r>, cell: &mut ValueRef<'r>) -> bool {
    match (ty, raw) {
        (FieldType::Uuid, Raw::Text(text)) if text.len() == 36 => match Uuid::try_parse_ascii(text) {
            Ok(uuid) => *cell = ValueRef::Uuid(uuid),
            Err(_) => return false,
        },
        (FieldType::BigInt, Raw::Integer(number)) => *cell = ValueRef::Int(number),
        (FieldType::Boolean, Raw::Integer(number @ (0 | 1))) => *cell = ValueRef::Bool(number == 1),
        (FieldType::Float, Raw::Real(number)) if number.is_finite() => *cell = ValueRef::Float(number),
        // The declared word stands for what is stored: that one is UTF-8 if it is the same.
        (FieldType::Enum(declared), Raw::Text(text)) => {
            match declared.values.iter().find(|word| word.as_bytes() == text) {
                Some(word) => *cell = ValueRef::Text(word),
                None => return false,
            }
        }
        (ty, raw) => match rare(ty, raw) {
            Some(value) => *cell = value,
            None => return false,
        },
    }
    true
}

fn rare<'r>(ty: &FieldType, raw: Raw<'r>) -> Option<ValueRef<'r>> {
    Some(match (ty, raw) {
        (FieldType::Date, Raw::Text(text)) => ValueRef::Date(std::str::from_utf8(text).ok()?.parse::<Date>().ok()?),
        (FieldType::Bytes, Raw::Blob(bytes)) => ValueRef::Bytes(bytes),
        (FieldType::Json, Raw::Text(text)) => {
            json::parse(text).ok()?;
            ValueRef::Json(std::str::from_utf8(text).ok()?)
        }
        _ => return None,
    })
}
