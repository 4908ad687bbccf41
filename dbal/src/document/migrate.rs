//! What a database of documents lacks of a schema: commands as MongoDB's extended JSON, in the order of their names.

use crate::error::{Error, FieldFault, Result};
use crate::plan::operation::document::{SEQUENCES, WORDS, column};
use crate::schema::{Condition, DefaultValue, Entity, EntityId, Field, FieldId, FieldType, Generator, Index, Schema};
use crate::sql::ddl::{Snapshot, TableInfo};
use crate::value::{Comparison, Value, json};

/// The commands that create what is missing: collections with their validators, fields of collections that exist,
/// indexes. Nothing is ever dropped, and a second run finds nothing to do. Fields that cannot be added are reported
/// together.
pub fn create_missing(schema: &Schema, existing: &Snapshot) -> Result<Vec<String>> {
    let mut commands = Vec::new();
    let mut faults = Vec::new();
    let known = |name: &str| existing.tables.iter().find(|table| table.name == name);
    for (id, entity) in schema.entities() {
        let collection = known(&entity.table);
        match collection {
            None => commands.push(object(&[("create", &text(&entity.table)), ("validator", &validator(entity))])),
            // What others made holds whatever is put into it.
            Some(collection) if !collection.is_validated() => {}
            Some(collection) => add_fields(entity, collection, &mut commands, &mut faults),
        }
        for index in &entity.indexes {
            let columns: Vec<&str> = index.fields.iter().map(|field| column(entity.field(*field))).collect();
            let same = |a: &str, b: &str| a == b;
            let there = collection
                .is_some_and(|collection| collection.index(&index.name, &columns, index.unique, same).is_some());
            if !there && index.fields != [entity.key] {
                commands.push(create_index(entity, index)?);
            }
        }
        for field in &entity.searchable {
            let name = column(entity.field(*field));
            let (path, name) = (format!("{WORDS}.{name}"), format!("_dbal_words_{name}"));
            if !collection.is_some_and(|collection| collection.indexes.contains(&name)) {
                if collection.is_some() {
                    // Rows that exist have words as well.
                    let column = column(entity.field(*field));
                    commands.push(object(&[("_dbal_fill", &text(&entity.table)), ("words", &text(column))]));
                }
                let definition = object(&[("key", &object(&[(&path, "1")])), ("name", &text(&name))]);
                commands
                    .push(object(&[("createIndexes", &text(&entity.table)), ("indexes", &format!("[{definition}]"))]));
            }
        }
        if let Some((name, definition)) = expiry(schema, id)
            && !collection.is_some_and(|collection| collection.indexes.contains(&name))
        {
            commands.push(object(&[("createIndexes", &text(&entity.table)), ("indexes", &format!("[{definition}]"))]));
        }
    }
    let counted = |field: &Field| field.generated == Some(Generator::Sequence);
    if schema.entities().any(|(_, entity)| entity.fields.iter().any(counted)) && known(SEQUENCES).is_none() {
        commands.push(object(&[("create", &text(SEQUENCES))]));
    }
    if faults.is_empty() { Ok(commands) } else { Err(Error::invalid(faults)) }
}

/// The commands that drop the collections of a schema, as far as they exist.
pub fn drop_declared(schema: &Schema, existing: &Snapshot) -> Vec<String> {
    let declared = schema.entities().map(|(_, entity)| entity.table.as_str()).chain([SEQUENCES, "_dbal_migrations"]);
    let there = declared.filter(|name| existing.tables.iter().any(|table| table.name == *name));
    there.map(|name| object(&[("drop", &text(name))])).collect()
}

/// Fields that a collection's validator does not know yet.
fn add_fields(entity: &Entity, collection: &TableInfo, commands: &mut Vec<String>, faults: &mut Vec<FieldFault>) {
    let new: Vec<&Field> =
        entity.fields.iter().filter(|field| !collection.columns.iter().any(|name| name == column(field))).collect();
    if new.is_empty() {
        return;
    }
    for field in new {
        let default = match &field.default {
            Some(DefaultValue::Value(value)) => Some(json::to_text(value)),
            _ if field.version => Some("1".to_owned()),
            _ => None,
        };
        let name = column(field);
        match default {
            Some(default) if simple(&field.ty) => {
                let absent = object(&[(name, &object(&[("$exists", "false")]))]);
                let set = object(&[("$set", &object(&[(name, &default)]))]);
                let update = object(&[("q", &absent), ("u", &set), ("multi", "true")]);
                commands.push(object(&[("update", &text(&entity.table)), ("updates", &format!("[{update}]"))]));
            }
            None if field.nullable => {}
            _ => faults.push(FieldFault {
                field: format!("{}.{}", entity.name, field.name),
                message: "cannot be added to a collection that exists: it allows no null and has no fixed default"
                    .into(),
                index: None,
            }),
        }
    }
    commands.push(object(&[("collMod", &text(&entity.table)), ("validator", &validator(entity))]));
}

/// Whether a value of the type is stored as JSON spells it.
fn simple(ty: &FieldType) -> bool {
    matches!(ty, FieldType::Text(_) | FieldType::Enum(_) | FieldType::Boolean | FieldType::Integer)
}

/// What may be stored: each field's type, and null where it is allowed. A field may be missing, which is null.
pub(crate) fn validator(entity: &Entity) -> String {
    let mut properties = Vec::new();
    for field in &entity.fields {
        let Some(kind) = bson_type(&field.ty) else {
            properties.push((column(field), "{}".to_owned()));
            continue;
        };
        let kinds = if field.nullable && !field.primary { format!("[{},\"null\"]", text(kind)) } else { text(kind) };
        properties.push((column(field), object(&[("bsonType", &kinds)])));
    }
    let properties: Vec<(&str, &str)> = properties.iter().map(|(name, kinds)| (*name, kinds.as_str())).collect();
    object(&[("$jsonSchema", &object(&[("properties", &object(&properties))]))])
}

/// The one type that values of a field are stored in; none for json.
pub(crate) fn bson_type(ty: &FieldType) -> Option<&'static str> {
    Some(match ty {
        _ if ty.is_object_id() => "objectId",
        FieldType::Uuid | FieldType::Text(_) | FieldType::Enum(_) | FieldType::Date => "string",
        FieldType::Integer => "int",
        FieldType::BigInt => "long",
        FieldType::Float => "double",
        FieldType::Decimal { .. } => "decimal",
        FieldType::Boolean => "bool",
        FieldType::DateTime => "date",
        FieldType::Bytes => "binData",
        FieldType::Json => return None,
    })
}

/// An index. A unique one holds only rows without nulls in it, since nulls are distinct: each of its fields is at least
/// the least value of its type, which whoever looks one up asks for as well by asking for a value.
pub(crate) fn create_index(entity: &Entity, index: &Index) -> Result<String> {
    let fields = || index.fields.iter().map(|id| entity.field(*id));
    let key: Vec<(&str, &str)> = fields().map(|field| (column(field), "1")).collect();
    let mut definition = vec![("key", object(&key)), ("name", text(&index.name))];
    let mut filter = Vec::new();
    if index.unique {
        definition.push(("unique", "true".into()));
        // One document of all fields: that is how an index of ours without a condition is known again.
        let there: Vec<_> = fields().map(|field| (column(field), object(&[("$gte", least(&field.ty))]))).collect();
        filter.push(object(&there.iter().map(|(name, rule)| (*name, rule.as_str())).collect::<Vec<_>>()));
    }
    if let Some(condition) = index.filter.as_ref().map(|filter| &filter.condition) {
        filter.push(spell(entity, condition).map_err(|why| {
            let message = format!("{}: the index {} looks at {why}", entity.name, index.name);
            Error::unsupported("migrations", message).with_entity(&entity.name)
        })?);
    }
    match filter.as_slice() {
        [] => {}
        [one] => definition.push(("partialFilterExpression", one.clone())),
        all => definition.push(("partialFilterExpression", object(&[("$and", &list(all))]))),
    }
    let definition: Vec<(&str, &str)> = definition.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let definitions: Vec<String> = [object(&definition)].into_iter().chain(reference(entity, index)).collect();
    Ok(object(&[("createIndexes", &text(&entity.table)), ("indexes", &list(&definitions))]))
}

/// The index of a reference that a unique index over several fields begins with. Elsewhere that one finds it; here it
/// holds only rows without nulls in any of the fields, and who asks for one of them may mean others as well. It descends,
/// as no declared one does: the database takes no two that are alike.
fn reference(entity: &Entity, index: &Index) -> Option<String> {
    let first = index.fields.first()?;
    let begins = |other: &Index| !other.unique && other.filter.is_none() && other.fields.first() == Some(first);
    let refers = entity.field(*first).foreign_key.is_some();
    let wanted = refers && is_partly(index.unique, index.fields.len(), index.filter.is_some());
    (wanted && !entity.indexes.iter().any(begins)).then(|| {
        let key = object(&[(column(entity.field(*first)), "-1")]);
        object(&[("key", &key), ("name", &text(&reference_index(&index.name)))])
    })
}

/// Whether an index over all rows elsewhere does not serve its first field alone.
pub(crate) fn is_partly(unique: bool, fields: usize, conditional: bool) -> bool {
    unique && fields > 1 && !conditional
}

/// What the index of a reference is called that stands beside one of this name.
pub(crate) fn reference_index(name: &str) -> String {
    format!("_dbal_reference_{name}")
}

/// The condition of an index as a filter, in the few operators that MongoDB takes there: there is no NOT and no "is not
/// equal" among them. Or what of it cannot be said.
pub(crate) fn spell(entity: &Entity, condition: &Condition) -> Result<String, String> {
    let of = |field: &FieldId, test: String| object(&[(column(entity.field(*field)), &test)]);
    let value = |field: &FieldId, value: &Value| constant(&entity.field(*field).ty, value);
    let compare = |field: &FieldId, op: &str, to: &Value| of(field, object(&[(op, &value(field, to))]));
    let parts = |parts: &[Condition]| parts.iter().map(|part| spell(entity, part)).collect::<Result<Vec<_>, _>>();
    Ok(match condition {
        Condition::All(all) => object(&[("$and", &list(&parts(all)?))]),
        Condition::Any(any) => object(&[("$or", &list(&parts(any)?))]),
        Condition::Compare { field, op, value } => match op {
            Comparison::Eq => compare(field, "$eq", value),
            Comparison::Lt => compare(field, "$lt", value),
            Comparison::Lte => compare(field, "$lte", value),
            Comparison::Gt => compare(field, "$gt", value),
            Comparison::Gte => compare(field, "$gte", value),
            Comparison::Ne => object(&[("$or", &list(&[compare(field, "$lt", value), compare(field, "$gt", value)]))]),
        },
        Condition::OneOf { field, values } => {
            let values: Vec<String> = values.iter().map(|one| value(field, one)).collect();
            of(field, object(&[("$in", &list(&values))]))
        }
        Condition::Null(field) => of(field, object(&[("$eq", "null")])),
        Condition::NotNull(field) if entity.field(*field).ty == FieldType::Json => {
            let name = &entity.field(*field).name;
            return Err(format!("whether {name}, which is json, is there: MongoDB cannot say that of an index"));
        }
        Condition::NotNull(field) => of(field, object(&[("$gte", least(&entity.field(*field).ty))])),
    })
}

/// The index by which the database removes rows past their time: only where nothing refers to them, for it would not
/// ask.
pub(crate) fn expiry(schema: &Schema, id: EntityId) -> Option<(String, String)> {
    let entity = schema.entity(id);
    let ttl = entity.ttl.filter(|ttl| ttl.auto_delete)?;
    let field = entity.field(ttl.field);
    let refers = |field: &Field| field.foreign_key.is_some_and(|key| key.entity == id);
    if field.ty != FieldType::DateTime || schema.entities().any(|(_, other)| other.fields.iter().any(refers)) {
        return None;
    }
    let name = format!("_dbal_expiry_{}", field.column);
    let key = object(&[(column(field), "1")]);
    let definition = object(&[("key", &key), ("name", &text(&name)), ("expireAfterSeconds", "0")]);
    Some((name, definition))
}

/// A value as a field of the type stores it.
pub(crate) fn constant(ty: &FieldType, value: &Value) -> String {
    let long = |number: i64| object(&[("$numberLong", &text(&number.to_string()))]);
    match (ty, value) {
        (FieldType::Json, document) => object(&[("$dbalJson", &text(&json::to_text(document)))]),
        (_, Value::Int(number)) => match ty {
            FieldType::BigInt => long(*number),
            FieldType::Float => object(&[("$numberDouble", &text(&number.to_string()))]),
            _ => number.to_string(),
        },
        (_, Value::Float(number)) => object(&[("$numberDouble", &text(&format!("{number:?}")))]),
        (_, Value::Decimal(number)) => object(&[("$numberDecimal", &text(&number.to_string()))]),
        (_, Value::DateTime(instant)) => object(&[("$date", &long(instant.epoch_millis()))]),
        (_, Value::Bytes(_)) => {
            object(&[("$binary", &object(&[("base64", &json::to_wire(value)), ("subType", "\"00\"")]))])
        }
        (_, value) => json::to_wire(value),
    }
}

/// The least value of a type.
pub(crate) fn least(ty: &FieldType) -> &'static str {
    match ty {
        _ if ty.is_object_id() => r#"{"$oid":"000000000000000000000000"}"#,
        FieldType::Uuid | FieldType::Text(_) | FieldType::Enum(_) | FieldType::Date => r#""""#,
        FieldType::Integer | FieldType::BigInt | FieldType::Float | FieldType::Decimal { .. } => {
            r#"{"$numberDouble":"-Infinity"}"#
        }
        FieldType::Boolean => "false",
        FieldType::DateTime => r#"{"$date":{"$numberLong":"-9223372036854775808"}}"#,
        FieldType::Bytes => r#"{"$binary":{"base64":"","subType":"00"}}"#,
        FieldType::Json => r#"{"$minKey":1}"#,
    }
}

fn list(items: &[String]) -> String {
    format!("[{}]", items.join(","))
}

pub(crate) fn text(text: &str) -> String {
    json::to_text(&Value::from(text))
}

pub(crate) fn object(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{}:{value}", text(name))).collect();
    format!("{{{}}}", pairs.join(","))
}
