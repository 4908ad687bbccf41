//! Every operation of the reference contract has cases, which run on every backend: one in which it does what it says, and
//! one in which a caller is denied it, or the rows of others where anybody may do it to their own; unless anybody may call
//! it.

use std::collections::BTreeSet;
use std::path::Path;

use dbal::Value;
use dbal::schema::{AclGrant, Requirement, load_dir};
use dbal_conformance::Suite;
use dbal_conformance::case::{CallerTerm, RequestStep, Step};
use dbal_conformance::term::{Saved, Term};

/// The steps of cases, those inside transactions too.
fn flat<'s>(steps: &'s [Step], found: &mut Vec<&'s RequestStep>) {
    for step in steps {
        match step {
            Step::Request(request) => found.push(request),
            Step::Transaction(transaction) => flat(&transaction.steps, found),
        }
    }
}

#[test]
fn every_operation_has_cases_denied_callers_included() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let suite = Suite::load(&root.join("common")).unwrap_or_else(|faults| panic!("{faults}"));
    let schema = load_dir(root.join("api/schema")).unwrap_or_else(|faults| panic!("{faults}")).schema;
    let mut steps = Vec::new();
    suite.cases.iter().filter(|case| case.pending.is_none()).for_each(|case| flat(&case.steps, &mut steps));
    let (mut done, mut denied, mut hidden) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for step in steps.into_iter().filter(|step| step.operation == "call") {
        let name = step.args.iter().find(|(name, _)| name == "name").map(|(_, term)| term);
        let Some(Ok(Value::Text(name))) = name.map(|term| term.resolve(&Saved::default())) else { continue };
        let operation = (step.entity.clone(), name);
        // Nothing comes, for a caller to whom nothing is there.
        let zero = |term: &Term| term.resolve(&Saved::default()).is_ok_and(|value| value == Value::Int(0));
        let total = step.expect.page.as_ref().and_then(|page| page.envelope.iter().find(|(name, _)| *name == "total"));
        let none = total.map(|(_, term)| term).or(step.expect.value.as_ref()).is_some_and(zero);
        if none && matches!(step.caller, CallerTerm::Anonymous | CallerTerm::Principal { .. }) {
            hidden.insert(operation.clone());
        }
        let refusal = step.expect.error.as_ref().map(|error| error.code.as_str());
        match (refusal, &step.caller) {
            (None, _) => drop(done.insert(operation)),
            (Some(code), CallerTerm::Anonymous | CallerTerm::Principal { .. }) => match code {
                "FORBIDDEN" | "UNAUTHORIZED" => drop(denied.insert(operation)),
                "NOT_FOUND" => drop(hidden.insert(operation)),
                _ => {}
            },
            (Some(_), _) => {}
        }
    }
    let mut missing = Vec::new();
    for (_, entity) in schema.entities() {
        for declared in &entity.operations {
            let operation = (entity.name.clone(), declared.name.clone());
            if !done.contains(&operation) {
                missing.push(format!("{}.{}: no case in which it is done", entity.name, declared.name));
            }
            // What anybody may do with rows of their own finds none of others.
            let own = declared.requires.iter().any(|requirement| match requirement {
                Requirement::Verb(entity, verb) => {
                    let mut grants = schema.entity(*entity).acl.grants(*verb).iter();
                    grants.any(|grant| matches!(grant, AclGrant::Own { .. } | AclGrant::Public { .. }))
                }
                Requirement::Role(_) | Requirement::Unknown(_) => false,
            });
            let refused = denied.contains(&operation) || own && hidden.contains(&operation);
            if !declared.public && !refused {
                missing.push(format!("{}.{}: no case in which a caller is denied it", entity.name, declared.name));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
