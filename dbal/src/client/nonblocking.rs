//! The client for callers that await. It needs no runtime of its own: its futures run on any executor.
//!
//! On SQLite a request hops once to a thread of the adapter, and requests that wait together share a read
//! transaction there. A backend that never waits runs inline.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_channel::oneshot;
use futures_core::Stream;

use crate::access::Principal;
use crate::adapter::{Cancel, Connection, Intent, Job, Offload};
use crate::client::batch::Batch;
use crate::client::builder::Query;
use crate::client::handle::{
    all_args, counted, data_args, distinct_args, key_args, many_args, rows_args, update_args, upsert_args,
};
use crate::client::response::Head;
use crate::client::retry::{Tries, is_serialization};
use crate::client::stream::{Batches, Give};
use crate::client::transaction::{aborted, passed};
use crate::client::{Client, Config, Envelope, Page, Response, TransactionOptions};
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
    #[allow(clippy::unused_async, reason = "backends that connect over a network will await here")]
    pub async fn open(config: Config) -> Result<AsyncClient> {
        Client::open(config).map(AsyncClient::from)
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
        let Some(offload) = adapter.offload() else {
            return batch.alone(&mut *adapter.connect(intent, deadline)?, deadline);
        };
        submitted(offload, intent, deadline, move |connection| batch.alone(connection, deadline)).await
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
        let run = move |connection: &mut dyn Connection| {
            blocking::run(connection, machine, None, deadline, &mut sink).map(|summary| (summary, sink))
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
        let client = self.blocking.clone();
        let machine = client.engine.prepare(&client.caller, &request)?;
        let (mut give, batches) = futures_channel::mpsc::channel(1);
        let dropped = OnDrop::new();
        let watched_for = dropped.cancel();
        std::thread::Builder::new()
            .name("dbal-stream".into())
            .spawn(move || {
                let mut sink = Batches::new(Give::Awaited(&mut give));
                let done = client.read_all(machine, &watched_for, &mut sink).and_then(|()| sink.flush());
                if let Err(error) = client.finish(&request, done)
                    && wait(|context| give.poll_ready(context)).is_ok()
                {
                    let _ = give.try_send(Err(error));
                }
            })
            .map_err(|error| Error::database("no thread could be started for the stream", error.to_string()))?;
        Ok(AsyncRows { batches, current: Vec::new().into_iter(), _reading: dropped })
    }

    /// Creates what the database lacks.
    ///
    /// # Errors
    /// As [`Client::migrate`].
    pub async fn migrate(&self) -> Result<Vec<String>> {
        let client = self.blocking.clone();
        on_a_thread(move || client.migrate()).await
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

    async fn begin_until(&self, deadline: Option<Instant>) -> Result<AsyncTransaction> {
        let (work, jobs) = mpsc::channel::<Work>();
        let (tell, begun) = oneshot::channel();
        let cancel = OnDrop::new();
        let watched_for = cancel.cancel();
        let session = move |connection: &mut dyn Connection| {
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
                let job: Job = Box::new(move |connection| {
                    if let Ok(connection) = connection {
                        session(connection);
                    }
                });
                offload.submit(Intent::Write, deadline, job);
            }
            None => {
                let client = self.blocking.clone();
                std::thread::spawn(move || {
                    if let Ok(mut connection) = client.engine.adapter.connect(Intent::Write, deadline) {
                        session(&mut *connection);
                    }
                });
            }
        }
        let begun = begun.await;
        cancel.defuse();
        begun.map_err(|_| Error::timeout(Outcome::NotApplied))??;
        let state = Arc::new(State { aborted: AtomicBool::new(false), lost: AtomicBool::new(false), deadline });
        Ok(AsyncTransaction { client: self.blocking.clone(), work, state, depth: 0, open: true })
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
}

/// A transaction that is awaited. Dropped without a commit, it rolls back.
#[derive(Debug)]
pub struct AsyncTransaction {
    client: Client,
    work: mpsc::Sender<Work>,
    /// Shared with the transactions nested in this one.
    state: Arc<State>,
    /// How many transactions this one is nested in: the number of its savepoint.
    depth: u32,
    /// Neither committed nor rolled back.
    open: bool,
}

impl Drop for AsyncTransaction {
    fn drop(&mut self) {
        // The outermost one ends with its channel; a savepoint is undone before anything else happens on the connection.
        if self.open && self.depth > 0 && !self.is_aborted() {
            let depth = self.depth;
            // A session that has ended has nothing left to undo; one that cannot go back must not go on.
            let _ = self.work.send(Box::new(move |connection| match connection.rollback_to(depth) {
                Ok(()) => Next::Go,
                Err(_) => Next::Undo,
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
        let savepoint = Some(self.depth + 1);
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
        let (depth, deadline) = (self.depth + 1, self.state.deadline);
        self.on_connection(move |connection| batch.inside(connection, depth, deadline)).await
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
    /// without that, it is undone before anything else happens, and the outer one goes on.
    ///
    /// # Errors
    /// CAPABILITY_NOT_SUPPORTED where the backend has no savepoints; CONFLICT with reason `aborted` after a timeout.
    pub async fn begin(&self) -> Result<AsyncTransaction> {
        verify::nested(self.client.capabilities())?;
        let depth = self.depth + 1;
        self.on_connection(move |connection| connection.savepoint(depth)).await?;
        let (client, work, state) = (self.client.clone(), self.work.clone(), self.state.clone());
        Ok(AsyncTransaction { client, work, state, depth, open: true })
    }

    /// Commits.
    ///
    /// # Errors
    /// TIMEOUT when there is no time left, and CONFLICT with reason `aborted` after one; what the database says.
    pub async fn commit(mut self) -> Result<()> {
        self.open = false;
        match self.depth {
            0 => self.end(|connection| connection.commit()).await,
            depth => self.on_connection(move |connection| connection.release(depth)).await,
        }
    }

    /// Rolls back.
    ///
    /// # Errors
    /// What the database says.
    pub async fn rollback(mut self) -> Result<()> {
        self.open = false;
        let out_of_time = passed(self.state.deadline);
        match self.depth {
            // It is rolled back already, or is about to be.
            _ if self.is_aborted() || out_of_time => Ok(()),
            0 => self.end(|connection| connection.rollback()).await,
            depth => self.on_connection(move |connection| connection.rollback_to(depth)).await,
        }
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
        told.await.map_err(|_| self.gone())?
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
        let cancel = dropped.cancel();
        let job: Work = Box::new(move |connection| {
            let done = watched(connection, &cancel, work);
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
        answer.map_err(|_| self.gone())?
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
    batches: futures_channel::mpsc::Receiver<Result<Vec<Record>>>,
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
            match Pin::new(&mut self.batches).poll_next(context) {
                Poll::Ready(Some(Ok(batch))) => self.current = batch.into_iter(),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// Waits on a thread of its own for something that is polled.
pub(super) fn wait<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
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
