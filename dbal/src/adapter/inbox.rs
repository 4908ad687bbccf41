//! What is handed to a thread that drives awaited requests: many at a time for one wake-up.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

/// Messages that wait for their thread.
pub(super) struct Inbox<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    messages: VecDeque<T>,
    waker: Option<Waker>,
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Inbox { state: Mutex::new(State { messages: VecDeque::new(), waker: None }) }
    }
}

impl<T> Inbox<T> {
    pub(super) fn send(&self, message: T) {
        let mut state = self.state.lock();
        state.messages.push_back(message);
        // Whoever comes before the thread has looked finds no waker: it is awake already.
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Everything that came.
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<VecDeque<T>> {
        let mut state = self.state.lock();
        if state.messages.is_empty() {
            state.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut state.messages))
    }
}
