//! One transaction in the hands of whoever holds it: for hosts whose blocks are no closures.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use self_cell::self_cell;

use crate::adapter::{Adapter, Connection, Intent};
use crate::client::attempt::{Attempt, Watching};
use crate::client::batch::Batch;
use crate::client::call::Call;
use crate::client::response::Head;
use crate::client::retry::is_serialization;
use crate::client::transaction::{aborted, passed};
use crate::client::{Client, Envelope, Response};
use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::exec::blocking;
use crate::plan::verify;
use crate::request::{Operation, Request};
use crate::row::{RecordSink, RowSink};

type Lent<'a> = Box<dyn Connection + 'a>;

self_cell!(
    /// A connection together with the adapter that lent it.
    struct Borrowed {
        owner: Arc<dyn Adapter>,
        #[not_covariant]
        dependent: Lent,
    }
);

/// A transaction that ends when it is told to. Dropped before that, it rolls back.
///
/// ```
/// # use dbal::{Client, Config, Operation, Request, query, value};
/// # let schema = "entity: Note\nfields:\n  id: { type: integer, primary: true }\n";
/// # let db = Client::open(Config::memory().schema_text(schema))?;
/// let mut held = db.begin()?;
/// held.execute(&Request::new(Operation::Create, "Note").arg("data", value!({ "id": 1 })))?;
/// let inner = held.savepoint()?;
/// held.execute(&Request::new(Operation::Create, "Note").arg("data", value!({ "id": 2 })))?;
/// held.rollback_to(inner)?;
/// held.commit()?;
/// assert_eq!(db.entity("Note")?.count(query())?, 1);
/// # Ok::<(), dbal::Error>(())
/// ```
pub struct HeldTransaction {
    client: Client,
    connection: Borrowed,
    deadline: Option<Instant>,
    /// A statement ran out of time and took the transaction with it.
    aborted: bool,
    /// A statement met another transaction that got there first.
    lost: bool,
    /// The savepoints that are open, each inside the one before it.
    open: Vec<u32>,
    savepoints: u32,
}

/// A transaction inside a [`HeldTransaction`], of which it is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Savepoint(u32);

impl fmt::Debug for HeldTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldTransaction").field("client", &self.client).finish_non_exhaustive()
    }
}

impl Client {
    /// Begins a transaction. Dropped without [`HeldTransaction::commit`], it rolls back.
    ///
    /// # Errors
    /// TIMEOUT when the database stays busy; DATABASE_ERROR.
    pub fn begin(&self) -> Result<HeldTransaction> {
        self.begin_until(self.deadline())
    }

    /// The same for no longer than to this moment; see [`Tries`](super::Tries).
    ///
    /// # Errors
    /// As [`Client::begin`].
    pub fn begin_until(&self, deadline: Option<Instant>) -> Result<HeldTransaction> {
        self.unkeyed("a transaction")?;
        let began = Borrowed::try_new(self.engine.adapter.clone(), |adapter| {
            self.wanted()?;
            let mut connection = adapter.connect(Intent::Write, deadline)?;
            self.watches(&mut *connection);
            connection.begin_guarded(deadline)?;
            Ok(connection)
        });
        let connection = began.map_err(|error: Error| self.told(error))?;
        let client = self.clone();
        Ok(HeldTransaction {
            client,
            connection,
            deadline,
            aborted: false,
            lost: false,
            open: Vec::new(),
            savepoints: 0,
        })
    }
}

impl HeldTransaction {
    /// Runs a request inside the transaction, as [`Transaction::execute`](super::transaction::Transaction::execute)
    /// does.
    ///
    /// # Errors
    /// As there.
    pub fn execute(&mut self, request: &Request) -> Result<Response> {
        let attempt = Attempt::of(&self.client, request)?;
        let done = self.answer(request);
        Attempt::answered(attempt, done)
    }

    fn answer(&mut self, request: &Request) -> Result<Response> {
        #[cfg(feature = "remote")]
        if self.client.far()?.is_some() {
            let (client, deadline) = (self.client.clone(), self.deadline);
            return self.on_connection(|connection| match client.far()? {
                Some(remote) => super::far::ask_in(&client, remote, request, connection, deadline),
                None => Err(Error::internal("a daemon became a database")),
            });
        }
        let (inside, deadline) = (self.inside(), self.deadline);
        match request.operation {
            Operation::Batch => {
                let batch = Batch::of(&self.client, request)?;
                self.on_connection(|connection| batch.inside(connection, inside, deadline))
            }
            Operation::Call => {
                let call = Call::new(&self.client, request, inside)?;
                call.joins()?;
                self.on_connection(|connection| call.inside(connection, inside, deadline))
            }
            _ => {
                let mut sink = RecordSink::default();
                self.answer_into(request, &mut sink)?.with(sink.records)
            }
        }
    }

    /// Runs a request inside the transaction and gives its rows to a sink.
    ///
    /// # Errors
    /// As [`HeldTransaction::execute`], and whatever the sink says. Rows given before an error are void.
    pub fn execute_into(&mut self, request: &Request, sink: &mut dyn RowSink) -> Result<Envelope> {
        let attempt = Attempt::of(&self.client, request)?;
        let mut watching = Watching::new(sink, Attempt::wanted(&attempt));
        let done = self.answer_into(request, &mut watching);
        Attempt::ended(attempt, watching.found, done)
    }

    fn answer_into(&mut self, request: &Request, sink: &mut dyn RowSink) -> Result<Envelope> {
        #[cfg(feature = "remote")]
        if self.client.far()?.is_some() {
            return self.answer(request)?.give(sink);
        }
        let mut machine = self.client.engine.prepare(&self.client.caller, request)?;
        let head = Head::of(&machine);
        let (savepoint, deadline) = (Some(self.inside()), self.deadline);
        let ran = self.on_connection(|connection| blocking::run(connection, &mut machine, savepoint, deadline, sink));
        head.envelope(self.client.finish(request, ran)?)
    }

    /// Begins a transaction inside this one. Those that are begun before it ends are inside it.
    ///
    /// # Errors
    /// CAPABILITY_NOT_SUPPORTED where the backend has no savepoints; CONFLICT with reason `aborted` after a timeout.
    pub fn savepoint(&mut self) -> Result<Savepoint> {
        verify::nested(self.client.capabilities())?;
        let number = self.savepoints + 1;
        self.on_connection(|connection| connection.savepoint(number))?;
        self.savepoints = number;
        self.open.push(number);
        Ok(Savepoint(number))
    }

    /// Keeps what was done since a savepoint for as long as what is around it. Savepoints inside it that are open are
    /// undone.
    ///
    /// # Errors
    /// CONFLICT with reason `aborted` when it has ended.
    pub fn release(&mut self, savepoint: Savepoint) -> Result<()> {
        let inside = self.close(savepoint)?;
        self.on_connection(|connection| {
            inside.map_or(Ok(()), |inside| connection.rollback_to(inside))?;
            connection.release(savepoint.0)
        })
    }

    /// Undoes what was done since a savepoint; what is around it goes on.
    ///
    /// # Errors
    /// CONFLICT with reason `aborted` when it has ended.
    pub fn rollback_to(&mut self, savepoint: Savepoint) -> Result<()> {
        self.close(savepoint)?;
        if self.aborted {
            return Ok(());
        }
        self.on_connection(|connection| connection.rollback_to(savepoint.0))
    }

    /// Commits. Savepoints that are open are undone.
    ///
    /// # Errors
    /// TIMEOUT when there is no time left, and CONFLICT with reason `aborted` after one; what the database says.
    pub fn commit(mut self) -> Result<()> {
        if self.aborted {
            return Err(aborted());
        }
        if passed(self.deadline) || self.client.wanted().is_err() {
            self.rollback()?;
            return Err(Error::timeout(Outcome::NotApplied));
        }
        let inside = self.open.first().copied();
        self.on_connection(|connection| {
            inside.map_or(Ok(()), |inside| connection.rollback_to(inside))?;
            connection.commit()
        })
    }

    /// Rolls back.
    ///
    /// # Errors
    /// What the database says.
    pub fn rollback(mut self) -> Result<()> {
        if self.aborted {
            return Ok(());
        }
        let client = self.client.clone();
        let ended = self.connection.with_dependent_mut(|_, connection| {
            connection.watch(None);
            connection.rollback()
        });
        ended.map_err(|error| client.told(error))
    }

    /// Whether a statement met another transaction that got there first: run again from its start, it may succeed.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// The number of the savepoint that guards a request.
    fn inside(&self) -> u32 {
        self.savepoints + 1
    }

    fn close(&mut self, savepoint: Savepoint) -> Result<Option<u32>> {
        let position = self.open.iter().position(|one| *one == savepoint.0).ok_or_else(aborted)?;
        let inside = self.open.get(position + 1).copied();
        self.open.truncate(position);
        Ok(inside)
    }

    /// Does something on the connection; a timeout there ends the transaction.
    fn on_connection<T>(&mut self, work: impl FnOnce(&mut dyn Connection) -> Result<T>) -> Result<T> {
        if self.aborted {
            return Err(aborted());
        }
        if passed(self.deadline) || self.client.wanted().is_err() {
            self.aborted = true;
            return Err(Error::timeout(Outcome::NotApplied));
        }
        let client = &self.client;
        let done = self.connection.with_dependent_mut(|_, connection| {
            // Undoing a part makes a connection forget it.
            client.watches(&mut **connection);
            work(&mut **connection)
        });
        if let Err(error) = &done {
            self.aborted |= error.kind() == ErrorKind::Timeout;
            self.lost |= is_serialization(error);
        }
        done.map_err(|error| self.client.told(error))
    }
}

/// A transaction may end on another thread than it began on.
const fn moves<T: Send>() {}
const _: () = moves::<HeldTransaction>();
