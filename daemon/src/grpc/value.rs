//! Values: each says its type, so that nothing is lost or guessed on the way.

use std::collections::HashSet;

use dbal::value::{Date, DateTime, Decimal, Uuid, ValueRef, json};
use dbal::{Error, Map, Record, Result, Value};

use crate::generated::dbal_v1::value::Kind;
use crate::generated::dbal_v1::{List, Member, Object, Row, Rows, Value as Sent};
use crate::http::arguments;

/// Lists and objects inside each other that are sent as such; readers of protobuf follow a hundred messages at most, and
/// each level is three.
const DEPTH: u32 = 16;

/// The arguments of a request.
///
/// # Errors
/// VALIDATION_ERROR naming the argument that holds what no request may.
pub fn arguments(object: Object) -> Result<Map> {
    let mut args = Map::new();
    let mut names = HashSet::with_capacity(object.members.len());
    for Member { name, value } in object.members {
        if !names.insert(name.clone()) {
            return Err(Error::validation(name, "given twice"));
        }
        let value = received(value.unwrap_or_default()).map_err(|what| Error::validation(name.clone(), what))?;
        args.0.push((name.into(), value));
    }
    Ok(args)
}

/// A value that a caller sent, or what is wrong with it.
fn received(value: Sent) -> Result<Value, String> {
    Ok(match value.kind.ok_or("a value without a kind; null is a kind")? {
        Kind::Null(_) => Value::Null,
        Kind::Bool(truth) => Value::Bool(truth),
        Kind::Int(number) => Value::Int(number),
        Kind::Float(number) => Value::Float(number),
        Kind::Text(text) => Value::Text(text),
        Kind::Bytes(bytes) => Value::Bytes(bytes),
        Kind::Datetime(millis) => {
            Value::DateTime(DateTime::from_epoch_millis(millis).ok_or("a datetime outside the years 1 to 9999")?)
        }
        Kind::Date(text) => Value::Date(text.parse::<Date>().map_err(|_| "expected a date, such as 2024-02-29")?),
        Kind::Uuid(bytes) => {
            Value::Uuid(Uuid::from_slice(&bytes).map_err(|_| format!("a uuid of {} bytes; expected 16", bytes.len()))?)
        }
        Kind::Decimal(text) => {
            Value::Decimal(Box::new(text.parse::<Decimal>().map_err(|_| "expected a decimal of up to 34 digits")?))
        }
        Kind::List(list) => Value::List(list.values.into_iter().map(received).collect::<Result<_, _>>()?),
        Kind::Object(object) => Value::Map(members(object)?),
        Kind::Json(text) => arguments::parse("json", text.as_bytes()).map_err(|error| error.message().to_owned())?,
        Kind::Row(_) | Kind::Rows(_) => return Err("rows stand in answers only".into()),
    })
}

fn members(object: Object) -> Result<Map, String> {
    let mut map = Map::new();
    let mut names = HashSet::with_capacity(object.members.len());
    for Member { name, value } in object.members {
        if !names.insert(name.clone()) {
            return Err(format!("the name `{}` stands twice", shown(&name)));
        }
        let value = received(value.unwrap_or_default())?;
        map.0.push((name.into(), value));
    }
    Ok(map)
}

fn shown(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(64).collect()
}

/// A value of an answer.
pub fn sent(value: Value) -> Sent {
    at(value, 0)
}

fn at(value: Value, depth: u32) -> Sent {
    let kind = match value {
        Value::Null | Value::Undefined => Kind::Null(0),
        Value::Bool(truth) => Kind::Bool(truth),
        Value::Int(number) => Kind::Int(number),
        Value::Float(number) => Kind::Float(number),
        Value::Decimal(number) => Kind::Decimal(number.to_string()),
        Value::Text(text) => Kind::Text(text),
        Value::Bytes(bytes) => Kind::Bytes(bytes),
        Value::Uuid(uuid) => Kind::Uuid(uuid.as_bytes().to_vec()),
        Value::DateTime(instant) => Kind::Datetime(instant.epoch_millis()),
        Value::Date(day) => Kind::Date(day.to_string()),
        nested @ (Value::List(_) | Value::Map(_)) if depth >= DEPTH => Kind::Json(json::to_wire(&nested)),
        Value::List(values) => {
            Kind::List(List { values: values.into_iter().map(|value| at(value, depth + 1)).collect() })
        }
        Value::Map(map) => {
            let member = |(name, value): (dbal::Name, Value)| Member {
                name: name.into_owned(),
                value: Some(at(value, depth + 1)),
            };
            Kind::Object(Object { members: map.0.into_iter().map(member).collect() })
        }
        Value::Json(text) => return at(ValueRef::Json(&text).to_value(), depth),
        Value::Record(record) => Kind::Row(rows(vec![*record])),
        Value::Records(records) => Kind::Rows(rows(records)),
    };
    Sent { kind: Some(kind) }
}

/// Columns once, then rows. Where rows differ in their columns, all of them are named, and a value without a kind says that
/// its row has none.
pub fn rows(records: Vec<Record>) -> Rows {
    let Some(first) = records.first() else { return Rows::default() };
    let shared = first.columns().clone();
    let mut columns: Vec<String> = shared.names.iter().map(|name| name.clone().into_owned()).collect();
    if records.iter().all(|record| record.columns() == &shared) {
        let row = |record: Record| Row { values: record.into_values().into_iter().map(sent).collect() };
        return Rows { columns, rows: records.into_iter().map(row).collect() };
    }
    for record in &records {
        for name in &record.columns().names {
            if !columns.iter().any(|known| known == name) {
                columns.push(name.clone().into_owned());
            }
        }
    }
    let row = |record: Record| {
        let at = |name: &String| record.get(name).cloned().map_or_else(Sent::default, sent);
        Row { values: columns.iter().map(at).collect() }
    };
    let rows = records.into_iter().map(row).collect();
    Rows { columns, rows }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use std::sync::Arc;

    use dbal::row::Columns;
    use dbal::value;

    use super::*;

    #[test]
    fn values_come_back_as_they_went() {
        for value in [
            Value::Null,
            Value::Bool(false),
            Value::Int(i64::MIN),
            Value::Float(1.0),
            Value::Text("ä\u{10348}".into()),
            Value::Bytes(vec![0, 255]),
            Value::Uuid(Uuid::nil()),
            Value::DateTime(DateTime::from_epoch_millis(-1).unwrap()),
            Value::Date("2024-02-29".parse().unwrap()),
            Value::Decimal(Box::new("1.10".parse().unwrap())),
            value!({ "a": [1, { "b": null }], "c": {} }),
        ] {
            let back = received(sent(value.clone())).unwrap();
            assert_eq!(format!("{back:?}"), format!("{value:?}"));
        }
    }

    #[test]
    fn what_nests_deeply_is_json() {
        let mut document = value!(1);
        for _ in 0..60 {
            document = value!([(document)]);
        }
        let there = sent(document.clone());
        let bytes = prost::Message::encode_to_vec(&there);
        let read: Sent = prost::Message::decode(bytes.as_slice()).unwrap();
        assert_eq!(received(read).unwrap(), document);
    }

    #[test]
    fn what_no_request_may_hold_is_refused() {
        let of = |kind: Option<Kind>| received(Sent { kind }).unwrap_err();
        assert!(of(None).contains("without a kind"));
        assert!(of(Some(Kind::Rows(Rows::default()))).contains("answers"));
        assert!(of(Some(Kind::Uuid(vec![1; 15]))).contains("15 bytes"));
        assert!(of(Some(Kind::Datetime(i64::MAX))).contains("years"));
        assert!(of(Some(Kind::Decimal("1e999999999".into()))).contains("decimal"));
        assert!(of(Some(Kind::Date("2023-02-29".into()))).contains("date"));
        of(Some(Kind::Json("{".into())));
        of(Some(Kind::Json(r#"{"a":1,"a":2}"#.into())));
        let member = |name: &str| Member { name: name.into(), value: Some(sent(Value::Null)) };
        let twice = Object { members: vec![member("a"), member("a")] };
        assert!(of(Some(Kind::Object(twice.clone()))).contains("twice"));
        assert_eq!(arguments(twice).unwrap_err().fields()[0].field, "a");
    }

    #[test]
    fn rows_of_other_columns_lack_values() {
        let record = |names: &[&'static str]| {
            let columns = Columns { names: names.iter().map(|name| (*name).into()).collect() };
            Record::new(Arc::new(columns), names.iter().map(|name| Value::from(*name)).collect())
        };
        let all = rows(vec![record(&["id"]), record(&["id", "name"])]);
        assert_eq!(all.columns, ["id", "name"]);
        assert!(all.rows[0].values[1].kind.is_none() && all.rows[1].values[1].kind.is_some());
    }
}
