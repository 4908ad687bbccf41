//! Threads for callers that await: one hop for a request, shared by those that wait together.
//!
//! A WAL read outside a transaction is nine tenths locking. A reader that takes a job while others wait therefore
//! begins a transaction, and takes those that waited then, one by one: a job that blocks holds up only itself, since
//! another thread may take the next one.
//!
//! One thread serves many short reads sooner than two that take them from each other. While one is at it, another
//! stands by, and helps where a job has waited for as long as some reads take: where one before it is long, or many are.
//!
//! To wake a thread costs as much as the read itself, whoever does it, and more where it takes the processor from who wakes
//! it. So those whose short jobs ran in one transaction are told together; while one of them is long, the thread that stands
//! by tells those before it. And a thread that was woken lets others go on first, who may have more jobs for it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::Shared;
use super::connection::SqliteConnection;
use crate::adapter::{Connection, Intent, Job, Offload, Tell};
use crate::error::{Error, ErrorKind, Outcome};

/// The most jobs that one read transaction serves: a snapshot must not be held forever.
const BATCH: usize = 32;

/// How long a job waits for the thread that is at it before another one helps.
const STAND_BY: Duration = Duration::from_micros(100);

/// How long a result is kept while other jobs of its transaction run: as long as some short reads take together, so that
/// those of longer ones are told one by one.
const KEPT: Duration = Duration::from_micros(25);

/// The threads' queues. Dropped, every job that waits is told so, and the threads end after the one they are in.
pub(super) struct Workers {
    queues: Arc<Queues>,
    /// In memory there is one connection, so one thread.
    only_one: bool,
}

#[derive(Default)]
struct Queues {
    reads: Queue,
    writes: Queue,
    clock: Clock,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    submitted: Condvar,
    /// Results that are told together.
    told: Mutex<Vec<Tell>>,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Queued>,
    /// How many jobs were ever submitted; the number of the latest one.
    count: u64,
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
        let queues = Arc::<Queues>::default();
        // Made first, so that threads that did start end if another one cannot.
        let workers = Workers { queues: queues.clone(), only_one: shared.readers.is_none() };
        let readers = shared.readers.as_ref().map_or(0, |pool| pool.size().min(cores.max(2)));
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
        let taken = state.active > 0 && state.stands_by;
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
        loop {
            let may_wait = || !state.jobs.is_empty() || !self.told.lock().is_empty();
            if !goes_on && state.active > 0 && !state.stands_by && may_wait() {
                let latest = state.count;
                state.stands_by = true;
                let waited = self.submitted.wait_for(&mut state, STAND_BY).timed_out();
                state.stands_by = false;
                if waited {
                    MutexGuard::unlocked(&mut state, || self.tell());
                }
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
            self.submitted.wait(&mut state);
            MutexGuard::unlocked(&mut state, thread::yield_now);
        }
    }

    /// The number of the latest job, if any waits.
    fn latest(&self) -> Option<u64> {
        let state = self.state.lock();
        (!state.jobs.is_empty()).then_some(state.count)
    }

    /// The next job, if it was submitted no later than that one. What was done before is told first, unless another thread
    /// would do that in time.
    fn next_until(&self, latest: u64, taker: usize) -> Option<Queued> {
        let mut state = self.state.lock();
        if !state.waits(latest) {
            return None;
        }
        state.taker = taker;
        let queued = state.jobs.pop_front();
        let in_time = state.stands_by;
        drop(state);
        if !in_time {
            self.tell();
        }
        queued
    }

    /// Tells what was done.
    fn tell(&self) {
        let told = std::mem::take(&mut *self.told.lock());
        told.into_iter().for_each(tell);
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
            if let Some(told) = run(&mut connection, queued) {
                tell(told);
            }
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
    let mut since = Instant::now();
    let told = run(&mut connection, first);
    let mut clean = told.is_some() && shared_by_all;
    queue.told.lock().extend(told);
    for _ in 1..BATCH {
        let now = Instant::now();
        if now - since >= KEPT {
            queue.tell();
            since = now;
        }
        let Some(queued) = clean.then(|| queue.next_until(latest, taker)).flatten() else { break };
        let told = run(&mut connection, queued);
        clean = told.is_some() && connection.is_clean();
        queue.told.lock().extend(told);
    }
    queue.tell();
}

/// Runs a job; none of one that panicked, which leaves the connection as it is and drops what would tell of it.
fn run(connection: &mut SqliteConnection<'_>, queued: Queued) -> Option<Tell> {
    if queued.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
        refuse(queued.job, Error::timeout(Outcome::NotApplied));
        return Some(Box::new(|| ()));
    }
    catch_unwind(AssertUnwindSafe(|| (queued.job)(Ok(connection as &mut dyn Connection)))).ok()
}

/// Tells a result. A panic of whoever is woken must not end the thread.
fn tell(told: Tell) {
    let _ = catch_unwind(AssertUnwindSafe(told));
}

/// Tells a job that it does not run.
fn refuse(job: Job, error: Error) {
    // There is nothing to clean up after a panic, and nobody left to tell.
    let _ = catch_unwind(AssertUnwindSafe(|| job(Err(error))()));
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Pushes jobs one at a time and many at once, with pauses about as long as a thread takes to fall asleep.
    #[test]
    fn no_job_is_left_behind() {
        let queue = Arc::<Queue>::default();
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
                queue.push(Intent::Read, None, Box::new(|_| Box::new(|| ())));
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
