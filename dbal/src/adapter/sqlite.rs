//! SQLite: one writer and a pool of readers over a WAL database, on the caller's thread.
//!
//! Reads see the last commit and never wait for the writer. Writers take turns inside the process by the pool, and
//! between processes by SQLite's lock, both no longer than the request's deadline.

mod aggregate;
mod cells;
mod connection;
mod ddl;
mod error;
mod functions;
mod kept;
mod nesting;
mod pool;
mod reference;
mod stored;
mod value;
mod walk;
#[cfg(feature = "async")]
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
#[cfg(feature = "async")]
use std::sync::OnceLock;
use std::time::Instant;

use self::connection::SqliteConnection;
use self::pool::{Pool, Use};
use super::{Adapter, Connection, Intent, Lowering};
use crate::capability::{Capabilities, Support};
use crate::error::{Error, Result};
use crate::schema::Schema;
use crate::sql::dialect::Dialect;

/// Where a database is and how it is opened.
///
/// ```
/// use dbal::adapter::sqlite::{SqliteOptions, Synchronous};
/// let options = SqliteOptions { synchronous: Synchronous::Full, ..SqliteOptions::file("app.db") };
/// assert_eq!(options.pool_size, 8);
/// ```
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// Where it is.
    pub location: Location,
    /// The most connections that read at the same time.
    pub pool_size: usize,
    /// What a commit waits for.
    pub synchronous: Synchronous,
    /// The page cache of each connection, in KiB.
    pub cache_kib: u32,
    /// The file is only looked at: it has to be there, and nothing of it changes.
    pub read_only: bool,
}

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In memory: one connection serves everybody, and closing it loses the data.
    Memory,
    /// A file, made if it is not there. The path is a path: `file:` and `:memory:` mean nothing in it.
    File(PathBuf),
}

/// What a commit waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Synchronous {
    /// The operating system. Losing power may lose the latest commits, never the consistency of the file.
    #[default]
    Normal,
    /// The disk.
    Full,
}

impl SqliteOptions {
    /// A database in memory.
    pub fn memory() -> Self {
        SqliteOptions {
            location: Location::Memory,
            pool_size: 8,
            synchronous: Synchronous::Normal,
            cache_kib: 16 * 1024,
            read_only: false,
        }
    }

    /// A database in a file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        SqliteOptions { location: Location::File(path.into()), ..SqliteOptions::memory() }
    }
}

/// A SQLite database opened for a schema.
pub struct SqliteAdapter {
    shared: Arc<Shared>,
    #[cfg(feature = "async")]
    workers: OnceLock<Option<worker::Workers>>,
}

/// What the adapter and its worker threads have in common.
struct Shared {
    schema: Arc<Schema>,
    writer: Pool,
    /// None in memory, where the writer's connection is the only one.
    readers: Option<Pool>,
}

impl SqliteAdapter {
    /// What SQLite can do.
    pub const CAPABILITIES: Capabilities = Capabilities {
        transactions: Support::Native,
        nested_transactions: Support::Native,
        statement_savepoints: Support::Native,
        joins: Support::Emulated,
        ttl: Support::Emulated,
        full_text_search: Support::Native,
        json_queries: Support::Native,
        aggregations: Support::Native,
        relations: Support::Native,
        foreign_keys: Support::Native,
        unique_indexes: Support::Native,
        migrations: Support::Native,
        connection_pooling: Support::Native,
        upsert: Support::Emulated,
        returning: Support::Native,
        schema_introspection: Support::Native,
        case_insensitive_match: Support::Native,
        ordered_bytes: Support::Native,
        query_timeout: Support::Native,
        max_parameters: 32_766,
        max_identifier_length: 1_024,
        max_row_bytes: pool::MAX_BYTES as u64,
        ..Capabilities::NONE
    };

    /// Opens the database, and makes its file if there is none. Tables are not looked at.
    pub fn open(schema: Arc<Schema>, options: SqliteOptions) -> Result<SqliteAdapter> {
        if options.pool_size == 0 {
            return Err(Error::validation("pool_size", "is 0; at least one connection is needed"));
        }
        let memory = options.location == Location::Memory;
        let options = Arc::new(options);
        let writer = Pool::open(options.clone(), Use::Write)?;
        let readers = if memory { None } else { Some(Pool::open(options, Use::Read)?) };
        Ok(SqliteAdapter {
            shared: Arc::new(Shared { schema, writer, readers }),
            #[cfg(feature = "async")]
            workers: OnceLock::new(),
        })
    }
}

impl Shared {
    fn connect(&self, intent: Intent, deadline: Option<Instant>) -> Result<SqliteConnection<'_>> {
        let pool = match (intent, &self.readers) {
            (Intent::Read, Some(readers)) => readers,
            _ => &self.writer,
        };
        Ok(SqliteConnection::new(pool, &self.schema, intent, pool.take(deadline)?))
    }
}

impl Adapter for SqliteAdapter {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn capabilities(&self) -> &Capabilities {
        &Self::CAPABILITIES
    }

    fn lowering(&self) -> Lowering {
        Lowering::Sql(Dialect::Sqlite)
    }

    fn connect(&self, intent: Intent, deadline: Option<Instant>) -> Result<Box<dyn Connection + '_>> {
        Ok(Box::new(self.shared.connect(intent, deadline)?))
    }

    fn lend(&self, intent: Intent, deadline: Option<Instant>, work: &mut dyn FnMut(&mut dyn Connection)) -> Result<()> {
        work(&mut self.shared.connect(intent, deadline)?);
        Ok(())
    }

    #[cfg(feature = "async")]
    fn offload(&self) -> Option<&dyn super::Offload> {
        // Threads start with the first request that awaits. If none can be had, requests run inline.
        let workers = self.workers.get_or_init(|| worker::Workers::start(&self.shared).ok());
        workers.as_ref().map(|workers| workers as &dyn super::Offload)
    }
}
