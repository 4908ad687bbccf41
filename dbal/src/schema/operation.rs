//! Declared operations: who may call them, what they take, and what they do.

use super::{EntityId, FieldId, Verb};
use crate::error::ErrorKind;
use crate::value::Value;

/// One operation of an entity's operations file.
#[derive(Clone, Debug, Default)]
pub struct OperationDecl {
    /// Its name, such as `list` or `verify`.
    pub name: String,
    /// For people.
    pub description: String,
    /// Input fields that must be given.
    pub required: Vec<String>,
    /// Input fields that may be given.
    pub optional: Vec<String>,
    /// What it returns: an entity, `Entity[]`, `boolean`, `integer`.
    pub output: Option<String>,
    /// Roles or `entity:verb` grants that may call it.
    pub acl_required: Vec<String>,
    /// The same, names resolved.
    pub requires: Vec<Requirement>,
    /// Anybody may call it.
    pub public: bool,
    /// Trusted code only.
    pub system_only: bool,
    /// The body runs as the system, not as the caller.
    pub runs_as_system: bool,
    /// The most rows one answer may hold for a bound caller.
    pub max_limit: Option<u32>,
    /// Rows in a page when none is asked for.
    pub default_limit: Option<u32>,
    /// Only so many calls in so much time.
    pub rate_limit: Option<RateLimit>,
    /// Of these inputs exactly one is given.
    pub exactly_one_of: Vec<String>,
    /// What holds of every row of its entity that a caller reaches by it, in the language of rules.
    pub row_level_check: Option<String>,
    /// Every call is audited.
    pub audit: bool,
    /// What it does.
    pub body: Body,
    /// Everything else, as written.
    pub rest: Value,
}

impl OperationDecl {
    /// Whether it takes an input of this name.
    pub fn takes(&self, name: &str) -> bool {
        self.inputs().any(|input| input == name)
    }

    /// The names of all inputs, those that must be given first.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        self.required.iter().chain(&self.optional).map(String::as_str)
    }
}

/// One entry of `acl_required`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// The caller has this role, or another one that is named.
    Role(String),
    /// A rule gives the caller this verb on this entity.
    Verb(EntityId, Verb),
    /// Nothing that is known: nobody but trusted code meets it.
    Unknown(String),
}

/// How often an operation may be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// So many calls …
    pub max_attempts: u32,
    /// … in so many seconds, counted from the first of them.
    pub window_seconds: u32,
    /// For each value of this input; none: for each caller.
    pub per: Option<String>,
}

/// What an operation does.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Body {
    /// Nothing that is known: it is declared, and nothing could be concluded from its name and inputs.
    #[default]
    Missing,
    /// Steps, all or none.
    Steps(Vec<Step>),
    /// A handler of this name that the host registers.
    Handler(String),
}

/// One step of a body.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What is done.
    pub act: Act,
    /// Under which name later steps find its answer.
    pub save: Option<String>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// A request.
    Ask {
        /// Its operation, such as `find_many`.
        operation: String,
        /// The entity asked about.
        entity: EntityId,
        /// Its arguments.
        args: Vec<(String, Template)>,
        /// The error when it finds nothing.
        when_missing: Option<ErrorKind>,
    },
    /// Compares an input with the stored hash in a row; UNAUTHORIZED unless they fit, after the same work whether or
    /// not there is such a row.
    VerifySecret {
        /// Whose row.
        entity: EntityId,
        /// The unique key that finds the row.
        key: Vec<(FieldId, Template)>,
        /// The field with the hash.
        field: FieldId,
        /// The input with the secret.
        input: String,
    },
    /// Removes the rows past their time, which no request can reach.
    DeleteExpired {
        /// Whose rows.
        entity: EntityId,
    },
    /// Reads the rows of one tree, parents before their children.
    Tree {
        /// Whose rows.
        entity: EntityId,
        /// The reference to the parent, and the key that it refers to.
        parent: (FieldId, FieldId),
        /// Which tree: the rows in which this field is as the input of its name.
        scope: FieldId,
        /// The order of rows with the same parent.
        order: Option<FieldId>,
    },
    /// Gives several rows their place among others.
    Reorder {
        /// Whose rows.
        entity: EntityId,
        /// The field with the place.
        order: FieldId,
        /// The input with a list of key and place.
        input: String,
    },
    /// Puts a row, with all below it, under another parent, never under itself.
    Move(Move),
    /// Ends the body with an answer.
    Return(Template),
}

/// A move in a tree. See [`Act::Move`].
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// Whose rows.
    pub entity: EntityId,
    /// The reference to the parent, and the key that it refers to.
    pub parent: (FieldId, FieldId),
    /// The input with the row's key.
    pub row: String,
    /// The input with the key of the parent to be; null is the top.
    pub under: String,
    /// What else is set: fields, each from the input of this name.
    pub set: Vec<(FieldId, String)>,
    /// The new parent has the same value in these fields.
    pub same: Vec<FieldId>,
}

/// A value of a body, made when it runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Template {
    /// As it stands.
    Value(Value),
    /// An input; an optional one that is not given counts as not there.
    Input(String),
    /// An input; where it is not given, the value here, or the entry that holds it is left out.
    Given(String, Option<Value>),
    /// Part of what an earlier step answered: its name, then names and positions.
    Ref(String, Vec<String>),
    /// The instant at which the call began.
    Now,
    /// What is known of the caller's user.
    User(String),
    /// What is known of the caller's session.
    Session(String),
    /// A list.
    List(Vec<Template>),
    /// An object.
    Map(Vec<(String, Template)>),
}
