//! One connection's conversation with the server, whoever drives it: a caller's thread or a task.
//!
//! What begins a transaction or guards a statement is never waited for by itself: it is sent in front of the statement,
//! and both are answered in one round trip.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::future::{join, maybe_done};
use futures_util::stream::StreamExt as _;
use smallvec::SmallVec;
use tokio_postgres::types::ToSql;
use tokio_postgres::{RowStream, Statement};

use super::bounds::{Bounds, LATE, within};
use super::error::{self, Fault};
use super::line::Line;
use super::value::{self, Bind, BindRows, Owned};
use crate::adapter::{Cancel, Intent};
use crate::error::{Error, ErrorKind, Outcome, Reason, Result};
use crate::plan::operation::{Lowered, Sql, SqlParam, Step};
use crate::row::RowSink;
use crate::schema::FieldType;
use crate::value::{Value, ValueRef};

/// Cells of a row that need no memory of their own.
const CELLS: usize = 32;

/// How long what ends a transaction may take where no deadline says less.
const ENDING: Duration = Duration::from_secs(30);

/// Rows that are read on and thrown away when their taker stops; where there are more, the connection goes.
const DRAINED: usize = 4_096;

/// The savepoint in front of each statement of a transaction that must go on when one fails.
const GUARD: &str = "SAVEPOINT dbal_guard";

/// How far a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// There is none: every statement commits by itself.
    None,
    /// It begins with the next statement.
    Due,
    /// It goes on.
    Open,
    /// A failed statement took it down. Nothing runs until it is rolled back.
    Aborted,
}

pub(super) struct Session {
    pub(super) line: Arc<Line>,
    pub(super) intent: Intent,
    pub(super) state: State,
    /// A statement may fail and the transaction goes on.
    guarded: bool,
    deadline: Option<Instant>,
    /// Told when nobody waits for an answer any more.
    cancel: Option<Cancel>,
}

impl Session {
    pub(super) fn new(line: Arc<Line>) -> Self {
        Session { line, intent: Intent::Read, state: State::None, guarded: false, deadline: None, cancel: None }
    }

    /// Whether the next caller may have the connection.
    pub(super) fn is_clean(&self) -> bool {
        !self.line.is_closed() && matches!(self.state, State::None | State::Due)
    }

    /// Whether the server has, or may have, a transaction open.
    pub(super) fn is_inside(&self) -> bool {
        matches!(self.state, State::Open | State::Aborted)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.line.is_closed()
    }

    /// In new hands.
    pub(super) fn lend(&mut self, intent: Intent) {
        (self.intent, self.state, self.guarded, self.deadline) = (intent, State::None, false, None);
        self.cancel = None;
    }

    /// From here on, statements stop when this is cancelled.
    pub(super) fn watch(&mut self, cancel: Option<&Cancel>) {
        self.cancel = cancel.cloned();
    }

    /// A transaction of one request fails as a whole; one that is `guarded` survives a statement that fails.
    pub(super) fn begin(&mut self, guarded: bool, deadline: Option<Instant>) -> Result<()> {
        if self.state != State::None {
            return Err(Error::internal("a transaction is open already"));
        }
        self.ready(deadline)?;
        (self.state, self.guarded, self.deadline) = (State::Due, guarded, deadline);
        Ok(())
    }

    pub(super) async fn commit(&mut self) -> Result<()> {
        match self.state {
            State::None => return Err(Error::internal("there is no transaction to commit")),
            State::Due => {
                self.state = State::None;
                return Ok(());
            }
            State::Aborted => {
                self.rollback().await?;
                return Err(super::connection::aborted());
            }
            State::Open => {}
        }
        self.state = State::None;
        if self.intent == Intent::Read {
            // What was read stays read whatever the server answers.
            self.post("COMMIT").await;
            return Ok(());
        }
        let done = within(Some(Instant::now() + ENDING), self.line.client.batch_execute("COMMIT")).await;
        match done {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => {
                self.doubt_if(error::is_lost(&error));
                Err(error::control(&error, true))
            }
            None => {
                self.line.doubt();
                Err(Error::timeout(Outcome::Unknown))
            }
        }
    }

    pub(super) async fn rollback(&mut self) -> Result<()> {
        let inside = self.is_inside();
        self.state = State::None;
        if inside { self.control("ROLLBACK").await } else { Ok(()) }
    }

    pub(super) async fn savepoint(&mut self, depth: u32) -> Result<()> {
        self.inside(format!("SAVEPOINT s{depth}")).await
    }

    pub(super) async fn release(&mut self, depth: u32) -> Result<()> {
        self.inside(format!("RELEASE s{depth}")).await
    }

    pub(super) async fn rollback_to(&mut self, depth: u32) -> Result<()> {
        // Whoever cancelled wants it undone.
        self.cancel = None;
        self.inside(format!("ROLLBACK TO s{depth}; RELEASE s{depth}")).await
    }

    /// Runs a statement that controls a part of the transaction.
    async fn inside(&mut self, text: String) -> Result<()> {
        self.ready(None)?;
        let text = match self.state {
            State::Due => format!("{}; {text}", self.beginning(None)),
            State::None | State::Open | State::Aborted => text,
        };
        self.control(&text).await?;
        self.state = State::Open;
        Ok(())
    }

    pub(super) async fn control(&mut self, text: &str) -> Result<()> {
        match within(Some(Instant::now() + ENDING), self.line.client.batch_execute(text)).await {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => {
                // Whatever it was to end has not ended.
                self.line.doubt();
                Err(error::control(&error, false))
            }
            None => {
                self.line.doubt();
                Err(Error::timeout(Outcome::NotApplied))
            }
        }
    }

    /// Sends a statement whose answer nobody needs.
    pub(super) async fn post(&self, text: &str) {
        let mut sent = pin!(self.line.client.batch_execute(text));
        std::future::poll_fn(|context| {
            let _ = sent.as_mut().poll(context);
            Poll::Ready(())
        })
        .await;
    }

    /// Checks that a statement may start.
    pub(super) fn ready(&self, deadline: Option<Instant>) -> Result<()> {
        if self.state == State::Aborted {
            return Err(super::connection::aborted());
        }
        let cancelled = self.cancel.as_ref().is_some_and(Cancel::is_cancelled);
        if cancelled || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(Error::timeout(Outcome::NotApplied));
        }
        Ok(())
    }

    /// What opens the transaction. Reads see one moment; writers do too, and nobody's update is lost.
    pub(super) fn beginning(&self, deadline: Option<Instant>) -> String {
        let mode = match self.intent {
            Intent::Read => "READ ONLY",
            Intent::Write => "READ WRITE",
        };
        // A request that writes in several statements sees what others commit meanwhile, as one statement would;
        // what several requests of a caller see must not change between them.
        let isolation = match (self.intent, self.guarded) {
            (Intent::Write, false) => "READ COMMITTED",
            (Intent::Read, _) | (Intent::Write, true) => "REPEATABLE READ",
        };
        let limit = match deadline.or(self.deadline) {
            Some(deadline) => format!("; SET LOCAL statement_timeout = {}", millis(deadline)),
            None if self.line.limit() != 0 => "; SET LOCAL statement_timeout = 0".to_owned(),
            None => String::new(),
        };
        format!("BEGIN ISOLATION LEVEL {isolation} {mode}{limit}")
    }

    /// What is to be sent in front of a statement.
    fn prelude(&mut self, deadline: Option<Instant>) -> Option<String> {
        let guards = self.guarded && self.intent == Intent::Write;
        match self.state {
            State::Due => {
                let begin = self.beginning(deadline);
                self.state = State::Open;
                Some(if guards { format!("{begin}; {GUARD}") } else { begin })
            }
            State::Open => guards.then(|| GUARD.to_owned()),
            State::None | State::Aborted => {
                let (wanted, limit) = (deadline.map_or(0, millis), self.line.limit());
                // A session's limit is changed only when it is off by a tenth: most deadlines are equally far away.
                let near = wanted >= limit && wanted - limit <= wanted / 10 || {
                    limit > wanted && limit - wanted <= wanted / 10
                };
                if near {
                    return None;
                }
                self.line.set_limit(wanted);
                Some(format!("SET statement_timeout = {wanted}"))
            }
        }
    }

    /// How the prelude went. One that failed may have left the server's limit as it was.
    fn begun(&self, prelude: Result<(), tokio_postgres::Error>) -> Result<(), Fault> {
        if prelude.is_err() {
            self.line.forget_limit();
        }
        Ok(prelude?)
    }

    /// Runs one step, at most until its deadline.
    pub(super) async fn run<S: RowSink + ?Sized>(
        &mut self,
        step: &Step,
        params: &[Value],
        deadline: Option<Instant>,
        sink: &mut S,
    ) -> Result<u64> {
        let Lowered::Sql(sql) = &step.statement else {
            return Err(Error::internal("a step for PostgreSQL is SQL"));
        };
        self.run_as(step, sql, params, deadline, sink).await
    }

    /// Runs what gives the rows of a step, or leads to them.
    pub(super) async fn run_as<S: RowSink + ?Sized>(
        &mut self,
        step: &Step,
        sql: &Sql,
        params: &[Value],
        deadline: Option<Instant>,
        sink: &mut S,
    ) -> Result<u64> {
        self.ready(deadline)?;
        self.run_with(step, sql, &bound(sql, params)?, deadline, |cells| sink.row(cells)).await
    }

    /// Runs a statement with the values of its placeholders.
    async fn run_with(
        &mut self,
        step: &Step,
        sql: &Sql,
        values: &[impl ToSql],
        deadline: Option<Instant>,
        take: impl FnMut(&[ValueRef<'_>]) -> Result<()>,
    ) -> Result<u64> {
        let commits = self.state == State::None;
        let bounds = self.bounds(deadline);
        let work = self.run_sql(step, sql, values, deadline, take);
        let ran = match bounds {
            None => Some(work.await),
            Some(bounds) => bounds.keep(work).await,
        };
        match ran {
            Some(ran) => self.settle(step, sql, commits, ran).await,
            None => Err(self.give_up(commits)),
        }
    }

    /// Runs steps that read, sent one after the other and answered in that order.
    pub(super) async fn run_together<D: FnMut(usize, &[ValueRef<'_>]) -> Result<()> + ?Sized>(
        &mut self,
        steps: &[&Step],
        params: &[Value],
        deadline: Option<Instant>,
        rows: &mut D,
    ) -> Result<Vec<u64>> {
        let mut all: SmallVec<[(&Step, &Sql); 8]> = SmallVec::new();
        for step in steps {
            let Lowered::Sql(sql) = &step.statement else {
                return Err(Error::internal("a step for PostgreSQL is SQL"));
            };
            all.push((step, sql));
        }
        self.ready(deadline)?;
        let commits = self.state == State::None;
        let bounds = self.bounds(deadline);
        let work = self.run_sqls(&all, params, deadline, rows);
        let ran = match bounds {
            None => Some(work.await),
            Some(bounds) => bounds.keep(work).await,
        };
        match ran {
            Some(Ok(counts)) => Ok(counts),
            Some(Err((place, fault))) => {
                let (step, sql) = all[place];
                self.settle(step, sql, commits, Err(fault)).await
            }
            None => Err(self.give_up(commits)),
        }
    }

    /// Inserts many rows with one statement, as [`Connection::run_rows`](crate::adapter::Connection::run_rows) says.
    pub(super) async fn run_rows(
        &mut self,
        step: &Step,
        rows: &[&[Value]],
        deadline: Option<Instant>,
    ) -> Result<Option<u64>> {
        let Lowered::Sql(Sql { rows: Some(sql), .. }) = &step.statement else { return Ok(None) };
        if self.intent != Intent::Write || !matches!(self.state, State::Due | State::Open) {
            return Ok(None);
        }
        self.ready(deadline)?;
        // Whatever is refused leaves the transaction as it was, also where one statement's failure would be its end.
        let guarded = std::mem::replace(&mut self.guarded, true);
        let bind = |param: &SqlParam| BindRows { encoding: param.encoding, rows, at: usize::from(param.id.0) };
        let values: SmallVec<[BindRows<'_>; 16]> = sql.params.iter().map(bind).collect();
        let done = self.run_with(step, sql, &values, deadline, |_| Ok(())).await;
        self.guarded = guarded;
        match done {
            Ok(count) => Ok(Some(count)),
            Err(error) if self.state == State::Open && is_of_a_row(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What stops a statement beside the server; none where nothing does.
    fn bounds(&self, deadline: Option<Instant>) -> Option<Bounds> {
        (deadline.is_some() || self.cancel.is_some()).then(|| Bounds {
            line: self.line.clone(),
            cancel: self.cancel.clone(),
            late: deadline.map(|deadline| deadline + LATE),
        })
    }

    fn doubt_if(&self, lost: bool) {
        if lost {
            self.line.doubt();
        }
    }

    /// Nobody knows what became of a statement.
    fn give_up(&mut self, commits: bool) -> Error {
        self.line.give_up();
        self.state = if self.state == State::None { State::None } else { State::Aborted };
        let wrote = commits && self.intent == Intent::Write;
        Error::timeout(if wrote { Outcome::Unknown } else { Outcome::NotApplied })
    }

    async fn run_sql(
        &mut self,
        step: &Step,
        sql: &Sql,
        values: &[impl ToSql],
        deadline: Option<Instant>,
        take: impl FnMut(&[ValueRef<'_>]) -> Result<()>,
    ) -> Result<u64, Fault> {
        let prelude = self.prelude(deadline);
        let guards = self.guarded && self.intent == Intent::Write && self.state == State::Open;
        let known = self.line.known(sql);
        let rows = match (prelude, known) {
            (None, Some(statement)) => self.line.client.query_raw(&statement, values).await?,
            (Some(prelude), Some(statement)) => {
                let first = self.line.client.batch_execute(&prelude);
                let (first, rows) = join(first, self.line.client.query_raw(&statement, values)).await;
                self.begun(first)?;
                rows?
            }
            (prelude, None) => {
                if let Some(prelude) = prelude {
                    self.begun(self.line.client.batch_execute(&prelude).await)?;
                }
                let statement = self.line.prepared(sql).await?;
                self.line.client.query_raw(&statement, values).await?
            }
        };
        let count = self.read(step, rows, take).await?;
        if guards {
            self.post("RELEASE SAVEPOINT dbal_guard").await;
        }
        Ok(count)
    }

    /// Sends everything, then reads the answers in order. An error comes with the place of its step.
    async fn run_sqls<D: FnMut(usize, &[ValueRef<'_>]) -> Result<()> + ?Sized>(
        &mut self,
        steps: &[(&Step, &Sql)],
        params: &[Value],
        deadline: Option<Instant>,
        rows: &mut D,
    ) -> Result<Vec<u64>, (usize, Fault)> {
        let mut prelude = self.prelude(deadline);
        let guards = self.guarded && self.intent == Intent::Write && self.state == State::Open;
        let first = |fault: Fault| (0, fault);
        if !steps.iter().all(|(_, sql)| self.line.known(sql).is_some())
            && let Some(prelude) = prelude.take()
        {
            self.begun(self.line.client.batch_execute(&prelude).await).map_err(first)?;
        }
        let mut statements: SmallVec<[Statement; 8]> = SmallVec::new();
        for (place, (_, sql)) in steps.iter().enumerate() {
            statements.push(self.line.prepared(sql).await.map_err(|fault| (place, fault))?);
        }
        let mut sent = Vec::with_capacity(steps.len());
        for (place, ((_, sql), statement)) in steps.iter().zip(&statements).enumerate() {
            let values = bound(sql, params).map_err(|error| (place, error.into()))?;
            let client = &self.line.client;
            sent.push(Box::pin(maybe_done(async move { client.query_raw(statement, &values).await })));
        }
        let mut begun = pin!(maybe_done(async {
            match &prelude {
                Some(prelude) => self.line.client.batch_execute(prelude).await,
                None => Ok(()),
            }
        }));
        // Polled once, each is on its way, in this order.
        std::future::poll_fn(|context| {
            let _ = begun.as_mut().poll(context);
            for one in &mut sent {
                let _ = one.as_mut().poll(context);
            }
            Poll::Ready(())
        })
        .await;
        begun.as_mut().await;
        self.begun(begun.take_output().unwrap_or(Ok(()))).map_err(first)?;
        let mut counts = Vec::with_capacity(steps.len());
        for (place, (mut one, (step, _))) in sent.into_iter().zip(steps).enumerate() {
            one.as_mut().await;
            let answer = one.as_mut().take_output().expect("an awaited answer is there");
            let answer = answer.map_err(|error| (place, error.into()))?;
            let count = self.read(step, answer, |cells| rows(place, cells)).await;
            counts.push(count.map_err(|fault| (place, fault))?);
        }
        if guards {
            self.post("RELEASE SAVEPOINT dbal_guard").await;
        }
        Ok(counts)
    }

    /// Gives the rows to whoever takes them, and counts what was read or written.
    async fn read(
        &self,
        step: &Step,
        rows: RowStream,
        mut take: impl FnMut(&[ValueRef<'_>]) -> Result<()>,
    ) -> Result<u64, Fault> {
        let mut rows = pin!(rows);
        let mut count = 0;
        while let Some(row) = rows.next().await {
            let row = row?;
            count += 1;
            if step.cells.is_empty() {
                continue;
            }
            if let Err(error) = self.give(step, &row, &mut take) {
                let mut more = 0;
                while let Some(Ok(_)) = rows.next().await {
                    more += 1;
                    if more == DRAINED {
                        return Err(Fault::Unread(error));
                    }
                }
                return Err(Fault::Own(error));
            }
        }
        Ok(rows.rows_affected().unwrap_or(count))
    }

    /// Gives one row.
    fn give(
        &self,
        step: &Step,
        row: &tokio_postgres::Row,
        take: &mut impl FnMut(&[ValueRef<'_>]) -> Result<()>,
    ) -> Result<()> {
        let misfit = |(position, misfit)| {
            let (owner, columns) = step.owner(position);
            let entity = self.line.schema.entity(owner);
            let mut columns = columns.filter(|at| step.cells[*at].field == Some(entity.key));
            let id = columns.next().filter(|key| *key != position).and_then(|key| {
                let cell = value::decode(&step.cells[key], row, key, &mut std::iter::empty::<&Owned>()).ok()?;
                match cell {
                    ValueRef::Text(text) => Some(text.to_owned()),
                    ValueRef::Int(number) => Some(number.to_string()),
                    ValueRef::Uuid(uuid) => Some(uuid.to_string()),
                    _ => None,
                }
            });
            error::misfit(&self.line.schema, step, position, misfit, id)
        };
        let has_owned = step.cells.iter().any(|cell| matches!(cell.ty, FieldType::Decimal { .. } | FieldType::Json));
        let owned = if has_owned { value::owned(&step.cells, row).map_err(misfit)? } else { SmallVec::new() };
        let mut next_owned = owned.iter();
        let mut cells: SmallVec<[ValueRef<'_>; CELLS]> = SmallVec::new();
        for (position, cell) in step.cells.iter().enumerate() {
            let decoded = value::decode(cell, row, position, &mut next_owned);
            cells.push(decoded.map_err(|why| misfit((position, why)))?);
        }
        take(&cells)
    }

    /// Says what went wrong, and brings the transaction to where it can go on, or to its end.
    async fn settle<T>(&mut self, step: &Step, sql: &Sql, commits: bool, ran: Result<T, Fault>) -> Result<T> {
        let (error, refused) = match ran {
            Ok(done) => return Ok(done),
            Err(Fault::Driver(error)) => {
                self.doubt_if(error::is_lost(&error));
                let wrote = commits && self.intent == Intent::Write;
                (error::running(&self.line.schema, step, sql, &error, wrote), true)
            }
            Err(Fault::Own(error)) => (error, false),
            Err(Fault::Unread(error)) => {
                self.line.doubt();
                (error, false)
            }
        };
        if self.state == State::Open {
            if self.line.is_doubtful() {
                self.state = State::Aborted;
            } else if error.kind() == ErrorKind::Timeout {
                // Time is up for all of it.
                self.state = State::Aborted;
                let _ = self.control("ROLLBACK").await;
            } else if self.guarded && self.intent == Intent::Write {
                let undone = self.control("ROLLBACK TO dbal_guard; RELEASE dbal_guard").await;
                if undone.is_err() {
                    self.state = State::Aborted;
                }
                undone?;
            } else if refused {
                // The server would answer COMMIT as if all were well, and roll back.
                self.state = State::Aborted;
            }
        }
        Err(error)
    }
}

/// Whether a row was refused, and not the statement or the transaction.
fn is_of_a_row(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Conflict => !matches!(error.reason(), Some(Reason::Serialization | Reason::Aborted)),
        kind => kind == ErrorKind::ValidationError,
    }
}

/// The values of a statement's placeholders.
fn bound<'v>(sql: &Sql, params: &'v [Value]) -> Result<SmallVec<[Bind<'v>; 16]>> {
    let value = |id: usize| params.get(id).ok_or_else(|| Error::internal("a parameter has no value"));
    let bind = |param: &SqlParam| Ok(Bind { encoding: param.encoding, value: value(usize::from(param.id.0))? });
    sql.params.iter().map(bind).collect()
}

/// What is left until a deadline, in whole milliseconds and at least one.
fn millis(deadline: Instant) -> u64 {
    let left = deadline.saturating_duration_since(Instant::now());
    u64::try_from(left.as_millis()).unwrap_or(u64::MAX).clamp(1, i32::MAX as u64)
}
