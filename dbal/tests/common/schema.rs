//! Schemas made by hand, for tests that want nothing from the loader.

use std::sync::Arc;

use dbal::Schema;
use dbal::schema::{
    Acl, Entity, EntityId, EntitySecurity, EnumType, Field, FieldAcl, FieldId, FieldType, ForeignKey, Generator, Index,
    Referential, Relation, RelationKind, TextKind, Through,
};

pub const TEXT: FieldType = FieldType::Text(TextKind::String);

pub fn schema(entities: Vec<Entity>) -> Arc<Schema> {
    Arc::new(Schema::new(entities, Vec::new()))
}

/// An entity whose first field is its key.
pub fn entity(name: &str, fields: Vec<Field>) -> Entity {
    let plural = format!("{}s", name.to_lowercase());
    Entity {
        name: name.into(),
        table: plural.clone(),
        table_declared: true,
        plural,
        version: "1.0".into(),
        description: String::new(),
        fields,
        key: FieldId(0),
        key_rest: Vec::new(),
        indexes: Vec::new(),
        relations: Vec::new(),
        acl: Acl::default(),
        owner: None,
        ttl: None,
        security: EntitySecurity::default(),
        searchable: Vec::new(),
        renamed_from: None,
        operations: Vec::new(),
    }
}

/// A field that may be null.
pub fn field(name: &str, ty: FieldType) -> Field {
    Field {
        name: name.into(),
        column: name.into(),
        storage: None,
        ty,
        description: String::new(),
        primary: false,
        nullable: true,
        required: false,
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
        renamed_from: None,
        backfill: None,
        deprecated: false,
        foreign_key: None,
        acl: FieldAcl::default(),
    }
}

/// A whole number that is the key and counts itself up.
pub fn key(name: &str) -> Field {
    Field { primary: true, nullable: false, generated: Some(Generator::Sequence), ..field(name, FieldType::Integer) }
}

pub fn unique(field: Field) -> Field {
    Field { unique: true, ..field }
}

pub fn enumeration(values: &[&str]) -> FieldType {
    FieldType::Enum(Arc::new(EnumType { values: values.iter().map(|value| (*value).into()).collect(), ordered: true }))
}

/// A field that points at `target` of the entity number `entity`.
pub fn reference(
    name: &str,
    entity: u16,
    target: u16,
    ty: FieldType,
    on_delete: Referential,
    on_update: Referential,
) -> Field {
    let foreign_key = ForeignKey { entity: EntityId(entity), field: FieldId(target), on_delete, on_update };
    Field { foreign_key: Some(foreign_key), ..field(name, ty) }
}

pub fn unique_index(name: &str, fields: &[u16]) -> Index {
    Index {
        name: name.into(),
        fields: fields.iter().map(|field| FieldId(*field)).collect(),
        unique: true,
        filter: None,
    }
}

pub fn relation(name: &str, kind: RelationKind, target: u16, local: u16, remote: u16) -> Relation {
    let (target, local, remote) = (EntityId(target), FieldId(local), FieldId(remote));
    Relation { name: name.into(), kind, target, local, remote, through: None }
}

pub fn through(relation: Relation, entity: u16, this: u16, other: u16) -> Relation {
    let through = Through { entity: EntityId(entity), this: FieldId(this), other: FieldId(other) };
    Relation { kind: RelationKind::ManyToMany, through: Some(through), ..relation }
}
