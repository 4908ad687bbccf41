//! Operations that the host carries out: a function of Rust, in the transaction of the call.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use super::Call;
use crate::access::Principal;
use crate::adapter::Connection;
use crate::client::handle::{Entity, Execute};
use crate::client::response::{Answered, Head};
use crate::client::{Client, Response};
use crate::error::{Error, Result};
use crate::exec::blocking;
use crate::request::{Operation, Request};
use crate::row::RecordSink;
use crate::value::{Map, Value};

/// What a host registers; see [`Config::handler`](crate::client::Config::handler).
pub type Handler = Arc<dyn Fn(&Inside<'_>, &Map) -> Result<Value> + Send + Sync>;

/// The transaction of a call, in the hands of its handler. Requests through it run as the operation says: on behalf of
/// the caller, or as the system.
pub struct Inside<'c> {
    connection: RefCell<&'c mut dyn Connection>,
    call: &'c Call,
    deadline: Option<Instant>,
}

impl std::fmt::Debug for Inside<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inside").field("operation", &self.call.decl().name).finish_non_exhaustive()
    }
}

impl Inside<'_> {
    /// Who called; none for trusted code.
    pub fn caller(&self) -> Option<&Principal> {
        self.call.client.caller.principal()
    }

    /// A handle on an entity, by name or plural.
    ///
    /// # Errors
    /// VALIDATION_ERROR for an unknown name.
    pub fn entity(&self, name: &str) -> Result<Entity<'_, Self>> {
        Ok(Entity::new(self, self.call.body.entity_name(name)?))
    }

    /// Runs a request. A failed one leaves nothing, and the handler may go on.
    ///
    /// # Errors
    /// Those of the catalogue.
    pub fn execute(&self, request: &Request) -> Result<Response> {
        let client: &Client = &self.call.body;
        let depth = self.call.savepoint + 1;
        let mut connection =
            self.connection.try_borrow_mut().map_err(|_| Error::internal("a handler runs one request at a time"))?;
        match request.operation {
            Operation::Call => {
                let call = Call::nested(client, request, depth, self.call.nested + 1)?;
                call.inside(&mut **connection, depth, self.deadline)
            }
            Operation::Batch => {
                crate::client::batch::Batch::of(client, request)?.inside(&mut **connection, depth, self.deadline)
            }
            _ => {
                let mut machine = client.finish(request, client.engine.prepare(&client.caller, request))?;
                let (head, mut sink) = (Head::of(&machine), RecordSink::default());
                let ran = blocking::run(&mut **connection, &mut machine, Some(depth), self.deadline, &mut sink);
                head.envelope(client.finish(request, ran)?)?.with(sink.records)
            }
        }
    }
}

impl Execute for Inside<'_> {
    fn execute(&self, request: &Request) -> Result<Response> {
        Inside::execute(self, request)
    }
}

/// Runs a handler on a connection with a transaction open.
pub(super) fn run(
    call: &Call,
    handler: &Handler,
    connection: &mut dyn Connection,
    deadline: Option<Instant>,
) -> Result<Response> {
    let inside = Inside { connection: RefCell::new(connection), call, deadline };
    let value = handler(&inside, &call.input)?;
    Ok(answer(call, value))
}

/// Rows are of the entity that the operation declares as its output, or of its own.
fn answer(call: &Call, value: Value) -> Response {
    let schema = &call.client.engine.schema;
    let output = call.decl().output.as_deref().map(|name| name.trim_end_matches("[]"));
    let entity = output.and_then(|name| schema.by_name(name)).unwrap_or(call.entity);
    let response = match value {
        Value::Record(row) => Response::Row(*row),
        Value::Records(rows) => Response::Rows(rows),
        other => return Response::Value(other),
    };
    Response::Called(Box::new(Answered { entity, response }))
}
