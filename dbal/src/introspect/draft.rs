//! What is to be written of a table: an entity with remarks.

use crate::schema::{DefaultValue, FieldType, Generator, Referential, RelationKind, StoredAs, TextKind};

/// An entity.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub entity: String,
    pub plural: String,
    pub table: String,
    pub description: Option<String>,
    /// What somebody should know, above the entity.
    pub remarks: Vec<String>,
    pub fields: Vec<FieldDraft>,
    pub indexes: Vec<IndexDraft>,
    pub relations: Vec<RelationDraft>,
    pub searchable: Vec<String>,
    /// The field after whose time rows do not exist.
    pub expiry: Option<String>,
    /// How many rows were looked at.
    pub sampled: Option<u64>,
}

impl Draft {
    pub fn field(&self, name: &str) -> Option<&FieldDraft> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The field that is the key by itself.
    pub fn key(&self) -> Option<&FieldDraft> {
        let mut keys = self.fields.iter().filter(|field| field.primary);
        keys.next().filter(|_| keys.next().is_none())
    }

    /// Whether a value of this field is in one row only.
    pub fn is_single(&self, field: &FieldDraft) -> bool {
        field.unique || self.key().is_some_and(|key| key.name == field.name)
    }

    pub fn of_column(&self, column: &str) -> Option<&FieldDraft> {
        self.fields.iter().find(|field| field.column == column)
    }
}

/// A field.
#[derive(Clone, Debug)]
pub(super) struct FieldDraft {
    pub name: String,
    pub column: String,
    pub ty: FieldType,
    /// How its column holds values, where not as the engine would.
    pub storage: Option<&'static str>,
    pub primary: bool,
    pub nullable: bool,
    pub unique: bool,
    /// It has an index of its own, or is to have none although it refers to something.
    pub index: Option<bool>,
    pub generated: Option<Generator>,
    pub default: Option<DefaultValue>,
    pub auto_update: bool,
    pub max_length: Option<u64>,
    pub stored_as: Option<StoredAs>,
    pub reference: Option<ReferenceDraft>,
    pub description: Option<String>,
    /// What somebody should know, above the field.
    pub remarks: Vec<String>,
    /// Whether there was a value to look at.
    pub seen: bool,
    /// All values looked at were UUIDs, or there were none.
    pub may_be_uuid: bool,
}

impl FieldDraft {
    /// A text of which no more is known than what it is called.
    pub fn bare(name: &str, column: &str) -> FieldDraft {
        FieldDraft {
            name: name.to_owned(),
            column: column.to_owned(),
            ty: FieldType::Text(TextKind::Text),
            storage: None,
            primary: false,
            nullable: true,
            unique: false,
            index: None,
            generated: None,
            default: None,
            auto_update: false,
            max_length: None,
            stored_as: None,
            reference: None,
            description: None,
            remarks: Vec::new(),
            seen: false,
            may_be_uuid: false,
        }
    }
}

/// Where a field points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReferenceDraft {
    pub entity: String,
    pub field: String,
    pub on_delete: Referential,
    pub on_update: Referential,
}

/// An index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IndexDraft {
    pub name: Option<String>,
    /// Its name in the database, where it is known by nothing else.
    pub stored: Option<String>,
    pub fields: Vec<String>,
    pub unique: bool,
    pub filter: Option<String>,
}

/// A relation that does not follow from references alone.
#[derive(Clone, Debug)]
pub(super) struct RelationDraft {
    pub name: String,
    pub kind: RelationKind,
    pub entity: String,
    pub foreign_key: Option<String>,
    pub references: Option<String>,
    pub through: Option<String>,
    pub other_key: Option<String>,
    pub remark: Option<String>,
}
