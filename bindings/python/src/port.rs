//! What one event loop has in flight. The engine's futures are polled on the loop's thread; whatever wakes them rings a
//! bell that the loop listens to, once for all that are ready.

use std::collections::HashMap;
#[cfg(unix)]
use std::io::{Read as _, Write as _};
#[cfg(unix)]
use std::os::{fd::AsRawFd as _, unix::net::UnixStream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use dbal::client::Envelope;
use dbal::{Record, Response, Result};
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::error::{guarded, raised};
use crate::rows::{Maker, Names, Rows};

/// What work comes to.
pub enum Answer {
    /// Rows, and what else there is to say.
    Rows(Rows, Envelope),
    /// An answer that was gathered.
    Response(Response),
    /// Rows that were kept.
    Records(Vec<Record>),
    /// Something else.
    Made(Make),
}

/// What makes an answer when the interpreter is there for it.
pub type Make = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// Something under way.
pub type Work = Pin<Box<dyn Future<Output = Result<Answer>> + Send>>;

/// How an answer becomes Python's.
pub struct Finish {
    /// The names of columns.
    pub names: Arc<Names>,
    /// What rows are made into.
    pub into: Option<Py<PyAny>>,
}

struct Task {
    work: Work,
    alarm: Arc<Alarm>,
    future: Py<PyAny>,
    finish: Finish,
}

/// Woken tasks, and how the loop is told.
struct Woken {
    queue: Mutex<Vec<u64>>,
    rung: AtomicBool,
    bell: Bell,
}

/// What tells the loop.
enum Bell {
    /// The other end is watched by the loop.
    #[cfg(unix)]
    Pipe(UnixStream),
    /// A thread that calls into the loop: for loops that watch no sockets. Whoever rings may hold locks, and so does not
    /// wait for the interpreter itself.
    Thread(std::sync::mpsc::Sender<()>),
}

impl Bell {
    fn ring(&self) {
        match self {
            // A full pipe rings already; a closed one has nobody left to tell.
            #[cfg(unix)]
            Bell::Pipe(pipe) => drop((&*pipe).write(&[1])),
            Bell::Thread(thread) => drop(thread.send(())),
        }
    }
}

struct Alarm {
    id: u64,
    /// It is in the queue already.
    queued: AtomicBool,
    woken: Arc<Woken>,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        self.woken.queue.lock().push(self.id);
        if !self.woken.rung.swap(true, Ordering::AcqRel) {
            self.woken.bell.ring();
        }
    }
}

/// One event loop's work in flight.
#[pyclass(frozen, module = "dbal._native")]
pub struct Port {
    running: Mutex<HashMap<u64, Task>>,
    woken: Arc<Woken>,
    next: AtomicU64,
    #[cfg(unix)]
    listens: Option<UnixStream>,
}

#[pymethods]
impl Port {
    /// A port; `watched` says that the loop will watch its `fileno`, and otherwise `call(drain)` is called from a thread.
    #[new]
    fn new(watched: bool, call: Py<PyAny>, drain: Py<PyAny>) -> PyResult<Self> {
        #[cfg(unix)]
        let (bell, listens) = match watched {
            true => {
                let (bell, listens) = UnixStream::pair()?;
                bell.set_nonblocking(true)?;
                listens.set_nonblocking(true)?;
                (Bell::Pipe(bell), Some(listens))
            }
            false => (caller(call, drain)?, None),
        };
        #[cfg(not(unix))]
        let bell = match watched {
            true => return Err(PyRuntimeError::new_err("there are no sockets to watch here")),
            false => caller(call, drain)?,
        };
        let woken = Woken { queue: Mutex::default(), rung: AtomicBool::new(false), bell };
        Ok(Port {
            running: Mutex::default(),
            woken: Arc::new(woken),
            next: AtomicU64::new(0),
            #[cfg(unix)]
            listens,
        })
    }

    /// What the loop watches.
    #[cfg(unix)]
    fn fileno(&self) -> PyResult<i32> {
        let listens = self.listens.as_ref().ok_or_else(|| PyRuntimeError::new_err("nothing is to be watched"))?;
        Ok(listens.as_raw_fd())
    }

    /// Goes on with everything that was woken, and resolves the futures of what is done.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        #[cfg(unix)]
        if let Some(mut listens) = self.listens.as_ref() {
            // There is at most a byte or two: it is rung once.
            let _ = listens.read(&mut [0; 16]);
        }
        // Before the queue is emptied: what comes after that rings again.
        self.woken.rung.store(false, Ordering::Release);
        let woken = std::mem::take(&mut *self.woken.queue.lock());
        for id in woken {
            // It may have been given up.
            let Some(mut task) = self.running.lock().remove(&id) else { continue };
            task.alarm.queued.store(false, Ordering::Release);
            match poll(&task.alarm, &mut task.work) {
                Poll::Pending => drop(self.running.lock().insert(id, task)),
                Poll::Ready(outcome) => resolve(py, task.future.bind(py), outcome, &task.finish)?,
            }
        }
        Ok(())
    }

    /// Gives work up that is in flight.
    fn cancel(&self, py: Python<'_>, id: u64) {
        let task = self.running.lock().remove(&id);
        // Let go of when the lock is free again: what it holds may wake others.
        if let Some(Task { work, future, finish, .. }) = task {
            py.detach(|| drop(work));
            drop((future, finish));
        }
    }
}

impl Port {
    /// Starts work on the running loop; the answer is a future of it.
    ///
    /// # Errors
    /// `RuntimeError` where no loop runs.
    pub fn start<'py>(py: Python<'py>, mut work: Work, finish: Finish) -> PyResult<Bound<'py, PyAny>> {
        let (running, port) = current(py)?;
        let future = pending(py)?.call1((running,))?;
        let own = port.get();
        let id = own.next.fetch_add(1, Ordering::Relaxed);
        let alarm = Arc::new(Alarm { id, queued: AtomicBool::new(false), woken: own.woken.clone() });
        match poll(&alarm, &mut work) {
            Poll::Ready(outcome) => resolve(py, &future, outcome, &finish)?,
            Poll::Pending => {
                future.setattr(intern!(py, "_port"), &port)?;
                future.setattr(intern!(py, "_number"), id)?;
                let task = Task { work, alarm, future: future.clone().unbind(), finish };
                own.running.lock().insert(id, task);
            }
        }
        Ok(future)
    }

    /// A future that has failed.
    ///
    /// # Errors
    /// `RuntimeError` where no loop runs.
    pub fn failed<'py>(py: Python<'py>, error: &dbal::Error) -> PyResult<Bound<'py, PyAny>> {
        let (running, _) = current(py)?;
        let future = pending(py)?.call1((running,))?;
        future.call_method1(intern!(py, "set_exception"), (raised(py, error),))?;
        Ok(future)
    }
}

fn poll(alarm: &Arc<Alarm>, work: &mut Work) -> Poll<Result<Answer>> {
    let waker = Waker::from(alarm.clone());
    let polled = guarded(|| Ok(work.as_mut().poll(&mut Context::from_waker(&waker))));
    polled.unwrap_or_else(|error| Poll::Ready(Err(error)))
}

fn resolve(py: Python<'_>, future: &Bound<'_, PyAny>, outcome: Result<Answer>, finish: &Finish) -> PyResult<()> {
    if future.call_method0(intern!(py, "done"))?.is_truthy()? {
        return Ok(());
    }
    let made = outcome.map_err(|error| raised(py, &error)).and_then(|answer| {
        let maker = Maker::new(py, &finish.names, finish.into.as_ref())?;
        match answer {
            Answer::Rows(rows, envelope) => maker.answer(&rows, envelope),
            Answer::Response(response) => maker.response(response),
            Answer::Records(records) => maker.records(&records),
            Answer::Made(make) => make(py).map(|made| made.into_bound(py)),
        }
    });
    match made {
        Ok(value) => future.call_method1(intern!(py, "set_result"), (value,))?,
        Err(error) => future.call_method1(intern!(py, "set_exception"), (error,))?,
    };
    Ok(())
}

/// The running loop and its port.
fn current(py: Python<'_>) -> PyResult<(Bound<'_, PyAny>, Bound<'_, Port>)> {
    static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static PORT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    /// The loop that was asked for last, weakly, and its port.
    static LAST: Mutex<Option<(Py<PyAny>, Py<Port>)>> = Mutex::new(None);
    let running = RUNNING.import(py, "asyncio", "get_running_loop")?.call0()?;
    let last = LAST.lock().as_ref().map(|(weak, port)| (weak.clone_ref(py), port.clone_ref(py)));
    if let Some((weak, port)) = last
        && weak.bind(py).call0()?.is(&running)
    {
        return Ok((running, port.into_bound(py)));
    }
    let told = PORT.import(py, "dbal._loop", "port_of")?.call1((&running,))?;
    let (weak, port): (Bound<'_, PyAny>, Bound<'_, PyAny>) = told.extract()?;
    let port = port.cast_into::<Port>()?;
    let before = LAST.lock().replace((weak.unbind(), port.clone().unbind()));
    drop(before);
    Ok((running, port))
}

fn pending(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static PENDING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    PENDING.import(py, "dbal._loop", "pending")
}

/// The thread that calls into a loop.
fn caller(call: Py<PyAny>, drain: Py<PyAny>) -> PyResult<Bell> {
    let (ring, rings) = std::sync::mpsc::channel();
    std::thread::Builder::new().name("dbal-bell".into()).spawn(move || {
        while rings.recv().is_ok() {
            // A loop that was closed takes no calls, and nobody is left to tell.
            let _ = Python::attach(|py| call.call1(py, (&drain,)));
        }
    })?;
    Ok(Bell::Thread(ring))
}
