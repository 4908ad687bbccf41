//! Carrying changes out: in one transaction where the backend has it for that, and else step by step, so that whoever
//! comes after an interruption goes on with the statements that were written down.

use std::time::{Duration, Instant};

use super::adopt::{adopt, drift};
use super::change::Change;
use super::diff::{diff, impossible};
use super::history::{self, Entry, History, State, way_back};
use super::lock;
use super::lower::{Step, Work, lower};
use super::model::Model;
use crate::adapter::{Adapter, Connection, Intent, PATIENCE};
use crate::error::{Error, FieldFault, Reason, Result};
use crate::plan::operation::Lowering;
use crate::sql::ddl::Snapshot;
use crate::value::{Map, Value};

/// How a migration is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What it is called in the history; the first change by default.
    pub name: Option<String>,
    /// What may be lost by it: `User` with all rows, `User.nickname` with what it holds.
    pub drop: Vec<String>,
    /// How long after its last sign of life a migration counts as dead, where the backend has no transaction that ends
    /// with it.
    pub lease: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options { name: None, drop: Vec::new(), lease: Duration::from_secs(30) }
    }
}

/// What would be done, or was done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Its number in the history.
    pub number: i64,
    /// What it is called.
    pub name: String,
    /// What changes, in words of no database.
    pub changes: Vec<Change>,
    /// What is asked and run, in order. What is written to the history itself is not listed.
    pub steps: Vec<Step>,
    /// Why it cannot be carried out as it stands; all faults at once.
    pub faults: Vec<FieldFault>,
}

impl Plan {
    /// The statements that change something, in order.
    pub fn statements(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Run(text) => Some(text.as_str()),
            Step::Check { .. } => None,
        })
    }
}

/// In which direction.
#[derive(Clone, Copy, Debug)]
pub enum Goal<'m> {
    /// To this model.
    To(&'m Model),
    /// To what was before the last migration.
    Back(&'m Model),
}

/// Told before each statement: how many are done, of how many, and which one is next.
pub type Progress<'p> = dyn FnMut(usize, usize, &str) + 'p;

/// What is known of a database.
#[derive(Debug)]
pub struct Survey {
    /// What exists.
    pub existing: Snapshot,
    /// What was done to it, the first one first.
    pub entries: Vec<Entry>,
    /// What is there now, by the history or by the look of it.
    pub model: Model,
    /// What is missing of what the history says.
    pub drift: Vec<String>,
}

/// Looks at a database.
///
/// # Errors
/// DATABASE_ERROR, also for a history that was tampered with.
pub fn survey(connection: &mut dyn Connection, how: Lowering, target: &Model) -> Result<Survey> {
    let existing = connection.inspect()?;
    let entries = match History::exists(&existing) {
        true => History::new(how).read(connection)?,
        false => Vec::new(),
    };
    let model = match entries.last() {
        Some(last) => last.model.clone(),
        None => adopt(target, &existing, how),
    };
    // While a migration is half done, nothing is where it belongs.
    let whole = entries.last().is_some_and(|last| last.state == State::Applied);
    let drift = if whole { drift(&model, &existing, how) } else { Vec::new() };
    Ok(Survey { existing, entries, model, drift })
}

/// What is to be done, and what stands against it. Rows are looked at, nothing is changed.
///
/// # Errors
/// Those of the database, and CAPABILITY_NOT_SUPPORTED for what the backend cannot keep.
pub fn plan(
    connection: &mut dyn Connection,
    how: Lowering,
    survey: &Survey,
    goal: Goal<'_>,
    options: &Options,
) -> Result<Plan> {
    let last = survey.entries.last();
    let (target, number) = match goal {
        Goal::To(target) => (target.clone(), last.map_or(1, |last| last.number + 1)),
        Goal::Back(_) => match (last, survey.entries.iter().rev().nth(1)) {
            (Some(last), Some(before)) => (way_back(before.model.clone(), &last.renamed), last.number),
            _ => return Err(Error::validation("rollback", "nothing was migrated that could be taken back")),
        },
    };
    let changes = diff(&survey.model, &target);
    let name = match (goal, last) {
        (Goal::Back(_), Some(last)) => last.name.clone(),
        _ => options.name.clone().unwrap_or_else(|| called(&changes)),
    };
    let mut faults = Vec::new();
    let fault = |field: &str, message: &str| FieldFault { field: field.into(), message: message.into(), index: None };
    for what in &survey.drift {
        faults.push(fault("history", &format!("the database is not as its history says: {what}")));
    }
    for lost in changes.iter().filter_map(Change::destroys).filter(|lost| !options.drop.contains(lost)) {
        faults.push(fault(&lost, "would be lost with what it holds; name it among what may be dropped"));
    }
    faults.extend(impossible(&survey.model, &target, &changes));
    if !survey.drift.is_empty() || faults.iter().any(|one| !one.message.starts_with("would be lost")) {
        return Ok(Plan { number, name, changes, steps: Vec::new(), faults });
    }
    if changes.is_empty() {
        return Ok(Plan { number, name, changes, steps: Vec::new(), faults });
    }
    let steps = lower(&Work::new(&survey.model, &target, &changes), &survey.existing, how)?;
    let checks = steps.iter().take_while(|step| matches!(step, Step::Check { .. }));
    for step in checks {
        if let Step::Check { ask, message } = step
            && let Some(rows) = connection.ask(ask)?.first().map(counted).filter(|rows| *rows != 0)
        {
            faults.push(fault("rows", &format!("{message} ({rows})")));
        }
    }
    Ok(Plan { number, name, changes, steps, faults })
}

/// What a migration is called when nobody says.
fn called(changes: &[Change]) -> String {
    match changes {
        [] => "nothing".to_owned(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first}, and {} more", rest.len()),
    }
}

/// How many rows there are of what a question looks for.
fn counted(found: &Map) -> i64 {
    found.get("rows").and_then(|rows| rows.as_i64().or_else(|| rows.as_str()?.parse().ok())).unwrap_or(1)
}

/// Carries it out; none where there is nothing to do.
///
/// # Errors
/// VALIDATION_ERROR with everything that stands against it, in which case nothing was changed; TIMEOUT while another
/// migration holds the database; those of the database.
pub fn run(
    adapter: &dyn Adapter,
    deadline: Option<Instant>,
    goal: Goal<'_>,
    options: &Options,
    progress: &mut Progress<'_>,
) -> Result<Option<Plan>> {
    let how = adapter.lowering();
    match how {
        Lowering::Ast => Ok(None),
        Lowering::Sql(_) => {
            let inside = Inside { how, options, lost: &|| false };
            let mut left = AGAIN;
            loop {
                let mut connection = adapter.connect(Intent::Write, deadline)?;
                connection.begin_migration(deadline)?;
                let done = inside.run(&mut *connection, goal, progress);
                let done = match done {
                    Ok(done) => connection.commit().map(|()| done),
                    Err(error) => connection.rollback().and(Err(error)),
                };
                match done {
                    // A program that reads and writes the tables meanwhile may hold one and wait for the next, as this
                    // does. All of it was taken back.
                    Err(error) if left > 0 && error.reason() == Some(Reason::Serialization) => left -= 1,
                    done => return done,
                }
            }
        }
        Lowering::Document => {
            let until = deadline.unwrap_or_else(|| Instant::now() + PATIENCE.max(options.lease * 2));
            lock::held(adapter, options.lease, until, |lost| {
                let mut connection = adapter.connect(Intent::Write, deadline)?;
                Inside { how, options, lost }.run(&mut *connection, goal, progress)
            })
        }
    }
}

/// How often a migration is begun again that lost to another transaction.
const AGAIN: u32 = 3;

/// With nobody else at it.
struct Inside<'o> {
    how: Lowering,
    options: &'o Options,
    /// Whether somebody else may be at it by now.
    lost: &'o dyn Fn() -> bool,
}

impl Inside<'_> {
    fn run(
        &self,
        connection: &mut dyn Connection,
        goal: Goal<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<Option<Plan>> {
        let (Goal::To(target) | Goal::Back(target)) = goal;
        let history = History::new(self.how);
        let mut known = survey(connection, self.how, target)?;
        if known.entries.is_empty() {
            // What was there is where the way back ends. The schema that holds everything may be missing as well.
            if let Some(schema) = known.existing.missing_schema.take() {
                connection.execute_ddl(&format!("CREATE SCHEMA {}", crate::sql::quoted(&schema)))?;
            }
            let first = history::entry(0, "what was there".into(), &known.model, &[], Vec::new());
            connection.execute_ddl(&history.create())?;
            connection.execute_ddl(&history.insert(&first))?;
            known.entries.push(first);
        }
        let half = known.entries.last().map(|last| last.state);
        let leaving = half == Some(State::Leaving);
        if leaving || (half == Some(State::Running) && matches!(goal, Goal::To(_))) {
            if let Some(last) = known.entries.last() {
                self.go_on(connection, history, last, progress)?;
            }
            if leaving && matches!(goal, Goal::Back(_)) {
                return Ok(known.entries.last().map(|last| Plan {
                    number: last.number,
                    name: last.name.clone(),
                    steps: last.statements.iter().cloned().map(Step::Run).collect(),
                    ..Plan::default()
                }));
            }
            known = survey(connection, self.how, target)?;
        }
        let plan = plan(connection, self.how, &known, goal, self.options)?;
        if !plan.faults.is_empty() {
            return Err(Error::invalid(plan.faults));
        }
        let statements: Vec<String> = plan.statements().map(str::to_owned).collect();
        let mut entry = match goal {
            Goal::To(_) if plan.changes.is_empty() => return Ok(None),
            Goal::To(target) => history::entry(plan.number, plan.name.clone(), target, &plan.changes, statements),
            Goal::Back(_) => {
                let last = known.entries.last().cloned();
                let last = last.ok_or_else(|| Error::internal("a history lost its last entry"))?;
                Entry { statements, ..last }
            }
        };
        let back = matches!(goal, Goal::Back(_));
        if self.how == Lowering::Document {
            (entry.state, entry.done) = (if back { State::Leaving } else { State::Running }, 0);
            connection.execute_ddl(&match back {
                true => history.progress(entry.number, State::Leaving, 0, Some(&entry.statements)),
                false => history.insert(&entry),
            })?;
            self.go_on(connection, history, &entry, progress)?;
            return Ok(Some(plan));
        }
        let of = entry.statements.len();
        let mut done = 0;
        let checked = plan.steps.iter().take_while(|step| matches!(step, Step::Check { .. })).count();
        for step in &plan.steps[checked..] {
            match step {
                Step::Run(text) => {
                    progress(done, of, text);
                    connection.execute_ddl(text)?;
                    done += 1;
                }
                Step::Check { ask, message } => {
                    if let Some(found) = connection.ask(ask)?.first() {
                        return Err(Error::validation("rows", format!("{message}{}", described(found))));
                    }
                }
            }
        }
        progress(of, of, "");
        connection.execute_ddl(&if back { history.remove(entry.number) } else { history.insert(&entry) })?;
        Ok(Some(plan))
    }

    /// The rest of what was written down.
    fn go_on(
        &self,
        connection: &mut dyn Connection,
        history: History,
        entry: &Entry,
        progress: &mut Progress<'_>,
    ) -> Result<()> {
        let of = entry.statements.len();
        for (done, text) in entry.statements.iter().enumerate().skip(entry.done) {
            if (self.lost)() {
                return Err(Error::database(
                    "the lease was lost: another migration may have gone on with this one",
                    "",
                ));
            }
            progress(done, of, text);
            connection.execute_ddl(text)?;
            connection.execute_ddl(&history.progress(entry.number, entry.state, done + 1, None))?;
        }
        progress(of, of, "");
        connection.execute_ddl(&match entry.state {
            State::Leaving => history.remove(entry.number),
            State::Running | State::Applied => history.progress(entry.number, State::Applied, of, None),
        })
    }
}

/// The first of what was found, in words.
fn described(found: &Map) -> String {
    let pairs = found.iter().map(|(name, value)| match value {
        Value::Text(text) => format!("{name} {text}"),
        other => format!("{name} {}", crate::value::json::to_wire(other)),
    });
    format!(" ({})", pairs.collect::<Vec<_>>().join(", "))
}
