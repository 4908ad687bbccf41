//! A connection in one caller's hands, driven on the caller's thread: no other thread is involved.

use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::drive::Turns;
use super::pool::Pool;
use super::session::Session;
use super::tls::Driver;
use crate::adapter::{Cancel, Connection, DealOf, Intent, Nesting};
use crate::error::{Error, Reason, Result};
use crate::plan::operation::Step;
use crate::row::RowSink;
use crate::sql::ddl::Snapshot;
use crate::value::{Map, Value};

/// How long giving a connection back may take; it happens when a caller drops it in the middle of something.
pub(super) const GIVING_BACK: Duration = Duration::from_secs(2);

/// A connection with what carries it. Whoever waits for an answer drives it meanwhile.
pub(super) struct Wire {
    /// None only while it is being dropped.
    runtime: Option<Runtime>,
    /// None when the connection has ended.
    driver: Option<Driver>,
    turns: Turns,
    pub(super) session: Session,
    pub(super) since: Instant,
}

impl Wire {
    pub(super) fn new(runtime: Runtime, driver: Driver, session: Session) -> Self {
        Wire { runtime: Some(runtime), driver: Some(driver), turns: Turns::new(), session, since: Instant::now() }
    }

    /// Waits for what `ask` makes of the session.
    pub(super) fn wait<'s, T>(&'s mut self, ask: impl AsyncFnOnce(&'s mut Session) -> T) -> T {
        let Wire { runtime, driver, turns, session, .. } = self;
        let mut work = pin!(ask(session));
        turns.begin();
        let runtime = runtime.as_ref().expect("the runtime leaves with the wire");
        runtime.block_on(std::future::poll_fn(move |context| turns.poll(context, work.as_mut(), driver)))
    }

    /// Whether the connection still stands, as far as this side can know without asking.
    pub(super) fn is_alive(&mut self) -> bool {
        self.wait(async |_| tokio::task::yield_now().await);
        self.driver.is_some() && !self.session.is_closed()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // The last client may be dropped by an asynchronous task, where a runtime must not be waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A connection lent by the pool; dropped, it rolls back and goes back.
pub(super) struct PostgresConnection<'a> {
    pool: &'a Pool,
    /// None only while it is being dropped.
    wire: Option<Wire>,
}

impl<'a> PostgresConnection<'a> {
    pub(super) fn new(pool: &'a Pool, intent: Intent, deadline: Option<Instant>) -> Result<Self> {
        let mut wire = pool.take(deadline)?;
        wire.session.lend(intent);
        Ok(PostgresConnection { pool, wire: Some(wire) })
    }

    pub(super) fn wait<'s, T>(&'s mut self, ask: impl AsyncFnOnce(&'s mut Session) -> Result<T>) -> Result<T> {
        not_inside_a_runtime()?;
        self.wire.as_mut().expect("the wire leaves with the connection").wait(ask)
    }

    fn session(&mut self) -> &mut Session {
        &mut self.wire.as_mut().expect("the wire leaves with the connection").session
    }
}

/// The runtime of a connection cannot run inside another one, whose thread would stand still meanwhile.
pub(super) fn not_inside_a_runtime() -> Result<()> {
    match tokio::runtime::Handle::try_current() {
        Err(_) => Ok(()),
        Ok(_) => {
            Err(Error::internal("a client that blocks cannot be asked from an asynchronous task: use AsyncClient"))
        }
    }
}

impl Connection for PostgresConnection<'_> {
    fn begin(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.session().begin(false, deadline)
    }

    fn begin_guarded(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.session().begin(true, deadline)
    }

    fn commit(&mut self) -> Result<()> {
        self.wait(async |session| session.commit().await)
    }

    fn rollback(&mut self) -> Result<()> {
        self.wait(async |session| session.rollback().await)
    }

    fn savepoint(&mut self, depth: u32) -> Result<()> {
        self.wait(async |session| session.savepoint(depth).await)
    }

    fn release(&mut self, depth: u32) -> Result<()> {
        self.wait(async |session| session.release(depth).await)
    }

    fn rollback_to(&mut self, depth: u32) -> Result<()> {
        self.wait(async |session| session.rollback_to(depth).await)
    }

    fn run(&mut self, step: &Step, params: &[Value], deadline: Option<Instant>, sink: &mut dyn RowSink) -> Result<u64> {
        self.wait(async |session| session.run(step, params, deadline, sink).await)
    }

    fn pipelines(&self) -> bool {
        true
    }

    fn run_together(
        &mut self,
        steps: &[&Step],
        params: &[Value],
        deadline: Option<Instant>,
        rows: &mut DealOf<'_>,
    ) -> Result<Vec<u64>> {
        self.wait(async |session| session.run_together(steps, params, deadline, rows).await)
    }

    fn run_rows(&mut self, step: &Step, rows: &[&[Value]], deadline: Option<Instant>) -> Result<Option<u64>> {
        self.wait(async |session| session.run_rows(step, rows, deadline).await)
    }

    fn watch(&mut self, cancel: Option<&Cancel>) {
        self.session().watch(cancel);
    }

    fn nesting(&mut self) -> Option<&mut dyn Nesting> {
        Some(self)
    }

    fn inspect(&mut self) -> Result<Snapshot> {
        self.wait(async |session| session.inspect().await)
    }

    fn ask(&mut self, text: &str) -> Result<Vec<Map>> {
        self.wait(async |session| session.ask(text).await)
    }

    fn execute_ddl(&mut self, text: &str) -> Result<()> {
        self.wait(async |session| session.execute_ddl(text).await)
    }
}

impl Drop for PostgresConnection<'_> {
    fn drop(&mut self) {
        let Some(mut wire) = self.wire.take() else { return };
        if wire.session.is_inside() && !wire.session.is_closed() && not_inside_a_runtime().is_ok() {
            // A connection that cannot be rolled back in time is closed, which rolls back as well.
            let ended = wire.wait(async |session| tokio::time::timeout(GIVING_BACK, session.rollback()).await);
            if !matches!(ended, Ok(Ok(()))) {
                return self.pool.lost(wire);
            }
        }
        if wire.session.is_clean() { self.pool.give_back(wire) } else { self.pool.lost(wire) }
    }
}

pub(super) fn aborted() -> Error {
    Error::conflict(Reason::Aborted, &[], "the transaction ended when a statement in it failed")
}
