//! The `acl` blocks of entities and fields as rules.

use super::expression::{ExprFault, Pool, compile_into};
use super::policy::{Effect, EntityPolicy, FieldPolicy, Policy, Rule, Who};
use crate::query::ast::{Comparison, Expr, Operand};
use crate::query::param::{ClaimScope, ParamSource};
use crate::schema::{AclGrant, Entity, EntityId, Field, FieldId, FieldType, Schema, Verb};
use crate::yaml::{Fault, Severity};

impl Policy {
    /// The rules that the entities of a schema declare for themselves. A verb with a row filter that cannot be typed
    /// is for trusted code only, and so is writing a field with such a check; each comes with a warning.
    pub fn from_acl(schema: &Schema) -> (Policy, Vec<Fault>) {
        let mut pool = Pool::default();
        let mut warnings = Vec::new();
        let entities = schema.entities().map(|(id, entity)| EntityPolicy {
            name: entity.name.clone(),
            key: entity.key,
            rules: rules(schema, id, &mut pool, &mut warnings),
            fields: fields(schema, id, &mut pool, &mut warnings),
        });
        let entities = entities.collect();
        (Policy::new(schema.version(), entities, pool.into_params(), warnings.clone()), warnings)
    }
}

/// Whether a verb is declared for trusted code only, which no rules file changes.
pub(super) fn is_system(entity: &Entity, verb: Verb) -> bool {
    let grants = entity.acl.grants(verb);
    !grants.is_empty() && grants.iter().all(|grant| *grant == AclGrant::System)
}

/// What the fields of an entity declare.
pub(super) fn fields(schema: &Schema, id: EntityId, pool: &mut Pool, warnings: &mut Vec<Fault>) -> Vec<FieldPolicy> {
    let entity = schema.entity(id);
    let mut policies = Vec::with_capacity(entity.fields.len());
    for (field_id, field) in entity.field_ids() {
        let name = format!("{}.{}.acl.check", entity.name, field.name);
        let check = field.acl.check.as_deref().map(|text| compile_into(pool, schema, id, text));
        let untyped = matches!(check, Some(Err(_)));
        if let Some(Err(faults)) = &check {
            warnings.push(warning(&name, "the field can be written by trusted code only", faults));
        }
        policies.push(FieldPolicy {
            hidden: field.sensitive || entity.security.never_expose.contains(&field_id),
            locked: untyped || is_filled(field),
            read: field.acl.read.clone(),
            write: field.acl.write.clone(),
            check: check.and_then(Result::ok).map(|expr| (name, expr)),
        });
    }
    policies
}

/// Whether the engine makes the value, so that only trusted code may give it.
fn is_filled(field: &Field) -> bool {
    field.generated.is_some() || field.auto_update || field.version
}

fn rules(schema: &Schema, id: EntityId, pool: &mut Pool, warnings: &mut Vec<Fault>) -> Vec<Rule> {
    let entity = schema.entity(id);
    let mut rules = Vec::new();
    for verb in Verb::ALL {
        let before = rules.len();
        let mut closed = false;
        for grant in entity.acl.grants(verb) {
            let name = |way: &str| format!("{}.acl.{}.{way}", entity.name, verb.as_str());
            let (rule, who, filter) = match grant {
                AclGrant::System => continue,
                // Nothing says what one's own would be, so it grants nothing; the loader has warned.
                AclGrant::Own { row_level: None } if owner(entity).is_none() => continue,
                AclGrant::Public { row_level } => {
                    (name("public"), Who::Everybody, typed(pool, schema, id, row_level.as_deref()))
                }
                AclGrant::Roles { roles, row_level } => {
                    let filter = typed(pool, schema, id, row_level.as_deref());
                    (name(&format!("role[{}]", roles.join(", "))), Who::Roles(roles.clone()), filter)
                }
                AclGrant::Own { row_level } => {
                    (name("self"), Who::Everybody, own(pool, schema, id, row_level.as_deref()))
                }
            };
            match filter {
                Ok(filter) => rules.push(Rule {
                    id: rule,
                    effect: Effect::Permit,
                    verbs: Verb::ALL.map(|other| other == verb),
                    who,
                    filter,
                    read: None,
                    write: None,
                }),
                Err(faults) => {
                    warnings.push(warning(&rule, "the verb is for trusted code only", &faults));
                    closed = true;
                }
            }
        }
        // The other ways into the verb may have been written in trust of the one that failed.
        if closed {
            rules.truncate(before);
        }
    }
    rules
}

fn typed(pool: &mut Pool, schema: &Schema, id: EntityId, text: Option<&str>) -> Result<Expr, Vec<ExprFault>> {
    text.map_or(Ok(Expr::TRUE), |text| compile_into(pool, schema, id, text))
}

/// The field that says whose a row is; a User's own row is the one with the caller's id.
fn owner(entity: &Entity) -> Option<FieldId> {
    entity.owner.or_else(|| (entity.name == "User").then_some(entity.key))
}

/// The rows whose owner is the caller. An expression beside `self` narrows them. Only where nothing says who owns a
/// row does it say so itself: read as "instead of the owner" everywhere, `self` with `role <= $user.role` would make
/// every lesser user's row one's own.
fn own(pool: &mut Pool, schema: &Schema, id: EntityId, text: Option<&str>) -> Result<Expr, Vec<ExprFault>> {
    let entity = schema.entity(id);
    let fault = |message: String| Err(vec![ExprFault { column: 1, message }]);
    let narrowed = typed(pool, schema, id, text)?;
    let Some(owner) = owner(entity) else { return Ok(narrowed) };
    let Field { name, ty, stored_as, .. } = entity.field(owner);
    if matches!(ty, FieldType::Json | FieldType::Bytes) || stored_as.is_some() {
        return fault(format!("`self` cannot compare `{name}` of {}", entity.name));
    }
    let claim = ParamSource::Claim { scope: ClaimScope::User, name: "id".into(), ty: ty.clone(), rank: false };
    let Some(claim) = pool.param(claim) else {
        return fault("all rules together name too many different constants and claims".into());
    };
    let (left, right) = (Operand::Field(owner), Operand::Param(claim));
    Ok(Expr::Compare { left, op: Comparison::Eq, right, fold: false }.and(narrowed))
}

pub(super) fn warning(rule: &str, consequence: &str, faults: &[ExprFault]) -> Fault {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let message = format!("{rule}: {}; {consequence}", faults.join("; "));
    Fault { file: "schema".into(), line: 0, column: 0, message, severity: Severity::Warning }
}
