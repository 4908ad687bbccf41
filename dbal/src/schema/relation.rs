//! Relations between entities.

use super::{EntityId, FieldId};

/// A relation, seen from the entity that has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// Its name in filters and includes.
    pub name: String,
    /// What it leads to.
    pub kind: RelationKind,
    /// The entity at the other end.
    pub target: EntityId,
    /// The field of this entity that is compared.
    pub local: FieldId,
    /// The field of the target that equals it; with `through`, the field of the target that `other` equals.
    pub remote: FieldId,
    /// The entity in between, for many-to-many.
    pub through: Option<Through>,
}

/// How two entities meet in a third.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Through {
    /// The entity in between.
    pub entity: EntityId,
    /// Its field that equals `local`.
    pub this: FieldId,
    /// Its field that equals `remote`.
    pub other: FieldId,
}

/// What a relation leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RelationKind {
    /// This entity holds the reference: one row or none.
    BelongsTo,
    /// The target holds a unique reference: one row or none.
    HasOne,
    /// The target holds the reference: any number of rows.
    HasMany,
    /// Rows in between hold both references.
    ManyToMany,
}

impl RelationKind {
    /// Whether it leads to at most one row.
    pub fn is_to_one(self) -> bool {
        matches!(self, RelationKind::BelongsTo | RelationKind::HasOne)
    }
}
