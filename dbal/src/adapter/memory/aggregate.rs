//! Groups of rows and what is computed of them.

use std::collections::{BTreeMap, BTreeSet};

use super::data::Key;
use super::read::{Reader, cell};
use crate::error::{Error, Reason, Result};
use crate::query::ast::{Aggregate, Aggregation, Measure};
use crate::query::eval::{Row, compare_rows};
use crate::row::RowSink;
use crate::schema::{Entity, FieldType};
use crate::value::aggregate::{DecimalTotal, FloatTotal, IntegerTotal};
use crate::value::order::total;
use crate::value::{Value, ValueRef};

impl Reader<'_> {
    /// Gives one row for each group to the sink.
    pub(super) fn aggregate(&self, aggregate: &Aggregate, sink: &mut dyn RowSink) -> Result<u64> {
        let scope = self.scope();
        let entity = scope.schema.entity(aggregate.entity);
        let start = || aggregate.measures.iter().map(|measure| Total::of(*measure, entity)).collect::<Vec<_>>();
        let mut groups: BTreeMap<Vec<Key>, Vec<Total>> = BTreeMap::new();
        if aggregate.group_by.is_empty() {
            groups.insert(Vec::new(), start());
        }
        for row in self.matching(aggregate.entity, &aggregate.filter)? {
            self.check_deadline()?;
            let key = aggregate.group_by.iter().map(|field| Key(cell(row, *field).to_value())).collect();
            let totals = groups.entry(key).or_insert_with(start);
            aggregate.measures.iter().zip(totals).for_each(|(measure, total)| total.add(*measure, row));
        }
        let mut rows = Vec::with_capacity(groups.len());
        for (key, totals) in groups {
            let mut row: Vec<Value> = key.into_iter().map(|Key(value)| value).collect();
            for (measure, total) in aggregate.measures.iter().zip(totals) {
                row.push(total.finish(*measure, entity)?);
            }
            if scope.matches(aggregate.entity, &aggregate.having, &row) {
                rows.push(row);
            }
        }
        let keys = |row: &'_ [Value]| -> Vec<Value> {
            aggregate.order.iter().map(|key| scope.operand(aggregate.entity, &key.by, row).to_value()).collect()
        };
        let mut rows: Vec<(Vec<Value>, Vec<Value>)> = rows.into_iter().map(|row| (keys(&row), row)).collect();
        rows.sort_by(|(left, _), (right, _)| {
            let left: Vec<ValueRef<'_>> = left.iter().map(Value::as_ref).collect();
            let right: Vec<ValueRef<'_>> = right.iter().map(Value::as_ref).collect();
            compare_rows(&aggregate.order, &left, &right)
        });
        let limit = self.number(aggregate.entity, aggregate.limit.as_ref())?.unwrap_or(u64::MAX);
        let columns = aggregate.group_by.len() + aggregate.shown;
        let mut given = 0;
        for (_, row) in rows {
            if given == limit {
                break;
            }
            let cells: Vec<ValueRef<'_>> = row[..columns].iter().map(Value::as_ref).collect();
            sink.row(&cells)?;
            given += 1;
        }
        Ok(given)
    }
}

/// One measure of one group, so far.
enum Total {
    Count(i64),
    Distinct(BTreeSet<Key>),
    Integers(IntegerTotal),
    Floats(FloatTotal),
    Decimals(DecimalTotal),
    /// The least or the greatest value.
    Extreme(Option<Value>),
}

impl Total {
    fn of(measure: Measure, entity: &Entity) -> Total {
        let Measure::Of(aggregation, field) = measure else { return Total::Count(0) };
        match (aggregation, &entity.field(field).ty) {
            (Aggregation::CountDistinct, _) => Total::Distinct(BTreeSet::new()),
            (Aggregation::Min | Aggregation::Max, _) => Total::Extreme(None),
            (Aggregation::Sum | Aggregation::Avg, FieldType::Decimal { .. }) => {
                Total::Decimals(DecimalTotal::default())
            }
            (Aggregation::Sum | Aggregation::Avg, FieldType::Float) => Total::Floats(FloatTotal::default()),
            (Aggregation::Sum | Aggregation::Avg, _) => Total::Integers(IntegerTotal::default()),
        }
    }

    /// Adds a row; nulls are skipped.
    fn add(&mut self, measure: Measure, row: &Row) {
        let (aggregation, value) = match (measure, &mut *self) {
            (Measure::Count, Total::Count(count)) => return *count += 1,
            (Measure::Of(aggregation, field), _) => (aggregation, cell(row, field)),
            (Measure::Count, _) => return,
        };
        match (self, value) {
            (_, ValueRef::Null) => {}
            (Total::Distinct(keys), value) => {
                keys.insert(Key(value.to_value()));
            }
            (Total::Integers(total), ValueRef::Int(number)) => total.add(number),
            (Total::Floats(total), ValueRef::Float(number)) => total.add(number),
            (Total::Decimals(total), ValueRef::Decimal(number)) => total.add(number),
            (Total::Extreme(extreme), value) => {
                let beats = extreme.as_ref().is_none_or(|old| match aggregation {
                    Aggregation::Min => total(value, old.as_ref()).is_lt(),
                    _ => total(value, old.as_ref()).is_gt(),
                });
                if beats {
                    *extreme = Some(value.to_value());
                }
            }
            (Total::Count(_) | Total::Integers(_) | Total::Floats(_) | Total::Decimals(_), _) => {}
        }
    }

    fn finish(self, measure: Measure, entity: &Entity) -> Result<Value> {
        let avg = matches!(measure, Measure::Of(Aggregation::Avg, _));
        let scale = match measure.ty(entity) {
            FieldType::Decimal { scale, .. } => scale,
            _ => None,
        };
        let sum = match self {
            Total::Count(count) => return Ok(Value::Int(count)),
            Total::Distinct(keys) => return Ok(Value::Int(keys.len() as i64)),
            Total::Extreme(extreme) => return Ok(extreme.into()),
            Total::Integers(total) if avg => return Ok(total.avg().into()),
            Total::Floats(total) if avg => return Ok(total.avg().into()),
            Total::Decimals(total) if avg => return Ok(total.avg().into()),
            Total::Integers(total) => total.sum().map(Value::from),
            Total::Floats(total) => total.sum().map(Value::from),
            Total::Decimals(total) => total.sum(scale).map(Value::from),
        };
        sum.map_err(|_| {
            let error = Error::validation(measure.name(entity), "the sum is outside the type's range");
            error.with_reason(Reason::Overflow).with_entity(&entity.name)
        })
    }
}
