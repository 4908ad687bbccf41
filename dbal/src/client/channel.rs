//! Hands batches of rows from the thread that reads them to whoever takes them, blocked or awaited.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
#[cfg(feature = "async")]
use std::task::{Context, Poll};
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::adapter::Cancel;
use crate::error::{Error, Outcome, Result};
use crate::row::Record;

/// Batches that wait to be taken.
const AHEAD: usize = 2;

/// Batches that wait to be taken where somebody else counts them. More than this were never asked for.
#[cfg(feature = "remote")]
const MOST_PUSHED: usize = 16;

/// Rows, or why there are no more.
pub(super) type Batch = Result<Vec<Record>>;

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    watch: Option<Box<dyn Watch>>,
}

/// Told when a batch was taken, by which there is room for another one elsewhere.
pub(super) trait Watch: Send + Sync + std::fmt::Debug {
    /// One was taken.
    fn taken(&self);
    /// Nobody takes any more.
    fn left(&self);
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Batch>,
    /// No more will be given.
    ended: bool,
    /// Nobody takes any more.
    left: bool,
    /// The task that awaits the next one.
    waker: Option<Waker>,
}

impl Shared {
    fn popped(&self, state: MutexGuard<'_, State>) {
        drop(state);
        self.changed.notify_all();
        if let Some(watch) = &self.watch {
            watch.taken();
        }
    }

    fn tell(&self, mut state: MutexGuard<'_, State>) {
        let waker = state.waker.take();
        drop(state);
        self.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Both ends.
pub(super) fn channel() -> (Giver, Taker) {
    let shared = Arc::new(Shared::default());
    (Giver(shared.clone()), Taker(shared))
}

/// Both ends, where batches come from somewhere that has to be told that there is room.
#[cfg(feature = "remote")]
pub(super) fn watched(watch: Box<dyn Watch>) -> (Giver, Taker) {
    let shared = Arc::new(Shared { watch: Some(watch), ..Shared::default() });
    (Giver(shared.clone()), Taker(shared))
}

/// The end of the thread that reads.
#[derive(Debug)]
pub(super) struct Giver(Arc<Shared>);

impl Giver {
    /// Waits until there is room.
    ///
    /// # Errors
    /// TIMEOUT when there is none by the deadline: a taker that stalls must not keep the connection; INTERNAL_ERROR when
    /// nobody takes rows any more.
    pub fn give(&self, rows: Vec<Record>, deadline: Option<Instant>) -> Result<()> {
        let mut state = self.0.state.lock();
        while state.waiting.len() >= AHEAD && !state.left {
            match deadline {
                None => self.0.changed.wait(&mut state),
                Some(deadline) if deadline <= Instant::now() => return Err(Error::timeout(Outcome::NotApplied)),
                Some(deadline) => drop(self.0.changed.wait_until(&mut state, deadline)),
            }
        }
        if state.left {
            return Err(Error::internal("nobody takes the rows of the stream any more"));
        }
        state.waiting.push_back(Ok(rows));
        self.0.tell(state);
        Ok(())
    }

    /// Gives without waiting, to somebody who said that there is room. An end that sends on without having been told so
    /// must not fill this one: its stream is over.
    #[cfg(feature = "remote")]
    pub fn push(&self, rows: Vec<Record>) {
        let mut state = self.0.state.lock();
        if !state.left && !state.ended {
            let over = state.waiting.len() >= MOST_PUSHED;
            let told = || Err(Error::internal("the daemon sends more rows than it was asked for"));
            state.waiting.push_back(if over { told() } else { Ok(rows) });
            state.ended = over;
        }
        self.0.tell(state);
    }

    /// Says that this was all, or why there is no more: that comes after the rows that were given.
    pub fn end(self, done: Result<()>) {
        self.close(done);
    }

    fn close(&self, done: Result<()>) {
        let mut state = self.0.state.lock();
        if !std::mem::replace(&mut state.ended, true) {
            state.waiting.extend(done.err().map(Err));
        }
        self.0.tell(state);
    }
}

impl Drop for Giver {
    fn drop(&mut self) {
        // A thread that panicked must not make the rows so far look like all there are.
        if !self.0.state.lock().ended {
            self.close(Err(Error::internal("the thread that read the rows ended early")));
        }
    }
}

/// The end of whoever takes rows.
#[derive(Debug)]
pub(super) struct Taker(Arc<Shared>);

impl Taker {
    /// The next batch; none at the end. Whoever reads is told to stop when this is cancelled.
    pub fn take(&self, cancel: &Cancel) -> Option<Batch> {
        let mut state = self.0.state.lock();
        loop {
            if let Some(batch) = state.waiting.pop_front() {
                self.0.popped(state);
                return Some(batch);
            }
            if state.ended {
                return None;
            }
            match cancel.interval() {
                None => self.0.changed.wait(&mut state),
                Some(interval) if self.0.changed.wait_for(&mut state, interval).timed_out() => {
                    // Whatever is asked may take its time, and call for what waits for this.
                    if MutexGuard::unlocked(&mut state, || cancel.is_cancelled()) {
                        return Some(Err(Error::timeout(Outcome::NotApplied)));
                    }
                }
                Some(_) => {}
            }
        }
    }

    /// The same for a task.
    #[cfg(feature = "async")]
    pub fn poll(&self, context: &Context<'_>) -> Poll<Option<Batch>> {
        let mut state = self.0.state.lock();
        if let Some(batch) = state.waiting.pop_front() {
            self.0.popped(state);
            return Poll::Ready(Some(batch));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.left = true;
        let unread = std::mem::take(&mut state.waiting);
        self.0.tell(state);
        if let Some(watch) = &self.0.watch {
            watch.left();
        }
        drop(unread);
    }
}

#[cfg(all(test, feature = "remote"))]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Unwatched;

    impl Watch for Unwatched {
        fn taken(&self) {}
        fn left(&self) {}
    }

    #[test]
    fn whoever_pushes_without_leave_is_stopped() {
        let (giver, taker) = watched(Box::new(Unwatched));
        for _ in 0..1_000 {
            giver.push(Vec::new());
        }
        giver.end(Ok(()));
        for _ in 0..MOST_PUSHED {
            assert!(taker.take(&Cancel::default()).unwrap().is_ok());
        }
        assert!(taker.take(&Cancel::default()).unwrap().unwrap_err().message().contains("more rows than"));
        assert!(taker.take(&Cancel::default()).is_none());
    }
}
