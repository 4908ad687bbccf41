//! The loop for callers that block: no runtime, no other thread.

use std::time::Instant;

use crate::adapter::Connection;
use crate::error::{Error, Result};
use crate::exec::machine::{Action, Machine, Summary};
use crate::row::RowSink;

/// Runs a machine to its end on a connection. Inside a transaction, `savepoint` is the depth to use for what must
/// apply together; outside, a transaction is begun for it.
///
/// # Errors
/// What the machine, the connection or the sink says; everything that the machine began is rolled back by then.
pub fn run(
    connection: &mut dyn Connection,
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
                Some(depth) => connection.savepoint(depth),
                None => connection.begin(deadline),
            }
            .map(|()| begun = true),
            Action::Run(index) => {
                let (step, params, mut feed) = machine.feed(index, out);
                connection
                    .run(step, params, deadline, &mut feed)
                    .and_then(|count| machine.resume(index, count, out))
                    .map_err(|error| machine.blamed(error))
            }
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
