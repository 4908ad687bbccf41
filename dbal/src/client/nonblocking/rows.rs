//! Streams that are awaited.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::submit::OnDrop;
use crate::client::channel::Taker;
use crate::error::Result;
use crate::row::Record;

/// The rows of a request, read while they are awaited. The first error ends it. Dropped, it stops reading.
#[derive(Debug)]
pub struct AsyncRows {
    pub(super) batches: Taker,
    pub(super) current: std::vec::IntoIter<Record>,
    /// Stops the reading.
    pub(super) _reading: OnDrop,
}

impl AsyncRows {
    /// The next row; none at the end.
    pub async fn next(&mut self) -> Option<Result<Record>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for AsyncRows {
    type Item = Result<Record>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(record) = self.current.next() {
                return Poll::Ready(Some(Ok(record)));
            }
            match self.batches.poll(context) {
                Poll::Ready(Some(Ok(batch))) => self.current = batch.into_iter(),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
