//! Threads for callers that await: each has a connection of the pool while it runs a job.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::connection::PostgresConnection;
use super::pool::Pool;
use crate::adapter::{Connection, Intent, Job, Offload};
use crate::error::{Error, ErrorKind};

/// The queue that the threads share. Dropped, every job that waits is told so.
pub(super) struct Workers {
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    submitted: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Queued>,
    closed: bool,
}

struct Queued {
    intent: Intent,
    deadline: Option<Instant>,
    job: Job,
}

impl Workers {
    pub(super) fn start(pool: &Arc<Pool>) -> std::io::Result<Workers> {
        let workers = Workers { queue: Arc::default() };
        for number in 0..pool.size() {
            let (pool, queue) = (pool.clone(), workers.queue.clone());
            thread::Builder::new().name(format!("dbal-postgres-{number}")).spawn(move || {
                while let Some(queued) = queue.wait() {
                    run(&pool, queued);
                }
            })?;
        }
        Ok(workers)
    }
}

impl Offload for Workers {
    fn submit(&self, intent: Intent, deadline: Option<Instant>, job: Job) {
        self.queue.state.lock().jobs.push_back(Queued { intent, deadline, job });
        self.queue.submitted.notify_one();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        state.closed = true;
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        self.queue.submitted.notify_all();
        for queued in jobs {
            refuse(queued.job, Error::new(ErrorKind::InternalError, "the client was closed"));
        }
    }
}

impl Queue {
    /// The next job; none when the queue is closed.
    fn wait(&self) -> Option<Queued> {
        let mut state = self.state.lock();
        loop {
            if let Some(queued) = state.jobs.pop_front() {
                return Some(queued);
            }
            if state.closed {
                return None;
            }
            self.submitted.wait(&mut state);
        }
    }
}

/// Runs a job; one that panics drops its waker, and its connection goes back as a caller's would.
fn run(pool: &Pool, queued: Queued) {
    match PostgresConnection::new(pool, queued.intent, queued.deadline) {
        Ok(mut connection) => {
            let job = queued.job;
            let _ = catch_unwind(AssertUnwindSafe(|| job(Ok(&mut connection as &mut dyn Connection))()));
        }
        Err(error) => refuse(queued.job, error),
    }
}

/// Tells a job that it does not run.
fn refuse(job: Job, error: Error) {
    let _ = catch_unwind(AssertUnwindSafe(|| job(Err(error))()));
}
