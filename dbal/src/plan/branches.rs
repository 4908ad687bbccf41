//! All rows of an answer in one statement: a round trip less for each level of includes, and one moment of the database
//! without a transaction.
//!
//! Each step that would run by itself becomes a branch of a union, in columns of its own; those of the others are null in
//! its rows. So no row comes more than once, however many are related to it.

use super::Builder;
use super::operation::{Cell, Joined, Lowered, Lowering, Role, Step};
use crate::error::Result;
use crate::query::ast::{Count, Select};
use crate::query::join::Join;
use crate::schema::FieldType;
use crate::sql::dialect::Dialect;
use crate::sql::lower::{self, Branch, Parents, Rows};

/// Columns of a union: with many more its rows are mostly nulls, and PostgreSQL takes 1,664.
const MOST_COLUMNS: usize = 400;

/// The rows that a step reads.
pub(super) struct Read<'q> {
    pub(super) step: usize,
    pub(super) select: Select,
    pub(super) joins: Vec<Join<'q>>,
    pub(super) count: Option<Count>,
}

impl Builder<'_> {
    /// Has the first step read what the others would read after it, where that can be.
    pub(super) fn in_one(&mut self) -> Result<()> {
        if !self.can_be_one() {
            return Ok(());
        }
        let reads = std::mem::take(&mut self.selects);
        let mut branches = Vec::with_capacity(reads.len());
        for read in &reads {
            let types = self.steps[read.step].cells.iter().map(|cell| cell.ty.clone()).collect();
            let rows = Rows { select: &read.select, joins: &read.joins, unread: &[], count: read.count.as_ref() };
            branches.push(Branch { rows, types, parents: self.parents(read, &reads) });
        }
        let sql = lower::branches(self.target.schema, &branches, self.params)?;
        let (first, mut start) = (reads[0].step, 0);
        let (mut cells, mut joined) = (Vec::new(), Vec::new());
        for read in &reads {
            let step = &mut self.steps[read.step];
            if let (Role::Children { child_column, .. }, entity) = (&step.role, step.entity) {
                let columns = start..start + step.own_columns();
                joined.push(Joined { step: read.step, entity, columns, key: Some(start + child_column) });
                step.statement = Lowered::With(first);
            }
            joined.extend(step.joined.drain(..).map(|inner| inner.moved(start)));
            cells.extend(step.cells.iter().cloned());
            start = cells.len();
        }
        cells.push(Cell { ty: FieldType::Boolean, field: None });
        let root = &mut self.steps[first];
        (root.statement, root.cells, root.joined, root.mark) = (Lowered::Sql(sql), cells, joined, Some(start));
        Ok(())
    }

    /// Columns that others made are of types that only the database knows, so that there is no null of theirs to write.
    fn can_be_one(&self) -> bool {
        let plain = |step: &Step| {
            let entity = self.target.schema.entity(step.entity);
            entity.fields.iter().all(|field| field.storage.is_none())
        };
        let columns = self.selects.iter().map(|read| self.steps[read.step].cells.len());
        self.target.gathers
            && columns.sum::<usize>() < MOST_COLUMNS
            && self.target.lowering == Lowering::Sql(Dialect::Postgres)
            && self.selects.len() > 1
            && self.selects.iter().all(|read| read.select.beyond.is_none())
            && !self.target.schema.is_of_others()
            && self.steps.iter().all(plain)
    }

    /// In which branch the rows come that a branch's rows are related to, and in which of its columns the link is.
    fn parents(&self, read: &Read<'_>, reads: &[Read<'_>]) -> Option<Parents> {
        let Role::Children { parent, parent_column, .. } = &self.steps[read.step].role else { return None };
        let (carrier, column) = match self.steps[*parent].statement {
            Lowered::With(carrier) => {
                let joined = self.steps[carrier].joined.iter().find(|joined| joined.step == *parent)?;
                (carrier, joined.columns.start + parent_column)
            }
            _ => (*parent, *parent_column),
        };
        let branch = reads.iter().position(|read| read.step == carrier)?;
        let select = &reads[branch].select;
        let entity = self.target.schema.entity(select.entity);
        let of_key = select.columns.get(column).is_some_and(|field| *field == entity.key);
        // A row that several parents lead to comes with each of them.
        let once = select.link.as_ref().is_none_or(|link| link.through.is_none());
        Some(Parents { branch, column, unique: of_key && entity.key_rest.is_empty() && once })
    }
}
