//! Threads for callers that await: one hop for a request, shared by those that wait together.
//!
//! A WAL read outside a transaction is nine tenths locking. A reader that takes a job while others wait therefore
//! begins a transaction, and takes those that waited then, one by one: a job that blocks holds up only itself, since
//! another thread may take the next one.
//!
//! One thread serves many short reads sooner than two that take them from each other. While one is at it, another
//! stands by, and helps where a job has waited for as long as some reads take: where one before it is long, or many are.
//!
//! To wake a thread costs its caller as much as the read itself. One thread that has nothing left to do therefore looks
//! out for another job for some microseconds before it sleeps: callers that have many requests in flight submit them
//! closer together than that.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Shared;
use super::connection::SqliteConnection;
use crate::adapter::{Connection, Intent, Job, Offload};
use crate::error::{Error, ErrorKind, Outcome};

/// The most jobs that one read transaction serves: a snapshot must not be held forever.
const BATCH: usize = 32;

/// How long a thread looks out for another job before it sleeps.
const LOOK_OUT: Duration = Duration::from_micros(10);

/// How long a job waits for the thread that is at it before another one helps.
const STAND_BY: Duration = Duration::from_micros(100);

/// The threads' queues. Dropped, every job that waits is told so, and the threads end after the one they are in.
pub(super) struct Workers {
    queues: Arc<Queues>,
    /// In memory there is one connection, so one thread.
    only_one: bool,
}

struct Queues {
    reads: Queue,
    writes: Queue,
    clock: Clock,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    submitted: Condvar,
    /// How many jobs were ever submitted, for the thread that looks out.
    count: AtomicU64,
    /// Whether a thread may look out: not where it would keep the caller from running.
    looks_out: bool,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Queued>,
    /// How many jobs were ever submitted; the number of the latest one.
    count: u64,
    /// A thread looks out, and takes a job before it sleeps.
    watched: bool,
    /// Threads with a job.
    active: usize,
    /// A thread stands by, and helps when a job has waited too long.
    stands_by: bool,
    /// The number of the thread that took the latest job.
    taker: usize,
    closed: bool,
}

struct Queued {
    number: u64,
    intent: Intent,
    deadline: Option<Instant>,
    job: Job,
}

/// Tells jobs that their time ran out while every thread was busy.
#[derive(Default)]
struct Clock {
    state: Mutex<ClockState>,
    changed: Condvar,
}

#[derive(Default)]
struct ClockState {
    /// No waiting job's deadline is earlier.
    next: Option<Instant>,
    closed: bool,
}

impl Workers {
    pub(super) fn start(shared: &Arc<Shared>) -> std::io::Result<Workers> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let queue = || Queue { looks_out: cores > 1, ..Queue::default() };
        let queues = Arc::new(Queues { reads: queue(), writes: queue(), clock: Clock::default() });
        // Made first, so that threads that did start end if another one cannot.
        let workers = Workers { queues: queues.clone(), only_one: shared.readers.is_none() };
        let readers = shared.readers.as_ref().map_or(0, |pool| pool.size().min(cores));
        for number in 0..readers {
            let (shared, queues) = (shared.clone(), queues.clone());
            spawn(format!("dbal-read-{number}"), move || {
                let mut taker = Taker::new(number);
                while let Some(first) = queues.reads.wait(&mut taker) {
                    read(&shared, &queues.reads, first, number);
                }
            })?;
        }
        let (shared, writes) = (shared.clone(), queues.clone());
        spawn("dbal-write".to_owned(), move || {
            let mut taker = Taker::new(0);
            while let Some(queued) = writes.writes.wait(&mut taker) {
                alone(&shared, queued);
            }
        })?;
        spawn("dbal-clock".to_owned(), move || queues.watch_deadlines())?;
        Ok(workers)
    }
}

impl Offload for Workers {
    fn submit(&self, intent: Intent, deadline: Option<Instant>, job: Job) {
        let queue = match intent {
            Intent::Read if !self.only_one => &self.queues.reads,
            _ => &self.queues.writes,
        };
        queue.push(intent, deadline, job);
        if let Some(deadline) = deadline {
            self.queues.clock.at_latest(deadline);
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for queue in [&self.queues.reads, &self.queues.writes] {
            let mut state = queue.state.lock();
            state.closed = true;
            let jobs = std::mem::take(&mut state.jobs);
            drop(state);
            queue.submitted.notify_all();
            for queued in jobs {
                refuse(queued.job, Error::new(ErrorKind::InternalError, "the client was closed"));
            }
        }
        self.queues.clock.state.lock().closed = true;
        self.queues.clock.changed.notify_one();
    }
}

impl State {
    /// Whether a job waits that was submitted no later than that one.
    fn waits(&self, latest: u64) -> bool {
        self.jobs.front().is_some_and(|queued| queued.number <= latest)
    }
}

/// A thread that takes jobs.
struct Taker {
    number: usize,
    /// It has had one before.
    again: bool,
}

impl Taker {
    fn new(number: usize) -> Taker {
        Taker { number, again: false }
    }
}

impl Queue {
    fn push(&self, intent: Intent, deadline: Option<Instant>, job: Job) {
        let mut state = self.state.lock();
        state.count += 1;
        let number = state.count;
        state.jobs.push_back(Queued { number, intent, deadline, job });
        // The first job is for the thread that looks out; it looks at the queue again before it sleeps.
        let watched = state.watched && state.jobs.len() == 1;
        let taken = watched || (state.active > 0 && state.stands_by);
        self.count.store(number, Ordering::Release);
        drop(state);
        if !taken {
            self.submitted.notify_one();
        }
    }

    /// The next job for a thread that has none; none when the queue is closed.
    fn wait(&self, taker: &mut Taker) -> Option<Queued> {
        let mut state = self.state.lock();
        state.active -= usize::from(taker.again);
        // Where no other thread has taken one since, those are at long ones.
        let mut goes_on = taker.again && state.taker == taker.number;
        taker.again = true;
        let mut looked_out = !self.looks_out;
        loop {
            if !goes_on && state.active > 0 && !state.jobs.is_empty() && !state.stands_by {
                let latest = state.count;
                state.stands_by = true;
                let waited = self.submitted.wait_for(&mut state, STAND_BY).timed_out();
                state.stands_by = false;
                goes_on = waited && state.waits(latest);
                if !goes_on && state.active > 0 && !state.closed {
                    continue;
                }
            }
            if (goes_on || state.active == 0)
                && let Some(queued) = state.jobs.pop_front()
            {
                state.active += 1;
                state.taker = taker.number;
                if !state.jobs.is_empty() && !state.stands_by {
                    self.submitted.notify_one();
                }
                return Some(queued);
            }
            goes_on = false;
            if state.closed {
                return None;
            }
            if looked_out || state.watched || state.active > 0 {
                self.submitted.wait(&mut state);
                continue;
            }
            looked_out = true;
            state.watched = true;
            let count = state.count;
            drop(state);
            let until = Instant::now() + LOOK_OUT;
            while self.count.load(Ordering::Acquire) == count && Instant::now() < until {
                std::hint::spin_loop();
            }
            state = self.state.lock();
            state.watched = false;
        }
    }

    /// The number of the latest job, if any waits.
    fn latest(&self) -> Option<u64> {
        let state = self.state.lock();
        (!state.jobs.is_empty()).then_some(state.count)
    }

    /// The next job, if it was submitted no later than that one.
    fn next_until(&self, latest: u64, taker: usize) -> Option<Queued> {
        let mut state = self.state.lock();
        if !state.waits(latest) {
            return None;
        }
        state.taker = taker;
        state.jobs.pop_front()
    }

    /// Takes out the jobs whose time ran out; gives the earliest deadline of the others as well.
    fn expired(&self, now: Instant) -> (Vec<Job>, Option<Instant>) {
        let mut state = self.state.lock();
        let waiting = std::mem::take(&mut state.jobs);
        let (expired, kept): (VecDeque<_>, VecDeque<_>) =
            waiting.into_iter().partition(|queued| queued.deadline.is_some_and(|deadline| deadline <= now));
        let next = kept.iter().filter_map(|queued| queued.deadline).min();
        state.jobs = kept;
        (expired.into_iter().map(|queued| queued.job).collect(), next)
    }
}

impl Clock {
    /// Makes sure that the clock looks no later than this.
    fn at_latest(&self, deadline: Instant) {
        let mut state = self.state.lock();
        if state.next.is_none_or(|next| deadline < next) {
            state.next = Some(deadline);
            self.changed.notify_one();
        }
    }
}

impl Queues {
    /// Deadlines are usually all equally far away, so this wakes up about once in that time.
    fn watch_deadlines(&self) {
        let mut state = self.clock.state.lock();
        while !state.closed {
            let Some(next) = state.next else {
                self.clock.changed.wait(&mut state);
                continue;
            };
            let now = Instant::now();
            if now < next {
                self.clock.changed.wait_until(&mut state, next);
                continue;
            }
            state.next = None;
            drop(state);
            let (reads, next_read) = self.reads.expired(now);
            let (writes, next_write) = self.writes.expired(now);
            for job in reads.into_iter().chain(writes) {
                refuse(job, Error::timeout(Outcome::NotApplied));
            }
            for next in [next_read, next_write].into_iter().flatten() {
                self.clock.at_latest(next);
            }
            state = self.clock.state.lock();
        }
    }
}

fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    thread::Builder::new().name(name).spawn(run).map(drop)
}

/// Runs a job on a connection of its own.
fn alone(shared: &Shared, queued: Queued) {
    match shared.connect(queued.intent, queued.deadline) {
        Ok(mut connection) => {
            run(&mut connection, queued);
        }
        Err(error) => refuse(queued.job, error),
    }
}

/// Runs a job, and those that wait already with it in one transaction.
fn read(shared: &Shared, queue: &Queue, first: Queued, taker: usize) {
    let Some(latest) = queue.latest() else {
        return alone(shared, first);
    };
    let mut connection = match shared.connect(Intent::Read, first.deadline) {
        Ok(connection) => connection,
        Err(error) => return refuse(first.job, error),
    };
    // What the jobs see is fixed by the first read from here on: after all of them were submitted, so each sees the
    // writes that its caller knows of. Should it not begin, the first job runs without it.
    let shared_by_all = connection.begin_shared().is_ok();
    let mut clean = run(&mut connection, first) && shared_by_all;
    for _ in 1..BATCH {
        match clean.then(|| queue.next_until(latest, taker)).flatten() {
            Some(queued) => clean = run(&mut connection, queued) && connection.is_clean(),
            None => break,
        }
    }
}

/// Whether the job came to its end; one that panicked leaves the connection as it is, and its waker drops with it.
fn run(connection: &mut SqliteConnection<'_>, queued: Queued) -> bool {
    if queued.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
        refuse(queued.job, Error::timeout(Outcome::NotApplied));
        return true;
    }
    catch_unwind(AssertUnwindSafe(|| (queued.job)(Ok(connection as &mut dyn Connection)))).is_ok()
}

/// Tells a job that it does not run.
fn refuse(job: Job, error: Error) {
    // A panic of the job must not end the thread; there is nothing to clean up and nobody left to tell.
    let _ = catch_unwind(AssertUnwindSafe(|| job(Err(error))));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes jobs one at a time and many at once, with pauses about as long as a thread looks out.
    #[test]
    fn no_job_is_left_behind_by_a_thread_that_looks_out() {
        let queue = Arc::new(Queue { looks_out: true, ..Queue::default() });
        let done = Arc::new(AtomicU64::new(0));
        let threads: Vec<_> = (0..2)
            .map(|number| {
                let (queue, done) = (queue.clone(), done.clone());
                thread::spawn(move || {
                    let mut taker = Taker::new(number);
                    while queue.wait(&mut taker).is_some() {
                        done.fetch_add(1, Ordering::AcqRel);
                    }
                })
            })
            .collect();
        let mut pushed = 0;
        for round in 0..600u64 {
            for _ in 0..=round % 3 {
                queue.push(Intent::Read, None, Box::new(|_| ()));
                pushed += 1;
            }
            let until = Instant::now() + Duration::from_secs(20);
            while done.load(Ordering::Acquire) < pushed {
                assert!(Instant::now() < until, "a job waits that nobody takes, in round {round}");
                thread::yield_now();
            }
            let pause = Instant::now() + Duration::from_micros(round % 30);
            while Instant::now() < pause {
                std::hint::spin_loop();
            }
        }
        queue.state.lock().closed = true;
        queue.submitted.notify_all();
        for thread in threads {
            thread.join().expect("it does not panic");
        }
    }
}
