//! Runs a case against a host and tells what came back wrong.

use dbal::Value;
use dbal::yaml::Place;

use crate::case::{Case, RequestStep, Step, TransactionStep, arguments};
use crate::expect::{masked, plain, show, tell};
use crate::host::{Caller, Database, Ending, Failure, Host, Request};
use crate::suite::Fixture;
use crate::term::Saved;

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every answer was as expected.
    Passed,
    /// A capability that the case requires is missing, and the request that needs it was rejected with its name.
    Rejected,
    /// The case says that this host differs.
    Differs(String),
    /// It went wrong as the case says it does so far.
    Pending(String),
    /// What came back wrong, for people.
    Failed(String),
}

/// Runs one case on a fresh database.
pub fn run(case: &Case, fixture: &Fixture, host: &dyn Host) -> Verdict {
    match (&case.pending, ask(case, fixture, host)) {
        (None, verdict) => verdict,
        (Some(reason), Verdict::Failed(_)) => Verdict::Pending(reason.clone()),
        (Some(_), _) => {
            Verdict::Failed(format!("  {}: pending, yet it holds: take the mark away", at(case, case.place)))
        }
    }
}

fn ask(case: &Case, fixture: &Fixture, host: &dyn Host) -> Verdict {
    if let Some(reason) = case.differs.get(host.backend()) {
        return Verdict::Differs(reason.clone());
    }
    let database = match host.open(fixture) {
        Ok(database) => database,
        Err(failure) => return Verdict::Failed(format!("fixture {}: {}", fixture.name, tell(&failure))),
    };
    let capabilities = host.capabilities();
    let has = |name: &String| capabilities.iter().any(|(known, has)| known == name && *has);
    let missing: Vec<String> = case.requires.iter().filter(|name| !has(name)).cloned().collect();
    let mut run = Run { saved: Saved::new(), told: Vec::new(), missing: &missing, rejected: false };
    run.steps(&case.steps, &*database, None);
    if run.rejected {
        return Verdict::Rejected;
    }
    if !missing.is_empty() {
        let not = format!(
            "{} lacks {}, yet nothing was rejected with CAPABILITY_NOT_SUPPORTED",
            host.name(),
            missing.join(", ")
        );
        run.told.push((case.place, not));
    }
    if run.told.is_empty() {
        return Verdict::Passed;
    }
    let lines = run.told.iter().map(|(place, line)| format!("  {}: {line}", at(case, *place)));
    Verdict::Failed(lines.collect::<Vec<_>>().join("\n"))
}

fn at(case: &Case, place: Place) -> String {
    format!("{}:{}:{}", case.path, place.line, place.column)
}

struct Run<'a> {
    saved: Saved,
    told: Vec<(Place, String)>,
    missing: &'a [String],
    /// A missing capability was named: the rest of the case cannot be asked.
    rejected: bool,
}

impl Run<'_> {
    /// Runs steps until one goes wrong; true if none did.
    fn steps(&mut self, steps: &[Step], database: &dyn Database, outer: Option<&dyn Database>) -> bool {
        steps.iter().all(|step| match step {
            Step::Request(request) => {
                let target = if request.outside { outer.unwrap_or(database) } else { database };
                self.request(request, target)
            }
            Step::Transaction(transaction) => self.transaction(transaction, database),
        })
    }

    fn request(&mut self, step: &RequestStep, database: &dyn Database) -> bool {
        let (request, caller) = match (arguments(&step.args, &self.saved), step.caller.resolve(&self.saved)) {
            (Ok(args), Ok(caller)) => {
                (Request { operation: step.operation.clone(), entity: step.entity.clone(), args }, caller)
            }
            (Err(fault), _) | (_, Err(fault)) => return self.tell(step.place, &[fault], None),
        };
        let answer = database.run(&caller, &request).map(plain);
        if self.names_missing(&answer) {
            self.rejected = true;
            return false;
        }
        let told = step.expect.check(&answer, &self.saved);
        if !told.is_empty() {
            return self.tell(step.place, &told, Some((&caller, &request)));
        }
        if let Some(name) = &step.save {
            let kept = answer.unwrap_or_else(|failure| Value::Text(masked(&failure)));
            self.saved.insert(name.clone(), kept);
        }
        true
    }

    /// Whether an answer says that a missing capability is missing. Where a failed statement cannot be caught, what
    /// comes after it says that the transaction has ended.
    fn names_missing<T>(&self, answer: &Result<T, Failure>) -> bool {
        let Err(failure) = answer else { return false };
        match failure.code.as_str() {
            "CAPABILITY_NOT_SUPPORTED" => self.missing.iter().any(|name| tell(failure).contains(name.as_str())),
            "CONFLICT" if failure.reason.as_deref() == Some("aborted") => {
                self.missing.iter().any(|name| name == "statement_savepoints")
            }
            _ => false,
        }
    }

    fn transaction(&mut self, step: &TransactionStep, database: &dyn Database) -> bool {
        let caller = match step.caller.resolve(&self.saved) {
            Ok(caller) => caller,
            Err(fault) => return self.tell(step.place, &[fault], None),
        };
        let mut went_well = true;
        let ended = database.transaction(&caller, &mut |inside| {
            went_well = self.steps(&step.steps, inside, Some(database));
            if step.roll_back || !went_well { Ending::RollBack } else { Ending::Commit }
        });
        if self.names_missing(&ended) {
            self.rejected = true;
            return false;
        }
        let mut told = Vec::new();
        match (&step.expect, &ended) {
            (None, Ok(())) => {}
            (None, Err(failure)) => told.push(format!("the transaction failed: {}", tell(failure))),
            (Some(error), Ok(())) => told.push(format!("expected {}, but the transaction was committed", error.code)),
            (Some(error), Err(failure)) => error.check(failure, &self.saved, &mut told),
        }
        if !told.is_empty() {
            return self.tell(step.place, &told, None);
        }
        went_well
    }

    fn tell(&mut self, place: Place, lines: &[String], asked: Option<(&Caller, &Request)>) -> bool {
        self.told.extend(lines.iter().map(|line| (place, line.clone())));
        if let Some((caller, request)) = asked {
            let args = show(&Value::Map(request.args.clone()));
            self.told
                .push((place, format!("asked: {} {} {args} as {}", request.operation, request.entity, who(caller))));
        }
        false
    }
}

fn who(caller: &Caller) -> String {
    match caller {
        Caller::Trusted => "trusted code".into(),
        Caller::Anonymous => "anonymous".into(),
        Caller::Principal { user, session, roles } => {
            let claims = [("user", user), ("session", session)]
                .map(|(n, map)| format!("{n} {}", show(&Value::Map(map.clone()))));
            format!("roles {roles:?} {}", claims.join(" "))
        }
    }
}
