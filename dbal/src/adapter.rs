//! What a backend must do.
//!
//! An adapter runs steps as they are. It MUST NOT look at capabilities, emulate, retry, or know of callers: the plan
//! has dealt with all of that. Every fault it meets becomes an [`Error`] of the catalogue, with the driver's own text
//! as detail only.

#[cfg(all(feature = "async", any(feature = "postgres", feature = "mongodb")))]
mod inbox;
pub mod memory;
#[cfg(feature = "mongodb")]
pub mod mongodb;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(feature = "async")]
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::capability::Capabilities;
use crate::error::{Error, Result};
pub use crate::plan::operation::Lowering;
use crate::plan::operation::Step;
use crate::row::{Columns, RowSink};
use crate::sql::ddl::Snapshot;
use crate::value::{Map, Value, ValueRef};

/// How long a lock or a connection is waited for when there is no deadline.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What a connection is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Reads only; they see one moment of the database between begin and commit.
    Read,
    /// Writes as well.
    Write,
}

/// A backend with a driver that blocks, opened for one schema.
pub trait Adapter: Send + Sync {
    /// Its name, such as `sqlite`.
    fn name(&self) -> &'static str;

    /// What it can do, probed where the server decides.
    fn capabilities(&self) -> &Capabilities;

    /// How its statements are spelled.
    fn lowering(&self) -> Lowering;

    /// A connection for one request or one transaction. MUST wait no longer than the deadline, then fail with
    /// TIMEOUT and `not_applied`. Dropped with a transaction open, it MUST roll back before anybody gets it again.
    fn connect(&self, intent: Intent, deadline: Option<Instant>) -> Result<Box<dyn Connection + '_>>;

    /// The same for the time of one call, which is made once: a driver that blocks needs no memory for the handle then.
    fn lend(&self, intent: Intent, deadline: Option<Instant>, work: &mut dyn FnMut(&mut dyn Connection)) -> Result<()> {
        work(&mut *self.connect(intent, deadline)?);
        Ok(())
    }

    /// Whether a request that is a transaction by itself may fail because another one got there first. It is then run
    /// again.
    fn contends(&self) -> bool {
        false
    }

    /// Queued execution for callers that await, where the driver blocks; none when running inline is right.
    #[cfg(feature = "async")]
    fn offload(&self) -> Option<&dyn Offload> {
        None
    }

    /// The thread that drives requests of callers that await, where the driver does not block; none where it does.
    #[cfg(feature = "async")]
    fn driver(&self) -> Option<&dyn Drive> {
        None
    }
}

/// How often [`Cancel::asking`] is asked where nothing else happens.
const LOOK: Duration = Duration::from_millis(50);

/// Told when nobody waits for an answer any more. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<Told>);

#[derive(Debug, Default)]
struct Told {
    cancelled: AtomicBool,
    /// Who waits to be told.
    waker: Mutex<Option<Waker>>,
    /// Those that are told with it.
    inside: Mutex<Vec<Weak<Told>>>,
    /// Who knows whether anybody waits.
    ask: Option<Ask>,
}

/// What is asked now and then.
#[derive(Clone)]
struct Ask(Arc<dyn Fn() -> bool + Send + Sync>);

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ask")
    }
}

impl Told {
    fn tell(&self) {
        self.cancelled.store(true, Ordering::Release);
        let waker = self.waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
        let inside = std::mem::take(&mut *self.inside.lock());
        inside.iter().filter_map(Weak::upgrade).for_each(|told| told.tell());
    }
}

impl Cancel {
    /// One that is told when another is, if there is another, and can be told by itself.
    pub fn with(other: Option<&Cancel>) -> Cancel {
        let ask = other.and_then(|other| other.0.ask.clone());
        let made = Cancel(Arc::new(Told { ask, ..Told::default() }));
        if let Some(other) = other {
            let mut inside = other.0.inside.lock();
            inside.retain(|told| told.strong_count() > 0);
            inside.push(Arc::downgrade(&made.0));
            drop(inside);
            // It may have been told before it knew of this one.
            if other.is_cancelled() {
                made.cancel();
            }
        }
        made
    }

    /// One that finds out by itself: `ask` is called now and then on threads that run requests or wait for them, at short
    /// intervals, and says whether nobody waits any more. It is where a host looks whether its user wants out, on the
    /// thread that is kept waiting.
    ///
    /// ```
    /// use dbal::{Client, Config, adapter::Cancel, query};
    /// # let schema = "entity: Note\nfields:\n  id: { type: integer, primary: true }\n";
    /// # let db = Client::open(Config::sqlite(":memory:").schema_text(schema))?;
    /// # db.migrate()?;
    /// let hasty = db.with_cancel(&Cancel::asking(|| true));
    /// assert_eq!(hasty.entity("Note")?.count(query()).unwrap_err().code(), "TIMEOUT");
    /// # Ok::<(), dbal::Error>(())
    /// ```
    pub fn asking(ask: impl Fn() -> bool + Send + Sync + 'static) -> Cancel {
        Cancel(Arc::new(Told { ask: Some(Ask(Arc::new(ask))), ..Told::default() }))
    }

    /// How long to wait at most before it is looked at again; none where whoever waits is woken.
    pub(crate) fn interval(&self) -> Option<Duration> {
        self.0.ask.as_ref().map(|_| LOOK)
    }

    /// Tells it.
    pub fn cancel(&self) {
        self.0.tell();
    }

    /// Whether it was told.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire) || self.0.ask.as_ref().is_some_and(|ask| self.asked(ask))
    }

    fn asked(&self, ask: &Ask) -> bool {
        let gone = (ask.0)();
        if gone {
            self.cancel();
        }
        gone
    }

    /// Ready when it is told; the last to ask is woken then.
    pub fn poll_cancelled(&self, context: &Context<'_>) -> Poll<()> {
        if self.is_cancelled() {
            return Poll::Ready(());
        }
        let mut waker = self.0.waker.lock();
        if !waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        drop(waker);
        // It may have been told before the waker was there.
        if self.is_cancelled() { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// One connection in one caller's hands.
pub trait Connection: Send {
    /// Starts a transaction of the connection's intent; a write transaction MUST take its lock here, not later.
    fn begin(&mut self, deadline: Option<Instant>) -> Result<()>;

    /// Starts a transaction of several requests: one whose statement failed, and left nothing, can be followed by
    /// others where the backend has the capability `statement_savepoints`. Databases that undo a failed statement by
    /// themselves make no difference.
    fn begin_guarded(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.begin(deadline)
    }

    /// Commits. On an error the transaction is gone and the error says whether it was applied.
    fn commit(&mut self) -> Result<()>;

    /// Rolls back; MUST leave the connection clean or mark it as not to be reused.
    fn rollback(&mut self) -> Result<()>;

    /// Sets savepoint number `depth`.
    fn savepoint(&mut self, depth: u32) -> Result<()>;

    /// Keeps what was done since savepoint `depth`.
    fn release(&mut self, depth: u32) -> Result<()>;

    /// Undoes what was done since savepoint `depth`, and drops it.
    fn rollback_to(&mut self, depth: u32) -> Result<()>;

    /// Runs one step; `params` are all values of the plan by id. Gives each row to `sink.row` (never calls
    /// `sink.start`) and returns how many rows were read or written. An error of the sink stops the statement and is
    /// passed on. A statement that fails MUST leave nothing behind. MUST stop at the deadline with TIMEOUT.
    fn run(&mut self, step: &Step, params: &[Value], deadline: Option<Instant>, sink: &mut dyn RowSink) -> Result<u64>;

    /// Whether steps that need none of one another's rows are better given to [`Connection::run_together`].
    fn pipelines(&self) -> bool {
        false
    }

    /// Runs steps that read, each as [`Connection::run`] does, without waiting for one before the next is sent. The rows
    /// of a step come before those of the next, with its place in `steps`. Returns how many rows each of them read.
    fn run_together(
        &mut self,
        steps: &[&Step],
        params: &[Value],
        deadline: Option<Instant>,
        rows: &mut DealOf<'_>,
    ) -> Result<Vec<u64>> {
        let mut counts = Vec::with_capacity(steps.len());
        for (place, step) in steps.iter().enumerate() {
            counts.push(self.run(step, params, deadline, &mut Placed { place, rows: &mut *rows })?);
        }
        Ok(counts)
    }

    /// Runs a step that inserts a row for many rows, each with all values of the plan by id, and returns how many there
    /// are. None where they are better given one by one, and where one of them was refused: nothing is left of any, and
    /// given one by one they tell which it was.
    fn run_rows(&mut self, _step: &Step, _rows: &[&[Value]], _deadline: Option<Instant>) -> Result<Option<u64>> {
        Ok(None)
    }

    /// From here on, statements stop when this is cancelled as they stop at a deadline; with none, they no longer do. A
    /// statement that cannot be stopped MAY run to its end: nobody reads its answer, and it is whole or not at all.
    fn watch(&mut self, _cancel: Option<&Cancel>) {}

    /// Reading more while a step gives its rows; none where rows have to be read whole first.
    fn nesting(&mut self) -> Option<&mut dyn Nesting> {
        None
    }

    /// What tables, columns and indexes exist.
    fn inspect(&mut self) -> Result<Snapshot>;

    /// Starts a transaction in which tables may be made anew. References MAY be left unchecked until it ends: whoever
    /// migrates looks at them. A backend without transactions for that begins none.
    fn begin_migration(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.begin(deadline)
    }

    /// Asks one question of a migration: its rows by name, each cell as text, a whole number or null; where cells can be
    /// documents, as what they hold.
    fn ask(&mut self, _text: &str) -> Result<Vec<Map>> {
        Err(Error::unsupported("migrations", "this backend has nothing to migrate"))
    }

    /// Looks at rows as they are stored, whatever is declared of them: so many at most, or all of them, spread over the
    /// table where there are more. Each value comes with its column and with the database's own word for its kind; what
    /// is neither a text nor a number comes without a value.
    fn sample(&mut self, _table: &str, _most: Option<u64>, _look: &mut Look<'_>) -> Result<Sampled> {
        Err(Error::unsupported("schema_introspection", "this backend has nothing to look at"))
    }

    /// Runs one statement of a migration. Where there is no transaction for it, one that was run already MUST find
    /// nothing to do.
    fn execute_ddl(&mut self, text: &str) -> Result<()>;

    /// The transaction of a daemon that this stands for: requests in it are sent as they are. None for a database.
    fn far(&self) -> Option<Far> {
        None
    }

    /// Removes every row of every entity, inside a transaction: for backends that have no statements for that.
    fn clear(&mut self) -> Result<()> {
        Err(Error::unsupported("migrations", "this backend cannot be emptied"))
    }
}

/// A transaction at the other end of a wire.
#[derive(Clone, Debug)]
pub struct Far {
    /// Which of a client's connections it is on.
    pub connection: u64,
    /// Its number there.
    pub number: u64,
    /// What stops a request in it.
    pub cancel: Cancel,
}

/// What is done with a stored value: its column, its kind, and itself where it is a text or a number.
pub type Look<'l> = dyn FnMut(&str, &str, &Value) + 'l;

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sampled {
    /// How many rows.
    pub rows: u64,
    /// Whether these are all.
    pub whole: bool,
}

/// What is done with a row of one of several steps; which one, by its place among them.
pub type DealOf<'d> = dyn FnMut(usize, &[ValueRef<'_>]) -> Result<()> + 'd;

/// The rows of one of several steps.
struct Placed<'p, 'd> {
    place: usize,
    rows: &'p mut DealOf<'d>,
}

impl RowSink for Placed<'_, '_> {
    fn start(&mut self, _columns: &Arc<Columns>) -> Result<()> {
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        (self.rows)(self.place, cells)
    }
}

/// A connection that can run another step while one gives its rows: a stream reads related rows so.
pub trait Nesting {
    /// Runs one step that reads, as [`Connection::run`] does, and hands each row over together with a connection on which
    /// further steps that read may run meanwhile. MUST hold no more rows at a time than a fixed number, and those steps
    /// MUST see the same moment of the database, inside a transaction at least.
    fn run_nesting(
        &mut self,
        step: &Step,
        params: &[Value],
        deadline: Option<Instant>,
        deal: &mut Deal<'_>,
    ) -> Result<u64>;
}

/// A connection that is giving rows, for as long as the row at hand is dealt with.
pub trait Reading {
    /// Runs one step that reads, as [`Connection::run`] does.
    fn run(&mut self, step: &Step, params: &[Value], deadline: Option<Instant>, sink: &mut dyn RowSink) -> Result<u64>;
}

/// What is done with a row, and with the connection that it comes from.
pub type Deal<'d> = dyn FnMut(&mut dyn Reading, &[ValueRef<'_>]) -> Result<()> + 'd;

/// Work for another thread: it is given a connection.
#[cfg(feature = "async")]
pub type Job = Box<dyn FnOnce(Result<&mut dyn Connection>) -> Tell + Send>;

/// Tells the result of a job to whoever awaits it; what wakes several callers at once may be kept for a moment.
#[cfg(feature = "async")]
pub type Tell = Box<dyn FnOnce() + Send>;

/// Runs jobs on threads of the adapter: one hop for each, shared by those that wait together.
#[cfg(feature = "async")]
pub trait Offload: Send + Sync {
    /// Queues a job. Reads that wait together may run in one read transaction, in which case the connection handed
    /// over is already inside it and `begin`, `commit` and `rollback` of the job nest without effect.
    fn submit(&self, intent: Intent, deadline: Option<Instant>, job: Job);
}

/// A future of an adapter; it stays on the thread that made it.
#[cfg(feature = "async")]
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + 'a>>;

/// A connection of a driver that is awaited, in one caller's hands. The duties are those of [`Connection`]. Dropped with
/// a transaction open, it MUST roll back before anybody gets it again.
#[cfg(feature = "async")]
pub trait Awaited {
    /// Starts a transaction, as [`Connection::begin`] does. What that sends goes with the first statement.
    fn begin(&mut self, deadline: Option<Instant>) -> Result<()>;

    /// Starts a transaction of several requests, as [`Connection::begin_guarded`] does.
    fn begin_guarded(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.begin(deadline)
    }

    /// Commits, as [`Connection::commit`] does.
    fn commit(&mut self) -> Pending<'_, ()>;

    /// Rolls back, as [`Connection::rollback`] does.
    fn rollback(&mut self) -> Pending<'_, ()>;

    /// Sets savepoint number `depth`.
    fn savepoint(&mut self, depth: u32) -> Pending<'_, ()>;

    /// Keeps what was done since savepoint `depth`.
    fn release(&mut self, depth: u32) -> Pending<'_, ()>;

    /// Undoes what was done since savepoint `depth`, and drops it.
    fn rollback_to(&mut self, depth: u32) -> Pending<'_, ()>;

    /// Runs one step, as [`Connection::run`] does.
    fn run<'a>(
        &'a mut self,
        step: &'a Step,
        params: &'a [Value],
        deadline: Option<Instant>,
        sink: &'a mut (dyn RowSink + 'a),
    ) -> Pending<'a, u64>;

    /// Runs steps that read, as [`Connection::run_together`] does; none where one after the other is as good.
    fn run_together<'a>(
        &'a mut self,
        _steps: &'a [&'a Step],
        _params: &'a [Value],
        _deadline: Option<Instant>,
        _rows: &'a mut DealOf<'a>,
    ) -> Option<Pending<'a, Vec<u64>>> {
        None
    }

    /// Inserts many rows, as [`Connection::run_rows`] does; none where one by one is as good.
    fn run_rows<'a>(
        &'a mut self,
        _step: &'a Step,
        _rows: &'a [&'a [Value]],
        _deadline: Option<Instant>,
    ) -> Option<Pending<'a, Option<u64>>> {
        None
    }

    /// Whether there is [`Awaited::run_together`].
    fn pipelines(&self) -> bool {
        false
    }

    /// From here on, statements stop when this is cancelled, as [`Connection::watch`] says.
    fn watch(&mut self, cancel: Option<&Cancel>);

    /// Waits; the connection is kept meanwhile.
    fn pause(&mut self, time: Duration) -> Pending<'_, ()>;
}

/// What a task of a [`Drive`] wants a connection for, and how long it may wait for it.
#[cfg(feature = "async")]
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Whether it writes.
    pub intent: Intent,
    /// It reads with a single statement and in no transaction: it may be sent behind the statements of others, on a
    /// connection that they use as well.
    pub brief: bool,
    /// When there is no more use in it.
    pub deadline: Option<Instant>,
    /// Told when nobody waits for it any more.
    pub cancel: Cancel,
}

/// Work that is awaited on the adapter's own thread: it is given a connection, and ends with what tells its result.
#[cfg(feature = "async")]
pub type Task = Box<dyn FnOnce(Result<Box<dyn Awaited>>) -> Pin<Box<dyn Future<Output = Answer>>> + Send>;

/// Tells whoever awaits it the result of a task. To be called soon; those that are ready together are best told
/// together, so that whoever awaits them is woken once.
#[cfg(feature = "async")]
pub type Answer = Box<dyn FnOnce()>;

/// Runs tasks on one thread of the adapter, as many at a time as there are connections and more.
#[cfg(feature = "async")]
pub trait Drive: Send + Sync {
    /// Gives a task a connection as soon as there is one. By the deadline at the latest it is given TIMEOUT with
    /// `not_applied` instead.
    fn spawn(&self, wanted: Wanted, task: Task);
}
