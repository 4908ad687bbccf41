//! The types of an answer that came as plain data: a host whose language has no uuid gives text where one is declared.
//! What the declaration does not ask for stays as it came, and the case says so.

use dbal::schema::{EntityId, FieldType, Schema};
use dbal::value::{Map, Name, Uuid, Value};

use crate::host::Request;
use crate::spell;

/// The answer to a request, in the types of the schema.
pub fn answer(schema: &Schema, request: &Request, answer: Value) -> Value {
    if request.operation == "batch"
        && let (Value::List(answers), Some(entries)) = (&answer, request.args.get("entries").and_then(Value::as_list))
    {
        let answers = answers.iter().zip(entries);
        return Value::List(answers.map(|(answer, entry)| entry_answer(schema, entry, answer.clone())).collect());
    }
    let Some(entity) = schema.find(&request.entity) else { return whole(answer) };
    let field = request.args.get("field").and_then(Value::as_str);
    match (request.operation.as_str(), answer) {
        ("distinct", Value::List(values)) => Value::List(
            values.into_iter().map(|value| cell(schema, entity, field.unwrap_or_default(), value)).collect(),
        ),
        ("aggregate", Value::List(groups)) => {
            Value::List(groups.into_iter().map(|value| group(schema, entity, value)).collect())
        }
        ("aggregate", value) => group(schema, entity, value),
        (operation, Value::Map(page)) if operation == "list" || (operation == "call" && is_page(&page)) => {
            Value::Map(Map(page
                .0
                .into_iter()
                .map(|(name, value)| match name.as_ref() {
                    "data" => (name, row(schema, entity, value)),
                    _ => (name, whole(value)),
                })
                .collect()))
        }
        (_, value) => row(schema, entity, value),
    }
}

/// What a call answers is a page only if its body asked for one.
fn is_page(answer: &Map) -> bool {
    ["data", "limit", "has_more"].iter().all(|name| answer.get(name).is_some())
}

/// The answer to an entry of a batch.
fn entry_answer(schema: &Schema, entry: &Value, given: Value) -> Value {
    let text = |name: &str| entry.as_map().and_then(|map| map.get(name)?.as_str()).unwrap_or_default().to_owned();
    let args = entry.as_map().cloned().unwrap_or_default();
    answer(schema, &Request { operation: text("operation"), entity: text("entity"), args }, given)
}

/// A row, or rows.
fn row(schema: &Schema, entity: EntityId, value: Value) -> Value {
    match value {
        Value::List(rows) => Value::List(rows.into_iter().map(|value| row(schema, entity, value)).collect()),
        Value::Map(map) => Value::Map(map.0.into_iter().map(|pair| named(schema, entity, pair)).collect()),
        other => whole(other),
    }
}

fn named(schema: &Schema, entity: EntityId, (name, value): (Name, Value)) -> (Name, Value) {
    let value = cell(schema, entity, &name, value);
    (name, value)
}

/// `{ count, sum: { field: … }, … }`
fn group(schema: &Schema, entity: EntityId, value: Value) -> Value {
    let Value::Map(map) = value else { return value };
    let part = |(name, value): (Name, Value)| {
        let value = match (name.as_ref(), value) {
            ("avg", Value::Map(fields)) => {
                Value::Map(fields.0.into_iter().map(|pair| average(schema, entity, pair)).collect())
            }
            ("sum", Value::Map(fields)) => {
                Value::Map(fields.0.into_iter().map(|pair| sum(schema, entity, pair)).collect())
            }
            ("min" | "max", Value::Map(fields)) => {
                Value::Map(fields.0.into_iter().map(|pair| named(schema, entity, pair)).collect())
            }
            ("count_distinct", Value::Map(fields)) => {
                Value::Map(fields.0.into_iter().map(|(name, value)| (name, whole(value))).collect())
            }
            (name, value) => cell(schema, entity, name, value),
        };
        (name, value)
    };
    Value::Map(map.0.into_iter().map(part).collect())
}

/// Sums of whole numbers are bigints; the others have their field's type.
fn sum(schema: &Schema, entity: EntityId, (name, value): (Name, Value)) -> (Name, Value) {
    let value = match value {
        Value::Text(_) => cell(schema, entity, &name, value),
        other => other,
    };
    (name, value)
}

fn average(schema: &Schema, entity: EntityId, pair: (Name, Value)) -> (Name, Value) {
    sum(schema, entity, pair)
}

/// The value of a column, by what it is declared as.
fn cell(schema: &Schema, entity: EntityId, name: &str, value: Value) -> Value {
    let declared = schema.entity(entity);
    if let Some(id) = declared.relation_by_name(name) {
        return row(schema, declared.relation(id).target, value);
    }
    let Some(id) = declared.field_by_name(name) else { return whole(value) };
    match (&declared.field(id).ty, value) {
        (FieldType::Uuid, Value::Text(text)) => match Uuid::parse_str(&text) {
            Ok(uuid) if uuid.hyphenated().to_string() == text => Value::Uuid(uuid),
            _ => Value::Text(text),
        },
        (FieldType::Decimal { .. }, Value::Text(text)) => match text.parse::<dbal::Decimal>() {
            Ok(number) if number.to_string() == text => Value::from(number),
            _ => Value::Text(text),
        },
        (FieldType::Date, Value::Text(text)) => spell::date(&text).map_or(Value::Text(text), Value::Date),
        (FieldType::Integer, value) => whole(value),
        (FieldType::Json, value) => document(value),
        (_, value) => value,
    }
}

/// JavaScript does not tell 1.0 from 1.
fn document(value: Value) -> Value {
    match value {
        Value::List(items) => Value::List(items.into_iter().map(document).collect()),
        Value::Map(map) => Value::Map(map.0.into_iter().map(|(name, value)| (name, document(value))).collect()),
        other => whole(other),
    }
}

/// A number without a fraction is an integer.
fn whole(value: Value) -> Value {
    match value {
        Value::Float(number) if number.trunc() == number && number.abs() <= 9_007_199_254_740_992.0 => {
            Value::Int(number as i64)
        }
        Value::Map(map) => Value::Map(map.0.into_iter().map(|(name, value)| (name, whole(value))).collect()),
        other => other,
    }
}
