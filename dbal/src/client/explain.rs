//! What would happen: the plan of a request, without running it.

use std::collections::BTreeSet;

use crate::access::Principal;
use crate::client::Client;
use crate::error::Result;
use crate::plan::operation::{Lowered, Role, Sql};
use crate::query::ast::ParamId;
use crate::request::{Operation, Request};

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
        let mut steps = Vec::new();
        for (plan, step) in plans.iter().flat_map(|plan| plan.steps.iter().map(move |step| (plan, step))) {
            let purpose = match &step.role {
                Role::Root(_) => "rows of the result".to_owned(),
                Role::Children { parent, .. } => format!("related rows of step {}", parent + 1),
                Role::Versioned => "whether the row has another version".to_owned(),
                Role::Parent { field, .. } => format!("whether the row that {field} refers to is there"),
                Role::Total => "count".to_owned(),
                Role::Effect => "write".to_owned(),
            };
            let named = |ids: Vec<ParamId>| ids.into_iter().map(|id| plan.params.get(id).to_string()).collect();
            let spelled = |sql: &Sql| (sql.text.to_string(), named(sql.params.iter().map(|param| param.id).collect()));
            let (text, params) = match &step.statement {
                Lowered::With(carrier) => (format!("(in the rows of step {})", carrier + 1), Vec::new()),
                Lowered::Sql(sql) => spelled(sql),
                Lowered::Document(document) => (format!("{document:#?}"), named(plan.params.ids().collect())),
                Lowered::Ast(statement) => (format!("{statement:#?}"), named(plan.params.ids().collect())),
            };
            let several = match &step.statement {
                Lowered::Sql(Sql { rows: Some(rows), .. }) if request.operation == Operation::CreateMany => Some(rows),
                _ => None,
            };
            let purpose_of_several = format!("{purpose}, where several have the same fields");
            steps.push(ExplainedStep { purpose, text, params });
            if let Some((text, params)) = several.map(|rows| spelled(rows)) {
                steps.push(ExplainedStep { purpose: purpose_of_several, text, params });
            }
        }
        Ok(Explanation {
            adapter: self.engine.adapter.name(),
            steps,
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
