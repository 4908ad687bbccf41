//! A request as it comes from any host: names and values, not yet checked.

use crate::schema::Verb;
use crate::value::{Map, Name, Value};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "each is the operation of the same name in SEMANTICS.md")]
pub enum Operation {
    Create,
    Read,
    Update,
    Delete,
    List,
    FindMany,
    First,
    Stream,
    Count,
    Distinct,
    Aggregate,
    CreateMany,
    UpdateMany,
    DeleteMany,
    Upsert,
    UpsertMany,
    Call,
    Batch,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Operation; 18] = [
        Operation::Create,
        Operation::Read,
        Operation::Update,
        Operation::Delete,
        Operation::List,
        Operation::FindMany,
        Operation::First,
        Operation::Stream,
        Operation::Count,
        Operation::Distinct,
        Operation::Aggregate,
        Operation::CreateMany,
        Operation::UpdateMany,
        Operation::DeleteMany,
        Operation::Upsert,
        Operation::UpsertMany,
        Operation::Call,
        Operation::Batch,
    ];

    /// The name in snake case, such as `find_many`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Operation::Create => "create",
            Operation::Read => "read",
            Operation::Update => "update",
            Operation::Delete => "delete",
            Operation::List => "list",
            Operation::FindMany => "find_many",
            Operation::First => "first",
            Operation::Stream => "stream",
            Operation::Count => "count",
            Operation::Distinct => "distinct",
            Operation::Aggregate => "aggregate",
            Operation::CreateMany => "create_many",
            Operation::UpdateMany => "update_many",
            Operation::DeleteMany => "delete_many",
            Operation::Upsert => "upsert",
            Operation::UpsertMany => "upsert_many",
            Operation::Call => "call",
            Operation::Batch => "batch",
        }
    }

    /// The verb whose rules decide whether it may be tried at all; none for those that need several.
    pub fn verb(self) -> Option<Verb> {
        match self {
            Operation::Create | Operation::CreateMany => Some(Verb::Create),
            Operation::Update | Operation::UpdateMany => Some(Verb::Update),
            Operation::Delete | Operation::DeleteMany => Some(Verb::Delete),
            Operation::Upsert | Operation::UpsertMany | Operation::Call | Operation::Batch => None,
            Operation::Read
            | Operation::List
            | Operation::FindMany
            | Operation::First
            | Operation::Stream
            | Operation::Count
            | Operation::Distinct
            | Operation::Aggregate => Some(Verb::Read),
        }
    }

    /// Whether it may write.
    pub fn writes(self) -> bool {
        match self {
            Operation::Create
            | Operation::CreateMany
            | Operation::Update
            | Operation::UpdateMany
            | Operation::Delete
            | Operation::DeleteMany
            | Operation::Upsert
            | Operation::UpsertMany
            | Operation::Call
            | Operation::Batch => true,
            Operation::Read
            | Operation::List
            | Operation::FindMany
            | Operation::First
            | Operation::Stream
            | Operation::Count
            | Operation::Distinct
            | Operation::Aggregate => false,
        }
    }

    /// The operation of a name.
    pub fn parse(name: &str) -> Option<Operation> {
        Operation::ALL.into_iter().find(|operation| operation.as_str() == name)
    }
}

/// A request. `args` are the columns "request" of SEMANTICS.md by name: `id`, `data`, `filter`, `sort`, `limit`, …
///
/// ```
/// use dbal::{value, Operation, Request};
/// let request = Request::new(Operation::List, "User").arg("filter", value!({ "role": "admin" })).arg("limit", 10);
/// assert_eq!(request.args.len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What is asked for.
    pub operation: Operation,
    /// The entity's name.
    pub entity: Name,
    /// Arguments by name.
    pub args: Map,
}

impl Request {
    /// A request without arguments.
    pub fn new(operation: Operation, entity: impl Into<Name>) -> Self {
        Request { operation, entity: entity.into(), args: Map::new() }
    }

    /// The same with one argument more; the name must not have been given before.
    pub fn arg(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.args.0.push((name.into(), value.into()));
        self
    }
}
