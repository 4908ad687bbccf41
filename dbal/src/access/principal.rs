//! The caller on whose behalf requests run.

use crate::error::{Error, FieldFault, Result};
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

    /// The caller that a row of the `User` entity describes: each field is a claim, and its `role` the only role.
    ///
    /// ```
    /// use dbal::{Map, Principal, Value};
    /// let row: Map = [("id", Value::from(7)), ("role", Value::from("admin"))].into_iter().collect();
    /// assert!(Principal::of_user(row).has_role("admin"));
    /// ```
    pub fn of_user(row: Map) -> Self {
        let role = row.get("role").and_then(Value::as_str).map(str::to_owned);
        Principal { user: row, session: Map::new(), roles: role.into_iter().collect() }
    }

    /// Nobody in particular: no id, no role, only what is public.
    pub fn anonymous() -> Self {
        Principal::default()
    }

    /// The caller that `{ user, session, roles }` says, as hosts give it: the roles are the user's `role` unless they are
    /// given. What is null or undefined is not given.
    ///
    /// ```
    /// use dbal::{Map, Principal, value};
    /// let told: Map = [("user", value!({ "id": 7, "role": "admin" }))].into_iter().collect();
    /// assert_eq!(Principal::from_map(&told)?.roles, ["admin"]);
    /// # Ok::<(), dbal::Error>(())
    /// ```
    ///
    /// # Errors
    /// VALIDATION_ERROR with all that is wrong with it.
    pub fn from_map(told: &Map) -> Result<Principal> {
        let mut faults = Vec::new();
        let mut principal = Principal::anonymous();
        let mut roles = None;
        for (name, value) in told.iter().filter(|(_, value)| !matches!(value, Value::Null | Value::Undefined)) {
            let message = match (name, value) {
                ("user", Value::Map(user)) => {
                    principal.user = user.clone();
                    continue;
                }
                ("session", Value::Map(session)) => {
                    principal.session = session.clone();
                    continue;
                }
                ("roles", Value::List(names)) if names.iter().all(|name| name.as_str().is_some()) => {
                    roles = Some(names.iter().filter_map(Value::as_str).map(str::to_owned).collect());
                    continue;
                }
                ("user" | "session", other) => format!("expected an object, not {}", other.kind()),
                ("roles", _) => "expected a list of names".to_owned(),
                _ => "unknown; expected user, session or roles".to_owned(),
            };
            faults.push(FieldFault { field: name.to_owned(), message, index: None });
        }
        let own = || principal.user.get("role").and_then(Value::as_str).into_iter().map(str::to_owned).collect();
        principal.roles = roles.unwrap_or_else(own);
        if faults.is_empty() { Ok(principal) } else { Err(Error::invalid(faults)) }
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
