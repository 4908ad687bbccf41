//! What is handed to the thread that drives awaited requests: many at a time for one wake-up.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::adapter::{Task, Wanted};

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
    state: Mutex<State>,
    /// Tasks that wait for a connection.
    waiting: AtomicUsize,
}

#[derive(Default)]
struct State {
    messages: VecDeque<Message>,
    waker: Option<Waker>,
}

impl Inbox {
    pub(super) fn send(&self, message: Message) {
        let mut state = self.state.lock();
        state.messages.push_back(message);
        // Whoever comes before the thread has looked finds no waker: it is awake already.
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn nudge(&self) {
        self.send(Message::Nudge);
    }

    /// Everything that came.
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<VecDeque<Message>> {
        let mut state = self.state.lock();
        if state.messages.is_empty() {
            state.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut state.messages))
    }

    pub(super) fn set_waiting(&self, tasks: usize) {
        self.waiting.store(tasks, Ordering::Relaxed);
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}
