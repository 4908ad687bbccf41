//! An entity: fields, keys, indexes, relations, expiry, and who may do what.

use super::{EntityId, Field, FieldId, Index, OperationDecl, Relation, RelationId};

/// One entity of a schema.
#[derive(Clone, Debug)]
pub struct Entity {
    /// Its name, such as `User`.
    pub name: String,
    /// Its plural: the handle's name, such as `users`.
    pub plural: String,
    /// Table or collection; the plural unless declared.
    pub table: String,
    /// Whether the schema itself says what the table is called.
    pub table_declared: bool,
    /// What it was called before: a migration keeps its rows.
    pub renamed_from: Option<String>,
    /// The declared version of the contract, such as `1.0`.
    pub version: String,
    /// For people.
    pub description: String,
    /// Its fields in declared order.
    pub fields: Vec<Field>,
    /// The field that is the primary key, or the first of its fields.
    pub key: FieldId,
    /// The other fields of a key of several.
    pub key_rest: Vec<FieldId>,
    /// Indexes over one or more fields; those of `unique` and `index` fields and foreign keys included.
    pub indexes: Vec<Index>,
    /// Relations, derived and explicit.
    pub relations: Vec<Relation>,
    /// Who may do what, when no rules file replaces it.
    pub acl: Acl,
    /// The field that `self` compares with the caller's id.
    pub owner: Option<FieldId>,
    /// When rows expire.
    pub ttl: Option<Ttl>,
    /// Exposure, audit and content scan.
    pub security: EntitySecurity,
    /// Fields that `$search` looks in.
    pub searchable: Vec<FieldId>,
    /// Declared operations, CRUD and domain.
    pub operations: Vec<OperationDecl>,
}

impl Entity {
    /// The field with this id.
    pub fn field(&self, id: FieldId) -> &Field {
        &self.fields[usize::from(id.0)]
    }

    /// The fields of the primary key, of which most entities have one.
    pub fn keys(&self) -> impl Iterator<Item = FieldId> + '_ {
        std::iter::once(self.key).chain(self.key_rest.iter().copied())
    }

    /// Whether a field is the whole primary key.
    pub fn is_key(&self, field: FieldId) -> bool {
        field == self.key && self.key_rest.is_empty()
    }

    /// A field by its declared name.
    pub fn field_by_name(&self, name: &str) -> Option<FieldId> {
        self.fields.iter().position(|field| field.name == name).map(|position| FieldId(position as u16))
    }

    /// All fields with their ids.
    pub fn field_ids(&self) -> impl Iterator<Item = (FieldId, &Field)> {
        (0..).map(FieldId).zip(&self.fields)
    }

    /// The relation with this id.
    pub fn relation(&self, id: RelationId) -> &Relation {
        &self.relations[usize::from(id.0)]
    }

    /// A relation by its name.
    pub fn relation_by_name(&self, name: &str) -> Option<RelationId> {
        self.relations.iter().position(|relation| relation.name == name).map(|position| RelationId(position as u16))
    }

    /// An operation by its name.
    pub fn operation(&self, name: &str) -> Option<&OperationDecl> {
        self.operations.iter().find(|operation| operation.name == name)
    }
}

/// What an access rule speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Making rows.
    Create,
    /// Seeing rows.
    Read,
    /// Changing rows.
    Update,
    /// Removing rows.
    Delete,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Verb; 4] = [Verb::Create, Verb::Read, Verb::Update, Verb::Delete];

    /// The word in YAML.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verb::Create => "create",
            Verb::Read => "read",
            Verb::Update => "update",
            Verb::Delete => "delete",
        }
    }

    /// The verb of a YAML word.
    pub fn parse(word: &str) -> Option<Verb> {
        Verb::ALL.into_iter().find(|verb| verb.as_str() == word)
    }
}

/// An entity's `acl` block. A verb without grants is trusted-only.
#[derive(Clone, Debug, Default)]
pub struct Acl {
    /// For each verb of [`Verb::ALL`] in order, grants that OR.
    pub verbs: [Vec<AclGrant>; 4],
}

impl Acl {
    /// The grants of a verb.
    pub fn grants(&self, verb: Verb) -> &[AclGrant] {
        &self.verbs[verb as usize]
    }
}

/// One way in which a verb is granted. `row_level` narrows it; it is kept as text and typed by `access`.
#[derive(Clone, Debug, PartialEq)]
pub enum AclGrant {
    /// Anybody, anonymous callers included.
    Public {
        /// Row filter in the rules language.
        row_level: Option<String>,
    },
    /// Callers that have one of these roles.
    Roles {
        /// The roles.
        roles: Vec<String>,
        /// Row filter in the rules language.
        row_level: Option<String>,
    },
    /// The caller's own rows: the owner field, else the User's own row.
    Own {
        /// Row filter that narrows them; where the entity has no owner, it defines them.
        row_level: Option<String>,
    },
    /// Trusted in-process code only; grants nobody else anything.
    System,
}

/// Rows past the time in `field` are never returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ttl {
    /// A datetime field.
    pub field: FieldId,
    /// Whether they are deleted as well.
    pub auto_delete: bool,
}

/// An entity's `security` block.
#[derive(Clone, Debug, Default)]
pub struct EntitySecurity {
    /// Fields never returned, as if `sensitive`. The loader marks the fields too.
    pub never_expose: Vec<FieldId>,
    /// Every attempt on it is audited, reads included.
    pub audit_all_access: bool,
    /// Text fields whose values are scanned before they are stored.
    pub scan_for_malicious: Vec<FieldId>,
}

/// A field of some entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FieldRef {
    /// The entity.
    pub entity: EntityId,
    /// The field in it.
    pub field: FieldId,
}
