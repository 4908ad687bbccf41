//! The loop for drivers that are awaited. It drives the same machine as the blocking one.

use std::time::Instant;

use smallvec::SmallVec;

use crate::adapter::Awaited;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::machine::{Action, Machine, Summary};
use crate::plan::operation::Step;
use crate::row::RowSink;
use crate::value::ValueRef;

/// Runs a machine to its end, as [`blocking::run`](super::blocking::run) does.
///
/// # Errors
/// As there.
pub async fn run(
    connection: &mut dyn Awaited,
    mut machine: Machine,
    savepoint: Option<u32>,
    deadline: Option<Instant>,
    out: &mut dyn RowSink,
) -> Result<Summary> {
    machine.announce(out)?;
    let mut begun = false;
    loop {
        let done = match machine.step() {
            Action::Begin => match savepoint {
                Some(depth) => connection.savepoint(depth).await,
                None => connection.begin(deadline),
            }
            .map(|()| begun = true),
            Action::Run(index) => {
                ran(&mut *connection, &mut machine, index, deadline, out).await.map_err(|error| machine.blamed(error))
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
            return Err(if begun { undo(connection, savepoint, error).await } else { error });
        }
    }
}

/// Runs the step that is next, with those that need nothing of it where that saves waiting.
async fn ran(
    connection: &mut dyn Awaited,
    machine: &mut Machine,
    index: usize,
    deadline: Option<Instant>,
    out: &mut dyn RowSink,
) -> Result<()> {
    if connection.pipelines() {
        let together = machine.together(index);
        if together.len() > 1 {
            let counts = {
                let (steps, params, mut feeds) = machine.feeds(out);
                let wanted: SmallVec<[&Step; 8]> = together.iter().map(|index| &steps[*index]).collect();
                let mut deal = |place: usize, cells: &[ValueRef<'_>]| feeds.row(together[place], cells);
                match connection.run_together(&wanted, params, deadline, &mut deal) {
                    Some(running) => running.await?,
                    None => return Err(Error::internal("an adapter says that it pipelines, and does not")),
                }
            };
            return machine.resume_together(&together, &counts, out);
        }
    }
    let inserted = match machine.alike(index) {
        Some((step, rows)) => match connection.run_rows(step, &rows, deadline) {
            Some(running) => running.await?,
            None => None,
        },
        None => None,
    };
    if let Some(count) = inserted {
        return machine.resume_alike(count, out);
    }
    let count = {
        let (step, params, mut feed) = machine.feed(index, out);
        connection.run(step, params, deadline, &mut feed).await?
    };
    machine.resume(index, count, out)
}

/// Rolls back; the first error is the one that matters, unless undoing failed as well.
async fn undo(connection: &mut dyn Awaited, savepoint: Option<u32>, error: Error) -> Error {
    let undone = match savepoint {
        Some(depth) => connection.rollback_to(depth).await,
        None => connection.rollback().await,
    };
    match undone {
        Ok(()) => error,
        // A statement that ran out of time may have taken its whole transaction with it; that is what was wanted.
        Err(_) if error.kind() == ErrorKind::Timeout => error,
        Err(failed) => failed,
    }
}
