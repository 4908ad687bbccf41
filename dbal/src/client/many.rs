//! Requests that write row by row: each row gets its plan and its values before anything runs, so that all faults of
//! all rows come together, and one machine then runs them in one transaction.

use std::sync::Arc;

use crate::client::cache::Prepared;
use crate::client::engine::{Caller, Engine};
use crate::error::{Error, ErrorKind, FieldFault, Result};
use crate::exec::machine::{Machine, Run};
use crate::query::ast::Shape;
use crate::query::many::{Part, create_many, upsert, upsert_many};
use crate::query::validate;
use crate::request::{Operation, Request};
use crate::schema::{EntityId, Verb};
use crate::value::{Map, Value};

/// What a caller of an upsert must be permitted: it may go either way, and its key says which rows there are.
const UPSERT: [Verb; 3] = [Verb::Create, Verb::Update, Verb::Read];

/// The rows of one request being made ready.
struct Rows<'e> {
    engine: &'e Engine,
    caller: &'e Caller,
    request: &'e Request,
    entity: EntityId,
    /// The form of the row before and what it led to: rows of one request mostly have the same.
    last: Option<(Vec<u8>, Arc<Prepared>)>,
    bytes: usize,
    faults: Vec<FieldFault>,
    /// The first fault that is not one of a field.
    other: Option<Error>,
}

impl Engine {
    /// A request that writes row by row, made ready to run; none for other operations.
    pub fn prepare_many(&self, caller: &Caller, request: &Request) -> Option<Result<Machine>> {
        let prepared = match request.operation {
            Operation::CreateMany => self.create_many(caller, request),
            Operation::Upsert => self.upsert(caller, request),
            Operation::UpsertMany => self.upsert_many(caller, request),
            _ => return None,
        };
        Some(
            prepared
                .map_err(|error| error.with_operation(request.operation.as_str()).with_entity(self.called(request))),
        )
    }

    fn create_many(&self, caller: &Caller, request: &Request) -> Result<Machine> {
        let mut rows = Rows::new(self, caller, request, &[Verb::Create])?;
        let asked = self.seen_by(caller, |context| create_many(context, request));
        rows.faults = asked.faults;
        let mut runs = Vec::with_capacity(asked.rows.len());
        for (index, data) in asked.rows.iter().enumerate() {
            if let Some((plan, params)) = rows.part(Some(index), Part::Create { data, under: None, unless: None })? {
                runs.push(Run { plan, params, otherwise: None });
            }
        }
        rows.done()?;
        let name = self.name(rows.entity);
        let shape = if asked.returning { Shape::Rows { cap: None } } else { Shape::Affected };
        Ok(Machine::of_rows(runs, shape, name))
    }

    fn upsert(&self, caller: &Caller, request: &Request) -> Result<Machine> {
        let mut rows = Rows::new(self, caller, request, &UPSERT)?;
        let run = rows.upsert(None, &request.args)?;
        rows.done()?;
        let name = self.name(rows.entity);
        Ok(Machine::of_rows(run.into_iter().collect(), Shape::One, name))
    }

    fn upsert_many(&self, caller: &Caller, request: &Request) -> Result<Machine> {
        let mut rows = Rows::new(self, caller, request, &UPSERT)?;
        let (asked, faults) = self.seen_by(caller, |context| upsert_many(context, request));
        rows.faults = faults;
        let mut runs = Vec::with_capacity(asked.len());
        for (index, args) in asked.iter().enumerate() {
            match args {
                Value::Map(args) => runs.extend(rows.upsert(Some(index), args)?),
                other => {
                    let message = format!("expected an object, got {}", other.kind());
                    rows.faults.push(FieldFault { field: "data".into(), message, index: Some(index) });
                }
            }
        }
        rows.done()?;
        let name = self.name(rows.entity);
        Ok(Machine::of_rows(runs, Shape::Rows { cap: None }, name))
    }
}

impl<'e> Rows<'e> {
    /// Whoever may not do this at all learns that before anything else.
    fn new(engine: &'e Engine, caller: &'e Caller, request: &'e Request, verbs: &[Verb]) -> Result<Self> {
        let entity = engine.entity_of(caller, request)?;
        if let Some(principal) = caller.principal() {
            verbs.iter().try_for_each(|verb| engine.policy_for(caller).permits(principal, entity, *verb))?;
        }
        Ok(Rows { engine, caller, request, entity, last: None, bytes: 0, faults: Vec::new(), other: None })
    }

    /// The plan and the values of one part; none when it has faults, which are kept with the row's number.
    fn part(&mut self, index: Option<usize>, part: Part<'_>) -> Result<Option<crate::exec::machine::Bound>> {
        let mut form = part.form(&self.request.entity, self.caller.shape());
        self.bytes += form.bytes;
        validate::bytes(&self.engine.limits, self.bytes)?;
        let known = match &self.last {
            Some((key, prepared)) if *key == form.key => Some(prepared.clone()),
            _ => None,
        };
        let found = known.or_else(|| {
            let prepared = self.engine.known(&mut form)?;
            self.last = Some((form.key.clone(), prepared.clone()));
            Some(prepared)
        });
        if let Some(prepared) = found
            && let Some(values) = self.engine.bind_values(&prepared, &form.slots, self.caller, self.request, None)
        {
            return Ok(Some((prepared.plan.clone(), values)));
        }
        match self.engine.prepare_part(self.caller, self.request, self.entity, part, form) {
            Ok(bound) => return Ok(Some(bound)),
            Err(error) if error.kind() == ErrorKind::ValidationError && !error.fields().is_empty() => {
                self.faults.extend(error.fields().iter().cloned().map(|fault| FieldFault { index, ..fault }));
            }
            Err(error) => {
                let error = match index {
                    Some(index) => error.of_row(index),
                    None => error,
                };
                self.other.get_or_insert(error);
            }
        }
        Ok(None)
    }

    /// An update, and a create for when it finds no row, both in one write transaction. Where somebody makes the row in
    /// between, the create makes none and the update is tried again.
    fn upsert(&mut self, index: Option<usize>, args: &Map) -> Result<Option<Run>> {
        let entity = self.entity;
        let (asked, faults) = self.engine.seen_by(self.caller, |context| upsert(context, entity, args));
        self.faults.extend(faults.into_iter().map(|fault| FieldFault { index, ..fault }));
        let Some(asked) = asked else { return Ok(None) };
        let update = Part::Update { key: asked.key, data: asked.update, version: asked.version };
        let update = self.part(index, update)?;
        let create = Part::Create { data: &asked.create, under: Some("create"), unless: Some(asked.key) };
        let create = self.part(index, create)?;
        Ok(update.zip(create).map(|((plan, params), create)| Run { plan, params, otherwise: Some(create) }))
    }

    fn done(&mut self) -> Result<()> {
        if !self.faults.is_empty() {
            return Err(Error::invalid(std::mem::take(&mut self.faults)));
        }
        self.other.take().map_or(Ok(()), Err)
    }
}
