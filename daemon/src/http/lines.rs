//! A stream as lines of JSON: rows in parts, and a last line that says that they were all.

use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Response;
use bytes::Bytes;
use dbal::client::nonblocking::AsyncRows;
use dbal::client::wire;
use dbal::schema::{EntityId, Schema};
use dbal::{Error, Record, Request, Result};
use futures_util::{FutureExt as _, stream};
use tokio::sync::OwnedSemaphorePermit;

use super::answer;
use crate::caller::Caller;
use crate::failure;
use crate::service::{Ask, Service};

/// Most rows of a line.
pub const ROWS: usize = 256;

/// Answers a stream.
///
/// # Errors
/// What is wrong with the request; what happens later is the last line.
pub async fn stream(
    service: &Service,
    caller: &Caller,
    request: Request,
    ask: &Ask<'_>,
    place: Option<OwnedSemaphorePermit>,
    revoked: impl Future<Output = ()> + Send + 'static,
) -> Result<Response<Body>> {
    let schema = caller.client.blocking().schema().clone();
    let entity = schema.find(&request.entity).unwrap_or(EntityId(0));
    let rows = service.stream(caller, request, ask).await?;
    let state = Some(State {
        rows,
        schema,
        entity,
        id: ask.id.to_owned(),
        count: 0,
        revoked: Box::pin(revoked),
        _place: place,
    });
    let lines = stream::unfold(state, |state| async move {
        let mut state = state?;
        let (line, more) = state.line().await;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(line)), more.then_some(state)))
    });
    Ok(answer::parts(Body::from_stream(lines), ask.id))
}

struct State {
    rows: AsyncRows,
    schema: Arc<Schema>,
    entity: EntityId,
    id: String,
    count: u64,
    /// Ends when the caller's token does.
    revoked: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Among the streams of the connection.
    _place: Option<OwnedSemaphorePermit>,
}

impl State {
    /// The next line, and whether others follow.
    async fn line(&mut self) -> (String, bool) {
        let gathered = tokio::select! {
            biased;
            () = &mut self.revoked => Err(Error::unauthorized()),
            gathered = gather(&mut self.rows) => gathered,
        };
        match gathered {
            Ok(rows) if rows.is_empty() => (format!("{{\"done\":{}}}\n", self.count), false),
            Ok(rows) => {
                self.count += rows.len() as u64;
                let rows = wire::response(&self.schema, self.entity, &dbal::Response::Rows(rows));
                (format!("{{\"rows\":{rows}}}\n"), true)
            }
            Err(error) => (failure::body(&error, &self.id) + "\n", false),
        }
    }
}

/// The rows that are there by now, at least one; none at the end. An error voids those that were gathered with it.
pub async fn gather(rows: &mut AsyncRows) -> Result<Vec<Record>> {
    let Some(first) = rows.next().await else { return Ok(Vec::new()) };
    let mut gathered = vec![first?];
    while gathered.len() < ROWS {
        match rows.next().now_or_never() {
            Some(Some(row)) => gathered.push(row?),
            Some(None) | None => break,
        }
    }
    Ok(gathered)
}
