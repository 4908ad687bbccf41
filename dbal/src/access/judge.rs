//! What each rule says of one row, for people who ask why a caller sees it or does not.
//!
//! A rule is looked at alone: under a policy whose only rule permits reading the rows of its condition, the row is there
//! when the condition holds, and under one with the opposite condition when it does not. Neither means that the condition
//! is unknown. So a backend judges it as it judges it within a request.

use super::policy::{Effect, EntityPolicy, FieldPolicy, Policy, Rule, Who};
use super::principal::Principal;
use crate::query::ast::Expr;
use crate::schema::{EntityId, Verb};

/// A rule that speaks of a verb.
#[derive(Clone, Debug, PartialEq)]
pub struct Spoken {
    /// Its id.
    pub id: String,
    /// It takes away; else it gives.
    pub forbids: bool,
    /// It takes away fields, and no rows.
    pub fields_only: bool,
    /// The roles that it speaks of; none means everybody.
    pub roles: Option<Vec<String>>,
    /// It speaks of the caller.
    pub applies: bool,
    /// Its place among the rules of the entity.
    pub(crate) at: usize,
}

impl Policy {
    /// The rules of an entity that speak of a verb, in their order, with whether each speaks of the caller.
    pub fn spoken(&self, principal: &Principal, entity: EntityId, verb: Verb) -> Vec<Spoken> {
        let rules = self.entity(entity).rules.iter().enumerate().filter(|(_, rule)| rule.verbs[verb as usize]);
        let spoken = rules.map(|(at, rule)| Spoken {
            id: rule.id.clone(),
            forbids: rule.effect == Effect::Forbid,
            fields_only: rule.effect == Effect::Forbid && (rule.read.is_some() || rule.write.is_some()),
            roles: match &rule.who {
                Who::Everybody => None,
                Who::Roles(roles) => Some(roles.clone()),
            },
            applies: rule.who.includes(principal),
            at,
        });
        spoken.collect()
    }

    /// A policy under which everybody reads the rows of one rule's condition, or of its opposite, and nothing else.
    pub(crate) fn alone(&self, entity: EntityId, at: usize, opposite: bool) -> Policy {
        let open = FieldPolicy { hidden: false, locked: false, read: None, write: None, check: None };
        let bare = |rules: &EntityPolicy| EntityPolicy {
            name: rules.name.clone(),
            key: rules.key,
            rules: Vec::new(),
            fields: vec![open.clone(); rules.fields.len()],
        };
        let mut entities: Vec<EntityPolicy> = self.entities.iter().map(bare).collect();
        let rule = &self.entity(entity).rules[at];
        let filter = if opposite { Expr::Not(Box::new(rule.filter.clone())) } else { rule.filter.clone() };
        entities[usize::from(entity.0)].rules.push(Rule {
            effect: Effect::Permit,
            verbs: Verb::ALL.map(|verb| verb == Verb::Read),
            who: Who::Everybody,
            filter,
            read: None,
            write: None,
            id: rule.id.clone(),
        });
        Policy::new(self.schema_version(), entities, self.params.clone(), Vec::new())
    }
}
