//! Work and the connection that carries it, on one thread: each is polled only when it was woken.
//!
//! Under one waker for both, what the work sends would wake the thread once more before it sleeps, and each answer would
//! have the work polled before it is read: two more system calls for every statement.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

use super::tls::Driver;

/// The wakers of both sides; made once for each connection.
pub(super) struct Turns {
    bell: Arc<Bell>,
    work: Arc<Side>,
    driver: Arc<Side>,
    wakers: [Waker; 2],
}

/// Wakes whoever polls both.
#[derive(Default)]
struct Bell {
    outer: Mutex<Option<Waker>>,
    /// Somebody looks at the sides now, and looks again before it sleeps.
    awake: AtomicBool,
}

struct Side {
    woken: AtomicBool,
    bell: Arc<Bell>,
}

impl Side {
    fn new(bell: &Arc<Bell>) -> Arc<Side> {
        Arc::new(Side { woken: AtomicBool::new(true), bell: bell.clone() })
    }

    fn takes_turn(&self) -> bool {
        self.woken.swap(false, Ordering::SeqCst)
    }

    fn is_woken(&self) -> bool {
        self.woken.load(Ordering::SeqCst)
    }
}

impl Wake for Side {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        if !self.bell.awake.load(Ordering::SeqCst)
            && let Some(outer) = &*self.bell.outer.lock()
        {
            outer.wake_by_ref();
        }
    }
}

impl Turns {
    pub(super) fn new() -> Turns {
        let bell = Arc::<Bell>::default();
        let (work, driver) = (Side::new(&bell), Side::new(&bell));
        let wakers = [Waker::from(work.clone()), Waker::from(driver.clone())];
        Turns { bell, work, driver, wakers }
    }

    /// New work is about to be polled.
    pub(super) fn begin(&self) {
        self.work.woken.store(true, Ordering::SeqCst);
    }

    /// Polls whichever was woken until neither is. The driver is dropped when it has ended: that tells everybody who
    /// waits for an answer that none will come.
    pub(super) fn poll<T>(
        &self,
        context: &mut Context<'_>,
        mut work: Pin<&mut impl Future<Output = T>>,
        driver: &mut Option<Driver>,
    ) -> Poll<T> {
        {
            let mut outer = self.bell.outer.lock();
            if !outer.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
                *outer = Some(context.waker().clone());
            }
        }
        let [work_waker, driver_waker] = &self.wakers;
        loop {
            self.bell.awake.store(true, Ordering::SeqCst);
            let done = match self.work.takes_turn() {
                true => work.as_mut().poll(&mut Context::from_waker(work_waker)),
                false => Poll::Pending,
            };
            // Also when the work is done: what it sent last is on its way then.
            if self.driver.takes_turn()
                && let Some(running) = driver
                && running.as_mut().poll(&mut Context::from_waker(driver_waker)).is_ready()
            {
                *driver = None;
                self.work.woken.store(true, Ordering::SeqCst);
            }
            self.bell.awake.store(false, Ordering::SeqCst);
            if done.is_ready() {
                return done;
            }
            // Whoever was woken since its turn saw that somebody is awake, and rang no bell.
            if !self.work.is_woken() && !self.driver.is_woken() {
                return Poll::Pending;
            }
        }
    }
}
