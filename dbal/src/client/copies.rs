//! Copies of a database, which take the reads outside of transactions, each in turn.
//!
//! A copy that cannot be reached is left alone for a while, and what it could not answer is asked of the database itself.
//! So is what it began and did not end, unless rows were given by then: they cannot be taken back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::adapter::{Adapter, Connection, Intent};
use crate::client::{Client, retry};
use crate::error::{Error, ErrorKind, Result};
use crate::exec::machine::{Machine, Summary};
use crate::row::RowSink;

/// How long a connection to a copy is waited for before the database itself is asked.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a copy that gave none is left alone.
const REST: Duration = Duration::from_secs(5);

/// The copies of one database.
pub(crate) struct Copies {
    all: Vec<Copy>,
    /// How many were asked so far.
    asked: AtomicUsize,
}

/// One of them.
pub(crate) struct Copy {
    pub(super) adapter: Arc<dyn Adapter>,
    /// Until when it is left alone.
    rests: Mutex<Option<Instant>>,
}

impl Copies {
    /// None where there is none.
    pub(super) fn of(adapters: Vec<Arc<dyn Adapter>>) -> Option<Arc<Copies>> {
        let all: Vec<Copy> = adapters.into_iter().map(|adapter| Copy { adapter, rests: Mutex::default() }).collect();
        (!all.is_empty()).then(|| Arc::new(Copies { all, asked: AtomicUsize::new(0) }))
    }

    /// The next in turn that is not left alone.
    fn next(&self) -> Option<&Copy> {
        let first = self.asked.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        let mut turn = (0..self.all.len()).map(|place| &self.all[first.wrapping_add(place) % self.all.len()]);
        turn.find(|copy| copy.rests.lock().is_none_or(|until| until <= now))
    }
}

impl Copy {
    /// It gave no connection.
    pub(super) fn rest(&self) {
        *self.rests.lock() = Some(Instant::now() + REST);
    }

    /// When it is waited for no longer.
    pub(super) fn until(deadline: Option<Instant>) -> Instant {
        let patience = Instant::now() + PATIENCE;
        deadline.map_or(patience, |deadline| deadline.min(patience))
    }

    /// A connection that reads; none where it gives none.
    pub(super) fn connect(&self, deadline: Option<Instant>) -> Option<Box<dyn Connection + '_>> {
        let connected = self.adapter.connect(Intent::Read, Some(Copy::until(deadline)));
        if connected.is_err() {
            self.rest();
        }
        connected.ok()
    }
}

/// Whether another server may answer what one could not: it went away, what it had yet to apply stopped the statement, or
/// it has yet to see a table that was made.
pub(super) fn may_be_asked_elsewhere(error: &Error) -> bool {
    error.kind() == ErrorKind::DatabaseError || retry::is_serialization(error)
}

impl Client {
    /// The same client, whose reads see what was committed before: none of them goes to a copy of the database, which may
    /// be behind. For what must not be missed, such as whether a session has ended. Where no copies are configured it makes
    /// no difference.
    ///
    /// ```
    /// use dbal::{Client, Config, query};
    /// # let schema = "entity: Note\nfields:\n  id: { type: integer, primary: true }\n";
    /// # let db = Client::open(Config::memory().schema_text(schema))?;
    /// assert_eq!(db.newest().entity("Note")?.count(query())?, 0);
    /// # Ok::<(), dbal::Error>(())
    /// ```
    pub fn newest(&self) -> Client {
        Client { newest: true, ..self.clone() }
    }

    /// The copy that is to be asked; none for what the database itself must do.
    pub(super) fn copy(&self, machine: &Machine) -> Option<&Copy> {
        let copies = self.engine.copies.as_deref()?;
        if self.newest || machine.writes() { None } else { copies.next() }
    }

    /// What a copy answers; none where the database itself is to be asked.
    pub(super) fn run_on_copy(
        &self,
        machine: &Machine,
        deadline: Option<Instant>,
        sink: &mut dyn RowSink,
    ) -> Option<Result<Summary>> {
        let mut connection = self.copy(machine)?.connect(deadline)?;
        self.watches(&mut *connection);
        let mut given = retry::Given::new(sink);
        match retry::alone(&mut *connection, &mut machine.clone(), false, deadline, &mut given) {
            Err(error) if given.rows == 0 && may_be_asked_elsewhere(&error) => None,
            done => Some(done),
        }
    }
}
