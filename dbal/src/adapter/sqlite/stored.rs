//! Functions in SQL that convert between the forms of other tools' columns and those of the engine (`sql::storage`).
//! Each gives null for what it cannot read, which then matches nothing.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value as SqlValue, ValueRef};
use rusqlite::{Connection, Result};

use super::functions::{Refused, text_at};
use crate::value::{DateTime, Decimal, Uuid};

/// Makes them known to a connection.
pub(super) fn register(sqlite: &Connection, flags: FunctionFlags) -> Result<()> {
    sqlite.create_scalar_function("dbal_instant", 2, flags, |context| {
        let unit = context.get::<i64>(1)?;
        Ok(instant(context.get_raw(0), unit).map(DateTime::epoch_millis))
    })?;
    sqlite.create_scalar_function("dbal_stamp", 2, flags, |context| {
        let form = text_at(context, 1).unwrap_or_default();
        let given = context.get::<Option<i64>>(0)?.and_then(DateTime::from_epoch_millis);
        Ok(given.map(|given| stamp(given, form)))
    })?;
    sqlite.create_scalar_function("dbal_uuid", 1, flags, |context| {
        Ok(match context.get_raw(0) {
            ValueRef::Blob(bytes) => Uuid::from_slice(bytes).ok().map(|uuid| uuid.hyphenated().to_string()),
            _ => None,
        })
    })?;
    sqlite.create_scalar_function("dbal_uuid_blob", 1, flags, |context| {
        let uuid = text_at(context, 0).and_then(|text| Uuid::try_parse(text).ok());
        Ok(uuid.map(|uuid| uuid.as_bytes().to_vec()))
    })?;
    sqlite.create_scalar_function("dbal_real", 1, flags, |context| {
        Ok(match context.get_raw(0) {
            ValueRef::Real(number) => Some(number),
            ValueRef::Integer(number) => Some(number as f64),
            _ => None,
        })
    })?;
    sqlite.create_scalar_function("dbal_boolean", 1, flags, |context| Ok(boolean(context.get_raw(0))))?;
    sqlite.create_scalar_function("dbal_decimal", 2, flags, |context| {
        let scale = context.get::<Option<u32>>(1)?;
        Ok(decimal(context.get_raw(0))
            .and_then(|number| match scale {
                Some(scale) => number.with_scale(scale).ok(),
                None => Some(number.normalized()),
            })
            .map(|number| number.to_string()))
    })?;
    sqlite.create_scalar_function("dbal_number", 2, flags, number)
}

/// An instant in any of the forms that tools write: a number of units, or text with or without an offset. Text without
/// one is UTC.
fn instant(cell: ValueRef<'_>, unit: i64) -> Option<DateTime> {
    match cell {
        ValueRef::Integer(number) => DateTime::from_epoch_millis(number.checked_mul(unit)?),
        ValueRef::Real(number) if number.is_finite() => {
            let millis = (number * unit as f64).floor();
            // Beyond these no year has four digits.
            (millis.abs() < 1e15).then_some(millis as i64).and_then(DateTime::from_epoch_millis)
        }
        ValueRef::Text(text) => {
            let text = std::str::from_utf8(text).ok()?.trim();
            if let Ok(instant) = text.parse() {
                return Some(instant);
            }
            // `YYYY-MM-DD`, `YYYY-MM-DD HH:MM`, and with seconds, a fraction, and an offset.
            let (day, time) = text.split_at_checked(10)?;
            let mut time = time.strip_prefix([' ', 'T', 't']).unwrap_or(time).trim_end().to_owned();
            let zone = time.find(['Z', 'z', '+', '-']);
            let mut zone = zone.map_or_else(|| "Z".to_owned(), |at| time.split_off(at));
            let time = time.trim_end();
            if zone.len() == 3 && !zone.ends_with(['Z', 'z']) {
                zone += ":00";
            } else if zone.len() == 5 {
                zone.insert(3, ':');
            }
            let time = match time.len() {
                0 => "00:00:00".to_owned(),
                5 => format!("{time}:00"),
                _ => time.to_owned(),
            };
            format!("{day}T{time}{zone}").parse().ok()
        }
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => None,
    }
}

/// An instant in the form that a column is declared to have.
fn stamp(instant: DateTime, form: &str) -> SqlValue {
    let iso = || instant.to_string();
    let plain = |end: usize| iso()[..end].replacen('T', " ", 1);
    SqlValue::Text(match form {
        "epoch_s" => return SqlValue::Integer(instant.epoch_millis().div_euclid(1_000)),
        "iso_offset" => iso().replacen('Z', "+00:00", 1),
        "sql" => plain(19),
        "sql_ms" => plain(23),
        _ => iso(),
    })
}

fn boolean(cell: ValueRef<'_>) -> Option<bool> {
    match cell {
        ValueRef::Integer(0) => Some(false),
        ValueRef::Integer(1) => Some(true),
        ValueRef::Text(text) => match text.to_ascii_lowercase().as_slice() {
            b"true" | b"t" | b"1" => Some(true),
            b"false" | b"f" | b"0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A decimal however it is stored. A double is the number that its shortest digits spell.
fn decimal(cell: ValueRef<'_>) -> Option<Decimal> {
    match cell {
        ValueRef::Integer(number) => Some(Decimal::from(number)),
        ValueRef::Real(number) if number.is_finite() => number.to_string().parse().ok(),
        ValueRef::Text(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => None,
    }
}

/// `dbal_number(decimal, field)`: as a number of SQLite's own, refused where that would be another one.
fn number(context: &mut Context<'_>) -> Result<SqlValue> {
    let Some(given) = decimal(context.get_raw(0)) else { return Ok(SqlValue::Null) };
    let given = given.normalized();
    let text = given.to_string();
    if let Ok(whole) = text.parse::<i64>() {
        return Ok(SqlValue::Integer(whole));
    }
    let double = text.parse::<f64>().ok().filter(|number| number.is_finite());
    match double.filter(|double| decimal(ValueRef::Real(*double)).is_some_and(|same| same == given)) {
        Some(double) => Ok(SqlValue::Real(double)),
        None => Err(Refused::Inexact.error(text_at(context, 1).unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        instant(ValueRef::Text(text.as_bytes()), 1).map(|instant| instant.to_string())
    }

    #[test]
    fn instants_are_read_in_every_form_that_tools_write() {
        let noon = Some("2024-01-31T12:00:00.000Z".to_owned());
        for text in [
            "2024-01-31T12:00:00.000Z",
            "2024-01-31T12:00:00.000+00:00",
            "2024-01-31 12:00:00",
            "2024-01-31 12:00",
            "2024-01-31 12:00:00.000",
            "2024-01-31T12:00:00",
            "2024-01-31 14:00:00+02",
            "2024-01-31 14:00:00 +0200",
            "2024-01-31 10:30:00.0009-01:30",
        ] {
            assert_eq!(read(text), noon, "{text}");
        }
        assert_eq!(read("2024-01-31"), Some("2024-01-31T00:00:00.000Z".into()));
        for text in ["", "noon", "2024-02-30 00:00:00", "2024-01-31 25:00:00", "2024-01-31 12", "äöü2024-01-31"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(
            instant(ValueRef::Integer(-1), 1000).map(|at| at.to_string()),
            Some("1969-12-31T23:59:59.000Z".into())
        );
        assert_eq!(instant(ValueRef::Integer(i64::MAX), 1000), None);
    }
}
