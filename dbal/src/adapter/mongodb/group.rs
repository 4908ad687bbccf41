//! Groups of rows and what is computed of them.
//!
//! The database brings equal values of a group together and says how often each is there; what is computed of them is
//! computed here, exactly: its own sums round decimals and leave 64 bits for doubles.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use mongodb::bson::{Document, RawDocument, doc};

use super::command::Session;
use super::error::not_computed;
use super::spell::{Speller, compared, constant, field, matched, or_null};
use super::value::{at, decode};
use crate::error::{Error, Reason, Result};
use crate::plan::operation::Step;
use crate::plan::operation::document::{Aggregation, Measure};
use crate::plan::operation::document::{Condition, Group, KEY, Path, Side};
use crate::row::RowSink;
use crate::schema::{Entity, FieldType};
use crate::value::aggregate::{DecimalTotal, FloatTotal, IntegerTotal};
use crate::value::order::total;
use crate::value::{Value, ValueRef};

/// A value in the order of its type, null first.
#[derive(Clone, Debug)]
struct Key(Value);

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        total(self.0.as_ref(), other.0.as_ref())
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

impl Session {
    /// Gives one row for each group to the sink.
    pub(super) async fn group<S: RowSink + ?Sized>(
        &mut self,
        step: &Step,
        group: &Group,
        speller: Speller<'_>,
        sink: &mut S,
    ) -> Result<u64> {
        let shared = self.shared.clone();
        let entity = shared.schema.entity(step.entity);
        let start = || group.measures.iter().map(|(measure, _)| Total::of(*measure, entity)).collect::<Vec<_>>();
        let mut groups: BTreeMap<Vec<Key>, Vec<Total>> = BTreeMap::new();
        if group.by.is_empty() {
            groups.insert(Vec::new(), start());
        }
        if let Some(mut pipeline) = speller.pipeline(&group.stages)? {
            pipeline.push(doc! { "$group": together(group) }.into());
            self.each(&group.collection, pipeline, |row| {
                let mut key = Vec::with_capacity(group.by.len());
                for (number, path) in group.by.iter().enumerate() {
                    key.push(Key(read(entity, path, row, &format!("_id.k{number}"))?));
                }
                let count = at(row, &Path("n".into()));
                let count = count.as_i64().or_else(|| count.as_i32().map(i64::from)).unwrap_or(0);
                let totals = groups.entry(key).or_insert_with(start);
                for (number, ((measure, path), total)) in group.measures.iter().zip(totals).enumerate() {
                    let value = match path {
                        None => Value::Null,
                        Some(path) => read(entity, path, row, &place(*measure, number))?,
                    };
                    total.add(*measure, value, count);
                }
                Ok(())
            })
            .await?;
        }
        let mut rows = Vec::with_capacity(groups.len());
        for (key, totals) in groups {
            let mut row: Vec<Value> = key.into_iter().map(|Key(value)| value).collect();
            for ((measure, _), total) in group.measures.iter().zip(totals) {
                row.push(total.finish(*measure, entity)?);
            }
            if holds(&group.having, &row, speller)? {
                rows.push(row);
            }
        }
        rows.sort_by(|left, right| in_order(&group.order, left, right));
        let limit = group.limit.map(|limit| speller.amount(limit)).transpose()?.flatten();
        rows.truncate(limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX)));
        let columns = group.by.len() + group.shown;
        for row in &rows {
            let cells: Vec<ValueRef<'_>> = row[..columns].iter().map(Value::as_ref).collect();
            sink.row(&cells)?;
        }
        Ok(rows.len() as u64)
    }
}

/// Equal values together, how often they are there, and least and greatest values.
fn together(group: &Group) -> Document {
    let mut key = Document::new();
    for (number, path) in group.by.iter().enumerate() {
        key.insert(format!("k{number}"), or_null(field(path)));
    }
    let mut extremes = Document::new();
    for (number, (measure, path)) in group.measures.iter().enumerate() {
        match (measure, path) {
            (Measure::Of(Aggregation::Min, _), Some(path)) => {
                extremes.insert(format!("v{number}"), doc! { "$min": field(path) });
            }
            (Measure::Of(Aggregation::Max, _), Some(path)) => {
                extremes.insert(format!("v{number}"), doc! { "$max": field(path) });
            }
            (Measure::Of(..), Some(path)) => {
                key.insert(format!("v{number}"), or_null(field(path)));
            }
            (Measure::Count, _) | (_, None) => {}
        }
    }
    let mut together = doc! { KEY: key, "n": { "$sum": 1 } };
    together.extend(extremes);
    together
}

/// Where a measure's value stands.
fn place(measure: Measure, number: usize) -> String {
    match measure {
        Measure::Of(Aggregation::Min | Aggregation::Max, _) => format!("v{number}"),
        Measure::Count | Measure::Of(..) => format!("_id.v{number}"),
    }
}

fn read(entity: &Entity, path: &Path, row: &RawDocument, place: &str) -> Result<Value> {
    use crate::plan::operation::document::column;
    let ty = entity.fields.iter().find(|field| column(field) == path.0).map(|field| &field.ty);
    let ty = ty.ok_or_else(|| Error::internal("a group is made of fields"))?;
    decode(ty, at(row, &Path(place.to_owned()))).ok_or_else(|| not_computed(entity, path))
}

fn in_order(order: &[(u16, bool, bool)], left: &[Value], right: &[Value]) -> Ordering {
    let keys = order.iter().map(|(column, descending, nulls_first)| {
        let (left, right) = (&left[usize::from(*column)], &right[usize::from(*column)]);
        match (left.is_null(), right.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => {
                if *nulls_first {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (false, true) => {
                if *nulls_first {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (false, false) if *descending => total(right.as_ref(), left.as_ref()),
            (false, false) => total(left.as_ref(), right.as_ref()),
        }
    });
    keys.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Whether a group is one of those asked for.
fn holds(having: &Condition, row: &[Value], speller: Speller<'_>) -> Result<bool> {
    let side = |side: &Side| match side {
        Side::Column(column) => Ok(row[usize::from(*column)].clone()),
        Side::Param(id) => Ok(speller.param(*id).clone()),
        Side::Literal(literal) => Ok(constant(literal)),
        Side::Path { .. } | Side::Rank(..) => Err(Error::internal("a group has no fields but its columns")),
    };
    Ok(match having {
        Condition::Const(truth) => *truth,
        Condition::All(parts) => {
            for part in parts {
                if !holds(part, row, speller)? {
                    return Ok(false);
                }
            }
            true
        }
        Condition::Any(parts) => {
            for part in parts {
                if holds(part, row, speller)? {
                    return Ok(true);
                }
            }
            false
        }
        Condition::Not(part) => !holds(part, row, speller)?,
        Condition::Compare { left, op, right, fold } => {
            compared(*op, side(left)?.as_ref(), side(right)?.as_ref(), *fold) == Some(true)
        }
        Condition::In { value, list, fold, wanted } => {
            let value = side(value)?;
            match speller.param(*list).as_list() {
                None => false,
                Some([]) => !wanted,
                Some(_) if value.is_null() => false,
                Some(list) => {
                    use crate::plan::operation::document::Comparison::Eq;
                    let equals = |item: &Value| compared(Eq, value.as_ref(), item.as_ref(), *fold) == Some(true);
                    list.iter().any(equals) == *wanted
                }
            }
        }
        Condition::Null(value) => side(value)?.is_null(),
        Condition::Text { value, op, pattern, fold, wanted } => match side(pattern)?.as_str() {
            None => false,
            Some(pattern) => matched(*op, side(value)?.as_ref(), pattern, *fold) == Some(*wanted),
        },
        Condition::Json { .. } | Condition::Word { .. } | Condition::Empty(_) => {
            return Err(Error::internal("a group has no documents and no relations"));
        }
    })
}

/// One measure of one group, so far.
enum Total {
    Count(i64),
    Distinct(BTreeSet<Key>),
    Integers(IntegerTotal),
    Floats(FloatTotal),
    Decimals(DecimalTotal),
    /// The least or the greatest value.
    Extreme(Value),
}

impl Total {
    fn of(measure: Measure, entity: &Entity) -> Total {
        let Measure::Of(aggregation, field) = measure else { return Total::Count(0) };
        match (aggregation, &entity.field(field).ty) {
            (Aggregation::CountDistinct, _) => Total::Distinct(BTreeSet::new()),
            (Aggregation::Min | Aggregation::Max, _) => Total::Extreme(Value::Null),
            (_, FieldType::Decimal { .. }) => Total::Decimals(DecimalTotal::default()),
            (_, FieldType::Float) => Total::Floats(FloatTotal::default()),
            _ => Total::Integers(IntegerTotal::default()),
        }
    }

    /// Adds a value that is there so often; nulls are skipped.
    fn add(&mut self, measure: Measure, value: Value, count: i64) {
        match (self, value) {
            (Total::Count(all), _) => *all += count,
            (_, Value::Null) => {}
            (Total::Distinct(keys), value) => {
                keys.insert(Key(value));
            }
            (Total::Integers(total), Value::Int(number)) => (0..count).for_each(|_| total.add(number)),
            (Total::Floats(total), Value::Float(number)) => (0..count).for_each(|_| total.add(number)),
            (Total::Decimals(total), Value::Decimal(number)) => (0..count).for_each(|_| total.add(&number)),
            (Total::Extreme(extreme), value) => {
                let order = total(value.as_ref(), extreme.as_ref());
                let beats = match measure {
                    Measure::Of(Aggregation::Min, _) => order.is_lt(),
                    _ => order.is_gt(),
                };
                if extreme.is_null() || beats {
                    *extreme = value;
                }
            }
            (Total::Integers(_) | Total::Floats(_) | Total::Decimals(_), _) => {}
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
            Total::Extreme(extreme) => return Ok(extreme),
            Total::Integers(total) if avg => return Ok(total.avg().into()),
            Total::Floats(total) if avg => return Ok(total.avg().into()),
            Total::Decimals(total) if avg => return Ok(total.avg().into()),
            Total::Integers(total) => total.sum().map(Value::from),
            Total::Floats(total) => total.sum().map(Value::from),
            Total::Decimals(total) => total.sum(scale).map(Value::from),
        };
        sum.map_err(|_| {
            Error::validation(measure.name(entity), "the sum is outside the type's range").with_reason(Reason::Overflow)
        })
    }
}
