//! What a database keeps of a schema: tables, columns, indexes, references, by name. Schemas are compared in this form,
//! and the history of a database holds it.

use std::collections::HashMap;

use crate::schema::{
    Acl, Backfill, DefaultValue, Entity, EntityId, EntitySecurity, Field, FieldAcl, FieldId, FieldType, ForeignKey,
    Generator, Index, IndexFilter, Referential, Schema, Storage, StoredAs, Ttl,
};
use crate::syntax::{TokenKind, lex};
use crate::value::Value;

/// All tables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// In the order of their declaration, which means nothing to a database.
    pub tables: Vec<Table>,
}

/// What is kept of an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The entity's name.
    pub entity: String,
    /// Table or collection.
    pub table: String,
    /// What the entity was called before; a hint for one comparison, no part of what is kept.
    pub renamed_from: Option<String>,
    /// The name of the field that is the key.
    pub key: String,
    /// In the order of their declaration.
    pub columns: Vec<Column>,
    /// All indexes but that of the key.
    pub indexes: Vec<Indexed>,
    /// Names of the fields whose words are kept.
    pub searchable: Vec<String>,
    /// The field after whose time the database itself removes rows, where it can.
    pub expiry: Option<String>,
}

/// What is kept of a field.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The field's name.
    pub field: String,
    /// The column.
    pub column: String,
    /// What the field was called before; a hint for one comparison.
    pub renamed_from: Option<String>,
    /// Its type.
    pub ty: FieldType,
    /// How the column holds its values, where not as the engine would.
    pub storage: Option<Storage>,
    /// Whether null is allowed.
    pub nullable: bool,
    /// Whether the database counts its values.
    pub counted: bool,
    /// How its values are hashed.
    pub stored_as: Option<StoredAs>,
    /// Where it points.
    pub reference: Option<Reference>,
    /// What rows get that have no value when it is added or required.
    pub fill: Option<Fill>,
}

/// Where a field points, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The entity.
    pub entity: String,
    /// Its field.
    pub field: String,
    /// What happens when the target is deleted.
    pub on_delete: Referential,
    /// What happens when the target's value changes.
    pub on_update: Referential,
}

/// What a row without a value gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Fill {
    /// Always this.
    Value(Value),
    /// The time of the migration.
    Now,
    /// A UUID of its own.
    Uuid,
    /// What another field of the row holds.
    Copy(String),
}

/// An index, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// Its name in the database.
    pub name: String,
    /// The names of its fields in order.
    pub fields: Vec<String>,
    /// Whether they are unique together.
    pub unique: bool,
    /// Which rows it is over.
    pub filter: Option<String>,
}

impl Indexed {
    /// The names of the fields that decide what is in it.
    pub(super) fn looks_at(&self) -> impl Iterator<Item = String> {
        let tokens = self.filter.as_deref().and_then(|filter| lex(filter).ok()).unwrap_or_default();
        let named = tokens.into_iter().filter_map(|token| match token.kind {
            TokenKind::Name(name) => Some(name),
            _ => None,
        });
        self.fields.iter().cloned().chain(named)
    }
}

impl Model {
    /// What is to be kept of a schema.
    pub fn of(schema: &Schema) -> Model {
        Model { tables: schema.entities().map(|(id, entity)| Table::of(schema, id, entity)).collect() }
    }

    /// The table of an entity.
    pub fn table(&self, entity: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.entity == entity)
    }

    pub(super) fn table_mut(&mut self, entity: &str) -> Option<&mut Table> {
        self.tables.iter_mut().find(|table| table.entity == entity)
    }

    /// Whether both keep the same, in whatever order it was declared.
    pub fn same(&self, other: &Model) -> bool {
        self.sorted() == other.sorted()
    }

    /// Without what is no part of storage, and in one order.
    pub(super) fn sorted(&self) -> Model {
        let mut model = self.clone();
        for table in &mut model.tables {
            table.renamed_from = None;
            for column in &mut table.columns {
                (column.renamed_from, column.fill) = (None, None);
            }
            table.columns.sort_by(|a, b| a.field.cmp(&b.field));
            table.indexes.sort_by(|a, b| a.name.cmp(&b.name));
            table.searchable.sort();
        }
        model.tables.sort_by(|a, b| a.entity.cmp(&b.entity));
        model
    }

    /// A schema of this storage and nothing else, for whoever spells tables. References to entities that are not there
    /// are left out.
    pub fn to_schema(&self) -> Schema {
        let ids: HashMap<&str, u16> = self.tables.iter().map(|table| table.entity.as_str()).zip(0..).collect();
        let target = |reference: &Reference| {
            let entity = *ids.get(reference.entity.as_str())?;
            let field = self.tables[usize::from(entity)].position(&reference.field)?;
            let (on_delete, on_update) = (reference.on_delete, reference.on_update);
            Some(ForeignKey { entity: EntityId(entity), field, on_delete, on_update })
        };
        Schema::new(self.tables.iter().map(|table| table.to_entity(&target)).collect(), Vec::new())
    }
}

impl Table {
    fn of(schema: &Schema, id: EntityId, entity: &Entity) -> Table {
        let name = |field: FieldId| entity.field(field).name.clone();
        let index = |index: &Index| Indexed {
            name: index.name.clone(),
            fields: index.fields.iter().map(|field| name(*field)).collect(),
            unique: index.unique,
            filter: index.filter.as_ref().map(|filter| filter.text.clone()),
        };
        let refers = |field: &Field| field.foreign_key.is_some_and(|key| key.entity == id);
        let expires = entity.ttl.filter(|ttl| {
            // The database would not ask who refers to a row that it removes.
            let referred = schema.entities().any(|(_, other)| other.fields.iter().any(refers));
            ttl.auto_delete && !referred && entity.field(ttl.field).ty == FieldType::DateTime
        });
        Table {
            entity: entity.name.clone(),
            table: entity.table.clone(),
            renamed_from: entity.renamed_from.clone(),
            // A key of several fields is an index.
            key: if entity.key_rest.is_empty() { name(entity.key) } else { String::new() },
            columns: entity.fields.iter().map(|field| Column::of(schema, field)).collect(),
            indexes: entity.indexes.iter().filter(|index| index.fields != [entity.key]).map(index).collect(),
            searchable: entity.searchable.iter().map(|field| name(*field)).collect(),
            expiry: expires.map(|ttl| name(ttl.field)),
        }
    }

    /// The column of a field.
    pub fn column(&self, field: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.field == field)
    }

    pub(super) fn column_mut(&mut self, field: &str) -> Option<&mut Column> {
        self.columns.iter_mut().find(|column| column.field == field)
    }

    fn position(&self, field: &str) -> Option<FieldId> {
        self.columns.iter().position(|column| column.field == field).map(|at| FieldId(at as u16))
    }

    pub(super) fn to_entity(&self, target: &dyn Fn(&Reference) -> Option<ForeignKey>) -> Entity {
        let fields: Vec<Field> =
            self.columns.iter().map(|column| column.to_field(column.field == self.key, target)).collect();
        let known: Vec<&Field> = fields.iter().collect();
        // A condition that says nothing of these fields is of an index that goes.
        let index = |index: &Indexed| {
            let filter = match &index.filter {
                None => None,
                Some(text) => Some(IndexFilter::read(&self.entity, &known, text).ok()?),
            };
            Some(Index {
                name: index.name.clone(),
                fields: index.fields.iter().filter_map(|field| self.position(field)).collect(),
                unique: index.unique,
                filter,
            })
        };
        let indexes = self.indexes.iter().filter_map(index).collect();
        let expiry = self.expiry.as_deref().and_then(|field| self.position(field));
        Entity {
            name: self.entity.clone(),
            plural: self.table.clone(),
            table: self.table.clone(),
            table_declared: true,
            renamed_from: None,
            version: String::new(),
            description: String::new(),
            fields,
            key: self.position(&self.key).unwrap_or(FieldId(0)),
            key_rest: Vec::new(),
            indexes,
            relations: Vec::new(),
            acl: Acl::default(),
            owner: None,
            ttl: expiry.map(|field| Ttl { field, auto_delete: true }),
            security: EntitySecurity::default(),
            searchable: self.searchable.iter().filter_map(|field| self.position(field)).collect(),
            operations: Vec::new(),
        }
    }
}

impl Column {
    fn of(schema: &Schema, field: &Field) -> Column {
        let reference = field.foreign_key.map(|key| {
            let target = schema.entity(key.entity);
            Reference {
                entity: target.name.clone(),
                field: target.field(key.field).name.clone(),
                on_delete: key.on_delete,
                on_update: key.on_update,
            }
        });
        Column {
            field: field.name.clone(),
            column: field.column.clone(),
            renamed_from: field.renamed_from.clone(),
            ty: field.ty.clone(),
            storage: field.storage,
            nullable: field.nullable && !field.primary,
            counted: field.generated == Some(Generator::Sequence),
            stored_as: field.stored_as,
            reference,
            fill: fill(field),
        }
    }

    fn to_field(&self, primary: bool, target: &dyn Fn(&Reference) -> Option<ForeignKey>) -> Field {
        Field {
            primary,
            storage: self.storage,
            nullable: self.nullable,
            generated: self.counted.then_some(Generator::Sequence),
            default: match &self.fill {
                Some(Fill::Value(value)) => Some(DefaultValue::Value(value.clone())),
                Some(Fill::Now | Fill::Uuid | Fill::Copy(_)) | None => None,
            },
            stored_as: self.stored_as,
            foreign_key: self.reference.as_ref().and_then(target),
            ..bare(&self.field, self.column.clone(), self.ty.clone())
        }
    }
}

/// A field of which no more is known than where it is stored; it may be null.
pub(crate) fn bare(name: &str, column: String, ty: FieldType) -> Field {
    Field {
        name: name.to_owned(),
        column,
        ty,
        description: String::new(),
        storage: None,
        primary: false,
        nullable: true,
        required: false,
        renamed_from: None,
        backfill: None,
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
    }
}

/// What rows that exist get: the declared backfill, or what a new row would get, as far as that is no secret.
fn fill(field: &Field) -> Option<Fill> {
    match (&field.backfill, &field.default, field.generated) {
        (Some(Backfill::Value(value)), ..) => Some(Fill::Value(value.clone())),
        (Some(Backfill::From(other)), ..) => Some(Fill::Copy(other.clone())),
        // What is hashed before it is stored is not filled in as it stands.
        _ if field.stored_as.is_some() => None,
        (None, Some(DefaultValue::Value(value)), _) => Some(Fill::Value(value.clone())),
        (None, Some(DefaultValue::Now), _) | (None, None, Some(Generator::Now)) => Some(Fill::Now),
        (None, Some(DefaultValue::Uuid), _) | (None, None, Some(Generator::Uuid)) => Some(Fill::Uuid),
        _ if field.version => Some(Fill::Value(Value::Int(1))),
        _ if field.auto_update => Some(Fill::Now),
        _ => None,
    }
}
