//! Streams: rows as notifications, no more of them than the client gave credit for.

use std::sync::atomic::{AtomicU64, Ordering};

use dbal::client::wire;
use dbal::packed::Packer;
use dbal::schema::EntityId;
use dbal::value::json;
use dbal::{Map, Request, Response, Result, Value};
use tokio::sync::Notify;

use super::outgoing::Outgoing;
use super::session::Shared;
use crate::body::Held;
use crate::caller::Caller;
use crate::http::gather;
use crate::service::Ask;

/// Notifications that may be sent before the client says anything.
pub const FIRST_CREDIT: u64 = 4;

/// More credit than this is not kept.
pub const MOST_CREDIT: u64 = 64;

/// How many notifications may still be sent.
#[derive(Debug, Default)]
pub struct Credit {
    left: AtomicU64,
    more: Notify,
}

impl Credit {
    /// Allows more.
    pub fn add(&self, more: u64) {
        let add = |left: u64| Some(left.saturating_add(more).min(MOST_CREDIT));
        // The closure never refuses.
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        self.more.notify_one();
    }

    /// Uses one, when there is one.
    async fn take(&self) {
        while self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
            self.more.notified().await;
        }
    }
}

/// Sends all rows, and says how many there were.
pub async fn run(
    shared: &Shared,
    caller: &Caller,
    (request, held): (Request, Held),
    ask: &Ask<'_>,
    id: &str,
    credit: &Credit,
    packed: bool,
) -> Result<u64> {
    let schema = caller.client.blocking().schema().clone();
    let entity = schema.find(&request.entity).unwrap_or(EntityId(0));
    let mut rows = shared.service.stream(caller, request, ask).await?;
    // What was asked for is read by now.
    drop(held);
    let mut count = 0;
    // Whoever gives no credit does not keep the connection to the database for longer than a request may take.
    let end = tokio::time::Instant::now() + shared.service.within(ask.timeout);
    loop {
        let late = || dbal::Error::timeout(dbal::Outcome::NotApplied);
        tokio::time::timeout_at(end, credit.take()).await.map_err(|_| late())?;
        let gathered = gather(&mut rows).await?;
        if gathered.is_empty() {
            return Ok(count);
        }
        count += gathered.len() as u64;
        if packed {
            let mut packer = Packer::new(shared.service.layouts.clone(), entity);
            gathered.iter().try_for_each(|record| packer.record(record))?;
            let head = Map(vec![("stream".into(), json::parse(id.as_bytes()).unwrap_or(Value::Null))]);
            shared.out.send(Outgoing::Packed(head, packer.finish())).await;
        } else {
            let rows = wire::response(&schema, entity, &Response::Rows(gathered));
            let text = format!(
                "{{\"jsonrpc\":\"2.0\",\"method\":\"stream.rows\",\"params\":{{\"id\":{id},\"rows\":{rows}}}}}"
            );
            shared.out.text(text).await;
        }
    }
}
