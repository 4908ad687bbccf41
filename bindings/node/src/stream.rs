//! Streams: some rows at a time, by number.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use dbal::packed::{Packer, Pieces};
use dbal::{Error, Record, Result};
use futures_core::Stream as _;
use napi::{Env, JsString};
use napi_derive::napi;

use crate::client::{Database, packer};
use crate::port::{Answer, Port};

/// Rows handed over at once.
const BATCH: usize = 256;

#[napi]
impl Database {
    /// Opens the stream of the request in the input buffer; the answer is its number.
    #[napi(catch_unwind)]
    pub fn stream<'e>(&self, env: &'e Env, length: u32, timeout: f64) -> napi::Result<JsString<'e>> {
        let shared = self.shared.clone();
        let work = self.within(timeout).and_then(|client| {
            let request = self.shared.read(length, |reader| reader.request())?;
            Ok(async move {
                let rows = client.stream_of(request).await?;
                Ok(Answer::Handle(shared.streams.borrow_mut().keep(Some(rows))))
            })
        });
        self.start(env, work)
    }

    /// The next rows of a stream of this entity.
    #[napi(catch_unwind)]
    pub fn stream_next<'e>(&self, env: &'e Env, stream: u32, entity: String) -> napi::Result<JsString<'e>> {
        let taken = self.shared.streams.borrow_mut().get(stream).and_then(Option::take);
        let (shared, packer) = (self.shared.clone(), self.packer_of(&entity));
        let work = async move {
            let (mut rows, mut packer) = (taken.ok_or_else(closed)?, packer);
            let mut ended = false;
            for count in 0..BATCH {
                let next = poll_fn(|context| match Pin::new(&mut rows).poll_next(context) {
                    Poll::Ready(row) => Poll::Ready(Some(row)),
                    // What is there is handed over before anybody waits for more.
                    Poll::Pending if count > 0 => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                });
                match next.await {
                    Some(Some(row)) => packer.record(&row?)?,
                    Some(None) => {
                        ended = true;
                        break;
                    }
                    None => break,
                }
            }
            // Closed in between, it is not put back, and stops reading.
            match shared.streams.borrow_mut().get(stream) {
                Some(place) if !ended => *place = Some(rows),
                _ => {}
            }
            Ok(Answer::Some(packer.finish(), ended))
        };
        self.shared.start(env, Box::pin(work))
    }

    /// Opens a stream of the synchronous face.
    #[napi(catch_unwind)]
    pub fn rows<'e>(&self, env: &'e Env, length: u32, timeout: f64) -> napi::Result<JsString<'e>> {
        let outcome = self.shared.read(length, |reader| reader.request()).and_then(|request| {
            let rows = self.within(timeout)?.blocking().stream_of(request)?;
            Ok(Answer::Handle(self.shared.rows.borrow_mut().keep(Some(rows))))
        });
        self.shared.answer(env, outcome)
    }

    /// The next rows of a stream of the synchronous face.
    #[napi(catch_unwind)]
    pub fn rows_next<'e>(&self, env: &'e Env, stream: u32, entity: String) -> napi::Result<JsString<'e>> {
        let mut all = self.shared.rows.borrow_mut();
        let outcome = all.get(stream).and_then(Option::as_mut).ok_or_else(closed).and_then(|rows| {
            some(&mut rows.by_ref().take(BATCH), self.packer_of(&entity))
                .map(|(pieces, count)| Answer::Some(pieces, count < BATCH))
        });
        drop(all);
        self.shared.answer(env, outcome)
    }

    fn packer_of(&self, entity: &str) -> Packer {
        packer(&self.shared, &self.layouts, &dbal::Request::new(dbal::Operation::Stream, entity.to_owned()))
    }
}

#[napi]
impl Port {
    /// Closes a stream of either face; it stops reading.
    #[napi(catch_unwind)]
    pub fn close_stream(&self, stream: u32, synchronous: bool) {
        if synchronous {
            let rows = self.shared.rows.borrow_mut().take(stream);
            drop(rows);
        } else {
            let rows = self.shared.streams.borrow_mut().take(stream);
            drop(rows);
        }
    }
}

fn some(rows: &mut dyn Iterator<Item = Result<Record>>, mut packer: Packer) -> Result<(Pieces, usize)> {
    let mut count = 0;
    for row in rows {
        packer.record(&row?)?;
        count += 1;
    }
    Ok((packer.finish(), count))
}

fn closed() -> Error {
    Error::internal("the stream was closed, or is being read already")
}
