//! PostgreSQL, and what speaks its protocol and its SQL: a pool of connections, each driven by whoever waits for it.
//!
//! A caller that blocks drives its connection on its own thread. Statements are prepared by name, once for each plan
//! and connection.

#[cfg(feature = "async")]
mod answers;
#[cfg(feature = "async")]
mod awaited;
mod bounds;
mod connection;
mod drive;
mod error;
#[cfg(feature = "async")]
mod inbox;
mod inspect;
mod line;
#[cfg(feature = "async")]
mod lines;
mod nesting;
mod numeric;
mod pool;
mod session;
mod tls;
mod url;
mod value;
#[cfg(feature = "async")]
mod worker;

use std::sync::Arc;
#[cfg(feature = "async")]
use std::sync::OnceLock;
use std::time::Instant;

use self::connection::PostgresConnection;
use self::pool::Pool;
use self::url::Target;
use super::{Adapter, Connection, Intent, Lowering};
use crate::capability::{Capabilities, Support};
use crate::error::{Error, Result};
use crate::schema::Schema;
use crate::sql::dialect::Dialect;

/// A PostgreSQL database opened for a schema.
pub struct PostgresAdapter {
    pool: Arc<Pool>,
    #[cfg(feature = "async")]
    workers: OnceLock<Option<worker::Workers>>,
    #[cfg(feature = "async")]
    driver: OnceLock<Option<awaited::Driver>>,
}

impl PostgresAdapter {
    /// What PostgreSQL can do.
    pub const CAPABILITIES: Capabilities = Capabilities {
        transactions: Support::Native,
        nested_transactions: Support::Native,
        statement_savepoints: Support::Native,
        joins: Support::Native,
        full_text_search: Support::Native,
        ttl: Support::Emulated,
        json_queries: Support::Native,
        aggregations: Support::Native,
        relations: Support::Native,
        foreign_keys: Support::Native,
        unique_indexes: Support::Native,
        migrations: Support::Native,
        schema_introspection: Support::Native,
        connection_pooling: Support::Native,
        read_replicas: Support::Native,
        upsert: Support::Emulated,
        returning: Support::Native,
        case_insensitive_match: Support::Native,
        ordered_bytes: Support::Native,
        query_timeout: Support::Native,
        max_parameters: 65_535,
        max_identifier_length: 63,
        max_row_bytes: 1 << 30,
        ..Capabilities::NONE
    };

    /// Opens the database of a URL and makes one connection, so that a wrong address or password shows at once. Tables
    /// are not looked at.
    ///
    /// # Errors
    /// VALIDATION_ERROR for a URL that cannot be understood; DATABASE_ERROR when the database cannot be reached.
    pub fn open(schema: Arc<Schema>, url: &str) -> Result<PostgresAdapter> {
        let adapter = PostgresAdapter::new(Target::parse(url)?, schema);
        drop(PostgresConnection::new(&adapter.pool, Intent::Read, None)?);
        Ok(adapter)
    }

    /// Opens a copy of the database of another URL, to read from. It is connected to when it is asked.
    ///
    /// # Errors
    /// VALIDATION_ERROR for a URL that cannot be understood, or that looks for the tables elsewhere.
    pub fn copy(schema: Arc<Schema>, original: &str, url: &str) -> Result<PostgresAdapter> {
        let said = |message: &str| Error::validation("database.read_replicas", message);
        let target = Target::parse(url).map_err(|error| said(error.message()))?;
        if target.schema != Target::parse(original)?.schema {
            return Err(said("says another `schema` than `url`; expected the same tables"));
        }
        Ok(PostgresAdapter::new(target, schema))
    }

    fn new(target: Target, schema: Arc<Schema>) -> PostgresAdapter {
        PostgresAdapter {
            pool: Arc::new(Pool::new(target, schema)),
            #[cfg(feature = "async")]
            workers: OnceLock::new(),
            #[cfg(feature = "async")]
            driver: OnceLock::new(),
        }
    }
}

impl Adapter for PostgresAdapter {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn capabilities(&self) -> &Capabilities {
        &Self::CAPABILITIES
    }

    fn lowering(&self) -> Lowering {
        Lowering::Sql(Dialect::Postgres)
    }

    fn connect(&self, intent: Intent, deadline: Option<Instant>) -> Result<Box<dyn Connection + '_>> {
        Ok(Box::new(PostgresConnection::new(&self.pool, intent, deadline)?))
    }

    fn contends(&self) -> bool {
        true
    }

    #[cfg(feature = "async")]
    fn offload(&self) -> Option<&dyn super::Offload> {
        let workers = self.workers.get_or_init(|| worker::Workers::start(&self.pool).ok());
        workers.as_ref().map(|workers| workers as &dyn super::Offload)
    }

    #[cfg(feature = "async")]
    fn driver(&self) -> Option<&dyn super::Drive> {
        let driver = self.driver.get_or_init(|| awaited::Driver::start(&self.pool).ok());
        driver.as_ref().map(|driver| driver as &dyn super::Drive)
    }
}
