//! The schema as a caller may see it: what clients need in order to know the types of values, and the OpenAPI document.

use dbal::query::view::View as _;
use dbal::schema::{Entity, EntityId, FieldId, FieldType, OperationDecl, Requirement, Schema, Verb};
use dbal::value::json;
use dbal::{Client, Map, Principal, Value};
use sha2::{Digest, Sha256};

/// What one caller may see of one entity.
pub struct Seen<'s> {
    /// The entity.
    pub entity: &'s Entity,
    /// What the caller may do with some row.
    pub verbs: Vec<Verb>,
    /// For each field that it may read or write: which, whether read, whether written.
    pub fields: Vec<(&'s dbal::schema::Field, bool, bool)>,
    /// The operations that it may call.
    pub operations: Vec<&'s OperationDecl>,
}

/// What a caller may see; trusted code sees all but what is sensitive.
pub fn seen<'s>(client: &'s Client, principal: Option<&Principal>) -> Vec<Seen<'s>> {
    let schema: &Schema = client.schema();
    let policy = client.policy();
    let view = principal.map(|principal| policy.view(principal));
    let allows = |id: EntityId, verb: Verb| view.as_ref().is_none_or(|view| view.allows(id, verb));
    let mut all = Vec::new();
    for (id, entity) in schema.entities() {
        let verbs: Vec<Verb> = Verb::ALL.into_iter().filter(|verb| allows(id, *verb)).collect();
        let operations = entity.operations.iter().filter(|decl| callable(decl, principal, &allows)).collect::<Vec<_>>();
        if verbs.is_empty() && operations.is_empty() {
            continue;
        }
        let reads = |field: FieldId| view.as_ref().is_none_or(|view| view.readable(id, field));
        let writes = |field: FieldId| view.as_ref().is_none_or(|view| view.writable(id, field));
        let fields = entity.field_ids();
        let fields = fields.map(|(id, field)| (field, reads(id) && !field.sensitive, writes(id)));
        let fields = fields.filter(|(_, read, write)| *read || *write).collect();
        all.push(Seen { entity, verbs, fields, operations });
    }
    all
}

fn callable(decl: &OperationDecl, principal: Option<&Principal>, allows: &dyn Fn(EntityId, Verb) -> bool) -> bool {
    let Some(principal) = principal else { return true };
    if decl.system_only {
        return false;
    }
    decl.public
        || decl.requires.iter().any(|needs| match needs {
            Requirement::Role(role) => principal.has_role(role),
            Requirement::Verb(entity, verb) => allows(*entity, *verb),
            Requirement::Unknown(_) => false,
        })
}

/// The text of `GET /v1/schema`, and its fingerprint.
pub fn text(client: &Client, principal: Option<&Principal>) -> (String, String) {
    let seen = seen(client, principal);
    let entities: Vec<Value> = seen.iter().map(|one| entity(client.schema(), one, &seen)).collect();
    let entities = Value::List(entities);
    let hash = Sha256::digest(json::to_text(&entities));
    let version: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let all = Map(vec![("version".into(), version.as_str().into()), ("entities".into(), entities)]);
    (json::to_text(&Value::Map(all)), version)
}

fn entity(schema: &Schema, seen: &Seen<'_>, all: &[Seen<'_>]) -> Value {
    let Seen { entity, verbs, fields, operations } = seen;
    let shown = |name: &str| fields.iter().any(|(field, ..)| field.name == name);
    let key = &entity.field(entity.key).name;
    let version = entity.fields.iter().find(|field| field.version && shown(&field.name));
    let fields = fields.iter().map(|(field, read, write)| {
        let values = match &field.ty {
            FieldType::Enum(words) => Value::List(words.values.iter().map(|word| word.as_str().into()).collect()),
            _ => Value::Null,
        };
        Value::Map(Map(vec![
            ("name".into(), field.name.as_str().into()),
            ("type".into(), field.ty.as_str().into()),
            ("required".into(), field.required.into()),
            ("nullable".into(), field.nullable.into()),
            ("readable".into(), (*read).into()),
            ("writable".into(), (*write).into()),
            ("values".into(), values),
        ]))
    });
    // A relation is there if both fields that meet in it are.
    let reads = |entity: &Entity, field: FieldId| {
        let known = all.iter().find(|one| one.entity.name == entity.name);
        let name = &entity.field(field).name;
        known.is_some_and(|one| one.fields.iter().any(|(field, read, _)| field.name == *name && *read))
    };
    let relations = entity
        .relations
        .iter()
        .filter(|relation| reads(entity, relation.local) && reads(schema.entity(relation.target), relation.remote));
    let relations = relations.map(|relation| {
        Value::Map(Map(vec![
            ("name".into(), relation.name.as_str().into()),
            ("many".into(), (!relation.kind.is_to_one()).into()),
            ("target".into(), schema.entity(relation.target).name.as_str().into()),
        ]))
    });
    let operations = operations.iter().map(|decl| {
        let names = |names: &[String]| Value::List(names.iter().map(|name| name.as_str().into()).collect());
        let input = Map(vec![("required".into(), names(&decl.required)), ("optional".into(), names(&decl.optional))]);
        Value::Map(Map(vec![
            ("name".into(), decl.name.as_str().into()),
            ("input".into(), Value::Map(input)),
            ("output".into(), decl.output.as_deref().map_or(Value::Null, output)),
        ]))
    });
    Value::Map(Map(vec![
        ("name".into(), entity.name.as_str().into()),
        ("plural".into(), entity.plural.as_str().into()),
        ("key".into(), if shown(key) { key.as_str().into() } else { Value::Null }),
        ("version".into(), version.map_or(Value::Null, |field| field.name.as_str().into())),
        ("verbs".into(), Value::List(verbs.iter().map(|verb| verb.as_str().into()).collect())),
        ("fields".into(), Value::List(fields.collect())),
        ("relations".into(), Value::List(relations.collect())),
        ("operations".into(), Value::List(operations.collect())),
    ]))
}

/// What an operation gives: rows of an entity, one of them, or a value.
fn output(declared: &str) -> Value {
    match declared {
        "boolean" | "integer" => Value::Map(Map(vec![("type".into(), declared.into())])),
        _ => {
            let name = declared.strip_suffix("[]");
            Value::Map(Map(vec![
                ("entity".into(), name.unwrap_or(declared).into()),
                ("many".into(), name.is_some().into()),
            ]))
        }
    }
}

/// The text of `GET /v1/capabilities`.
pub fn capabilities(client: &Client) -> String {
    let word = |support: dbal::capability::Support| match support {
        dbal::capability::Support::Native => "native",
        dbal::capability::Support::Emulated => "emulated",
        dbal::capability::Support::Unsupported => "unsupported",
    };
    let has =
        client.capabilities().list().into_iter().map(|(name, support)| (name.to_owned(), Value::from(word(support))));
    let limits = client.limits().list().into_iter().map(|(name, limit)| (name, Value::Int(limit as i64)));
    json::to_text(&Value::Map(Map(vec![
        ("backend".into(), client.backend().into()),
        ("capabilities".into(), Value::Map(has.collect())),
        ("limits".into(), Value::Map(limits.collect())),
    ])))
}
