//! Connections that wait for their next caller, and callers that wait for a connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::connection::{Wire, not_inside_a_runtime};
use super::error;
use super::session::Session;
use super::url::Target;
use crate::error::{Error, Outcome, Result};
use crate::schema::Schema;

/// How long making a connection may take where no deadline says less.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection that has rested for so long is looked at before it is lent.
const RESTED: Duration = Duration::from_millis(20);

pub(super) struct Pool {
    target: Target,
    schema: Arc<Schema>,
    state: Mutex<State>,
    given_back: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Wire>,
    /// Idle, lent, or being made.
    open: usize,
}

impl Pool {
    pub(super) fn new(target: Target, schema: Arc<Schema>) -> Self {
        Pool { target, schema, state: Mutex::default(), given_back: Condvar::new() }
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
                    self.state.lock().open -= 1;
                    self.given_back.notify_one();
                }
                return made;
            }
            match deadline {
                Some(deadline) => drop(self.given_back.wait_until(&mut state, deadline)),
                None => self.given_back.wait(&mut state),
            }
        }
    }

    pub(super) fn give_back(&self, mut wire: Wire) {
        wire.since = Instant::now();
        self.state.lock().idle.push(wire);
        self.given_back.notify_one();
    }

    /// Nobody shall have this one again.
    pub(super) fn lost(&self, wire: Wire) {
        drop(wire);
        self.state.lock().open -= 1;
        self.given_back.notify_one();
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
        let session = Session::new(client, target.tls.clone(), self.schema.clone(), target.schema.clone());
        let mut wire = Wire::new(runtime, driver, session);
        let settings = target.settings();
        wire.wait(async |session| session.set_up(&settings, patience).await)?;
        Ok(wire)
    }
}
