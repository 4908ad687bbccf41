//! Streams: some rows at a time, which Python's generators hand out one by one.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use dbal::client::nonblocking::AsyncRows;
use dbal::{Error, Record, Request, Result};
use futures_core::Stream as _;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::awaited::Awaits;
use crate::database::{Opened, Own};
use crate::error::{guarded, raised};
use crate::handle::On;
use crate::interrupt;
use crate::port::{Answer, Finish, Port};
use crate::rows::{Maker, Names};

/// Rows handed over at once.
const BATCH: usize = 256;

/// Opens a stream, and gives the generator of its rows.
///
/// # Errors
/// What is wrong with the request, where it is not awaited.
pub fn open<'py>(py: Python<'py>, on: &On, request: Request, into: Option<&Py<PyAny>>) -> PyResult<Bound<'py, PyAny>> {
    static ROWS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static AWAITED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let into = into.map(|class| class.clone_ref(py));
    match on {
        On::Client(opened) => {
            let client = opened.blocking(py).map_err(|error| raised(py, &error))?;
            let rows = py.detach(|| guarded(|| client.stream_of(request)));
            let rows = Own::new(interrupt::ended(py, rows)?);
            let batches = Batches { rows, names: opened.names.clone(), into };
            ROWS.import(py, "dbal._loop", "rows")?.call1((batches,))
        }
        On::Awaited(Awaits::Client(opened)) => {
            let state = Arc::new(Mutex::new(State::Asked(Box::new(request))));
            let batches = AwaitedBatches { state, opened: opened.clone(), into };
            AWAITED.import(py, "dbal._loop", "rows_awaited")?.call1((batches,))
        }
        On::Transaction(_) | On::Awaited(Awaits::Transaction(_)) => {
            let error = Error::unsupported("stream", "a stream inside a transaction; use find_many");
            Err(raised(py, &error))
        }
    }
}

/// The rows of a stream, some at a time.
#[pyclass(frozen, module = "dbal._native")]
pub struct Batches {
    rows: Own<dbal::client::stream::Rows>,
    names: Arc<Names>,
    into: Option<Py<PyAny>>,
}

#[pymethods]
impl Batches {
    /// The next rows; none at the end.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        interrupt::begin(py);
        let some = py.detach(|| {
            guarded(|| match self.rows.lock()?.as_mut() {
                Some(rows) => rows.by_ref().take(BATCH).collect::<Result<Vec<Record>>>(),
                None => Ok(Vec::new()),
            })
        });
        Maker::new(py, &self.names, self.into.as_ref())?.records(&interrupt::ended(py, some)?)
    }

    /// Stops reading.
    fn close(&self, py: Python<'_>) {
        if let Ok(mut rows) = self.rows.lock() {
            let taken = rows.take();
            drop(rows);
            py.detach(|| drop(taken));
        }
    }
}

enum State {
    /// Not opened yet.
    Asked(Box<Request>),
    Open(AsyncRows),
    /// Being read, at its end, or closed.
    Nothing,
}

/// The same, awaited.
#[pyclass(frozen, module = "dbal._native")]
pub struct AwaitedBatches {
    state: Arc<Mutex<State>>,
    opened: Arc<Opened>,
    into: Option<Py<PyAny>>,
}

#[pymethods]
impl AwaitedBatches {
    /// A future of the next rows; none at the end.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let finish =
            Finish { names: self.opened.names.clone(), into: self.into.as_ref().map(|class| class.clone_ref(py)) };
        let (state, opened) = (self.state.clone(), self.opened.clone());
        let taken = std::mem::replace(&mut *state.lock(), State::Nothing);
        let work = async move {
            let mut rows = match taken {
                State::Asked(request) => opened.client()?.stream_of(*request).await?,
                State::Open(rows) => rows,
                State::Nothing => return Ok(Answer::Records(Vec::new())),
            };
            let mut records = Vec::new();
            while records.len() < BATCH {
                let next = poll_fn(|context| match Pin::new(&mut rows).poll_next(context) {
                    Poll::Ready(row) => Poll::Ready(Some(row)),
                    // What is there is handed over before anybody waits for more.
                    Poll::Pending if !records.is_empty() => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                });
                match next.await {
                    Some(Some(row)) => records.push(row?),
                    Some(None) => return Ok(Answer::Records(records)),
                    None => break,
                }
            }
            *state.lock() = State::Open(rows);
            Ok(Answer::Records(records))
        };
        Port::start(py, Box::pin(work), finish)
    }

    /// Stops reading.
    fn close(&self, py: Python<'_>) {
        let taken = std::mem::replace(&mut *self.state.lock(), State::Nothing);
        py.detach(|| drop(taken));
    }
}
