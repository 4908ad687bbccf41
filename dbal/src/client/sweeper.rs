//! The thread that removes rows past their time.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::client::Client;
use crate::client::engine::{Caller, Engine};

/// What it needs on its stack is little.
const STACK: usize = 512 << 10;

/// Ends its thread when it is dropped, which is with the engine.
pub(super) struct Sweeper(Arc<Sign>);

#[derive(Default)]
struct Sign {
    stop: Mutex<bool>,
    changed: Condvar,
}

/// Starts it where rows of some entity are to be removed. Several processes may sweep the same rows: whoever comes
/// first removes them.
pub(super) fn start(engine: &Arc<Engine>, every: Duration) {
    let sweeps = engine.schema.entities().any(|(_, entity)| entity.ttl.is_some_and(|ttl| ttl.auto_delete));
    if !sweeps {
        return;
    }
    let sign = Arc::new(Sign::default());
    let (seen, weak) = (sign.clone(), Arc::downgrade(engine));
    let thread = std::thread::Builder::new().name("dbal-sweep".into()).stack_size(STACK);
    // Without a thread rows stay until somebody calls `sweep`; they are never seen, so nothing else depends on it.
    if thread.spawn(move || run(&seen, &weak, every)).is_ok() {
        let _ = engine.sweeper.set(Sweeper(sign));
    }
}

fn run(sign: &Sign, engine: &Weak<Engine>, every: Duration) {
    loop {
        {
            let mut stop = sign.stop.lock();
            if !*stop {
                sign.changed.wait_for(&mut stop, every);
            }
            if *stop {
                return;
            }
        }
        let Some(engine) = engine.upgrade() else { return };
        let client = Client {
            engine,
            caller: Arc::new(Caller::Trusted),
            timeout: Some(every),
            cancel: None,
            origin: None,
            key: None,
            newest: true,
        };
        // Tables that are not there yet, a database that is away, a row that somebody still refers to: the next round
        // tries again, and an audit has a line of it.
        let _ = client.sweep();
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        *self.0.stop.lock() = true;
        self.0.changed.notify_all();
    }
}
