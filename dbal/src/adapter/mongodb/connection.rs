//! A connection in one caller's hands: a session of the driver, polled on the caller's own thread.

use std::sync::Arc;
use std::time::Instant;

use mongodb::bson::doc;
use smallvec::SmallVec;
use tokio::runtime::Handle;

use super::Shared;
use super::command::{Session, State};
use super::read::{decoded, projection};
use super::runtime::block_on;
use super::spell::Speller;
use crate::adapter::{Cancel, Connection, Deal, Intent, Look, Nesting, Reading, Sampled};
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::plan::operation::document::Document;
use crate::plan::operation::{Lowered, Step};
use crate::row::RowSink;
use crate::sql::ddl::Snapshot;
use crate::value::{Map, Value, ValueRef};

/// A session and what it is for; dropped, its transaction is taken back.
pub(super) struct MongoConnection {
    handle: &'static Handle,
    intent: Intent,
    session: Session,
    /// By depth, how much was written when each savepoint was set.
    savepoints: Vec<(u32, u64)>,
}

impl MongoConnection {
    pub(super) fn new(shared: Arc<Shared>, handle: &'static Handle, intent: Intent) -> Self {
        MongoConnection { handle, intent, session: Session::new(shared), savepoints: Vec::new() }
    }

    /// There is nothing to go back to inside a transaction, but a part that wrote nothing needs none.
    pub(super) fn set(&mut self, depth: u32) -> Result<()> {
        self.session.ready(self.session.deadline)?;
        self.savepoints.push((depth, self.session.written));
        Ok(())
    }

    fn taken(&mut self, depth: u32) -> Option<u64> {
        let position = self.savepoints.iter().position(|(at, _)| *at == depth)?;
        let (_, written) = self.savepoints[position];
        self.savepoints.truncate(position);
        Some(written)
    }

    pub(super) fn kept(&mut self, depth: u32) -> Result<()> {
        self.session.ready(None)?;
        self.taken(depth).map(drop).ok_or_else(|| Error::internal(format!("there is no savepoint {depth}")))
    }

    pub(super) async fn undone(&mut self, depth: u32) -> Result<()> {
        if self.taken(depth).is_some_and(|written| written != self.session.written) {
            self.session.fail().await;
        }
        Ok(())
    }

    pub(super) fn start(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.session.ready(deadline)?;
        self.session.begin()
    }

    pub(super) async fn committed(&mut self) -> Result<()> {
        self.savepoints.clear();
        self.session.commit().await
    }

    pub(super) fn told_by(&mut self, cancel: Option<&Cancel>) {
        self.session.cancel = cancel.cloned();
    }

    pub(super) async fn ended(&mut self) -> Result<()> {
        self.savepoints.clear();
        self.session.rollback().await;
        Ok(())
    }

    pub(super) async fn step<S: RowSink + ?Sized>(
        &mut self,
        step: &Step,
        params: &[Value],
        deadline: Option<Instant>,
        sink: &mut S,
    ) -> Result<u64> {
        let Lowered::Document(document) = &step.statement else {
            return Err(not_documents());
        };
        self.session.ready(deadline)?;
        let speller = Speller { params };
        let entity = self.session.shared.schema.entity(step.entity).name.clone();
        let ran = match &**document {
            Document::Read(read) => self.session.read(step, read, speller, sink).await,
            Document::Count { collection, stages } => self.session.count(collection, stages, speller, sink).await,
            Document::Group(group) => self.session.group(step, group, speller, sink).await,
            Document::Insert(_) | Document::Update(_) | Document::Delete(_) if self.intent == Intent::Read => {
                Err(Error::internal("a connection for reading was asked to write"))
            }
            write => {
                let before = self.session.written;
                let inside = self.session.state != State::None;
                let done = self.session.change(step, write, speller, sink).await;
                // What was written cannot be undone by itself: the whole transaction goes.
                if done.is_err() && inside && self.session.written != before {
                    self.session.fail().await;
                }
                done
            }
        };
        match ran {
            Ok(count) => Ok(count),
            Err(error) => Err(self.failed(error).await.with_entity(&entity)),
        }
    }

    /// After some faults the database has ended the transaction by itself.
    async fn failed(&mut self, error: Error) -> Error {
        let ended = matches!(error.kind(), ErrorKind::Timeout | ErrorKind::DatabaseError);
        if ended || error.reason() == Some(Reason::Serialization) {
            self.session.fail().await;
        }
        error
    }

    fn dealt(&mut self, step: &Step, params: &[Value], deadline: Option<Instant>, deal: &mut Deal<'_>) -> Result<u64> {
        let Lowered::Document(document) = &step.statement else { return Err(not_documents()) };
        let Document::Read(read) = &**document else { return Err(Error::internal("only rows are dealt with")) };
        self.session.ready(deadline)?;
        let Some(mut pipeline) = (Speller { params }).pipeline(&read.stages)? else { return Ok(0) };
        pipeline.push(doc! { "$project": projection(&read.columns) }.into());
        let shared = self.session.shared.clone();
        let mut cursor = block_on(self.handle, self.session.open(&read.collection, pipeline))?;
        let mut count = 0;
        while block_on(self.handle, self.session.advance(&mut cursor))? {
            let values = decoded(&shared.schema, step, read, cursor.current())?;
            let cells: SmallVec<[ValueRef<'_>; 16]> = values.iter().map(Value::as_ref).collect();
            deal(&mut Beside(self), &cells)?;
            count += 1;
        }
        Ok(count)
    }
}

/// The connection while it gives rows: a session takes other commands between two batches.
struct Beside<'c>(&'c mut MongoConnection);

impl Reading for Beside<'_> {
    fn run(&mut self, step: &Step, params: &[Value], deadline: Option<Instant>, sink: &mut dyn RowSink) -> Result<u64> {
        self.0.run(step, params, deadline, sink)
    }
}

impl Nesting for MongoConnection {
    fn run_nesting(
        &mut self,
        step: &Step,
        params: &[Value],
        deadline: Option<Instant>,
        deal: &mut Deal<'_>,
    ) -> Result<u64> {
        // A cursor that is left in the middle is closed by what the driver spawns.
        let _inside = self.handle.enter();
        match self.dealt(step, params, deadline, deal) {
            Ok(count) => Ok(count),
            Err(error) => Err(block_on(self.handle, self.failed(error))),
        }
    }
}

fn not_documents() -> Error {
    Error::internal("a step for MongoDB is in documents")
}

impl Connection for MongoConnection {
    fn begin(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.start(deadline)
    }

    fn commit(&mut self) -> Result<()> {
        block_on(self.handle, self.committed())
    }

    fn rollback(&mut self) -> Result<()> {
        block_on(self.handle, self.ended())
    }

    fn savepoint(&mut self, depth: u32) -> Result<()> {
        self.set(depth)
    }

    fn release(&mut self, depth: u32) -> Result<()> {
        self.kept(depth)
    }

    fn rollback_to(&mut self, depth: u32) -> Result<()> {
        block_on(self.handle, self.undone(depth))
    }

    fn run(&mut self, step: &Step, params: &[Value], deadline: Option<Instant>, sink: &mut dyn RowSink) -> Result<u64> {
        block_on(self.handle, self.step(step, params, deadline, sink))
    }

    fn watch(&mut self, cancel: Option<&Cancel>) {
        self.told_by(cancel);
    }

    fn nesting(&mut self) -> Option<&mut dyn Nesting> {
        Some(self)
    }

    fn inspect(&mut self) -> Result<Snapshot> {
        block_on(self.handle, self.session.inspect())
    }

    fn begin_migration(&mut self, _deadline: Option<Instant>) -> Result<()> {
        Ok(())
    }

    fn ask(&mut self, text: &str) -> Result<Vec<Map>> {
        block_on(self.handle, self.session.ask(text))
    }

    fn sample(&mut self, table: &str, most: Option<u64>, look: &mut Look<'_>) -> Result<Sampled> {
        block_on(self.handle, self.session.sample(table, most, look))
    }

    fn execute_ddl(&mut self, text: &str) -> Result<()> {
        block_on(self.handle, self.session.execute_ddl(text))
    }
}

impl Drop for MongoConnection {
    fn drop(&mut self) {
        // The driver spawns what takes an open transaction back, and gives the session back.
        let _inside = self.handle.enter();
        self.session.drop_session();
    }
}
