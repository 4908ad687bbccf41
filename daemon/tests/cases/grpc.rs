//! The host of gRPC. Answers say their types, so that nothing is looked up in the schema.

use std::cell::RefCell;

use dbal::Value;
use dbal_conformance::{Caller, Database, Ending, Failure, FieldFailure, Request};
use tonic::Status;
use tonic_types::StatusExt as _;

use super::support::Served;
use super::support::grpc::{Grpc, Transaction};
use super::wire::token;
use dbal_served::idl;
use dbal_served::idl::transaction_request::Step;

/// One connection for all callers.
pub struct OverGrpc {
    grpc: Grpc,
    _served: Served,
}

impl OverGrpc {
    pub fn new(served: Served) -> Self {
        OverGrpc { grpc: Grpc::new(served.address, None), _served: served }
    }

    fn of(&self, caller: &Caller) -> Grpc {
        Grpc { token: token(caller), ..self.grpc.clone() }
    }
}

impl Database for OverGrpc {
    fn run(&self, caller: &Caller, request: &Request) -> Result<Value, Failure> {
        let Request { operation, entity, args } = request;
        let grpc = self.of(caller);
        let answer = match operation.as_str() {
            "stream" => grpc.stream(entity, args.clone()),
            _ => grpc.execute(operation, entity, args.clone()),
        };
        answer.map_err(failure)
    }

    fn transaction(&self, caller: &Caller, body: &mut dyn FnMut(&dyn Database) -> Ending) -> Result<(), Failure> {
        let mut transaction = self.of(caller).transaction().map_err(failure)?;
        transaction.begin().map_err(failure)?;
        Inside(RefCell::new(transaction)).end(body)
    }
}

struct Inside(RefCell<Transaction>);

impl Inside {
    fn end(&self, body: &mut dyn FnMut(&dyn Database) -> Ending) -> Result<(), Failure> {
        let how = match body(self) {
            Ending::Commit => Step::Commit(idl::Commit {}),
            Ending::RollBack => Step::Rollback(idl::Rollback {}),
        };
        self.step(how).map(drop)
    }

    fn step(&self, step: Step) -> Result<Value, Failure> {
        self.0.borrow_mut().step(step).and_then(|answer| answer).map_err(failure)
    }
}

impl Database for Inside {
    fn run(&self, _: &Caller, request: &Request) -> Result<Value, Failure> {
        let Request { operation, entity, args } = request;
        self.0.borrow_mut().execute(operation, entity, args.clone()).map_err(failure)
    }

    fn transaction(&self, _: &Caller, body: &mut dyn FnMut(&dyn Database) -> Ending) -> Result<(), Failure> {
        self.step(Step::Begin(idl::Begin {}))?;
        self.end(body)
    }
}

fn failure(status: Status) -> Failure {
    let details = status.get_error_details();
    let Some(info) = details.error_info() else {
        return Failure { message: format!("a status without details: {status:?}"), ..Failure::default() };
    };
    let indexes = info.metadata.get("field_indexes").map(String::as_str).unwrap_or_default();
    let mut indexes = indexes.split(',').map(|index| index.parse().ok());
    let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
    let field = |fault: &tonic_types::FieldViolation| FieldFailure {
        field: fault.field.clone(),
        message: fault.description.clone(),
        index: indexes.next().flatten(),
    };
    Failure {
        code: info.reason.clone(),
        message: status.message().to_owned(),
        reason: info.metadata.get("reason").cloned(),
        fields: violations.iter().map(field).collect(),
    }
}
