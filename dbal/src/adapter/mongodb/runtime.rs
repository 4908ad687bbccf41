//! Where the driver's own work runs: one thread for the process, for its sockets and timers.
//!
//! Callers that block poll their futures themselves, on their own threads: they need no runtime, and may be inside of one.
//! What the driver spawns runs here, and so do requests that are awaited.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::runtime::{Builder, Handle};

use crate::error::{Error, Result};

static DRIVER: OnceLock<Option<Handle>> = OnceLock::new();

/// Requests that are awaited, for the same thread.
#[cfg(feature = "async")]
pub(super) static INBOX: std::sync::LazyLock<crate::adapter::inbox::Inbox<super::awaited::Begun>> =
    std::sync::LazyLock::new(Default::default);

/// The thread's handle; it starts with the first use and ends with the process.
pub(super) fn handle() -> Result<&'static Handle> {
    DRIVER.get_or_init(start).as_ref().ok_or_else(|| {
        Error::database("no thread could be started for the database driver", "the runtime did not start")
    })
}

fn start() -> Option<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build().ok()?;
    let handle = runtime.handle().clone();
    let driver = thread::Builder::new().name("dbal-mongodb".into());
    let driver = driver.spawn(move || {
        #[cfg(feature = "async")]
        tokio::task::LocalSet::new().block_on(&runtime, super::awaited::serve(&INBOX));
        #[cfg(not(feature = "async"))]
        runtime.block_on(std::future::pending::<()>());
    });
    driver.ok()?;
    Some(handle)
}

/// Polls a future on this thread until it is done.
pub(super) fn block_on<F: Future>(handle: &Handle, future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let _inside = handle.enter();
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
