//! Futures polled on the JavaScript thread: a wake-up puts the number of its task in a queue, and one call wakes the
//! thread for all that are in it.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use dbal::{Error, Result};
use foldhash::{HashMap, HashMapExt};
use napi::Status;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode, UnknownReturnValue};
use parking_lot::Mutex;

use crate::port::Answer;

/// What wakes the JavaScript thread. It does not keep the process alive: `lib/port.js` does that while something is in
/// flight.
pub type Bell = ThreadsafeFunction<(), UnknownReturnValue, (), Status, false, true>;

/// Work in flight.
pub type Work = Pin<Box<dyn Future<Output = Result<Answer>>>>;

/// The tasks of one environment.
pub struct Tasks {
    running: HashMap<u32, Task>,
    /// Tasks to poll, in the order in which they were woken.
    turn: VecDeque<u32>,
    next: u32,
    woken: Arc<Woken>,
}

struct Task {
    work: Work,
    alarm: Arc<Alarm>,
}

/// What other threads see of the tasks.
struct Woken {
    queue: Mutex<Vec<u32>>,
    /// The bell has rung, and nobody has looked at the queue since.
    rung: AtomicBool,
    bell: Bell,
}

struct Alarm {
    id: u32,
    /// It is in the queue already.
    queued: AtomicBool,
    woken: Arc<Woken>,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        self.woken.queue.lock().push(self.id);
        if !self.woken.rung.swap(true, Ordering::AcqRel) {
            // An environment that is being torn down takes no calls, and has nobody left to tell.
            self.woken.bell.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

impl Tasks {
    /// None yet.
    pub fn new(bell: Bell) -> Self {
        let woken = Arc::new(Woken { queue: Mutex::default(), rung: AtomicBool::new(false), bell });
        Tasks { running: HashMap::new(), turn: VecDeque::new(), next: 0, woken }
    }

    /// A number for new work, and what wakes it.
    pub fn begin(&mut self) -> Begun {
        self.next = self.next.wrapping_add(1);
        let alarm = Alarm { id: self.next, queued: AtomicBool::new(false), woken: self.woken.clone() };
        Begun { alarm: Arc::new(alarm) }
    }

    /// Keeps work that is not done.
    pub fn keep(&mut self, begun: Begun, work: Work) -> u32 {
        let id = begun.alarm.id;
        self.running.insert(id, Task { work, alarm: begun.alarm });
        id
    }

    /// Work that was woken, taken out to be polled; none when all others sleep.
    pub fn woken(&mut self) -> Option<(Begun, Work)> {
        loop {
            if self.turn.is_empty() {
                // Before the queue is emptied: what comes after that rings again.
                self.woken.rung.store(false, Ordering::Release);
                self.turn.extend(self.woken.queue.lock().drain(..));
            }
            let id = self.turn.pop_front()?;
            // It may have been given up.
            if let Some(Task { work, alarm }) = self.running.remove(&id) {
                alarm.queued.store(false, Ordering::Release);
                return Some((Begun { alarm }, work));
            }
        }
    }

    /// Gives work up.
    pub fn drop(&mut self, id: u32) -> Option<Work> {
        self.running.remove(&id).map(|task| task.work)
    }
}

/// Work that has a number.
pub struct Begun {
    alarm: Arc<Alarm>,
}

impl Begun {
    /// Its number.
    pub fn id(&self) -> u32 {
        self.alarm.id
    }

    /// Polls the work. A panic is its error.
    pub fn poll(&self, work: &mut Work) -> Poll<Result<Answer>> {
        let waker = Waker::from(self.alarm.clone());
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(&mut Context::from_waker(&waker))));
        polled.unwrap_or_else(|_| Poll::Ready(Err(Error::internal("the request could not be finished: a bug in dbal"))))
    }
}
