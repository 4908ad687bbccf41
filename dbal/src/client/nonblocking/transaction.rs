//! Transactions that are awaited.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Instant;

use futures_channel::oneshot;
use parking_lot::Mutex;

use super::AsyncClient;
use super::entity::{AsyncEntity, On};
use super::submit::{OnDrop, lost, on_a_thread, watched};
use crate::adapter::{Connection, Intent, Job};
use crate::client::attempt::{Attempt, Watching};
use crate::client::batch::Batch;
use crate::client::call::Call;
use crate::client::response::Head;
use crate::client::retry::{Tries, is_serialization};
use crate::client::transaction::{aborted, passed};
use crate::client::{Client, Envelope, Response, TransactionOptions};
use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::exec::blocking;
use crate::plan::verify;
use crate::request::{Operation, Request};
use crate::row::{RecordSink, RowSink};

impl AsyncClient {
    /// Begins a transaction. Dropped without [`AsyncTransaction::commit`], it rolls back.
    ///
    /// # Errors
    /// TIMEOUT when the database stays busy; DATABASE_ERROR.
    pub async fn begin(&self) -> Result<AsyncTransaction> {
        self.begin_until(self.blocking.deadline()).await
    }

    /// The same for no longer than to this moment, with the same errors; see [`Tries`].
    pub async fn begin_until(&self, deadline: Option<Instant>) -> Result<AsyncTransaction> {
        self.blocking.unkeyed("a transaction")?;
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
                // It tells what each request in it says itself.
                let job: Job = Box::new(move |connection| {
                    session(connection);
                    Box::new(|| ())
                });
                offload.submit(Intent::Write, deadline, job);
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
        let attempt = Attempt::of(&self.client, request)?;
        Attempt::answered(attempt, self.answer(request).await)
    }

    /// The same, not written down.
    async fn answer(&self, request: &Request) -> Result<Response> {
        #[cfg(feature = "remote")]
        if let Some(remote) = self.client.far()?.cloned() {
            return self.ask(remote, request).await;
        }
        if request.operation == Operation::Batch {
            return self.run_batch(Batch::of(&self.client, request)?).await;
        }
        if request.operation == Operation::Call {
            let (savepoint, deadline) = (self.number + 1, self.state.deadline);
            let call = Call::new(&self.client, request, savepoint)?;
            call.joins()?;
            return self.on_connection(move |connection| call.inside(connection, savepoint, deadline)).await;
        }
        let (envelope, sink) = self.answer_into(request, RecordSink::default()).await?;
        envelope.with(sink.records)
    }

    /// Asks the daemon.
    #[cfg(feature = "remote")]
    async fn ask(&self, remote: Arc<crate::remote::Remote>, request: &Request) -> Result<Response> {
        let (client, request, deadline) = (self.client.clone(), request.clone(), self.state.deadline);
        let ask = move |connection: &mut dyn Connection| {
            crate::client::far::ask_in(&client, &remote, &request, connection, deadline)
        };
        self.on_connection(ask).await
    }

    /// Runs a request inside the transaction and gives its rows to a sink, which comes back filled.
    ///
    /// # Errors
    /// As [`AsyncTransaction::execute`], and whatever the sink says.
    pub async fn execute_into<S>(&self, request: &Request, sink: S) -> Result<(Envelope, S)>
    where
        S: RowSink + Send + 'static,
    {
        let attempt = Attempt::of(&self.client, request)?;
        if attempt.is_none() {
            return self.answer_into(request, sink).await;
        }
        let watching = Watching::new(sink, Attempt::wanted(&attempt));
        let done = self.answer_into(request, watching).await;
        let key = done.as_ref().ok().and_then(|(_, watching)| watching.found.clone());
        let (envelope, watching) = Attempt::ended(attempt, key, done)?;
        Ok((envelope, watching.inner))
    }

    async fn answer_into<S>(&self, request: &Request, mut sink: S) -> Result<(Envelope, S)>
    where
        S: RowSink + Send + 'static,
    {
        let client = &self.client;
        #[cfg(feature = "remote")]
        if let Some(remote) = client.far()?.cloned() {
            return self.ask(remote, request).await?.given(sink);
        }
        let mut machine = client.engine.prepare(&client.caller, request)?;
        let head = Head::of(&machine);
        let deadline = self.state.deadline;
        let savepoint = Some(self.number + 1);
        let done = self
            .on_connection(move |connection| {
                blocking::run(connection, &mut machine, savepoint, deadline, &mut sink).map(|summary| (summary, sink))
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
        #[cfg(feature = "remote")]
        if self.client.far()?.is_some() {
            return self.execute(&crate::client::batch::request(entries)).await?.batch();
        }
        let entries: Vec<Request> = entries.into_iter().collect();
        let attempt = Attempt::of_entries(&self.client, &entries)?;
        let done = match Batch::new(&self.client, entries) {
            Ok(batch) => self.run_batch(batch).await,
            Err(error) => Err(error),
        };
        Attempt::answered(attempt, done)?.batch()
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
