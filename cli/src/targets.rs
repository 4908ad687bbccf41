//! What the databases that a program is to run on lack of what its schema uses.

use dbal::Schema;
use dbal::adapter::mongodb::MongoAdapter;
use dbal::adapter::postgres::PostgresAdapter;
use dbal::adapter::sqlite::SqliteAdapter;
use dbal::capability::{Capabilities, Support};
use dbal::config::AdapterKind;
use dbal::schema::{Condition, Entity, Field, FieldId, FieldType, StoredIn};

/// What a kind of database can do, as far as that is known before one is opened.
pub fn support(target: AdapterKind) -> Capabilities {
    match target {
        AdapterKind::Sqlite | AdapterKind::Prisma => SqliteAdapter::CAPABILITIES,
        AdapterKind::Postgres => PostgresAdapter::CAPABILITIES,
        AdapterKind::Mongodb => MongoAdapter::CAPABILITIES,
        AdapterKind::Memory => dbal::adapter::memory::CAPABILITIES,
    }
}

/// One thing that is missing on a target.
#[derive(Debug)]
pub struct Lack {
    pub target: AdapterKind,
    pub capability: &'static str,
    /// `User.avatar`, `User`; none for what no entity is needed for.
    pub about: Option<String>,
    pub message: String,
}

/// Everything that is missing where: by target, capability, entity and field.
pub fn lacks(schema: &Schema, targets: &[AdapterKind]) -> Vec<Lack> {
    let mut found = Vec::new();
    for target in targets {
        let capabilities = support(*target);
        let lacking: Vec<&str> = capabilities
            .list()
            .into_iter()
            .filter(|(_, has)| *has == Support::Unsupported)
            .map(|(name, _)| name)
            .collect();
        for capability in capabilities.list().into_iter().map(|(name, _)| name).filter(|name| lacking.contains(name)) {
            let mut add = |about: Option<String>, message: &str| {
                found.push(Lack { target: *target, capability, about, message: message.to_owned() });
            };
            match capability {
                "nested_transactions" => add(None, "a transaction inside a transaction is refused"),
                "statement_savepoints" => add(None, "a failed statement ends its transaction"),
                "ordered_bytes" => {
                    for (entity, field) in fields(schema).filter(|(_, field)| field.ty == FieldType::Bytes) {
                        add(Some(format!("{}.{}", entity.name, field.name)), "bytes have no order: no ranges, no sort");
                    }
                }
                "full_text_search" => {
                    for entity in entities(schema).filter(|entity| !entity.searchable.is_empty()) {
                        add(Some(entity.name.clone()), "is searchable, and $search is refused");
                    }
                }
                "json_queries" => {
                    for (entity, field) in fields(schema).filter(|(_, field)| field.ty == FieldType::Json) {
                        add(Some(format!("{}.{}", entity.name, field.name)), "no conditions at a path inside it");
                    }
                }
                _ => {}
            }
        }
        found.extend(closed(schema, *target));
        if *target == AdapterKind::Mongodb {
            for (entity, index) in
                entities(schema).flat_map(|entity| entity.indexes.iter().map(move |one| (entity, one)))
            {
                let asks = |(at, field): (FieldId, &Field)| {
                    let there = index.filter.as_ref().is_some_and(|filter| asks_for(&filter.condition, at));
                    field.ty == FieldType::Json && there
                };
                if entity.field_ids().any(asks) {
                    let about = Some(format!("{}.{}", entity.name, index.name));
                    let message = "an index cannot ask whether json is there".to_owned();
                    found.push(Lack { target: *target, capability: "partial_indexes", about, message });
                }
            }
        }
    }
    found
}

/// What keeps a target from opening the schema at all.
pub fn closed(schema: &Schema, target: AdapterKind) -> Vec<Lack> {
    let database = match target {
        AdapterKind::Sqlite | AdapterKind::Prisma => Some(StoredIn::Sqlite),
        AdapterKind::Postgres => Some(StoredIn::Postgres),
        AdapterKind::Mongodb => None,
        // Values are kept as they are.
        AdapterKind::Memory => return Vec::new(),
    };
    let stored = schema.storage_faults(database).into_iter().map(|fault| Lack {
        target,
        capability: "storage",
        about: Some(fault.field.trim_start_matches("schema.").to_owned()),
        message: fault.message,
    });
    let several =
        entities(schema).filter(|entity| database.is_none() && !entity.key_rest.is_empty()).map(|entity| Lack {
            target,
            capability: "composite_keys",
            about: Some(entity.name.clone()),
            message: "has a key of several fields, and the schema cannot be opened there".to_owned(),
        });
    stored.chain(several).collect()
}

/// The capabilities that some target has not.
pub fn missing(targets: &[AdapterKind]) -> Vec<&'static str> {
    let mut names: Vec<&str> = Vec::new();
    for (name, has) in targets.iter().flat_map(|target| support(*target).list()) {
        if has == Support::Unsupported && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Whether a condition is that a field is there.
fn asks_for(condition: &Condition, field: FieldId) -> bool {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(|part| asks_for(part, field)),
        Condition::NotNull(own) => *own == field,
        Condition::Compare { .. } | Condition::OneOf { .. } | Condition::Null(_) => false,
    }
}

fn entities(schema: &Schema) -> impl Iterator<Item = &Entity> {
    schema.entities().map(|(_, entity)| entity)
}

fn fields(schema: &Schema) -> impl Iterator<Item = (&Entity, &Field)> {
    entities(schema).flat_map(|entity| entity.fields.iter().map(move |field| (entity, field)))
}
