//! A model as JSON and back: what the history holds. The form is the history's own and not that of entity files, so
//! that what a newer engine asks of those never makes an older history unreadable.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::model::{Column, Fill, Indexed, Model, Reference, Table};
use crate::error::{Error, Result};
use crate::schema::convert::convert;
use crate::schema::{EnumType, FieldType, Referential, Storage, StoredAs, TextKind};
use crate::value::{Map, Value, json};

/// The text that is kept. Equal models have equal texts.
pub fn to_text(model: &Model) -> String {
    let mut tables = model.clone();
    tables.tables.sort_by(|a, b| a.entity.cmp(&b.entity));
    json::to_text(&Value::List(tables.tables.iter().map(table).collect()))
}

/// Tells one text from another.
pub fn checksum(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// The model of a text.
///
/// # Errors
/// DATABASE_ERROR where something else stands there.
pub fn from_text(text: &str) -> Result<Model> {
    let value = json::parse(text.as_bytes()).ok();
    let tables = value.as_ref().and_then(Value::as_list).and_then(|tables| tables.iter().map(read_table).collect());
    let unreadable = || Error::database("the history of migrations holds a schema that cannot be read", text);
    Ok(Model { tables: tables.ok_or_else(unreadable)? })
}

fn table(table: &Table) -> Value {
    let mut map = Map::new();
    map.insert("entity", table.entity.as_str());
    map.insert("table", table.table.as_str());
    map.insert("key", table.key.as_str());
    map.insert("fields", Value::List(table.columns.iter().map(column).collect()));
    map.insert("indexes", Value::List(table.indexes.iter().map(index).collect()));
    map.insert("searchable", texts(&table.searchable));
    if let Some(field) = &table.expiry {
        map.insert("expiry", field.as_str());
    }
    Value::Map(map)
}

fn column(column: &Column) -> Value {
    let mut map = Map::new();
    map.insert("field", column.field.as_str());
    map.insert("column", column.column.as_str());
    map.insert("type", column.ty.as_str());
    match &column.ty {
        FieldType::Enum(words) => {
            map.insert("values", texts(&words.values));
            map.insert("ordered", words.ordered);
        }
        FieldType::Decimal { precision, scale } => {
            map.insert("precision", *precision);
            map.insert("scale", *scale);
        }
        _ => {}
    }
    if let Some(storage) = column.storage {
        map.insert("storage", storage.as_str());
    }
    map.insert("nullable", column.nullable);
    if column.counted {
        map.insert("counted", true);
    }
    if let Some(how) = column.stored_as {
        map.insert("stored_as", stored_as(how));
    }
    if let Some(key) = &column.reference {
        let mut points = Map::new();
        points.insert("entity", key.entity.as_str());
        points.insert("field", key.field.as_str());
        points.insert("on_delete", referential(key.on_delete));
        points.insert("on_update", referential(key.on_update));
        map.insert("points_to", points);
    }
    let fill = column.fill.as_ref().map(|fill| match fill {
        // As text: the type says what it spells, and no number loses a digit.
        Fill::Value(value) => ("value", spelled(value)),
        Fill::Now => ("now", Value::Bool(true)),
        Fill::Uuid => ("uuid", Value::Bool(true)),
        Fill::Copy(field) => ("from", Value::from(field.as_str())),
    });
    if let Some((how, value)) = fill {
        map.insert("fill", Value::Map(Map(vec![(how.into(), value)])));
    }
    Value::Map(map)
}

/// A value as JSON holds it: what JSON has no word for is text.
fn spelled(value: &Value) -> Value {
    json::parse(json::to_wire(value).as_bytes()).unwrap_or(Value::Null)
}

fn index(index: &Indexed) -> Value {
    let mut map = Map::new();
    map.insert("name", index.name.as_str());
    map.insert("fields", texts(&index.fields));
    map.insert("unique", index.unique);
    if let Some(filter) = &index.filter {
        map.insert("where", filter.as_str());
    }
    Value::Map(map)
}

fn texts(texts: &[String]) -> Value {
    Value::List(texts.iter().map(|text| Value::from(text.as_str())).collect())
}

fn read_table(value: &Value) -> Option<Table> {
    let map = value.as_map()?;
    let each = |name: &str| map.get(name)?.as_list();
    Some(Table {
        entity: text(map, "entity")?,
        table: text(map, "table")?,
        renamed_from: None,
        key: text(map, "key")?,
        columns: each("fields")?.iter().map(read_column).collect::<Option<_>>()?,
        indexes: each("indexes")?.iter().map(read_index).collect::<Option<_>>()?,
        searchable: read_texts(each("searchable")?)?,
        expiry: text(map, "expiry"),
    })
}

fn read_column(value: &Value) -> Option<Column> {
    let map = value.as_map()?;
    let ty = read_type(map)?;
    let reference = match map.get("points_to") {
        Some(points) => Some(read_reference(points.as_map()?)?),
        None => None,
    };
    let fill = match map.get("fill").and_then(Value::as_map).and_then(|fill| fill.iter().next()) {
        Some(("value", value)) => Some(Fill::Value(convert(&ty, value).ok()?)),
        Some(("now", _)) => Some(Fill::Now),
        Some(("uuid", _)) => Some(Fill::Uuid),
        Some(("from", field)) => Some(Fill::Copy(field.as_str()?.to_owned())),
        _ => None,
    };
    let stored = match text(map, "stored_as") {
        Some(word) => Some([StoredAs::Sha256, StoredAs::Argon2id].into_iter().find(|how| stored_as(*how) == word)?),
        None => None,
    };
    let storage = match text(map, "storage") {
        Some(word) => Some(Storage::parse(&word)?),
        None => None,
    };
    Some(Column {
        storage,
        field: text(map, "field")?,
        column: text(map, "column")?,
        renamed_from: None,
        ty,
        nullable: *map.get("nullable")? == Value::Bool(true),
        counted: map.get("counted") == Some(&Value::Bool(true)),
        stored_as: stored,
        reference,
        fill,
    })
}

fn read_type(map: &Map) -> Option<FieldType> {
    let digits = |name: &str| map.get(name).and_then(Value::as_i64).and_then(|digits| u32::try_from(digits).ok());
    Some(match map.get("type")?.as_str()? {
        "uuid" => FieldType::Uuid,
        "string" => FieldType::Text(TextKind::String),
        "text" => FieldType::Text(TextKind::Text),
        "email" => FieldType::Text(TextKind::Email),
        "object_id" => FieldType::Text(TextKind::ObjectId),
        "enum" => {
            let values = read_texts(map.get("values")?.as_list()?)?;
            FieldType::Enum(Arc::new(EnumType { values, ordered: map.get("ordered") == Some(&Value::Bool(true)) }))
        }
        "integer" => FieldType::Integer,
        "bigint" => FieldType::BigInt,
        "float" => FieldType::Float,
        "decimal" => FieldType::Decimal { precision: digits("precision"), scale: digits("scale") },
        "boolean" => FieldType::Boolean,
        "datetime" => FieldType::DateTime,
        "date" => FieldType::Date,
        "json" => FieldType::Json,
        "bytes" => FieldType::Bytes,
        _ => return None,
    })
}

fn read_reference(map: &Map) -> Option<Reference> {
    let rule = |name: &str| {
        let word = map.get(name)?.as_str()?;
        let all = [Referential::Restrict, Referential::Cascade, Referential::SetNull];
        all.into_iter().find(|rule| referential(*rule) == word)
    };
    Some(Reference {
        entity: text(map, "entity")?,
        field: text(map, "field")?,
        on_delete: rule("on_delete")?,
        on_update: rule("on_update")?,
    })
}

fn read_index(value: &Value) -> Option<Indexed> {
    let map = value.as_map()?;
    Some(Indexed {
        name: text(map, "name")?,
        fields: read_texts(map.get("fields")?.as_list()?)?,
        unique: map.get("unique") == Some(&Value::Bool(true)),
        filter: text(map, "where"),
    })
}

fn text(map: &Map, name: &str) -> Option<String> {
    map.get(name)?.as_str().map(str::to_owned)
}

fn read_texts(values: &[Value]) -> Option<Vec<String>> {
    values.iter().map(|value| value.as_str().map(str::to_owned)).collect()
}

fn referential(rule: Referential) -> &'static str {
    match rule {
        Referential::Restrict => "restrict",
        Referential::Cascade => "cascade",
        Referential::SetNull => "set_null",
    }
}

fn stored_as(how: StoredAs) -> &'static str {
    match how {
        StoredAs::Sha256 => "sha256",
        StoredAs::Argon2id => "argon2id",
    }
}
