//! Opening connections safely, and lending them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use super::kept::Sqlite;
use super::{Location, SqliteOptions, Synchronous, error, functions};
use crate::adapter::{Cancel, PATIENCE};
use crate::error::{Error, Outcome, Result};

/// The most bytes that a text, a blob or a row may have.
pub(super) const MAX_BYTES: i32 = 64 << 20;

/// How many pages the log has before they go into the file, 16 MiB in all. A page that was written often in between goes
/// once: with SQLite's own 1,000, a twelfth of the time of short writes is spent on that.
const CHECKPOINT: u32 = 4_000;

/// How many instructions of SQLite's machine pass between two looks at the clock: some ten microseconds.
const INSTRUCTIONS: i32 = 1_000;

/// What a pool's connections are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Any number up to the pool's size, which cannot write.
    Read,
    /// One, which others wait for.
    Write,
}

/// Connections of one use. The one that came back last is lent first: its caches are warm.
pub(super) struct Pool {
    options: Arc<SqliteOptions>,
    purpose: Use,
    size: usize,
    state: Mutex<State>,
    came_back: Condvar,
}

struct State {
    #[allow(clippy::vec_box, reason = "a handle is lent and taken back by pointer")]
    idle: Vec<Box<Handle>>,
    /// Connections that exist, idle or lent.
    open: usize,
}

/// A connection and what hangs on it.
pub(super) struct Handle {
    pub(super) sqlite: Sqlite,
    pub(super) deadline: Arc<Deadline>,
}

impl Pool {
    /// A pool with its first connection, so that what is wrong with the file shows now.
    pub(super) fn open(options: Arc<SqliteOptions>, purpose: Use) -> Result<Pool> {
        let size = if purpose == Use::Write { 1 } else { options.pool_size };
        let first = Box::new(Handle::open(&options, purpose)?);
        let state = Mutex::new(State { idle: vec![first], open: 1 });
        Ok(Pool { options, purpose, size, state, came_back: Condvar::new() })
    }

    /// The most connections that there may be.
    #[cfg(feature = "async")]
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// A connection; waits for one up to the deadline.
    pub(super) fn take(&self, deadline: Option<Instant>) -> Result<Box<Handle>> {
        let mut state = self.state.lock();
        let mut until = None;
        loop {
            if let Some(handle) = state.idle.pop() {
                return Ok(handle);
            }
            if state.open < self.size {
                state.open += 1;
                drop(state);
                return Handle::open(&self.options, self.purpose).map(Box::new).inspect_err(|_| self.lost());
            }
            let until = *until.get_or_insert_with(|| deadline.unwrap_or_else(|| Instant::now() + PATIENCE));
            if self.came_back.wait_until(&mut state, until).timed_out() && state.idle.is_empty() {
                return Err(Error::timeout(Outcome::NotApplied));
            }
        }
    }

    /// Takes a clean connection back.
    pub(super) fn give_back(&self, handle: Box<Handle>) {
        self.state.lock().idle.push(handle);
        self.came_back.notify_one();
    }

    /// A lent connection will not come back; another may be opened in its place.
    pub(super) fn lost(&self) {
        self.state.lock().open -= 1;
        self.came_back.notify_one();
    }
}

impl Handle {
    fn open(options: &SqliteOptions, purpose: Use) -> Result<Handle> {
        let deadline = Arc::new(Deadline::new());
        let opened = connect(options, purpose, deadline.clone());
        let sqlite = opened.map_err(|error| error::opening(&error, &options.location))?;
        deadline.set(None);
        let encoding: String = sqlite
            .query_row("PRAGMA encoding", [], |row| row.get(0))
            .map_err(|error| error::opening(&error, &options.location))?;
        if encoding != "UTF-8" {
            // In UTF-16 text would be ordered by code unit instead of by code point.
            let message = "the database's text is not UTF-8, so it cannot be ordered by code point";
            return Err(Error::database(message, encoding));
        }
        Ok(Handle { sqlite: Sqlite::new(sqlite), deadline })
    }
}

fn connect(options: &SqliteOptions, purpose: Use, deadline: Arc<Deadline>) -> rusqlite::Result<Connection> {
    let open = match options.read_only {
        true => OpenFlags::SQLITE_OPEN_READ_ONLY,
        false => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    };
    let flags = open | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut sqlite = match &options.location {
        Location::Memory => Connection::open_in_memory_with_flags(flags)?,
        // The bundled SQLite reads `file:` URIs whatever the flags say, and `:memory:` too. Neither begins with a dot.
        Location::File(path) if path.is_relative() => Connection::open_with_flags(Path::new(".").join(path), flags)?,
        Location::File(path) => Connection::open_with_flags(path, flags)?,
    };
    deadline.set(Some(Instant::now() + PATIENCE));
    let clock = deadline.clone();
    sqlite.progress_handler(INSTRUCTIONS, Some(move || clock.passed()))?;
    sqlite.busy_handler(Some(move |tries| wait_for_lock(tries, &deadline)))?;

    // What a damaged or hostile file, or a fault of ours, must not be able to do.
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    // A statement keeps its plan: SQLite would else look at values that are bound, and plan again for each of them.
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    sqlite.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_BYTES)?;
    sqlite.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, 4 << 20)?;
    sqlite.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    sqlite.set_limit(Limit::SQLITE_LIMIT_WORKER_THREADS, 0)?;

    let synchronous = match options.synchronous {
        Synchronous::Normal => "NORMAL",
        Synchronous::Full => "FULL",
    };
    if purpose == Use::Write && !options.read_only {
        sqlite.execute_batch(&format!("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = {CHECKPOINT}"))?;
    }
    sqlite.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous}; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -{}; PRAGMA cell_size_check = ON; PRAGMA query_only = {};",
        options.cache_kib,
        if purpose == Use::Read { "ON" } else { "OFF" },
    ))?;
    functions::register(&sqlite)?;
    Ok(sqlite)
}

/// Sleeps before another try for a lock that another process holds; false gives up. SQLite's progress handler is not
/// called meanwhile, so the deadline is kept here.
fn wait_for_lock(tries: i32, deadline: &Deadline) -> bool {
    let pause = Duration::from_micros(100 << tries.clamp(0, 7));
    match deadline.remaining() {
        _ if deadline.cancelled() => false,
        Some(remaining) if remaining.is_zero() => false,
        Some(remaining) => {
            std::thread::sleep(pause.min(remaining));
            true
        }
        None => {
            std::thread::sleep(pause);
            // The pauses are 12.8 ms from the eighth try on.
            u128::from(tries.unsigned_abs()) * 12_800 < PATIENCE.as_micros()
        }
    }
}

/// When the statement that runs must stop. Written by the thread that runs it, read by SQLite's callbacks.
pub(super) struct Deadline {
    start: Instant,
    /// Nanoseconds after `start`; 0 is none.
    nanos: AtomicU64,
    /// Whoever waits for the answer.
    cancel: Mutex<Option<Cancel>>,
    /// There is somebody: saves most statements the lock.
    watching: AtomicBool,
}

impl Deadline {
    fn new() -> Self {
        Deadline {
            start: Instant::now(),
            nanos: AtomicU64::new(0),
            cancel: Mutex::new(None),
            watching: AtomicBool::new(false),
        }
    }

    pub(super) fn set(&self, deadline: Option<Instant>) {
        let after = |deadline: Instant| {
            let nanos = deadline.saturating_duration_since(self.start).as_nanos();
            u64::try_from(nanos).unwrap_or(u64::MAX).max(1)
        };
        self.nanos.store(deadline.map_or(0, after), Ordering::Relaxed);
    }

    fn remaining(&self) -> Option<Duration> {
        match self.nanos.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos).saturating_sub(self.start.elapsed())),
        }
    }

    pub(super) fn watch(&self, cancel: Option<&Cancel>) {
        if cancel.is_some() || self.watching.load(Ordering::Relaxed) {
            *self.cancel.lock() = cancel.cloned();
            self.watching.store(cancel.is_some(), Ordering::Relaxed);
        }
    }

    pub(super) fn cancelled(&self) -> bool {
        self.watching.load(Ordering::Relaxed) && self.cancel.lock().as_ref().is_some_and(Cancel::is_cancelled)
    }

    fn passed(&self) -> bool {
        self.remaining().is_some_and(|remaining| remaining.is_zero()) || self.cancelled()
    }
}
