//! What goes out: a bounded queue, and one task that writes it. Packed rows become bytes there, because a layout is told
//! once, before the first rows that have it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use dbal::Map;
use dbal::packed::{Frame, Layouts, Pieces, Told};
use futures_util::SinkExt as _;
use futures_util::stream::SplitSink;
use tokio::sync::mpsc::{self, Permit, Receiver, Sender};

use super::Close;

/// Messages that wait to be written.
const WAITING: usize = 64;

/// A reader that takes nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(15);

/// One message.
pub enum Outgoing {
    /// A text frame.
    Text(String),
    /// A binary frame: its head without layouts, and the rows.
    Packed(Map, Pieces),
    /// A ping.
    Ping,
    /// The last.
    Close(Close),
}

/// Where messages are put. Clones are one.
#[derive(Clone)]
pub struct Out(Sender<Outgoing>);

impl Out {
    /// Waits until there is room for one message; none when nobody writes any more.
    pub async fn room(&self) -> Option<Permit<'_, Outgoing>> {
        self.0.reserve().await.ok()
    }

    /// Waits until there is room. Without a reader, messages go nowhere.
    pub async fn send(&self, message: Outgoing) {
        // The writer is gone with the connection, and this message with it.
        let _ = self.0.send(message).await;
    }

    /// A text frame.
    pub async fn text(&self, text: String) {
        self.send(Outgoing::Text(text)).await;
    }

    /// Whether nobody writes any more.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Ends when nobody writes any more.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}

/// The queue, and what it is written by.
pub fn queue() -> (Out, Receiver<Outgoing>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Out(sender), receiver)
}

/// Writes until the connection ends or the queue does.
pub async fn write(mut socket: SplitSink<WebSocket, Message>, mut queue: Receiver<Outgoing>, layouts: Arc<Layouts>) {
    let mut told = Told::default();
    while let Some(next) = queue.recv().await {
        let (message, last) = match next {
            Outgoing::Text(text) => (Message::Text(text.into()), false),
            Outgoing::Ping => (Message::Ping(bytes::Bytes::new()), false),
            Outgoing::Close(why) => (why.frame(), true),
            Outgoing::Packed(head, pieces) => {
                let mut frame = Frame::new(&layouts, &mut told);
                match frame.pieces(pieces) {
                    Ok(()) => (Message::Binary(frame.finish(head).into()), false),
                    // A layout was forgotten between packing and here: thousands of others came in between.
                    Err(_) => (Close::TooMany.frame(), true),
                }
            }
        };
        // What waits anyway goes out together.
        let sent = async {
            socket.feed(message).await?;
            if last || queue.is_empty() { socket.flush().await } else { Ok(()) }
        };
        match tokio::time::timeout(PATIENCE, sent).await {
            Ok(Ok(())) if !last => {}
            _ => break,
        }
    }
    let _ = tokio::time::timeout(Duration::from_secs(1), socket.close()).await;
}
