//! The client for callers that await. It needs no runtime of its own: its futures run on any executor.
//!
//! On SQLite a request hops once to a thread of the adapter, and requests that wait together share a read
//! transaction there. A backend that never waits runs inline.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_channel::oneshot;
use futures_core::Stream;
use parking_lot::Mutex;

use crate::access::Principal;
use crate::adapter::{Cancel, Connection, Intent, Job, Offload};
use crate::client::batch::Batch;
use crate::client::builder::Query;
use crate::client::call::{self, Call};
use crate::client::channel::Taker;
use crate::client::handle::{
    all_args, call_args, counted, data_args, distinct_args, key_args, many_args, rows_args, update_args, upsert_args,
};
use crate::client::response::Head;
use crate::client::retry::{self, Tries, is_serialization};
use crate::client::transaction::{aborted, passed};
use crate::client::{Client, Config, Envelope, Migrations, Page, Response, TransactionOptions};
use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::exec::{Machine, Summary, blocking, nonblocking};
use crate::plan::verify;
use crate::request::{Operation, Request};
use crate::row::{Record, RecordSink, RowSink};
use crate::value::{Map, Name, Value};

/// A client that is awaited; otherwise like [`Client`].
///
/// ```
/// use dbal::{AsyncClient, Config, query, value};
/// # fn block_on<F: std::future::Future>(future: F) -> F::Output {
/// #     let mut future = std::pin::pin!(future);
/// #     let waker = std::task::Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
/// #     struct Unpark(std::thread::Thread);
/// #     impl std::task::Wake for Unpark { fn wake(self: std::sync::Arc<Self>) { self.0.unpark() } }
/// #     loop {
/// #         match future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
/// #             std::task::Poll::Ready(out) => return out,
/// #             std::task::Poll::Pending => std::thread::park(),
/// #         }
/// #     }
/// # }
/// # block_on(async {
/// let schema = "entity: Note\nfields:\n  id: { type: uuid, primary: true, generated: true }\n  text: { type: string }\n";
/// let db = AsyncClient::open(Config::sqlite(":memory:").schema_text(schema)).await?;
/// db.migrate().await?;
/// db.entity("Note")?.create(value!({ "text": "hello" })).await?;
/// assert_eq!(db.entity("Note")?.count(query()).await?, 1);
/// # Ok::<(), dbal::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct AsyncClient {
    blocking: Client,
}

impl AsyncClient {
    /// Opens a database as the configuration says.
    ///
    /// # Errors
    /// As [`Client::open`].
    pub async fn open(config: Config) -> Result<AsyncClient> {
        // To read a schema, to make a file and to connect all block.
        on_a_thread(move || Client::open(config)).await.map(AsyncClient::from)
    }

    /// The same database asked on behalf of a caller.
    pub fn as_principal(&self, principal: Principal) -> AsyncClient {
        self.blocking.as_principal(principal).into()
    }

    /// The same client with a deadline for each request.
    pub fn with_timeout(&self, timeout: Option<Duration>) -> AsyncClient {
        self.blocking.with_timeout(timeout).into()
    }

    /// A handle on an entity, by name or plural.
    ///
    /// # Errors
    /// VALIDATION_ERROR for an unknown name.
    pub fn entity(&self, name: &str) -> Result<AsyncEntity<'_>> {
        let name = self.blocking.entity_name(name)?;
        Ok(AsyncEntity { on: On::Client(self), name })
    }

    /// Runs a request and gathers its answer.
    ///
    /// # Errors
    /// Those of the catalogue.
    pub async fn execute(&self, request: &Request) -> Result<Response> {
        if request.operation == Operation::Batch {
            return self.run_batch(Batch::of(&self.blocking, request)?).await;
        }
        if request.operation == Operation::Call {
            return self.run_call(request).await;
        }
        let (envelope, sink) = self.execute_into(request, RecordSink::default()).await?;
        envelope.with(sink.records)
    }

    /// Runs a request and gives its rows to a sink, on whatever thread reads them. The sink comes back filled.
    ///
    /// # Errors
    /// As [`AsyncClient::execute`], and whatever the sink says.
    pub async fn execute_into<S>(&self, request: &Request, sink: S) -> Result<(Envelope, S)>
    where
        S: RowSink + Send + 'static,
    {
        let client = &self.blocking;
        let machine = client.engine.prepare(&client.caller, request)?;
        let head = Head::of(&machine);
        let (summary, sink) = client.finish(request, self.run(machine, sink).await)?;
        Ok((head.envelope(summary)?, sink))
    }

    /// Runs requests in one transaction, all or none, as [`Client::batch`] does.
    ///
    /// # Errors
    /// As there.
    pub async fn batch(&self, entries: impl IntoIterator<Item = Request>) -> Result<Vec<Response>> {
        let batch = Batch::new(&self.blocking, entries.into_iter().collect())?;
        self.run_batch(batch).await?.batch()
    }

    async fn run_batch(&self, batch: Batch) -> Result<Response> {
        let (adapter, deadline, intent) = (&self.blocking.engine.adapter, self.blocking.deadline(), batch.intent());
        let done = match adapter.offload() {
            None => {
                let connected = adapter.connect(intent, deadline);
                connected.and_then(|mut connection| batch.alone(&mut *connection, deadline))
            }
            Some(offload) => {
                submitted(offload, intent, deadline, move |connection| batch.alone(connection, deadline)).await
            }
        };
        done.map_err(|error| self.blocking.told(error))
    }

    /// Runs an operation that the schema declares, as [`Client::call`] does.
    ///
    /// # Errors
    /// As there.
    pub async fn call(&self, name: &str, input: impl Into<Value>) -> Result<Response> {
        self.execute(&call::named(name, input.into())).await.map(Response::uncalled)
    }

    async fn run_call(&self, request: &Request) -> Result<Response> {
        let call = Arc::new(Call::new(&self.blocking, request, 0)?);
        if call.counted().is_none() && !call.verifies() {
            return self
                .on_call(&call, call.intent(), |call, connection, deadline| call.transaction(connection, deadline))
                .await;
        }
        // It counts, reads and hashes in turns, and no connection is held while it hashes: a thread of its own waits.
        on_a_thread(move || call.alone()).await
    }

    async fn on_call<T: Send + 'static>(
        &self,
        call: &Arc<Call>,
        intent: Intent,
        work: impl FnOnce(&Call, &mut dyn Connection, Option<Instant>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (adapter, deadline) = (&self.blocking.engine.adapter, self.blocking.deadline());
        let Some(offload) = adapter.offload() else {
            return work(call, &mut *adapter.connect(intent, deadline)?, deadline);
        };
        let call = call.clone();
        submitted(offload, intent, deadline, move |connection| work(&call, connection, deadline)).await
    }

    async fn run<S: RowSink + Send + 'static>(&self, machine: Machine, mut sink: S) -> Result<(Summary, S)> {
        let adapter = &self.blocking.engine.adapter;
        let deadline = self.blocking.deadline();
        let intent = if machine.writes() { Intent::Write } else { Intent::Read };
        let Some(offload) = adapter.offload() else {
            let mut connection = nonblocking::Ready(adapter.connect(intent, deadline)?);
            let summary = nonblocking::run(&mut connection, machine, None, deadline, &mut sink).await?;
            return Ok((summary, sink));
        };
        let again = intent == Intent::Write && adapter.contends();
        let run = move |connection: &mut dyn Connection| {
            retry::alone(connection, machine, again, deadline, &mut sink).map(|summary| (summary, sink))
        };
        submitted(offload, intent, deadline, run).await
    }

    /// The rows that match, one after the other, in constant memory.
    ///
    /// # Errors
    /// As [`Client::stream`].
    pub async fn stream(&self, entity: &str, query: Query) -> Result<AsyncRows> {
        let entity = self.blocking.entity_name(entity)?.to_string().into();
        self.stream_of(Request { operation: Operation::Stream, entity, args: query.into_args() }).await
    }

    /// The same of a request.
    ///
    /// # Errors
    /// As [`Client::stream`].
    #[allow(clippy::unused_async, reason = "backends that connect over a network will await here")]
    pub async fn stream_of(&self, request: Request) -> Result<AsyncRows> {
        let reading = OnDrop::new();
        let batches = self.blocking.read_ahead(request, reading.cancel())?;
        Ok(AsyncRows { batches, current: Vec::new().into_iter(), _reading: reading })
    }

    /// Creates what the database lacks.
    ///
    /// # Errors
    /// As [`Client::migrate`].
    pub async fn migrate(&self) -> Result<Vec<String>> {
        let client = self.blocking.clone();
        on_a_thread(move || client.migrate()).await
    }

    /// Plans, applies and takes migrations back on a thread of their own.
    ///
    /// # Errors
    /// FORBIDDEN for a bound client, and what the closure returns.
    pub async fn migrations<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Migrations<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let client = self.blocking.clone();
        on_a_thread(move || work(&client.migrations()?)).await
    }

    /// Drops every table of the schema and creates them anew, empty.
    ///
    /// # Errors
    /// As [`Client::reset`].
    pub async fn reset(&self) -> Result<()> {
        let client = self.blocking.clone();
        on_a_thread(move || client.reset()).await
    }

    /// Begins a transaction. Dropped without [`AsyncTransaction::commit`], it rolls back.
    ///
    /// # Errors
    /// TIMEOUT when the database stays busy; DATABASE_ERROR.
    pub async fn begin(&self) -> Result<AsyncTransaction> {
        self.begin_until(self.blocking.deadline()).await
    }

    /// The same for no longer than to this moment, with the same errors; see [`Tries`](crate::client::Tries).
    pub async fn begin_until(&self, deadline: Option<Instant>) -> Result<AsyncTransaction> {
        let (work, jobs) = mpsc::channel::<Work>();
        let (tell, begun) = oneshot::channel();
        let cancel = OnDrop::new();
        let watched_for = cancel.cancel();
        let session = move |connection: Result<&mut dyn Connection>| {
            let connection = match connection {
                Ok(connection) => connection,
                Err(error) => return drop(tell.send(Err(error))),
            };
            let started = watched(connection, &watched_for, |connection| connection.begin_guarded(deadline));
            let ok = started.is_ok();
            if tell.send(started).is_err() || !ok {
                if ok {
                    let _ = connection.rollback();
                }
                return;
            }
            // Dropped, or out of time: nobody else may wait for it longer.
            let next = || match deadline {
                Some(deadline) => jobs.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok(),
                None => jobs.recv().ok(),
            };
            loop {
                match next().map_or(Next::Undo, |work| work(connection)) {
                    Next::Go => {}
                    Next::Ended => break,
                    Next::Undo => {
                        // Nobody is left to be told of a failure; the adapter discards the connection if it is in doubt.
                        let _ = connection.rollback();
                        break;
                    }
                }
            }
        };
        match self.blocking.engine.adapter.offload() {
            Some(offload) => {
                offload.submit(Intent::Write, deadline, Box::new(session));
            }
            None => {
                let client = self.blocking.clone();
                std::thread::spawn(move || match client.engine.adapter.connect(Intent::Write, deadline) {
                    Ok(mut connection) => session(Ok(&mut *connection)),
                    Err(error) => session(Err(error)),
                });
            }
        }
        let begun = begun.await;
        cancel.defuse();
        let begun = begun.unwrap_or_else(|_| Err(lost(Intent::Read)));
        begun.map_err(|error| self.blocking.told(error))?;
        let state = Arc::new(State {
            aborted: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            deadline,
            nested: AtomicU32::new(0),
            open: Mutex::default(),
        });
        Ok(AsyncTransaction { client: self.blocking.clone(), work, state, number: 0, open: true })
    }

    /// Runs a closure in one transaction: `Ok` commits, everything else rolls back, being dropped too. It is run again
    /// as [`Client::transaction`] does.
    ///
    /// # Errors
    /// What the closure returns, and what begin and commit say.
    pub async fn transaction<T, E: From<Error>>(
        &self,
        work: impl AsyncFnMut(&AsyncTransaction) -> Result<T, E>,
    ) -> Result<T, E> {
        self.transaction_with(TransactionOptions::default(), work).await
    }

    /// The same, with a say in how often it is run again and how long it may take.
    ///
    /// # Errors
    /// As [`AsyncClient::transaction`].
    pub async fn transaction_with<T, E: From<Error>>(
        &self,
        options: TransactionOptions,
        mut work: impl AsyncFnMut(&AsyncTransaction) -> Result<T, E>,
    ) -> Result<T, E> {
        let deadline = options.deadline(&self.blocking);
        let mut tries = Tries::new(options, deadline);
        loop {
            let transaction = self.begin_until(deadline).await?;
            let state = transaction.state.clone();
            let error = match work(&transaction).await {
                Ok(value) => match transaction.commit().await {
                    Ok(()) => return Ok(value),
                    Err(error) if is_serialization(&error) => error.into(),
                    Err(error) => return Err(error.into()),
                },
                Err(error) => {
                    transaction.rollback().await?;
                    if !state.lost.load(Ordering::Relaxed) {
                        return Err(error);
                    }
                    error
                }
            };
            match tries.next() {
                Some(pause) => {
                    on_a_thread(move || {
                        std::thread::sleep(pause);
                        Ok(())
                    })
                    .await?;
                }
                None => return Err(error),
            }
        }
    }

    /// The blocking client on the same database.
    pub fn blocking(&self) -> &Client {
        &self.blocking
    }
}

impl From<Client> for AsyncClient {
    fn from(blocking: Client) -> Self {
        AsyncClient { blocking }
    }
}

/// One thing to do on a transaction's connection.
type Work = Box<dyn FnOnce(&mut dyn Connection) -> Next + Send>;

/// What a transaction's thread does next.
enum Next {
    /// It waits for more work.
    Go,
    /// The transaction is over.
    Ended,
    /// It rolls back.
    Undo,
}

/// What a transaction and those nested in it have in common.
#[derive(Debug)]
struct State {
    /// Its time ran out, or a request in it was dropped: it is rolled back.
    aborted: AtomicBool,
    /// A statement met another transaction that got there first.
    lost: AtomicBool,
    deadline: Option<Instant>,
    /// How many transactions were ever nested in it.
    nested: AtomicU32,
    /// The numbers of those that are open, each inside the one before it. Changed by the transaction's thread only.
    open: Mutex<Vec<u32>>,
}

impl State {
    /// Whether a transaction has not ended; the outermost one ends otherwise.
    fn is_open(&self, number: u32) -> bool {
        number == 0 || self.open.lock().contains(&number)
    }

    /// Ends a transaction, with those inside it. Says which of these was the outermost: it was not committed.
    fn close(&self, number: u32) -> Result<Option<u32>> {
        let mut open = self.open.lock();
        let position = open.iter().position(|one| *one == number).ok_or_else(aborted)?;
        let inside = open.get(position + 1).copied();
        open.truncate(position);
        Ok(inside)
    }
}

/// A transaction that is awaited. Dropped without a commit, it rolls back.
#[derive(Debug)]
pub struct AsyncTransaction {
    client: Client,
    work: mpsc::Sender<Work>,
    /// Shared with the transactions nested in this one.
    state: Arc<State>,
    /// The number of its savepoint; 0 for the outermost.
    number: u32,
    /// Neither committed nor rolled back.
    open: bool,
}

impl Drop for AsyncTransaction {
    fn drop(&mut self) {
        // The outermost one ends with its channel; a savepoint is undone before anything else happens on the connection.
        if self.open && self.number > 0 && !self.is_aborted() {
            let (number, state) = (self.number, self.state.clone());
            // A session that has ended has nothing left to undo; one that cannot go back must not go on.
            let _ = self.work.send(Box::new(move |connection| match state.close(number) {
                // It went with the one that it was in.
                Err(_) => Next::Go,
                Ok(_) => match connection.rollback_to(number) {
                    Ok(()) => Next::Go,
                    Err(_) => Next::Undo,
                },
            }));
        }
    }
}

impl AsyncTransaction {
    /// A handle on an entity, by name or plural.
    ///
    /// # Errors
    /// VALIDATION_ERROR for an unknown name.
    pub fn entity(&self, name: &str) -> Result<AsyncEntity<'_>> {
        let name = self.client.entity_name(name)?;
        Ok(AsyncEntity { on: On::Transaction(self), name })
    }

    /// Runs a request inside the transaction.
    ///
    /// # Errors
    /// As [`Transaction::execute`](crate::client::transaction::Transaction::execute).
    pub async fn execute(&self, request: &Request) -> Result<Response> {
        if request.operation == Operation::Batch {
            return self.run_batch(Batch::of(&self.client, request)?).await;
        }
        if request.operation == Operation::Call {
            let (savepoint, deadline) = (self.number + 1, self.state.deadline);
            let call = Call::new(&self.client, request, savepoint)?;
            call.joins()?;
            return self.on_connection(move |connection| call.inside(connection, savepoint, deadline)).await;
        }
        let (envelope, sink) = self.execute_into(request, RecordSink::default()).await?;
        envelope.with(sink.records)
    }

    /// Runs a request inside the transaction and gives its rows to a sink, which comes back filled.
    ///
    /// # Errors
    /// As [`AsyncTransaction::execute`], and whatever the sink says.
    pub async fn execute_into<S>(&self, request: &Request, mut sink: S) -> Result<(Envelope, S)>
    where
        S: RowSink + Send + 'static,
    {
        let client = &self.client;
        let machine = client.engine.prepare(&client.caller, request)?;
        let head = Head::of(&machine);
        let deadline = self.state.deadline;
        let savepoint = Some(self.number + 1);
        let done = self
            .on_connection(move |connection| {
                blocking::run(connection, machine, savepoint, deadline, &mut sink).map(|summary| (summary, sink))
            })
            .await;
        let (summary, sink) = client.finish(request, done)?;
        Ok((head.envelope(summary)?, sink))
    }

    /// Runs requests that apply together inside the transaction.
    ///
    /// # Errors
    /// As [`Transaction::batch`](crate::client::transaction::Transaction::batch).
    pub async fn batch(&self, entries: impl IntoIterator<Item = Request>) -> Result<Vec<Response>> {
        let batch = Batch::new(&self.client, entries.into_iter().collect())?;
        self.run_batch(batch).await?.batch()
    }

    async fn run_batch(&self, batch: Batch) -> Result<Response> {
        let (savepoint, deadline) = (self.number + 1, self.state.deadline);
        self.on_connection(move |connection| batch.inside(connection, savepoint, deadline)).await
    }

    /// Runs a closure in a transaction inside this one: what it returns `Ok` for stays as long as the outer one does,
    /// everything else is undone, being dropped too, and the outer one goes on.
    ///
    /// # Errors
    /// As [`Transaction::transaction`](crate::client::transaction::Transaction::transaction).
    pub async fn transaction<T, E: From<Error>>(
        &self,
        work: impl AsyncFnOnce(&AsyncTransaction) -> Result<T, E>,
    ) -> Result<T, E> {
        let inner = self.begin().await?;
        let result = work(&inner).await;
        if self.is_aborted() {
            return Err(result.err().unwrap_or_else(|| aborted().into()));
        }
        match result {
            Ok(value) => {
                inner.commit().await?;
                Ok(value)
            }
            Err(error) => {
                inner.rollback().await?;
                Err(error)
            }
        }
    }

    /// Begins a transaction inside this one: a savepoint. Committed, it stays as long as the outer one does; dropped
    /// without that, it is undone before anything else happens, and the outer one goes on. One that is begun while
    /// another is open is inside it; those that are open when the one around them ends are undone.
    ///
    /// # Errors
    /// CAPABILITY_NOT_SUPPORTED where the backend has no savepoints; CONFLICT with reason `aborted` after a timeout.
    pub async fn begin(&self) -> Result<AsyncTransaction> {
        verify::nested(self.client.capabilities())?;
        let number = self.state.nested.fetch_add(1, Ordering::Relaxed) + 1;
        let (client, work, state) = (self.client.clone(), self.work.clone(), self.state.clone());
        let inner = state.clone();
        self.on_connection(move |connection| {
            connection.savepoint(number)?;
            inner.open.lock().push(number);
            Ok(())
        })
        .await?;
        Ok(AsyncTransaction { client, work, state, number, open: true })
    }

    /// Commits.
    ///
    /// # Errors
    /// TIMEOUT when there is no time left, and CONFLICT with reason `aborted` after one; what the database says.
    pub async fn commit(mut self) -> Result<()> {
        self.open = false;
        let (number, state) = (self.number, self.state.clone());
        match number {
            0 => {
                self.end(move |connection| {
                    let inside = state.open.lock().first().copied();
                    inside.map_or(Ok(()), |inside| connection.rollback_to(inside))?;
                    connection.commit()
                })
                .await
            }
            _ => {
                self.on_connection(move |connection| {
                    let inside = state.close(number)?;
                    inside.map_or(Ok(()), |inside| connection.rollback_to(inside))?;
                    connection.release(number)
                })
                .await
            }
        }
    }

    /// Rolls back.
    ///
    /// # Errors
    /// What the database says.
    pub async fn rollback(mut self) -> Result<()> {
        self.open = false;
        let out_of_time = passed(self.state.deadline);
        let (number, state) = (self.number, self.state.clone());
        match number {
            // It is rolled back already, or is about to be.
            _ if self.is_aborted() || out_of_time => Ok(()),
            0 => self.end(|connection| connection.rollback()).await,
            _ => {
                self.on_connection(move |connection| {
                    state.close(number)?;
                    connection.rollback_to(number)
                })
                .await
            }
        }
    }

    /// Whether a statement met another transaction that got there first: run again from its start, it may succeed.
    pub fn is_lost(&self) -> bool {
        self.state.lost.load(Ordering::Relaxed)
    }

    fn is_aborted(&self) -> bool {
        self.state.aborted.load(Ordering::Relaxed)
    }

    /// Refuses what comes too late; the first to come too late is told that it was the time.
    fn in_time(&self) -> Result<()> {
        if self.is_aborted() {
            return Err(aborted());
        }
        if passed(self.state.deadline) {
            self.state.aborted.store(true, Ordering::Relaxed);
            let _ = self.work.send(Box::new(|_| Next::Undo));
            return Err(Error::timeout(Outcome::NotApplied));
        }
        Ok(())
    }

    /// Ends the outermost transaction. Once under way it is not cancelled.
    async fn end(&self, end: impl FnOnce(&mut dyn Connection) -> Result<()> + Send + 'static) -> Result<()> {
        self.in_time()?;
        let (tell, told) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let _ = tell.send(end(connection));
            Next::Ended
        });
        self.work.send(work).map_err(|_| self.gone())?;
        let ended = told.await.map_err(|_| self.gone())?;
        ended.map_err(|error| self.client.told(error))
    }

    /// Does something on the connection. A timeout there ends the transaction, and so does being dropped meanwhile:
    /// whether it was done is not known then.
    async fn on_connection<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.in_time()?;
        let (tell, told) = oneshot::channel();
        let (dropped, state) = (OnDrop::new(), self.state.clone());
        let (cancel, number) = (dropped.cancel(), self.number);
        let job: Work = Box::new(move |connection| {
            let done = match state.is_open(number) {
                true => watched(connection, &cancel, work),
                false => Err(aborted()),
            };
            let timed_out = done.as_ref().is_err_and(|error| error.kind() == ErrorKind::Timeout);
            if timed_out {
                state.aborted.store(true, Ordering::Relaxed);
            }
            if done.as_ref().is_err_and(is_serialization) {
                state.lost.store(true, Ordering::Relaxed);
            }
            let _ = tell.send(done);
            if timed_out { Next::Undo } else { Next::Go }
        });
        self.work.send(job).map_err(|_| self.gone())?;
        let mut abandoned = Abandoned { transaction: self, armed: true };
        let answer = told.await;
        abandoned.armed = false;
        dropped.defuse();
        answer.map_err(|_| self.gone())?.map_err(|error| self.client.told(error))
    }

    /// Why the transaction's thread took no work.
    fn gone(&self) -> Error {
        match self.in_time() {
            Err(error) => error,
            Ok(()) => lost(Intent::Write),
        }
    }
}

/// A request in a transaction whose answer has not come. Dropped with it, the transaction is rolled back.
struct Abandoned<'t> {
    transaction: &'t AsyncTransaction,
    armed: bool,
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.transaction.state.aborted.store(true, Ordering::Relaxed);
            let _ = self.transaction.work.send(Box::new(|_| Next::Undo));
        }
    }
}

/// Cancels when it is dropped before the answer is there.
#[derive(Debug)]
struct OnDrop(Cancel, bool);

impl OnDrop {
    fn new() -> OnDrop {
        OnDrop(Cancel::default(), true)
    }

    fn cancel(&self) -> Cancel {
        self.0.clone()
    }

    fn defuse(mut self) {
        self.1 = false;
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        if self.1 {
            self.0.cancel();
        }
    }
}

/// Runs something on a connection that stops when it is cancelled.
fn watched<T>(
    connection: &mut dyn Connection,
    cancel: &Cancel,
    work: impl FnOnce(&mut dyn Connection) -> Result<T>,
) -> Result<T> {
    if cancel.is_cancelled() {
        return Err(Error::timeout(Outcome::NotApplied));
    }
    connection.watch(Some(cancel));
    let done = work(connection);
    connection.watch(None);
    done
}

/// Runs something on a thread of the adapter. Dropped before it is done, it is stopped, or never begun.
async fn submitted<T: Send + 'static>(
    offload: &dyn Offload,
    intent: Intent,
    deadline: Option<Instant>,
    work: impl FnOnce(&mut dyn Connection) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (tell, told) = oneshot::channel();
    let dropped = OnDrop::new();
    let cancel = dropped.cancel();
    let job: Job = Box::new(move |connection| {
        // Whoever awaited this may have stopped caring.
        let _ = tell.send(connection.and_then(|connection| watched(connection, &cancel, work)));
    });
    offload.submit(intent, deadline, job);
    let answer = told.await;
    dropped.defuse();
    answer.map_err(|_| lost(intent))?
}

/// The rows of a request, read while they are awaited. The first error ends it. Dropped, it stops reading.
#[derive(Debug)]
pub struct AsyncRows {
    batches: Taker,
    current: std::vec::IntoIter<Record>,
    /// Stops the reading.
    _reading: OnDrop,
}

impl AsyncRows {
    /// The next row; none at the end.
    pub async fn next(&mut self) -> Option<Result<Record>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for AsyncRows {
    type Item = Result<Record>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(record) = self.current.next() {
                return Poll::Ready(Some(Ok(record)));
            }
            match self.batches.poll(context) {
                Poll::Ready(Some(Ok(batch))) => self.current = batch.into_iter(),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// The thread that had the work is gone, and its answer with it.
fn lost(intent: Intent) -> Error {
    let error = Error::internal("the thread that ran the request ended without an answer");
    match intent {
        Intent::Read => error.with_outcome(Outcome::NotApplied),
        Intent::Write => error.with_outcome(Outcome::Unknown),
    }
}

async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let (tell, told) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = tell.send(work());
    });
    told.await.map_err(|_| lost(Intent::Write))?
}

#[derive(Clone, Copy, Debug)]
enum On<'c> {
    Client(&'c AsyncClient),
    Transaction(&'c AsyncTransaction),
}

/// A handle on one entity, awaited; the same on a client and inside a transaction. The methods are those of
/// [`Entity`](crate::client::handle::Entity), with the same errors.
#[derive(Debug)]
pub struct AsyncEntity<'c> {
    on: On<'c>,
    name: &'c str,
}

impl AsyncEntity<'_> {
    async fn ask(&self, operation: Operation, args: Map) -> Result<Response> {
        let request = Request { operation, entity: Name::Owned(self.name.to_owned()), args };
        match self.on {
            On::Client(client) => client.execute(&request).await,
            On::Transaction(transaction) => transaction.execute(&request).await,
        }
    }

    /// Makes a row and returns it as stored.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn create(&self, data: impl Into<Value>) -> Result<Record> {
        self.ask(Operation::Create, data_args(data.into())).await?.row()
    }

    /// Makes rows, all or none, and returns them in the order given.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn create_many<V: Into<Value>>(&self, rows: impl IntoIterator<Item = V>) -> Result<Vec<Record>> {
        self.ask(Operation::CreateMany, rows_args(rows)).await?.rows()
    }

    /// Makes rows, all or none, and says how many.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn insert_many<V: Into<Value>>(&self, rows: impl IntoIterator<Item = V>) -> Result<i64> {
        self.ask(Operation::CreateMany, counted(rows_args(rows))).await?.affected()
    }

    /// The row with this key.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn read(&self, key: impl Into<Value>) -> Result<Record> {
        self.ask(Operation::Read, key_args(key.into())).await?.row()
    }

    /// Changes the named fields and returns the new row.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn update(&self, key: impl Into<Value>, patch: impl Into<Value>) -> Result<Record> {
        self.ask(Operation::Update, update_args(key.into(), patch.into())).await?.row()
    }

    /// Removes a row.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn delete(&self, key: impl Into<Value>) -> Result<()> {
        self.ask(Operation::Delete, key_args(key.into())).await.map(drop)
    }

    /// Changes the named fields of all rows that match, and says how many there were.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn update_many(&self, filter: impl Into<Value>, patch: impl Into<Value>) -> Result<i64> {
        self.ask(Operation::UpdateMany, many_args(filter.into(), Some(patch.into()))).await?.affected()
    }

    /// Changes the named fields of every row, and says how many there were.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn update_all(&self, patch: impl Into<Value>) -> Result<i64> {
        self.ask(Operation::UpdateMany, all_args(Some(patch.into()))).await?.affected()
    }

    /// Removes all rows that match, and says how many there were.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn delete_many(&self, filter: impl Into<Value>) -> Result<i64> {
        self.ask(Operation::DeleteMany, many_args(filter.into(), None)).await?.affected()
    }

    /// Removes every row, and says how many there were.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn delete_all(&self) -> Result<i64> {
        self.ask(Operation::DeleteMany, all_args(None)).await?.affected()
    }

    /// Changes the row of a unique key, or makes it where there is none. What `create` lacks of the key is taken
    /// from it.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn upsert(
        &self,
        key: impl Into<Value>,
        create: impl Into<Value>,
        update: impl Into<Value>,
    ) -> Result<Record> {
        self.ask(Operation::Upsert, upsert_args(key.into(), create.into(), update.into())).await?.row()
    }

    /// Upserts, all or none, each an object of `where`, `create`, `update` and maybe `if_version`. Returns the rows in
    /// the order given.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn upsert_many<V: Into<Value>>(&self, upserts: impl IntoIterator<Item = V>) -> Result<Vec<Record>> {
        self.ask(Operation::UpsertMany, rows_args(upserts)).await?.rows()
    }

    /// Runs an operation that the schema declares for the entity.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call(&self, operation: &str, input: impl Into<Value>) -> Result<Response> {
        self.ask(Operation::Call, call_args(operation, input.into())).await.map(Response::uncalled)
    }

    /// A page of rows.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn list(&self, query: Query) -> Result<Page> {
        self.ask(Operation::List, query.into_args()).await?.page()
    }

    /// All rows that match.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn find_many(&self, query: Query) -> Result<Vec<Record>> {
        self.ask(Operation::FindMany, query.into_args()).await?.rows()
    }

    /// The first row that matches, if any.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn first(&self, query: Query) -> Result<Option<Record>> {
        self.ask(Operation::First, query.into_args()).await?.maybe()
    }

    /// How many rows match.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn count(&self, query: Query) -> Result<i64> {
        self.ask(Operation::Count, query.into_args()).await?.count()
    }

    /// The different values of a field, in its order.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn distinct(&self, field: &str, query: Query) -> Result<Vec<Value>> {
        self.ask(Operation::Distinct, distinct_args(field, query)).await?.values()
    }

    /// What is computed of all rows, or of each group.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn aggregate(&self, query: Query) -> Result<Value> {
        self.ask(Operation::Aggregate, query.into_args()).await.map(Response::into_value)
    }
}
