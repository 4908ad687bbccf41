//! Which fields exist for a caller, and which verbs.

use super::policy::Policy;
use super::principal::Principal;
use crate::query::view::View;
use crate::schema::{EntityId, FieldId, Verb};

/// What one caller may see of the schema, worked out once.
#[derive(Clone, Debug)]
pub struct PrincipalView {
    entities: Vec<EntityView>,
}

#[derive(Clone, Debug)]
struct EntityView {
    verbs: [bool; 4],
    readable: Vec<bool>,
    writable: Vec<bool>,
}

impl PrincipalView {
    pub(super) fn new(policy: &Policy, principal: &Principal) -> Self {
        let ids = (0..).map(EntityId);
        let entities = policy.entities.iter().zip(ids).map(|(entity, id)| {
            let verbs = Verb::ALL.map(|verb| policy.grant(principal, id, verb, &[]).is_some());
            let mut readable = entity.readable(principal);
            if !verbs[Verb::Read as usize] {
                readable.fill(false);
            }
            EntityView { verbs, readable, writable: entity.writable(principal) }
        });
        PrincipalView { entities: entities.collect() }
    }

    /// Whether any rule lets the caller do this at all; without one, the answer is FORBIDDEN before all else.
    pub fn allows(&self, entity: EntityId, verb: Verb) -> bool {
        self.entities[usize::from(entity.0)].verbs[verb as usize]
    }
}

impl View for PrincipalView {
    fn trusted(&self) -> bool {
        false
    }

    fn readable(&self, entity: EntityId, field: FieldId) -> bool {
        self.entities[usize::from(entity.0)].readable[usize::from(field.0)]
    }

    fn writable(&self, entity: EntityId, field: FieldId) -> bool {
        self.entities[usize::from(entity.0)].writable[usize::from(field.0)]
    }
}
