//! What would happen: the plan of a request, without running it.

use std::collections::BTreeSet;

use crate::access::Principal;
use crate::client::Client;
use crate::error::Result;
use crate::plan::operation::{Lowered, Role};
use crate::request::Request;

/// The plan of a request, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The backend.
    pub adapter: &'static str,
    /// What runs, in order.
    pub steps: Vec<ExplainedStep>,
    /// The ids of the access rules applied.
    pub rules: Vec<String>,
    /// Whether the steps run in one transaction.
    pub atomic: bool,
}

/// One statement of an explained plan.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainedStep {
    /// What it is for.
    pub purpose: String,
    /// Its text in the backend's language.
    pub text: String,
    /// Where the value of each placeholder comes from, in the order of the placeholders. Values of the request are not
    /// shown.
    pub params: Vec<String>,
}

impl Client {
    /// Explains a request, as trusted code would run it or on behalf of a principal.
    ///
    /// # Errors
    /// FORBIDDEN for a bound client; otherwise what running the request would say before any IO.
    pub fn explain(&self, request: &Request, principal: Option<&Principal>) -> Result<Explanation> {
        self.trusted("explain is for trusted code")?;
        let bound = principal.map(|principal| self.engine.bind_caller(principal.clone()));
        let caller = bound.as_ref().unwrap_or(&self.caller);
        // A request that writes row by row has a plan for each set of fields that its rows name.
        let (plans, atomic) = match self.engine.prepare_many(caller, request) {
            Some(machine) => {
                let machine = machine?;
                let atomic = machine.is_atomic();
                (machine.into_plans(), atomic)
            }
            None => {
                let plan = self.engine.explained(caller, request)?;
                let atomic = plan.atomic;
                (vec![plan], atomic)
            }
        };
        let steps =
            plans.iter().flat_map(|plan| plan.steps.iter().map(move |step| (plan, step))).map(|(plan, step)| {
                let purpose = match &step.role {
                    Role::Root(_) => "rows of the result".to_owned(),
                    Role::Children { parent, .. } => format!("related rows of step {}", parent + 1),
                    Role::Versioned => "whether the row has another version".to_owned(),
                    Role::Parent { field, .. } => format!("whether the row that {field} refers to is there"),
                    Role::Total => "count".to_owned(),
                    Role::Effect => "write".to_owned(),
                };
                let (text, params) = match &step.statement {
                    Lowered::With(carrier) => (format!("(in the rows of step {})", carrier + 1), Vec::new()),
                    Lowered::Sql(sql) => (sql.text.to_string(), sql.params.iter().map(|param| param.id).collect()),
                    Lowered::Document(document) => (format!("{document:#?}"), plan.params.ids().collect::<Vec<_>>()),
                    Lowered::Ast(statement) => (format!("{statement:#?}"), plan.params.ids().collect::<Vec<_>>()),
                };
                let params = params.into_iter().map(|id| plan.params.get(id).to_string()).collect();
                ExplainedStep { purpose, text, params }
            });
        Ok(Explanation {
            adapter: self.engine.adapter.name(),
            steps: steps.collect(),
            rules: plans
                .iter()
                .flat_map(|plan| plan.rules.iter().cloned())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
            atomic,
        })
    }
}
