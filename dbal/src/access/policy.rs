//! The compiled rules of one schema, and what they add up to for one caller.
//!
//! Permit rules OR, forbid rules take away, no permit rule is FORBIDDEN. A forbid rule forbids unless its condition is
//! false: one that is unknown, because a claim is missing or a field is null, forbids too, since a rule written to
//! keep somebody out must not let them in for want of a fact.
//!
//! A rule's `fields` only narrow. For writing the rules that count are those that allow every field the caller names.
//! For reading, a field counts as readable when no row would show it against its rule: each rule that shows rows must
//! show the field itself, or show no row that a rule with the field does not show as well. So rules of equal row filters
//! add up, a rule without a row filter speaks for all rows, and otherwise the intersection remains.
//!
//! The primary key is readable wherever rows are, whatever `fields` says: rows are addressed by it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use super::principal::Principal;
use super::view::PrincipalView;
use crate::error::{Error, Result};
use crate::query::ast::{Expr, Operand};
use crate::query::param::{ClaimScope, ParamSource, Params};
use crate::schema::{EntityId, FieldId, Verb};
use crate::value::Value;
use crate::yaml::Fault;

/// Who may do what with the entities of one schema. Immutable; clients share it.
#[derive(Clone, Debug)]
pub struct Policy {
    version: u64,
    /// The schema it was compiled for.
    schema: u64,
    pub(super) entities: Vec<EntityPolicy>,
    /// What the conditions of all rules compare with.
    pub(super) params: Params,
    /// Every claim that a rule mentions.
    claims: BTreeSet<(bool, String)>,
    /// Every role that a rule mentions; others change nothing.
    roles: BTreeSet<String>,
    pub(super) warnings: Vec<Fault>,
}

/// The rules of one entity.
#[derive(Clone, Debug)]
pub(super) struct EntityPolicy {
    pub name: String,
    pub key: FieldId,
    pub rules: Vec<Rule>,
    pub fields: Vec<FieldPolicy>,
}

/// One rule.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub id: String,
    pub effect: Effect,
    /// For each of [`Verb::ALL`], whether the rule speaks of it.
    pub verbs: [bool; 4],
    pub who: Who,
    /// The rows it speaks of.
    pub filter: Expr,
    /// The fields it shows; all when absent. Of a forbid rule: the fields it hides.
    pub read: Option<FieldSet>,
    /// The fields that may be written under it; all when absent. Of a forbid rule: those that may not.
    pub write: Option<FieldSet>,
}

pub(super) type FieldSet = BTreeSet<FieldId>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Permit,
    Forbid,
}

/// Callers that a rule speaks of.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Who {
    Everybody,
    Roles(Vec<String>),
}

/// What a field's own `acl` says.
#[derive(Clone, Debug)]
pub(super) struct FieldPolicy {
    /// Never shown.
    pub hidden: bool,
    /// Never written by a caller.
    pub locked: bool,
    pub read: Option<Vec<String>>,
    pub write: Option<Vec<String>>,
    /// Must hold of a row into which a caller wrote the field.
    pub check: Option<(String, Expr)>,
}

/// What the rules add up to for one caller and one verb.
#[derive(Debug)]
pub(super) struct Grant<'p> {
    /// The rows.
    pub filter: Expr,
    /// The rules that took part.
    pub rules: Vec<&'p str>,
}

/// Words that stand for something else in YAML and so never match a role that a caller brings.
const RESERVED: [&str; 3] = ["system", "self", "public"];

impl Policy {
    pub(super) fn new(schema: u64, entities: Vec<EntityPolicy>, params: Params, warnings: Vec<Fault>) -> Policy {
        static VERSION: AtomicU64 = AtomicU64::new(1);
        let mut claims: BTreeSet<_> = [(false, "id".to_owned())].into();
        for source in &params.0 {
            if let ParamSource::Claim { scope, name, .. } = source {
                claims.insert((*scope == ClaimScope::Session, name.clone()));
            }
        }
        let mut roles = BTreeSet::new();
        for entity in &entities {
            let of_rules = entity.rules.iter().filter_map(|rule| match &rule.who {
                Who::Roles(roles) => Some(roles),
                Who::Everybody => None,
            });
            let of_fields = entity.fields.iter().flat_map(|field| [&field.read, &field.write]).flatten();
            roles.extend(of_rules.chain(of_fields).flatten().cloned());
        }
        Policy { version: VERSION.fetch_add(1, Ordering::Relaxed), schema, entities, params, claims, roles, warnings }
    }

    /// A number that no other policy compiled by this process has.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The [`Schema::version`](crate::Schema::version) that its ids belong to.
    pub fn schema_version(&self) -> u64 {
        self.schema
    }

    /// What is odd about the rules without being wrong, for the log at start.
    pub fn warnings(&self) -> &[Fault] {
        &self.warnings
    }

    /// The same rules without row filters, for `enforce_row_level: false`. A forbid rule with a row filter goes whole:
    /// without the filter it would forbid everything. Field rules and checks stay.
    pub fn without_row_filters(mut self) -> Policy {
        for entity in &mut self.entities {
            entity.rules.retain(|rule| rule.effect == Effect::Permit || rule.filter == Expr::TRUE);
            for rule in &mut entity.rules {
                rule.filter = Expr::TRUE;
            }
        }
        Policy::new(self.schema, self.entities, self.params, self.warnings)
    }

    /// What the caller may see of the schema.
    pub fn view(&self, principal: &Principal) -> PrincipalView {
        PrincipalView::new(self, principal)
    }

    /// Whether any rule lets the caller do this at all. A caller without the verb is told so before anything else, and
    /// so learns nothing from what is wrong with the names in its request.
    ///
    /// # Errors
    /// FORBIDDEN, without a reason.
    pub fn permits(&self, principal: &Principal, entity: EntityId, verb: Verb) -> Result<()> {
        match self.grant(principal, entity, verb, &[]) {
            Some(_) => Ok(()),
            None => Err(self.forbidden(entity, verb)),
        }
    }

    pub(super) fn forbidden(&self, entity: EntityId, verb: Verb) -> Error {
        let name = &self.entity(entity).name;
        Error::forbidden(format!("no rule permits this caller to {} {name}", verb.as_str())).with_entity(name)
    }

    /// What must be equal of two callers for their rewritten queries to be equal: the rules, the roles that rules
    /// mention, and which claims are there with which kind. Whole, not a hash: a collision would lend one caller's
    /// plan to another.
    pub fn shape_key(&self, principal: &Principal) -> Vec<u8> {
        let mut key = self.version.to_le_bytes().to_vec();
        for role in self.roles.iter().filter(|role| principal.has_role(role)) {
            key.extend_from_slice(&(role.len() as u32).to_le_bytes());
            key.extend_from_slice(role.as_bytes());
        }
        key.extend_from_slice(&u32::MAX.to_le_bytes());
        for (session, name) in &self.claims {
            let claims = if *session { &principal.session } else { &principal.user };
            key.push(claims.get(name).map_or(0, kind_tag));
        }
        key
    }

    pub(super) fn entity(&self, id: EntityId) -> &EntityPolicy {
        &self.entities[usize::from(id.0)]
    }

    /// What the rules add up to; none when no rule permits the verb, or none permits writing all of `named`.
    pub(super) fn grant(
        &self,
        principal: &Principal,
        entity: EntityId,
        verb: Verb,
        named: &[FieldId],
    ) -> Option<Grant<'_>> {
        let mut rules = Vec::new();
        let mut permits: Vec<Expr> = Vec::new();
        let mut forbids = Vec::new();
        for rule in self.entity(entity).applicable(principal, verb) {
            match rule.effect {
                Effect::Permit if rule.lets_write(named) => {
                    // A rule whose rows another one permits anyway adds nothing.
                    if !permits.iter().any(|other| implies(&rule.filter, other)) {
                        permits.retain(|other| !implies(other, &rule.filter));
                        permits.push(rule.filter.clone());
                    }
                }
                Effect::Permit => continue,
                // One that names fields takes those away and nothing else.
                Effect::Forbid if rule.read.is_some() || rule.write.is_some() => {
                    if named.iter().any(|field| rule.forbids(&rule.write, &rule.read, *field)) {
                        return None;
                    }
                    continue;
                }
                Effect::Forbid if rule.filter == Expr::TRUE => return None,
                Effect::Forbid => forbids.push(Expr::Not(Box::new(rule.filter.clone()))),
            }
            rules.push(rule.id.as_str());
        }
        let permitted = match permits.len() {
            0 => return None,
            1 => permits.remove(0),
            _ => Expr::Or(permits),
        };
        Some(Grant { filter: forbids.into_iter().fold(permitted, Expr::and), rules })
    }
}

impl EntityPolicy {
    /// The rules that speak of this caller and verb.
    fn applicable<'p>(&'p self, principal: &Principal, verb: Verb) -> impl Iterator<Item = &'p Rule> {
        self.rules.iter().filter(move |rule| rule.verbs[verb as usize] && rule.who.includes(principal))
    }

    /// For each field, whether the caller may read it.
    pub fn readable(&self, principal: &Principal) -> Vec<bool> {
        let rules: Vec<&Rule> = self.applicable(principal, Verb::Read).collect();
        let permits: Vec<&Rule> = rules.iter().copied().filter(|rule| rule.effect == Effect::Permit).collect();
        let shown = |field: FieldId| {
            let showing: Vec<&Rule> = permits.iter().copied().filter(|rule| rule.shows(field)).collect();
            let speaks_for = |rule: &Rule| showing.iter().any(|other| implies(&rule.filter, &other.filter));
            !permits.is_empty() && (field == self.key || permits.iter().all(|rule| speaks_for(rule)))
        };
        let forbidden = |field: &FieldId| {
            rules.iter().any(|rule| rule.effect == Effect::Forbid && rule.forbids(&rule.read, &rule.write, *field))
        };
        let allowed = |(field, own): (FieldId, &FieldPolicy)| {
            !own.hidden && includes(&own.read, principal) && shown(field) && !forbidden(&field)
        };
        (0..).map(FieldId).zip(&self.fields).map(allowed).collect()
    }

    /// For each field, whether the caller may write it in a create or an update of some row.
    pub fn writable(&self, principal: &Principal) -> Vec<bool> {
        let in_verb = |field: FieldId, verb: Verb| {
            let mut permitted = false;
            for rule in self.applicable(principal, verb) {
                match rule.effect {
                    Effect::Permit => permitted |= rule.lets_write(&[field]),
                    Effect::Forbid if rule.forbids(&rule.write, &rule.read, field) => return false,
                    Effect::Forbid => {}
                }
            }
            permitted
        };
        let allowed = |(field, own): (FieldId, &FieldPolicy)| {
            !own.locked
                && includes(&own.write, principal)
                && (in_verb(field, Verb::Create) || in_verb(field, Verb::Update))
        };
        (0..).map(FieldId).zip(&self.fields).map(allowed).collect()
    }
}

impl Rule {
    fn shows(&self, field: FieldId) -> bool {
        self.read.as_ref().is_none_or(|fields| fields.contains(&field))
    }

    fn lets_write(&self, named: &[FieldId]) -> bool {
        self.write.as_ref().is_none_or(|fields| named.iter().all(|field| fields.contains(field)))
    }

    /// Whether this forbid rule takes the field away: by name, or because it takes everything away.
    fn forbids(&self, named: &Option<FieldSet>, other: &Option<FieldSet>, field: FieldId) -> bool {
        match named {
            Some(fields) => fields.contains(&field),
            None => other.is_none() && self.filter == Expr::TRUE,
        }
    }
}

impl Who {
    pub(super) fn includes(&self, principal: &Principal) -> bool {
        match self {
            Who::Everybody => true,
            Who::Roles(roles) => has_any(roles, principal),
        }
    }
}

fn includes(roles: &Option<Vec<String>>, principal: &Principal) -> bool {
    roles.as_ref().is_none_or(|roles| has_any(roles, principal))
}

fn has_any(roles: &[String], principal: &Principal) -> bool {
    roles.iter().any(|role| !RESERVED.contains(&role.as_str()) && principal.has_role(role))
}

/// Whether every row for which `narrow` holds is one for which `wide` holds, as far as their form tells: false when
/// in doubt. Both are over the same parameters.
pub(super) fn implies(narrow: &Expr, wide: &Expr) -> bool {
    if *wide == Expr::TRUE || *narrow == Expr::FALSE || narrow == wide {
        return true;
    }
    match (narrow, wide) {
        (_, Expr::And(parts)) => parts.iter().all(|part| implies(narrow, part)),
        (Expr::Or(parts), _) => parts.iter().all(|part| implies(part, wide)),
        (_, Expr::Or(parts)) if parts.iter().any(|part| implies(narrow, part)) => true,
        (Expr::And(parts), _) => parts.iter().any(|part| implies(part, wide)),
        _ => false,
    }
}

/// Every operand of an expression that is read from the row at hand or through it. Rules hold no searches.
pub(super) fn operands<'e>(expr: &'e Expr, visit: &mut impl FnMut(&'e Operand)) {
    match expr {
        Expr::Const(_) | Expr::Word { .. } | Expr::Json { .. } | Expr::Related { .. } => {}
        Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| operands(part, visit)),
        Expr::Not(inner) => operands(inner, visit),
        Expr::Compare { left, right, .. } => {
            visit(left);
            visit(right);
        }
        Expr::In { value, .. } | Expr::IsNull(value) => visit(value),
        Expr::Text { value, pattern, .. } => {
            visit(value);
            visit(pattern);
        }
    }
}

/// Tells apart the kinds a claim may have; null and missing are kinds too.
fn kind_tag(value: &Value) -> u8 {
    match value {
        Value::Null => 1,
        Value::Undefined => 2,
        Value::Bool(_) => 3,
        Value::Int(_) => 4,
        Value::Float(_) => 5,
        Value::Decimal(_) => 6,
        Value::Text(_) => 7,
        Value::Bytes(_) => 8,
        Value::Uuid(_) => 9,
        Value::DateTime(_) => 10,
        Value::Date(_) => 11,
        Value::List(_) => 12,
        Value::Map(_) => 13,
        Value::Record(_) | Value::Records(_) => 14,
        Value::Json(_) => 15,
    }
}
