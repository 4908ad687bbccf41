//! What a daemon shows its caller of the schema, as a schema.

use std::sync::Arc;

use crate::capability::{Capabilities, Support};
use crate::schema::{
    Acl, Body, Entity, EntityId, EntitySecurity, EnumType, Field, FieldAcl, FieldId, FieldType, OperationDecl,
    Relation, RelationKind, Schema, TextKind,
};
use crate::value::{Map, Value};

/// The schema of `schema`'s answer; none where it is no such answer. It says what the fields are called and what they
/// hold, and nothing of what the daemon keeps to itself.
pub(super) fn schema(told: &Map) -> Option<Schema> {
    let entities: Vec<&Map> = told.get("entities")?.as_list()?.iter().map(Value::as_map).collect::<Option<_>>()?;
    let names: Vec<&str> = entities.iter().map(|entity| text(entity, "name")).collect::<Option<_>>()?;
    let made: Option<Vec<Entity>> = entities.iter().map(|told| entity(told, &names)).collect();
    Some(Schema::new(made?, Vec::new()))
}

/// The capabilities of `capabilities`' answer. What it does not name is not there.
pub(super) fn capabilities(told: &Map) -> Capabilities {
    let mut made = Capabilities::NONE;
    let named = told.get("capabilities").and_then(Value::as_map);
    for (name, support) in named.into_iter().flat_map(Map::iter) {
        let support = match support.as_str() {
            Some("native") => Support::Native,
            Some("emulated") => Support::Emulated,
            _ => Support::Unsupported,
        };
        // A newer daemon may know more of them.
        made.set(name, support);
    }
    made
}

fn text<'m>(map: &'m Map, name: &str) -> Option<&'m str> {
    map.get(name).and_then(Value::as_str)
}

fn list<'m>(map: &'m Map, name: &str) -> impl Iterator<Item = &'m Map> {
    map.get(name).and_then(Value::as_list).unwrap_or_default().iter().filter_map(Value::as_map)
}

fn entity(told: &Map, names: &[&str]) -> Option<Entity> {
    let name = text(told, "name")?.to_owned();
    let plural = text(told, "plural")?.to_owned();
    let fields: Vec<Field> = list(told, "fields").map(field).collect::<Option<_>>()?;
    let key = text(told, "key").and_then(|key| fields.iter().position(|field| field.name == key)).unwrap_or(0);
    let relations = list(told, "relations").filter_map(|told| relation(told, names)).collect();
    Some(Entity {
        table: plural.clone(),
        table_declared: false,
        renamed_from: None,
        version: String::new(),
        description: text(told, "description").unwrap_or_default().to_owned(),
        key: FieldId(u16::try_from(key).ok()?),
        key_rest: Vec::new(),
        indexes: Vec::new(),
        relations,
        acl: Acl::default(),
        owner: None,
        ttl: None,
        security: EntitySecurity::default(),
        searchable: Vec::new(),
        operations: list(told, "operations").filter_map(operation).collect(),
        name,
        plural,
        fields,
    })
}

fn field(told: &Map) -> Option<Field> {
    let name = text(told, "name")?.to_owned();
    let values = told.get("values").and_then(Value::as_list).unwrap_or_default();
    let ty = match text(told, "type")? {
        "uuid" => FieldType::Uuid,
        "text" => FieldType::Text(TextKind::Text),
        "email" => FieldType::Text(TextKind::Email),
        "object_id" => FieldType::Text(TextKind::ObjectId),
        "enum" => FieldType::Enum(Arc::new(EnumType {
            values: values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            ordered: false,
        })),
        "integer" => FieldType::Integer,
        "bigint" => FieldType::BigInt,
        "float" => FieldType::Float,
        "decimal" => FieldType::Decimal { precision: None, scale: None },
        "boolean" => FieldType::Boolean,
        "datetime" => FieldType::DateTime,
        "date" => FieldType::Date,
        "json" => FieldType::Json,
        "bytes" => FieldType::Bytes,
        // A type of a newer daemon is written as text.
        _ => FieldType::Text(TextKind::String),
    };
    let required = told.get("required") == Some(&Value::Bool(true));
    Some(Field {
        column: name.clone(),
        name,
        storage: None,
        renamed_from: None,
        backfill: None,
        ty,
        description: text(told, "description").unwrap_or_default().to_owned(),
        primary: false,
        nullable: !required,
        required,
        generated: None,
        default: None,
        unique: false,
        index: false,
        min_length: None,
        max_length: None,
        pattern: None,
        min: None,
        max: None,
        immutable: false,
        auto_update: false,
        version: false,
        sensitive: false,
        stored_as: None,
        deprecated: false,
        foreign_key: None,
        acl: FieldAcl::default(),
    })
}

fn relation(told: &Map, names: &[&str]) -> Option<Relation> {
    let target = text(told, "target")?;
    let target = names.iter().position(|name| *name == target)?;
    let many = told.get("many") == Some(&Value::Bool(true));
    Some(Relation {
        name: text(told, "name")?.to_owned(),
        kind: if many { RelationKind::HasMany } else { RelationKind::BelongsTo },
        target: EntityId(u16::try_from(target).ok()?),
        local: FieldId(0),
        remote: FieldId(0),
        through: None,
    })
}

fn operation(told: &Map) -> Option<OperationDecl> {
    let input = told.get("input").and_then(Value::as_map);
    let names = |name: &str| {
        let list = input.and_then(|input| input.get(name)).and_then(Value::as_list).unwrap_or_default();
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let output = told.get("output").and_then(Value::as_map);
    let output = output.and_then(|output| match text(output, "entity") {
        Some(entity) if output.get("many") == Some(&Value::Bool(true)) => Some(format!("{entity}[]")),
        Some(entity) => Some(entity.to_owned()),
        None => text(output, "type").map(str::to_owned),
    });
    Some(OperationDecl {
        name: text(told, "name")?.to_owned(),
        description: String::new(),
        required: names("required"),
        optional: names("optional"),
        output,
        acl_required: Vec::new(),
        requires: Vec::new(),
        public: false,
        system_only: false,
        runs_as_system: false,
        max_limit: None,
        default_limit: None,
        rate_limit: None,
        exactly_one_of: Vec::new(),
        row_level_check: None,
        audit: false,
        body: Body::Missing,
        rest: Value::Null,
    })
}
