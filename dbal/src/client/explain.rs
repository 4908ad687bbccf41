//! What would happen: the plan of a request, without running it.

use crate::access::Principal;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::plan::operation::{Lowered, Role};
use crate::query::form::Form;
use crate::request::Request;

/// The plan of a request, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The backend.
    pub adapter: &'static str,
    /// What runs, in order: what it is for, and its text in the backend's language.
    pub steps: Vec<(String, String)>,
    /// Where each parameter of the texts comes from, by number from 0. Values of the request are not shown.
    pub params: Vec<String>,
    /// The ids of the access rules applied.
    pub rules: Vec<String>,
    /// Whether the steps run in one transaction.
    pub atomic: bool,
}

impl Client {
    /// Explains a request, as trusted code would run it or on behalf of a principal.
    ///
    /// # Errors
    /// FORBIDDEN for a bound client; otherwise what running the request would say before any IO.
    pub fn explain(&self, request: &Request, principal: Option<&Principal>) -> Result<Explanation> {
        if self.caller.principal().is_some() {
            return Err(Error::forbidden("explain is for trusted code"));
        }
        let bound = principal.map(|principal| self.engine.bind_caller(principal.clone()));
        let caller = bound.as_ref().unwrap_or(&self.caller);
        let (plan, _) = self.engine.plan(caller, request, &Form::of(request, u32::MAX))?;
        let steps = plan.steps.iter().map(|step| {
            let purpose = match &step.role {
                Role::Root(_) => "rows of the result".to_owned(),
                Role::Children { parent, .. } => format!("related rows of step {parent}"),
                Role::Total => "count".to_owned(),
                Role::Effect => "write".to_owned(),
            };
            let text = match &step.statement {
                Lowered::Sql(sql) => sql.text.to_string(),
                Lowered::Ast(statement) => format!("{statement:#?}"),
            };
            (purpose, text)
        });
        Ok(Explanation {
            adapter: self.engine.adapter.name(),
            steps: steps.collect(),
            params: plan.params.0.iter().map(|source| source.to_string()).collect(),
            rules: plan.rules.clone(),
            atomic: plan.atomic,
        })
    }
}
