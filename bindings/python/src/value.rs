//! Reads what a program gives: Python's values become the engine's, or faults that say where they stand.

use dbal::value::{Date, DateTime, Decimal, Map, Name, Uuid, Value};
use dbal::{Error, FieldFault, Result};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyMapping, PyMemoryView, PyString, PyTuple,
};
use smallvec::SmallVec;

use crate::types::Types;

/// Deeper data, and data that contains itself, is refused. The engine's own limits are far below.
const MAX_DEPTH: u32 = 500;

/// The ordinal of 1970-01-01 in Python's calendar.
const EPOCH: i32 = 719_163;

/// What is not given: absent in data, a fault in a filter.
#[pyclass(frozen, module = "dbal")]
pub struct Unset;

#[pymethods]
impl Unset {
    fn __repr__(&self) -> &'static str {
        "dbal.UNSET"
    }

    fn __bool__(&self) -> bool {
        false
    }

    fn __reduce__(&self) -> &'static str {
        "UNSET"
    }
}

/// Reads the values of one request and keeps what is wrong with them.
pub struct Reader<'py> {
    py: Python<'py>,
    types: &'py Types,
    faults: Vec<FieldFault>,
}

/// Where a value stands.
#[derive(Clone, Copy)]
pub struct At<'a> {
    outer: Option<&'a At<'a>>,
    step: Step<'a>,
    depth: u32,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

impl<'a> At<'a> {
    /// An argument.
    pub fn argument(name: &'a str) -> At<'a> {
        At { outer: None, step: Step::Name(name), depth: 0 }
    }

    fn inside(&'a self, step: Step<'a>) -> At<'a> {
        At { outer: Some(self), step, depth: self.depth + 1 }
    }

    /// As the engine names places: the fields of data by their own names.
    fn path(&self) -> String {
        let step = match self.step {
            Step::Name(name) => name.to_owned(),
            Step::Index(index) => index.to_string(),
        };
        match self.outer {
            None => step,
            Some(outer) if outer.outer.is_none() && matches!(outer.step, Step::Name("data")) => step,
            Some(outer) => format!("{}.{step}", outer.path()),
        }
    }
}

impl<'py> Reader<'py> {
    /// A reader.
    ///
    /// # Errors
    /// When Python's own modules cannot be imported.
    pub fn new(py: Python<'py>) -> PyResult<Self> {
        Ok(Reader { py, types: Types::get(py)?, faults: Vec::new() })
    }

    /// Everything that was wrong.
    pub fn done(self) -> Result<()> {
        if self.faults.is_empty() { Ok(()) } else { Err(Error::invalid(self.faults)) }
    }

    /// Adds a fault.
    pub fn fault(&mut self, at: &At<'_>, message: impl Into<String>) -> Value {
        self.faults.push(FieldFault { field: at.path(), message: message.into(), index: None });
        Value::Null
    }

    /// One value; null where it is refused.
    pub fn value(&mut self, given: &Bound<'py, PyAny>, at: &At<'_>) -> Value {
        // Exact types first: they are nearly all there is.
        if let Ok(text) = given.cast_exact::<PyString>() {
            return self.text(text, at);
        }
        if let Ok(number) = given.cast_exact::<PyInt>() {
            return self.whole(number.as_any(), at);
        }
        if given.is_none() {
            return Value::Null;
        }
        if let Ok(flag) = given.cast_exact::<PyBool>() {
            return Value::Bool(flag.is_true());
        }
        if let Ok(number) = given.cast_exact::<PyFloat>() {
            return Value::Float(number.value());
        }
        if let Ok(map) = given.cast_exact::<PyDict>() {
            return self.dict(map, at);
        }
        if let Ok(list) = given.cast_exact::<PyList>() {
            return self.list(list.iter(), at);
        }
        if let Ok(tuple) = given.cast_exact::<PyTuple>() {
            return self.list(tuple.iter(), at);
        }
        self.other(given, at)
    }

    /// The names and values of a mapping; none, and a fault, for anything else.
    pub fn map(&mut self, given: &Bound<'py, PyAny>, at: &At<'_>) -> Option<Map> {
        match self.value(given, at) {
            Value::Map(map) => Some(map),
            _ => {
                if self.faults.is_empty() {
                    self.fault(at, format!("expected a mapping, not {}", kind_of(given)));
                }
                None
            }
        }
    }

    fn other(&mut self, given: &Bound<'py, PyAny>, at: &At<'_>) -> Value {
        let py = self.py;
        let is = |class: &Py<PyAny>| given.is_instance(class.bind(py)).unwrap_or(false);
        if given.cast_exact::<Unset>().is_ok() {
            return Value::Undefined;
        }
        if is(&self.types.uuid) {
            return match given.getattr(intern!(py, "int")).and_then(|number| number.extract::<u128>()) {
                Ok(number) => Value::Uuid(Uuid::from_u128(number)),
                Err(_) => self.fault(at, "a UUID that holds no number"),
            };
        }
        if is(&self.types.datetime) {
            return self.instant(given, at);
        }
        if is(&self.types.date) {
            let day = given.call_method0(intern!(py, "toordinal")).and_then(|ordinal| ordinal.extract::<i32>());
            return match day.ok().and_then(|ordinal| Date::from_epoch_days(ordinal - EPOCH)) {
                Some(date) => Value::Date(date),
                None => self.fault(at, "a date outside the years 0001 to 9999"),
            };
        }
        if is(&self.types.decimal) {
            return self.decimal(given, at);
        }
        if let Ok(bytes) = given.cast::<PyBytes>() {
            return Value::Bytes(bytes.as_bytes().to_vec());
        }
        if let Ok(bytes) = given.cast::<PyByteArray>() {
            return Value::Bytes(bytes.to_vec());
        }
        if let Ok(view) = given.cast::<PyMemoryView>() {
            let bytes = view.call_method0(intern!(py, "tobytes")).ok();
            return match bytes.and_then(|bytes| bytes.extract::<Vec<u8>>().ok()) {
                Some(bytes) => Value::Bytes(bytes),
                None => self.fault(at, "a memoryview that gives no bytes"),
            };
        }
        // Classes of the program's own that are one of these: an IntEnum, a StrEnum, an OrderedDict.
        if let Ok(text) = given.cast::<PyString>() {
            return self.text(text, at);
        }
        if let Ok(number) = given.cast::<PyInt>() {
            return self.whole(number.as_any(), at);
        }
        if let Ok(number) = given.cast::<PyFloat>() {
            return Value::Float(number.value());
        }
        if let Ok(list) = given.cast::<PyList>() {
            return self.list(list.iter(), at);
        }
        if let Ok(tuple) = given.cast::<PyTuple>() {
            return self.list(tuple.iter(), at);
        }
        if let Ok(map) = given.cast::<PyMapping>() {
            return match map.items() {
                Ok(items) => self.pairs(items.iter().filter_map(|pair| pair.extract().ok()).collect(), at),
                Err(_) => self.fault(at, "a mapping whose items cannot be read"),
            };
        }
        self.fault(at, format!("expected plain data, not {}", kind_of(given)))
    }

    fn text(&mut self, text: &Bound<'py, PyString>, at: &At<'_>) -> Value {
        match text.to_str() {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => self.fault(at, "half of a surrogate pair; text is Unicode"),
        }
    }

    /// A whole number beyond 64 bits is exact as a decimal; what is no decimal says that it expected something else.
    fn whole(&mut self, number: &Bound<'py, PyAny>, at: &At<'_>) -> Value {
        if let Ok(small) = number.extract::<i64>() {
            return Value::Int(small);
        }
        let digits = number.extract::<i128>().ok().and_then(|number| Decimal::new(number, 0));
        match digits {
            Some(decimal) => Value::Decimal(Box::new(decimal)),
            None => self.fault(at, "a whole number of more than 34 digits"),
        }
    }

    fn decimal(&mut self, given: &Bound<'py, PyAny>, at: &At<'_>) -> Value {
        let py = self.py;
        let parsed = |text: PyResult<Bound<'py, PyAny>>| text.ok()?.extract::<String>().ok()?.parse::<Decimal>().ok();
        if let Some(decimal) = parsed(given.str().map(Bound::into_any)) {
            return Value::Decimal(Box::new(decimal));
        }
        let finite = given.call_method0(intern!(py, "is_finite")).and_then(|finite| finite.extract()).unwrap_or(false);
        if !finite {
            return self.fault(at, "not a finite number");
        }
        // Written with an exponent; a huge one is not spelled out.
        let magnitude = given.call_method0(intern!(py, "adjusted")).and_then(|power| power.extract::<i64>());
        let plain = match magnitude {
            Ok(-80..=80) => parsed(given.call_method1(intern!(py, "__format__"), ("f",))),
            _ => None,
        };
        match plain {
            Some(decimal) => Value::Decimal(Box::new(decimal)),
            None => self.fault(at, "a decimal of more than 34 digits"),
        }
    }

    /// Milliseconds, cut downwards.
    fn instant(&mut self, given: &Bound<'py, PyAny>, at: &At<'_>) -> Value {
        let py = self.py;
        let Ok(since) = given.sub(self.types.epoch.bind(py)) else {
            return self
                .fault(at, "a datetime without a time zone; give an aware one, such as datetime.now(timezone.utc)");
        };
        let part = |name| since.getattr(name).and_then(|part| part.extract::<i64>());
        let millis = (|| {
            let days = part(intern!(py, "days"))?;
            let seconds = part(intern!(py, "seconds"))?;
            PyResult::Ok((days * 86_400 + seconds) * 1000 + part(intern!(py, "microseconds"))? / 1000)
        })();
        match millis.ok().and_then(DateTime::from_epoch_millis) {
            Some(instant) => Value::DateTime(instant),
            None => self.fault(at, "a datetime outside the years 0001 to 9999 in UTC"),
        }
    }

    fn list(&mut self, items: impl Iterator<Item = Bound<'py, PyAny>>, at: &At<'_>) -> Value {
        if at.depth >= MAX_DEPTH {
            return self.too_deep(at);
        }
        let mut values = Vec::with_capacity(items.size_hint().0);
        for (index, item) in items.enumerate() {
            values.push(self.value(&item, &at.inside(Step::Index(index))));
        }
        Value::List(values)
    }

    fn dict(&mut self, map: &Bound<'py, PyDict>, at: &At<'_>) -> Value {
        // Taken out first: reading a value may run code that changes the dict.
        self.pairs(map.iter().collect(), at)
    }

    fn pairs(&mut self, pairs: SmallVec<[(Bound<'py, PyAny>, Bound<'py, PyAny>); 8]>, at: &At<'_>) -> Value {
        if at.depth >= MAX_DEPTH {
            return self.too_deep(at);
        }
        let mut map = Map(Vec::with_capacity(pairs.len()));
        for (key, value) in &pairs {
            let name = match key.cast::<PyString>().map(|name| name.to_str()) {
                Ok(Ok(name)) => name,
                _ => {
                    self.fault(at, format!("a name is text, not {}", kind_of(key)));
                    continue;
                }
            };
            let value = self.value(value, &at.inside(Step::Name(name)));
            map.0.push((name_of(name), value));
        }
        Value::Map(map)
    }

    fn too_deep(&mut self, at: &At<'_>) -> Value {
        let mut outermost = at;
        while let Some(outer) = outermost.outer.filter(|outer| outer.outer.is_some()) {
            outermost = outer;
        }
        self.fault(outermost, format!("a depth of more than {MAX_DEPTH}, or it contains itself"))
    }
}

/// A name; the words of the language are the same in every request and need no copy.
pub fn name_of(text: &str) -> Name {
    WORDS.iter().find(|word| **word == text).map_or_else(|| Name::Owned(text.to_owned()), |word| (*word).into())
}

/// Names that most requests have.
const WORDS: &[&str] = &["id", "data", "filter", "limit", "sort", "select", "include", "total", "page"];

fn kind_of(given: &Bound<'_, PyAny>) -> String {
    given.get_type().name().map_or_else(|_| "an object".to_owned(), |name| name.to_string())
}
