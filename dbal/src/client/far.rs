//! Requests of a client of a daemon: sent as they are, and their answers as those of a client in the same process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::access::{Checks, Policy};
use crate::adapter::Connection;
use crate::client::channel::{Giver, Taker, Watch, watched};
use crate::client::config::Opened;
use crate::client::response::{Answered, Response};
use crate::client::{Client, told};
use crate::error::{Error, FieldFault, Result};
use crate::query::cursor::CursorKey;
use crate::query::limits::Limits;
use crate::remote::{
    Answer, Batches, Credentials, Endpoint, Kind, Params, Question, Remote, RemoteAdapter, Reply, Transaction,
};
use crate::request::{Operation, Request};
use crate::row::Record;
use crate::schema::Schema;
use crate::value::Value;

/// Where the daemon is, and who asks.
#[derive(Clone, Debug)]
pub(super) struct Place {
    url: String,
    pub credentials: Credentials,
    /// Writes carry keys.
    pub keyed: bool,
}

impl Place {
    pub fn new(url: String) -> Place {
        Place { url, credentials: Credentials::default(), keyed: true }
    }

    /// `bare`: the configuration says nothing that is the daemon's to say.
    pub fn open(self, bare: bool, limits: Limits, timeout: Option<Duration>) -> Result<Opened> {
        if !bare {
            let message = "schema, rules and handlers are the daemon's; give either an endpoint or these";
            return Err(Error::validation("endpoint", message));
        }
        let endpoint = Endpoint::parse(&self.url)?;
        let remote = Arc::new(Remote::open(endpoint, self.credentials, self.keyed, timeout)?);
        let schema = remote.schema().clone();
        Ok(Opened {
            policy: Policy::from_acl(&schema).0,
            schema,
            adapter: Arc::new(RemoteAdapter(remote.clone())),
            copies: None,
            warnings: Vec::new(),
            limits,
            timeout,
            cursor_key: CursorKey::of_process(),
            handlers: std::collections::HashMap::new(),
            failures: super::failures::Tell::default(),
            audit: None,
            // Rows and operations are the daemon's.
            sweep: None,
            checks: Checks::new(),
            declared: Vec::new(),
            row_level: true,
            far: Some(remote),
        })
    }
}

/// What may be done when the answer does not come.
fn kind(client: &Client, remote: &Remote, request: &Request) -> Result<Kind> {
    Ok(match (client.key_for(request)?, request.operation.writes()) {
        (Some(key), _) => Kind::Keyed { key: key.to_owned(), asked: true },
        (None, true) => remote.write(),
        (None, false) => Kind::Read,
    })
}

/// Asks and waits.
pub(super) fn ask(client: &Client, remote: &Remote, request: &Request) -> Result<Response> {
    let kind = kind(client, remote, request)?;
    let reply = remote.ask(question(client, request, kind, client.deadline())?);
    let answer = match &client.cancel {
        Some(cancel) => reply.wait_unless(cancel)?,
        None => reply.wait()?,
    };
    response(client, request, answer)
}

/// Asks and awaits.
pub(super) async fn asked(client: &Client, remote: &Remote, request: &Request) -> Result<Response> {
    let kind = kind(client, remote, request)?;
    let reply = remote.ask(question(client, request, kind, client.deadline())?);
    response(client, request, reply.await?)
}

/// Asks inside a transaction and waits.
pub(super) fn ask_in(
    client: &Client,
    remote: &Remote,
    request: &Request,
    connection: &mut dyn Connection,
    deadline: Option<Instant>,
) -> Result<Response> {
    let far = connection.far().ok_or_else(|| Error::internal("a transaction of a daemon that never began"))?;
    let inside = Kind::Inside(Transaction::new(far.connection, far.number));
    let mut question = question(client, request, inside, deadline)?;
    question.params.push_str(&format!(",\"transaction\":{}", far.number));
    response(client, request, remote.ask(question).wait_unless(&far.cancel)?)
}

fn question(client: &Client, request: &Request, kind: Kind, deadline: Option<Instant>) -> Result<Question> {
    let params = Params::of(request).finish().map_err(|faults| refused(client, request, faults))?;
    Ok(Question { method: "request", params, kind, packed: has_rows(request), deadline, rows: None })
}

/// Whether the answer is rows, all of one entity.
fn has_rows(request: &Request) -> bool {
    match request.operation {
        Operation::Create
        | Operation::Read
        | Operation::Update
        | Operation::Upsert
        | Operation::UpsertMany
        | Operation::List
        | Operation::FindMany
        | Operation::First
        | Operation::Stream
        | Operation::Distinct
        | Operation::Aggregate => true,
        Operation::CreateMany => request.args.get("returning") != Some(&Value::Bool(false)),
        Operation::Delete
        | Operation::Count
        | Operation::UpdateMany
        | Operation::DeleteMany
        | Operation::Call
        | Operation::Batch => false,
    }
}

fn refused(client: &Client, request: &Request, faults: Vec<(String, String)>) -> Error {
    let fault = |(field, message)| FieldFault { field, message, index: None };
    let error = Error::invalid(faults.into_iter().map(fault).collect());
    error.with_operation(request.operation.as_str()).with_entity(client.engine.called(request))
}

/// Starts a stream.
pub(super) fn stream(client: &Client, remote: &Arc<Remote>, request: &Request) -> Result<Taker> {
    let sent = Request { operation: Operation::Stream, ..request.clone() };
    let params = Params::of_stream(&sent).finish().map_err(|faults| refused(client, request, faults))?;
    let reply = Arc::new(Mutex::new(None));
    let (giver, taker) = watched(Box::new(Credit(reply.clone())));
    let rows =
        Rows { giver: Mutex::new(Some(giver)), schema: client.schema().clone(), entity: request.entity.to_string() };
    let question = Question {
        method: "stream",
        params,
        kind: Kind::Read,
        packed: true,
        deadline: client.deadline(),
        rows: Some(Arc::new(rows)),
    };
    *reply.lock() = Some(remote.ask(question));
    Ok(taker)
}

/// Lets the daemon send a batch more for each that was taken.
#[derive(Debug)]
struct Credit(Arc<Mutex<Option<Reply>>>);

impl Watch for Credit {
    fn taken(&self) {
        if let Some(reply) = &*self.0.lock() {
            reply.credit();
        }
    }

    fn left(&self) {
        // Dropped, it is cancelled.
        drop(self.0.lock().take());
    }
}

/// Hands the rows of a stream over.
#[derive(Debug)]
struct Rows {
    giver: Mutex<Option<Giver>>,
    schema: Arc<Schema>,
    entity: String,
}

impl Batches for Rows {
    fn packed(&self, rows: Vec<Record>) {
        if let Some(giver) = &*self.giver.lock() {
            giver.push(rows);
        }
    }

    fn plain(&self, rows: Value) {
        let entity = self.schema.find(&self.entity);
        self.packed(told::records(&self.schema, entity, rows));
    }

    fn end(&self, done: Result<()>) {
        if let Some(giver) = self.giver.lock().take() {
            giver.end(done);
        }
    }
}

/// The answer to a request in its own shape.
fn response(client: &Client, request: &Request, answer: Answer) -> Result<Response> {
    let schema = client.schema();
    let (envelope, entity, records) = match answer {
        Answer::Plain(value) => return told::response(schema, request, value),
        Answer::Rows { envelope, entity, records } => (envelope, entity, records),
    };
    let response = told::envelope(&envelope)?.with(records)?;
    match (request.operation, entity.or_else(|| schema.find(&request.entity))) {
        (Operation::Call, Some(entity)) => Ok(Response::Called(Box::new(Answered { entity, response }))),
        _ => Ok(response),
    }
}
