//! From a query and what a backend can do to the steps that it runs.
//!
//! [`verify`] refuses what the backend cannot do, before any IO; what is left is put into steps and each statement is
//! spelled in the backend's language. Nothing here changes what a query means.

mod branches;
mod join;
pub mod operation;
pub mod verify;

use std::ops::Range;
use std::sync::Arc;

use crate::capability::Capabilities;
use crate::error::Result;
use crate::query::ast::{Aggregate, Count, Expr, Include, Insert, Operand, Query, Select, Shape, Statement};
use crate::query::join::Join;
use crate::query::param::{ParamSource, Params};
use crate::row::Columns;
use crate::schema::{EntityId, FieldId, FieldType, Generator, Referential, RelationId, Schema};
use crate::sql::dialect::Dialect;
use crate::sql::lower::Rows;
use operation::{Cell, Joined, Lowered, Lowering, Output, Plan, Role, Source, Step};

/// What a plan is made for.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The schema.
    pub schema: &'a Schema,
    /// What the backend can do.
    pub capabilities: &'a Capabilities,
    /// How it wants its statements.
    pub lowering: Lowering,
    /// The rows are gathered before any is given: those of several steps may come in one statement. A stream reads
    /// related rows a batch at a time.
    pub gathers: bool,
}

/// Makes the plan of a query whose access rules are already part of it.
///
/// # Errors
/// CAPABILITY_NOT_SUPPORTED naming what the backend lacks.
pub fn plan(target: Target<'_>, mut query: Query, params: Params, rules: Vec<String>) -> Result<Plan> {
    verify::verify(target.schema, target.capabilities, &query)?;
    nothing_to_set(target.schema, &mut query);
    let entity = query.statement.entity();
    let mut builder = Builder { target, params: &params, steps: Vec::new(), selects: Vec::new() };
    builder.root(&query)?;
    builder.in_one()?;
    let mut steps = builder.steps;
    let writes = query.statement.is_write();
    let checked = steps.iter().any(|step| matches!(&step.role, Role::Root(output) if output.check.is_some()));
    let carries_total = steps.iter().any(|step| step.total.is_some());
    let run = steps.iter().filter(|step| match step.role {
        Role::Total if carries_total => false,
        _ => !matches!(step.statement, Lowered::With(_)),
    });
    let atomic = run.count() > 1 || checked;
    let shape = query.shape;
    if let ([step], Shape::One, false) = (steps.as_mut_slice(), shape, writes) {
        step.single = step.joined.is_empty();
    }
    let unless = match &query.statement {
        Statement::Insert(insert) => {
            let declared = target.schema.entity(entity);
            insert.unless.iter().map(|field| declared.field(*field).name.clone()).collect()
        }
        _ => Vec::new(),
    };
    let name = target.schema.entity(entity).name.as_str().into();
    Ok(Plan { entity, name, params, steps, writes, atomic, shape, unless, rules, query })
}

/// An update with an empty patch reads the row, or counts the rows, under the rules of the update.
fn nothing_to_set(schema: &Schema, query: &mut Query) {
    if let Statement::Update(update) = &query.statement
        && update.set.is_empty()
    {
        let mut columns = update.returning.clone();
        if columns.is_empty() {
            columns.push(schema.entity(update.entity).key);
        }
        if query.shape == Shape::Affected {
            let count = Count { entity: update.entity, filter: update.filter.clone() };
            query.statement = Statement::Count(count);
            return;
        }
        query.statement = Statement::Select(Select {
            entity: update.entity,
            columns,
            filter: update.filter.clone(),
            order: Vec::new(),
            limit: None,
            offset: None,
            link: None,
            beyond: None,
        });
    }
}

/// The rows that a statement is about; an insert is about none.
fn filter(statement: &mut Statement) -> Option<&mut Expr> {
    match statement {
        Statement::Select(select) => Some(&mut select.filter),
        Statement::Count(count) => Some(&mut count.filter),
        Statement::Aggregate(aggregate) => Some(&mut aggregate.filter),
        Statement::Update(update) => Some(&mut update.filter),
        Statement::Delete(delete) => Some(&mut delete.filter),
        Statement::Insert(_) => None,
    }
}

/// The step in whose rows joined rows come, and where.
struct Carrier<'q> {
    step: usize,
    joins: Vec<Join<'q>>,
    columns: Vec<Range<usize>>,
}

impl Carrier<'_> {
    /// Where the columns of an include stand, and whether every row comes with one of its rows.
    fn columns_of(&self, include: &Include) -> Option<(Range<usize>, bool)> {
        let at = self.joins.iter().position(|join| std::ptr::eq(join.include, include))?;
        Some((self.columns[at].clone(), self.joins[at].given))
    }
}

struct Builder<'a> {
    target: Target<'a>,
    params: &'a Params,
    steps: Vec<Step>,
    /// The rows that steps read, for one statement that reads them all.
    selects: Vec<branches::Read<'a>>,
}

impl<'a> Builder<'a> {
    fn root(&mut self, query: &'a Query) -> Result<()> {
        let entity = query.statement.entity();
        for parent in &query.parents {
            let field = self.target.schema.entity(entity).field(parent.field).name.as_str().into();
            let role = Role::Parent { field, itself: parent.itself };
            self.push(Statement::Count(parent.count.clone()), vec![integer()], role)?;
        }
        let mut statement = query.statement.clone();
        let mut unversioned = None;
        if let (Some(version), Some(filter)) = (&query.version, filter(&mut statement)) {
            unversioned = Some(Count { entity, filter: filter.clone() });
            *filter = std::mem::replace(filter, Expr::TRUE).and(version.clone());
        }
        match &statement {
            Statement::Select(select) => {
                let output = self.output(entity, &select.columns[..query.visible], &query.includes);
                let mut cells = self.cells(entity, &select.columns);
                let mut rows = select.clone();
                if let Some(beyond) = &mut rows.beyond {
                    cells.extend(select.added_keys().map(|key| self.key_cell(entity, &key.by)));
                    rows.filter = rows.filter.and(std::mem::replace(beyond, Expr::TRUE));
                }
                let count = matches!(query.shape, Shape::Page { total: true, .. })
                    .then(|| Count { entity, filter: select.filter.clone() });
                // Where a statement is a round trip, what it says comes with another one, and both see one moment.
                let beside = count.as_ref().filter(|_| self.target.lowering == Lowering::Sql(Dialect::Postgres));
                self.select(rows, cells, Role::Root(output), &query.includes, beside)?;
                if let Some(count) = count {
                    self.push(Statement::Count(count), vec![integer()], Role::Total)?;
                }
            }
            Statement::Count(_) => self.push(statement.clone(), vec![integer()], Role::Total)?,
            Statement::Aggregate(aggregate) => {
                let (cells, output) = self.groups(aggregate);
                self.push(statement.clone(), cells, Role::Root(output))?;
            }
            Statement::Delete(delete) => {
                if query.shape == Shape::Affected && self.misses_cascaded(entity) {
                    let count = Count { entity, filter: delete.filter.clone() };
                    self.push(Statement::Count(count), vec![integer()], Role::Total)?;
                }
                self.push(statement.clone(), Vec::new(), Role::Effect)?;
            }
            Statement::Update(update) => {
                let mut output = self.output(entity, &update.returning[..query.visible], &[]);
                let mut cells = self.cells(entity, &update.returning);
                if update.check.is_some() {
                    output.check = Some(cells.len());
                    cells.push(boolean());
                }
                let role = if cells.is_empty() { Role::Effect } else { Role::Root(output) };
                self.push(statement.clone(), cells, role)?;
            }
            Statement::Insert(insert) => self.insert(insert, query.visible)?,
        }
        match unversioned {
            Some(count) => self.push(Statement::Count(count), vec![integer()], Role::Versioned),
            None => Ok(()),
        }
    }

    /// Whether a delete of several rows may count too few: SQLite does not count a row that a cascade from another row of
    /// the same statement took along before it came to it.
    fn misses_cascaded(&self, entity: EntityId) -> bool {
        let Lowering::Sql(Dialect::Sqlite) = self.target.lowering else { return false };
        let cascades_from = |entity: EntityId| {
            let all = self.target.schema.entities();
            all.filter(move |(_, other)| {
                let mut keys = other.fields.iter().filter_map(|field| field.foreign_key.as_ref());
                keys.any(|key| key.entity == entity && key.on_delete == Referential::Cascade)
            })
        };
        let mut reached: Vec<EntityId> = cascades_from(entity).map(|(id, _)| id).collect();
        let mut at = 0;
        while at < reached.len() && !reached.contains(&entity) {
            let more: Vec<EntityId> = cascades_from(reached[at]).map(|(id, _)| id).collect();
            reached.extend(more.into_iter().filter(|id| !reached.contains(id)).collect::<Vec<_>>());
            at += 1;
        }
        reached.contains(&entity)
    }

    /// The engine knows every value that it writes; only what the backend makes or does not keep whole is read back.
    fn insert(&mut self, insert: &Insert, visible: usize) -> Result<()> {
        let mut output = self.output(insert.entity, &insert.returning[..visible], &[]);
        let declared = self.target.schema.entity(insert.entity);
        let kept = |field: FieldId| {
            let field = declared.field(field);
            !field.storage.is_some_and(|storage| storage.is_lossy(&field.ty))
        };
        let written = |field: FieldId| {
            let value = insert.values.iter().find(|(id, _)| *id == field);
            value.filter(|(id, _)| kept(*id)).map(|(_, operand)| operand)
        };
        let read_back: Vec<FieldId> =
            insert.returning.iter().copied().filter(|field| written(*field).is_none()).collect();
        let source = |field: &FieldId| match written(*field) {
            Some(Operand::Param(id)) => match self.params.get(*id) {
                ParamSource::Hashed(raw, _) if self.is_token(insert.entity, *field) => Source::Param(*raw),
                _ => Source::Param(*id),
            },
            Some(_) => Source::Null,
            None => Source::Cell(read_back.iter().position(|id| id == field).unwrap_or(0)),
        };
        output.sources = Some(insert.returning[..visible].iter().map(source).collect());
        let mut cells = self.cells(insert.entity, &read_back);
        if insert.check.is_some() {
            output.check = Some(cells.len());
            cells.push(boolean());
        }
        let statement = Statement::Insert(Insert { returning: read_back, ..insert.clone() });
        self.push(statement, cells, Role::Root(output))
    }

    fn is_token(&self, entity: EntityId, field: FieldId) -> bool {
        self.target.schema.entity(entity).field(field).generated == Some(Generator::Token)
    }

    /// A select and what is included in its rows: with them where it can be joined, in steps of its own where not.
    fn select(
        &mut self,
        select: Select,
        mut cells: Vec<Cell>,
        role: Role,
        includes: &'a [Include],
        count: Option<&Count>,
    ) -> Result<()> {
        let (step, entity) = (self.steps.len(), select.entity);
        let joins = join::joins(self.target, &select, includes);
        let visible = match &role {
            Role::Root(output) | Role::Children { output, .. } => output.visible,
            _ => cells.len(),
        };
        let unread = match joins.iter().any(|join| join.given) {
            true => join::unread(&select, visible, includes, &joins),
            false => Vec::new(),
        };
        let columns = |cells: &mut Vec<Cell>, join: &Join<'_>| {
            let (start, select) = (cells.len(), &join.include.select);
            cells.extend(self.cells(select.entity, &select.columns));
            start..cells.len()
        };
        let columns: Vec<Range<usize>> = joins.iter().map(|join| columns(&mut cells, join)).collect();
        let total = count.map(|_| cells.len());
        if total.is_some() {
            cells.push(integer());
        }
        self.selects.push(branches::Read { step, select: select.clone(), joins: joins.clone(), count: count.cloned() });
        let statement = match self.target.lowering {
            Lowering::Sql(dialect) => {
                let rows = Rows { select: &select, joins: &joins, unread: &unread, count };
                Lowered::Sql(crate::sql::lower::rows(self.target.schema, &rows, self.params, dialect)?)
            }
            Lowering::Ast | Lowering::Document => self.lower(Statement::Select(select))?,
        };
        self.steps.push(Step { total, ..Step::new(entity, statement, cells, role) });
        self.children(step, includes, &Carrier { step, joins, columns })
    }

    fn children(&mut self, parent: usize, includes: &'a [Include], carrier: &Carrier<'a>) -> Result<()> {
        for include in includes {
            let select = &include.select;
            let link = select.link.as_ref().expect("an include is always linked");
            let role = Role::Children {
                parent,
                parent_column: include.parent_column,
                child_column: include.child_column,
                parents: link.parents,
                to_one: include.to_one,
                most: include.most.clone(),
                output: self.output(select.entity, &select.columns[..include.visible], &include.includes),
            };
            let mut cells = self.cells(select.entity, &select.columns);
            if let Some((columns, paired)) = carrier.columns_of(include) {
                let (step, entity) = (self.steps.len(), select.entity);
                let key = (!paired).then_some(columns.start + include.child_column);
                self.steps[carrier.step].joined.push(Joined { step, entity, columns, key });
                let statement = Lowered::With(carrier.step);
                self.steps.push(Step::new(entity, statement, cells, role));
                self.children(step, &include.includes, carrier)?;
                continue;
            }
            if let Some(between) = &link.through {
                let through = between.through;
                let ty = self.target.schema.entity(through.entity).field(through.this).ty.clone();
                cells.push(Cell { ty, field: None });
            }
            self.select(select.clone(), cells, role, &include.includes, None)?;
        }
        Ok(())
    }

    fn push(&mut self, statement: Statement, cells: Vec<Cell>, role: Role) -> Result<()> {
        let entity = statement.entity();
        let statement = self.lower(statement)?;
        self.steps.push(Step::new(entity, statement, cells, role));
        Ok(())
    }

    fn lower(&self, statement: Statement) -> Result<Lowered> {
        Ok(match self.target.lowering {
            Lowering::Ast => Lowered::Ast(Box::new(statement)),
            Lowering::Sql(dialect) => {
                Lowered::Sql(crate::sql::lower::lower(self.target.schema, &statement, self.params, dialect)?)
            }
            Lowering::Document => {
                Lowered::Document(Box::new(crate::document::lower::lower(self.target.schema, &statement)?))
            }
        })
    }

    fn output(&self, entity: EntityId, columns: &[FieldId], includes: &[Include]) -> Output {
        let entity = self.target.schema.entity(entity);
        let fields = columns.iter().map(|id| entity.field(*id).name.clone().into());
        let names = fields.chain(includes.iter().map(|include| include.name.clone())).collect();
        Output { columns: Arc::new(Columns { names }), visible: columns.len(), check: None, sources: None }
    }

    /// The column that a sort key is read into.
    fn key_cell(&self, entity: EntityId, by: &Operand) -> Cell {
        let schema = self.target.schema;
        match by {
            Operand::Field(field) => Cell { ty: schema.entity(entity).field(*field).ty.clone(), field: Some(*field) },
            Operand::Related { path, field, .. } => {
                let step = |at, relation: &RelationId| schema.entity(at).relation(*relation).target;
                let last = path.iter().fold(entity, step);
                Cell { ty: schema.entity(last).field(*field).ty.clone(), field: None }
            }
            // Nothing else is ever sorted by.
            Operand::Column(_) | Operand::Param(_) | Operand::Const(_) | Operand::Rank { .. } => integer(),
        }
    }

    /// The columns of groups, and their names.
    fn groups(&self, aggregate: &Aggregate) -> (Vec<Cell>, Output) {
        let entity = self.target.schema.entity(aggregate.entity);
        let measures = &aggregate.measures[..aggregate.shown];
        let mut cells = self.cells(aggregate.entity, &aggregate.group_by);
        cells.extend(measures.iter().map(|measure| Cell { ty: measure.ty(entity), field: None }));
        let fields = aggregate.group_by.iter().map(|id| entity.field(*id).name.clone());
        let names = fields.chain(measures.iter().map(|measure| measure.name(entity))).map(Into::into).collect();
        let visible = cells.len();
        (cells, Output { columns: Arc::new(Columns { names }), visible, check: None, sources: None })
    }

    fn cells(&self, entity: EntityId, columns: &[FieldId]) -> Vec<Cell> {
        let entity = self.target.schema.entity(entity);
        columns.iter().map(|id| Cell { ty: entity.field(*id).ty.clone(), field: Some(*id) }).collect()
    }
}

fn integer() -> Cell {
    Cell { ty: FieldType::BigInt, field: None }
}

fn boolean() -> Cell {
    Cell { ty: FieldType::Boolean, field: None }
}
