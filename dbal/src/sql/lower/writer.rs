//! Where sea-query writes to. It knows which values are placeholders and in which order they came.

use std::fmt;

use sea_query::{QueryBuilder, SqlWriter, Value};

use crate::plan::operation::SqlParam;
use crate::sql::dialect::Dialect;

/// Numbers from here on stand for placeholders. No other unsigned number that large is ever written: limits and offsets
/// are the only ones, and they are signed where they come from.
const FIRST_MARKER: u64 = 1 << 63;

/// The value that stands for the placeholder of a slot.
pub(super) fn marker(slot: usize) -> Value {
    Value::BigUnsigned(Some(FIRST_MARKER + slot as u64))
}

/// The marker as sea-query wants limits and offsets.
pub(super) fn number(value: &Value) -> u64 {
    match value {
        Value::BigUnsigned(Some(number)) => *number,
        _ => 0,
    }
}

/// Text so far, and the parameters of its placeholders. Values that are no markers are spelled.
pub(super) struct Writer {
    dialect: Dialect,
    text: String,
    slots: Vec<SqlParam>,
    params: Vec<SqlParam>,
}

impl Writer {
    pub(super) fn new(dialect: Dialect, slots: Vec<SqlParam>) -> Self {
        Writer { dialect, text: String::with_capacity(256), params: Vec::with_capacity(slots.len()), slots }
    }

    pub(super) fn into_parts(self) -> (String, Vec<SqlParam>) {
        (self.text, self.params)
    }
}

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text.push_str(text);
        Ok(())
    }
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl SqlWriter for Writer {
    fn push_param<T: QueryBuilder>(&mut self, value: Value, builder: &T) {
        let slot = number(&value).checked_sub(FIRST_MARKER).and_then(|slot| self.slots.get(slot as usize));
        match slot {
            Some(param) => {
                self.params.push(param.clone());
                match self.dialect {
                    Dialect::Sqlite => self.text.push('?'),
                    Dialect::Postgres => self.text.push_str(&format!("${}", self.params.len())),
                }
            }
            None => builder.prepare_constant(&value, self),
        }
    }

    fn as_writer(&mut self) -> &mut dyn fmt::Write {
        self
    }
}
