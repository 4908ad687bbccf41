//! What the backend derives from the schema once: keys, indexes, sequences, and who refers to whom.

use std::sync::Arc;

use super::data::{Key, Stored};
use crate::schema::{Condition, Entity, EntityId, FieldId, ForeignKey, Generator, Schema};
use crate::value::Value;

/// The schema, and what follows from it.
#[derive(Debug)]
pub(super) struct Catalogue {
    pub(super) schema: Arc<Schema>,
    /// In the order of entity ids.
    pub(super) layouts: Vec<Layout>,
}

/// What the rows of one entity need.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) keys: Vec<FieldId>,
    pub(super) indexes: Vec<IndexLayout>,
    pub(super) sequences: Vec<FieldId>,
    /// Fields of any entity that point at this one.
    pub(super) referrers: Vec<Referrer>,
}

/// An index over one or more fields.
#[derive(Debug)]
pub(super) struct IndexLayout {
    pub(super) fields: Vec<FieldId>,
    pub(super) unique: bool,
    /// Only rows for which it holds are in it.
    pub(super) filter: Option<Condition>,
}

/// A field that points at an entity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Referrer {
    pub(super) entity: EntityId,
    pub(super) field: FieldId,
    pub(super) foreign_key: ForeignKey,
}

impl Catalogue {
    pub(super) fn new(schema: Arc<Schema>) -> Catalogue {
        let mut layouts: Vec<Layout> = schema.entities().map(|(_, entity)| layout(entity)).collect();
        for (id, entity) in schema.entities() {
            for (field, declared) in entity.field_ids() {
                if let Some(foreign_key) = declared.foreign_key {
                    let target = &mut layouts[usize::from(foreign_key.entity.0)];
                    target.referrers.push(Referrer { entity: id, field, foreign_key });
                }
            }
        }
        Catalogue { schema, layouts }
    }

    pub(super) fn layout(&self, entity: EntityId) -> &Layout {
        &self.layouts[usize::from(entity.0)]
    }

    /// The declared name of a field.
    pub(super) fn field_name(&self, entity: EntityId, field: FieldId) -> &str {
        &self.schema.entity(entity).field(field).name
    }
}

impl Layout {
    pub(super) fn key_of(&self, row: &Stored) -> Key {
        let value = |key: &FieldId| row[usize::from(key.0)].clone();
        match self.keys.as_slice() {
            [key] => Key(value(key)),
            keys => Key(Value::List(keys.iter().map(value).collect())),
        }
    }

    /// Whether rows are found by this field without looking at all of them.
    pub(super) fn finds_by(&self, field: FieldId) -> bool {
        self.keys == [field] || self.indexes.iter().any(|index| index.finds_by(field))
    }
}

impl IndexLayout {
    /// Whether every row with a value of this field is found in it.
    pub(super) fn finds_by(&self, field: FieldId) -> bool {
        self.filter.is_none() && self.fields[0] == field
    }

    /// Whether a row is in it.
    pub(super) fn holds(&self, row: &Stored) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.holds(row))
    }

    pub(super) fn values_of(&self, row: &Stored) -> Vec<Key> {
        self.fields.iter().map(|field| Key(row[usize::from(field.0)].clone())).collect()
    }
}

fn layout(entity: &Entity) -> Layout {
    let mut indexes: Vec<IndexLayout> = Vec::new();
    for index in entity.indexes.iter().filter(|index| !index.fields.is_empty()) {
        let filter = index.filter.as_ref().map(|filter| filter.condition.clone());
        indexes.push(IndexLayout { fields: index.fields.clone(), unique: index.unique, filter });
    }
    for (id, field) in entity.field_ids().filter(|(id, _)| !entity.is_key(*id)) {
        let whole = |index: &&IndexLayout| index.filter.is_none() && index.fields == [id];
        let has = |unique: bool| indexes.iter().filter(whole).any(|index| index.unique || !unique);
        if (field.unique && !has(true)) || (field.foreign_key.is_some() && !has(false)) {
            indexes.push(IndexLayout { fields: vec![id], unique: field.unique, filter: None });
        }
    }
    let generated = |generator| entity.field_ids().filter(move |(_, field)| field.generated == Some(generator));
    let sequences = generated(Generator::Sequence).map(|(id, _)| id).collect();
    Layout { keys: entity.keys().collect(), indexes, sequences, referrers: Vec::new() }
}
