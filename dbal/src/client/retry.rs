//! How a transaction given as a closure, and a request that is one by itself, is run again when another one got there
//! first.

use std::time::{Duration, Instant};

use std::sync::Arc;

use crate::adapter::Connection;
use crate::client::Client;
use crate::error::{Error, Reason, Result};
use crate::exec::blocking;
use crate::exec::machine::{Machine, Summary};
use crate::row::{Columns, RowSink};
use crate::value::ValueRef;

/// The first pause is at most this long; each later one at most twice as long as the one before.
const FIRST: Duration = Duration::from_millis(100);

/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(5);

/// How a transaction is run.
///
/// ```
/// use std::time::Duration;
/// use dbal::{Client, Config, client::TransactionOptions, value};
/// # let schema = "entity: Note\nfields:\n  id: { type: uuid, primary: true, generated: true }\n  text: { type: string }\n";
/// # let db = Client::open(Config::memory().schema_text(schema))?;
/// let options = TransactionOptions { retries: 5, timeout: Some(Duration::from_secs(2)) };
/// db.transaction_with(options, |tx| tx.entity("Note")?.create(value!({ "text": "x" })))?;
/// # Ok::<(), dbal::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionOptions {
    /// How often the closure is run again, from its first statement, after CONFLICT with reason `serialization`. There
    /// is a pause before each time: random, up to 100 ms, then 200 ms, and so on, 5 s at most.
    pub retries: u32,
    /// The longest that it may take, with all that is run again; the client's own timeout when unset.
    pub timeout: Option<Duration>,
}

impl Default for TransactionOptions {
    fn default() -> Self {
        TransactionOptions { retries: 2, timeout: None }
    }
}

impl TransactionOptions {
    pub(super) fn deadline(&self, client: &Client) -> Option<Instant> {
        match self.timeout {
            Some(timeout) => Instant::now().checked_add(timeout),
            None => client.deadline(),
        }
    }
}

/// Runs a request that is a transaction by itself; where others may get there first, `again`, as often as a closure.
/// What gave rows before it failed is not run again: they cannot be taken back.
///
/// # Errors
/// As [`blocking::run`].
pub(super) fn alone(
    connection: &mut dyn Connection,
    machine: &mut Machine,
    again: bool,
    deadline: Option<Instant>,
    sink: &mut dyn RowSink,
) -> Result<Summary> {
    if !again {
        return blocking::run(connection, machine, None, deadline, sink);
    }
    let mut tries = Tries::new(TransactionOptions::default(), deadline);
    loop {
        let mut given = Given::new(&mut *sink);
        match blocking::run(connection, &mut machine.clone(), None, deadline, &mut given) {
            Err(error) if given.rows == 0 && is_serialization(&error) => match tries.next() {
                Some(pause) => std::thread::sleep(pause),
                None => return Err(error),
            },
            done => return done,
        }
    }
}

/// The same, awaited.
///
/// # Errors
/// As there.
#[cfg(feature = "async")]
pub(super) async fn alone_awaited(
    connection: &mut dyn crate::adapter::Awaited,
    machine: Machine,
    again: bool,
    deadline: Option<Instant>,
    sink: &mut dyn RowSink,
) -> Result<Summary> {
    use crate::exec::nonblocking;
    if !again {
        return nonblocking::run(connection, machine, None, deadline, sink).await;
    }
    let mut tries = Tries::new(TransactionOptions::default(), deadline);
    loop {
        let mut given = Given::new(&mut *sink);
        match nonblocking::run(&mut *connection, machine.clone(), None, deadline, &mut given).await {
            Err(error) if given.rows == 0 && is_serialization(&error) => match tries.next() {
                Some(pause) => connection.pause(pause).await?,
                None => return Err(error),
            },
            done => return done,
        }
    }
}

/// Counts the rows that went through.
pub(super) struct Given<'s> {
    sink: &'s mut dyn RowSink,
    pub(super) rows: u64,
}

impl<'s> Given<'s> {
    pub(super) fn new(sink: &'s mut dyn RowSink) -> Self {
        Given { sink, rows: 0 }
    }
}

impl RowSink for Given<'_> {
    fn start(&mut self, columns: &Arc<Columns>) -> Result<()> {
        self.sink.start(columns)
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        self.rows += 1;
        self.sink.row(cells)
    }
}

/// What is left of the tries of a transaction that a host runs again by itself, as [`Client::transaction_with`] does.
#[derive(Debug)]
pub struct Tries {
    left: u32,
    longest: Duration,
    deadline: Option<Instant>,
}

impl Tries {
    pub(super) fn new(options: TransactionOptions, deadline: Option<Instant>) -> Tries {
        Tries { left: options.retries, longest: FIRST, deadline }
    }

    /// The tries that these options give a transaction of a client.
    pub fn of(client: &Client, options: TransactionOptions) -> Tries {
        Tries::new(options, options.deadline(client))
    }

    /// When all of them must be over.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How long to wait before the next try; none when there is none, or no time for it.
    #[allow(clippy::should_implement_trait, reason = "nobody loops over pauses")]
    pub fn next(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let pause = self.longest.mul_f64(random());
        self.longest = (self.longest * 2).min(LONGEST);
        let in_time = self.deadline.is_none_or(|deadline| Instant::now() + pause < deadline);
        in_time.then_some(pause)
    }
}

/// Whether the whole transaction may be run again.
pub(super) fn is_serialization(error: &Error) -> bool {
    error.reason() == Some(Reason::Serialization)
}

/// From 0 to 1. Transactions that met once would meet again if all waited equally long.
fn random() -> f64 {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("an operating system without randomness runs no database");
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_stop_at_the_deadline() {
        let mut tries = Tries::new(TransactionOptions { retries: 40, timeout: None }, None);
        let mut longest = FIRST;
        for _ in 0..40 {
            let pause = tries.next().expect("there are 40");
            assert!(pause <= longest, "{pause:?} is more than {longest:?}");
            longest = (longest * 2).min(LONGEST);
        }
        assert_eq!(tries.next(), None);
        let passed = Some(Instant::now());
        assert_eq!(Tries::new(TransactionOptions::default(), passed).next(), None);
    }
}
