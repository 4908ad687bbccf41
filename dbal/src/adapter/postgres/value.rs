//! Values to parameters by the type that the server declares, and stored cells to values. Nothing is coerced on the
//! way: a value that is not of the declared type is refused, a cell that does not fit its field's type is a fault.

use std::error::Error as StdError;

use bytes::{BufMut as _, BytesMut};
use smallvec::SmallVec;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

use super::numeric;
use crate::plan::operation::{Cell, Encoding};
use crate::schema::FieldType;
use crate::value::aggregate::{DecimalTotal, IntegerTotal};
use crate::value::{Date, DateTime, Decimal, Uuid, Value, ValueRef, json, text};

/// Days and milliseconds from 1970 to 2000, where PostgreSQL counts from.
const DAYS: i32 = 10_957;
const MILLIS: i64 = DAYS as i64 * 86_400_000;

/// A value on its way into a placeholder.
#[derive(Debug)]
pub(super) struct Bind<'v> {
    pub encoding: Encoding,
    pub value: &'v Value,
}

type Refused = Box<dyn StdError + Sync + Send>;

impl ToSql for Bind<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Refused> {
        match (self.encoding, self.value) {
            (_, Value::Null | Value::Undefined) => Ok(IsNull::Yes),
            (Encoding::Plain, value) => scalar(ty, value, out),
            (Encoding::Json, document) => {
                write_json(ty, document, out);
                Ok(IsNull::No)
            }
            (Encoding::Folded, Value::Text(plain)) => write_text(&text::fold(plain), out),
            (Encoding::Pattern, Value::Text(pattern)) => write_text(&closed(pattern), out),
            (Encoding::FoldedPattern, Value::Text(pattern)) => write_text(&closed(&text::fold(pattern)), out),
            (Encoding::List | Encoding::FoldedList, Value::List(items)) => {
                let fold = self.encoding == Encoding::FoldedList;
                array(ty, items.len(), out, |at, member, out| match &items[at] {
                    Value::Text(plain) if fold => write_text(&text::fold(plain), out),
                    item => scalar(member, item, out),
                })
            }
            (_, other) => Err(misplaced(ty, other)),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The values of one parameter in many rows, on their way into a placeholder.
#[derive(Debug)]
pub(super) struct BindRows<'v> {
    pub encoding: Encoding,
    pub rows: &'v [&'v [Value]],
    /// Which of a row's values.
    pub at: usize,
}

impl ToSql for BindRows<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Refused> {
        array(ty, self.rows.len(), out, |row, member, out| {
            let value = self.rows[row].get(self.at).ok_or("a parameter has no value")?;
            Bind { encoding: self.encoding, value }.to_sql(member, out)
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A pattern as `LIKE` takes it: there, a backslash at the end is an error, and to us it is a backslash.
fn closed(pattern: &str) -> String {
    let open = pattern.len() - pattern.trim_end_matches('\\').len();
    if open % 2 == 1 { format!("{pattern}\\") } else { pattern.to_owned() }
}

fn misplaced(ty: &Type, value: &Value) -> Refused {
    format!("a parameter of kind {} cannot be sent as {ty}", value.kind()).into()
}

fn write_text(text: &str, out: &mut BytesMut) -> Result<IsNull, Refused> {
    out.put_slice(text.as_bytes());
    Ok(IsNull::No)
}

fn is_text(ty: &Type) -> bool {
    [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME, Type::UNKNOWN].contains(ty)
        || matches!(ty.kind(), Kind::Enum(_))
}

fn scalar(ty: &Type, value: &Value, out: &mut BytesMut) -> Result<IsNull, Refused> {
    let written = match value {
        Value::Null | Value::Undefined => return Ok(IsNull::Yes),
        Value::Bool(v) if *ty == Type::BOOL => {
            out.put_u8(u8::from(*v));
            true
        }
        Value::Int(v) => match *ty {
            Type::INT8 => {
                out.put_i64(*v);
                true
            }
            Type::INT4 => i32::try_from(*v).map(|v| out.put_i32(v)).is_ok(),
            Type::INT2 => i16::try_from(*v).map(|v| out.put_i16(v)).is_ok(),
            Type::FLOAT8 => {
                out.put_f64(*v as f64);
                true
            }
            Type::NUMERIC => numeric::write(&v.to_string(), out),
            _ => false,
        },
        Value::Float(v) => match *ty {
            Type::FLOAT8 => {
                out.put_f64(*v);
                true
            }
            // The shortest digits that read back as the same double.
            Type::NUMERIC => numeric::write(&v.to_string(), out),
            _ => false,
        },
        Value::Decimal(v) if *ty == Type::NUMERIC => numeric::write(&v.to_string(), out),
        Value::Text(v) if is_text(ty) => return write_text(v, out),
        Value::Bytes(v) if *ty == Type::BYTEA => {
            out.put_slice(v);
            true
        }
        Value::Uuid(v) if *ty == Type::UUID => {
            out.put_slice(v.as_bytes());
            true
        }
        Value::Uuid(v) if is_text(ty) => {
            return write_text(v.hyphenated().encode_lower(&mut Uuid::encode_buffer()), out);
        }
        Value::DateTime(v) if *ty == Type::TIMESTAMPTZ || *ty == Type::TIMESTAMP => {
            out.put_i64((v.epoch_millis() - MILLIS) * 1_000);
            true
        }
        Value::Date(v) if *ty == Type::DATE => {
            out.put_i32(v.epoch_days() - DAYS);
            true
        }
        document if *ty == Type::JSONB || *ty == Type::JSON => {
            write_json(ty, document, out);
            true
        }
        _ => false,
    };
    if written { Ok(IsNull::No) } else { Err(misplaced(ty, value)) }
}

/// One array of so many items: one dimension, or none when it is empty.
fn array(
    ty: &Type,
    count: usize,
    out: &mut BytesMut,
    item: impl Fn(usize, &Type, &mut BytesMut) -> Result<IsNull, Refused>,
) -> Result<IsNull, Refused> {
    let Kind::Array(member) = ty.kind() else {
        return Err(format!("a list cannot be sent as {ty}").into());
    };
    out.put_i32(i32::from(count > 0));
    out.put_i32(1);
    out.put_u32(member.oid());
    if count == 0 {
        return Ok(IsNull::No);
    }
    out.put_i32(i32::try_from(count)?);
    out.put_i32(1);
    for index in 0..count {
        let at = out.len();
        out.put_i32(-1);
        if let IsNull::No = item(index, member, out)? {
            let length = i32::try_from(out.len() - at - 4)?;
            out[at..at + 4].copy_from_slice(&length.to_be_bytes());
        }
    }
    Ok(IsNull::No)
}

fn write_json(ty: &Type, document: &Value, out: &mut BytesMut) {
    if *ty == Type::JSONB {
        out.put_u8(1);
    }
    let mut written = String::new();
    exact_json(document, &mut written);
    out.put_slice(written.as_bytes());
}

/// The canonical text, but with all digits of a float beyond 64 bits: `jsonb` would fill up its short form with zeros,
/// which is another number.
fn exact_json(document: &Value, out: &mut String) {
    match document {
        Value::Float(number) if number.abs() >= 9.2e18 => out.push_str(&format!("{number:.0}")),
        Value::List(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                exact_json(item, out);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (position, (name, item)) in map.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                json::write(&Value::Text(name.to_owned()), out);
                out.push(':');
                exact_json(item, out);
            }
            out.push('}');
        }
        other => json::write(other, out),
    }
}

/// A cell as it came.
struct Raw<'r>(Option<&'r [u8]>);

impl<'r> FromSql<'r> for Raw<'r> {
    fn from_sql(_: &Type, raw: &'r [u8]) -> Result<Self, Refused> {
        Ok(Raw(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Refused> {
        Ok(Raw(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Why a cell has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// It is not of its field's type.
    Type,
    /// A sum is outside its type.
    Overflow,
}

/// Values that cells cannot borrow from the driver's buffer.
#[derive(Debug)]
pub(super) enum Owned {
    Null,
    Decimal(Decimal),
    Json(Value),
}

fn raw(row: &Row, position: usize) -> (Option<&[u8]>, &Type) {
    let Raw(raw) = row.try_get(position).unwrap_or(Raw(None));
    (raw, row.columns()[position].type_())
}

/// The decimals and documents of a row, in the order of their cells; or which cell does not fit.
pub(super) fn owned(cells: &[Cell], row: &Row) -> Result<SmallVec<[Owned; 4]>, (usize, Misfit)> {
    let mut all = SmallVec::new();
    for (position, cell) in cells.iter().enumerate() {
        let made = match &cell.ty {
            FieldType::Decimal { scale, .. } => match raw(row, position) {
                (None, _) => Ok(Owned::Null),
                (Some(raw), ty) => decimal(raw, ty, *scale, cell.field.is_none()),
            },
            FieldType::Json => match raw(row, position) {
                (None, _) => Ok(Owned::Null),
                (Some(raw), ty) => document(raw, ty).map(Owned::Json).ok_or(Misfit::Type),
            },
            _ => continue,
        };
        all.push(made.map_err(|misfit| (position, misfit))?);
    }
    Ok(all)
}

fn document(raw: &[u8], ty: &Type) -> Option<Value> {
    let text = match raw {
        [1, text @ ..] if *ty == Type::JSONB => text,
        text if *ty == Type::JSON => text,
        _ => return None,
    };
    json::canonical(&json::parse(text).ok()?).ok()
}

fn decimal(raw: &[u8], ty: &Type, scale: Option<u32>, computed: bool) -> Result<Owned, Misfit> {
    if *ty == Type::NUMERIC_ARRAY {
        let Some((sum, count)) = sum_and_count(raw) else { return Ok(Owned::Null) };
        let total = DecimalTotal::of_sum(&sum, count).ok_or(Misfit::Overflow)?;
        return Ok(total.avg().map_or(Owned::Null, Owned::Decimal));
    }
    let text = numeric::read(raw).filter(|_| *ty == Type::NUMERIC).ok_or(Misfit::Type)?;
    let misfit = if computed { Misfit::Overflow } else { Misfit::Type };
    let trimmed = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    let number: Decimal = trimmed.parse().map_err(|_| misfit)?;
    match scale {
        Some(scale) => number.with_scale(scale).map(Owned::Decimal).map_err(|_| misfit),
        None => Ok(Owned::Decimal(number.normalized())),
    }
}

/// A mean before it is divided: `ARRAY[sum, count]`; none of nothing.
fn sum_and_count(raw: &[u8]) -> Option<(String, u64)> {
    // Dimensions, flags, type; then one length and lower bound; then each element behind its length.
    let mut rest = raw.get(20..)?;
    let mut element = || {
        let (length, more) = rest.split_at_checked(4)?;
        let length = usize::try_from(i32::from_be_bytes(length.try_into().ok()?)).ok()?;
        let (element, more) = more.split_at_checked(length)?;
        rest = more;
        numeric::read(element)
    };
    let (sum, count) = (element()?, element()?);
    Some((sum, count.parse().ok()?))
}

/// A stored cell as a value of its declared type.
pub(super) fn decode<'r>(
    cell: &Cell,
    row: &'r Row,
    position: usize,
    owned: &mut impl Iterator<Item = &'r Owned>,
) -> Result<ValueRef<'r>, Misfit> {
    if matches!(cell.ty, FieldType::Decimal { .. } | FieldType::Json) {
        return Ok(match owned.next() {
            None | Some(Owned::Null) => ValueRef::Null,
            Some(Owned::Decimal(number)) => ValueRef::Decimal(number),
            Some(Owned::Json(document)) => ValueRef::Value(document),
        });
    }
    let (raw, ty) = raw(row, position);
    let Some(raw) = raw else { return Ok(ValueRef::Null) };
    match &cell.ty {
        FieldType::BigInt | FieldType::Float if *ty == Type::NUMERIC => {
            let text = numeric::read(raw).ok_or(Misfit::Type)?;
            match cell.ty {
                FieldType::Float => {
                    let number: f64 = text.parse().map_err(|_| Misfit::Type)?;
                    if number.is_finite() { Ok(ValueRef::Float(number)) } else { Err(Misfit::Overflow) }
                }
                _ => text.parse().map(ValueRef::Int).map_err(|_| Misfit::Overflow),
            }
        }
        FieldType::Float if *ty == Type::NUMERIC_ARRAY => {
            let Some((sum, count)) = sum_and_count(raw) else { return Ok(ValueRef::Null) };
            let sum = sum.parse().map_err(|_| Misfit::Overflow)?;
            Ok(IntegerTotal::of_sum(sum, count).avg().map_or(ValueRef::Null, ValueRef::Float))
        }
        declared => stored(declared, ty, raw).ok_or(Misfit::Type),
    }
}

fn stored<'r>(declared: &FieldType, ty: &Type, raw: &'r [u8]) -> Option<ValueRef<'r>> {
    Some(match declared {
        FieldType::Text(_) if is_text(ty) => ValueRef::Text(std::str::from_utf8(raw).ok()?),
        FieldType::Enum(known) if is_text(ty) => {
            let text = std::str::from_utf8(raw).ok()?;
            known.values.iter().any(|word| word == text).then_some(ValueRef::Text(text))?
        }
        FieldType::Uuid if *ty == Type::UUID => ValueRef::Uuid(Uuid::from_slice(raw).ok()?),
        FieldType::Integer | FieldType::BigInt => {
            let number = match *ty {
                Type::INT8 => i64::from_be_bytes(raw.try_into().ok()?),
                Type::INT4 => i32::from_be_bytes(raw.try_into().ok()?).into(),
                Type::INT2 => i16::from_be_bytes(raw.try_into().ok()?).into(),
                _ => return None,
            };
            match declared {
                FieldType::Integer => ValueRef::Int(i32::try_from(number).ok()?.into()),
                _ => ValueRef::Int(number),
            }
        }
        FieldType::Boolean if *ty == Type::BOOL => ValueRef::Bool(raw == [1]),
        // As others store it.
        FieldType::Boolean if is_text(ty) => match raw.to_ascii_lowercase().as_slice() {
            b"true" | b"t" | b"1" => ValueRef::Bool(true),
            b"false" | b"f" | b"0" => ValueRef::Bool(false),
            _ => return None,
        },
        FieldType::Boolean if [Type::INT2, Type::INT4, Type::INT8].contains(ty) => match raw {
            [zeros @ .., last @ (0 | 1)] if zeros.iter().all(|byte| *byte == 0) => ValueRef::Bool(*last == 1),
            _ => return None,
        },
        FieldType::Float => {
            let number = match *ty {
                Type::FLOAT8 => f64::from_be_bytes(raw.try_into().ok()?),
                Type::FLOAT4 => f32::from_be_bytes(raw.try_into().ok()?).into(),
                _ => return None,
            };
            number.is_finite().then_some(ValueRef::Float(number))?
        }
        FieldType::DateTime if *ty == Type::TIMESTAMPTZ || *ty == Type::TIMESTAMP => {
            let micros = i64::from_be_bytes(raw.try_into().ok()?);
            let millis = micros.div_euclid(1_000).checked_add(MILLIS)?;
            ValueRef::DateTime(DateTime::from_epoch_millis(millis)?)
        }
        FieldType::Date if *ty == Type::DATE => {
            let days = i32::from_be_bytes(raw.try_into().ok()?).checked_add(DAYS)?;
            ValueRef::Date(Date::from_epoch_days(days)?)
        }
        FieldType::Bytes if *ty == Type::BYTEA => ValueRef::Bytes(raw),
        _ => return None,
    })
}
