//! The loop for callers that block: no runtime, no other thread.

use std::time::Instant;

use smallvec::SmallVec;

use crate::adapter::Connection;
use crate::error::{Error, Result};
use crate::exec::machine::{Action, Machine, Summary};
use crate::plan::operation::Step;
use crate::row::RowSink;
use crate::value::ValueRef;

/// Runs a machine to its end on a connection. Inside a transaction, `savepoint` is the depth to use for what must
/// apply together; outside, a transaction is begun for it.
///
/// # Errors
/// What the machine, the connection or the sink says; everything that the machine began is rolled back by then.
pub fn run(
    connection: &mut dyn Connection,
    machine: &mut Machine,
    savepoint: Option<u32>,
    deadline: Option<Instant>,
    out: &mut dyn RowSink,
) -> Result<Summary> {
    machine.announce(out)?;
    if machine.is_lone() {
        one(connection, machine, 0, deadline, out).map_err(|error| machine.blamed(error))?;
        return machine.finish(out);
    }
    let mut begun = false;
    loop {
        let done = match machine.step() {
            Action::Begin => match savepoint {
                Some(depth) => connection.savepoint(depth),
                None => connection.begin(deadline),
            }
            .map(|()| begun = true),
            Action::Run(index) => ran(connection, machine, index, deadline, out).map_err(|error| machine.blamed(error)),
            Action::Commit => {
                begun = false;
                match savepoint {
                    Some(depth) => connection.release(depth),
                    None => connection.commit(),
                }
            }
            Action::Done => return machine.finish(out),
        };
        if let Err(error) = done {
            return Err(if begun { undo(connection, savepoint, error) } else { error });
        }
    }
}

/// Runs one step.
fn one(
    connection: &mut dyn Connection,
    machine: &mut Machine,
    index: usize,
    deadline: Option<Instant>,
    out: &mut dyn RowSink,
) -> Result<()> {
    let (step, params, mut feed) = machine.feed(index, out);
    let count = connection.run(step, params, deadline, &mut feed)?;
    machine.resume(index, count, out)
}

/// Runs the step that is next, with those that need nothing of it where that saves waiting.
fn ran(
    connection: &mut dyn Connection,
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
                connection.run_together(&wanted, params, deadline, &mut deal)?
            };
            return machine.resume_together(&together, &counts, out);
        }
    }
    if let Some((step, rows)) = machine.alike(index)
        && let Some(count) = connection.run_rows(step, &rows, deadline)?
    {
        return machine.resume_alike(count, out);
    }
    one(connection, machine, index, deadline, out)
}

/// Rolls back; the first error is the one that matters, unless undoing failed as well.
pub(super) fn undo(connection: &mut dyn Connection, savepoint: Option<u32>, error: Error) -> Error {
    let undone = match savepoint {
        Some(depth) => connection.rollback_to(depth),
        None => connection.rollback(),
    };
    match undone {
        Ok(()) => error,
        // A statement that ran out of time may have taken its whole transaction with it; that is what was wanted.
        Err(_) if error.kind() == crate::ErrorKind::Timeout => error,
        Err(failed) => failed,
    }
}
