//! Commands of one session, each no longer than its deadline.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use mongodb::bson::{Bson, Document, RawDocument, doc};
use mongodb::options::{ReadConcern, WriteConcern};
use mongodb::{ClientSession, SessionCursor};

use super::Shared;
use super::error::{Asked, committing, failed, late, no_transactions, refused, whole};
use crate::adapter::Cancel;
use crate::error::{Error, Outcome, Reason, Result};
use crate::schema::Entity;

/// How many rows come at once.
const BATCH: i32 = 1_000;
/// How much longer than the database this side waits for its answer.
const GRACE: Duration = Duration::from_millis(250);
/// A transaction may take so long to be taken back.
const TO_ABORT: Duration = Duration::from_secs(5);

/// A session with its transaction.
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    session: Option<ClientSession>,
    pub(super) state: State,
    /// How many commands have written something since the transaction began.
    pub(super) written: u64,
    /// Of the statement under way.
    pub(super) deadline: Option<Instant>,
    /// Told when nobody waits for the statement any more.
    pub(super) cancel: Option<Cancel>,
}

/// How far a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// There is none: every command is for itself.
    None,
    /// It was begun; the database hears of it with the first command.
    Begun,
    /// It goes on.
    Open,
    /// A failed statement took it down. Nothing runs until it is rolled back.
    Aborted,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Session { shared, session: None, state: State::None, written: 0, deadline: None, cancel: None }
    }

    /// Checks that a statement may start, and starts the clock.
    pub(super) fn ready(&mut self, deadline: Option<Instant>) -> Result<()> {
        if self.state == State::Aborted {
            return Err(aborted());
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(Error::timeout(Outcome::NotApplied));
        }
        self.deadline = deadline;
        Ok(())
    }

    pub(super) fn begin(&mut self) -> Result<()> {
        if self.state != State::None {
            return Err(Error::internal("a transaction is open already"));
        }
        self.state = State::Begun;
        self.written = 0;
        Ok(())
    }

    pub(super) async fn commit(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.state, State::None) {
            State::None => Err(Error::internal("there is no transaction to commit")),
            State::Begun => Ok(()),
            State::Aborted => Err(aborted()),
            State::Open => {
                let Some(session) = &mut self.session else { return Ok(()) };
                // Of one that only read nothing can have stayed.
                let asked = if self.written > 0 { Asked::Write } else { Asked::Nothing };
                let limit = self
                    .deadline
                    .map_or(TO_ABORT * 6, |deadline| deadline.saturating_duration_since(Instant::now()) + GRACE);
                match tokio::time::timeout(limit, session.commit_transaction()).await {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(error)) => {
                        self.session = None;
                        Err(committing(&error, asked))
                    }
                    Err(_) => {
                        self.session = None;
                        Err(late(asked))
                    }
                }
            }
        }
    }

    /// Takes everything back. What cannot be said to the database now, the driver says when the session is dropped, and
    /// a database that hears nothing forgets the transaction by itself.
    pub(super) async fn rollback(&mut self) {
        if std::mem::replace(&mut self.state, State::None) == State::Open {
            self.abort().await;
        }
    }

    /// Ends the transaction after a failure; those who go on with it are told.
    pub(super) async fn fail(&mut self) {
        match self.state {
            State::Open => {
                self.state = State::Aborted;
                self.abort().await;
            }
            State::Begun => self.state = State::Aborted,
            State::None | State::Aborted => {}
        }
    }

    /// Leaves the session to the driver, which takes back what is open.
    pub(super) fn drop_session(&mut self) {
        self.session = None;
    }

    async fn abort(&mut self) {
        if let Some(mut session) = self.session.take()
            && let Ok(Ok(())) = tokio::time::timeout(TO_ABORT, session.abort_transaction()).await
        {
            self.session = Some(session);
        }
    }

    /// The session, in its transaction if there is one.
    async fn started(&mut self) -> Result<&mut ClientSession> {
        if self.state == State::Begun && !self.shared.transactions {
            return Err(no_transactions());
        }
        if self.session.is_none() {
            let session = self.shared.database.client().start_session().await;
            self.session = Some(session.map_err(|error| failed(&error, Asked::Nothing))?);
        }
        let session = self.session.as_mut().ok_or_else(|| Error::internal("a session was started"))?;
        if self.state == State::Begun {
            let begun = session
                .start_transaction()
                .read_concern(ReadConcern::snapshot())
                .write_concern(WriteConcern::majority())
                .await;
            begun.map_err(|error| failed(&error, Asked::Nothing))?;
            self.state = State::Open;
        }
        Ok(session)
    }

    fn patience(&self) -> Patience {
        Patience { until: self.deadline, cancel: self.cancel.clone() }
    }

    fn asked(&self, writes: bool) -> Asked {
        if writes && self.state == State::None { Asked::Write } else { Asked::Nothing }
    }

    /// Adds how long the database may take; none of it is left when the time is over.
    fn limited(&self, command: &mut Document) -> Result<()> {
        if let Some(deadline) = self.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::timeout(Outcome::NotApplied));
            }
            let millis = i64::try_from(left.as_millis()).unwrap_or(i64::MAX).clamp(1, i64::from(i32::MAX));
            command.insert("maxTimeMS", millis);
        }
        Ok(())
    }

    /// Runs a command and gives its reply.
    pub(super) async fn command(&mut self, mut command: Document, writes: bool) -> Result<Document> {
        let asked = self.asked(writes);
        if asked == Asked::Write {
            command.insert("writeConcern", doc! { "w": "majority" });
        }
        self.limited(&mut command)?;
        let patience = self.patience();
        self.written += u64::from(writes);
        let shared = self.shared.clone();
        let session = patience.wait(Asked::Nothing, self.started()).await??;
        let reply = patience.wait(asked, async { shared.database.run_command(command).session(session).await });
        reply.await?.map_err(|error| failed(&error, asked))
    }

    /// Runs a write, and gives how many documents it was about.
    pub(super) async fn write(&mut self, entity: &Entity, command: Document) -> Result<i64> {
        let reply = self.command(command, true).await?;
        if let Ok(faults) = reply.get_array("writeErrors")
            && let Some(Bson::Document(fault)) = faults.first()
        {
            return Err(refused(entity, fault));
        }
        if let Ok(fault) = reply.get_document("writeConcernError") {
            let message = "the database could not say that the write will last";
            return Err(Error::database(message, fault.to_string()).with_outcome(Outcome::Unknown));
        }
        Ok(reply.get("n").and_then(whole).unwrap_or(0))
    }

    /// Begins to read the documents that come through a pipeline.
    pub(super) async fn open(&mut self, collection: &str, pipeline: Vec<Bson>) -> Result<SessionCursor<Document>> {
        let mut command = doc! {
            "aggregate": collection,
            "pipeline": pipeline,
            "cursor": { "batchSize": BATCH },
            "allowDiskUse": true,
        };
        self.limited(&mut command)?;
        let patience = self.patience();
        let shared = self.shared.clone();
        let session = patience.wait(Asked::Nothing, self.started()).await??;
        // A later batch whose size is not said is as large as a message may be, 16 MiB.
        let opened = async {
            shared.database.run_cursor_command(command).batch_size(BATCH.unsigned_abs()).session(&mut *session).await
        };
        patience.wait(Asked::Nothing, opened).await?.map_err(|error| failed(&error, Asked::Nothing))
    }

    /// Goes on to the next document; false when there is none.
    pub(super) async fn advance(&mut self, cursor: &mut SessionCursor<Document>) -> Result<bool> {
        let patience = self.patience();
        let session = patience.wait(Asked::Nothing, self.started()).await??;
        let more = patience.wait(Asked::Nothing, cursor.advance(session)).await?;
        more.map_err(|error| failed(&error, Asked::Nothing))
    }

    /// Gives each document that comes through a pipeline.
    pub(super) async fn each(
        &mut self,
        collection: &str,
        pipeline: Vec<Bson>,
        mut take: impl FnMut(&RawDocument) -> Result<()>,
    ) -> Result<u64> {
        let mut cursor = self.open(collection, pipeline).await?;
        let mut count = 0;
        while self.advance(&mut cursor).await? {
            take(cursor.current())?;
            count += 1;
        }
        Ok(count)
    }

    /// The documents that come through a pipeline.
    pub(super) async fn all(&mut self, collection: &str, pipeline: Vec<Bson>) -> Result<Vec<Document>> {
        let mut all = Vec::new();
        self.each(collection, pipeline, |raw| {
            let document = Document::try_from(raw.to_owned());
            all.push(document.map_err(|error| Error::database("the database gave no document", error.to_string()))?);
            Ok(())
        })
        .await?;
        Ok(all)
    }
}

/// How long waiting goes on, and who may end it.
#[derive(Clone)]
struct Patience {
    until: Option<Instant>,
    cancel: Option<Cancel>,
}

impl Patience {
    /// Waits for the driver, a little longer than the database was told. Cancelled, it stops as if the time were over.
    async fn wait<T>(&self, asked: Asked, work: impl Future<Output = T>) -> Result<T> {
        if self.cancel.as_ref().is_some_and(Cancel::is_cancelled) {
            return Err(late(asked));
        }
        let cancelled = async {
            let Some(cancel) = &self.cancel else { return std::future::pending().await };
            let mut told = std::future::poll_fn(|context| cancel.poll_cancelled(context));
            let Some(interval) = cancel.interval() else { return told.await };
            while tokio::time::timeout(interval, &mut told).await.is_err() {}
        };
        let stopped = async {
            match self.until {
                None => cancelled.await,
                Some(deadline) => drop(tokio::time::timeout_at((deadline + GRACE).into(), cancelled).await),
            }
        };
        let (mut work, mut stopped) = (pin!(work), pin!(stopped));
        std::future::poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => stopped.as_mut().poll(context).map(|()| Err(late(asked))),
        })
        .await
    }
}

pub(super) fn aborted() -> Error {
    Error::conflict(Reason::Aborted, &[], "the transaction ended earlier, when one of its statements failed")
}
