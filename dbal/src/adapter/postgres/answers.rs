//! Answers that are ready: those that came together are told together, so that whoever awaits them is woken once.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::Notify;

use crate::adapter::Answer;

#[derive(Default)]
pub(super) struct Answers {
    ready: RefCell<Vec<Answer>>,
    more: Notify,
}

impl Answers {
    pub(super) fn push(&self, answer: Answer) {
        let mut ready = self.ready.borrow_mut();
        ready.push(answer);
        if ready.len() == 1 {
            self.more.notify_one();
        }
    }

    /// Tells what is ready, for as long as the thread runs: its turn comes after those who were woken before it.
    pub(super) async fn tell(&self) {
        loop {
            self.more.notified().await;
            let ready = self.ready.take();
            for answer in ready {
                // It runs what its host wrote, and one that panics must not take the answers of others with it.
                let _ = catch_unwind(AssertUnwindSafe(answer));
            }
        }
    }
}
