//! The loop for streams: rows are joined with their related rows a batch at a time, so that memory holds a batch and not
//! the whole.

use std::time::Instant;

use crate::adapter::{Connection, Reading};
use crate::error::Result;
use crate::exec::blocking;
use crate::exec::machine::Machine;
use crate::exec::sink::{Buffer, Feed};
use crate::plan::operation::Step;
use crate::row::RowSink;
use crate::value::{Value, ValueRef};

/// Rows whose related rows are read together: few statements, little memory.
pub const BATCH: usize = 256;

/// Runs a machine that reads, and gives its rows as they come. Rows and related rows are of one moment of the database.
///
/// # Errors
/// What the machine, the connection or the sink says.
pub fn run(
    connection: &mut dyn Connection,
    mut machine: Machine,
    deadline: Option<Instant>,
    out: &mut dyn RowSink,
) -> Result<()> {
    if !machine.only_joins() {
        return blocking::run(connection, &mut machine, None, deadline, out).map(drop);
    }
    machine.announce(out)?;
    connection.begin(deadline)?;
    match rows(connection, &mut machine, deadline, out) {
        Ok(()) => connection.commit(),
        Err(error) => Err(blocking::undo(connection, None, error)),
    }
}

fn rows(
    connection: &mut dyn Connection,
    machine: &mut Machine,
    deadline: Option<Instant>,
    out: &mut dyn RowSink,
) -> Result<()> {
    let (plan, params) = machine.bound();
    let first = &plan.steps[0];
    match connection.nesting() {
        Some(nesting) => {
            nesting.run_nesting(first, &params, deadline, &mut |beside, cells| match machine.keep(cells) {
                BATCH => batch(beside, machine, deadline, out),
                _ => Ok(()),
            })?;
        }
        None => {
            let mut kept = Buffer::default();
            let mut feed: Feed<'_, dyn RowSink> = Feed::Buffer(&mut kept, None);
            connection.run(first, &params, deadline, &mut feed)?;
            for row in kept.rows {
                let cells: Vec<ValueRef<'_>> = row.iter().map(Value::as_ref).collect();
                if machine.keep(&cells) == BATCH {
                    batch(&mut Idle(connection), machine, deadline, out)?;
                }
            }
        }
    }
    batch(&mut Idle(connection), machine, deadline, out)
}

/// A connection that gives no rows now.
struct Idle<'i, 'c>(&'i mut (dyn Connection + 'c));

impl Reading for Idle<'_, '_> {
    fn run(&mut self, step: &Step, params: &[Value], deadline: Option<Instant>, sink: &mut dyn RowSink) -> Result<u64> {
        self.0.run(step, params, deadline, sink)
    }
}

/// Reads what is related to the rows that are kept, and gives them.
fn batch(
    connection: &mut dyn Reading,
    machine: &mut Machine,
    deadline: Option<Instant>,
    out: &mut dyn RowSink,
) -> Result<()> {
    for index in 1..machine.plan().steps.len() {
        if machine.descend(index) {
            let (step, params, mut feed) = machine.feed(index, out);
            connection.run(step, params, deadline, &mut feed)?;
        }
    }
    machine.join(out)
}
