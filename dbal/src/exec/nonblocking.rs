//! The loop for drivers that are awaited. It drives the same machine as the blocking one.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use crate::adapter::Connection;
use crate::error::Result;
use crate::exec::machine::{Action, Machine, Summary};
use crate::plan::operation::Step;
use crate::row::RowSink;
use crate::value::Value;

/// A future of an adapter.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// One connection of a driver that is awaited. The duties are those of [`Connection`]; besides, dropping a future
/// MUST leave nothing running and the connection either clean or not to be reused.
pub trait AwaitedConnection: Send {
    /// Starts a transaction.
    fn begin(&mut self, deadline: Option<Instant>) -> Pending<'_, ()>;
    /// Commits.
    fn commit(&mut self) -> Pending<'_, ()>;
    /// Rolls back.
    fn rollback(&mut self) -> Pending<'_, ()>;
    /// Sets a savepoint.
    fn savepoint(&mut self, depth: u32) -> Pending<'_, ()>;
    /// Keeps what was done since a savepoint.
    fn release(&mut self, depth: u32) -> Pending<'_, ()>;
    /// Undoes what was done since a savepoint.
    fn rollback_to(&mut self, depth: u32) -> Pending<'_, ()>;
    /// Runs one step.
    fn run<'a>(
        &'a mut self,
        step: &'a Step,
        params: &'a [Value],
        deadline: Option<Instant>,
        sink: &'a mut (dyn RowSink + Send),
    ) -> Pending<'a, u64>;
}

/// Runs a machine to its end, as [`blocking::run`](super::blocking::run) does.
///
/// # Errors
/// As there.
pub async fn run(
    connection: &mut dyn AwaitedConnection,
    mut machine: Machine,
    savepoint: Option<u32>,
    deadline: Option<Instant>,
    out: &mut (dyn RowSink + Send),
) -> Result<Summary> {
    machine.announce(out)?;
    let mut begun = false;
    loop {
        let done = match machine.step() {
            Action::Begin => match savepoint {
                Some(depth) => connection.savepoint(depth).await,
                None => connection.begin(deadline).await,
            }
            .map(|()| begun = true),
            Action::Run(index) => {
                let ran = {
                    let (step, params, mut feed) = machine.feed(index, out);
                    connection.run(step, params, deadline, &mut feed).await
                };
                ran.and_then(|count| machine.resume(index, count, out)).map_err(|error| machine.blamed(error))
            }
            Action::Commit => {
                begun = false;
                match savepoint {
                    Some(depth) => connection.release(depth).await,
                    None => connection.commit().await,
                }
            }
            Action::Done => return machine.finish(out),
        };
        if let Err(error) = done {
            if begun {
                let undone = match savepoint {
                    Some(depth) => connection.rollback_to(depth).await,
                    None => connection.rollback().await,
                };
                if let (Err(failed), true) = (undone, error.kind() != crate::ErrorKind::Timeout) {
                    return Err(failed);
                }
            }
            return Err(error);
        }
    }
}

/// A connection that never waits, such as one to rows in memory, in the face of one that is awaited.
#[allow(missing_debug_implementations, reason = "connections have none")]
pub struct Ready<'c>(pub Box<dyn Connection + 'c>);

fn ready<'a, T: Send + 'a>(result: Result<T>) -> Pending<'a, T> {
    Box::pin(std::future::ready(result))
}

impl AwaitedConnection for Ready<'_> {
    fn begin(&mut self, deadline: Option<Instant>) -> Pending<'_, ()> {
        ready(self.0.begin(deadline))
    }

    fn commit(&mut self) -> Pending<'_, ()> {
        ready(self.0.commit())
    }

    fn rollback(&mut self) -> Pending<'_, ()> {
        ready(self.0.rollback())
    }

    fn savepoint(&mut self, depth: u32) -> Pending<'_, ()> {
        ready(self.0.savepoint(depth))
    }

    fn release(&mut self, depth: u32) -> Pending<'_, ()> {
        ready(self.0.release(depth))
    }

    fn rollback_to(&mut self, depth: u32) -> Pending<'_, ()> {
        ready(self.0.rollback_to(depth))
    }

    fn run<'a>(
        &'a mut self,
        step: &'a Step,
        params: &'a [Value],
        deadline: Option<Instant>,
        sink: &'a mut (dyn RowSink + Send),
    ) -> Pending<'a, u64> {
        ready(self.0.run(step, params, deadline, sink))
    }
}
