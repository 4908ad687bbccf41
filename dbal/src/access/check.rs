//! The `row_level_check` of an operation: what holds of every row of its entity that a caller reaches by it.

use std::collections::HashMap;
use std::sync::Arc;

use super::acl::warning;
use super::expression::{Pool, compile_into};
use super::policy::{Effect, Policy, Rule, Who};
use crate::query::ast::Expr;
use crate::schema::{EntityId, Schema};
use crate::yaml::Fault;

/// The rules for callers of operations, by the entity and the number of the operation in it.
pub type Checks = HashMap<(EntityId, usize), Arc<Policy>>;

impl Policy {
    /// The rules for callers of each operation that has a `row_level_check`. One that cannot be typed is left out, with
    /// a warning: callers may not call its operation.
    pub fn row_level_checks(&self, schema: &Schema) -> (Checks, Vec<Fault>) {
        let (mut checks, mut warnings) = (Checks::new(), Vec::new());
        for (entity, declared) in schema.entities() {
            for (at, decl) in declared.operations.iter().enumerate() {
                let Some(check) = &decl.row_level_check else { continue };
                match self.with_check(schema, entity, &decl.name, check) {
                    Ok(policy) => drop(checks.insert((entity, at), Arc::new(policy))),
                    Err(warning) => warnings.push(warning),
                }
            }
        }
        (checks, warnings)
    }

    /// The same rules, narrowed for the caller of one operation: a row of the entity for which the check does not hold
    /// is not there for it, and it can write none. Unknown is not held, as everywhere.
    ///
    /// # Errors
    /// A warning that says what is wrong with the check; callers may not call the operation then.
    fn with_check(&self, schema: &Schema, entity: EntityId, operation: &str, check: &str) -> Result<Policy, Fault> {
        let name = format!("{}.{operation}", schema.entity(entity).name);
        let mut pool = Pool::resume(self.params.clone());
        let expr = compile_into(&mut pool, schema, entity, check).map_err(|faults| {
            warning(&format!("{name}.row_level_check"), "the operation can be called by trusted code only", &faults)
        })?;
        // A rule that forbids does so unless its condition is false.
        let rule = Rule {
            id: format!("{name}.row_level_check"),
            effect: Effect::Forbid,
            verbs: [true; 4],
            who: Who::Everybody,
            filter: Expr::Not(Box::new(expr)),
            read: None,
            write: None,
        };
        let mut entities = self.entities.clone();
        entities[usize::from(entity.0)].rules.push(rule);
        Ok(Policy::new(self.schema_version(), entities, pool.into_params(), Vec::new()))
    }
}
