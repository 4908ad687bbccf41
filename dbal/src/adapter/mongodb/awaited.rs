//! Requests that are awaited: they run where the driver's own work does, on one thread for the process.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Shared;
use super::connection::MongoConnection;
use crate::adapter::inbox::Inbox;
use crate::adapter::{Awaited, Cancel, Drive, Pending, Task, Wanted};
use crate::error::{Error, Outcome, Result};
use crate::plan::operation::Step;
use crate::row::RowSink;
use crate::value::Value;

/// The awaited requests of one adapter: as many at a time as the driver has connections, so that none of those that wait
/// has begun.
pub(super) struct Driver {
    shared: Arc<Shared>,
    handle: &'static Handle,
    inbox: &'static Inbox<Begun>,
    room: Arc<Semaphore>,
}

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, handle: &'static Handle, inbox: &'static Inbox<Begun>, most: usize) -> Self {
        Driver { shared, handle, inbox, room: Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS))) }
    }
}

impl Drive for Driver {
    fn spawn(&self, wanted: Wanted, task: Task) {
        let (shared, handle, room) = (self.shared.clone(), self.handle, self.room.clone());
        self.inbox.send(Begun { shared, handle, room, wanted, task });
    }
}

/// A request that was handed to the thread.
pub(super) struct Begun {
    shared: Arc<Shared>,
    handle: &'static Handle,
    room: Arc<Semaphore>,
    wanted: Wanted,
    task: Task,
}

impl Begun {
    async fn run(self) {
        let Begun { shared, handle, room, wanted, task } = self;
        let answer = match entered(room, &wanted).await {
            Ok(permit) => {
                let connection = MongoConnection::new(shared, handle, wanted.intent);
                task(Ok(Box::new(Taken { connection, _permit: permit }))).await
            }
            Err(error) => task(Err(error)).await,
        };
        answer();
    }
}

/// Waits for room, no longer than there is use in it.
async fn entered(room: Arc<Semaphore>, wanted: &Wanted) -> Result<OwnedSemaphorePermit> {
    let late = || Error::timeout(Outcome::NotApplied);
    if wanted.cancel.is_cancelled() || wanted.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
        return Err(late());
    }
    let mut entering = pin!(room.acquire_owned());
    let stopped = async {
        let cancelled = std::future::poll_fn(|context| wanted.cancel.poll_cancelled(context));
        match wanted.deadline {
            None => cancelled.await,
            Some(deadline) => drop(tokio::time::timeout_at(deadline.into(), cancelled).await),
        }
    };
    let mut stopped = pin!(stopped);
    std::future::poll_fn(|context| match entering.as_mut().poll(context) {
        Poll::Ready(Ok(permit)) => Poll::Ready(Ok(permit)),
        Poll::Ready(Err(_)) => Poll::Ready(Err(Error::internal("the client was closed"))),
        Poll::Pending => stopped.as_mut().poll(context).map(|()| Err(late())),
    })
    .await
}

/// Runs what comes, for as long as the process does.
pub(super) async fn serve(inbox: &Inbox<Begun>) {
    loop {
        for begun in std::future::poll_fn(|context| inbox.poll(context)).await {
            drop(tokio::task::spawn_local(begun.run()));
        }
    }
}

/// A connection in the hands of a task.
struct Taken {
    connection: MongoConnection,
    _permit: OwnedSemaphorePermit,
}

impl Awaited for Taken {
    fn begin(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.connection.start(deadline)
    }

    fn commit(&mut self) -> Pending<'_, ()> {
        Box::pin(self.connection.committed())
    }

    fn rollback(&mut self) -> Pending<'_, ()> {
        Box::pin(self.connection.ended())
    }

    fn savepoint(&mut self, depth: u32) -> Pending<'_, ()> {
        Box::pin(std::future::ready(self.connection.set(depth)))
    }

    fn release(&mut self, depth: u32) -> Pending<'_, ()> {
        Box::pin(std::future::ready(self.connection.kept(depth)))
    }

    fn rollback_to(&mut self, depth: u32) -> Pending<'_, ()> {
        Box::pin(self.connection.undone(depth))
    }

    fn run<'a>(
        &'a mut self,
        step: &'a Step,
        params: &'a [Value],
        deadline: Option<Instant>,
        sink: &'a mut (dyn RowSink + 'a),
    ) -> Pending<'a, u64> {
        Box::pin(self.connection.step(step, params, deadline, sink))
    }

    fn watch(&mut self, cancel: Option<&Cancel>) {
        self.connection.told_by(cancel);
    }

    fn pause(&mut self, time: Duration) -> Pending<'_, ()> {
        Box::pin(async move {
            tokio::time::sleep(time).await;
            Ok(())
        })
    }
}
