//! Rows on their way to Python: packed while the statement gives them and nobody holds the interpreter, then made into
//! dicts in one pass.

use std::collections::HashMap;
use std::sync::Arc;

use dbal::client::Envelope;
use dbal::value::{Date, DateTime, Decimal, Map, Uuid, ValueRef, json};
use dbal::{Columns, Error, Record, Response, Result, RowSink, Value};
use parking_lot::Mutex;
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::error;
use crate::types::Types;

/// One cell. Texts and bytes lie one after the other in heaps of their own, so a length says where they are.
#[derive(Clone, Copy, Debug)]
enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    DateTime(DateTime),
    Date(Date),
    Text(usize),
    Json(usize),
    Bytes(usize),
    /// Sixteen bytes in the heap of bytes.
    Uuid,
    Decimal,
    /// The next of those that are kept as they are: documents and related rows.
    Whole,
}

/// Rows, packed.
#[derive(Debug, Default)]
pub struct Rows {
    /// The columns, and how many rows there are of them.
    runs: Vec<(Arc<Columns>, usize)>,
    cells: Vec<Cell>,
    text: String,
    bytes: Vec<u8>,
    decimals: Vec<Decimal>,
    whole: Vec<Value>,
}

impl RowSink for Rows {
    fn start(&mut self, columns: &Arc<Columns>) -> Result<()> {
        self.runs.push((columns.clone(), 0));
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        self.counted()?;
        for cell in cells {
            self.push(*cell);
        }
        Ok(())
    }

    fn own_row(&mut self, values: Vec<Value>) -> Result<()> {
        self.counted()?;
        for value in values {
            match value {
                Value::List(_) | Value::Map(_) | Value::Record(_) | Value::Records(_) => {
                    self.whole.push(value);
                    self.cells.push(Cell::Whole);
                }
                other => self.push(other.as_ref()),
            }
        }
        Ok(())
    }

    fn takes_json_text(&self) -> bool {
        true
    }
}

impl Rows {
    fn counted(&mut self) -> Result<()> {
        let run = self.runs.last_mut().ok_or_else(|| Error::internal("a row came before its columns"))?;
        run.1 += 1;
        Ok(())
    }

    fn push(&mut self, cell: ValueRef<'_>) {
        let packed = match cell {
            ValueRef::Null => Cell::Null,
            ValueRef::Bool(v) => Cell::Bool(v),
            ValueRef::Int(v) => Cell::Int(v),
            ValueRef::Float(v) => Cell::Float(v),
            ValueRef::DateTime(v) => Cell::DateTime(v),
            ValueRef::Date(v) => Cell::Date(v),
            ValueRef::Text(v) => {
                self.text.push_str(v);
                Cell::Text(v.len())
            }
            ValueRef::Json(v) => {
                self.text.push_str(v);
                Cell::Json(v.len())
            }
            ValueRef::Bytes(v) => {
                self.bytes.extend_from_slice(v);
                Cell::Bytes(v.len())
            }
            ValueRef::Uuid(v) => {
                self.bytes.extend_from_slice(v.as_bytes());
                Cell::Uuid
            }
            ValueRef::Decimal(v) => {
                self.decimals.push(*v);
                Cell::Decimal
            }
            ValueRef::Value(v) => {
                self.whole.push(v.clone());
                Cell::Whole
            }
        };
        self.cells.push(packed);
    }
}

/// The names of results' columns as Python's, made once for each plan.
#[derive(Default)]
pub struct Names {
    /// By the place of the columns in memory, which holds as long as they are kept here.
    known: Mutex<HashMap<usize, Arc<Named>>>,
}

struct Named {
    #[allow(dead_code, reason = "keeps the place in memory taken")]
    columns: Arc<Columns>,
    keys: Vec<Py<PyString>>,
    /// A row of nulls: a copy of it has room for all names, and sets no name anew.
    template: Py<PyDict>,
    /// For what is computed: `price` inside `sum` of the column `sum.price`.
    nested: Vec<Option<(Py<PyString>, Py<PyString>)>>,
}

/// More names than this are forgotten.
const MOST: usize = 4096;

impl Names {
    fn of(&self, py: Python<'_>, columns: &Arc<Columns>) -> PyResult<Arc<Named>> {
        let place = Arc::as_ptr(columns) as usize;
        if let Some(named) = self.known.lock().get(&place) {
            return Ok(named.clone());
        }
        let text = |name: &str| PyString::intern(py, name).unbind();
        let template = PyDict::new(py);
        for name in &columns.names {
            template.set_item(text(name), py.None())?;
        }
        let named = Arc::new(Named {
            columns: columns.clone(),
            keys: columns.names.iter().map(|name| text(name)).collect(),
            template: template.unbind(),
            nested: columns
                .names
                .iter()
                .map(|name| name.split_once('.'))
                .map(|pair| pair.map(|(outer, inner)| (text(outer), text(inner))))
                .collect(),
        });
        let mut known = self.known.lock();
        let full = known.len() >= MOST;
        // Python's objects are let go of when the lock is free again: that may run other code.
        let forgotten = if full { std::mem::take(&mut *known) } else { HashMap::new() };
        known.insert(place, named.clone());
        drop(known);
        drop(forgotten);
        Ok(named)
    }
}

/// Makes Python's objects.
pub struct Maker<'a, 'py> {
    py: Python<'py>,
    types: &'py Types,
    names: &'a Names,
    /// What rows are made into; dicts when absent.
    into: Option<&'a Py<PyAny>>,
}

/// Where a walk over packed rows is.
struct Walk<'r> {
    rows: &'r Rows,
    cell: usize,
    text: usize,
    bytes: usize,
    decimal: usize,
    whole: usize,
}

impl<'a, 'py> Maker<'a, 'py> {
    /// A maker.
    ///
    /// # Errors
    /// When Python's own modules cannot be imported.
    pub fn new(py: Python<'py>, names: &'a Names, into: Option<&'a Py<PyAny>>) -> PyResult<Self> {
        Ok(Maker { py, types: Types::get(py)?, names, into })
    }

    /// The answer to a request whose rows were packed.
    ///
    /// # Errors
    /// What Python raises, and an `InternalError` for an answer without its row.
    pub fn answer(&self, rows: &Rows, envelope: Envelope) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        match envelope {
            Envelope::Row => self.first(rows, false)?.ok_or_else(|| missing(py)),
            Envelope::Maybe => Ok(self.first(rows, false)?.unwrap_or_else(|| py.None().into_bound(py))),
            Envelope::Rows => Ok(self.list(rows, false)?.into_any()),
            Envelope::Page(page) => page_class(py)?.call1((
                self.list(rows, false)?,
                page.total,
                page.page,
                page.limit,
                page.has_more,
                page.next_cursor,
                page.prev_cursor,
            )),
            Envelope::Count(count) => count.into_bound_py_any(py),
            Envelope::Affected(count) => affected(py, count),
            Envelope::Group => self.first(rows, true)?.ok_or_else(|| missing(py)),
            Envelope::Groups => Ok(self.list(rows, true)?.into_any()),
            Envelope::Done => true.into_bound_py_any(py),
            Envelope::Values | Envelope::Value => {
                let mut walk = Walk::new(rows);
                let values = rows.cells.iter().map(|_| walk.next(self)).collect::<PyResult<Vec<_>>>()?;
                match envelope {
                    Envelope::Value => values.into_iter().next().ok_or_else(|| missing(py)),
                    _ => Ok(PyList::new(py, values)?.into_any()),
                }
            }
        }
    }

    /// An answer that was gathered.
    ///
    /// # Errors
    /// What Python raises.
    pub fn response(&self, response: Response) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        match response {
            Response::Row(record) | Response::Maybe(Some(record)) => self.record(&record),
            Response::Maybe(None) => Ok(py.None().into_bound(py)),
            Response::Rows(records) => self.records(&records),
            Response::Page(page) => page_class(py)?.call1((
                self.records(&page.data)?,
                page.total,
                page.page,
                page.limit,
                page.has_more,
                page.next_cursor,
                page.prev_cursor,
            )),
            Response::Count(count) => count.into_bound_py_any(py),
            Response::Affected(count) => affected(py, count),
            Response::Values { values, .. } => self.value(&Value::List(values)),
            Response::Group(group) => self.map(&group),
            Response::Groups(groups) => self.value(&Value::List(groups.into_iter().map(Value::Map).collect())),
            Response::Done => true.into_bound_py_any(py),
            Response::Called(answered) => self.response(answered.response),
            Response::Value(value) => self.value(&value),
            Response::Batch(all) => {
                let all = all.into_iter().map(|one| self.response(one.response)).collect::<PyResult<Vec<_>>>()?;
                Ok(PyList::new(py, all)?.into_any())
            }
        }
    }

    /// Rows that were kept.
    ///
    /// # Errors
    /// What Python raises.
    pub fn records(&self, records: &[Record]) -> PyResult<Bound<'py, PyAny>> {
        let rows = records.iter().map(|record| self.record(record)).collect::<PyResult<Vec<_>>>()?;
        Ok(PyList::new(self.py, rows)?.into_any())
    }

    fn first(&self, rows: &Rows, computed: bool) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some((columns, _)) = rows.runs.iter().find(|(_, count)| *count > 0) else { return Ok(None) };
        let named = self.names.of(self.py, columns)?;
        self.row(&mut Walk::new(rows), &named, computed).map(Some)
    }

    fn list(&self, rows: &Rows, computed: bool) -> PyResult<Bound<'py, PyList>> {
        let mut walk = Walk::new(rows);
        let count = rows.runs.iter().map(|(_, count)| count).sum();
        let _quiet = (count >= MANY && self.into.is_none()).then(Uncollected::new);
        let mut made = Vec::with_capacity(count);
        for (columns, count) in rows.runs.iter().filter(|(_, count)| *count > 0) {
            let named = self.names.of(self.py, columns)?;
            for _ in 0..*count {
                made.push(self.row(&mut walk, &named, computed)?);
            }
        }
        PyList::new(self.py, made)
    }

    fn row(&self, walk: &mut Walk<'_>, named: &Named, computed: bool) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        if computed {
            let dict = PyDict::new(py);
            for (key, nested) in named.keys.iter().zip(&named.nested) {
                let value = walk.next(self)?;
                match nested {
                    None => dict.set_item(key, value)?,
                    Some((outer, inner)) => inside(&dict, outer.bind(py))?.set_item(inner, value)?,
                }
            }
            return Ok(dict.into_any());
        }
        let dict = named.template.bind(py).copy()?;
        for key in &named.keys {
            // The template says null already.
            if let Some(value) = walk.step(self)? {
                dict.set_item(key, value)?;
            }
        }
        self.made(dict)
    }

    fn made(&self, dict: Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
        match self.into {
            None => Ok(dict.into_any()),
            Some(class) => class.bind(self.py).call((), Some(&dict)),
        }
    }

    fn record(&self, record: &Record) -> PyResult<Bound<'py, PyAny>> {
        self.made(self.plain(record)?)
    }

    fn plain(&self, record: &Record) -> PyResult<Bound<'py, PyDict>> {
        let named = self.names.of(self.py, record.columns())?;
        let dict = named.template.bind(self.py).copy()?;
        for (key, value) in named.keys.iter().zip(record.values()) {
            if !matches!(value, Value::Null | Value::Undefined) {
                dict.set_item(key, self.value(value)?)?;
            }
        }
        Ok(dict)
    }

    fn map(&self, map: &Map) -> PyResult<Bound<'py, PyAny>> {
        let dict = PyDict::new(self.py);
        for (name, value) in map.iter() {
            dict.set_item(name, self.value(value)?)?;
        }
        Ok(dict.into_any())
    }

    /// A json document by its text.
    fn document(&self, text: &str) -> PyResult<Bound<'py, PyAny>> {
        let parsed = json::parse(text.as_bytes());
        self.value(&parsed.map_err(|error| error::raised(self.py, &error))?)
    }

    /// A value as Python has it.
    ///
    /// # Errors
    /// What Python raises.
    pub fn value(&self, value: &Value) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        match value {
            Value::Null | Value::Undefined => Ok(py.None().into_bound(py)),
            Value::Bool(v) => v.into_bound_py_any(py),
            Value::Int(v) => v.into_bound_py_any(py),
            Value::Float(v) => v.into_bound_py_any(py),
            Value::Decimal(v) => self.types.decimal_of(py, v),
            Value::Text(v) => Ok(PyString::new(py, v).into_any()),
            Value::Bytes(v) => Ok(PyBytes::new(py, v).into_any()),
            Value::Uuid(v) => self.types.uuid_of(py, *v),
            Value::DateTime(v) => self.types.datetime_of(py, *v),
            Value::Date(v) => self.types.date_of(py, *v),
            Value::List(v) => {
                let items = v.iter().map(|item| self.value(item)).collect::<PyResult<Vec<_>>>()?;
                Ok(PyList::new(py, items)?.into_any())
            }
            Value::Map(v) => self.map(v),
            Value::Json(text) => self.document(text),
            Value::Record(v) => self.plain(v).map(Bound::into_any),
            Value::Records(v) => {
                let rows = v.iter().map(|record| self.plain(record)).collect::<PyResult<Vec<_>>>()?;
                Ok(PyList::new(py, rows)?.into_any())
            }
        }
    }
}

impl<'r> Walk<'r> {
    fn new(rows: &'r Rows) -> Self {
        Walk { rows, cell: 0, text: 0, bytes: 0, decimal: 0, whole: 0 }
    }

    fn next<'py>(&mut self, maker: &Maker<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.step(maker)?.unwrap_or_else(|| maker.py.None().into_bound(maker.py)))
    }

    /// The next cell; none where it is null.
    fn step<'py>(&mut self, maker: &Maker<'_, 'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (py, types) = (maker.py, maker.types);
        let cell = self.rows.cells[self.cell];
        self.cell += 1;
        Ok(Some(match cell {
            Cell::Null => return Ok(None),
            Cell::Bool(v) => v.into_bound_py_any(py)?,
            Cell::Int(v) => v.into_bound_py_any(py)?,
            Cell::Float(v) => v.into_bound_py_any(py)?,
            Cell::DateTime(v) => types.datetime_of(py, v)?,
            Cell::Date(v) => types.date_of(py, v)?,
            Cell::Text(length) => PyString::new(py, self.text(length)).into_any(),
            Cell::Json(length) => {
                let text = self.text(length);
                maker.document(text)?
            }
            Cell::Bytes(length) => PyBytes::new(py, self.bytes(length)).into_any(),
            Cell::Uuid => {
                let mut bytes = [0; 16];
                bytes.copy_from_slice(self.bytes(16));
                types.uuid_of(py, Uuid::from_bytes(bytes))?
            }
            Cell::Decimal => {
                self.decimal += 1;
                types.decimal_of(py, &self.rows.decimals[self.decimal - 1])?
            }
            Cell::Whole => {
                self.whole += 1;
                maker.value(&self.rows.whole[self.whole - 1])?
            }
        }))
    }

    fn text(&mut self, length: usize) -> &'r str {
        let start = self.text;
        self.text += length;
        &self.rows.text[start..self.text]
    }

    fn bytes(&mut self, length: usize) -> &'r [u8] {
        let start = self.bytes;
        self.bytes += length;
        &self.rows.bytes[start..self.bytes]
    }
}

/// As many rows are made without the collector of cycles looking at them in between: there are none in them, and it would
/// begin anew with every few hundred.
const MANY: usize = 100;

/// Keeps the collector of cycles from running.
struct Uncollected {
    was_enabled: bool,
}

impl Uncollected {
    fn new() -> Self {
        // SAFETY: whoever makes rows is attached to the interpreter.
        Uncollected { was_enabled: unsafe { pyo3::ffi::PyGC_Disable() } == 1 }
    }
}

impl Drop for Uncollected {
    fn drop(&mut self) {
        if self.was_enabled {
            // SAFETY: as above; rows are made without being detached from it.
            unsafe { pyo3::ffi::PyGC_Enable() };
        }
    }
}

/// The dict under a name, made if it is not there.
fn inside<'py>(dict: &Bound<'py, PyDict>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyDict>> {
    if let Some(found) = dict.get_item(name)? {
        return Ok(found.cast_into::<PyDict>()?);
    }
    let made = PyDict::new(dict.py());
    dict.set_item(name, &made)?;
    Ok(made)
}

fn affected(py: Python<'_>, count: i64) -> PyResult<Bound<'_, PyAny>> {
    let dict = PyDict::new(py);
    dict.set_item(pyo3::intern!(py, "count"), count)?;
    Ok(dict.into_any())
}

fn page_class(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static PAGE: pyo3::sync::PyOnceLock<Py<PyAny>> = pyo3::sync::PyOnceLock::new();
    PAGE.import(py, "dbal.page", "Page")
}

fn missing(py: Python<'_>) -> PyErr {
    error::raised(py, &Error::internal("an answer came without its row"))
}
