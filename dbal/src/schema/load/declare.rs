//! What the files declare, before names are resolved: everything a file says by itself, with places for the faults
//! that only the whole schema shows.

use crate::schema::{Acl, Field, OperationDecl, Referential, RelationKind};
use crate::yaml::{Entry, Place};

/// A name in a file, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub text: String,
    pub place: Place,
}

impl Spot {
    pub fn new(text: impl Into<String>, place: Place) -> Self {
        Spot { text: text.into(), place }
    }
}

/// One entity of a file.
#[derive(Debug)]
pub(super) struct EntityDecl {
    pub name: Spot,
    /// Declared, or made from the name.
    pub plural: Spot,
    /// Declared, or the plural.
    pub table: Spot,
    pub table_declared: bool,
    pub renamed_from: Option<String>,
    pub version: String,
    pub description: String,
    pub fields: Vec<FieldDecl>,
    /// The fields of a key of several, in declared order; none of them is marked.
    pub keys: Vec<String>,
    /// Fields too faulty to be read. What refers to them is not at fault.
    pub lost: Vec<String>,
    pub indexes: Vec<IndexDecl>,
    pub relations: Vec<RelationDecl>,
    pub acl: Acl,
    pub owner: Option<Spot>,
    pub ttl: Option<(Spot, bool)>,
    pub never_expose: Vec<Spot>,
    pub audit_all_access: bool,
    pub scan_for_malicious: Vec<Spot>,
    pub searchable: Vec<Spot>,
    pub operations: Vec<OperationSource>,
}

/// One field. `field.foreign_key` is filled when names are resolved.
#[derive(Debug)]
pub(super) struct FieldDecl {
    pub field: Field,
    pub place: Place,
    pub foreign_key: Option<ForeignKeyDecl>,
    /// `index: false`: it has no index even where it refers to something.
    pub bare: bool,
}

/// Where a field points, by name.
#[derive(Debug)]
pub(super) struct ForeignKeyDecl {
    pub entity: Spot,
    /// The key of the entity when absent.
    pub field: Option<Spot>,
    pub on_delete: Referential,
    pub on_update: Referential,
    pub place: Place,
}

/// One entry of `indexes`.
#[derive(Debug)]
pub(super) struct IndexDecl {
    pub name: Option<Spot>,
    /// Its name in the database.
    pub stored: Option<Spot>,
    pub fields: Vec<Spot>,
    pub unique: bool,
    pub filter: Option<Spot>,
}

/// One explicit relation.
#[derive(Debug)]
pub(super) struct RelationDecl {
    /// Declared, or found like the name of a derived one.
    pub name: Option<Spot>,
    pub kind: RelationKind,
    pub target: Spot,
    pub foreign_key: Option<Spot>,
    pub references: Option<Spot>,
    pub through: Option<Spot>,
    pub other_key: Option<Spot>,
    pub place: Place,
    /// Written in a form that documents rather than binds: where it cannot hold, it is left out with a warning.
    pub loose: bool,
}

/// Operations that a file declares for an entity that it names, or that is named like the file.
#[derive(Debug)]
pub(super) struct OperationsDecl {
    pub entity: Spot,
    pub operations: Vec<OperationSource>,
}

/// One operation, and what of it has yet to be read: bodies name entities that other files declare.
#[derive(Clone, Debug)]
pub(super) struct OperationSource {
    pub decl: OperationDecl,
    pub entry: Entry,
}
