//! One transaction in the hands of a closure.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use crate::adapter::{Connection, Intent};
use crate::client::attempt::{Attempt, Watching};
use crate::client::batch::Batch;
use crate::client::call::{self, Call};
use crate::client::handle::{Entity, Execute};
use crate::client::response::Head;
use crate::client::retry::is_serialization;
use crate::client::{Client, Envelope, Response};
use crate::error::{Error, ErrorKind, Outcome, Reason, Result};
use crate::exec::blocking;
use crate::plan::verify;
use crate::request::{Operation, Request};
use crate::row::{RecordSink, RowSink};
use crate::value::Value;

/// A transaction. Requests through it see what the ones before wrote; nobody else does before it commits.
pub struct Transaction<'c> {
    client: &'c Client,
    /// Shared with the transactions nested in this one.
    state: Rc<RefCell<State<'c>>>,
    deadline: Option<Instant>,
    /// How many transactions this one is nested in: the number of its savepoint.
    depth: u32,
}

struct State<'c> {
    connection: Box<dyn Connection + 'c>,
    /// A statement ran out of time and took the transaction with it.
    aborted: bool,
    /// A statement met another transaction that got there first.
    lost: bool,
}

impl std::fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction").field("client", self.client).finish_non_exhaustive()
    }
}

impl<'c> Transaction<'c> {
    /// A handle on an entity, by name or plural.
    ///
    /// # Errors
    /// VALIDATION_ERROR for an unknown name.
    pub fn entity(&self, name: &str) -> Result<Entity<'_, Self>> {
        Ok(Entity::new(self, self.client.entity_name(name)?))
    }

    /// Runs a request inside the transaction. A failed one leaves nothing and the transaction goes on, unless it
    /// timed out: that ends it, and everything after is CONFLICT with reason `aborted`.
    ///
    /// # Errors
    /// Those of the catalogue.
    pub fn execute(&self, request: &Request) -> Result<Response> {
        let attempt = Attempt::of(self.client, request)?;
        Attempt::answered(attempt, self.answer(request))
    }

    fn answer(&self, request: &Request) -> Result<Response> {
        #[cfg(feature = "remote")]
        if let Some(remote) = self.client.far()? {
            return self.on_connection(|connection| {
                super::far::ask_in(self.client, remote, request, connection, self.deadline)
            });
        }
        if request.operation == Operation::Batch {
            return self.run_batch(Batch::of(self.client, request)?);
        }
        if request.operation == Operation::Call {
            let (depth, deadline) = (self.depth + 1, self.deadline);
            let call = Call::new(self.client, request, depth)?;
            call.joins()?;
            return self.on_connection(|connection| call.inside(connection, depth, deadline));
        }
        let mut sink = RecordSink::default();
        self.answer_into(request, &mut sink)?.with(sink.records)
    }

    /// Runs a request inside the transaction and gives its rows to a sink.
    ///
    /// # Errors
    /// As [`Transaction::execute`], and whatever the sink says. Rows given before an error are void.
    pub fn execute_into(&self, request: &Request, sink: &mut dyn RowSink) -> Result<Envelope> {
        let attempt = Attempt::of(self.client, request)?;
        let mut watching = Watching::new(sink, Attempt::wanted(&attempt));
        let done = self.answer_into(request, &mut watching);
        Attempt::ended(attempt, watching.found, done)
    }

    fn answer_into(&self, request: &Request, sink: &mut dyn RowSink) -> Result<Envelope> {
        let client = self.client;
        #[cfg(feature = "remote")]
        if client.far()?.is_some() {
            return self.answer(request)?.give(sink);
        }
        let mut machine = client.engine.prepare(&client.caller, request)?;
        let head = Head::of(&machine);
        let savepoint = Some(self.depth + 1);
        let ran =
            self.on_connection(|connection| blocking::run(connection, &mut machine, savepoint, self.deadline, sink));
        head.envelope(client.finish(request, ran)?)
    }
}

impl<'c> Transaction<'c> {
    /// Runs requests that apply together, as [`Client::batch`] does, inside the transaction. A failed batch leaves
    /// nothing and the transaction goes on.
    ///
    /// # Errors
    /// As [`Client::batch`].
    pub fn batch(&self, entries: impl IntoIterator<Item = Request>) -> Result<Vec<Response>> {
        #[cfg(feature = "remote")]
        if self.client.far()?.is_some() {
            return self.execute(&super::batch::request(entries))?.batch();
        }
        let entries: Vec<Request> = entries.into_iter().collect();
        let attempt = Attempt::of_entries(self.client, &entries)?;
        let done = Batch::new(self.client, entries).and_then(|batch| self.run_batch(batch));
        Attempt::answered(attempt, done)?.batch()
    }

    /// Runs a declared operation inside the transaction, as [`Client::call`] does by itself. One with a rate limit is
    /// refused here: its calls count whatever becomes of the transaction.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn call(&self, name: &str, input: impl Into<Value>) -> Result<Response> {
        self.execute(&call::named(name, input.into())).map(Response::uncalled)
    }

    fn run_batch(&self, batch: Batch) -> Result<Response> {
        let (depth, deadline) = (self.depth + 1, self.deadline);
        self.on_connection(|connection| batch.inside(connection, depth, deadline))
    }

    /// Runs a closure in a transaction inside this one: what it returns `Ok` for stays as long as the outer one does,
    /// everything else is undone, and the outer one goes on.
    ///
    /// # Errors
    /// What the closure returns; CAPABILITY_NOT_SUPPORTED where the backend has no savepoints; CONFLICT with reason
    /// `aborted` when a statement timed out.
    pub fn transaction<T, E: From<Error>>(&self, work: impl FnOnce(&Transaction<'c>) -> Result<T, E>) -> Result<T, E> {
        verify::nested(self.client.capabilities())?;
        let depth = self.depth + 1;
        self.on_connection(|connection| connection.savepoint(depth))?;
        let inner = Transaction { client: self.client, state: self.state.clone(), deadline: self.deadline, depth };
        let mut undo = OnPanic { outer: self, depth, armed: true };
        let worked = work(&inner);
        undo.armed = false;
        match worked {
            Ok(value) => {
                self.on_connection(|connection| connection.release(depth))?;
                Ok(value)
            }
            Err(error) => {
                if !self.state.borrow().aborted {
                    self.on_connection(|connection| connection.rollback_to(depth))?;
                }
                Err(error)
            }
        }
    }

    /// Does something on the connection; a timeout there ends the transaction.
    fn on_connection<T>(&self, work: impl FnOnce(&mut dyn Connection) -> Result<T>) -> Result<T> {
        let mut state = self.state.try_borrow_mut().map_err(|_| busy())?;
        if state.aborted {
            return Err(aborted());
        }
        if passed(self.deadline) || self.client.wanted().is_err() {
            state.aborted = true;
            return Err(Error::timeout(Outcome::NotApplied));
        }
        // Undoing a part makes a connection forget it.
        self.client.watches(&mut *state.connection);
        let done = work(&mut *state.connection);
        if let Err(error) = &done {
            state.aborted |= error.kind() == ErrorKind::Timeout;
            state.lost |= is_serialization(error);
        }
        done.map_err(|error| self.client.told(error))
    }
}

/// Undoes a nested transaction whose closure panicked: whoever catches that may go on with the outer one.
struct OnPanic<'t, 'c> {
    outer: &'t Transaction<'c>,
    depth: u32,
    armed: bool,
}

impl Drop for OnPanic<'_, '_> {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let undone = self.outer.on_connection(|connection| connection.rollback_to(self.depth));
        if undone.is_err()
            && let Ok(mut state) = self.outer.state.try_borrow_mut()
        {
            state.aborted = true;
        }
    }
}

fn busy() -> Error {
    Error::internal("a transaction runs one request at a time")
}

impl Execute for Transaction<'_> {
    fn execute(&self, request: &Request) -> Result<Response> {
        Transaction::execute(self, request)
    }
}

pub(super) fn aborted() -> Error {
    Error::conflict(
        Reason::Aborted,
        &[],
        "the transaction ended earlier, when its time ran out or a request in it was cancelled",
    )
}

/// What became of one try.
pub(super) enum Tried<T, E> {
    Ended(Result<T, E>),
    /// Another transaction got there first; the error is for when there is no other try.
    Lost(E),
}

/// Runs the closure once and ends the transaction as it says. A panic drops the connection, which rolls back.
pub(super) fn attempt<T, E: From<Error>>(
    client: &Client,
    deadline: Option<Instant>,
    work: &mut impl FnMut(&Transaction<'_>) -> Result<T, E>,
) -> Result<Tried<T, E>> {
    let told = |error| client.told(error);
    client.unkeyed("a transaction")?;
    let mut connection = client.connect(Intent::Write, deadline).map_err(told)?;
    connection.begin_guarded(deadline).map_err(told)?;
    let state = Rc::new(RefCell::new(State { connection, aborted: false, lost: false }));
    let transaction = Transaction { client, state: state.clone(), deadline, depth: 0 };
    let result = work(&transaction);
    drop(transaction);
    // The closure was lent the transaction and could not keep it, nor one nested in it.
    let State { mut connection, aborted: ended, lost } =
        Rc::into_inner(state).expect("nobody else holds the connection").into_inner();
    let value = match result {
        Ok(value) => value,
        Err(error) => {
            if !ended {
                connection.watch(None);
                connection.rollback().map_err(told)?;
            }
            return Ok(if lost { Tried::Lost(error) } else { Tried::Ended(Err(error)) });
        }
    };
    if ended {
        return Err(aborted());
    }
    if passed(deadline) || client.wanted().is_err() {
        connection.watch(None);
        connection.rollback().map_err(told)?;
        return Err(Error::timeout(Outcome::NotApplied));
    }
    match connection.commit() {
        Ok(()) => Ok(Tried::Ended(Ok(value))),
        Err(error) if is_serialization(&error) => Ok(Tried::Lost(error.into())),
        Err(error) => Err(told(error)),
    }
}

/// Whether there is no time left.
pub(super) fn passed(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}
