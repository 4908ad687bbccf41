//! Work on threads of the adapter, awaited; and what becomes of it when nobody awaits it any more.

use std::time::Instant;

use futures_channel::oneshot;

use crate::adapter::{Answer, Awaited, Cancel, Connection, Drive, Intent, Job, Offload, Pending, Task, Wanted};
use crate::error::{Error, Outcome, Result};

/// Cancels when it is dropped before the answer is there.
#[derive(Debug)]
pub(super) struct OnDrop(Cancel, bool);

impl OnDrop {
    pub(super) fn new() -> OnDrop {
        OnDrop(Cancel::default(), true)
    }

    pub(super) fn cancel(&self) -> Cancel {
        self.0.clone()
    }

    pub(super) fn defuse(mut self) {
        self.1 = false;
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        if self.1 {
            self.0.cancel();
        }
    }
}

/// Runs something on a connection that stops when it is cancelled.
pub(super) fn watched<T>(
    connection: &mut dyn Connection,
    cancel: &Cancel,
    work: impl FnOnce(&mut dyn Connection) -> Result<T>,
) -> Result<T> {
    if cancel.is_cancelled() {
        return Err(Error::timeout(Outcome::NotApplied));
    }
    connection.watch(Some(cancel));
    let done = work(connection);
    connection.watch(None);
    done
}

/// Runs something on a thread of the adapter. Dropped before it is done, it is stopped, or never begun.
pub(super) async fn submitted<T: Send + 'static>(
    offload: &dyn Offload,
    intent: Intent,
    deadline: Option<Instant>,
    work: impl FnOnce(&mut dyn Connection) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (tell, told) = oneshot::channel();
    let dropped = OnDrop::new();
    let cancel = dropped.cancel();
    let job: Job = Box::new(move |connection| {
        let done = connection.and_then(|connection| watched(connection, &cancel, work));
        Box::new(move || {
            // Whoever awaited this may have stopped caring.
            let _ = tell.send(done);
        })
    });
    offload.submit(intent, deadline, job);
    let answer = told.await;
    dropped.defuse();
    answer.map_err(|_| lost(intent))?
}

/// Runs something on the thread that drives awaited requests. Dropped before it is done, it is stopped, or never begun.
pub(super) async fn driven<T: Send + 'static>(
    driver: &dyn Drive,
    intent: Intent,
    brief: bool,
    deadline: Option<Instant>,
    work: impl FnOnce(Box<dyn Awaited>) -> Pending<'static, T> + Send + 'static,
) -> Result<T> {
    let (tell, told) = oneshot::channel();
    let dropped = OnDrop::new();
    let cancel = dropped.cancel();
    let wanted = Wanted { intent, brief, deadline, cancel: cancel.clone() };
    let task: Task = Box::new(move |connection| {
        Box::pin(async move {
            let done = match connection {
                Ok(mut connection) => {
                    connection.watch(Some(&cancel));
                    work(connection).await
                }
                Err(error) => Err(error),
            };
            let answer: Answer = Box::new(move || {
                // Whoever awaited this may have stopped caring.
                let _ = tell.send(done);
            });
            answer
        })
    });
    driver.spawn(wanted, task);
    let answer = told.await;
    dropped.defuse();
    answer.map_err(|_| lost(intent))?
}

/// The thread that had the work is gone, and its answer with it.
pub(super) fn lost(intent: Intent) -> Error {
    let error = Error::internal("the thread that ran the request ended without an answer");
    match intent {
        Intent::Read => error.with_outcome(Outcome::NotApplied),
        Intent::Write => error.with_outcome(Outcome::Unknown),
    }
}

pub(super) async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let (tell, told) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = tell.send(work());
    });
    told.await.map_err(|_| lost(Intent::Write))?
}
