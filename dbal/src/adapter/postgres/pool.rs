//! Connections that wait for their next caller, and callers that wait for a connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::connection::{Wire, not_inside_a_runtime};
use super::error;
#[cfg(feature = "async")]
use super::inbox::Inbox;
use super::line::Line;
use super::session::Session;
use super::url::Target;
use crate::adapter::PATIENCE;
use crate::error::{Error, Outcome, Result};
use crate::schema::Schema;

/// A connection that has rested for so long is looked at before it is lent.
const RESTED: Duration = Duration::from_millis(20);

pub(super) struct Pool {
    pub(super) target: Target,
    pub(super) schema: Arc<Schema>,
    state: Mutex<State>,
    given_back: Condvar,
    /// The thread that drives awaited requests, once there is one. It has connections of its own, which count as well.
    #[cfg(feature = "async")]
    pub(super) inbox: std::sync::OnceLock<Arc<Inbox>>,
}

#[derive(Default)]
struct State {
    idle: Vec<Wire>,
    /// Idle, lent, or being made; those of awaited requests too.
    open: usize,
    /// Threads that wait for a connection.
    waiting: usize,
}

impl Pool {
    pub(super) fn new(target: Target, schema: Arc<Schema>) -> Self {
        Pool {
            target,
            schema,
            state: Mutex::default(),
            given_back: Condvar::new(),
            #[cfg(feature = "async")]
            inbox: std::sync::OnceLock::new(),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.target.pool_size
    }

    /// A connection that is free by the deadline.
    pub(super) fn take(&self, deadline: Option<Instant>) -> Result<Wire> {
        not_inside_a_runtime()?;
        let mut state = self.state.lock();
        loop {
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(Error::timeout(Outcome::NotApplied));
            }
            // The one used last is the one most likely to be known to the server's caches.
            if let Some(mut wire) = state.idle.pop() {
                if wire.since.elapsed() < RESTED {
                    return Ok(wire);
                }
                drop(state);
                if wire.is_alive() {
                    return Ok(wire);
                }
                drop(wire);
                state = self.state.lock();
                state.open -= 1;
                continue;
            }
            if state.open < self.size() {
                state.open += 1;
                drop(state);
                let made = self.connect(deadline);
                if made.is_err() {
                    self.release();
                }
                return made;
            }
            state.waiting += 1;
            // It may have a connection that nobody uses now.
            self.nudge();
            match deadline {
                Some(deadline) => drop(self.given_back.wait_until(&mut state, deadline)),
                None => self.given_back.wait(&mut state),
            }
            state.waiting -= 1;
        }
    }

    /// Has the thread of awaited requests look whether connections should change hands.
    fn nudge(&self) {
        #[cfg(feature = "async")]
        if let Some(inbox) = self.inbox.get() {
            inbox.nudge();
        }
    }

    /// Whether a thread waits for a connection.
    #[cfg(feature = "async")]
    pub(super) fn is_wanted(&self) -> bool {
        self.state.lock().waiting > 0
    }

    /// Leave to make one more connection; one that nobody uses is closed for it if need be.
    #[cfg(feature = "async")]
    pub(super) fn reserve(&self) -> bool {
        let mut state = self.state.lock();
        if state.open < self.size() {
            state.open += 1;
            return true;
        }
        let unused = state.idle.pop();
        drop(state);
        unused.is_some()
    }

    /// A connection is no more.
    pub(super) fn release(&self) {
        self.state.lock().open -= 1;
        self.given_back.notify_one();
        self.nudge();
    }

    pub(super) fn give_back(&self, mut wire: Wire) {
        wire.since = Instant::now();
        self.state.lock().idle.push(wire);
        self.given_back.notify_one();
        #[cfg(feature = "async")]
        if self.inbox.get().is_some_and(|inbox| inbox.is_waiting()) {
            self.nudge();
        }
    }

    /// Nobody shall have this one again.
    pub(super) fn lost(&self, wire: Wire) {
        drop(wire);
        self.release();
    }

    fn connect(&self, deadline: Option<Instant>) -> Result<Wire> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::database("no connection can be driven", error.to_string()))?;
        let patience = deadline.unwrap_or_else(|| Instant::now() + PATIENCE);
        let target = &self.target;
        let made = runtime
            .block_on(async { tokio::time::timeout_at(patience.into(), target.tls.connect(&target.config)).await });
        let (client, driver) = match made {
            Err(_) => return Err(Error::timeout(Outcome::NotApplied)),
            Ok(Err(error)) => return Err(error::connecting(&error)),
            Ok(Ok(made)) => made,
        };
        let line = Line::new(client, target.tls.clone(), self.schema.clone(), target.schema.clone());
        let mut wire = Wire::new(runtime, driver, Session::new(Arc::new(line)));
        let settings = target.settings();
        wire.wait(async |session| session.line.set_up(&settings, patience).await)?;
        Ok(wire)
    }
}
