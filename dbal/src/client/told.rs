//! Answers of a daemon that came as JSON: with the types of the schema they are what a client in the same process gets.

use crate::client::response::{Answered, Envelope, Page, Response};
use crate::error::{Error, Result};
use crate::query::batch;
use crate::request::{Operation, Request};
use crate::row::{Columns, Record};
use crate::schema::convert::convert;
use crate::schema::{EntityId, FieldType, Schema};
use crate::value::{Decimal, Map, Name, Value};
use std::sync::Arc;

/// The envelope of packed rows.
pub(super) fn envelope(told: &Value) -> Result<Envelope> {
    Ok(match told {
        Value::Text(word) => match word.as_str() {
            "row" => Envelope::Row,
            "maybe" => Envelope::Maybe,
            "rows" => Envelope::Rows,
            "values" => Envelope::Values,
            "value" => Envelope::Value,
            "group" => Envelope::Group,
            "groups" => Envelope::Groups,
            _ => return Err(senseless()),
        },
        Value::Map(map) => {
            let page = map.get("page").and_then(Value::as_map).ok_or_else(senseless)?;
            Envelope::Page(Box::new(self::page(page, Vec::new())?))
        }
        _ => return Err(senseless()),
    })
}

fn page(told: &Map, data: Vec<Record>) -> Result<Page> {
    let number = |name: &str| told.get(name).and_then(Value::as_i64);
    let text = |name: &str| told.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(Page {
        data,
        total: number("total"),
        page: number("page").ok_or_else(senseless)?,
        limit: number("limit").ok_or_else(senseless)?,
        has_more: told.get("has_more") == Some(&Value::Bool(true)),
        next_cursor: text("next_cursor"),
        prev_cursor: text("prev_cursor"),
    })
}

/// The answer to a request.
pub(super) fn response(schema: &Schema, request: &Request, told: Value) -> Result<Response> {
    let entity = schema.find(&request.entity);
    let row = |told: Value| match told {
        Value::Map(row) => Ok(record(schema, entity, row)),
        _ => Err(senseless()),
    };
    let counted = |told: &Value| told.as_map().and_then(|map| map.get("count")).and_then(Value::as_i64);
    Ok(match request.operation {
        Operation::Create | Operation::Read | Operation::Update | Operation::Upsert => Response::Row(row(told)?),
        Operation::First if told.is_null() => Response::Maybe(None),
        Operation::First => Response::Maybe(Some(row(told)?)),
        Operation::CreateMany | Operation::UpdateMany | Operation::DeleteMany if matches!(told, Value::Map(_)) => {
            Response::Affected(counted(&told).ok_or_else(senseless)?)
        }
        Operation::FindMany | Operation::Stream | Operation::CreateMany | Operation::UpsertMany => {
            Response::Rows(records(schema, entity, told))
        }
        Operation::UpdateMany | Operation::DeleteMany => return Err(senseless()),
        Operation::List => {
            let Value::Map(mut told) = told else { return Err(senseless()) };
            let data = told.0.iter().position(|(name, _)| name == "data").map(|at| told.0.swap_remove(at).1);
            Response::Page(page(&told, records(schema, entity, data.ok_or_else(senseless)?))?)
        }
        Operation::Count => Response::Count(told.as_i64().ok_or_else(senseless)?),
        Operation::Delete => Response::Done,
        Operation::Distinct => {
            let field = request.args.get("field").and_then(Value::as_str).unwrap_or_default().to_owned();
            let Value::List(values) = told else { return Err(senseless()) };
            let values = values.into_iter().map(|value| cell(schema, entity, &field, value)).collect();
            Response::Values { field: field.into(), values }
        }
        Operation::Aggregate => match told {
            Value::Map(map) => Response::Group(group(schema, entity, map)),
            Value::List(list) => {
                let map = |one: Value| match one {
                    Value::Map(map) => Ok(group(schema, entity, map)),
                    _ => Err(senseless()),
                };
                Response::Groups(list.into_iter().map(map).collect::<Result<_>>()?)
            }
            _ => return Err(senseless()),
        },
        Operation::Call => called(schema, entity, request, told),
        Operation::Batch => {
            let entries = request.args.get("entries").and_then(Value::as_list).unwrap_or_default();
            let Value::List(all) = told else { return Err(senseless()) };
            if all.len() != entries.len() {
                return Err(senseless());
            }
            let one = |(entry, told): (&Value, Value)| {
                let request = batch::entry(entry).ok_or_else(senseless)?;
                let entity = schema.find(&request.entity).unwrap_or(EntityId(0));
                Ok(Answered { entity, response: response(schema, &request, told)? })
            };
            Response::Batch(entries.iter().zip(all).map(one).collect::<Result<_>>()?)
        }
    })
}

/// What a declared operation answered, as its output is declared.
fn called(schema: &Schema, entity: Option<EntityId>, request: &Request, told: Value) -> Response {
    let named = request.args.get("name").and_then(Value::as_str);
    let decl = entity.zip(named).and_then(|(entity, name)| schema.entity(entity).operation(name));
    let output = decl.and_then(|decl| decl.output.as_deref()).unwrap_or_default();
    let target = schema.by_name(output.trim_end_matches("[]"));
    let response = match (target, told) {
        (Some(_), told @ Value::List(_)) => Response::Rows(records(schema, target, told)),
        (Some(_), Value::Map(mut told)) if is_page(&told) => {
            let data = told.0.iter().position(|(name, _)| name == "data").map(|at| told.0.swap_remove(at).1);
            match page(&told, records(schema, target, data.unwrap_or_default())) {
                Ok(page) => Response::Page(page),
                Err(_) => Response::Value(Value::Map(told)),
            }
        }
        (Some(_), Value::Map(row)) => Response::Row(record(schema, target, row)),
        (_, told) => Response::Value(told),
    };
    match target.or(entity) {
        Some(entity) => Response::Called(Box::new(Answered { entity, response })),
        None => response,
    }
}

/// Whether it is a page in its envelope and no row.
fn is_page(told: &Map) -> bool {
    ["data", "limit", "has_more", "next_cursor"].iter().all(|name| told.get(name).is_some())
}

/// Rows of an entity; what is no row is left out.
pub(super) fn records(schema: &Schema, entity: Option<EntityId>, told: Value) -> Vec<Record> {
    let Value::List(rows) = told else { return Vec::new() };
    let mut columns: Option<Arc<Columns>> = None;
    let mut made = Vec::with_capacity(rows.len());
    for row in rows {
        let Value::Map(row) = row else { continue };
        let same = |known: &&Arc<Columns>| {
            known.names.len() == row.len() && known.names.iter().zip(&row.0).all(|(known, (name, _))| known == name)
        };
        let shared = columns.as_ref().filter(same).cloned();
        let record = record_of(schema, entity, row, shared);
        columns = Some(record.columns().clone());
        made.push(record);
    }
    made
}

fn record(schema: &Schema, entity: Option<EntityId>, row: Map) -> Record {
    record_of(schema, entity, row, None)
}

fn record_of(schema: &Schema, entity: Option<EntityId>, row: Map, columns: Option<Arc<Columns>>) -> Record {
    let (names, cells): (Vec<Name>, Vec<Value>) = row.0.into_iter().unzip();
    let values = names.iter().zip(cells).map(|(name, value)| cell(schema, entity, name, value)).collect();
    Record::new(columns.unwrap_or_else(|| Arc::new(Columns { names })), values)
}

/// The cell of a column, as the schema types it; as it came where the schema says nothing.
fn cell(schema: &Schema, entity: Option<EntityId>, name: &str, value: Value) -> Value {
    let Some(declared) = entity.map(|id| schema.entity(id)) else { return value };
    if let Some(id) = declared.field_by_name(name) {
        return typed(&declared.field(id).ty, value);
    }
    let Some(relation) = declared.relation_by_name(name).map(|id| declared.relation(id)) else { return value };
    match value {
        Value::Map(row) => Value::Record(Box::new(record(schema, Some(relation.target), row))),
        list @ Value::List(_) => Value::Records(records(schema, Some(relation.target), list)),
        other => other,
    }
}

fn typed(ty: &FieldType, value: Value) -> Value {
    match (ty, &value) {
        (FieldType::Json, _) => return value,
        // With the digits that it came with.
        (FieldType::Decimal { .. }, Value::Text(text)) => {
            if let Ok(decimal) = text.parse::<Decimal>() {
                return Value::Decimal(Box::new(decimal));
            }
        }
        _ => {}
    }
    convert(ty, &value).unwrap_or(value)
}

/// What is computed of rows: sums and means have types of their own.
fn group(schema: &Schema, entity: Option<EntityId>, told: Map) -> Map {
    let ty = |name: &str| {
        let declared = schema.entity(entity?);
        declared.field_by_name(name).map(|id| &declared.field(id).ty)
    };
    let inner = |outer: &str, name: &str, value: Value| match (outer, ty(name)) {
        ("sum", Some(FieldType::Integer | FieldType::BigInt)) => typed(&FieldType::BigInt, value),
        ("min" | "max", Some(ty)) => typed(ty, value),
        ("sum" | "avg", _) => match value {
            text @ Value::Text(_) => typed(&FieldType::Decimal { precision: None, scale: None }, text),
            number => typed(&FieldType::Float, number),
        },
        _ => value,
    };
    let member = |(name, value): (Name, Value)| match value {
        Value::Map(fields) if ty(&name).is_none() => {
            let fields = fields.0.into_iter().map(|(field, value)| {
                let value = inner(&name, &field, value);
                (field, value)
            });
            (name.clone(), Value::Map(Map(fields.collect())))
        }
        value => {
            let value = ty(&name).map_or(value.clone(), |ty| typed(ty, value));
            (name, value)
        }
    };
    Map(told.0.into_iter().map(member).collect())
}

fn senseless() -> Error {
    Error::internal("the daemon answered something that is no answer")
}
