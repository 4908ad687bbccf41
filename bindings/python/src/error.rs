//! Errors on their way to Python: `dbal.errors.raised` knows which exception a code is.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dbal::{Error, Outcome, Result, Retry};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

/// The error as an exception.
pub fn raised(py: Python<'_>, error: &Error) -> PyErr {
    made(py, error).map_or_else(|failed| failed, PyErr::from_value)
}

fn made<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    static RAISED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let fields = error.fields().iter().map(|fault| (fault.field.as_str(), fault.message.as_str(), fault.index));
    let options = PyDict::new(py);
    options.set_item("reason", error.reason().map(|reason| reason.as_str()))?;
    options.set_item("fields", fields.collect::<Vec<_>>())?;
    options.set_item("retryable", error.retry() != Retry::No)?;
    options.set_item("outcome", error.outcome().map(Outcome::as_str))?;
    options.set_item("operation", error.operation())?;
    options.set_item("entity", error.entity())?;
    options.set_item("retry_after", error.retry_after().map(|wait| wait.as_secs_f64()))?;
    options.set_item("detail", error.detail())?;
    options.set_item("entry", error.entry())?;
    RAISED.import(py, "dbal._raise", "raised")?.call((error.code(), error.message()), Some(&options))
}

/// Runs something; a panic is its error. One of Python's own would not be an `Exception`.
pub fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// What a panic says.
pub fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Error::internal(format!("the request could not be finished: a bug in dbal: {text}"))
}
