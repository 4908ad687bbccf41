//! What is handed to the thread that drives awaited requests, and how many of those wait.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use crate::adapter::{Task, Wanted, inbox};

/// What the thread is told.
pub(super) enum Message {
    /// A task that wants a connection.
    Task(Wanted, Task),
    /// Somebody waits for a connection, or has given one back.
    Nudge,
    /// The client is gone.
    Close,
}

/// Messages that wait for the thread.
#[derive(Default)]
pub(super) struct Inbox {
    messages: inbox::Inbox<Message>,
    /// Tasks that wait for a connection.
    waiting: AtomicUsize,
}

impl Inbox {
    pub(super) fn send(&self, message: Message) {
        self.messages.send(message);
    }

    pub(super) fn nudge(&self) {
        self.send(Message::Nudge);
    }

    /// Everything that came.
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<VecDeque<Message>> {
        self.messages.poll(context)
    }

    pub(super) fn set_waiting(&self, tasks: usize) {
        self.waiting.store(tasks, Ordering::Relaxed);
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}
