//! What the databases that a program is to run on lack of what its schema uses.

use dbal::Schema;
use dbal::adapter::mongodb::MongoAdapter;
use dbal::adapter::postgres::PostgresAdapter;
use dbal::adapter::sqlite::SqliteAdapter;
use dbal::capability::{Capabilities, Support};
use dbal::config::AdapterKind;
use dbal::schema::{Entity, FieldType};

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
        for entity in entities(schema) {
            for index in entity.indexes.iter().filter(|index| index.filter.is_some()) {
                let about = Some(format!("{}.{}", entity.name, index.name));
                let message = "an index with `where` cannot be made".to_owned();
                found.push(Lack { target: *target, capability: "partial_indexes", about, message });
            }
        }
    }
    found
}

fn entities(schema: &Schema) -> impl Iterator<Item = &Entity> {
    schema.entities().map(|(_, entity)| entity)
}

fn fields(schema: &Schema) -> impl Iterator<Item = (&Entity, &dbal::schema::Field)> {
    entities(schema).flat_map(|entity| entity.fields.iter().map(move |field| (entity, field)))
}
