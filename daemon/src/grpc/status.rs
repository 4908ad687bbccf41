//! Statuses that are not the engine's: those that tonic makes of messages it cannot read get the details of ours.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::Response;
use bytes::Bytes;
use dbal::{Error, ErrorKind};
use hyper::body::Frame;
use tokio::sync::watch;
use tonic::{Code, Status};

use super::codec::UNREADABLE;
use super::failure;
use crate::body::Trouble;
use crate::service::has_stopped;

/// The same response; a status without details becomes one of the catalogue.
pub fn settled(response: Response<Body>, id: &str) -> Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() != Code::Ok && status.details().is_empty() => {
            failure::status(&error(&status), id).into_http()
        }
        _ => response,
    }
}

/// What a status of tonic's means.
pub fn error(status: &Status) -> Error {
    if let Some(trouble) = trouble(status) {
        return trouble.error();
    }
    match status.code() {
        Code::InvalidArgument => Error::validation("message", UNREADABLE),
        Code::OutOfRange => Error::validation("message", "too long (limit request_bytes)"),
        Code::Unimplemented => {
            Error::new(ErrorKind::CapabilityNotSupported, "there is no such method here, or the message is compressed")
        }
        _ => Error::validation("message", "it ended early, or is framed otherwise than gRPC's"),
    }
}

/// What stopped a body from arriving.
fn trouble(status: &Status) -> Option<Trouble> {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        if let Some(trouble) = error.downcast_ref::<Trouble>() {
            return Some(*trouble);
        }
        source = error.source();
    }
    None
}

/// A body that ends when the daemon stops: its caller would hold the connection for as long as it likes.
pub fn until(body: Body, mut stopping: watch::Receiver<bool>) -> Until {
    let stopped = Box::pin(async move { has_stopped(&mut stopping).await });
    Until { body, stopped }
}

/// See [`until`].
pub struct Until {
    body: Body,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl hyper::body::Body for Until {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if this.stopped.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        Pin::new(&mut this.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
