//! WebSocket: many requests at a time, streams and transactions on one connection, in JSON-RPC (`docs/protocol.md`).

mod message;
mod outgoing;
mod session;
mod streams;
mod transactions;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts as _;
use axum::extract::ws::{CloseFrame, Message, WebSocketUpgrade};
use axum::http::Response;
use axum::http::request::Parts;
use axum::response::IntoResponse as _;

use crate::accept::Place;
use crate::service::Service;

/// The sub-protocol.
const PROTOCOL: &str = "dbal.v1.json";

/// Why a connection is closed by the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
enum Close {
    /// The daemon is shutting down.
    Away = 1001,
    /// A frame is not JSON-RPC, or comes too early.
    Bad = 4400,
    /// The token does not count, or no longer.
    Unauthorized = 4401,
    /// The sub-protocol is missing.
    Protocol = 4406,
    /// No `session.init` in time, or a reader that is too slow.
    Slow = 4408,
    /// An id is used twice at a time.
    Twice = 4409,
    /// Too many requests under way, or a second `session.init`.
    TooMany = 4429,
}

impl Close {
    fn frame(self) -> Message {
        let reason = match self {
            Close::Away => "shutting down",
            Close::Bad => "not a message of the protocol",
            Close::Unauthorized => "the token is not valid",
            Close::Protocol => "expected the sub-protocol dbal.v1.json",
            Close::Slow => "too slow",
            Close::Twice => "an id is used twice",
            Close::TooMany => "too many",
        };
        Message::Close(Some(CloseFrame { code: self as u16, reason: reason.into() }))
    }
}

/// Makes a WebSocket of a request.
pub async fn upgrade(service: Arc<Service>, peer: SocketAddr, head: &mut Parts) -> Response<Body> {
    let place = head.extensions.remove::<Arc<Place>>();
    let upgrade = match WebSocketUpgrade::from_request_parts(head, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejected) => {
            service.metrics.refuse("websocket");
            return rejected.into_response();
        }
    };
    let most = service.most_bytes();
    let upgrade = upgrade
        .max_message_size(most)
        .max_frame_size(most)
        .write_buffer_size(32 << 10)
        .max_write_buffer_size(64 << 20)
        .protocols([PROTOCOL]);
    let spoken = upgrade.selected_protocol().is_some();
    upgrade.on_upgrade(move |mut socket| async move {
        let _place = place;
        if !spoken {
            // Browsers show the code of a close, and nothing of a refused upgrade.
            let _ = socket.send(Close::Protocol.frame()).await;
            return;
        }
        service.metrics.websockets.inc();
        session::serve(service.clone(), peer, socket).await;
        service.metrics.websockets.dec();
    })
}
