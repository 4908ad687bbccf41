//! Sums and means in SQL that are exact. They add up with the code that the memory backend uses.

use std::panic::{RefUnwindSafe, UnwindSafe};

use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, Value as SqlValue, ValueRef};
use rusqlite::{Connection, Result};

use super::functions::{Refused, text_at};
use crate::value::Decimal;
use crate::value::aggregate::{DecimalTotal, FloatTotal, IntegerTotal, Overflow};

/// Makes them known to a connection. The first argument is the value, the second what is asked for, for messages.
pub(super) fn register(sqlite: &Connection, flags: FunctionFlags) -> Result<()> {
    register_one::<IntegerTotal>(sqlite, flags, "dbal_sum_integer", "dbal_avg_integer", 2)?;
    register_one::<FloatTotal>(sqlite, flags, "dbal_sum_float", "dbal_avg_float", 2)?;
    // A sum of decimals has the digits after the point that its field declares: the third argument.
    register_one::<DecimalTotal>(sqlite, flags, "dbal_sum_decimal", "dbal_avg_decimal", 3)
}

fn register_one<T: Total>(
    sqlite: &Connection,
    flags: FunctionFlags,
    sum: &'static str,
    avg: &'static str,
    sum_args: i32,
) -> Result<()> {
    sqlite.create_aggregate_function::<State<T>, _, _, _>(sum, sum_args, flags, Function { mean: false })?;
    sqlite.create_aggregate_function::<State<T>, _, _, _>(avg, 2, flags, Function { mean: true })
}

/// What adds up values of one type.
trait Total: Default + Send + UnwindSafe + RefUnwindSafe {
    /// Adds a cell that is not null; false if it is not of the type.
    fn add_cell(&mut self, cell: ValueRef<'_>) -> bool;
    fn result(&self, mean: bool, scale: Option<u32>) -> Result<SqlValue, Overflow>;
}

impl Total for IntegerTotal {
    fn add_cell(&mut self, cell: ValueRef<'_>) -> bool {
        match cell {
            ValueRef::Integer(number) => self.add(number),
            _ => return false,
        }
        true
    }

    fn result(&self, mean: bool, _scale: Option<u32>) -> Result<SqlValue, Overflow> {
        Ok(if mean { self.avg().into() } else { self.sum()?.into() })
    }
}

impl Total for FloatTotal {
    fn add_cell(&mut self, cell: ValueRef<'_>) -> bool {
        match cell {
            ValueRef::Real(number) if number.is_finite() => self.add(number),
            _ => return false,
        }
        true
    }

    fn result(&self, mean: bool, _scale: Option<u32>) -> Result<SqlValue, Overflow> {
        Ok(if mean { self.avg().into() } else { self.sum()?.into() })
    }
}

impl Total for DecimalTotal {
    fn add_cell(&mut self, cell: ValueRef<'_>) -> bool {
        match cell {
            ValueRef::Text(text) => {
                match std::str::from_utf8(text).ok().and_then(|text| text.parse::<Decimal>().ok()) {
                    Some(number) => self.add(&number),
                    None => return false,
                }
            }
            _ => return false,
        }
        true
    }

    fn result(&self, mean: bool, scale: Option<u32>) -> Result<SqlValue, Overflow> {
        let result = if mean { self.avg() } else { self.sum(scale)? };
        Ok(result.map(|number| number.to_string()).into())
    }
}

struct Function {
    mean: bool,
}

/// One group, so far. SQLite does not hand out the arguments at the end, so they are kept.
struct State<T> {
    total: T,
    name: String,
    scale: Option<u32>,
}

impl<T: Total> Aggregate<State<T>, ToSqlOutput<'static>> for Function {
    fn init(&self, context: &mut Context<'_>) -> Result<State<T>> {
        let name = text_at(context, 1).unwrap_or_default().to_owned();
        let scale = if context.len() > 2 { context.get(2)? } else { None };
        Ok(State { total: T::default(), name, scale })
    }

    fn step(&self, context: &mut Context<'_>, state: &mut State<T>) -> Result<()> {
        match context.get_raw(0) {
            ValueRef::Null => Ok(()),
            cell if state.total.add_cell(cell) => Ok(()),
            _ => Err(Refused::Misfit.error(&state.name)),
        }
    }

    fn finalize(&self, _context: &mut Context<'_>, state: Option<State<T>>) -> Result<ToSqlOutput<'static>> {
        let Some(state) = state else { return Ok(ToSqlOutput::Owned(SqlValue::Null)) };
        let result = state.total.result(self.mean, state.scale);
        result.map(ToSqlOutput::Owned).map_err(|Overflow| Refused::Overflow.error(&state.name))
    }
}
