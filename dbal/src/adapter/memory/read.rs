//! Reading rows: select, count, and the rows that a write is about.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::data::{Key, Moment, Stored};
use crate::error::{Error, Outcome, Result};
use crate::query::ast::{Between, Comparison, Count, Expr, Link, Operand, Select};
use crate::query::eval::{Row, Scope, compare_rows};
use crate::row::RowSink;
use crate::schema::{EntityId, FieldId};
use crate::value::{Value, ValueRef};

/// One statement's reading of one moment.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) moment: &'a Moment<'a>,
    pub(super) params: &'a [Value],
    pub(super) deadline: Option<Instant>,
}

impl<'a> Reader<'a> {
    pub(super) fn scope(&self) -> Scope<'a> {
        Scope { schema: &self.moment.catalogue.schema, source: self.moment, params: self.params }
    }

    /// Gives the rows of a select to the sink.
    pub(super) fn select(&self, select: &Select, sink: &mut dyn RowSink) -> Result<u64> {
        let scope = self.scope();
        let mut rows = Vec::new();
        for (parent, row) in self.linked(select) {
            self.check_deadline()?;
            if scope.matches(select.entity, &select.filter, row) {
                let keys: Vec<_> = select.order.iter().map(|key| scope.operand(select.entity, &key.by, row)).collect();
                rows.push((keys, row, parent));
            }
        }
        rows.sort_by(|(left, ..), (right, ..)| compare_rows(&select.order, left, right));

        let limit = self.number(select.entity, select.limit.as_ref())?.unwrap_or(u64::MAX);
        let offset = self.number(select.entity, select.offset.as_ref())?.unwrap_or(0);
        let (mut given, mut seen) = (0, BTreeMap::new());
        let mut cells = Vec::with_capacity(select.columns.len());
        for (_, row, link) in &rows {
            // With a link, both are for each parent on its own.
            let own = || select.link.as_ref().map(|link| Key(cell(row, link.field).to_value()));
            let parent = link.clone().or_else(own);
            let position = seen.entry(parent).or_insert(0_u64);
            *position += 1;
            if *position <= offset || *position - offset > limit {
                continue;
            }
            self.check_deadline()?;
            cells.clear();
            cells.extend(select.columns.iter().map(|field| cell(row, *field)));
            if select.beyond.is_some() {
                let added = select.added_keys().map(|key| scope.operand(select.entity, &key.by, row));
                cells.extend(added);
            }
            cells.extend(link.iter().map(|parent| parent.0.as_ref()));
            sink.row(&cells)?;
            given += 1;
        }
        Ok(given)
    }

    /// Gives the number of rows to the sink.
    pub(super) fn count(&self, count: &Count, sink: &mut dyn RowSink) -> Result<u64> {
        let rows = self.matching(count.entity, &count.filter)?;
        sink.row(&[ValueRef::Int(rows.len() as i64)])?;
        Ok(1)
    }

    /// The rows that a filter matches.
    pub(super) fn matching(&self, entity: EntityId, filter: &Expr) -> Result<Vec<&'a Stored>> {
        let scope = self.scope();
        let mut rows = Vec::new();
        for row in self.candidates(entity, filter) {
            self.check_deadline()?;
            if scope.matches(entity, filter, row) {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// MUST be asked for every row looked at.
    pub(super) fn check_deadline(&self) -> Result<()> {
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Error::timeout(Outcome::NotApplied)),
            _ => Ok(()),
        }
    }

    /// The rows that a select may match, by its link first.
    fn linked<'s>(&self, select: &'s Select) -> Box<dyn Iterator<Item = (Option<Key>, &'a Stored)> + 's>
    where
        'a: 's,
    {
        let rows: Box<dyn Iterator<Item = &'a Stored> + 'a> = match &select.link {
            Some(Link { parents, field, through: Some(between) }) => {
                let parents = self.params.get(usize::from(parents.0)).and_then(Value::as_list).unwrap_or_default();
                return self.meeting(select.entity, *field, between, parents);
            }
            Some(link) => match self.params.get(usize::from(link.parents.0)).and_then(Value::as_list) {
                Some(parents) => self.with_any(select.entity, link.field, parents),
                None => Box::new(std::iter::empty()),
            },
            None => self.candidates(select.entity, &select.filter),
        };
        Box::new(rows.map(|row| (None, row)))
    }

    /// The rows that each parent meets in rows in between, each once for a parent.
    fn meeting<'s>(
        &self,
        entity: EntityId,
        field: FieldId,
        between: &'s Between,
        parents: &'a [Value],
    ) -> Box<dyn Iterator<Item = (Option<Key>, &'a Stored)> + 's>
    where
        'a: 's,
    {
        let (reader, through) = (*self, between.through);
        let distinct: BTreeSet<Key> = parents.iter().filter(|value| !value.is_null()).cloned().map(Key).collect();
        Box::new(distinct.into_iter().flat_map(move |parent| {
            let scope = reader.scope();
            let meetings = reader.with_any(through.entity, through.this, std::slice::from_ref(&parent.0));
            let seen = meetings.filter(|row| scope.matches(through.entity, &between.visible, row));
            let others: Vec<Value> = seen.map(|row| cell(row, through.other).to_value()).collect();
            let rows = reader.with_any(entity, field, &others);
            rows.map(move |row| (Some(parent.clone()), row))
        }))
    }

    /// The rows that a filter may match: those of a key or an index where the filter asks for one, else all.
    fn candidates(&self, entity: EntityId, filter: &Expr) -> Box<dyn Iterator<Item = &'a Stored> + 'a> {
        let conditions = match filter {
            Expr::And(parts) => parts.as_slice(),
            other => std::slice::from_ref(other),
        };
        conditions
            .iter()
            .find_map(|condition| self.lookup(entity, condition))
            .unwrap_or_else(|| Box::new(self.moment.data.table(entity).scan()))
    }

    /// The rows that one condition can be true of, when a key or an index answers that.
    fn lookup(&self, entity: EntityId, condition: &Expr) -> Option<Box<dyn Iterator<Item = &'a Stored> + 'a>> {
        let layout = self.moment.catalogue.layout(entity);
        match condition {
            Expr::Compare { left, op: Comparison::Eq, right, fold: false } => {
                let (field, value) = match (left, right) {
                    (Operand::Field(field), value @ (Operand::Param(_) | Operand::Const(_))) => (*field, value),
                    (value @ (Operand::Param(_) | Operand::Const(_)), Operand::Field(field)) => (*field, value),
                    _ => return None,
                };
                let value = self.scope().operand(entity, value, &[]).to_value();
                layout.finds_by(field).then(|| self.with_any(entity, field, std::slice::from_ref(&value)))
            }
            Expr::In { value: Operand::Field(field), list, fold: false } if layout.finds_by(*field) => {
                let list = self.params.get(usize::from(list.0)).and_then(Value::as_list)?;
                Some(self.with_any(entity, *field, list))
            }
            _ => None,
        }
    }

    /// The rows whose field equals one of these values, each once.
    fn with_any(
        &self,
        entity: EntityId,
        field: FieldId,
        values: &[Value],
    ) -> Box<dyn Iterator<Item = &'a Stored> + 'a> {
        let (table, layout) = (self.moment.data.table(entity), self.moment.catalogue.layout(entity));
        let distinct: BTreeSet<Key> = values.iter().filter(|value| !value.is_null()).cloned().map(Key).collect();
        if layout.finds_by(field) {
            Box::new(distinct.into_iter().flat_map(move |value| table.with(layout, field, value.0.as_ref())))
        } else {
            Box::new(table.scan().filter(move |row| distinct.contains(&Key(cell(row, field).to_value()))))
        }
    }

    /// A limit or an offset; none when it is null.
    pub(super) fn number(&self, entity: EntityId, operand: Option<&Operand>) -> Result<Option<u64>> {
        match operand.map_or(ValueRef::Null, |operand| self.scope().operand(entity, operand, &[])) {
            ValueRef::Null => Ok(None),
            ValueRef::Int(number) if number >= 0 => Ok(Some(number.unsigned_abs())),
            other => Err(Error::internal(format!("a limit or an offset is {other:?}"))),
        }
    }
}

/// A row's value of a field.
pub(super) fn cell(row: &Row, field: FieldId) -> ValueRef<'_> {
    row[usize::from(field.0)].as_ref()
}
