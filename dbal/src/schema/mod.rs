//! The catalogue: entities and what belongs to them, resolved to ids. Everything after loading speaks ids, not names.

pub mod check;
pub mod condition;
pub mod convert;
pub mod entity;
pub mod field;
pub mod generate;
mod hash;
pub mod increment;
pub mod index;
mod load;
pub mod operation;
pub mod prisma;
pub mod relation;
mod rules;
mod storage;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

pub use condition::{Condition, IndexFilter};
pub use entity::{Acl, AclGrant, Entity, EntitySecurity, FieldRef, Ttl, Verb};
pub use field::{
    Backfill, Bound, DefaultValue, EnumType, Field, FieldAcl, FieldType, ForeignKey, Generator, Referential, StoredAs,
    TextKind,
};
pub use index::Index;
pub use load::{
    Derived, IDEMPOTENCY_KEYS, Loaded, RATE_LIMITS, is_own, load_dir, load_sources, load_value, snake_case,
};
pub(crate) use load::{is_client_method, made_index_name, name_fault, plural};
pub use operation::{Act, Body, Move, OperationDecl, RateLimit, Requirement, Step, Template};
pub use relation::{Relation, RelationKind, Through};
pub use storage::{Storage, StoredIn};

/// Which entity of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId(pub u16);

/// Which field of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(pub u16);

/// Which relation of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelationId(pub u16);

/// A whole loaded schema. Immutable; clients share it.
#[derive(Debug)]
pub struct Schema {
    entities: Vec<Entity>,
    // Looked into for each request, hence the fast hasher; names come from the schema alone.
    by_name: HashMap<String, EntityId, foldhash::quality::RandomState>,
    by_plural: HashMap<String, EntityId, foldhash::quality::RandomState>,
    /// Patterns that `scan_for_malicious` refuses.
    pub malicious: Vec<MaliciousPattern>,
    /// Its tables are another tool's to change.
    others: bool,
    /// Unique per loaded schema in this process; part of every plan's key.
    version: u64,
}

/// One pattern of `security.yaml`.
#[derive(Clone, Debug)]
pub struct MaliciousPattern {
    /// Its name, for the audit line.
    pub id: String,
    /// What it matches.
    pub pattern: regex::Regex,
}

impl Schema {
    /// A schema of these entities, whose names and plurals the loader has found to be distinct.
    pub fn new(entities: Vec<Entity>, malicious: Vec<MaliciousPattern>) -> Self {
        static VERSION: AtomicU64 = AtomicU64::new(1);
        let ids = || (0..).map(EntityId);
        let by_name = entities.iter().zip(ids()).map(|(entity, id)| (entity.name.clone(), id)).collect();
        let by_plural = entities.iter().zip(ids()).map(|(entity, id)| (entity.plural.clone(), id)).collect();
        Schema {
            entities,
            by_name,
            by_plural,
            malicious,
            others: false,
            version: VERSION.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Whether another tool made the tables and changes them; see [`Schema::of_prisma`].
    pub fn is_of_others(&self) -> bool {
        self.others
    }

    /// The entity with this id.
    pub fn entity(&self, id: EntityId) -> &Entity {
        &self.entities[usize::from(id.0)]
    }

    /// All entities with their ids, in order of loading.
    pub fn entities(&self) -> impl Iterator<Item = (EntityId, &Entity)> {
        (0..).map(EntityId).zip(&self.entities)
    }

    /// An entity by its name, such as `User`.
    pub fn by_name(&self, name: &str) -> Option<EntityId> {
        self.by_name.get(name).copied()
    }

    /// An entity by its plural, such as `users`.
    pub fn by_plural(&self, plural: &str) -> Option<EntityId> {
        self.by_plural.get(plural).copied()
    }

    /// An entity by its name or its plural, as callers may use either.
    pub fn find(&self, name: &str) -> Option<EntityId> {
        self.by_name(name).or_else(|| self.by_plural(name))
    }

    /// A number that no other schema loaded by this process has.
    pub fn version(&self) -> u64 {
        self.version
    }
}
