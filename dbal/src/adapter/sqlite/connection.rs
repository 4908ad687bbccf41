//! A connection in one caller's hands.

use std::time::Instant;

use rusqlite::{Row, Statement};
use smallvec::SmallVec;

use super::cells::Cells;
use super::error::{self, Fault};
use super::pool::{Handle, Pool};
use super::walk::{self, Walked};
use super::{ddl, reference, value};
use crate::adapter::{Cancel, Connection, Intent, Look, Nesting, Sampled};
use crate::error::{Error, ErrorKind, Outcome, Reason, Result};
use crate::plan::operation::{Lowered, Sql, Step, Walk};
use crate::row::RowSink;
use crate::schema::Schema;
use crate::sql::ddl::Snapshot;
use crate::value::{Map, Value, ValueRef};

/// Cells of a row that need no memory of their own: of most rows, and of some.
const FEW: usize = 8;
const CELLS: usize = 32;

/// A connection lent by a pool; dropped, it rolls back and goes back.
pub(super) struct SqliteConnection<'a> {
    pool: &'a Pool,
    pub(super) schema: &'a Schema,
    intent: Intent,
    /// None only while it is being dropped.
    handle: Option<Box<Handle>>,
    transaction: Transaction,
    savepoints: u32,
    /// Other requests may follow one that failed.
    guarded: bool,
    /// References are not enforced until the migration ends.
    migrating: bool,
}

/// How far a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transaction {
    /// There is none: every statement commits by itself.
    None,
    /// It goes on.
    Open,
    /// A worker opened it for several jobs; they neither end it nor begin another.
    Shared,
    /// A failed statement took it down. Nothing runs until it is rolled back.
    Aborted,
}

impl<'a> SqliteConnection<'a> {
    pub(super) fn new(pool: &'a Pool, schema: &'a Schema, intent: Intent, handle: Box<Handle>) -> Self {
        SqliteConnection {
            pool,
            schema,
            intent,
            handle: Some(handle),
            transaction: Transaction::None,
            savepoints: 0,
            guarded: false,
            migrating: false,
        }
    }

    fn handle(&self) -> &Handle {
        self.handle.as_deref().expect("the handle leaves with the connection")
    }

    /// Runs a statement that controls the transaction.
    fn control(&self, text: &str) -> Result<(), rusqlite::Error> {
        self.handle().sqlite.prepare_cached(text)?.raw_execute().map(drop)
    }

    /// Checks that a statement may start, and starts the clock.
    pub(super) fn ready(&self, deadline: Option<Instant>) -> Result<()> {
        if self.transaction == Transaction::Aborted {
            return Err(aborted());
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) || self.handle().deadline.cancelled() {
            return Err(Error::timeout(Outcome::NotApplied));
        }
        self.handle().deadline.set(deadline);
        Ok(())
    }

    /// Begins the read transaction that several jobs share.
    #[cfg(feature = "async")]
    pub(super) fn begin_shared(&mut self) -> Result<()> {
        self.begin(None)?;
        self.transaction = Transaction::Shared;
        Ok(())
    }

    /// Whether the next job may go on in it.
    #[cfg(feature = "async")]
    pub(super) fn is_clean(&self) -> bool {
        self.transaction == Transaction::Shared && self.savepoints == 0
    }

    /// Enforces references again, now that no transaction is open.
    fn enforce(&mut self) -> Result<()> {
        if std::mem::take(&mut self.migrating) {
            let again = "PRAGMA legacy_alter_table = OFF; PRAGMA foreign_keys = ON";
            self.handle().sqlite.execute_batch(again).map_err(|error| error::other(&error))?;
        }
        Ok(())
    }

    fn roll_back_what_is_open(&self) -> Result<()> {
        if self.handle().sqlite.is_autocommit() {
            return Ok(());
        }
        self.handle().deadline.set(None);
        self.control("ROLLBACK").map_err(|error| error::ending(&error))
    }

    pub(super) fn run_sql(
        &self,
        step: &Step,
        sql: &Sql,
        params: &[Value],
        sink: &mut dyn RowSink,
    ) -> Result<u64, Fault> {
        let sqlite = &self.handle().sqlite;
        let walk = sql.walk.as_deref().filter(|walk| walk::is_one(sqlite, walk));
        let (text, placeholders) = walk.map_or((&sql.text, &sql.params), |walk| (&walk.text, &walk.params));
        let mut spelled = value::Spelled::new();
        value::spell(placeholders, params, &mut spelled);
        sqlite.with(text, |statement, cells, texts| {
            let mut next_spelled = spelled.iter();
            for (position, param) in placeholders.iter().enumerate() {
                let given =
                    params.get(usize::from(param.id.0)).ok_or_else(|| Error::internal("a parameter has no value"))?;
                let at = position + 1;
                value::bind_lasting(statement, texts, at, param.encoding, given, &mut next_spelled)?;
            }
            match walk {
                _ if cells.columns() == 0 => Ok(statement.raw_execute()? as u64),
                Some(walk) => self.walk(step, walk, params, statement, cells, sink),
                None => self.rows(step, statement, cells, sink),
            }
        })
    }

    /// Runs a statement that gives rows.
    fn rows(
        &self,
        step: &Step,
        statement: &mut Statement<'_>,
        cells: &Cells,
        sink: &mut dyn RowSink,
    ) -> Result<u64, Fault> {
        let sqlite = &self.handle().sqlite;
        let wrote = !statement.readonly();
        // A row that is refused comes when all is written, and SQLite keeps what a statement wrote that is ended early.
        let alone = wrote && self.guarded && self.transaction == Transaction::Open;
        if alone {
            self.control("SAVEPOINT statement")?;
        }
        let has_decimals = value::has_decimals(&step.cells);
        let mut rows = statement.raw_query();
        let mut count = 0;
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(error) => {
                    drop(rows);
                    // It wrote nothing; where SQLite ended the transaction, there is no savepoint left.
                    if alone && !sqlite.is_autocommit() {
                        self.control("RELEASE statement")?;
                    }
                    return Err(error.into());
                }
            };
            if let Err(error) = self.cells(step, has_decimals, row, cells, |cells| sink.row(cells)) {
                if wrote && self.transaction == Transaction::None {
                    // All is written when the first row comes, and to end the statement here would commit it.
                    // Interrupted, it is undone.
                    sqlite.get_interrupt_handle().interrupt();
                    let _ = rows.next();
                }
                drop(rows);
                if alone {
                    self.control("ROLLBACK TO statement")?;
                    self.control("RELEASE statement")?;
                }
                return Err(Fault::Row { error, wrote: wrote && !alone });
            }
            count += 1;
            if step.single && !wrote {
                // Another step would find that there is no other row.
                break;
            }
        }
        drop(rows);
        if alone {
            self.control("RELEASE statement")?;
        }
        Ok(count)
    }

    /// Gives the first rows of a walk along an index.
    fn walk(
        &self,
        step: &Step,
        walk: &Walk,
        params: &[Value],
        statement: &mut Statement<'_>,
        cells: &Cells,
        sink: &mut dyn RowSink,
    ) -> Result<u64, Fault> {
        let has_decimals = value::has_decimals(&step.cells);
        let mut walked = Walked::new(walk, params)?;
        let refused = |error| Fault::Row { error, wrote: false };
        let mut rows = statement.raw_query();
        while walked.goes_on() {
            let Some(row) = rows.next()? else { break };
            let mut own =
                |cells: &[ValueRef<'_>]| walked.take(cells.iter().map(|cell| cell.to_value()).collect(), sink);
            self.cells(step, has_decimals, row, cells, &mut own).map_err(refused)?;
        }
        drop(rows);
        walk::look_back(walk, statement);
        walked.end(sink).map_err(refused)
    }

    /// Shows the cells of a row.
    fn cells(
        &self,
        step: &Step,
        has_decimals: bool,
        row: &Row<'_>,
        stored: &Cells,
        show: impl FnOnce(&[ValueRef<'_>]) -> Result<()>,
    ) -> Result<()> {
        let decimals = if has_decimals { value::decimals(&step.cells, row) } else { SmallVec::new() };
        let mut next_decimal = decimals.iter();
        // Not a SmallVec, which is filled in one place and copied whole to another: the processor waits for the pieces.
        let (mut few, mut some, mut many);
        let cells = match step.cells.len() {
            width if width <= FEW => {
                few = [ValueRef::Null; FEW];
                &mut few[..width]
            }
            width if width <= CELLS => {
                some = [ValueRef::Null; CELLS];
                &mut some[..width]
            }
            width => {
                many = vec![ValueRef::Null; width];
                many.as_mut_slice()
            }
        };
        for (position, (declared, cell)) in step.cells.iter().zip(cells.iter_mut()).enumerate() {
            match stored.cell(row, position) {
                Some(raw) if value::decode(&declared.ty, raw, &mut next_decimal, cell) => {}
                _ => return Err(error::misfit(self.schema, step, position, row)),
            }
        }
        show(cells)
    }

    /// Says what went wrong, and what is left of the transaction.
    pub(super) fn failed(&mut self, step: &Step, sql: &Sql, params: &[Value], fault: Fault) -> Error {
        let (error, ends) = match fault {
            Fault::Driver(error) => {
                let reference = || reference::broken(&self.handle().sqlite, self.schema, step.entity, sql, params);
                let error = error::running(self.schema, step.entity, &error, reference);
                let ends = error.kind() == ErrorKind::Timeout;
                (error, ends)
            }
            Fault::Own(error) => (error, false),
            // The rows are written. Whoever set a savepoint goes back to it; else all must go.
            Fault::Row { error, wrote } => (error, wrote && self.savepoints == 0),
        };
        if self.transaction == Transaction::Open {
            // SQLite itself rolls back after some faults: an interrupted write, a full disk.
            let gone = self.handle().sqlite.is_autocommit();
            if ends || gone {
                self.transaction = Transaction::Aborted;
                // What cannot be rolled back now is dealt with when the connection is given back.
                let _ = self.roll_back_what_is_open();
            }
        }
        error
    }
}

impl Connection for SqliteConnection<'_> {
    fn begin(&mut self, deadline: Option<Instant>) -> Result<()> {
        match self.transaction {
            Transaction::Shared => return Ok(()),
            Transaction::None => {}
            Transaction::Open | Transaction::Aborted => return Err(Error::internal("a transaction is open already")),
        }
        self.ready(deadline)?;
        let text = match self.intent {
            Intent::Read => "BEGIN",
            // The lock is taken now: taken at the first write, it could fail without waiting.
            Intent::Write => "BEGIN IMMEDIATE",
        };
        self.control(text).map_err(|error| error::beginning(&error))?;
        self.transaction = Transaction::Open;
        self.savepoints = 0;
        self.guarded = false;
        Ok(())
    }

    fn begin_guarded(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.begin(deadline)?;
        self.guarded = true;
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        match self.transaction {
            Transaction::Shared => return Ok(()),
            Transaction::None => return Err(Error::internal("there is no transaction to commit")),
            Transaction::Aborted => {
                self.rollback()?;
                return Err(aborted());
            }
            Transaction::Open => {}
        }
        self.handle().deadline.set(None);
        let result = self.control("COMMIT").map_err(|error| error::ending(&error));
        if result.is_err() {
            self.roll_back_what_is_open()?;
        }
        self.transaction = Transaction::None;
        self.enforce()?;
        result
    }

    fn rollback(&mut self) -> Result<()> {
        if self.transaction == Transaction::Shared {
            return Ok(());
        }
        self.transaction = Transaction::None;
        self.savepoints = 0;
        self.roll_back_what_is_open()?;
        self.enforce()
    }

    fn savepoint(&mut self, depth: u32) -> Result<()> {
        self.ready(None)?;
        self.control(&format!("SAVEPOINT s{depth}")).map_err(|error| error::ending(&error))?;
        self.savepoints += 1;
        Ok(())
    }

    fn release(&mut self, depth: u32) -> Result<()> {
        self.ready(None)?;
        self.control(&format!("RELEASE s{depth}")).map_err(|error| error::ending(&error))?;
        self.savepoints = self.savepoints.saturating_sub(1);
        Ok(())
    }

    fn rollback_to(&mut self, depth: u32) -> Result<()> {
        // Whoever cancelled wants it undone.
        self.watch(None);
        self.ready(None)?;
        self.control(&format!("ROLLBACK TO s{depth}")).map_err(|error| error::ending(&error))?;
        self.release(depth)
    }

    fn watch(&mut self, cancel: Option<&Cancel>) {
        self.handle().deadline.watch(cancel);
    }

    fn run(&mut self, step: &Step, params: &[Value], deadline: Option<Instant>, sink: &mut dyn RowSink) -> Result<u64> {
        let Lowered::Sql(sql) = &step.statement else {
            return Err(Error::internal("a step for SQLite is SQL"));
        };
        self.ready(deadline)?;
        self.run_sql(step, sql, params, sink).map_err(|fault| self.failed(step, sql, params, fault))
    }

    fn nesting(&mut self) -> Option<&mut dyn Nesting> {
        Some(self)
    }

    fn inspect(&mut self) -> Result<Snapshot> {
        self.ready(None)?;
        ddl::inspect(&self.handle().sqlite).map_err(|error| error::other(&error))
    }

    fn begin_migration(&mut self, deadline: Option<Instant>) -> Result<()> {
        // Inside a transaction it would have no effect; and a table that is dropped would take along what refers to it.
        self.handle().sqlite.execute_batch("PRAGMA foreign_keys = OFF").map_err(|error| error::other(&error))?;
        self.migrating = true;
        self.begin(deadline)
    }

    fn ask(&mut self, text: &str) -> Result<Vec<Map>> {
        self.ready(None)?;
        ddl::ask(&self.handle().sqlite, text).map_err(|error| error::other(&error))
    }

    fn sample(&mut self, table: &str, most: Option<u64>, look: &mut Look<'_>) -> Result<Sampled> {
        self.ready(None)?;
        ddl::sample(&self.handle().sqlite, table, most, look).map_err(|error| error::other(&error))
    }

    fn execute_ddl(&mut self, text: &str) -> Result<()> {
        self.ready(None)?;
        self.handle().sqlite.execute_batch(text).map_err(|error| error::other(&error))
    }
}

impl Drop for SqliteConnection<'_> {
    fn drop(&mut self) {
        self.watch(None);
        let clean = self.roll_back_what_is_open().and_then(|()| self.enforce()).is_ok();
        if let Some(handle) = self.handle.take() {
            // A connection that is still inside a transaction is closed, which rolls back as well.
            if clean { self.pool.give_back(handle) } else { self.pool.lost() }
        }
    }
}

fn aborted() -> Error {
    Error::conflict(Reason::Aborted, &[], "the transaction ended when a statement in it failed")
}
