//! What a client must offer so that the cases can be run against it.

use dbal::{Map, Value};

use crate::suite::Fixture;

/// A client of some host language over some backend.
pub trait Host: Send + Sync {
    /// Its name, such as `node on sqlite`.
    fn name(&self) -> &str;

    /// The backend under it, such as `sqlite`; cases may say that they differ there.
    fn backend(&self) -> &str;

    /// Every capability by name, and whether the backend has it, natively or emulated.
    fn capabilities(&self) -> Vec<(String, bool)>;

    /// A fresh database that holds the fixture and nothing else.
    fn open(&self, fixture: &Fixture) -> Result<Box<dyn Database>, Failure>;
}

/// A database that holds a fixture, or a transaction on one.
pub trait Database {
    /// Runs one request on behalf of a caller.
    fn run(&self, caller: &Caller, request: &Request) -> Result<Value, Failure>;

    /// Runs `body` in a transaction, then commits or rolls back as it says. Inside a transaction, a nested one.
    fn transaction(&self, caller: &Caller, body: &mut dyn FnMut(&dyn Database) -> Ending) -> Result<(), Failure>;
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// What was written stays.
    Commit,
    /// Nothing was written.
    RollBack,
}

/// On whose behalf a request runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Caller {
    /// Trusted in-process code.
    #[default]
    Trusted,
    /// A client without a principal's id or role.
    Anonymous,
    /// A principal.
    Principal {
        /// What `$user` finds; `id` and `role` among it.
        user: Map,
        /// What `$session` finds.
        session: Map,
        /// Its roles.
        roles: Vec<String>,
    },
}

/// A request by names, so that what the client does not know can be asked too.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The operation in snake case.
    pub operation: String,
    /// The entity's name.
    pub entity: String,
    /// The arguments by name.
    pub args: Map,
}

/// An error as every host reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The code, such as `NOT_FOUND`.
    pub code: String,
    /// The message for people.
    pub message: String,
    /// The reason of a conflict.
    pub reason: Option<String>,
    /// The fields or options at fault.
    pub fields: Vec<FieldFailure>,
}

/// One fault of one field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldFailure {
    /// Dotted path of the field or option.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
    /// Which row of a many-row input, from 0.
    pub index: Option<usize>,
}
