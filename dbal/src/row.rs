//! Results: rows of borrowed cells pushed into a sink, and the owned records most hosts want.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::error::Result;
use crate::value::{Map, Name, Value, ValueRef};

/// The names of a result's columns, shared by all its rows.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Columns {
    /// Field and relation names in order.
    pub names: Vec<Name>,
}

impl Columns {
    /// Where a name stands.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|column| column == name)
    }
}

/// Takes the rows of a result, one at a time, while they are still in the driver's buffer.
pub trait RowSink {
    /// Called before the first row, also when there are no rows; again when the rows that follow have other columns,
    /// as those of an upsert may.
    fn start(&mut self, columns: &Arc<Columns>) -> Result<()>;
    /// Called for each row; the cells are valid until it returns. An error stops the statement.
    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()>;
    /// Called instead of [`RowSink::row`] for a row that was put together in memory, which may be kept as it is.
    fn own_row(&mut self, values: Vec<Value>) -> Result<()> {
        let cells: SmallVec<[ValueRef<'_>; 16]> = values.iter().map(Value::as_ref).collect();
        self.row(&cells)
    }
    /// Whether json documents in the rows of [`RowSink::own_row`], and in rows related to these, may be their texts
    /// ([`Value::Json`]): a sink that hands them on as text has them parsed for nothing.
    fn takes_json_text(&self) -> bool {
        false
    }
}

impl<S: RowSink + ?Sized> RowSink for &mut S {
    fn start(&mut self, columns: &Arc<Columns>) -> Result<()> {
        (**self).start(columns)
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        (**self).row(cells)
    }

    fn own_row(&mut self, values: Vec<Value>) -> Result<()> {
        (**self).own_row(values)
    }

    fn takes_json_text(&self) -> bool {
        (**self).takes_json_text()
    }
}

/// One row with its column names.
#[derive(Clone, Debug)]
pub struct Record {
    columns: Arc<Columns>,
    values: Vec<Value>,
}

impl Record {
    /// A record of these columns and as many values.
    pub fn new(columns: Arc<Columns>, values: Vec<Value>) -> Self {
        debug_assert_eq!(columns.names.len(), values.len());
        Record { columns, values }
    }

    /// The value of a field, or of an included relation.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.columns.position(name).map(|position| &self.values[position])
    }

    /// The row as a type of the program's own, by serde.
    ///
    /// # Errors
    /// Names the field whose value does not fit the type.
    pub fn to<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        crate::value::from_record(self)
    }

    /// The names of its columns.
    pub fn columns(&self) -> &Arc<Columns> {
        &self.columns
    }

    /// Its values in the order of the columns.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.columns.names.iter().map(AsRef::as_ref).zip(&self.values)
    }

    /// The values alone.
    pub fn into_values(self) -> Vec<Value> {
        self.values
    }

    /// As a map, names copied.
    pub fn into_map(self) -> Map {
        Map(self.columns.names.iter().cloned().zip(self.values).collect())
    }
}

/// Equal names and values, in any order of columns.
impl PartialEq for Record {
    fn eq(&self, other: &Record) -> bool {
        self.values.len() == other.values.len() && self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

/// A row as values of its own.
fn owned(cells: &[ValueRef<'_>]) -> Vec<Value> {
    let mut values: Vec<Value> = std::iter::repeat_with(|| Value::Null).take(cells.len()).collect();
    cells.iter().zip(&mut values).for_each(|(cell, value)| cell.write_to(value));
    values
}

/// A sink that keeps the last row, for answers that have one.
#[derive(Debug, Default)]
pub(crate) struct LastRecord {
    columns: Option<Arc<Columns>>,
    /// The row.
    pub record: Option<Record>,
}

impl RowSink for LastRecord {
    fn start(&mut self, columns: &Arc<Columns>) -> Result<()> {
        self.columns = Some(columns.clone());
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        self.own_row(owned(cells))
    }

    fn own_row(&mut self, values: Vec<Value>) -> Result<()> {
        // Told once for all rows that have them.
        let known = || self.record.as_ref().map(|last| last.columns.clone());
        let columns = self.columns.take().or_else(known).unwrap_or_default();
        self.record = Some(Record { columns, values });
        Ok(())
    }
}

/// A sink that keeps every row as a [`Record`].
#[derive(Debug, Default)]
pub struct RecordSink {
    /// None until there are any: empty ones would be made for each request.
    columns: Option<Arc<Columns>>,
    /// The rows so far.
    pub records: Vec<Record>,
}

impl RowSink for RecordSink {
    fn start(&mut self, columns: &Arc<Columns>) -> Result<()> {
        self.columns = Some(columns.clone());
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        self.own_row(owned(cells))
    }

    fn own_row(&mut self, values: Vec<Value>) -> Result<()> {
        self.records.push(Record { columns: self.columns.clone().unwrap_or_default(), values });
        Ok(())
    }
}
