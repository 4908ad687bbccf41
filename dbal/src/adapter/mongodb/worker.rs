//! Threads for callers that await: a request is one hop, and none holds up another one, since each waits for the
//! network and not for a core. A thread that has nothing to do for a while ends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::runtime::Handle;

use super::Shared;
use super::connection::MongoConnection;
use crate::adapter::{Connection, Intent, Job, Offload};
use crate::error::{Error, Outcome};

/// How long a thread waits for work.
const IDLE: Duration = Duration::from_secs(10);

/// The threads of one adapter. Dropped, they end when what was submitted is done.
pub(super) struct Workers {
    shared: Arc<Shared>,
    handle: &'static Handle,
    queue: Arc<Queue>,
    most: usize,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    submitted: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<(Intent, Option<Instant>, Job)>,
    threads: usize,
    idle: usize,
    closed: bool,
}

impl Workers {
    pub(super) fn new(shared: Arc<Shared>, handle: &'static Handle, most: usize) -> Self {
        Workers { shared, handle, queue: Arc::default(), most: most.max(1) }
    }
}

impl Offload for Workers {
    fn submit(&self, intent: Intent, deadline: Option<Instant>, job: Job) {
        let mut state = self.queue.state.lock();
        state.jobs.push_back((intent, deadline, job));
        if state.idle < state.jobs.len() && state.threads < self.most {
            let (shared, handle, queue) = (self.shared.clone(), self.handle, self.queue.clone());
            let thread = thread::Builder::new().name("dbal-mongodb-call".into());
            if thread.spawn(move || queue.work(&shared, handle)).is_ok() {
                state.threads += 1;
            } else if state.threads == 0
                && let Some((_, _, job)) = state.jobs.pop_back()
            {
                drop(state);
                let none = "no thread could be started for the request";
                return job(Err(Error::database(none, "").with_outcome(Outcome::NotApplied)))();
            }
        }
        drop(state);
        self.queue.submitted.notify_one();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queue.state.lock().closed = true;
        self.queue.submitted.notify_all();
    }
}

impl Queue {
    fn work(&self, shared: &Arc<Shared>, handle: &'static Handle) {
        let ended = Ended(self);
        while let Some((intent, deadline, job)) = self.next() {
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                job(Err(Error::timeout(Outcome::NotApplied)))();
                continue;
            }
            let mut connection = MongoConnection::new(shared.clone(), handle, intent);
            job(Ok(&mut connection as &mut dyn Connection))();
        }
        drop(ended);
    }

    fn next(&self) -> Option<(Intent, Option<Instant>, Job)> {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state.idle += 1;
            let waited = self.submitted.wait_for(&mut state, IDLE);
            state.idle -= 1;
            if waited.timed_out() && state.jobs.is_empty() {
                return None;
            }
        }
    }
}

/// Counts a thread out, also when a job panicked.
struct Ended<'q>(&'q Queue);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.state.lock().threads -= 1;
    }
}
