//! Where a step's rows go: straight to the caller, or kept until the rows related to them are there.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::quality::RandomState;
use smallvec::{SmallVec, smallvec};

use crate::error::{Error, Result};
use crate::exec::machine::Summary;
use crate::plan::operation::{Lowered, Output, Plan, Role, Source, Step};
use crate::query::ast::{Most, Shape};
use crate::query::paging::Paging;
use crate::row::{Columns, Record, RowSink};
use crate::value::{Value, ValueRef};

/// The sink of one step.
#[allow(missing_debug_implementations, reason = "the caller's sink has none")]
pub enum Feed<'m, S: ?Sized> {
    /// To the caller.
    Root(Root<'m, S>),
    /// Kept, and no more than these.
    Buffer(&'m mut Buffer, Option<&'m Most>),
    /// Kept, with what else is in the same rows.
    Joined(Together<'m>),
    /// One integer.
    Total(&'m mut Option<i64>),
    /// No rows are expected.
    None,
}

impl<S: RowSink + ?Sized> RowSink for Feed<'_, S> {
    fn start(&mut self, _columns: &Arc<Columns>) -> Result<()> {
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        match self {
            Feed::Root(root) => root.row(cells),
            Feed::Buffer(buffer, most) => {
                buffer.room(*most)?;
                buffer.keep(cells);
                Ok(())
            }
            Feed::Joined(together) => together.keep(cells),
            Feed::Total(total) => match cells.first() {
                Some(ValueRef::Int(count)) => {
                    **total = Some(*count);
                    Ok(())
                }
                _ => Err(Error::internal("a count gave no integer")),
            },
            Feed::None => Err(Error::internal("a step without rows gave one")),
        }
    }

    fn own_row(&mut self, values: Vec<Value>) -> Result<()> {
        match self {
            Feed::Root(root) if root.is_plain() => root.own_row(values),
            Feed::Buffer(buffer, most) => {
                buffer.room(*most)?;
                buffer.rows.push(values);
                Ok(())
            }
            _ => {
                let cells: SmallVec<[ValueRef<'_>; 16]> = values.iter().map(Value::as_ref).collect();
                self.row(&cells)
            }
        }
    }
}

/// The sinks of steps that run together.
#[allow(missing_debug_implementations, reason = "the caller's sink has none")]
pub struct Feeds<'m, S: ?Sized> {
    pub(super) plan: &'m Plan,
    pub(super) params: &'m [Value],
    pub(super) paging: Option<Paging>,
    pub(super) quiet: bool,
    pub(super) buffers: &'m mut [Buffer],
    pub(super) summary: &'m mut Summary,
    pub(super) told: &'m mut Option<Arc<Columns>>,
    pub(super) out: &'m mut S,
}

impl<'m, S: RowSink + ?Sized> Feeds<'m, S> {
    /// Takes a row of one of the steps.
    ///
    /// # Errors
    /// What the step's sink says.
    pub fn row(&mut self, step: usize, cells: &[ValueRef<'_>]) -> Result<()> {
        let Feeds { plan, params, paging, quiet, buffers, summary, told, out } = self;
        let feeds = Feeds { plan, params, paging: *paging, quiet: *quiet, buffers, summary, told, out: &mut **out };
        feeds.into_feed(step).row(cells)
    }

    /// The sink of one step.
    pub(super) fn into_feed(self, index: usize) -> Feed<'m, S> {
        let Feeds { plan, params, paging, quiet, buffers, summary, told, out } = self;
        let role = &plan.steps[index].role;
        match role {
            _ if !buffers.is_empty()
                && !matches!(role, Role::Total | Role::Versioned | Role::Parent { .. } | Role::Effect) =>
            {
                let step = &plan.steps[index];
                if step.joined.is_empty() && step.total.is_none() {
                    return Feed::Buffer(&mut buffers[index], step.most());
                }
                let first = page_of(plan, paging, index);
                Feed::Joined(Together { buffers, index, steps: &plan.steps, first, total: &mut summary.total })
            }
            Role::Root(output) => {
                let (limit, cap) = match (plan.shape, paging) {
                    (Shape::Page { total: false, .. }, Some(paging)) => (u64::try_from(paging.limit).ok(), None),
                    (Shape::Rows { cap } | Shape::Groups { cap } | Shape::Values { cap }, _) => (None, cap),
                    _ => (None, None),
                };
                let total = plan.steps[index].total;
                Feed::Root(Root { out, output, params, summary, told, quiet, limit, cap, total })
            }
            Role::Children { .. } | Role::Effect => Feed::None,
            Role::Total | Role::Versioned | Role::Parent { .. } => Feed::Total(&mut summary.total),
        }
    }
}

/// Passes rows of the result to the caller's sink.
#[allow(missing_debug_implementations, reason = "the caller's sink has none")]
pub struct Root<'m, S: ?Sized> {
    pub(super) out: &'m mut S,
    pub(super) output: &'m Output,
    pub(super) params: &'m [Value],
    pub(super) summary: &'m mut Summary,
    /// The columns that `out` was told last; rows of one request may have different ones.
    pub(super) told: &'m mut Option<Arc<Columns>>,
    /// Rows are counted and checked, not given.
    pub(super) quiet: bool,
    /// Rows beyond it are only evidence that there are more.
    pub(super) limit: Option<u64>,
    pub(super) cap: Option<u32>,
    /// The column that says how many rows there are beyond the page.
    pub(super) total: Option<usize>,
}

impl<S: RowSink + ?Sized> Root<'_, S> {
    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        if let Some(check) = self.output.check
            && !matches!(cells.get(check), Some(ValueRef::Bool(true)))
        {
            return Err(refused());
        }
        if let Some(at) = self.total {
            self.summary.total = counted(cells, at);
        }
        if !admit(self.summary, self.limit, self.cap)? {
            return Ok(());
        }
        if self.quiet {
            return Ok(());
        }
        tell(self.told, &self.output.columns, self.out)?;
        match &self.output.sources {
            None => self.out.row(&cells[..self.output.visible]),
            Some(sources) => {
                let picked: SmallVec<[ValueRef<'_>; 16]> = pick(sources, cells, self.params).collect();
                self.out.row(&picked)
            }
        }
    }

    /// Whether rows are given as they are.
    fn is_plain(&self) -> bool {
        self.output.sources.is_none() && self.output.check.is_none() && self.total.is_none()
    }

    /// A row that may be kept as it is.
    fn own_row(&mut self, mut values: Vec<Value>) -> Result<()> {
        if !admit(self.summary, self.limit, self.cap)? || self.quiet {
            return Ok(());
        }
        tell(self.told, &self.output.columns, self.out)?;
        values.truncate(self.output.visible);
        self.out.own_row(values)
    }
}

/// Says how the columns of the next rows are called, unless they are called as those before.
pub(super) fn tell(
    told: &mut Option<Arc<Columns>>,
    columns: &Arc<Columns>,
    out: &mut (impl RowSink + ?Sized),
) -> Result<()> {
    if told.as_ref().is_some_and(|told| Arc::ptr_eq(told, columns) || told == columns) {
        return Ok(());
    }
    *told = Some(columns.clone());
    out.start(columns)
}

/// Counts a row; false when it is beyond the page.
fn admit(summary: &mut Summary, limit: Option<u64>, cap: Option<u32>) -> Result<bool> {
    if limit.is_some_and(|limit| summary.rows >= limit) {
        summary.has_more = true;
        return Ok(false);
    }
    summary.rows += 1;
    match cap {
        Some(cap) if summary.rows > u64::from(cap) => Err(Error::validation(
            "limit",
            format!("more than {cap} rows; give a limit or a narrower filter, or use list"),
        )),
        _ => Ok(true),
    }
}

fn refused() -> Error {
    Error::forbidden("the row as written is outside what the caller may write")
}

/// The visible cells of a write, from what was written and what was read back.
pub(super) fn pick<'a>(
    sources: &'a [Source],
    cells: &'a [ValueRef<'a>],
    params: &'a [Value],
) -> impl Iterator<Item = ValueRef<'a>> {
    sources.iter().map(move |source| match source {
        Source::Cell(index) => cells.get(*index).copied().unwrap_or(ValueRef::Null),
        Source::Param(id) => params[usize::from(id.0)].as_ref(),
        Source::Null => ValueRef::Null,
    })
}

/// Rows of one step, kept whole.
#[derive(Clone, Debug, Default)]
pub struct Buffer {
    /// Documents are kept as their texts.
    pub(super) json_text: bool,
    pub(super) rows: Vec<Vec<Value>>,
}

impl Buffer {
    pub(super) fn keep(&mut self, cells: &[ValueRef<'_>]) {
        let json_text = self.json_text;
        let kept = |cell: &ValueRef<'_>| match cell {
            ValueRef::Json(text) if json_text => Value::Json((*text).into()),
            cell => cell.to_value(),
        };
        self.rows.push(cells.iter().map(kept).collect());
    }

    fn room(&self, most: Option<&Most>) -> Result<()> {
        match most.filter(|most| self.rows.len() as u64 >= most.together) {
            Some(most) => Err(too_many_together(most)),
            None => Ok(()),
        }
    }

    /// The different values of a column in the first rows that are not null.
    pub(super) fn distinct(&self, column: usize, first: usize) -> Vec<Value> {
        let mut seen = HashSet::with_hasher(RandomState::default());
        let values = self.rows.iter().take(first).map(|row| &row[column]);
        values.filter(|value| Link::of(value).is_some_and(|link| seen.insert(link))).cloned().collect()
    }
}

/// How many rows of a step may be in the answer: the row beyond a page only shows that there is one.
pub(super) fn page_of(plan: &Plan, paging: Option<Paging>, index: usize) -> usize {
    let page = paging.filter(|_| index == 0 && matches!(plan.shape, Shape::Page { .. }));
    page.and_then(|page| usize::try_from(page.limit).ok()).unwrap_or(usize::MAX)
}

/// A count that stands in a row.
fn counted(cells: &[ValueRef<'_>], at: usize) -> Option<i64> {
    match cells.get(at) {
        Some(ValueRef::Int(count)) => Some(*count),
        _ => None,
    }
}

/// Keeps the rows of a step, and apart from them those that come in the same rows.
#[allow(missing_debug_implementations, reason = "what it keeps has one")]
pub struct Together<'m> {
    /// One for each step.
    pub(super) buffers: &'m mut [Buffer],
    pub(super) index: usize,
    pub(super) steps: &'m [Step],
    /// What is joined to rows beyond these is not in the answer.
    pub(super) first: usize,
    pub(super) total: &'m mut Option<i64>,
}

impl Together<'_> {
    pub(super) fn keep(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        let step = &self.steps[self.index];
        if step.mark.is_none_or(|mark| !matches!(cells[mark], ValueRef::Null)) {
            if let Some(at) = step.total {
                *self.total = counted(cells, at);
            }
            let kept = &mut self.buffers[self.index];
            kept.room(step.most())?;
            kept.keep(&cells[..step.own_columns()]);
            if kept.rows.len() > self.first {
                return Ok(());
            }
        }
        for joined in &step.joined {
            if joined.is_in(cells) {
                let kept = &mut self.buffers[joined.step];
                // A row that several lead to comes with each of them, and counts when it is joined.
                if step.mark.is_some() && !self.steps[joined.step].leads_to_one() {
                    kept.room(self.steps[joined.step].most())?;
                }
                kept.keep(&cells[joined.columns.clone()]);
            }
        }
        Ok(())
    }
}

/// A link value as a key; null links nothing.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Link<'v> {
    Uuid(u128),
    Int(i64),
    Text(&'v str),
    Other(String),
}

impl<'v> Link<'v> {
    fn of(value: &'v Value) -> Option<Link<'v>> {
        match value {
            Value::Null | Value::Undefined => None,
            Value::Uuid(uuid) => Some(Link::Uuid(uuid.as_u128())),
            Value::Int(number) => Some(Link::Int(*number)),
            Value::Text(text) => Some(Link::Text(text)),
            other => Some(Link::Other(format!("{other:?}"))),
        }
    }
}

/// Joins the kept rows, the deepest first, and gives the root's rows to the caller.
pub(super) fn assemble(
    plan: &Plan,
    mut buffers: Vec<Buffer>,
    limit: Option<u64>,
    cap: Option<u32>,
    summary: &mut Summary,
    out: &mut (impl RowSink + ?Sized),
) -> Result<()> {
    if let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) {
        // The row beyond a page is not in the answer, and nor is what is related to it.
        summary.has_more |= buffers[0].rows.len() > limit;
        buffers[0].rows.truncate(limit);
    }
    let mut weights = Weights::of(plan, &buffers);
    // What has been joined to each row of each step so far, in the order of the includes.
    let mut joined: Vec<Vec<Vec<Value>>> =
        buffers.iter().map(|buffer| buffer.rows.iter().map(|_| Vec::new()).collect()).collect();
    for index in (1..plan.steps.len()).rev() {
        let Role::Children { parent, parent_column, child_column, to_one, most, output, .. } = &plan.steps[index].role
        else {
            continue;
        };
        let rows = std::mem::take(&mut buffers[index].rows);
        let extras = std::mem::take(&mut joined[index]);
        let of_parents = match paired(plan, index) {
            // Rows beyond the page came without.
            true => (0..rows.len().min(buffers[*parent].rows.len())).map(|at| smallvec![at]).collect(),
            false => positions(&buffers[*parent].rows, *parent_column, &rows, *child_column, *to_one),
        };
        let mut uses = vec![0u32; rows.len()];
        for found in &of_parents {
            found.iter().for_each(|at| uses[*at] += 1);
        }
        if let Some(most) = most {
            of_parents.iter().try_for_each(|found| few_enough(most, found.len()))?;
            weights.join(most, (*parent, index), of_parents.iter().map(Positions::as_slice))?;
        }
        let mut records: Vec<Option<Record>> =
            rows.into_iter().zip(extras).map(|(row, extra)| Some(record(output, row, extra))).collect();
        // A row with several parents is copied for all but the last of them.
        let mut take = |at: &usize| {
            uses[*at] -= 1;
            if uses[*at] == 0 { records[*at].take() } else { records[*at].clone() }
        };
        for (found, extra) in of_parents.iter().zip(&mut joined[*parent]) {
            let value = match to_one {
                true => found.first().and_then(&mut take).map_or(Value::Null, |row| Value::Record(Box::new(row))),
                false => Value::Records(found.iter().filter_map(&mut take).collect()),
            };
            // Steps are joined last to first, so an earlier include goes before those already there.
            extra.insert(0, value);
        }
    }
    let Role::Root(output) = &plan.steps[0].role else { return Err(Error::internal("a join without a root")) };
    let root = std::mem::take(&mut buffers[0].rows);
    for (mut row, extra) in root.into_iter().zip(joined.swap_remove(0)) {
        if admit(summary, limit, cap)? {
            row.truncate(output.visible);
            row.extend(extra);
            out.own_row(row)?;
        }
    }
    Ok(())
}

/// For each row of each step, how many rows of the answer it stands for so far: itself and those joined to it. A row
/// with several parents is given with each of them, so that rows can multiply with every level. Known before any is
/// copied; empty where nobody counts.
struct Weights(Vec<Vec<u64>>);

impl Weights {
    fn of(plan: &Plan, buffers: &[Buffer]) -> Weights {
        let counted = plan.steps.iter().any(|step| matches!(step.role, Role::Children { most: Some(_), .. }));
        let ones = |buffer: &Buffer| vec![1; buffer.rows.len()];
        Weights(if counted { buffers.iter().map(ones).collect() } else { Vec::new() })
    }

    /// Joins rows to those of their parents.
    fn join<'f>(
        &mut self,
        most: &Most,
        (parent, step): (usize, usize),
        of_parents: impl Iterator<Item = &'f [usize]>,
    ) -> Result<()> {
        let rows = std::mem::take(&mut self.0[step]);
        let mut related: u64 = 0;
        for (weight, found) in self.0[parent].iter_mut().zip(of_parents) {
            *weight = found.iter().fold(*weight, |sum, at| sum.saturating_add(rows[*at]));
            related = related.saturating_add(*weight - 1);
        }
        if related > most.together { Err(too_many_together(most)) } else { Ok(()) }
    }
}

fn few_enough(most: &Most, found: usize) -> Result<()> {
    let Some(each) = most.each.filter(|each| found > *each as usize) else { return Ok(()) };
    let message = format!("more than {each} rows related to one row; give a limit or a narrower filter");
    Err(Error::validation(format!("{}.limit", most.path), message))
}

fn too_many_together(most: &Most) -> Error {
    let together = most.together;
    let message = format!("more than {together} related rows in one answer; include less (limit included_rows)");
    Error::validation(most.path.clone(), message)
}

/// Rows of one parent; most often one.
type Positions = SmallVec<[usize; 2]>;

/// Whether each row of a step came with the row of its parents' step in the same place.
pub(super) fn paired(plan: &Plan, index: usize) -> bool {
    let Lowered::With(carrier) = plan.steps[index].statement else { return false };
    plan.steps[carrier].joined.iter().any(|joined| joined.step == index && joined.key.is_none())
}

/// For each parent, which rows have its link value; the first of them alone where there can be only one. A row that is
/// joined to several parents came with each of them.
fn positions(
    parents: &[Vec<Value>],
    parent_column: usize,
    rows: &[Vec<Value>],
    column: usize,
    to_one: bool,
) -> Vec<Positions> {
    let mut by_link: HashMap<Link<'_>, Positions, RandomState> =
        HashMap::with_capacity_and_hasher(rows.len(), RandomState::default());
    for (position, row) in rows.iter().enumerate() {
        if let Some(link) = Link::of(&row[column]) {
            let found = by_link.entry(link).or_default();
            if !to_one || found.is_empty() {
                found.push(position);
            }
        }
    }
    let found = |row: &Vec<Value>| Link::of(&row[parent_column]).and_then(|link| by_link.get(&link).cloned());
    parents.iter().map(|row| found(row).unwrap_or_default()).collect()
}

fn record(output: &Output, mut row: Vec<Value>, extra: Vec<Value>) -> Record {
    row.truncate(output.visible);
    row.extend(extra);
    Record::new(output.columns.clone(), row)
}
