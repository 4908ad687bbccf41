//! Many callers that await at once, on one thread.

use std::cell::Cell;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use dbal::{AsyncClient, Client, Value};

use crate::data::Data;

/// How many requests are awaited at once.
const CALLERS: usize = 32;

pub struct InFlight(AsyncClient);

impl InFlight {
    pub fn new(client: &Client) -> InFlight {
        InFlight(AsyncClient::from(client.clone()))
    }

    /// Each caller reads as soon as its last read is answered, until all calls are made.
    pub fn read_pk(&self, data: &Data, calls: Range<usize>) -> i64 {
        let next = Cell::new(calls.start);
        let caller = async || {
            let mut sum = 0i64;
            while next.get() < calls.end {
                let i = next.replace(next.get() + 1);
                let users = self.0.entity("User").expect("declared");
                let user = users.read(data.user_id(i)).await.expect("the user is there");
                sum = sum.wrapping_add(user.get("level").and_then(Value::as_i64).expect("a level"));
            }
            sum
        };
        run((0..CALLERS).map(|_| Box::pin(caller()) as Task<'_>).collect())
    }
}

type Task<'t> = Pin<Box<dyn Future<Output = i64> + 't>>;

/// The tasks that can go on, and the thread that runs them.
struct Ready {
    tasks: Mutex<Vec<usize>>,
    thread: Thread,
}

struct WakeOne {
    task: usize,
    ready: Arc<Ready>,
}

impl Wake for WakeOne {
    fn wake(self: Arc<Self>) {
        self.ready.tasks.lock().expect("nobody panics with it").push(self.task);
        self.ready.thread.unpark();
    }
}

/// An executor for one thread that polls only what was woken.
fn run(mut tasks: Vec<Task<'_>>) -> i64 {
    let ready = Arc::new(Ready { tasks: Mutex::new((0..tasks.len()).collect()), thread: std::thread::current() });
    let wakers: Vec<Waker> =
        (0..tasks.len()).map(|task| Waker::from(Arc::new(WakeOne { task, ready: ready.clone() }))).collect();
    let (mut sum, mut open) = (0i64, tasks.len());
    let mut woken = Vec::new();
    while open > 0 {
        std::mem::swap(&mut woken, &mut *ready.tasks.lock().expect("nobody panics with it"));
        if woken.is_empty() {
            std::thread::park();
        }
        for task in woken.drain(..) {
            if let Poll::Ready(read) = tasks[task].as_mut().poll(&mut Context::from_waker(&wakers[task])) {
                sum = sum.wrapping_add(read);
                open -= 1;
            }
        }
    }
    sum
}
