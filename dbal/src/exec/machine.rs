//! A plan being run, without IO: says what to do next and is told how it went. One machine serves every loop.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::error::{Error, ErrorKind, Reason, Result};
use crate::exec::sink::{Buffer, Feed, Feeds, assemble, page_of, paired, pick, tell};
use crate::plan::operation::{Lowered, Plan, Role, Step};
use crate::query::ast::{Literal, Operand, Seek, Select, Shape, Statement};
use crate::query::cursor::Seal;
use crate::query::paging::Paging;
use crate::row::{Columns, RowSink};
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows given to the sink, or rows written.
    pub rows: u64,
    /// The count, or the total of a page.
    pub total: Option<i64>,
    /// Whether rows follow this page.
    pub has_more: bool,
    /// For a page by cursor, where rows follow: what to give as `after` to get them.
    pub next_cursor: Option<String>,
    /// For a page by cursor, where rows come before: what to give as `before` to get them.
    pub prev_cursor: Option<String>,
}

/// A plan and the values of its parameters by id.
pub type Bound = (Arc<Plan>, Vec<Value>);

/// What is done with one row of a request that writes row by row.
#[derive(Clone, Debug)]
pub struct Run {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The values of its parameters.
    pub params: Vec<Value>,
    /// What runs instead when the plan finds no row.
    pub otherwise: Option<Bound>,
}

/// Places of steps in a plan.
pub type Steps = SmallVec<[usize; 8]>;

/// Rows that wait for their turn.
#[derive(Clone, Debug)]
struct Rows {
    waiting: std::vec::IntoIter<Run>,
    /// Which row of the input is being written; none when the input is one row.
    index: Option<usize>,
    /// Rows written before this one.
    before: u64,
}

/// How many rows are inserted by one statement at most: when one is refused, so many are given again one by one.
const MOST_ALIKE: usize = 1_000;

/// How often a row may be made by somebody else while this side looks for it and then makes it.
const MOST_LOST: u8 = 3;

/// A plan being run, or several in a row. It is moved a few times for each request: what few requests have is boxed.
#[derive(Clone, Debug)]
pub struct Machine {
    plan: Arc<Plan>,
    params: Vec<Value>,
    rows: Option<Box<Rows>>,
    otherwise: Option<Box<Bound>>,
    /// What `otherwise` ran instead of, for when that makes no row because somebody else has made it.
    instead_of: Option<Box<Bound>>,
    /// How often that has happened to this row.
    lost: u8,
    shape: Shape,
    atomic: bool,
    writes: bool,
    /// The columns that the sink was told.
    told: Option<Arc<Columns>>,
    /// Rows are counted and not given.
    quiet: bool,
    paging: Option<Paging>,
    /// Seals the cursors of a page that was asked for by cursor.
    seal: Option<Box<Seal>>,
    stage: Stage,
    /// Steps that ran together with an earlier one.
    ahead: Vec<usize>,
    /// One for each step, when rows have to be kept to be joined with others.
    buffers: Vec<Buffer>,
    summary: Summary,
    /// The first reference whose row is not there for the caller.
    refused: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Start,
    Step(usize),
    Commit,
    Done,
}

impl Machine {
    /// A machine for one run. `params` are the values of the plan's parameters by id.
    pub fn new(plan: Arc<Plan>, params: Vec<Value>, paging: Option<Paging>) -> Self {
        Machine::sealing(plan, params, paging, None)
    }

    /// The same with what seals the cursors of its page.
    pub fn sealing(plan: Arc<Plan>, params: Vec<Value>, paging: Option<Paging>, seal: Option<Box<Seal>>) -> Self {
        let joins = plan.steps.iter().any(|step| matches!(step.role, Role::Children { .. }));
        let kept = joins || seek(plan.shape).is_some();
        let buffers = if kept { plan.steps.iter().map(|_| Buffer::default()).collect() } else { Vec::new() };
        let (shape, atomic, writes) = (plan.shape, plan.atomic, plan.writes);
        let quiet = shape == Shape::Affected;
        Machine {
            plan,
            params,
            rows: None,
            otherwise: None,
            instead_of: None,
            lost: 0,
            shape,
            atomic,
            writes,
            told: None,
            quiet,
            paging,
            seal,
            stage: Stage::Start,
            ahead: Vec::new(),
            buffers,
            summary: Summary::default(),
            refused: None,
        }
    }

    /// A machine that writes row by row, all or none of them, and answers in this shape.
    pub fn of_rows(runs: Vec<Run>, shape: Shape, entity: &Arc<str>) -> Self {
        let atomic = runs.len() > 1 || runs.iter().any(|run| run.otherwise.is_some() || run.plan.atomic);
        let mut waiting = runs.into_iter();
        let mut machine = match waiting.next() {
            Some(Run { plan, params, otherwise }) => {
                let otherwise = otherwise.map(Box::new);
                Machine { otherwise, ..Machine::new(plan, params, None) }
            }
            None => Machine::new(Arc::new(Plan::nothing(entity)), Vec::new(), None),
        };
        machine.rows = Some(Box::new(Rows { waiting, index: (shape != Shape::One).then_some(0), before: 0 }));
        machine.writes = true;
        (machine.shape, machine.atomic, machine.quiet) = (shape, atomic, shape == Shape::Affected);
        machine
    }

    /// The same inside a transaction that rolls back as a whole when it fails: nothing is begun for it.
    pub fn joined(mut self) -> Self {
        self.atomic = false;
        self
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether one statement outside a transaction is all of it. Most requests are that, and need no loop.
    pub fn is_lone(&self) -> bool {
        let lone = matches!(self.plan.steps.as_slice(), [only] if matches!(only.role, Role::Root(_)));
        lone && !self.atomic && self.rows.is_none() && self.buffers.is_empty() && !self.skips(0)
    }

    /// What to do next.
    pub fn step(&mut self) -> Action {
        let ended = matches!(self.stage, Stage::Step(index) if index >= self.plan.steps.len());
        if ended && self.next_row() {
            return self.step();
        }
        match self.stage {
            Stage::Start => {
                self.stage = Stage::Step(0);
                if self.atomic { Action::Begin } else { self.step() }
            }
            Stage::Step(index) if index < self.plan.steps.len() => {
                if self.ahead.contains(&index) || self.skips(index) {
                    self.stage = Stage::Step(index + 1);
                    return self.step();
                }
                self.bind_parents(index);
                Action::Run(index)
            }
            Stage::Step(_) if self.atomic => {
                self.stage = Stage::Commit;
                Action::Commit
            }
            Stage::Step(_) | Stage::Commit | Stage::Done => {
                self.stage = Stage::Done;
                Action::Done
            }
        }
    }

    /// The step that is next, and those after it that can run at the same time: they read, and need no rows that are
    /// not there yet. A total is among them, where the page will say whether it was needed.
    pub fn together(&mut self, index: usize) -> Steps {
        let mut steps = Steps::from_slice(&[index]);
        let reads = matches!(self.plan.query.statement, Statement::Select(_));
        if self.plan.steps.len() == 1 || !reads || matches!(self.plan.steps[index].role, Role::Versioned) {
            return steps;
        }
        for later in index + 1..self.plan.steps.len() {
            let has_run = |step: usize| {
                let step = match self.plan.steps[step].statement {
                    Lowered::With(carrier) => carrier,
                    _ => step,
                };
                step < index || self.ahead.contains(&step)
            };
            let ready = !has_run(later)
                && match &self.plan.steps[later].role {
                    Role::Children { parent, .. } => has_run(*parent) && !self.skips(later),
                    // One that comes in the rows is only asked for by itself where there were none.
                    Role::Total if self.plan.steps[self.plan.root()].total.is_some() => false,
                    Role::Total => index == self.plan.root() || !self.skips(later),
                    Role::Root(_) | Role::Versioned | Role::Parent { .. } | Role::Effect => false,
                };
            if ready {
                self.bind_parents(later);
                steps.push(later);
            }
        }
        steps
    }

    /// The step to run, its parameters, and the sink for its rows. `out` is where rows of the result end up.
    pub fn feed<'m, S: RowSink + ?Sized>(
        &'m mut self,
        index: usize,
        out: &'m mut S,
    ) -> (&'m Step, &'m [Value], Feed<'m, S>) {
        let (steps, params, feeds) = self.feeds(out);
        (&steps[index], params, feeds.into_feed(index))
    }

    /// The same for steps that run together.
    pub fn feeds<'m, S: RowSink + ?Sized>(&'m mut self, out: &'m mut S) -> (&'m [Step], &'m [Value], Feeds<'m, S>) {
        let Machine { plan, params, paging, quiet, buffers, summary, told, .. } = self;
        let json_text = out.takes_json_text();
        buffers.iter_mut().for_each(|buffer| buffer.json_text = json_text);
        let feeds = Feeds { plan, params, paging: *paging, quiet: *quiet, buffers, summary, told, out };
        (&plan.steps, params, feeds)
    }

    /// Tells that the step just run read or wrote `count` rows.
    ///
    /// # Errors
    /// NOT_FOUND where a row had to be there; the loop then rolls back.
    pub fn resume(&mut self, index: usize, count: u64, out: &mut (impl RowSink + ?Sized)) -> Result<()> {
        if count == 0 && !self.plan.unless.is_empty() && self.makes_row(index) {
            return self.go_back();
        }
        match (self.resumed(index, count, out), self.otherwise.take()) {
            (Err(error), Some(create)) if error.kind() == ErrorKind::NotFound => {
                self.instead_of = Some(Box::new(self.exchange(*create)));
                Ok(())
            }
            (done, otherwise) => {
                self.otherwise = otherwise;
                done
            }
        }
    }

    /// Tells that steps which ran together read so many rows each.
    ///
    /// # Errors
    /// As [`Machine::resume`].
    pub fn resume_together(
        &mut self,
        steps: &[usize],
        counts: &[u64],
        out: &mut (impl RowSink + ?Sized),
    ) -> Result<()> {
        let Some((first, others)) = steps.split_first() else { return Ok(()) };
        for (step, count) in steps.iter().zip(counts) {
            self.resume(*step, *count, out)?;
        }
        self.ahead.extend_from_slice(others);
        self.stage = Stage::Step(first + 1);
        Ok(())
    }

    /// The step that is next and the values of the rows that it inserts, where one statement can insert this row of the
    /// input and some that come after it.
    pub fn alike(&self, index: usize) -> Option<(&Step, Vec<&[Value]>)> {
        let waiting = self.rows.as_ref()?.waiting.as_slice();
        let [step] = self.plan.steps.as_slice() else { return None };
        // The row is known before it is there: nothing is read back, checked or looked at again.
        if index != 0 || !self.makes_row(0) || !step.cells.is_empty() || !self.plan.unless.is_empty() {
            return None;
        }
        let same = |run: &&Run| Arc::ptr_eq(&run.plan, &self.plan) && run.otherwise.is_none();
        let same = waiting.iter().take(MOST_ALIKE - 1).take_while(same).map(|run| run.params.as_slice());
        let rows: Vec<&[Value]> = std::iter::once(self.params.as_slice()).chain(same).collect();
        (self.otherwise.is_none() && rows.len() > 1).then_some((step, rows))
    }

    /// Tells that so many rows were inserted by one statement.
    ///
    /// # Errors
    /// As [`Machine::resume`].
    pub fn resume_alike(&mut self, count: u64, out: &mut (impl RowSink + ?Sized)) -> Result<()> {
        for row in 0..count {
            if row > 0 && !self.next_row() {
                return Err(Error::internal("more rows were inserted than were given"));
            }
            self.resume(0, 1, out)?;
        }
        Ok(())
    }

    fn makes_row(&self, index: usize) -> bool {
        matches!(&self.plan.steps[index].role, Role::Root(output) if output.sources.is_some())
    }

    /// Somebody made the row between the update that found none and this create: the update is tried again. When it
    /// does not find the row either, the caller may not see it, and all that can be said is that it is there.
    fn go_back(&mut self) -> Result<()> {
        self.lost += 1;
        match self.instead_of.take() {
            Some(update) if self.lost <= MOST_LOST => {
                self.otherwise = Some(Box::new(self.exchange(*update)));
                Ok(())
            }
            _ => {
                let fields: Vec<&str> = self.plan.unless.iter().map(String::as_str).collect();
                let message = format!("another {} has the same {}", self.plan.name, fields.join(", "));
                Err(Error::conflict(Reason::Unique, &fields, message).with_entity(&self.plan.name))
            }
        }
    }

    /// Goes on with another plan, and gives the one so far.
    fn exchange(&mut self, (plan, params): Bound) -> Bound {
        let so_far = (self.plan.clone(), std::mem::take(&mut self.params));
        self.start(plan, params);
        so_far
    }

    fn resumed(&mut self, index: usize, count: u64, out: &mut (impl RowSink + ?Sized)) -> Result<()> {
        self.stage = Stage::Step(index + 1);
        let plan = &self.plan;
        match &plan.steps[index].role {
            Role::Effect => self.summary.rows += count,
            Role::Parent { field, .. } => {
                if self.summary.total.take() == Some(0) {
                    self.refused.get_or_insert_with(|| field.clone());
                }
                return Ok(());
            }
            Role::Root(output) if self.buffers.is_empty() => {
                if let (Some(sources), 0) = (&output.sources, plan.steps[index].cells.len()) {
                    // An insert that reads nothing back gives no row of its own.
                    if !self.quiet {
                        tell(&mut self.told, &output.columns, out)?;
                        let cells: SmallVec<[ValueRef<'_>; 16]> = pick(sources, &[], &self.params).collect();
                        out.row(&cells)?;
                    }
                    self.summary.rows += count;
                }
            }
            Role::Versioned if self.summary.total.is_some_and(|rows| rows > 0) => {
                let message = "the row has another version than if_version says";
                return Err(Error::conflict(Reason::Version, &[], message));
            }
            Role::Versioned => return Err(Error::not_found(&self.plan.name)),
            Role::Root(_) | Role::Children { .. } | Role::Total => {}
        }
        let root = plan.root();
        let asks_for_version = plan.steps.get(root + 1).is_some_and(|next| matches!(next.role, Role::Versioned));
        if index == root && !asks_for_version {
            self.found()?;
        }
        if index == root && self.found_rows() > 0 {
            // Only now, so that a row that is not there is NOT_FOUND, whatever it would have referred to.
            self.refused.as_deref().map_or(Ok(()), |field| Err(no_parent(field)))?;
        }
        Ok(())
    }

    /// Gives the rows that were kept to be joined.
    ///
    /// # Errors
    /// What the sink says; VALIDATION_ERROR when more rows were found than a bound caller may have.
    pub fn finish(&mut self, out: &mut (impl RowSink + ?Sized)) -> Result<Summary> {
        self.turn()?;
        if !self.buffers.is_empty() {
            let (limit, cap) = match (self.plan.shape, self.paging) {
                (Shape::Page { total: false, .. }, Some(paging)) => (u64::try_from(paging.limit).ok(), None),
                (Shape::Rows { cap }, _) => (None, cap),
                _ => (None, None),
            };
            let kept = std::mem::take(&mut self.buffers);
            assemble(&self.plan, kept, limit, cap, &mut self.summary, out)?;
        }
        if let (Shape::Page { total: true, seek }, Some(paging)) = (self.plan.shape, self.paging) {
            let rows = i64::try_from(self.summary.rows).unwrap_or(i64::MAX);
            let total = *self.summary.total.get_or_insert(paging.offset.saturating_add(rows));
            if seek.is_none() {
                self.summary.has_more = paging.offset.saturating_add(rows) < total;
            }
            if rows == 0 && paging.limit > 0 && seek.is_none() && self.summary.has_more {
                // It was counted after the page was read, and somebody made rows in between.
                (self.summary.total, self.summary.has_more) = (Some(paging.offset), false);
            }
        }
        Ok(std::mem::take(&mut self.summary))
    }

    /// Whether all that it does is to read rows and join them with others: such rows can be joined a batch at a time.
    pub fn only_joins(&self) -> bool {
        let related = self.plan.steps.iter().skip(1).all(|step| matches!(step.role, Role::Children { .. }));
        let apart = self.plan.steps.first().is_some_and(|first| first.mark.is_none());
        matches!(self.plan.shape, Shape::Rows { .. }) && self.plan.steps.len() > 1 && apart && related
    }

    /// The plan and the values of its parameters, for a loop that reads the rows of the first step itself.
    pub fn bound(&self) -> Bound {
        (self.plan.clone(), self.params.clone())
    }

    /// Keeps a row of the first step; says how many are kept.
    pub fn keep(&mut self, cells: &[ValueRef<'_>]) -> usize {
        let plan = self.plan.clone();
        let (buffers, step) = (&mut self.buffers, &plan.steps[0]);
        buffers[0].keep(&cells[..step.own_columns()]);
        for joined in step.joined.iter().filter(|joined| joined.is_in(cells)) {
            buffers[joined.step].keep(&cells[joined.columns.clone()]);
        }
        self.buffers[0].rows.len()
    }

    /// Makes ready to read the related rows of a step for the rows that are kept; false when there are none to read.
    pub fn descend(&mut self, index: usize) -> bool {
        let wanted = !self.skips(index);
        if wanted {
            self.bind_parents(index);
        }
        wanted
    }

    /// Gives the rows that are kept, joined, and keeps none of them.
    ///
    /// # Errors
    /// As [`Machine::finish`].
    pub fn join(&mut self, out: &mut (impl RowSink + ?Sized)) -> Result<()> {
        let cap = match self.plan.shape {
            Shape::Rows { cap } => cap,
            _ => None,
        };
        let kept = self.buffers.iter_mut().map(std::mem::take).collect();
        assemble(&self.plan, kept, None, cap, &mut self.summary, out)
    }

    /// What the caller gets.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Whether anything is written.
    pub fn writes(&self) -> bool {
        self.writes
    }

    /// An error of the step under way, with the row of the input that it is about.
    pub fn blamed(&self, error: Error) -> Error {
        // Whatever else is wrong with the write: a hidden row must not make another answer than a missing one.
        let error = match (&self.refused, error.kind(), error.reason()) {
            (_, _, Some(Reason::Serialization | Reason::Aborted)) => error,
            (Some(field), ErrorKind::Conflict | ErrorKind::Forbidden | ErrorKind::ValidationError, _) => {
                no_parent(field)
            }
            _ => error,
        };
        match self.rows.as_ref().and_then(|rows| rows.index) {
            Some(index) => error.of_row(index),
            None => error,
        }
    }

    /// Whether it reads in no transaction, so with statements that need not see the same moment: most often with one.
    pub fn is_brief(&self) -> bool {
        !self.plan.steps.is_empty() && !self.writes() && !self.is_atomic()
    }

    /// Whether all that runs is in one transaction.
    pub fn is_atomic(&self) -> bool {
        self.atomic
    }

    /// The different plans that it would run.
    pub fn into_plans(self) -> Vec<Arc<Plan>> {
        let waiting = self.rows.into_iter().flat_map(|rows| rows.waiting);
        let both = |plan, otherwise: Option<Bound>| [Some(plan), otherwise.map(|(plan, _)| plan)];
        let all = std::iter::once(both(self.plan, self.otherwise.map(|bound| *bound)));
        let mut plans: Vec<Arc<Plan>> = Vec::new();
        for plan in all.chain(waiting.map(|run| both(run.plan, run.otherwise))).flatten().flatten() {
            if !plan.steps.is_empty() && !plans.iter().any(|known| Arc::ptr_eq(known, &plan)) {
                plans.push(plan);
            }
        }
        plans
    }

    /// Goes on with the next row; false when there is none.
    fn next_row(&mut self) -> bool {
        let Some(rows) = self.rows.as_deref_mut() else { return false };
        let Some(Run { plan, params, otherwise }) = rows.waiting.next() else { return false };
        rows.index = rows.index.map(|index| index + 1);
        rows.before = self.summary.rows;
        (self.otherwise, self.instead_of, self.lost) = (otherwise.map(Box::new), None, 0);
        self.start(plan, params);
        true
    }

    fn start(&mut self, plan: Arc<Plan>, params: Vec<Value>) {
        (self.plan, self.params, self.stage) = (plan, params, Stage::Step(0));
        self.summary.total = None;
        self.refused = None;
        self.ahead.clear();
    }

    /// Rows read or written for the row of the input that is being written.
    fn found_rows(&self) -> u64 {
        self.summary.rows - self.rows.as_ref().map_or(0, |rows| rows.before)
    }

    /// Cuts the rows of a page by cursor to the page, puts them in the order asked for, and seals its cursors.
    fn turn(&mut self) -> Result<()> {
        let (Some(seek), Some(paging)) = (seek(self.plan.shape), self.paging) else { return Ok(()) };
        let rows = &mut self.buffers[0].rows;
        let limit = usize::try_from(paging.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        if seek.backwards {
            for index in (1..self.plan.steps.len()).filter(|index| paired(&self.plan, *index)) {
                self.buffers[index].rows.truncate(limit);
                self.buffers[index].rows.reverse();
            }
        }
        let rows = &mut self.buffers[0].rows;
        // On the side it was asked from, there are rows at least where the cursor's row was.
        let (before, after) = match seek.backwards {
            true => (more, seek.placed && !rows.is_empty()),
            false => (seek.placed && !rows.is_empty(), more),
        };
        if seek.backwards {
            rows.reverse();
        }
        self.summary.has_more = after;
        if let (Some(seal), Some(first), Some(last), Statement::Select(select)) =
            (&self.seal, rows.first(), rows.last(), &self.plan.query.statement)
        {
            let positions = select.key_positions();
            let keys = |row: &[Value]| positions.iter().map(|at| row[*at].clone()).collect::<Vec<Value>>();
            self.summary.prev_cursor = before.then(|| seal.seal(0, &keys(first))).transpose()?;
            self.summary.next_cursor = after.then(|| seal.seal(1, &keys(last))).transpose()?;
        }
        Ok(())
    }

    /// Which page was asked for.
    pub fn paging(&self) -> Option<Paging> {
        self.paging
    }

    /// Tells the sink how the first row's columns are called; nothing where no rows are given.
    ///
    /// # Errors
    /// What the sink says.
    pub fn announce(&mut self, out: &mut (impl RowSink + ?Sized)) -> Result<()> {
        match self.plan.steps.get(self.plan.root()).map(|step| &step.role) {
            Some(Role::Root(output)) if !self.quiet => tell(&mut self.told, &output.columns, out),
            _ => Ok(()),
        }
    }

    fn found(&self) -> Result<()> {
        let kept = self.buffers.first().map_or(0, |buffer| buffer.rows.len() as u64);
        match self.plan.shape {
            Shape::One | Shape::Done if self.found_rows() + kept == 0 => Err(Error::not_found(&self.plan.name)),
            _ => Ok(()),
        }
    }

    /// A limit of 0 asks for no rows; a total is known without counting when the page was not full; children need
    /// parents.
    fn skips(&self, index: usize) -> bool {
        let step = &self.plan.steps[index];
        match &step.role {
            _ if matches!(step.statement, Lowered::With(_)) => true,
            Role::Root(_) => matches!(
                &self.plan.query.statement,
                Statement::Select(Select { limit: Some(Operand::Const(Literal::Int(0))), .. })
            ),
            Role::Total if index > 0 && self.summary.total.is_some() => true,
            Role::Total if index > 0 => {
                let rows = self.buffers.first().map_or(self.summary.rows, |buffer| buffer.rows.len() as u64);
                let rows = i64::try_from(rows).unwrap_or(i64::MAX);
                let placed = seek(self.plan.shape).is_some_and(|seek| seek.placed);
                !placed && self.paging.is_some_and(|paging| rows < paging.limit && (rows > 0 || paging.offset == 0))
            }
            Role::Versioned => self.found_rows() > 0,
            Role::Parent { itself: Some((value, own)), .. } => {
                self.params[usize::from(value.0)] == self.params[usize::from(own.0)]
            }
            Role::Children { parent, .. } => self.buffers[*parent].rows.is_empty(),
            _ => false,
        }
    }

    fn bind_parents(&mut self, index: usize) {
        if let Role::Children { parent, parent_column, parents, .. } = &self.plan.steps[index].role {
            let first = page_of(&self.plan, self.paging, *parent);
            let keys = self.buffers[*parent].distinct(*parent_column, first);
            self.params[usize::from(parents.0)] = Value::List(keys);
        }
    }
}

/// The conflict of a reference that leads to no row.
fn no_parent(field: &str) -> Error {
    Error::conflict(Reason::ForeignKey, &[field], "it would refer to a row that does not exist")
}

/// How a page by cursor is read; none for everything else.
fn seek(shape: Shape) -> Option<Seek> {
    match shape {
        Shape::Page { seek, .. } => seek,
        Shape::One | Shape::Maybe | Shape::Rows { .. } | Shape::Count | Shape::Affected | Shape::Done => None,
        Shape::Values { .. } | Shape::Group | Shape::Groups { .. } => None,
    }
}
