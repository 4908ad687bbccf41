//! A row read by its key, by one statement and outside a transaction: most requests of most programs. All that a machine
//! keeps for other requests is left out, which is a tenth of such a read.

use std::sync::Arc;
use std::time::Instant;

use smallvec::{SmallVec, smallvec};

use crate::adapter::{Connection, Intent};
use crate::client::Client;
use crate::client::cache::Prepared;
use crate::client::engine::{Caller, Engine};
use crate::error::{Error, Result};
use crate::plan::operation::{Output, Plan, Role, Step};
use crate::query::ast::Shape;
use crate::query::form::{self, Form};
use crate::query::param::ParamSource;
use crate::request::{Operation, Request};
use crate::row::RowSink;
use crate::value::Value;

/// A read ready to run.
pub(super) struct Lone {
    prepared: Arc<Prepared>,
    /// Of most of them the key alone, which needs no memory of its own.
    values: SmallVec<[Value; 1]>,
}

impl Lone {
    /// Reads the row.
    ///
    /// # Errors
    /// NOT_FOUND, and what the connection or the sink says.
    pub fn run(
        &self,
        connection: &mut dyn Connection,
        deadline: Option<Instant>,
        sink: &mut dyn RowSink,
    ) -> Result<()> {
        let plan = &self.prepared.plan;
        let (step, output) = only(plan).ok_or_else(|| Error::internal("a plan changed its steps"))?;
        sink.start(&output.columns)?;
        match connection.run(step, &self.values, deadline, sink)? {
            0 => Err(Error::not_found(&plan.name)),
            _ => Ok(()),
        }
    }
}

impl Engine {
    /// A request that is such a read; none if it is another, or of a form that is not known yet.
    pub(super) fn lone(&self, caller: &Caller, request: &Request) -> Option<Lone> {
        let [(name, key)] = request.args.0.as_slice() else { return None };
        if request.operation != Operation::Read || name != "id" || self.copies.is_some() {
            return None;
        }
        let (shape, kind) = (caller.shape(), form::kind(key));
        if let Some(prepared) = self.cache.lone(&request.entity, shape, kind) {
            let bytes = request.entity.len() + name.len() + form::bytes(key);
            let values = match prepared.params.0.as_slice() {
                [ParamSource::Argument { slot: Some(0), cast, .. }] => smallvec![cast.apply(&self.schema, key).ok()?],
                _ => self.bind_values(&prepared, &[key], caller, request, None)?.into(),
            };
            return (bytes <= self.limits.request_bytes).then_some(Lone { prepared, values });
        }
        let mut form = Form::of(request, shape);
        if form.bytes > self.limits.request_bytes {
            return None;
        }
        let plain = form.key.len();
        let prepared = self.known(&mut form)?;
        only(&prepared.plan)?;
        // Not where the form holds more of the key than its kind: the names of its fields, or words of a plan's text.
        if form.key.len() == plain && !matches!(key, Value::Map(_) | Value::List(_)) {
            self.cache.remember_lone(&request.entity, shape, kind, prepared.clone());
        }
        let values = self.bind_values(&prepared, &form.slots, caller, request, None)?.into();
        Some(Lone { prepared, values })
    }
}

impl Client {
    /// Runs a request if it is such a read.
    pub(super) fn run_lone(&self, request: &Request, sink: &mut dyn RowSink) -> Option<Result<()>> {
        let lone = self.engine.lone(&self.caller, request)?;
        let mut read = || {
            self.wanted()?;
            let deadline = self.deadline();
            let mut done = None;
            self.engine.adapter.lend(Intent::Read, deadline, &mut |connection| {
                self.watches(connection);
                done = Some(lone.run(connection, deadline, sink));
            })?;
            done.unwrap_or_else(|| Err(Error::internal("an adapter lent no connection")))
        };
        Some(self.finish(request, read()))
    }
}

/// The only step of a plan that needs no machine, and what it gives.
fn only(plan: &Plan) -> Option<(&Step, &Output)> {
    let [step] = plan.steps.as_slice() else { return None };
    let Role::Root(output) = &step.role else { return None };
    // A row as it comes is the answer: nothing is computed, checked, counted, or there only to link others to it.
    let plain = output.visible == step.cells.len()
        && output.sources.is_none()
        && output.check.is_none()
        && step.total.is_none()
        && step.joined.is_empty();
    let lone = plain && plan.shape == Shape::One && !plan.atomic && !plan.writes;
    lone.then_some((step, output))
}
