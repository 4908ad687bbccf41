//! Requests and transactions that are awaited.

use std::sync::Arc;

use dbal::client::nonblocking::AsyncTransaction;
use dbal::{AsyncClient, Error, Reason, Request, Result};
use parking_lot::Mutex;
use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::database::{Database, Opened, Own, request};
use crate::handle::On;
use crate::port::{Answer, Finish, Port, Work};
use crate::rows::{Names, Rows};
use crate::transaction::Tries;

/// Who is asked, and awaited.
#[derive(Clone)]
pub enum Awaits {
    /// A client.
    Client(Arc<Opened>),
    /// A transaction.
    Transaction(Arc<HeldAwaited>),
}

/// A transaction in flight.
pub struct HeldAwaited {
    transaction: Own<Arc<AsyncTransaction>>,
    names: Arc<Names>,
    /// Futures of requests in it: what nobody awaited belongs to the transaction all the same.
    running: Mutex<Vec<Py<PyAny>>>,
}

/// Futures remembered before those that are done are looked for.
const SOME: usize = 64;

impl HeldAwaited {
    fn get(&self) -> Result<Arc<AsyncTransaction>> {
        self.transaction.lock()?.clone().ok_or_else(ended)
    }

    fn remember(&self, py: Python<'_>, future: &Bound<'_, PyAny>) {
        let mut running = std::mem::take(&mut *self.running.lock());
        if running.len() >= SOME {
            running.retain(|future| !done(future.bind(py)));
        }
        running.push(future.clone().unbind());
        self.running.lock().append(&mut running);
    }
}

fn done(future: &Bound<'_, PyAny>) -> bool {
    future.call_method0(intern!(future.py(), "done")).is_ok_and(|done| done.is_truthy().unwrap_or(true))
}

fn ended() -> Error {
    Error::conflict(Reason::Aborted, &[], "the transaction has ended")
}

impl Awaits {
    /// Starts a request; the answer is a future.
    ///
    /// # Errors
    /// `RuntimeError` where no loop runs.
    pub fn ask<'py>(
        &self,
        py: Python<'py>,
        request: Request,
        gathered: bool,
        into: Option<&Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let finish = Finish { names: self.names().clone(), into: into.map(|class| class.clone_ref(py)) };
        match self {
            Awaits::Client(opened) => {
                let client = match opened.client() {
                    Ok(client) => client,
                    Err(error) => return Port::failed(py, &error),
                };
                let work: Work = Box::pin(async move {
                    if gathered {
                        return client.execute(&request).await.map(Answer::Response);
                    }
                    let (envelope, rows) = client.execute_into(&request, Rows::default()).await?;
                    Ok(Answer::Rows(rows, envelope))
                });
                Port::start(py, work, finish)
            }
            Awaits::Transaction(held) => {
                let transaction = match held.get() {
                    Ok(transaction) => transaction,
                    Err(error) => return Port::failed(py, &error),
                };
                let work: Work = Box::pin(async move {
                    if gathered {
                        return transaction.execute(&request).await.map(Answer::Response);
                    }
                    let (envelope, rows) = transaction.execute_into(&request, Rows::default()).await?;
                    Ok(Answer::Rows(rows, envelope))
                });
                let future = Port::start(py, work, finish)?;
                held.remember(py, &future);
                Ok(future)
            }
        }
    }

    /// The names of columns.
    pub fn names(&self) -> &Arc<Names> {
        match self {
            Awaits::Client(opened) => &opened.names,
            Awaits::Transaction(held) => &held.names,
        }
    }
}

/// Whoever a native object stands for.
pub fn of(native: &Bound<'_, PyAny>) -> PyResult<Awaits> {
    if let Ok(database) = native.cast::<AwaitedDatabase>() {
        return Ok(Awaits::Client(database.get().opened.clone()));
    }
    match native.cast::<AwaitedTransaction>() {
        Ok(transaction) => Ok(Awaits::Transaction(transaction.get().held.clone())),
        Err(_) => Err(PyTypeError::new_err("expected a client or a transaction of dbal")),
    }
}

/// A database that is awaited.
#[pyclass(frozen, module = "dbal._native")]
pub struct AwaitedDatabase {
    opened: Arc<Opened>,
}

#[pymethods]
impl AwaitedDatabase {
    /// The awaited face of an opened database.
    #[new]
    fn new(database: &Bound<'_, Database>) -> Self {
        AwaitedDatabase { opened: database.get().opened.clone() }
    }

    /// Starts a request that names its entity itself.
    fn ask<'py>(
        &self,
        py: Python<'py>,
        operation: &str,
        entity: &str,
        args: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let on = On::Awaited(Awaits::Client(self.opened.clone()));
        on.ask(py, request(py, operation, entity, args)?, None)
    }

    /// Creates what the database lacks.
    fn migrate<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.start(py, |client| async move {
            let statements = client.migrate().await?;
            Ok(Answer::Made(Box::new(move |py| statements.into_py_any(py))))
        })
    }

    /// Drops everything and creates it anew.
    fn reset<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.start(py, |client| async move {
            client.reset().await?;
            Ok(Answer::Made(Box::new(|py| Ok(py.None()))))
        })
    }

    /// Begins one of these tries.
    fn begin<'py>(&self, py: Python<'py>, tries: &Tries) -> PyResult<Bound<'py, PyAny>> {
        let (deadline, names) = (tries.tries.lock().deadline(), self.opened.names.clone());
        self.start(py, move |client| async move {
            let begun = client.begin_until(deadline).await?;
            Ok(made(begun, names))
        })
    }
}

fn made(transaction: AsyncTransaction, names: Arc<Names>) -> Answer {
    let transaction = Own::new(Arc::new(transaction));
    let held = Arc::new(HeldAwaited { transaction, names, running: Mutex::default() });
    Answer::Made(Box::new(move |py| AwaitedTransaction { held }.into_py_any(py)))
}

impl AwaitedDatabase {
    fn start<'py, F: Future<Output = Result<Answer>> + Send + 'static>(
        &self,
        py: Python<'py>,
        work: impl FnOnce(AsyncClient) -> F,
    ) -> PyResult<Bound<'py, PyAny>> {
        match self.opened.client() {
            Ok(client) => {
                Port::start(py, Box::pin(work(client)), Finish { names: self.opened.names.clone(), into: None })
            }
            Err(error) => Port::failed(py, &error),
        }
    }
}

/// A transaction that is awaited.
#[pyclass(frozen, module = "dbal._native")]
pub struct AwaitedTransaction {
    held: Arc<HeldAwaited>,
}

#[pymethods]
impl AwaitedTransaction {
    /// Starts a request that names its entity itself.
    fn ask<'py>(
        &self,
        py: Python<'py>,
        operation: &str,
        entity: &str,
        args: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let on = On::Awaited(Awaits::Transaction(self.held.clone()));
        on.ask(py, request(py, operation, entity, args)?, None)
    }

    /// Begins a transaction inside this one.
    fn begin<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (held, names) = (self.held.clone(), self.held.names.clone());
        self.start(py, async move { Ok(made(held.get()?.begin().await?, names)) })
    }

    /// Ends it: commits, or rolls back. Nothing may be running in it.
    fn end<'py>(&self, py: Python<'py>, commit: bool) -> PyResult<Bound<'py, PyAny>> {
        let taken = self.held.transaction.lock().map(|mut transaction| transaction.take());
        self.start(py, async move {
            let transaction = taken?.and_then(Arc::into_inner).ok_or_else(ended)?;
            if commit {
                transaction.commit().await?;
            } else {
                transaction.rollback().await?;
            }
            Ok(Answer::Made(Box::new(|py| Ok(py.None()))))
        })
    }

    /// The futures of requests that are not done.
    fn running<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyAny>> {
        let running = std::mem::take(&mut *self.held.running.lock());
        running.into_iter().map(|future| future.into_bound(py)).filter(|future| !done(future)).collect()
    }

    /// Whether it lost against another one, and may be run again.
    #[getter]
    fn lost(&self) -> bool {
        self.held.get().is_ok_and(|transaction| transaction.is_lost())
    }
}

impl AwaitedTransaction {
    fn start<'py>(
        &self,
        py: Python<'py>,
        work: impl Future<Output = Result<Answer>> + Send + 'static,
    ) -> PyResult<Bound<'py, PyAny>> {
        Port::start(py, Box::pin(work), Finish { names: self.held.names.clone(), into: None })
    }
}
