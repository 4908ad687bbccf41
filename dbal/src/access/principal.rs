//! The caller on whose behalf requests run.

use crate::value::{Map, Value};

/// A verified caller. dbal trusts what it is told here: verifying is the host's or the daemon's part.
///
/// ```
/// use dbal::Principal;
/// let ada = Principal::new("018f3c1e-7b1c-7000-8000-000000000001", "admin").claim("level", 4);
/// assert!(ada.has_role("admin"));
/// ```
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Principal {
    /// What `$user.x` finds; `id` and `role` among it.
    pub user: Map,
    /// What `$session.x` finds.
    pub session: Map,
    /// The caller's roles; empty for an anonymous caller.
    pub roles: Vec<String>,
}

impl Principal {
    /// A caller with an id and a role.
    pub fn new(id: impl Into<Value>, role: &str) -> Self {
        let mut user = Map::new();
        user.insert("id", id);
        user.insert("role", role);
        Principal { user, session: Map::new(), roles: vec![role.to_owned()] }
    }

    /// Nobody in particular: no id, no role, only what is public.
    pub fn anonymous() -> Self {
        Principal::default()
    }

    /// The same caller with one more claim under `$user`.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.user.insert(name.to_owned(), value);
        self
    }

    /// Whether the caller has this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }
}
