//! The methods of an entity. Whoever is asked, the request is the same; the answer is a value, or a future of one.

use std::sync::Arc;

use dbal::value::{Map, Name, Value};
use dbal::{Operation, Request};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple, PyType};

use crate::awaited::{self, Awaits};
use crate::database::{Database, Opened};
use crate::error::{guarded, raised};
use crate::interrupt;
use crate::rows::{Maker, Names, Rows};
use crate::transaction::{Held, Transaction};
use crate::value::{At, Reader, name_of};
use crate::{stream, types};

/// Who is asked.
pub enum On {
    /// A client.
    Client(Arc<Opened>),
    /// A transaction.
    Transaction(Arc<Held>),
    /// A client or a transaction that is awaited.
    Awaited(Awaits),
}

impl On {
    /// Runs a request; its rows are made into `into`.
    pub fn ask<'py>(&self, py: Python<'py>, request: Request, into: Option<&Py<PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let gathered = matches!(request.operation, Operation::Batch | Operation::Call);
        match self {
            On::Awaited(awaits) => awaits.ask(py, request, gathered, into),
            On::Client(opened) => {
                let client = opened.blocking(py).map_err(|error| raised(py, &error))?;
                if gathered {
                    let answer = py.detach(|| guarded(|| client.execute(&request)));
                    return self.maker(py, into)?.response(interrupt::ended(py, answer)?);
                }
                let answer = py.detach(|| {
                    let mut rows = Rows::default();
                    guarded(|| client.execute_into(&request, &mut rows)).map(|envelope| (rows, envelope))
                });
                let (rows, envelope) = interrupt::ended(py, answer)?;
                self.maker(py, into)?.answer(&rows, envelope)
            }
            On::Transaction(held) => {
                interrupt::begin(py);
                if gathered {
                    let answer = py.detach(|| guarded(|| held.with(|held| held.execute(&request))));
                    return self.maker(py, into)?.response(interrupt::ended(py, answer)?);
                }
                let answer = py.detach(|| {
                    let mut rows = Rows::default();
                    let ran = guarded(|| held.with(|held| held.execute_into(&request, &mut rows)));
                    ran.map(|envelope| (rows, envelope))
                });
                let (rows, envelope) = interrupt::ended(py, answer)?;
                self.maker(py, into)?.answer(&rows, envelope)
            }
        }
    }

    fn names(&self) -> &Names {
        match self {
            On::Client(opened) => &opened.names,
            On::Transaction(held) => &held.names,
            On::Awaited(awaits) => awaits.names(),
        }
    }

    fn maker<'a, 'py>(&'a self, py: Python<'py>, into: Option<&'a Py<PyAny>>) -> PyResult<Maker<'a, 'py>> {
        Maker::new(py, self.names(), into)
    }

    /// Whoever a native object stands for.
    fn of(native: &Bound<'_, PyAny>) -> PyResult<On> {
        if let Ok(database) = native.cast::<Database>() {
            return Ok(On::Client(database.get().opened.clone()));
        }
        if let Ok(transaction) = native.cast::<Transaction>() {
            return Ok(On::Transaction(transaction.get().held.clone()));
        }
        Ok(On::Awaited(awaited::of(native)?))
    }
}

type Dict<'py> = Bound<'py, PyDict>;

/// What both kinds of handles are.
pub struct Handle {
    on: Arc<On>,
    name: String,
    into: Option<Py<PyAny>>,
}

impl Handle {
    fn new(native: &Bound<'_, PyAny>, name: String, into: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
        let into = into.as_ref().map(types::class).transpose()?;
        Ok(Handle { on: Arc::new(On::of(native)?), name, into })
    }

    fn of_class(&self, class: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Handle { on: self.on.clone(), name: self.name.clone(), into: Some(types::class(class)?) })
    }

    fn request<'py>(
        &self,
        py: Python<'py>,
        operation: Operation,
        positional: &[(&'static str, &Bound<'py, PyAny>)],
        options: &[&Bound<'py, PyAny>],
    ) -> PyResult<Request> {
        let mut reader = Reader::new(py)?;
        let mut args = Map(Vec::with_capacity(positional.len() + 4));
        for (name, value) in positional {
            let value = reader.value(value, &At::argument(name));
            args.0.push((Name::Borrowed(name), value));
        }
        for given in options {
            options_of(&mut reader, given, &mut args)?;
        }
        reader.done().map_err(|error| raised(py, &error))?;
        Ok(Request { operation, entity: self.name.clone().into(), args })
    }

    fn run<'py>(
        &self,
        py: Python<'py>,
        operation: Operation,
        positional: &[(&'static str, &Bound<'py, PyAny>)],
        options: &[&Bound<'py, PyAny>],
    ) -> PyResult<Bound<'py, PyAny>> {
        let request = self.request(py, operation, positional, options)?;
        self.on.ask(py, request, self.into.as_ref())
    }

    /// One positional argument: what is given, with keywords as options; or else the keywords themselves.
    fn given<'py>(
        &self,
        py: Python<'py>,
        operation: Operation,
        name: &'static str,
        first: Option<Bound<'py, PyAny>>,
        fields: Option<Dict<'py>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match (first, fields) {
            (Some(first), None) => self.run(py, operation, &[(name, &first)], &[]),
            (Some(first), Some(options)) => self.run(py, operation, &[(name, &first)], &[options.as_any()]),
            (None, fields) => {
                let fields = fields.unwrap_or_else(|| PyDict::new(py));
                self.run(py, operation, &[(name, fields.as_any())], &[])
            }
        }
    }

    /// No positional argument: the options of a mapping and those given as keywords.
    fn asked<'py>(
        &self,
        py: Python<'py>,
        operation: Operation,
        query: Option<Bound<'py, PyAny>>,
        options: Option<Dict<'py>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request = self.queried(py, operation, query, options)?;
        self.on.ask(py, request, self.into.as_ref())
    }

    fn queried<'py>(
        &self,
        py: Python<'py>,
        operation: Operation,
        query: Option<Bound<'py, PyAny>>,
        options: Option<Dict<'py>>,
    ) -> PyResult<Request> {
        let options = options.map(Bound::into_any);
        let both: smallvec::SmallVec<[&Bound<'py, PyAny>; 2]> = query.iter().chain(&options).collect();
        self.request(py, operation, &[], &both)
    }

    fn update<'py>(
        &self,
        py: Python<'py>,
        key: Bound<'py, PyAny>,
        patch: Option<Bound<'py, PyAny>>,
        fields: Option<Dict<'py>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match (patch, fields) {
            (Some(patch), None) => self.run(py, Operation::Update, &[("id", &key), ("data", &patch)], &[]),
            (Some(patch), Some(options)) => {
                self.run(py, Operation::Update, &[("id", &key), ("data", &patch)], &[options.as_any()])
            }
            (None, fields) => {
                let fields = fields.unwrap_or_else(|| PyDict::new(py));
                self.run(py, Operation::Update, &[("id", &key), ("data", fields.as_any())], &[])
            }
        }
    }

    fn many<'py>(
        &self,
        py: Python<'py>,
        operation: Operation,
        rows: Bound<'py, PyAny>,
        options: Option<Dict<'py>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        // What is neither text nor a mapping and can be gone through is rows: a generator too.
        let plain = rows.is_instance_of::<PyList>()
            || rows.is_instance_of::<PyTuple>()
            || rows.is_instance_of::<PyString>()
            || rows.hasattr("items")?;
        let rows = if plain || !rows.hasattr("__iter__")? { rows } else { py.get_type::<PyList>().call1((rows,))? };
        let options = options.map(Bound::into_any);
        let all: Vec<_> = options.iter().collect();
        self.run(py, operation, &[("data", &rows)], &all)
    }

    fn call<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
        input: Option<Bound<'py, PyAny>>,
        fields: Option<Dict<'py>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let input = match (input, fields) {
            (Some(input), _) => input,
            (None, fields) => fields.unwrap_or_else(|| PyDict::new(py)).into_any(),
        };
        self.run(py, Operation::Call, &[("name", name), ("input", &input)], &[])
    }

    fn stream<'py>(
        &self,
        py: Python<'py>,
        query: Option<Bound<'py, PyAny>>,
        options: Option<Dict<'py>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request = self.queried(py, Operation::Stream, query, options)?;
        stream::open(py, &self.on, request, self.into.as_ref())
    }
}

/// Appends options; one that is given twice is a fault of the program.
fn options_of<'py>(reader: &mut Reader<'py>, given: &Bound<'py, PyAny>, args: &mut Map) -> PyResult<()> {
    let mut add = |reader: &mut Reader<'py>, name: &str, value: Value| {
        if args.get(name).is_some() {
            reader.fault(&At::argument(name), "given twice");
        } else {
            args.0.push((name_of(name), value));
        }
    };
    if let Ok(dict) = given.cast::<PyDict>() {
        for (key, value) in dict.iter() {
            match key.cast::<PyString>().map(|key| key.to_str()) {
                Ok(Ok(name)) => {
                    let value = reader.value(&value, &At::argument(name));
                    add(reader, name, value);
                }
                _ => drop(reader.fault(&At::argument("options"), "a name is text")),
            }
        }
        return Ok(());
    }
    if given.is_none() {
        return Ok(());
    }
    for (name, value) in reader.map(given, &At::argument("options")).unwrap_or_default().0 {
        add(reader, &name, value);
    }
    Ok(())
}

macro_rules! entity {
    ($(#[$doc:meta])* $class:ident) => {
        $(#[$doc])*
        #[pyclass(frozen, subclass, module = "dbal")]
        pub struct $class(Handle);

        #[pymethods]
        impl $class {
            #[new]
            #[pyo3(signature = (native, name, into=None))]
            fn new(native: &Bound<'_, PyAny>, name: String, into: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
                Handle::new(native, name, into).map($class)
            }

            #[classmethod]
            fn __class_getitem__<'py>(class: &Bound<'py, PyType>, item: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
                class.py().import("types")?.getattr("GenericAlias")?.call1((class, item))
            }

            fn __repr__(&self) -> String {
                format!("<dbal.{} {}>", stringify!($class), self.0.name)
            }

            /// The entity's name.
            #[getter]
            fn name(&self) -> &str {
                &self.0.name
            }

            /// The same entity with its rows made into a class, by keywords.
            fn into(&self, class: &Bound<'_, PyAny>) -> PyResult<Self> {
                self.0.of_class(class).map($class)
            }

            /// Makes a row and returns it as stored.
            #[pyo3(signature = (data=None, /, **fields))]
            fn create<'py>(&self, py: Python<'py>, data: Option<Bound<'py, PyAny>>, fields: Option<Dict<'py>>) -> PyResult<Bound<'py, PyAny>> {
                self.0.given(py, Operation::Create, "data", data, fields)
            }

            /// The row with this key: its id, or the fields of a unique key.
            #[pyo3(signature = (key=None, /, **fields))]
            fn read<'py>(&self, py: Python<'py>, key: Option<Bound<'py, PyAny>>, fields: Option<Dict<'py>>) -> PyResult<Bound<'py, PyAny>> {
                self.0.given(py, Operation::Read, "id", key, fields)
            }

            /// Changes the named fields and returns the new row.
            #[pyo3(signature = (key, patch=None, /, **fields))]
            fn update<'py>(&self, py: Python<'py>, key: Bound<'py, PyAny>, patch: Option<Bound<'py, PyAny>>, fields: Option<Dict<'py>>) -> PyResult<Bound<'py, PyAny>> {
                self.0.update(py, key, patch, fields)
            }

            /// Removes a row.
            #[pyo3(signature = (key=None, /, **fields))]
            fn delete<'py>(&self, py: Python<'py>, key: Option<Bound<'py, PyAny>>, fields: Option<Dict<'py>>) -> PyResult<Bound<'py, PyAny>> {
                self.0.given(py, Operation::Delete, "id", key, fields)
            }

            /// Makes rows, all or none.
            #[pyo3(signature = (rows, /, **options))]
            fn create_many<'py>(&self, py: Python<'py>, rows: Bound<'py, PyAny>, options: Option<Dict<'py>>) -> PyResult<Bound<'py, PyAny>> {
                self.0.many(py, Operation::CreateMany, rows, options)
            }

            /// Changes all rows that match, and says how many there were.
            #[pyo3(signature = (query=None, /, **options))]
            fn update_many<'py>(&self, py: Python<'py>, query: Option<Bound<'py, PyAny>>, options: Option<Dict<'py>>) -> PyResult<Bound<'py, PyAny>> {
                self.0.asked(py, Operation::UpdateMany, query, options)
            }

            /// Removes all rows that match, and says how many there were.
            #[pyo3(signature = (query=None, /, **options))]
            fn delete_many<'py>(&self, py: Python<'py>, query: Option<Bound<'py, PyAny>>, options: Option<Dict<'py>>) -> PyResult<Bound<'py, PyAny>> {
                self.0.asked(py, Operation::DeleteMany, query, options)
            }

            /// Makes a row, or changes the one that is there.
            #[pyo3(signature = (query=None, /, **options))]
            fn upsert<'py>(&self, py: Python<'py>, query: Option<Bound<'py, PyAny>>, options: Option<Dict<'py>>) -> PyResult<Bound<'py, PyAny>> {
                self.0.asked(py, Operation::Upsert, query, options)
            }

            /// The same for many rows, all or none.
            #[pyo3(signature = (rows, /, **options))]
            fn upsert_many<'py>(&self, py: Python<'py>, rows: Bound<'py, PyAny>, options: Option<Dict<'py>>) -> PyResult<Bound<'py, PyAny>> {
                self.0.many(py, Operation::UpsertMany, rows, options)
            }

            /// A page of rows.
            #[pyo3(signature = (query=None, /, **options))]
            fn list<'py>(&self, py: Python<'py>, query: Option<Bound<'py, PyAny>>, options: Option<Dict<'py>>) -> PyResult<Bound<'py, PyAny>> {
                self.0.asked(py, Operation::List, query, options)
            }

            /// All rows that match.
            #[pyo3(signature = (query=None, /, **options))]
            fn find_many<'py>(&self, py: Python<'py>, query: Option<Bound<'py, PyAny>>, options: Option<Dict<'py>>) -> PyResult<Bound<'py, PyAny>> {
                self.0.asked(py, Operation::FindMany, query, options)
            }

            /// The first row that matches, or None.
            #[pyo3(signature = (query=None, /, **options))]
            fn first<'py>(&self, py: Python<'py>, query: Option<Bound<'py, PyAny>>, options: Option<Dict<'py>>) -> PyResult<Bound<'py, PyAny>> {
                self.0.asked(py, Operation::First, query, options)
            }

            /// How many rows match.
            #[pyo3(signature = (query=None, /, **options))]
            fn count<'py>(&self, py: Python<'py>, query: Option<Bound<'py, PyAny>>, options: Option<Dict<'py>>) -> PyResult<Bound<'py, PyAny>> {
                self.0.asked(py, Operation::Count, query, options)
            }

            /// The values of a field, each once.
            #[pyo3(signature = (field, query=None, /, **options))]
            fn distinct<'py>(&self, py: Python<'py>, field: Bound<'py, PyAny>, query: Option<Bound<'py, PyAny>>, options: Option<Dict<'py>>) -> PyResult<Bound<'py, PyAny>> {
                let options = options.map(Bound::into_any);
                let both: Vec<_> = query.iter().chain(&options).collect();
                self.0.run(py, Operation::Distinct, &[("field", &field)], &both)
            }

            /// Counts, sums, averages, least and greatest values, also by groups.
            #[pyo3(signature = (query=None, /, **options))]
            fn aggregate<'py>(&self, py: Python<'py>, query: Option<Bound<'py, PyAny>>, options: Option<Dict<'py>>) -> PyResult<Bound<'py, PyAny>> {
                self.0.asked(py, Operation::Aggregate, query, options)
            }

            /// The rows that match, one after the other, in constant memory.
            #[pyo3(signature = (query=None, /, **options))]
            fn stream<'py>(&self, py: Python<'py>, query: Option<Bound<'py, PyAny>>, options: Option<Dict<'py>>) -> PyResult<Bound<'py, PyAny>> {
                self.0.stream(py, query, options)
            }

            /// Runs an operation that the schema declares.
            #[pyo3(signature = (name, input=None, /, **fields))]
            fn call<'py>(&self, py: Python<'py>, name: Bound<'py, PyAny>, input: Option<Bound<'py, PyAny>>, fields: Option<Dict<'py>>) -> PyResult<Bound<'py, PyAny>> {
                self.0.call(py, &name, input, fields)
            }
        }
    };
}

entity!(
    /// One entity, as a client or a transaction sees it.
    Entity
);
entity!(
    /// One entity, as an awaited client or transaction sees it: the same methods, each with a future of its answer.
    AsyncEntity
);
