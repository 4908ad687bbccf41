//! Rows along an index, with those that are equal in it put in order here.
//!
//! Every order ends with the key, and no index of SQLite does: with the key in its ORDER BY it sorts each run of equal
//! rows, which for runs of one row costs about as much again as finding them. So rows are asked for in the index's
//! order and without a limit, and the walk is left when there are enough of them. Where SQLite would sort all the same,
//! the statement that says the whole order is run instead, which keeps no more rows than are wanted.

use std::cmp::Ordering;

use rusqlite::{Connection, Statement, StatementStatus};

use crate::error::{Error, Result};
use crate::plan::operation::{Number, Walk};
use crate::row::RowSink;
use crate::value::Value;

/// Whether SQLite finds the rows of a walk without sorting any. It is asked once, and again after many other ways.
pub(super) fn is_one(sqlite: &Connection, walk: &Walk) -> bool {
    walk.way.is_walked(|| {
        let explained = format!("EXPLAIN QUERY PLAN {}", walk.text);
        let sorts = sqlite.prepare(&explained).and_then(|mut statement| {
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next()? {
                if row.get_ref(3)?.as_str().is_ok_and(|detail| detail.contains("ORDER BY")) {
                    return Ok(true);
                }
            }
            Ok(false)
        });
        matches!(sorts, Ok(false))
    })
}

/// Looks back on a walk: other statistics may have made SQLite sort after all.
pub(super) fn look_back(walk: &Walk, statement: &Statement<'_>) {
    if statement.get_status(StatementStatus::Sort) > 0 {
        walk.way.is_sorted();
    }
}

/// The rows of a walk on their way to a sink.
pub(super) struct Walked<'w> {
    walk: &'w Walk,
    /// Rows to leave out before the first that is wanted.
    skip: usize,
    /// Rows still wanted.
    left: usize,
    /// Rows that are equal in the order of the index.
    equal: Vec<Vec<Value>>,
    given: u64,
}

impl<'w> Walked<'w> {
    pub fn new(walk: &'w Walk, params: &[Value]) -> Result<Walked<'w>> {
        let left = rows(walk.limit, params)?;
        let skip = walk.offset.map_or(Ok(0), |offset| rows(offset, params))?;
        Ok(Walked { walk, skip, left, equal: Vec::new(), given: 0 })
    }

    /// Whether more rows are wanted.
    pub fn goes_on(&self) -> bool {
        self.left > 0
    }

    /// Takes the next row of the index.
    ///
    /// # Errors
    /// What the sink says.
    pub fn take(&mut self, row: Vec<Value>, sink: &mut dyn RowSink) -> Result<()> {
        if self.equal.first().is_some_and(|first| self.walk.by.iter().any(|at| first[*at] != row[*at])) {
            self.give(sink)?;
        }
        if self.goes_on() {
            self.equal.push(row);
            // Of any number of equal rows no more are kept than may be wanted.
            let wanted = self.skip.saturating_add(self.left);
            if self.equal.len() >= wanted.saturating_mul(2).saturating_add(64) {
                self.sort();
                self.equal.truncate(wanted);
            }
        }
        Ok(())
    }

    /// Gives what is left at the end of the index; says how many rows were given in all.
    ///
    /// # Errors
    /// What the sink says.
    pub fn end(mut self, sink: &mut dyn RowSink) -> Result<u64> {
        self.give(sink)?;
        Ok(self.given)
    }

    fn sort(&mut self) {
        let keys = &self.walk.keys;
        self.equal.sort_unstable_by(|one, other| {
            keys.iter().map(|at| order(&one[*at], &other[*at])).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        });
    }

    fn give(&mut self, sink: &mut dyn RowSink) -> Result<()> {
        if self.equal.len() > 1 {
            self.sort();
        }
        for row in self.equal.drain(..) {
            if self.skip > 0 {
                self.skip -= 1;
            } else if self.left > 0 {
                self.left -= 1;
                self.given += 1;
                sink.own_row(row)?;
            }
        }
        Ok(())
    }
}

/// As SQLite orders two keys of one type.
fn order(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Int(one), Value::Int(other)) => one.cmp(other),
        (Value::Text(one), Value::Text(other)) => one.as_bytes().cmp(other.as_bytes()),
        (Value::Uuid(one), Value::Uuid(other)) => one.cmp(other),
        _ => Ordering::Equal,
    }
}

fn rows(number: Number, params: &[Value]) -> Result<usize> {
    number.rows(params).ok_or_else(|| Error::internal("a limit or an offset is a number"))
}
