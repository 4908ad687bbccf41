//! The steps of a body, one after the other.

use std::time::Instant;

use super::input::{Saved, by_input};
use super::{Call, Secret, tree};
use crate::adapter::Connection;
use crate::client::Response;
use crate::client::engine::Caller;
use crate::client::response::{Answered, Head};
use crate::error::{Error, ErrorKind, FieldFault, Reason, Result};
use crate::exec::{Machine, blocking};
use crate::request::{Operation, Request};
use crate::row::RecordSink;
use crate::schema::convert::hash_stored;
use crate::schema::{Act, Body, EntityId, FieldId, RATE_LIMITS, Step, StoredAs, Template};
use crate::value::{DateTime, Map, Value};

fn steps(call: &Call) -> &[Step] {
    match &call.decl().body {
        Body::Steps(steps) => steps,
        Body::Missing | Body::Handler(_) => &[],
    }
}

/// The secrets to verify before the body.
pub(super) fn secrets(call: &Call) -> Result<Vec<Secret>> {
    let mut all = Vec::new();
    for step in steps(call) {
        let Act::VerifySecret { entity, key, field, input } = &step.act else { continue };
        all.push(Secret::new(call, *entity, key, *field, input)?);
    }
    Ok(all)
}

/// The answer of a body without a step that needs a connection.
pub(super) fn returned(call: &Call) -> Result<Response> {
    for step in steps(call) {
        if let Act::Return(template) = &step.act {
            return Ok(Response::Value(call.value(template, &Saved::new())?));
        }
    }
    Ok(Response::Done)
}

/// Runs a machine on a connection with a transaction open.
pub(in crate::client) fn on(
    connection: &mut dyn Connection,
    mut machine: Machine,
    deadline: Option<Instant>,
) -> Result<Response> {
    let (head, mut sink) = (Head::of(&machine), RecordSink::default());
    let summary = blocking::run(connection, &mut machine, None, deadline, &mut sink)?;
    head.envelope(summary)?.with(sink.records)
}

/// Runs all steps on a connection with a transaction open.
pub(super) fn run(call: &Call, connection: &mut dyn Connection, deadline: Option<Instant>) -> Result<Response> {
    let mut running = Running { call, connection, deadline };
    let (mut saved, mut kept): (Saved, Vec<(String, Answered)>) = (Vec::new(), Vec::new());
    let mut last = Answered { entity: call.entity, response: Response::Done };
    for step in steps(call) {
        if let Act::Return(template) = &step.act {
            return returns(call, template, &saved, kept);
        }
        let Some(answered) = running.step(&step.act, &saved)? else { continue };
        if let Some(name) = &step.save {
            saved.push((name.clone(), answered.response.clone().into_value()));
            kept.push((name.clone(), answered.clone()));
        }
        last = answered;
    }
    Ok(Response::Called(Box::new(last)))
}

/// What the body answers: a saved answer whole, as of its own entity, or a value.
fn returns(call: &Call, template: &Template, saved: &Saved, kept: Vec<(String, Answered)>) -> Result<Response> {
    if let Template::Ref(name, path) = template
        && path.is_empty()
        && let Some((_, answered)) = kept.into_iter().find(|(known, _)| known == name)
    {
        return Ok(Response::Called(Box::new(answered)));
    }
    Ok(Response::Value(call.value(template, saved)?))
}

pub(super) struct Running<'r> {
    pub call: &'r Call,
    connection: &'r mut dyn Connection,
    deadline: Option<Instant>,
}

impl Running<'_> {
    /// Runs one request as the body's caller.
    pub fn ask(&mut self, request: &Request) -> Result<Response> {
        let machine = self.call.machine(request)?;
        let client = &self.call.body;
        client.finish(request, on(self.connection, machine, self.deadline))
    }

    /// Waits for other moves among the rows of an entity, or loses to them and is run again, where transactions may
    /// else overlook what the other one writes: each writes one and the same row before it reads any.
    pub fn take_turn(&mut self, entity: EntityId) -> Result<()> {
        let client = &self.call.client;
        if !client.engine.adapter.contends() {
            return Ok(());
        }
        let text = format!("turns of {}", client.engine.name(entity));
        let id = hash_stored(StoredAs::Sha256, &text)?;
        // What is written differs from what was there: a database may take writing the same for writing nothing.
        let (mark, _) = uuid::Uuid::now_v7().as_u64_pair();
        let mark = Value::Int((mark >> 1) as i64);
        let end = DateTime::from_epoch_millis(253_402_300_799_000).map_or(Value::Null, Value::DateTime);
        let (create, update) = (
            Map(vec![("attempts".into(), mark.clone()), ("expires_at".into(), end)]),
            Map(vec![("attempts".into(), mark)]),
        );
        let request =
            Request::new(Operation::Upsert, RATE_LIMITS).arg("where", id).arg("create", create).arg("update", update);
        let machine = client.engine.prepare(&Caller::Trusted, &request)?.joined();
        on(self.connection, machine, self.deadline).map(drop).map_err(|error| match error.kind() {
            // Somebody else wrote the row for the first time.
            ErrorKind::Conflict => error.with_reason(Reason::Serialization),
            _ => error,
        })
    }

    fn step(&mut self, act: &Act, saved: &Saved) -> Result<Option<Answered>> {
        let (entity, response) = match act {
            Act::VerifySecret { .. } | Act::Return(_) => return Ok(None),
            Act::Ask { operation, entity, args, when_missing } => {
                (*entity, self.request(operation, *entity, args, *when_missing, saved)?)
            }
            Act::DeleteExpired { entity } => {
                let machine = self.call.client.engine.expired(*entity, None)?.joined();
                (*entity, on(self.connection, machine, self.deadline)?)
            }
            Act::Tree { entity, parent, scope, order } => {
                (*entity, tree::read(self, *entity, *parent, *scope, *order)?)
            }
            Act::Reorder { entity, order, input } => (*entity, self.reorder(*entity, *order, input)?),
            Act::Move(move_) => (move_.entity, tree::move_row(self, move_)?),
        };
        Ok(Some(Answered { entity, response }))
    }

    fn request(
        &mut self,
        operation: &str,
        entity: EntityId,
        args: &[(String, Template)],
        when_missing: Option<ErrorKind>,
        saved: &Saved,
    ) -> Result<Response> {
        let call = self.call;
        let operation =
            Operation::parse(operation).ok_or_else(|| Error::internal("a step with an unknown operation"))?;
        let mut request = Request::new(operation, call.client.engine.name(entity).to_string());
        for (name, template) in args {
            let value = call.value(template, saved)?;
            if !matches!((template, &value), (Template::Given(..), Value::Undefined)) {
                request.args.0.push((name.clone().into(), value));
            }
        }
        let missing = |kind: ErrorKind| match kind {
            // The one answer for whoever could not be told from anybody.
            ErrorKind::Unauthorized => Error::unauthorized(),
            kind => Error::new(kind, format!("{} found nothing", call.decl().name)),
        };
        match (self.ask(&request), when_missing) {
            (Ok(Response::Maybe(None)), Some(kind)) => Err(missing(kind)),
            (Err(error), Some(kind)) if error.kind() == ErrorKind::NotFound => Err(missing(kind)),
            (Err(error), _) => Err(by_input(error, args)),
            (done, _) => done,
        }
    }

    /// Sets the place of each row that is named.
    fn reorder(&mut self, entity: EntityId, order: FieldId, input: &str) -> Result<Response> {
        let call = self.call;
        let declared = call.client.engine.schema.entity(entity);
        let (key, order) = (declared.field(declared.key).name.as_str(), declared.field(order).name.as_str());
        let fault = |at: String, message: String| FieldFault { field: at, message, index: None };
        let given = call.input.get(input).unwrap_or(&Value::Null);
        let Some(items) = given.as_list() else {
            let message = format!("expected a list of {{{key}, {order}}}, got {}", given.kind());
            return Err(Error::validation(format!("input.{input}"), message));
        };
        let limit = call.client.engine.limits.batch_entries;
        if items.len() > limit {
            let message = format!("{} rows; at most {limit} (limit batch_entries)", items.len());
            return Err(Error::validation(format!("input.{input}"), message));
        }
        let (mut faults, mut rows) = (Vec::new(), Vec::with_capacity(items.len()));
        for (index, item) in items.iter().enumerate() {
            let at = format!("input.{input}.{index}");
            match item.as_map().map(|map| (map.len(), map.get(key), map.get(order))) {
                Some((2, Some(id), Some(place))) => rows.push((index, id, place)),
                _ => faults.push(fault(at, format!("expected an object of {key} and {order}"))),
            }
        }
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }
        for (index, id, place) in rows {
            let data = Map(vec![(order.to_owned().into(), place.clone())]);
            let request =
                Request::new(Operation::Update, declared.name.clone()).arg("id", id.clone()).arg("data", data);
            self.ask(&request).map_err(|error| {
                error.with_fields(|field| match field {
                    "id" => format!("input.{input}.{index}.{key}"),
                    field => format!("input.{input}.{index}.{field}"),
                })
            })?;
        }
        Ok(Response::Done)
    }
}
