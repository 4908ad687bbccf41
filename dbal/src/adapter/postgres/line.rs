//! One connection to the server, with what all that use it share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use tokio_postgres::{Client, Statement};

use super::bounds::{LOST, within};
use super::error::{self, Fault};
use super::tls::Tls;
use crate::error::{Error, Outcome, Result};
use crate::plan::operation::Sql;
use crate::schema::Schema;

/// Statements that a connection keeps prepared; then it forgets them all.
const STATEMENTS: usize = 512;

/// A connection. Most often one session has it; on the thread that drives awaited requests, several that read with one
/// statement each may.
pub(super) struct Line {
    pub(super) client: Client,
    pub(super) tls: Tls,
    pub(super) schema: Arc<Schema>,
    /// Where the tables are, if not where the server looks by itself.
    pub(super) place: Option<Arc<str>>,
    pub(super) statements: Mutex<HashMap<Arc<str>, Statement>>,
    /// The server's limit for a statement, in milliseconds; 0 is none.
    limit: AtomicU64,
    /// Nobody knows what the connection is at.
    doubtful: AtomicBool,
    /// One of several sessions gave it up: the others lose it without a fault of theirs or of the server's.
    given_up: AtomicBool,
    /// Sessions that have it, where there can be several.
    users: AtomicUsize,
}

impl Line {
    pub(super) fn new(client: Client, tls: Tls, schema: Arc<Schema>, place: Option<Arc<str>>) -> Line {
        Line {
            client,
            tls,
            schema,
            place,
            statements: Mutex::default(),
            limit: AtomicU64::new(0),
            doubtful: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            users: AtomicUsize::new(0),
        }
    }

    /// What a new connection is told.
    pub(super) async fn set_up(&self, settings: &str, deadline: Instant) -> Result<()> {
        match within(Some(deadline), self.client.batch_execute(settings)).await {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(error::connecting(&error)),
            None => Err(Error::timeout(Outcome::NotApplied)),
        }
    }

    /// Nobody shall have it again.
    pub(super) fn doubt(&self) {
        self.doubtful.store(true, Ordering::Relaxed);
    }

    /// The same, because the answer to a statement is not waited for any longer.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
        self.doubt();
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    pub(super) fn users(&self) -> usize {
        self.users.load(Ordering::Relaxed)
    }

    #[cfg(feature = "async")]
    pub(super) fn joined(&self) {
        self.users.fetch_add(1, Ordering::Relaxed);
    }

    /// Says how many sessions have it still.
    #[cfg(feature = "async")]
    pub(super) fn left(&self) -> usize {
        self.users.fetch_sub(1, Ordering::Relaxed) - 1
    }

    pub(super) fn is_doubtful(&self) -> bool {
        self.doubtful.load(Ordering::Relaxed)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_doubtful() || self.client.is_closed()
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    pub(super) fn set_limit(&self, millis: u64) {
        self.limit.store(millis, Ordering::Relaxed);
    }

    /// Nobody knows the limit: it is said again before the next statement.
    pub(super) fn forget_limit(&self) {
        self.set_limit(u64::MAX);
    }

    /// The statement, if the server knows it already.
    pub(super) fn known(&self, sql: &Sql) -> Option<Statement> {
        self.statements.lock().get(&sql.text).cloned()
    }

    /// The statement as the server knows it, made known where it is not.
    pub(super) async fn prepared(&self, sql: &Sql) -> Result<Statement, Fault> {
        if let Some(known) = self.known(sql) {
            return Ok(known);
        }
        let statement = self.client.prepare(&sql.text).await?;
        let mut statements = self.statements.lock();
        if statements.len() >= STATEMENTS {
            statements.clear();
        }
        statements.insert(sql.text.clone(), statement.clone());
        Ok(statement)
    }

    /// Has the server stop what runs, as far as it listens.
    pub(super) async fn stop(&self) {
        let token = self.client.cancel_token();
        let _ = within(Some(Instant::now() + LOST), self.tls.cancel(&token)).await;
    }
}
