//! An opened database, asked by trusted code or on behalf of a caller.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dbal::schema::{RelationKind, Schema};
use dbal::value::{Map, Value};
use dbal::{AsyncClient, Client, Error, Operation, Principal, Request, Result};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::config;
use crate::error::{guarded, raised};
use crate::interrupt::{self, Interruptible};
use crate::rows::{Maker, Names};
use crate::transaction::{Transaction, Tries};
use crate::value::{At, Reader};

/// How often this process was made by a fork since the module was loaded.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// Told in the child after each fork.
#[pyfunction]
pub fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    interrupt::forked();
}

/// Something that belongs to the process it was made in. In a child of that it is never used and never let go of: its
/// threads are not there, and closing its files would take the parent's locks away.
pub struct Own<T> {
    thing: Mutex<Option<T>>,
    forks: u64,
}

impl<T> Own<T> {
    /// It is this process's.
    pub fn new(thing: T) -> Self {
        Own { thing: Mutex::new(Some(thing)), forks: FORKS.load(Ordering::Relaxed) }
    }

    /// Fails in a child.
    ///
    /// # Errors
    /// INTERNAL_ERROR.
    pub fn here(&self) -> Result<()> {
        match self.forks == FORKS.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err(Error::internal(
                "this was opened before the process was forked: open a client of its own in the child",
            )),
        }
    }

    /// The thing, none when it was taken.
    ///
    /// # Errors
    /// As [`Own::here`].
    pub fn lock(&self) -> Result<parking_lot::MutexGuard<'_, Option<T>>> {
        self.here().map(|()| self.thing.lock())
    }
}

impl<T> Drop for Own<T> {
    fn drop(&mut self) {
        if self.here().is_err() {
            mem::forget(self.thing.get_mut().take());
        }
    }
}

/// A database as one caller sees it; what all handles on it share.
pub struct Opened {
    client: Own<AsyncClient>,
    /// The same, as the main thread asks it.
    main: Own<Interruptible>,
    /// The names of columns.
    pub names: Arc<Names>,
}

impl Opened {
    /// The client.
    ///
    /// # Errors
    /// INTERNAL_ERROR when it was closed, or after a fork.
    pub fn client(&self) -> Result<AsyncClient> {
        self.client.lock()?.clone().ok_or_else(|| Error::internal("the client was closed"))
    }

    /// The client for a request that this thread waits for.
    ///
    /// # Errors
    /// As [`Opened::client`].
    pub fn blocking(&self, py: Python<'_>) -> Result<Client> {
        let held = self.client.lock()?;
        let client = held.as_ref().ok_or_else(|| Error::internal("the client was closed"))?;
        let main = self.main.lock()?;
        Ok(main.as_ref().map_or_else(|| client.blocking().clone(), |main| main.client(py, client.blocking())))
    }

    fn of(client: AsyncClient, names: Arc<Names>) -> Database {
        let main = Own::new(Interruptible::default());
        Database { opened: Arc::new(Opened { client: Own::new(client), main, names }) }
    }

    fn sibling(&self, client: AsyncClient) -> Database {
        Opened::of(client, self.names.clone())
    }
}

/// A database as one caller sees it.
#[pyclass(frozen, module = "dbal._native")]
pub struct Database {
    /// It and its handles.
    pub opened: Arc<Opened>,
}

#[pymethods]
impl Database {
    /// Opens what the options say.
    #[new]
    fn new(py: Python<'_>, url: &str, options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut reader = Reader::new(py)?;
        let options = reader.map(options, &At::argument("options"));
        let read = reader.done().and_then(|()| config::read(url, &options.unwrap_or_default()));
        let config = read.map_err(|error| raised(py, &error))?;
        let client = py.detach(|| guarded(|| Client::open(config))).map_err(|error| raised(py, &error))?;
        Ok(Opened::of(AsyncClient::from(client), Arc::default()))
    }

    /// The same database on behalf of a principal.
    fn bind(&self, py: Python<'_>, principal: &Bound<'_, PyAny>) -> PyResult<Database> {
        let mut reader = Reader::new(py)?;
        let map = reader.map(principal, &At::argument("principal"));
        let bound = reader
            .done()
            .and_then(|()| Principal::from_map(&map.unwrap_or_default()))
            .and_then(|principal| Ok(self.opened.sibling(self.opened.client()?.as_principal(principal))));
        bound.map_err(|error| raised(py, &error))
    }

    /// The same database, whose reads see what was committed before.
    fn newest(&self, py: Python<'_>) -> PyResult<Database> {
        let client = self.opened.client().map_err(|error| raised(py, &error))?;
        Ok(self.opened.sibling(client.newest()))
    }

    /// The same database with a deadline for each request, in seconds.
    fn within(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Database> {
        let given = timeout.map(|timeout| seconds(py, timeout)).transpose()?;
        let client = self.opened.client().map_err(|error| raised(py, &error))?;
        Ok(self.opened.sibling(client.with_timeout(given)))
    }

    /// Lets go of the database; what is in flight comes to its end.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let client = self.opened.client.lock().map_err(|error| raised(py, &error))?.take();
        let main = self.opened.main.lock().map_err(|error| raised(py, &error))?.as_ref().and_then(Interruptible::close);
        // Closing waits for the disk.
        py.detach(|| drop((client, main)));
        Ok(())
    }

    /// Runs a request that names its entity itself.
    fn ask<'py>(
        &self,
        py: Python<'py>,
        operation: &str,
        entity: &str,
        args: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        crate::handle::On::Client(self.opened.clone()).ask(py, request(py, operation, entity, args)?, None)
    }

    /// What would happen to a request: `{adapter, steps, rules, atomic}`.
    fn explain<'py>(
        &self,
        py: Python<'py>,
        operation: &str,
        entity: &str,
        args: &Bound<'py, PyDict>,
        principal: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request = request(py, operation, entity, args)?;
        let mut reader = Reader::new(py)?;
        let caller = principal.map(|principal| reader.map(&principal, &At::argument("principal")).unwrap_or_default());
        let explained = (|| {
            reader.done()?;
            let principal = caller.as_ref().map(Principal::from_map).transpose()?;
            let client = self.opened.client()?;
            py.detach(|| guarded(|| client.blocking().explain(&request, principal.as_ref())))
        })()
        .map_err(|error| raised(py, &error))?;
        let texts = |texts: &[String]| Value::List(texts.iter().map(|text| text.as_str().into()).collect());
        let steps = explained.steps.iter().map(|step| {
            let parts: [(&str, Value); 3] = [
                ("purpose", step.purpose.as_str().into()),
                ("text", step.text.as_str().into()),
                ("params", texts(&step.params)),
            ];
            map(parts)
        });
        let told = map([
            ("adapter", explained.adapter.into()),
            ("steps", Value::List(steps.collect())),
            ("rules", texts(&explained.rules)),
            ("atomic", explained.atomic.into()),
        ]);
        Maker::new(py, &self.opened.names, None)?.value(&told)
    }

    /// The tries of a transaction.
    fn tries(&self, py: Python<'_>, retries: Option<u32>, timeout: Option<f64>) -> PyResult<Tries> {
        let client = self.opened.client().map_err(|error| raised(py, &error))?;
        Tries::new(py, client.blocking(), retries, timeout)
    }

    /// Begins one of these tries.
    fn begin(&self, py: Python<'_>, tries: &Tries) -> PyResult<Transaction> {
        Transaction::begin_on(py, &self.opened, tries)
    }

    /// Creates what the database lacks, and answers the statements that ran.
    fn migrate(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.run(py, Client::migrate)
    }

    /// Drops everything and creates it anew.
    fn reset(&self, py: Python<'_>) -> PyResult<()> {
        self.run(py, Client::reset)
    }

    /// Removes rows past their time; says how many there were.
    fn sweep(&self, py: Python<'_>) -> PyResult<i64> {
        self.run(py, Client::sweep)
    }

    /// The entities with their fields and relations, what the backend can do, and what is odd about the schema.
    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let client = self.opened.client().map_err(|error| raised(py, &error))?;
        let client = client.blocking();
        let capabilities = client.capabilities().list().into_iter();
        let capabilities = capabilities.map(|(name, support)| (name, format!("{support:?}").to_lowercase()));
        let warnings = client.warnings().iter().map(|warning| warning.to_string().into()).collect();
        let told = map([
            ("entities", Value::List(entities(client.schema()))),
            ("capabilities", Value::Map(capabilities.collect())),
            ("warnings", Value::List(warnings)),
        ]);
        Maker::new(py, &self.opened.names, None)?.value(&told)
    }
}

impl Database {
    fn run<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&Client) -> Result<T> + Send) -> PyResult<T> {
        let client = self.opened.blocking(py).map_err(|error| raised(py, &error))?;
        interrupt::ended(py, py.detach(|| guarded(|| work(&client))))
    }
}

/// A request of an operation by its name.
pub fn request<'py>(py: Python<'py>, operation: &str, entity: &str, args: &Bound<'py, PyDict>) -> PyResult<Request> {
    let mut reader = Reader::new(py)?;
    let mut request = Operation::parse(operation)
        .map(|operation| Request::new(operation, entity.to_owned()))
        .ok_or_else(|| Error::validation("operation", "unknown; expected one such as list or find_many"))
        .map_err(|error| raised(py, &error))?;
    for (name, value) in args.iter() {
        let name = name.extract::<String>()?;
        let value = reader.value(&value, &At::argument(&name));
        request.args.0.push((crate::value::name_of(&name), value));
    }
    reader.done().map_err(|error| raised(py, &error))?;
    Ok(request)
}

/// A time given in seconds.
pub fn seconds(py: Python<'_>, given: f64) -> PyResult<Duration> {
    config::seconds(&Value::Float(given))
        .ok_or_else(|| raised(py, &Error::validation("timeout", "expected seconds, 0 or more")))
}

fn entities(schema: &Schema) -> Vec<Value> {
    let entity = |entity: &dbal::schema::Entity| {
        let fields = entity.fields.iter().map(|field| (field.name.clone(), field.ty.as_str()));
        let relations = entity.relations.iter().map(|relation| {
            let many = matches!(relation.kind, RelationKind::HasMany | RelationKind::ManyToMany);
            let target = schema.entity(relation.target).name.as_str();
            (relation.name.clone(), map([("entity", target.into()), ("many", many.into())]))
        });
        map([
            ("name", entity.name.as_str().into()),
            ("plural", entity.plural.as_str().into()),
            ("fields", Value::Map(fields.collect())),
            ("relations", Value::Map(relations.collect())),
        ])
    };
    schema.entities().map(|(_, declared)| entity(declared)).collect()
}

fn map<const N: usize>(parts: [(&'static str, Value); N]) -> Value {
    Value::Map(Map(parts.into_iter().map(|(name, value)| (name.into(), value)).collect()))
}
