//! Requests that apply together, each free to use what earlier ones answered. It says what to run next and is told how
//! it went; whoever runs it has begun a transaction, and rolls it back when anything fails.

use crate::adapter::{Connection, Intent};
use crate::client::attempt::Attempt;
use crate::client::call::Call;
use crate::client::response::{Answered, Head};
use crate::client::{Client, Response};
use crate::error::{Error, ErrorKind, FieldFault, Result};
use crate::exec::{Machine, blocking};
use crate::query::batch::{self, Entry, fault_of, look_up};
use crate::query::{size, validate};
use crate::request::{Operation, Request};
use crate::row::RecordSink;
use crate::schema::EntityId;
use crate::value::{Map, Value};
use std::time::Instant;

/// What runs next.
pub(super) enum Turn {
    /// A request.
    Machine(Box<Machine>),
    /// A declared operation.
    Call(Box<Call>),
}

/// The request that a batch is.
pub(super) fn request(entries: impl IntoIterator<Item = Request>) -> Request {
    let entry = |request: Request| {
        let mut entry = Map(Vec::with_capacity(request.args.len() + 2));
        entry.insert("operation", request.operation.as_str());
        entry.insert("entity", request.entity.as_ref());
        entry.0.extend(request.args.0);
        Value::Map(entry)
    };
    let entries: Vec<Value> = entries.into_iter().map(entry).collect();
    Request::new(Operation::Batch, "").arg("entries", Value::List(entries))
}

/// A batch under way.
pub(super) struct Batch {
    client: Client,
    entries: Vec<Entry>,
    entities: Vec<EntityId>,
    /// Entries without references, made ready before anything ran.
    ready: Vec<Option<Machine>>,
    /// The results that later entries refer to, as data.
    seen: Vec<Option<Value>>,
    referred_to: Vec<bool>,
    answers: Vec<Answered>,
    /// The number of the savepoint that it runs in; 0 in a transaction of its own.
    savepoint: u32,
    /// Bytes of the texts of all entries, with those put in place of references so far.
    bytes: usize,
}

impl Batch {
    /// Checks all that can be known before anything runs.
    pub(super) fn new(client: &Client, requests: Vec<Request>) -> Result<Batch> {
        Batch::checked(client, requests).map_err(|error| error.with_operation(Operation::Batch.as_str()))
    }

    /// The same of a request in its data form.
    pub(super) fn of(client: &Client, request: &Request) -> Result<Batch> {
        let requests = batch::entries(&client.engine.limits, request)
            .map_err(|error| error.with_operation(Operation::Batch.as_str()))?;
        Batch::new(client, requests)
    }

    fn checked(client: &Client, requests: Vec<Request>) -> Result<Batch> {
        let engine = &client.engine;
        let entries = batch::references(&engine.schema, &engine.limits, requests)?;
        let mut batch = Batch {
            client: client.clone(),
            entities: Vec::with_capacity(entries.len()),
            ready: Vec::with_capacity(entries.len()),
            seen: vec![None; entries.len()],
            referred_to: vec![false; entries.len()],
            answers: Vec::with_capacity(entries.len()),
            savepoint: 0,
            bytes: entries.iter().map(|entry| entry.bytes).sum(),
            entries,
        };
        let (mut faults, mut other) = (Vec::new(), None);
        for (index, entry) in batch.entries.iter().enumerate() {
            for reference in &entry.references {
                batch.referred_to[reference.entry] = true;
            }
            let known = engine.entity_of(&client.caller, &entry.request);
            batch.entities.push(*known.as_ref().unwrap_or(&EntityId(0)));
            let prepared = match known {
                Ok(_) if !entry.references.is_empty() => Ok(None),
                // Checked here, and again when its turn comes.
                Ok(_) if entry.request.operation == Operation::Call => {
                    Call::new(client, &entry.request, 0).and_then(|call| call.joins()).map(|()| None)
                }
                Ok(_) => engine.prepare(&client.caller, &entry.request).map(Some),
                Err(error) => Err(error),
            };
            match client.finish(&entry.request, prepared) {
                Ok(machine) => batch.ready.push(machine),
                Err(error) if error.kind() == ErrorKind::ValidationError && !error.fields().is_empty() => {
                    let named =
                        |fault: &FieldFault| FieldFault { field: fault_of(index, &fault.field), ..fault.clone() };
                    faults.extend(error.fields().iter().map(named));
                }
                Err(error) => drop(other.get_or_insert(error.of_entry(index))),
            }
        }
        match other {
            _ if !faults.is_empty() => Err(Error::invalid(faults)),
            Some(error) => Err(error),
            None => Ok(batch),
        }
    }

    pub(super) fn intent(&self) -> Intent {
        let writes = self.entries.iter().any(|entry| entry.request.operation.writes());
        if writes { Intent::Write } else { Intent::Read }
    }

    /// What to run next; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Turn>> {
        let index = self.answers.len();
        let Some(entry) = self.entries.get(index) else { return Ok(None) };
        if entry.request.operation == Operation::Call {
            let (bytes, request) = self.with_values(entry);
            self.bytes = bytes;
            let call = request.and_then(|request| Call::new(&self.client, &request, self.savepoint));
            let call = call.and_then(|call| call.joins().map(|()| Turn::Call(Box::new(call))));
            return call.map(Some).map_err(|error| error.of_entry(index));
        }
        let machine = match self.ready[index].take() {
            Some(machine) => machine,
            None => {
                let (bytes, filled) = self.filled(entry);
                self.bytes = bytes;
                filled.map_err(|error| error.of_entry(index))?
            }
        };
        Ok(Some(Turn::Machine(Box::new(machine.joined()))))
    }

    /// The entry with values in place of its references, and how many bytes the batch has then.
    fn with_values(&self, entry: &Entry) -> (usize, Result<Request>) {
        let client = &self.client;
        let (mut values, mut faults) = (Vec::with_capacity(entry.references.len()), Vec::new());
        let mut bytes = self.bytes;
        for reference in &entry.references {
            match look_up(self.seen[reference.entry].as_ref().unwrap_or(&Value::Null), reference) {
                Ok(value) => {
                    // A long text that many places refer to is as many texts.
                    bytes = bytes.saturating_add(size::bytes(value));
                    if let Err(error) = validate::bytes(&client.engine.limits, bytes) {
                        return (bytes, client.finish(&entry.request, Err(error)));
                    }
                    values.push(value.clone());
                }
                Err(message) => {
                    faults.push(FieldFault {
                        field: reference.at.clone(),
                        message: format!("$ref: {message}"),
                        index: None,
                    });
                }
            }
        }
        let found = if faults.is_empty() { Ok(entry.filled(values)) } else { Err(Error::invalid(faults)) };
        (bytes, client.finish(&entry.request, found))
    }

    fn filled(&self, entry: &Entry) -> (usize, Result<Machine>) {
        let client = &self.client;
        let (bytes, request) = self.with_values(entry);
        let ready = request.and_then(|request| client.engine.prepare(&client.caller, &request));
        (bytes, client.finish(&entry.request, ready))
    }

    /// Takes the answer of what [`Batch::next`] gave, or says which entry failed.
    pub(super) fn answered(&mut self, result: Result<Response>) -> Result<()> {
        let index = self.answers.len();
        let response =
            self.client.finish(&self.entries[index].request, result).map_err(|error| error.of_entry(index))?;
        if self.referred_to[index] {
            self.seen[index] = Some(response.clone().into_value());
        }
        self.answers.push(Answered { entity: self.entities[index], response });
        Ok(())
    }

    pub(super) fn response(self) -> Response {
        Response::Batch(self.answers)
    }

    /// Runs all entries on a connection with a transaction open.
    pub(super) fn run(&mut self, connection: &mut dyn Connection, deadline: Option<Instant>) -> Result<()> {
        while let Some(turn) = self.next()? {
            let ran = match turn {
                Turn::Call(call) => call.joined(connection, deadline),
                Turn::Machine(mut machine) => {
                    let (head, mut sink) = (Head::of(&machine), RecordSink::default());
                    let ran = blocking::run(connection, &mut machine, None, deadline, &mut sink);
                    ran.and_then(|summary| head.envelope(summary)?.with(sink.records))
                }
            };
            self.answered(ran)?;
        }
        Ok(())
    }

    /// Runs it as a transaction of its own.
    pub(super) fn alone(mut self, connection: &mut dyn Connection, deadline: Option<Instant>) -> Result<Response> {
        let said = |error: Error| error.with_operation(Operation::Batch.as_str());
        connection.begin_guarded(deadline).map_err(said)?;
        match self.run(connection, deadline) {
            Ok(()) => connection.commit().map_err(said)?,
            Err(error) => return Err(undone(error, connection.rollback())),
        }
        Ok(self.response())
    }

    /// Runs it inside a transaction: a failed one leaves nothing and the transaction goes on.
    pub(super) fn inside(
        mut self,
        connection: &mut dyn Connection,
        savepoint: u32,
        deadline: Option<Instant>,
    ) -> Result<Response> {
        let said = |error: Error| error.with_operation(Operation::Batch.as_str());
        self.savepoint = savepoint;
        connection.savepoint(savepoint).map_err(said)?;
        match self.run(connection, deadline) {
            Ok(()) => connection.release(savepoint).map_err(said)?,
            Err(error) => return Err(undone(error, connection.rollback_to(savepoint))),
        }
        Ok(self.response())
    }
}

/// The first error is the one that matters, unless undoing failed as well.
fn undone(error: Error, undone: Result<()>) -> Error {
    match undone {
        Err(failed) if error.kind() != ErrorKind::Timeout => failed,
        _ => error,
    }
}

impl Client {
    /// Runs requests in one transaction, all or none, and gives their answers in order. An entry may use a value that
    /// an earlier one answered: `{"$ref": "0.id"}` stands for the `id` in the result of the first entry, wherever a
    /// value may stand but inside json documents. Entries are numbered from 0.
    ///
    /// ```
    /// use dbal::{Client, Config, Operation, Request, value};
    /// let schema = "
    /// entity: Author
    /// fields: { id: { type: uuid, primary: true, generated: true }, name: { type: string } }
    /// ---
    /// entity: Book
    /// fields:
    ///   id: { type: uuid, primary: true, generated: true }
    ///   author_id: { type: uuid, foreign_key: { entity: Author } }
    /// ";
    /// let db = Client::open(Config::memory().schema_text(schema))?;
    /// let answers = db.batch([
    ///     Request::new(Operation::Create, "Author").arg("data", value!({ "name": "Ada" })),
    ///     Request::new(Operation::Create, "Book").arg("data", value!({ "author_id": { "$ref": "0.id" } })),
    /// ])?;
    /// assert_eq!(answers.len(), 2);
    /// assert_eq!(db.entity("Book")?.count(dbal::query())?, 1);
    /// # Ok::<(), dbal::Error>(())
    /// ```
    ///
    /// # Errors
    /// What an entry says, with its number in [`Error::entry`] and in the message; nothing is written then.
    pub fn batch(&self, entries: impl IntoIterator<Item = Request>) -> Result<Vec<Response>> {
        #[cfg(feature = "remote")]
        if let Some(remote) = self.far()? {
            return super::far::ask(self, remote, &request(entries))?.batch();
        }
        if self.key.is_some() {
            return self.execute(&request(entries))?.batch();
        }
        let entries: Vec<Request> = entries.into_iter().collect();
        let attempt = Attempt::of_entries(self, &entries)?;
        let done = Batch::new(self, entries).and_then(|batch| self.run_batch(batch));
        Attempt::answered(attempt, done)?.batch()
    }

    pub(super) fn run_batch(&self, batch: Batch) -> Result<Response> {
        let deadline = self.deadline();
        let connected = self.connect(batch.intent(), deadline);
        connected.and_then(|mut connection| batch.alone(&mut *connection, deadline)).map_err(|error| self.told(error))
    }
}
