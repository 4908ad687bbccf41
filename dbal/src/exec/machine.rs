//! A plan being run, without IO: says what to do next and is told how it went. One machine serves every loop.

use std::sync::Arc;

use crate::error::{Error, Reason, Result};
use crate::exec::sink::{Buffer, Feed, Root, assemble};
use crate::plan::operation::{Plan, Role, Step};
use crate::query::ast::Shape;
use crate::query::paging::Paging;
use crate::row::RowSink;
use crate::value::{Value, ValueRef};

/// What the loop does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a transaction, or set a savepoint inside one.
    Begin,
    /// Run this step of the plan, with [`Machine::feed`].
    Run(usize),
    /// Commit, or release the savepoint.
    Commit,
    /// Call [`Machine::finish`].
    Done,
}

/// What a finished request says beside its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows given to the sink, or rows written.
    pub rows: u64,
    /// The count, or the total of a page.
    pub total: Option<i64>,
    /// Whether rows follow this page.
    pub has_more: bool,
}

/// A plan being run.
#[derive(Debug)]
pub struct Machine {
    plan: Arc<Plan>,
    params: Vec<Value>,
    paging: Option<Paging>,
    entity: Arc<str>,
    stage: Stage,
    /// One for each step, when rows have to be kept to be joined with others.
    buffers: Vec<Buffer>,
    summary: Summary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Start,
    Step(usize),
    Commit,
    Done,
}

impl Machine {
    /// A machine for one run. `params` are the values of the plan's parameters by id; `entity` names it in errors.
    pub fn new(plan: Arc<Plan>, params: Vec<Value>, paging: Option<Paging>, entity: Arc<str>) -> Self {
        let joins = plan.steps.iter().any(|step| matches!(step.role, Role::Children { .. }));
        let buffers = if joins { plan.steps.iter().map(|_| Buffer::default()).collect() } else { Vec::new() };
        Machine { plan, params, paging, entity, stage: Stage::Start, buffers, summary: Summary::default() }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What to do next.
    pub fn step(&mut self) -> Action {
        match self.stage {
            Stage::Start => {
                self.stage = Stage::Step(0);
                if self.plan.atomic { Action::Begin } else { self.step() }
            }
            Stage::Step(index) if index < self.plan.steps.len() => {
                if self.skips(index) {
                    self.stage = Stage::Step(index + 1);
                    return self.step();
                }
                self.bind_parents(index);
                Action::Run(index)
            }
            Stage::Step(_) if self.plan.atomic => {
                self.stage = Stage::Commit;
                Action::Commit
            }
            Stage::Step(_) | Stage::Commit | Stage::Done => {
                self.stage = Stage::Done;
                Action::Done
            }
        }
    }

    /// The step to run, its parameters, and the sink for its rows. `out` is where rows of the result end up.
    pub fn feed<'m, S: RowSink + ?Sized>(
        &'m mut self,
        index: usize,
        out: &'m mut S,
    ) -> (&'m Step, &'m [Value], Feed<'m, S>) {
        let step = &self.plan.steps[index];
        let feed = match &step.role {
            _ if !self.buffers.is_empty() && !matches!(step.role, Role::Total | Role::Versioned | Role::Effect) => {
                Feed::Buffer(&mut self.buffers[index])
            }
            Role::Root(output) => {
                let (limit, cap) = match (self.plan.shape, self.paging) {
                    (Shape::Page { total: false }, Some(paging)) => (u64::try_from(paging.limit).ok(), None),
                    (Shape::Rows { cap }, _) => (None, cap),
                    _ => (None, None),
                };
                let summary = &mut self.summary;
                Feed::Root(Root { out, output, params: &self.params, summary, limit, cap })
            }
            Role::Children { .. } | Role::Effect => Feed::None,
            Role::Total | Role::Versioned => Feed::Total(&mut self.summary.total),
        };
        (step, &self.params, feed)
    }

    /// Tells that the step just run read or wrote `count` rows.
    ///
    /// # Errors
    /// NOT_FOUND where a row had to be there; the loop then rolls back.
    pub fn resume(&mut self, index: usize, count: u64, out: &mut (impl RowSink + ?Sized)) -> Result<()> {
        self.stage = Stage::Step(index + 1);
        let plan = &self.plan;
        match &plan.steps[index].role {
            Role::Effect => self.summary.rows = count,
            Role::Root(output) if self.buffers.is_empty() => {
                if let (Some(sources), 0) = (&output.sources, plan.steps[index].cells.len()) {
                    // An insert that reads nothing back gives no row of its own.
                    let cells: Vec<ValueRef<'_>> = crate::exec::sink::pick(sources, &[], &self.params).collect();
                    out.row(&cells)?;
                    self.summary.rows = count;
                }
            }
            Role::Versioned if self.summary.total.is_some_and(|rows| rows > 0) => {
                let message = "the row has another version than if_version says";
                return Err(Error::conflict(Reason::Version, &[], message));
            }
            Role::Versioned => return Err(Error::not_found(&self.entity)),
            Role::Root(_) | Role::Children { .. } | Role::Total => {}
        }
        let asks_for_version = plan.steps.get(1).is_some_and(|next| matches!(next.role, Role::Versioned));
        if index == 0 && !asks_for_version {
            self.found()?;
        }
        Ok(())
    }

    /// Gives the rows that were kept to be joined.
    ///
    /// # Errors
    /// What the sink says; VALIDATION_ERROR when more rows were found than a bound caller may have.
    pub fn finish(mut self, out: &mut (impl RowSink + ?Sized)) -> Result<Summary> {
        if !self.buffers.is_empty() {
            let (limit, cap) = match (self.plan.shape, self.paging) {
                (Shape::Page { total: false }, Some(paging)) => (u64::try_from(paging.limit).ok(), None),
                (Shape::Rows { cap }, _) => (None, cap),
                _ => (None, None),
            };
            let kept = std::mem::take(&mut self.buffers);
            assemble(&self.plan, kept, limit, cap, &mut self.summary, out)?;
        }
        if let (Shape::Page { total: true }, Some(paging)) = (self.plan.shape, self.paging) {
            let rows = i64::try_from(self.summary.rows).unwrap_or(i64::MAX);
            let total = *self.summary.total.get_or_insert(paging.offset.saturating_add(rows));
            self.summary.has_more = paging.offset.saturating_add(rows) < total;
        }
        Ok(self.summary)
    }

    /// Which page was asked for.
    pub fn paging(&self) -> Option<Paging> {
        self.paging
    }

    /// How the result's columns are called; none for counts and deletes.
    pub fn columns(&self) -> Option<&Arc<crate::row::Columns>> {
        match &self.plan.steps.first()?.role {
            Role::Root(output) => Some(&output.columns),
            _ => None,
        }
    }

    fn found(&self) -> Result<()> {
        let kept = self.buffers.first().map_or(0, |buffer| buffer.rows.len() as u64);
        match self.plan.shape {
            Shape::One | Shape::Done if self.summary.rows + kept == 0 => Err(Error::not_found(&self.entity)),
            _ => Ok(()),
        }
    }

    /// A total is known without counting when the page was not full; children need parents.
    fn skips(&self, index: usize) -> bool {
        match &self.plan.steps[index].role {
            Role::Total if index > 0 => {
                let rows = self.buffers.first().map_or(self.summary.rows, |buffer| buffer.rows.len() as u64);
                let rows = i64::try_from(rows).unwrap_or(i64::MAX);
                self.paging.is_some_and(|paging| rows < paging.limit && (rows > 0 || paging.offset == 0))
            }
            Role::Versioned => self.summary.rows > 0,
            Role::Children { parent, .. } => self.buffers[*parent].rows.is_empty(),
            _ => false,
        }
    }

    fn bind_parents(&mut self, index: usize) {
        if let Role::Children { parent, parent_column, parents, .. } = &self.plan.steps[index].role {
            let keys = self.buffers[*parent].distinct(*parent_column);
            self.params[usize::from(parents.0)] = Value::List(keys);
        }
    }
}
