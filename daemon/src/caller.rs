//! Whoever asks, once it is known who that is.

use dbal::{AsyncClient, Principal};

/// A verified caller with the client that asks on its behalf.
#[derive(Debug)]
pub struct Caller {
    /// Whom the rules see; none for trusted code, which only a host of one's own can let in.
    pub principal: Option<Principal>,
    /// Asks on its behalf.
    pub client: AsyncClient,
    /// The version of the access rules that the client was bound under.
    pub rules: u64,
    /// By what it is counted; none for an anonymous one, which is counted by its address.
    pub counted_as: Option<String>,
}

impl Caller {
    /// A caller on a client that nobody is bound to yet.
    pub(crate) fn bind(trusted: &AsyncClient, principal: Option<Principal>) -> Caller {
        let client = principal.clone().map_or_else(|| trusted.clone(), |principal| trusted.as_principal(principal));
        let id = principal.as_ref().and_then(|principal| principal.user.get("id"));
        let counted_as = id.map(dbal::value::json::to_wire);
        Caller { rules: trusted.blocking().policy().version(), principal, client, counted_as }
    }

    /// Its id, as logs name it.
    pub fn id(&self) -> Option<&str> {
        self.counted_as.as_deref().map(|id| id.trim_matches('"'))
    }

    /// The first of its roles.
    pub fn role(&self) -> Option<&str> {
        self.principal.as_ref().and_then(|principal| principal.roles.first()).map(String::as_str)
    }
}
