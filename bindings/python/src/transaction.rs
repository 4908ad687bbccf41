//! Transactions that begin and end when they are told to.

use std::sync::Arc;
use std::time::Duration;

use dbal::client::TransactionOptions;
use dbal::client::held::{HeldTransaction, Savepoint};
use dbal::{Error, Reason, Result};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::database::{Opened, Own, request, seconds};
use crate::error::{guarded, raised};
use crate::handle::On;
use crate::interrupt::{self, Interruptible};
use crate::rows::Names;

/// A transaction, or one inside it.
pub struct Held {
    transaction: Arc<Own<HeldTransaction>>,
    savepoint: Option<Savepoint>,
    /// It was committed or rolled back.
    over: Mutex<bool>,
    /// The names of columns.
    pub names: Arc<Names>,
}

impl Held {
    /// Does something in it.
    ///
    /// # Errors
    /// CONFLICT with reason `aborted` when it has ended, and what is done says.
    pub fn with<T>(&self, work: impl FnOnce(&mut HeldTransaction) -> Result<T>) -> Result<T> {
        if *self.over.lock() {
            return Err(ended());
        }
        work(self.transaction.lock()?.as_mut().ok_or_else(ended)?)
    }

    fn end(&self, commit: bool) -> Result<()> {
        if std::mem::replace(&mut *self.over.lock(), true) {
            return Err(ended());
        }
        let mut held = self.transaction.lock()?;
        match self.savepoint {
            Some(savepoint) => {
                let held = held.as_mut().ok_or_else(ended)?;
                if commit { held.release(savepoint) } else { held.rollback_to(savepoint) }
            }
            None => {
                let held = held.take().ok_or_else(ended)?;
                if commit { held.commit() } else { held.rollback() }
            }
        }
    }
}

fn ended() -> Error {
    Error::conflict(Reason::Aborted, &[], "the transaction has ended")
}

/// A transaction that is open.
#[pyclass(frozen, module = "dbal._native")]
pub struct Transaction {
    /// It and its handles.
    pub held: Arc<Held>,
}

impl Transaction {
    /// Begins one of these tries.
    pub fn begin_on(py: Python<'_>, opened: &Opened, tries: &Tries) -> PyResult<Transaction> {
        let deadline = tries.tries.lock().deadline();
        let client = opened.client().map_err(|error| raised(py, &error))?;
        let client = Interruptible::apart(py, client.blocking());
        let begun = py.detach(|| guarded(|| client.begin_until(deadline)));
        let transaction = Arc::new(Own::new(interrupt::ended(py, begun)?));
        let names = opened.names.clone();
        Ok(Transaction { held: Arc::new(Held { transaction, savepoint: None, over: Mutex::new(false), names }) })
    }
}

#[pymethods]
impl Transaction {
    /// Begins a transaction inside this one.
    fn begin(&self, py: Python<'_>) -> PyResult<Transaction> {
        let held = &self.held;
        let savepoint = py.detach(|| guarded(|| held.with(HeldTransaction::savepoint)));
        let savepoint = Some(savepoint.map_err(|error| raised(py, &error))?);
        let (transaction, names) = (held.transaction.clone(), held.names.clone());
        Ok(Transaction { held: Arc::new(Held { transaction, savepoint, over: Mutex::new(false), names }) })
    }

    /// Ends it: commits, or rolls back.
    fn end(&self, py: Python<'_>, commit: bool) -> PyResult<()> {
        py.detach(|| guarded(|| self.held.end(commit))).map_err(|error| raised(py, &error))
    }

    /// Whether it lost against another one, and may be run again.
    #[getter]
    fn lost(&self, py: Python<'_>) -> PyResult<bool> {
        let held = self.held.transaction.lock().map_err(|error| raised(py, &error))?;
        Ok(held.as_ref().is_some_and(HeldTransaction::is_lost))
    }

    /// Runs a request that names its entity itself.
    fn ask<'py>(
        &self,
        py: Python<'py>,
        operation: &str,
        entity: &str,
        args: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        On::Transaction(self.held.clone()).ask(py, request(py, operation, entity, args)?, None)
    }
}

/// What is left of the tries of a transaction.
#[pyclass(frozen, module = "dbal._native")]
pub struct Tries {
    /// It.
    pub tries: Mutex<dbal::client::Tries>,
}

impl Tries {
    /// The tries that a client gives.
    pub fn new(py: Python<'_>, client: &dbal::Client, retries: Option<u32>, timeout: Option<f64>) -> PyResult<Tries> {
        let defaults = TransactionOptions::default();
        let timeout: Option<Duration> = timeout.map(|timeout| seconds(py, timeout)).transpose()?;
        let options = TransactionOptions { retries: retries.unwrap_or(defaults.retries), timeout };
        Ok(Tries { tries: Mutex::new(dbal::client::Tries::of(client, options)) })
    }
}

#[pymethods]
impl Tries {
    /// How many seconds to wait before the next try; none when there is none.
    fn next(&self) -> Option<f64> {
        self.tries.lock().next().map(|pause| pause.as_secs_f64())
    }
}
