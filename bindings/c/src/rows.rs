//! Rows as they are packed while the statement gives them: cells of sixteen bytes, and one heap of texts with a NUL behind
//! each, so that C reads them where they lie.

use std::sync::Arc;

use dbal::value::{Date, DateTime, Decimal};
use dbal::{Columns, Error, Result, RowSink, Value, ValueRef};

/// What a value or a cell is.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum dbal_type {
    /// Not given; there is no such cell.
    DBAL_TYPE_UNSET = 0,
    /// Null.
    DBAL_TYPE_NULL = 1,
    /// True or false.
    DBAL_TYPE_BOOL = 2,
    /// A whole number of up to 64 bits.
    DBAL_TYPE_INT = 3,
    /// A number with a fraction.
    DBAL_TYPE_FLOAT = 4,
    /// An exact decimal number, read as text.
    DBAL_TYPE_DECIMAL = 5,
    /// Text.
    DBAL_TYPE_TEXT = 6,
    /// Bytes.
    DBAL_TYPE_BYTES = 7,
    /// A UUID, read as text in lower case.
    DBAL_TYPE_UUID = 8,
    /// An instant: milliseconds since 1970 in UTC as a number, RFC 3339 as text.
    DBAL_TYPE_DATETIME = 9,
    /// A day: days since 1970 as a number, YYYY-MM-DD as text.
    DBAL_TYPE_DATE = 10,
    /// A json document, read as JSON text, or as a dbal_value.
    DBAL_TYPE_JSON = 11,
    /// A list.
    DBAL_TYPE_LIST = 12,
    /// Names with values.
    DBAL_TYPE_MAP = 13,
    /// The related row of an include, or null: read with dbal_result_rows.
    DBAL_TYPE_ROW = 14,
    /// The related rows of an include: read with dbal_result_rows.
    DBAL_TYPE_ROWS = 15,
}

/// One cell.
#[derive(Clone, Copy, Debug)]
pub enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    DateTime(DateTime),
    Date(Date),
    /// Bytes of the heap, with a NUL behind them.
    Text(u32, usize),
    Json(u32, usize),
    Uuid(usize),
    Bytes(u32, usize),
    Decimal(usize),
    /// One of those that are kept as they are: documents and related rows.
    Whole(usize),
}

/// Rows, packed.
#[derive(Debug, Default)]
pub struct Rows {
    /// Columns, the row from which on they hold, and the first cell of that row.
    runs: Vec<(Arc<Columns>, usize, usize)>,
    cells: Vec<Cell>,
    heap: Vec<u8>,
    decimals: Vec<Decimal>,
    whole: Vec<Value>,
    count: usize,
}

/// The length of a UUID's text.
pub const UUID_TEXT: usize = 36;

impl RowSink for Rows {
    fn start(&mut self, columns: &Arc<Columns>) -> Result<()> {
        self.runs.push((columns.clone(), self.count, self.cells.len()));
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        self.cells.reserve(cells.len());
        for cell in cells {
            self.add(cell)?;
        }
        self.count += 1;
        Ok(())
    }

    fn own_row(&mut self, values: Vec<Value>) -> Result<()> {
        for value in values {
            match value {
                Value::List(_) | Value::Map(_) | Value::Record(_) | Value::Records(_) => self.keep(value),
                other => self.add(&other.as_ref())?,
            }
        }
        self.count += 1;
        Ok(())
    }

    fn takes_json_text(&self) -> bool {
        true
    }
}

impl Rows {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Forgets all, but not the memory they took.
    pub fn clear(&mut self) {
        self.runs.clear();
        self.cells.clear();
        self.heap.clear();
        self.decimals.clear();
        self.whole.clear();
        self.count = 0;
    }

    /// The columns of a row, by the number of their run; those that would have been where there is no row.
    pub fn run_of(&self, row: usize) -> usize {
        match self.runs.len() {
            0 | 1 => 0,
            runs => self.runs.iter().rposition(|(_, first, _)| *first <= row).unwrap_or(runs - 1),
        }
    }

    /// The columns of a run.
    pub fn columns(&self, run: usize) -> Option<&Arc<Columns>> {
        self.runs.get(run).map(|(columns, ..)| columns)
    }

    /// Where the first cell of a row in a run is, and how many cells the row has: none where there is no such row.
    pub fn place(&self, run: usize, row: usize) -> (usize, usize) {
        match self.runs.get(run) {
            Some((columns, first_row, first_cell)) if row < self.count => {
                let width = columns.names.len();
                (first_cell + (row - first_row) * width, width)
            }
            _ => (0, 0),
        }
    }

    /// A cell, counted from the first one of all rows.
    #[inline]
    pub fn cell(&self, index: usize) -> Option<Cell> {
        self.cells.get(index).copied()
    }

    /// Text of the heap with the NUL behind it, of a cell that is read as text as it lies there.
    #[inline]
    pub fn lying_text(&self, cell: Cell) -> Option<&[u8]> {
        let (length, start) = match cell {
            Cell::Text(length, start) | Cell::Json(length, start) => (length as usize, start),
            Cell::Uuid(start) => (UUID_TEXT, start),
            _ => return None,
        };
        self.heap.get(start..)?.get(..length)
    }

    /// Bytes of the heap.
    pub fn bytes(&self, length: u32, start: usize) -> &[u8] {
        &self.heap[start..start + length as usize]
    }

    /// A decimal.
    pub fn decimal(&self, index: usize) -> &Decimal {
        &self.decimals[index]
    }

    /// What was kept as it is.
    pub fn whole(&self, index: usize) -> &Value {
        &self.whole[index]
    }

    fn keep(&mut self, value: Value) {
        self.whole.push(value);
        self.cells.push(Cell::Whole(self.whole.len() - 1));
    }

    /// Bytes for the heap, and a NUL behind them: how many, and where they begin.
    #[inline]
    fn text(&mut self, bytes: &[u8]) -> Result<(u32, usize)> {
        let length = u32::try_from(bytes.len()).map_err(|_| Error::internal("a cell of more than 4 GiB"))?;
        let start = self.heap.len();
        self.heap.reserve(bytes.len() + 1);
        // SAFETY: there is room for the bytes and one more behind what is there, and both are written before they count.
        // Written as one, since to extend and to push would each ask once more whether there is room.
        unsafe {
            let end = self.heap.as_mut_ptr().add(start);
            end.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            end.add(bytes.len()).write(0);
            self.heap.set_len(start + bytes.len() + 1);
        }
        Ok((length, start))
    }

    /// Adds a cell. Each arm writes it where it stays: one that is handed back is written in pieces and copied whole, and
    /// the processor waits for the pieces. The kinds that most cells are of are in the loop over a row.
    #[inline(always)]
    fn add(&mut self, cell: &ValueRef<'_>) -> Result<()> {
        match *cell {
            ValueRef::Null => self.cells.push(Cell::Null),
            ValueRef::Int(v) => self.cells.push(Cell::Int(v)),
            ValueRef::DateTime(v) => self.cells.push(Cell::DateTime(v)),
            ValueRef::Text(v) => {
                let (length, start) = self.text(v.as_bytes())?;
                self.cells.push(Cell::Text(length, start));
            }
            _ => return self.add_other(cell),
        }
        Ok(())
    }

    #[inline(never)]
    fn add_other(&mut self, cell: &ValueRef<'_>) -> Result<()> {
        match *cell {
            ValueRef::Null | ValueRef::Int(_) | ValueRef::DateTime(_) | ValueRef::Text(_) => return self.add(cell),
            ValueRef::Bool(v) => self.cells.push(Cell::Bool(v)),
            ValueRef::Float(v) => self.cells.push(Cell::Float(v)),
            ValueRef::Date(v) => self.cells.push(Cell::Date(v)),
            ValueRef::Json(v) => {
                let (length, start) = self.text(v.as_bytes())?;
                self.cells.push(Cell::Json(length, start));
            }
            ValueRef::Bytes(v) => {
                let (length, start) = self.text(v)?;
                self.cells.push(Cell::Bytes(length, start));
            }
            ValueRef::Uuid(v) => {
                let mut text = [0; UUID_TEXT + 1];
                v.hyphenated().encode_lower(&mut text);
                self.cells.push(Cell::Uuid(self.heap.len()));
                self.heap.extend_from_slice(&text);
            }
            ValueRef::Decimal(v) => {
                self.decimals.push(*v);
                self.cells.push(Cell::Decimal(self.decimals.len() - 1));
            }
            ValueRef::Value(v) => self.keep(v.clone()),
        }
        Ok(())
    }
}

impl Rows {
    /// Adds a row that was kept.
    ///
    /// # Errors
    /// INTERNAL_ERROR for a cell that is larger than memory.
    pub fn record(&mut self, record: dbal::Record) -> Result<()> {
        self.known(&record)?;
        self.own_row(record.into_values())
    }

    /// Adds a copy of a row that is kept elsewhere.
    ///
    /// # Errors
    /// As [`Rows::record`].
    pub fn copy(&mut self, record: &dbal::Record) -> Result<()> {
        self.known(record)?;
        self.cells.reserve(record.values().len());
        record.values().iter().try_for_each(|value| self.add(&value.as_ref()))?;
        self.count += 1;
        Ok(())
    }

    fn known(&mut self, record: &dbal::Record) -> Result<()> {
        match self.runs.last().is_some_and(|(columns, ..)| Arc::ptr_eq(columns, record.columns())) {
            true => Ok(()),
            false => self.start(&record.columns().clone()),
        }
    }
}
