//! Ctrl-C while a request runs. Python's handlers of signals run on its main thread between two of its instructions; a
//! request that the main thread waits for is none, and so asks from time to time whether a handler raised something.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dbal::adapter::Cancel;
use dbal::{Client, Result};
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::error::raised;

/// How often handlers get their turn: for that, the interpreter has to be waited for.
const OFTEN: Duration = Duration::from_millis(50);

/// Most requests are over before they were asked as often.
const FEW: u32 = 4;

thread_local! {
    /// Whether this is the main thread, as of how many forks.
    static MAIN: Cell<Option<(u64, bool)>> = const { Cell::new(None) };
    /// How often the request under way was asked, and when its turn is next.
    static ASKED: Cell<(u32, Option<Instant>)> = const { Cell::new((0, None)) };
}

/// What a handler raised while a request was under way.
static RAISED: Mutex<Option<PyErr>> = Mutex::new(None);

/// The forks that this process came out of.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// The thread that forked is the main thread of the child.
pub fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// A client as the main thread asks it; whoever raises in the middle of a request ends it.
#[derive(Default)]
pub struct Interruptible(Mutex<Option<(Cancel, Client)>>);

impl Interruptible {
    /// The client for a request of this thread, which begins now.
    pub fn client(&self, py: Python<'_>, client: &Client) -> Client {
        if !is_main(py) {
            return client.clone();
        }
        ASKED.set((0, None));
        let mut known = self.0.lock();
        match &*known {
            Some((cancel, client)) if !cancel.is_cancelled() => client.clone(),
            _ => {
                let cancel = Cancel::asking(asks);
                let client = client.with_cancel(&cancel);
                *known = Some((cancel, client.clone()));
                client
            }
        }
    }

    /// The client for a transaction: what ends another request leaves it alone.
    pub fn apart(py: Python<'_>, client: &Client) -> Client {
        match is_main(py) {
            true => {
                ASKED.set((0, None));
                client.with_cancel(&Cancel::asking(asks))
            }
            false => client.clone(),
        }
    }

    /// Lets go of the client.
    pub fn close(&self) -> Option<Client> {
        self.0.lock().take().map(|(_, client)| client)
    }
}

/// What came of a request. What a handler raised meanwhile comes first, also where the request was done just then.
///
/// # Errors
/// That, or the exception of the engine's error.
pub fn ended<T>(py: Python<'_>, done: Result<T>) -> PyResult<T> {
    if ASKED.get().0 >= FEW
        && is_main(py)
        && let Some(raised) = RAISED.lock().take()
    {
        return Err(raised);
    }
    done.map_err(|error| raised(py, &error))
}

/// Begins a request that waits for a client made earlier, as those in a transaction do.
pub fn begin(py: Python<'_>) {
    if is_main(py) {
        ASKED.set((0, None));
    }
}

/// Gives handlers their turn; true where one raised something.
fn asks() -> bool {
    let (asked, next) = ASKED.get();
    if asked < FEW {
        ASKED.set((asked + 1, None));
        return false;
    }
    // Threads that read a stream ask as well, but have no handlers.
    let forks = FORKS.load(Ordering::Relaxed);
    if MAIN.get() != Some((forks, true)) {
        return false;
    }
    let now = Instant::now();
    if next.is_some_and(|next| now < next) {
        return false;
    }
    ASKED.set((asked, Some(now + OFTEN)));
    if next.is_none() {
        return false;
    }
    Python::attach(|py| match py.check_signals() {
        Ok(()) => false,
        Err(error) => {
            *RAISED.lock() = Some(error);
            true
        }
    })
}

fn is_main(py: Python<'_>) -> bool {
    let forks = FORKS.load(Ordering::Relaxed);
    if let Some((known, main)) = MAIN.get()
        && known == forks
    {
        return main;
    }
    let main = (|| {
        let threading = py.import("threading")?;
        let main = threading.call_method0("main_thread")?.getattr("ident")?;
        main.eq(threading.call_method0("get_ident")?)
    })();
    let main = main.unwrap_or(false);
    MAIN.set(Some((forks, main)));
    main
}
