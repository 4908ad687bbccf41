//! Rows one after the other, in constant memory: a thread reads ahead by a few batches and waits for whoever takes them.

use std::sync::Arc;
use std::time::Instant;
use std::vec;

use crate::adapter::{Cancel, Intent};
use crate::client::Client;
use crate::client::attempt::Attempt;
use crate::client::channel::{Giver, Taker, channel};
use crate::error::{Error, Result};
use crate::exec::{Machine, stream};
use crate::request::{Operation, Request};
use crate::row::{Columns, Record, RowSink};
use crate::value::{Name, ValueRef};

/// Rows in a batch: few hand-overs, little memory.
const BATCH: usize = stream::BATCH;

/// The rows of a request, read while they are taken. The first error ends it. Dropped, it stops reading and gives its
/// connection back; so it does at the client's deadline, be the rows taken or not.
///
/// ```
/// use dbal::{Client, Config, query, value};
/// # let schema = "entity: Note\nfields:\n  id: { type: integer, primary: true }\n";
/// # let db = Client::open(Config::sqlite(":memory:").schema_text(schema))?;
/// # db.migrate()?;
/// # for id in 1..4 { db.entity("Note")?.create(value!({ "id": id }))?; }
/// let mut sum = 0;
/// for note in db.stream("Note", query().filter(value!({ "id": { "$gt": 1 } })))? {
///     sum += note?.get("id").and_then(|id| id.as_i64()).unwrap_or(0);
/// }
/// assert_eq!(sum, 5);
/// # Ok::<(), dbal::Error>(())
/// ```
#[derive(Debug)]
pub struct Rows {
    batches: Taker,
    current: vec::IntoIter<Record>,
    cancel: Cancel,
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Iterator for Rows {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.current.next() {
                return Some(Ok(record));
            }
            match self.batches.take(&self.cancel)? {
                Ok(batch) => self.current = batch.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Client {
    /// The rows that match, one after the other, each with its related rows. Takes what `find_many` takes. Memory
    /// holds some hundred rows at a time, with those related to them: give an include a limit where that may be many.
    ///
    /// # Errors
    /// What is wrong with the request, before anything is read; what happens later comes as an item.
    pub fn stream(&self, entity: &str, query: crate::client::builder::Query) -> Result<Rows> {
        let entity = Name::Owned(self.entity_name(entity)?.to_string());
        self.stream_of(Request { operation: Operation::Stream, entity, args: query.into_args() })
    }

    /// The same of a request.
    ///
    /// # Errors
    /// As [`Client::stream`].
    pub fn stream_of(&self, request: Request) -> Result<Rows> {
        let cancel = Cancel::with(self.cancel.as_ref());
        let attempt = Attempt::of(self, &request)?;
        let batches = Attempt::ended(attempt, None, self.read_ahead(request, cancel.clone()))?;
        Ok(Rows { batches, current: Vec::new().into_iter(), cancel })
    }

    /// Checks a request, and starts the thread that reads its rows.
    pub(super) fn read_ahead(&self, request: Request, cancel: Cancel) -> Result<Taker> {
        self.unkeyed("a stream")?;
        #[cfg(feature = "remote")]
        if let Some(remote) = self.far()? {
            return super::far::stream(self, remote, &request);
        }
        let machine = self.engine.prepare(&self.caller, &request)?;
        let (giver, taker) = channel();
        let (client, deadline) = (self.clone(), self.deadline());
        std::thread::Builder::new()
            .name("dbal-stream".into())
            .spawn(move || {
                let mut sink = Batches::new(&giver, deadline);
                let done = client.read_all(machine, deadline, &cancel, &mut sink).and_then(|()| sink.flush());
                giver.end(client.finish(&request, done));
            })
            .map_err(|error| Error::database("no thread could be started for the stream", error.to_string()))?;
        Ok(taker)
    }

    fn read_all(
        &self,
        machine: Machine,
        deadline: Option<Instant>,
        cancel: &Cancel,
        sink: &mut dyn RowSink,
    ) -> Result<()> {
        let mut connection = match self.copy(&machine).and_then(|copy| copy.connect(deadline)) {
            Some(connection) => connection,
            None => self.engine.adapter.connect(Intent::Read, deadline)?,
        };
        connection.watch(Some(cancel));
        stream::run(&mut *connection, machine, deadline, sink)
    }
}

/// Gathers rows into batches.
struct Batches<'s> {
    giver: &'s Giver,
    deadline: Option<Instant>,
    columns: Arc<Columns>,
    batch: Vec<Record>,
}

impl<'s> Batches<'s> {
    fn new(giver: &'s Giver, deadline: Option<Instant>) -> Self {
        Batches { giver, deadline, columns: Arc::default(), batch: Vec::new() }
    }

    fn flush(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.giver.give(std::mem::take(&mut self.batch), self.deadline)
    }
}

impl RowSink for Batches<'_> {
    fn start(&mut self, columns: &Arc<Columns>) -> Result<()> {
        self.columns = columns.clone();
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        if self.batch.capacity() == 0 {
            self.batch.reserve_exact(BATCH);
        }
        let values = cells.iter().map(|cell| cell.to_value()).collect();
        self.batch.push(Record::new(self.columns.clone(), values));
        if self.batch.len() == BATCH { self.flush() } else { Ok(()) }
    }
}
