//! Writes that carry an idempotency key: applied once, however often they are sent.
//!
//! A key is claimed first, in the transaction of the write itself, by a row that only one of two can make: the other
//! waits for it where the database lets writers wait, and is run again where it does not. The answer is put into that
//! row before the commit, so that key, effect and answer are there together or not at all. Who finds the row gets the
//! answer in it. A request that fails takes its claim along.

mod answer;
mod seal;

use std::sync::Arc;
use std::time::Instant;

use crate::adapter::{Connection, Intent};
use crate::client::batch::Batch;
use crate::client::call::{Call, on};
use crate::client::engine::Caller;
use crate::client::retry::{Tries, is_serialization};
use crate::client::{Client, Response, TransactionOptions};
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::exec::Machine;
use crate::request::{Operation, Request};
use crate::row::Record;
use crate::schema::{EntityId, IDEMPOTENCY_KEYS};
use crate::value::{DateTime, Map, Value, json};
use seal::Seal;

/// How long a key is kept, in milliseconds: a day.
const KEPT: i64 = 24 * 60 * 60 * 1_000;

/// The longest key.
const LONGEST: usize = 128;

/// The longest answer that is kept. Of a longer one it is only known that there was one.
const MOST: usize = 1 << 20;

/// How often one is run again that met another transaction. Where writers do not wait for each other, all that send one
/// key at once take turns.
const TURNS: u32 = 12;

/// The name that faults of a key go by.
const FIELD: &str = "idempotency_key";

/// A write with its key, ready to run.
pub(super) struct Keyed {
    /// Who asks. Its own key is not passed on.
    client: Client,
    /// Trusted: keys are the engine's own business.
    own: Client,
    /// What keeps them.
    entity: EntityId,
    seal: Seal,
    /// For errors.
    request: Request,
    work: Work,
    /// The work was begun: a batch cannot be run again.
    begun: bool,
}

enum Work {
    One(Box<Machine>),
    Batch(Option<Box<Batch>>),
    Call(Arc<Call>),
}

/// What came of a claim.
enum Claim {
    Made,
    /// Somebody has the key.
    Taken,
}

impl Client {
    /// The same client for one write with an idempotency key: sent again with the same key, it is answered as the first
    /// time and not applied again, for a day. The same key with another request is CONFLICT. Keys belong to a caller,
    /// who should draw them at random; 1 to 128 visible ASCII characters. It takes a schema with `idempotency: true`.
    ///
    /// ```
    /// use dbal::{Client, Config, query, value};
    /// let schema = "
    /// idempotency: true
    /// ---
    /// entity: Note
    /// fields: { id: { type: uuid, primary: true, generated: true }, text: { type: string } }
    /// ";
    /// let db = Client::open(Config::memory().schema_text(schema))?;
    /// let once = db.with_idempotency_key("6f1c2a8e");
    /// let first = once.entity("Note")?.create(value!({ "text": "hello" }))?;
    /// let again = once.entity("Note")?.create(value!({ "text": "hello" }))?;
    /// assert_eq!(first, again);
    /// assert_eq!(db.entity("Note")?.count(query())?, 1);
    /// let other = once.entity("Note")?.create(value!({ "text": "something else" }));
    /// assert_eq!(other.unwrap_err().code(), "CONFLICT");
    /// # Ok::<(), dbal::Error>(())
    /// ```
    pub fn with_idempotency_key(&self, key: &str) -> Client {
        Client { key: Some(key.into()), ..self.clone() }
    }

    /// Whether writes of this caller may carry an idempotency key: the schema keeps them, and it is known whose they are.
    pub fn keeps_idempotency_keys(&self) -> bool {
        self.engine.schema.by_name(IDEMPOTENCY_KEYS).is_some() && owner(&self.caller).is_some()
    }

    /// The key that a request goes with, if it may have one.
    pub(super) fn key_for(&self, request: &Request) -> Result<Option<&str>> {
        let Some(key) = self.key.as_deref() else { return Ok(None) };
        let wrong = |message: String| {
            let error = Error::validation(FIELD, message).with_operation(request.operation.as_str());
            Err(error.with_entity(self.engine.called(request)))
        };
        if !(1..=LONGEST).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return wrong(format!("expected 1 to {LONGEST} visible ASCII characters"));
        }
        if !request.operation.writes() {
            return wrong(format!("only a write has a key, and {} changes nothing", request.operation.as_str()));
        }
        Ok(Some(key))
    }

    /// Refuses a key for what is not one write.
    pub(super) fn unkeyed(&self, what: &str) -> Result<()> {
        match self.key {
            None => Ok(()),
            Some(_) => Err(Error::validation(FIELD, format!("only a write by itself has a key, not {what}"))),
        }
    }

    /// A write that carries a key; none without one.
    pub(super) fn keyed(&self, request: &Request) -> Result<Option<Keyed>> {
        if self.key.is_none() {
            return Ok(None);
        }
        let schema = &self.engine.schema;
        let Some(entity) = schema.by_name(IDEMPOTENCY_KEYS) else {
            let message = "no idempotency keys are kept here: the schema does not say `idempotency: true`";
            return Err(Error::unsupported("idempotency", message));
        };
        let Some(key) = self.key_for(request)? else { return Ok(None) };
        let Some(owner) = owner(&self.caller) else {
            return Err(Error::forbidden("an idempotency key belongs to a caller, and an anonymous one is nobody"));
        };
        let client = Client { key: None, ..self.clone() };
        let work = match request.operation {
            Operation::Batch => Work::Batch(Some(Box::new(Batch::of(&client, request)?))),
            Operation::Call => Work::Call(Arc::new(Call::new(&client, request, 0)?)),
            _ => {
                let machine = client.engine.prepare(&client.caller, request);
                Work::One(Box::new(client.finish(request, machine)?.joined()))
            }
        };
        let args = json::to_wire(&Value::Map(request.args.clone()));
        let entity_name = client.engine.called(request);
        let asked = [request.operation.as_str().as_bytes(), entity_name.as_bytes(), args.as_bytes()];
        let seal = Seal::new(&owner, key, &asked);
        let own = Client { caller: Arc::new(Caller::Trusted), ..client.clone() };
        let request = Request::new(request.operation, request.entity.clone());
        Ok(Some(Keyed { client, own, entity, seal, request, work, begun: false }))
    }
}

/// Bytes that no other caller has; none of one who is nobody in particular.
fn owner(caller: &Caller) -> Option<Vec<u8>> {
    let Some(principal) = caller.principal() else { return Some(b"trusted".to_vec()) };
    match principal.user.get("id") {
        None | Some(Value::Null | Value::Undefined) => None,
        Some(id) => Some([b"user ".as_slice(), json::to_wire(id).as_bytes()].concat()),
    }
}

impl Keyed {
    /// Runs it by itself, on the caller's thread.
    pub fn alone(mut self) -> Result<Response> {
        let deadline = self.client.deadline();
        if let Work::Call(call) = &self.work
            && Keyed::waits(call)
        {
            // Neither counted nor verified again: an answer that is there is given.
            let call = call.clone();
            let kept = self.kept(&mut *self.own.connect(Intent::Read, deadline)?, deadline)?;
            if let Some(answer) = kept {
                return answer;
            }
            call.prepared()?;
        }
        let client = self.client.clone();
        self.on(&mut *client.connect(Intent::Write, deadline)?, deadline)
    }

    /// Whether it does things in between for which no connection is held.
    #[cfg(feature = "async")]
    pub fn is_long(&self) -> bool {
        matches!(&self.work, Work::Call(call) if Keyed::waits(call))
    }

    fn waits(call: &Call) -> bool {
        call.counted().is_some() || call.verifies()
    }

    /// Runs it on a connection.
    pub fn on(&mut self, connection: &mut dyn Connection, deadline: Option<Instant>) -> Result<Response> {
        let mut tries = Tries::new(TransactionOptions { retries: TURNS, timeout: None }, deadline);
        loop {
            match self.once(connection, deadline) {
                Err(error) if is_serialization(&error) && self.repeats() => match tries.next() {
                    Some(pause) => std::thread::sleep(pause),
                    None => return Err(self.said(error)),
                },
                done => return done,
            }
        }
    }

    fn repeats(&self) -> bool {
        match &self.work {
            Work::One(_) => true,
            Work::Batch(batch) => batch.is_some(),
            Work::Call(call) => !self.begun || !call.is_handled(),
        }
    }

    /// One transaction: the claim, the work, its answer.
    fn once(&mut self, connection: &mut dyn Connection, deadline: Option<Instant>) -> Result<Response> {
        connection.begin(deadline).map_err(|error| self.said(error))?;
        let done = match self.claim(connection, deadline) {
            Ok(Claim::Made) => self.work(connection, deadline),
            Ok(Claim::Taken) => {
                connection.rollback().map_err(|error| self.said(error))?;
                return match self.kept(connection, deadline)? {
                    Some(answer) => answer,
                    None => {
                        self.forget(connection, deadline)?;
                        Err(self.said(Error::conflict(Reason::Serialization, &[FIELD], "the key was just given up")))
                    }
                };
            }
            Err(error) => Err(self.said(error)),
        };
        match done {
            Ok(response) => connection.commit().map(|()| response).map_err(|error| self.said(error)),
            Err(error) => match connection.rollback() {
                Err(failed) if error.kind() != ErrorKind::Timeout => Err(self.said(failed)),
                _ => Err(error),
            },
        }
    }

    fn claim(&self, connection: &mut dyn Connection, deadline: Option<Instant>) -> Result<Claim> {
        let end = DateTime::from_epoch_millis(DateTime::now().epoch_millis().saturating_add(KEPT));
        let end = end.ok_or_else(|| Error::internal("a key ends after the year 9999"))?;
        let row = Map(vec![
            ("id".into(), self.seal.id.clone().into()),
            ("request".into(), self.seal.request.clone().into()),
            ("expires_at".into(), Value::DateTime(end)),
        ]);
        let request = Request::new(Operation::Create, IDEMPOTENCY_KEYS).arg("data", row);
        match self.ask(connection, &request, deadline) {
            Ok(_) => Ok(Claim::Made),
            Err(error) if error.reason() == Some(Reason::Unique) => Ok(Claim::Taken),
            Err(error) => Err(error),
        }
    }

    /// Does what is asked, and keeps the answer.
    fn work(&mut self, connection: &mut dyn Connection, deadline: Option<Instant>) -> Result<Response> {
        self.begun = true;
        let response = match &mut self.work {
            Work::One(machine) => {
                let ran = on(connection, (**machine).clone(), deadline);
                self.client.finish(&self.request, ran)?
            }
            Work::Batch(batch) => {
                let mut batch = *batch.take().ok_or_else(|| Error::internal("a batch that ran already"))?;
                batch.run(connection, deadline).map_err(|error| self.client.told(error))?;
                batch.response()
            }
            Work::Call(call) => call.body(connection, deadline)?,
        };
        self.keep(connection, &response, deadline).map_err(|error| self.said(error))?;
        Ok(response)
    }

    fn keep(&self, connection: &mut dyn Connection, response: &Response, deadline: Option<Instant>) -> Result<()> {
        let plain = answer::written(&self.client.engine.schema, response);
        if plain.len() > MOST {
            return Ok(());
        }
        let sealed = Map(vec![("answer".into(), Value::Bytes(self.seal.seal(&plain)?))]);
        let request = Request::new(Operation::Update, IDEMPOTENCY_KEYS);
        let request = request.arg("id", self.seal.id.clone()).arg("data", sealed);
        self.ask(connection, &request, deadline).map(drop)
    }

    /// What the key stands for: the first answer, or why it cannot be given. None when nobody has it any more.
    fn kept(&self, connection: &mut dyn Connection, deadline: Option<Instant>) -> Result<Option<Result<Response>>> {
        let id = Map(vec![("id".into(), self.seal.id.clone().into())]);
        let request = Request::new(Operation::First, IDEMPOTENCY_KEYS).arg("filter", id);
        let found = self.ask(connection, &request, deadline).and_then(Response::maybe);
        let found = found.map_err(|error| self.said(error))?;
        Ok(found.map(|row| self.given_again(&row).map_err(|error| self.said(error))))
    }

    fn given_again(&self, row: &Record) -> Result<Response> {
        let conflict = |message: &'static str| Err(Error::conflict(Reason::Unique, &[FIELD], message));
        if row.get("request").and_then(Value::as_str) != Some(self.seal.request.as_str()) {
            return conflict("this idempotency key was used for another request");
        }
        let Some(Value::Bytes(stored)) = row.get("answer") else {
            return conflict("this request was applied already, and its answer was too long to be kept");
        };
        let plain = self.seal.open(stored);
        match plain.and_then(|plain| answer::read(&self.client.engine.schema, &plain)) {
            Some(response) => Ok(response),
            None => conflict("this request was applied already, and its answer cannot be read any more"),
        }
    }

    /// Removes a key past its time, which still holds its place.
    fn forget(&self, connection: &mut dyn Connection, deadline: Option<Instant>) -> Result<()> {
        let over = self.own.engine.expired(self.entity, Some(Value::Text(self.seal.id.clone())));
        let removed = over.and_then(|machine| {
            connection.begin(deadline)?;
            match on(connection, machine.joined(), deadline) {
                Ok(_) => connection.commit(),
                Err(error) => connection.rollback().and(Err(error)),
            }
        });
        removed.map_err(|error| self.said(error))
    }

    fn ask(&self, connection: &mut dyn Connection, request: &Request, deadline: Option<Instant>) -> Result<Response> {
        on(connection, self.own.engine.prepare(&self.own.caller, request)?.joined(), deadline)
    }

    /// An error of the key, as one of the request.
    fn said(&self, error: Error) -> Error {
        let error = error.with_operation(self.request.operation.as_str());
        match self.request.operation {
            Operation::Batch => self.client.told(error),
            _ => self.client.told(error.with_entity(self.client.engine.called(&self.request))),
        }
    }
}
