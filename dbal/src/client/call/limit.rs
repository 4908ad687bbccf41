//! Rate limits: calls counted in the database, in transactions of their own, so that a call that fails counts too and
//! all processes on one database count together.

use std::time::{Duration, Instant};

use super::{Call, steps, undone};
use crate::adapter::Connection;
use crate::client::engine::Caller;
use crate::client::{Client, Response};
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::request::{Operation, Request};
use crate::row::Record;
use crate::schema::convert::{convert, hash_stored};
use crate::schema::{EntityId, RATE_LIMITS, RateLimit, StoredAs};
use crate::value::{DateTime, Map, Value};

/// One call to be counted.
pub(in crate::client) struct Counted {
    /// Trusted: counting is the engine's own business.
    client: Client,
    entity: EntityId,
    id: String,
    limit: RateLimit,
}

impl Counted {
    pub(super) fn of(call: &Call) -> Option<Counted> {
        let decl = call.decl();
        let limit = decl.rate_limit.clone()?;
        let schema = &call.client.engine.schema;
        let declared = schema.entity(call.entity);
        let counted = match &limit.per {
            Some(input) => {
                let given = call.input.get(input).cloned().unwrap_or(Value::Undefined);
                // One value however it is spelled: a uuid in capitals is no second try.
                let ty = declared.field_by_name(input).map(|id| &declared.field(id).ty);
                ty.and_then(|ty| convert(ty, &given).ok()).unwrap_or(given)
            }
            // Trusted code is not held back by a limit on callers.
            None => call.client.caller.principal()?.user.get("id").cloned().unwrap_or(Value::Null),
        };
        let text = format!("{}.{}\0{:?}\0{counted:?}", declared.name, decl.name, limit.per);
        let id = hash_stored(StoredAs::Sha256, &text).ok()?;
        let client = Client { caller: std::sync::Arc::new(Caller::Trusted), ..call.client.clone() };
        let entity = schema.by_name(RATE_LIMITS)?;
        Some(Counted { client, entity, id, limit })
    }

    fn ask(&self, connection: &mut dyn Connection, request: &Request) -> Result<Response> {
        let machine = self.client.engine.prepare(&self.client.caller, request)?.joined();
        steps::on(connection, machine, self.client.deadline())
    }

    /// RATE_LIMIT_EXCEEDED when there were enough already: nothing is written for calls that are refused anyway.
    pub(in crate::client) fn refused(&self, connection: &mut dyn Connection) -> Result<()> {
        let request =
            Request::new(Operation::First, RATE_LIMITS).arg("filter", Map(vec![("id".into(), self.id.clone().into())]));
        let row = self.ask(connection, &request)?.maybe()?;
        row.map_or(Ok(()), |row| self.within(&row, 1))
    }

    /// Counts one more.
    pub(in crate::client) fn attempt(&self, connection: &mut dyn Connection, deadline: Option<Instant>) -> Result<()> {
        connection.begin(deadline)?;
        match self.counted(connection, deadline) {
            Ok(row) => {
                connection.commit()?;
                self.within(&row, 0)
            }
            Err(error) => Err(undone(error, connection.rollback())),
        }
    }

    fn counted(&self, connection: &mut dyn Connection, deadline: Option<Instant>) -> Result<Record> {
        let key = Value::Text(self.id.clone());
        // The count of a window that is over is not there, and yet holds its key.
        let over = self.client.engine.expired(self.entity, Some(key.clone()))?.joined();
        steps::on(connection, over, deadline)?;
        let window = i64::from(self.limit.window_seconds).saturating_mul(1_000);
        let end = DateTime::from_epoch_millis(DateTime::now().epoch_millis().saturating_add(window));
        let end = end.ok_or_else(|| Error::internal("a window of a rate limit ends after the year 9999"))?;
        let one_more = Map(vec![("$increment".into(), Value::Int(1))]);
        let request = Request::new(Operation::Upsert, RATE_LIMITS)
            .arg("where", key)
            .arg("create", Map(vec![("attempts".into(), Value::Int(1)), ("expires_at".into(), Value::DateTime(end))]))
            .arg("update", Map(vec![("attempts".into(), Value::Map(one_more))]));
        self.ask(connection, &request)?.row().map_err(|error| match error.kind() {
            // Another process counted the first call of the window at the same moment.
            ErrorKind::Conflict => error.with_reason(Reason::Serialization),
            _ => error,
        })
    }

    /// Refuses when so many calls and `more` are too many.
    fn within(&self, row: &Record, more: i64) -> Result<()> {
        let attempts = row.get("attempts").and_then(Value::as_i64).unwrap_or(0);
        if attempts.saturating_add(more) <= i64::from(self.limit.max_attempts) {
            return Ok(());
        }
        let left = match row.get("expires_at") {
            Some(Value::DateTime(end)) => end.epoch_millis() - DateTime::now().epoch_millis(),
            _ => 0,
        };
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0).max(1));
        Err(Error::rate_limited(left))
    }
}
