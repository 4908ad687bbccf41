//! Rows in the order of an index, of which the first are wanted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::SqlParam;
use crate::query::ast::{Literal, Operand, ParamId};
use crate::value::Value;

/// A statement that gives rows in all of their order but the key, which comes last in it, and all of them: whoever runs
/// it puts rows in order that are equal so far, and stops when there are enough.
#[derive(Debug)]
pub struct Walk {
    /// The text.
    pub text: Arc<str>,
    /// One for each placeholder.
    pub params: Vec<SqlParam>,
    /// Where the columns stand that the rows are ordered by.
    pub by: Vec<usize>,
    /// Where the key's columns stand, by which equal rows are ordered, ascending.
    pub keys: Vec<usize>,
    /// How many rows are wanted.
    pub limit: Number,
    /// How many are left out before them.
    pub offset: Option<Number>,
    /// What the database makes of it.
    pub way: Way,
}

/// A number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// Always the same.
    Fixed(i64),
    /// The value of a parameter.
    Param(ParamId),
}

impl Number {
    /// The number that an operand is; none for what is no number of rows.
    pub fn of(operand: &Operand) -> Option<Number> {
        match operand {
            Operand::Const(Literal::Int(number)) => Some(Number::Fixed(*number)),
            Operand::Param(id) => Some(Number::Param(*id)),
            _ => None,
        }
    }

    /// How many rows it is; none where the parameter's value is no number of rows.
    pub fn rows(self, params: &[Value]) -> Option<usize> {
        let number = match self {
            Number::Fixed(number) => number,
            Number::Param(id) => params.get(usize::from(id.0))?.as_i64()?,
        };
        usize::try_from(number).ok()
    }
}

/// Whether the database finds the rows without sorting them. It decides by the indexes and by statistics, of which the
/// latter change, so that what it said counts for a while.
#[derive(Debug, Default)]
pub struct Way(AtomicU32);

/// It walks.
const WALKED: u32 = u32::MAX;

/// So often the rows are found in the other way before the database is asked again.
const WHILE: u32 = 4_096;

impl Way {
    /// Whether it walks; `ask` finds out.
    pub fn is_walked(&self, ask: impl FnOnce() -> bool) -> bool {
        // Two threads that meet here ask twice or count once: neither matters.
        match self.0.load(Ordering::Relaxed) {
            WALKED => true,
            0 => {
                let walked = ask();
                self.0.store(if walked { WALKED } else { WHILE }, Ordering::Relaxed);
                walked
            }
            left => {
                self.0.store(left - 1, Ordering::Relaxed);
                false
            }
        }
    }

    /// It sorted, whatever it said before.
    pub fn is_sorted(&self) {
        self.0.store(WHILE, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_asked_again_after_a_while() {
        let way = Way::default();
        assert!(!way.is_walked(|| false));
        for _ in 0..WHILE {
            assert!(!way.is_walked(|| panic!("it was asked just now")));
        }
        assert!(way.is_walked(|| true));
        assert!(way.is_walked(|| panic!("it walks")));
        way.is_sorted();
        assert!(!way.is_walked(|| panic!("it was seen to sort just now")));
    }
}
