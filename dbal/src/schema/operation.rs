//! Declared operations. CRUD ones carry limits; bodies of domain ones are kept as loaded until they are built.

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
    /// Everything else, as written.
    pub rest: Value,
}
