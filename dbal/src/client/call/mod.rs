//! Operations that the schema declares, run by name: who may call, how often, then what the body says.
//!
//! A call has up to four parts, in this order. Its form and its caller are checked before anything runs. A rate limit
//! is counted in a transaction of its own, which stays when all else fails. Secrets are verified by a read and the
//! slow hash after it, while no connection is held. The other steps run in one transaction, all or none, like any
//! requests of the caller, or of trusted code where the operation runs as the system.

mod answer;
pub mod handler;
mod input;
mod limit;
mod secret;
mod steps;
mod tree;

use std::sync::Arc;
use std::time::Instant;

use crate::adapter::{Connection, Intent};
use crate::client::engine::Caller;
use crate::client::retry::{Tries, is_serialization};
use crate::client::{Client, Response, TransactionOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::exec::Machine;
use crate::query::validate;
use crate::request::{Operation, Request};
use crate::schema::{Act, Body, EntityId, OperationDecl, Requirement};
use crate::value::{DateTime, Map, Value};
use handler::Handler;

pub(super) use secret::Secret;
pub(super) use steps::on;

/// How deep handlers may call operations in turn.
const MOST_NESTED: u32 = 16;

/// How often a call is run again that lost to another transaction. More often than a transaction of a program's own: all
/// calls that count one caller's tries, or that move rows of one tree, write one and the same row, and a database that
/// refuses the second writer instead of letting it wait is asked again until it is this one's turn.
const TURNS: u32 = 8;

/// One call, checked and ready to run.
pub(super) struct Call {
    /// Who calls.
    client: Client,
    /// On whose behalf the body runs.
    body: Client,
    entity: EntityId,
    /// Which operation of the entity.
    at: usize,
    input: Map,
    now: DateTime,
    handler: Option<Handler>,
    /// The number of the savepoint that it runs in; 0 in a transaction of its own.
    savepoint: u32,
    /// How many handlers it is in.
    nested: u32,
}

impl Call {
    /// Checks all that can be known before anything runs.
    pub(super) fn new(client: &Client, request: &Request, savepoint: u32) -> Result<Call> {
        Call::nested(client, request, savepoint, 0)
    }

    /// The same of a call that a handler makes.
    fn nested(client: &Client, request: &Request, savepoint: u32, nested: u32) -> Result<Call> {
        Call::checked(client, request, savepoint, nested).map_err(|error| {
            let error = error.with_operation(Operation::Call.as_str());
            error.with_entity(client.engine.called(request))
        })
    }

    fn checked(client: &Client, request: &Request, savepoint: u32, nested: u32) -> Result<Call> {
        let engine = &client.engine;
        let entity = engine.entity_of(&client.caller, request)?;
        let declared = engine.schema.entity(entity);
        let (name, input) = input::options(request)?;
        let Some(at) = declared.operations.iter().position(|decl| decl.name == name) else {
            let callable = |decl: &&OperationDecl| permitted(client, decl).is_ok();
            let names = declared.operations.iter().filter(callable).map(|decl| decl.name.as_str());
            let near = validate::nearest(name, names);
            let message = format!("{} has no operation `{}`{near}", declared.name, validate::shown(name));
            return Err(Error::validation("name", message));
        };
        let decl = &declared.operations[at];
        permitted(client, decl)?;
        if client.caller.principal().is_some() && !engine.is_checked(entity, at) {
            return Err(refused(decl));
        }
        validate::bytes(&engine.limits, input::bytes(input))?;
        let input = input::check(client, decl, input)?;
        if nested > MOST_NESTED {
            return Err(Error::validation("name", format!("operations call each other more than {MOST_NESTED} deep")));
        }
        let handler = match &decl.body {
            Body::Handler(name) => Some(engine.handlers.get(name.as_str()).cloned().ok_or_else(|| {
                Error::unsupported("call", format!("the host registers no handler {name}, which {} needs", decl.name))
            })?),
            Body::Missing => {
                let message = format!("the schema does not say what {} does, and nothing can be concluded", decl.name);
                return Err(Error::unsupported("call", message));
            }
            Body::Steps(_) => None,
        };
        let caller = match &*client.caller {
            Caller::Bound { principal, .. } if !decl.runs_as_system => {
                Arc::new(engine.bind_for(principal.clone(), entity, at))
            }
            _ => Arc::new(Caller::Trusted),
        };
        let body = Client { caller, ..client.clone() };
        Ok(Call { client: client.clone(), body, entity, at, input, now: DateTime::now(), handler, savepoint, nested })
    }

    fn decl(&self) -> &OperationDecl {
        &self.client.engine.schema.entity(self.entity).operations[self.at]
    }

    /// Refuses what cannot be undone with the transaction around it.
    pub(super) fn joins(&self) -> Result<()> {
        match self.decl().rate_limit {
            None => Ok(()),
            Some(_) => {
                let message = "its calls are counted whatever becomes of them, so it is called by itself, not in a \
                               transaction or a batch";
                Err(self.said(Error::validation("name", message)))
            }
        }
    }

    /// Names the operation, and the inputs at fault; hides from bound callers what is none of theirs.
    fn said(&self, error: Error) -> Error {
        let error = error.with_operation(Operation::Call.as_str());
        let error = error.with_entity(&self.client.engine.schema.entity(self.entity).name);
        match *self.client.caller {
            Caller::Trusted => error,
            Caller::Bound { .. } => error.without_detail(),
        }
    }

    /// What its body needs a connection for.
    pub(super) fn intent(&self) -> Intent {
        let reads = |act: &Act| match act {
            Act::Ask { operation, .. } => Operation::parse(operation).is_some_and(|operation| !operation.writes()),
            Act::VerifySecret { .. } | Act::Tree { .. } | Act::Return(_) => true,
            Act::DeleteExpired { .. } | Act::Reorder { .. } | Act::Move(_) => false,
        };
        match &self.decl().body {
            Body::Steps(steps) if steps.iter().all(|step| reads(&step.act)) => Intent::Read,
            _ => Intent::Write,
        }
    }

    /// Whether its body does anything with a connection, its secrets apart.
    pub(super) fn needs_connection(&self) -> bool {
        match &self.decl().body {
            Body::Steps(steps) => {
                steps.iter().any(|step| !matches!(step.act, Act::VerifySecret { .. } | Act::Return(_)))
            }
            _ => true,
        }
    }

    /// Whether it verifies secrets.
    pub(super) fn verifies(&self) -> bool {
        matches!(&self.decl().body, Body::Steps(steps) if steps.iter().any(|step| matches!(step.act, Act::VerifySecret { .. })))
    }

    /// Counts the call, where calls are counted.
    pub(super) fn count(&self) -> Result<()> {
        let Some(counted) = self.counted() else { return Ok(()) };
        let adapter = &self.client.engine.adapter;
        counted.refused(&mut *adapter.connect(Intent::Read, self.client.deadline())?)?;
        self.again(|deadline| counted.attempt(&mut *adapter.connect(Intent::Write, deadline)?, deadline))
    }

    /// What is counted, and how; none without a rate limit.
    pub(super) fn counted(&self) -> Option<limit::Counted> {
        limit::Counted::of(self)
    }

    /// Secrets to verify before the body, in order.
    pub(super) fn secrets(&self) -> Result<Vec<Secret>> {
        steps::secrets(self).map_err(|error| self.said(error))
    }

    /// Runs it by itself, on the caller's thread.
    pub(super) fn alone(&self) -> Result<Response> {
        self.prepared()?;
        if !self.needs_connection() {
            return self.unconnected();
        }
        let intent = self.intent();
        self.again(|deadline| self.transaction(&mut *self.client.connect(intent, deadline)?, deadline))
    }

    /// Counts it, and verifies its secrets.
    pub(super) fn prepared(&self) -> Result<()> {
        self.count().map_err(|error| self.said(error))?;
        for secret in self.secrets()? {
            let stored = {
                let deadline = self.client.deadline();
                let mut connection = self.client.connect(Intent::Read, deadline)?;
                secret.read(&mut *connection, deadline).map_err(|error| self.said(error))?
            };
            secret.verify(stored).map_err(|error| self.said(error))?;
        }
        Ok(())
    }

    /// Runs the body of one that is prepared, in a transaction that is undone as a whole when it fails.
    pub(super) fn body(&self, connection: &mut dyn Connection, deadline: Option<Instant>) -> Result<Response> {
        self.run(connection, deadline).map_err(|error| self.said(error))
    }

    /// Whether the host carries it out, and may do what nothing undoes.
    pub(super) fn is_handled(&self) -> bool {
        self.handler.is_some()
    }

    /// The answer of a body that does nothing.
    pub(super) fn unconnected(&self) -> Result<Response> {
        steps::returned(self).map_err(|error| self.said(error))
    }

    /// Runs something again that lost to another transaction.
    fn again<T>(&self, mut work: impl FnMut(Option<Instant>) -> Result<T>) -> Result<T> {
        let deadline = self.client.deadline();
        let mut tries = self.tries(deadline);
        loop {
            match work(deadline) {
                Err(error) if is_serialization(&error) => match tries.next() {
                    Some(pause) => std::thread::sleep(pause),
                    None => return Err(self.said(error)),
                },
                done => return done.map_err(|error| self.said(error)),
            }
        }
    }

    fn tries(&self, deadline: Option<Instant>) -> Tries {
        let retries = if self.is_handled() { 0 } else { TURNS };
        Tries::new(TransactionOptions { retries, timeout: None }, deadline)
    }

    /// Runs the body as a transaction of its own.
    pub(super) fn transaction(&self, connection: &mut dyn Connection, deadline: Option<Instant>) -> Result<Response> {
        connection.begin(deadline)?;
        match self.run(connection, deadline) {
            Ok(response) => connection.commit().map(|()| response).map_err(|error| self.said(error)),
            Err(error) => Err(self.said(undone(error, connection.rollback()))),
        }
    }

    /// Runs it inside a transaction: a failed one leaves nothing and the transaction goes on.
    pub(super) fn inside(
        &self,
        connection: &mut dyn Connection,
        savepoint: u32,
        deadline: Option<Instant>,
    ) -> Result<Response> {
        connection.savepoint(savepoint)?;
        match self.joined(connection, deadline) {
            Ok(response) => connection.release(savepoint).map(|()| response).map_err(|error| self.said(error)),
            Err(error) => Err(self.said(undone(error, connection.rollback_to(savepoint)))),
        }
    }

    /// Runs it in a transaction that is undone as a whole when it fails.
    pub(super) fn joined(&self, connection: &mut dyn Connection, deadline: Option<Instant>) -> Result<Response> {
        self.joins()?;
        for secret in self.secrets()? {
            let stored = secret.read(connection, deadline).map_err(|error| self.said(error))?;
            secret.verify(stored).map_err(|error| self.said(error))?;
        }
        self.run(connection, deadline).map_err(|error| self.said(error))
    }

    fn run(&self, connection: &mut dyn Connection, deadline: Option<Instant>) -> Result<Response> {
        let response = match &self.handler {
            Some(handler) => handler::run(self, handler, connection, deadline)?,
            None => steps::run(self, connection, deadline)?,
        };
        Ok(answer::masked(&self.client, self.decl(), response))
    }

    /// The machine of one request of the body.
    fn machine(&self, request: &Request) -> Result<Machine> {
        let client = &self.body;
        client.finish(request, client.engine.prepare(&client.caller, request)).map(Machine::joined)
    }
}

/// Whether the caller may call it at all.
fn permitted(client: &Client, decl: &OperationDecl) -> Result<()> {
    let Some(principal) = client.caller.principal() else { return Ok(()) };
    let refused = || refused(decl);
    if decl.system_only {
        return Err(refused());
    }
    if decl.public {
        return Ok(());
    }
    if decl.requires.is_empty() {
        return Err(refused());
    }
    let (mut roles, mut has_role) = (false, false);
    for requirement in &decl.requires {
        match requirement {
            Requirement::Role(role) => (roles, has_role) = (true, has_role || principal.has_role(role)),
            Requirement::Verb(entity, verb) => {
                client.engine.policy.permits(principal, *entity, *verb).map_err(|_| refused())?;
            }
            Requirement::Unknown(_) => return Err(refused()),
        }
    }
    if roles && !has_role { Err(refused()) } else { Ok(()) }
}

fn refused(decl: &OperationDecl) -> Error {
    Error::forbidden(format!("this caller may not call {}", decl.name))
}

/// The first error is the one that matters, unless undoing failed as well.
fn undone(error: Error, undone: Result<()>) -> Error {
    match undone {
        Err(failed) if error.kind() != ErrorKind::Timeout => failed,
        _ => error,
    }
}

impl Client {
    /// Runs an operation that the schema declares, by its name: `Credential.verify`. What a body writes is written as
    /// a whole or not at all.
    ///
    /// ```
    /// use dbal::{Client, Config, Value, value};
    /// let schema = "
    /// entity: Task
    /// fields: { id: { type: integer, primary: true }, state: { type: string, default: open } }
    /// operations:
    ///   finish:
    ///     input: { required: [id] }
    ///     output: Task
    ///     acl_required: ['task:update']
    ///     steps:
    ///       - { operation: update, id: { $input: id }, data: { state: done }, save: finished }
    ///       - return: { $ref: finished }
    /// ";
    /// let db = Client::open(Config::memory().schema_text(schema))?;
    /// db.entity("Task")?.create(value!({ "id": 1 }))?;
    /// let Value::Record(task) = db.call("Task.finish", value!({ "id": 1 }))?.into_value() else { panic!("not a Task") };
    /// assert_eq!(task.get("state"), Some(&"done".into()));
    /// # Ok::<(), dbal::Error>(())
    /// ```
    ///
    /// # Errors
    /// FORBIDDEN for who may not call it; VALIDATION_ERROR with every faulty input; RATE_LIMIT_EXCEEDED; what the body
    /// says; CAPABILITY_NOT_SUPPORTED for an operation without a body, or whose handler is not registered.
    pub fn call(&self, name: &str, input: impl Into<Value>) -> Result<Response> {
        self.execute(&named(name, input.into())).map(Response::uncalled)
    }

    pub(super) fn run_call(&self, request: &Request) -> Result<Response> {
        Call::new(self, request, 0)?.alone()
    }
}

/// The request of `Entity.operation`.
pub(super) fn named(name: &str, input: Value) -> Request {
    let (entity, operation) = name.rsplit_once('.').unwrap_or(("", name));
    Request::new(Operation::Call, entity.to_owned()).arg("name", operation).arg("input", input)
}
