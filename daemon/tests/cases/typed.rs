//! The types of an answer that came as JSON, by the schema: what a client has from `GET /v1/schema`.

use dbal::schema::convert::convert;
use dbal::schema::{EntityId, FieldType, Schema};
use dbal::{Map, Name, Value};
use dbal_conformance::Request;

/// The answer to a request.
pub fn answer(schema: &Schema, request: &Request, answer: Value) -> Value {
    if request.operation == "batch" {
        let entries = request.args.get("entries").and_then(Value::as_list).unwrap_or_default();
        let Value::List(answers) = answer else { return answer };
        let one = |(answer, entry): (Value, &Value)| {
            let args = entry.as_map().cloned().unwrap_or_default();
            let text = |name: &str| args.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let (operation, entity) = (text("operation"), text("entity"));
            self::answer(schema, &Request { operation, entity, args }, answer)
        };
        return Value::List(answers.into_iter().zip(entries).map(one).collect());
    }
    let Some(entity) = schema.find(&request.entity) else { return answer };
    let field = request.args.get("field").and_then(Value::as_str).unwrap_or_default();
    match (request.operation.as_str(), answer) {
        ("distinct", Value::List(values)) => {
            Value::List(values.into_iter().map(|value| cell(schema, entity, field, value)).collect())
        }
        ("aggregate", Value::List(groups)) => {
            Value::List(groups.into_iter().map(|value| group(schema, entity, value)).collect())
        }
        ("aggregate", value) => group(schema, entity, value),
        (_, Value::Map(page)) if ["data", "limit", "has_more"].iter().all(|name| page.get(name).is_some()) => {
            let part = |(name, value): (Name, Value)| match name.as_ref() {
                "data" => (name, row(schema, entity, value)),
                _ => (name, value),
            };
            Value::Map(Map(page.0.into_iter().map(part).collect()))
        }
        (_, value) => row(schema, entity, value),
    }
}

/// A row, or rows.
fn row(schema: &Schema, entity: EntityId, value: Value) -> Value {
    match value {
        Value::List(rows) => Value::List(rows.into_iter().map(|value| row(schema, entity, value)).collect()),
        Value::Map(map) => Value::Map(Map(map
            .0
            .into_iter()
            .map(|(name, value)| (name.clone(), cell(schema, entity, &name, value)))
            .collect())),
        other => other,
    }
}

fn cell(schema: &Schema, entity: EntityId, name: &str, value: Value) -> Value {
    let declared = schema.entity(entity);
    if let Some(id) = declared.relation_by_name(name) {
        return row(schema, declared.relation(id).target, value);
    }
    let Some(id) = declared.field_by_name(name) else { return value };
    match &declared.field(id).ty {
        // Only as text: a bigint that came as a number is a fault, and the case says so.
        FieldType::BigInt if !matches!(value, Value::Text(_)) => match value {
            Value::Null => Value::Null,
            other => Value::List(vec!["a bigint that is not text".into(), other]),
        },
        ty => convert(ty, &value).unwrap_or(value),
    }
}

/// `{ count, sum: { field: … }, … }`
fn group(schema: &Schema, entity: EntityId, value: Value) -> Value {
    let Value::Map(map) = value else { return value };
    let declared = schema.entity(entity);
    let ty = |field: &str| declared.field_by_name(field).map(|id| declared.field(id).ty.clone());
    let part = |(name, value): (Name, Value)| {
        let Value::Map(fields) = value else {
            let value = cell(schema, entity, &name, value);
            return (name, value);
        };
        let field = |(field, value): (Name, Value)| {
            let value = match (name.as_ref(), ty(&field)) {
                ("count_distinct", _) => value,
                ("sum", Some(FieldType::Integer | FieldType::BigInt)) => {
                    convert(&FieldType::BigInt, &value).unwrap_or(value)
                }
                // With the zeros that it came with.
                ("sum" | "avg", Some(FieldType::Decimal { .. })) => match &value {
                    Value::Text(text) => text.parse::<dbal::Decimal>().map_or(value, Value::from),
                    _ => value,
                },
                ("sum" | "avg", _) => value,
                _ => cell(schema, entity, &field, value),
            };
            (field, value)
        };
        let fields = Map(fields.0.into_iter().map(field).collect());
        (name, Value::Map(fields))
    };
    Value::Map(Map(map.0.into_iter().map(part).collect()))
}
