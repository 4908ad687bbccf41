//! Requests that are awaited: one thread for all of them, which drives their connections and computes their answers.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::task::LocalSet;

use super::connection::GIVING_BACK;
use super::inbox::{Inbox, Message};
use super::lines::{Lines, Place};
use super::pool::Pool;
use super::session::Session;
use crate::adapter::{Awaited, Cancel, DealOf, Drive, Pending, Task, Wanted};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::operation::Step;
use crate::row::{Columns, RowSink};
use crate::value::{Value, ValueRef};

/// How long what was dropped may take to be stopped when the client goes.
const STOPPING: Duration = Duration::from_secs(2);

/// How often a statement is sent again whose connection was given up by somebody else on it.
const AGAIN: usize = 3;

/// The thread of a client; it ends with it.
pub(super) struct Driver {
    inbox: Arc<Inbox>,
}

impl Driver {
    pub(super) fn start(pool: &Arc<Pool>) -> std::io::Result<Driver> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let inbox = pool.inbox.get_or_init(Arc::default).clone();
        let (pool, received) = (pool.clone(), inbox.clone());
        thread::Builder::new().name("dbal-postgres".to_owned()).spawn(move || {
            LocalSet::new().block_on(&runtime, drive(pool, received));
            runtime.shutdown_background();
        })?;
        Ok(Driver { inbox })
    }
}

impl Drive for Driver {
    fn spawn(&self, wanted: Wanted, task: Task) {
        self.inbox.send(Message::Task(wanted, task));
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.inbox.send(Message::Close);
    }
}

async fn drive(pool: Arc<Pool>, inbox: Arc<Inbox>) {
    let lines = Lines::new(pool, inbox.clone());
    let answers = lines.answers.clone();
    drop(tokio::task::spawn_local(async move { answers.tell().await }));
    let mut closed = false;
    while !closed {
        for message in std::future::poll_fn(|context| inbox.poll(context)).await {
            match message {
                Message::Task(wanted, task) => drop(tokio::task::spawn_local(begin(lines.clone(), wanted, task))),
                Message::Nudge => lines.settle(),
                Message::Close => closed = true,
            }
        }
    }
    // Nobody waits for what still runs, but the server shall hear of it.
    let until = Instant::now() + STOPPING;
    while Rc::strong_count(&lines) > 1 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn begin(lines: Rc<Lines>, wanted: Wanted, task: Task) {
    let answer = match lines.take(&wanted).await {
        Ok(place) => {
            let (session, lines) = (session(&place, &wanted), lines.clone());
            task(Ok(Box::new(Taken { lines, wanted, session, place: Some(place), cancel: None }))).await
        }
        Err(error) => task(Err(error)).await,
    };
    lines.answers.push(answer);
}

fn session(place: &Place, wanted: &Wanted) -> Session {
    let mut session = Session::new(place.line().clone());
    session.lend(wanted.intent);
    session
}

/// A connection in the hands of a task.
struct Taken {
    lines: Rc<Lines>,
    wanted: Wanted,
    session: Session,
    /// None while it is being dropped, or changed for another one.
    place: Option<Place>,
    cancel: Option<Cancel>,
}

impl Taken {
    /// Runs a statement that may be among those of others. Lost with one of these before it gave rows, it is sent again.
    async fn run_among(
        &mut self,
        step: &Step,
        params: &[Value],
        deadline: Option<Instant>,
        sink: &mut dyn RowSink,
    ) -> Result<u64> {
        let mut given = Counted { sink, rows: 0 };
        for again in 1..=AGAIN {
            match self.session.run(step, params, deadline, &mut given).await {
                Err(error) if given.rows == 0 && self.is_innocent(&error, deadline) => {}
                done => return done,
            }
            // Not two at a time: all that lost this one would wait for each other.
            self.place = None;
            // The last time with nobody else: then only its own fault fails it.
            let brief = again < AGAIN;
            let place = self.lines.take(&Wanted { deadline, brief, ..self.wanted.clone() }).await?;
            self.session = session(&place, &self.wanted);
            self.session.watch(self.cancel.as_ref());
            self.place = Some(place);
        }
        self.session.run(step, params, deadline, &mut given).await
    }

    /// Whether a statement failed because of another one on the same connection.
    fn is_innocent(&self, error: &Error, deadline: Option<Instant>) -> bool {
        let unasked = !self.cancel.as_ref().is_some_and(Cancel::is_cancelled)
            && deadline.is_none_or(|deadline| deadline > Instant::now());
        let lost = error.kind() == ErrorKind::DatabaseError && self.session.line.is_given_up();
        unasked && (lost || error.kind() == ErrorKind::Timeout)
    }
}

/// Counts the rows that went through.
struct Counted<'s> {
    sink: &'s mut dyn RowSink,
    rows: u64,
}

impl RowSink for Counted<'_> {
    fn start(&mut self, columns: &Arc<Columns>) -> Result<()> {
        self.sink.start(columns)
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        self.rows += 1;
        self.sink.row(cells)
    }
}

impl Awaited for Taken {
    fn begin(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.session.begin(false, deadline)
    }

    fn begin_guarded(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.session.begin(true, deadline)
    }

    fn commit(&mut self) -> Pending<'_, ()> {
        Box::pin(self.session.commit())
    }

    fn rollback(&mut self) -> Pending<'_, ()> {
        Box::pin(self.session.rollback())
    }

    fn savepoint(&mut self, depth: u32) -> Pending<'_, ()> {
        Box::pin(self.session.savepoint(depth))
    }

    fn release(&mut self, depth: u32) -> Pending<'_, ()> {
        Box::pin(self.session.release(depth))
    }

    fn rollback_to(&mut self, depth: u32) -> Pending<'_, ()> {
        Box::pin(self.session.rollback_to(depth))
    }

    fn run<'a>(
        &'a mut self,
        step: &'a Step,
        params: &'a [Value],
        deadline: Option<Instant>,
        sink: &'a mut (dyn RowSink + 'a),
    ) -> Pending<'a, u64> {
        match self.wanted.brief {
            true => Box::pin(self.run_among(step, params, deadline, sink)),
            false => Box::pin(self.session.run(step, params, deadline, sink)),
        }
    }

    fn run_together<'a>(
        &'a mut self,
        steps: &'a [&'a Step],
        params: &'a [Value],
        deadline: Option<Instant>,
        rows: &'a mut DealOf<'a>,
    ) -> Option<Pending<'a, Vec<u64>>> {
        Some(Box::pin(self.session.run_together(steps, params, deadline, rows)))
    }

    fn pipelines(&self) -> bool {
        true
    }

    fn run_rows<'a>(
        &'a mut self,
        step: &'a Step,
        rows: &'a [&'a [Value]],
        deadline: Option<Instant>,
    ) -> Option<Pending<'a, Option<u64>>> {
        Some(Box::pin(self.session.run_rows(step, rows, deadline)))
    }

    fn watch(&mut self, cancel: Option<&Cancel>) {
        self.cancel = cancel.cloned();
        self.session.watch(cancel);
    }

    fn pause(&mut self, time: Duration) -> Pending<'_, ()> {
        Box::pin(async move {
            tokio::time::sleep(time).await;
            Ok(())
        })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        if !self.session.is_inside() || self.session.is_closed() {
            return;
        }
        // The session takes the place with it, which goes back when it is clean.
        let mut session = session(&place, &self.wanted);
        std::mem::swap(&mut session, &mut self.session);
        let undo: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
            session.watch(None);
            let ended = tokio::time::timeout(GIVING_BACK, session.rollback()).await;
            if !matches!(ended, Ok(Ok(()))) {
                // It is closed, which rolls back as well.
                session.line.doubt();
            }
            drop(place);
        });
        drop(tokio::task::spawn_local(undo));
    }
}
