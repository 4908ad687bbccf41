//! A client of the gRPC service, which blocks. It knows the messages of the protocol and nothing of the daemon's code that
//! writes and reads them.

use std::net::SocketAddr;
use std::time::Duration;

use dbal::value::json;
use dbal::{Map, Value};
use dbal_served::idl::dbal_client::DbalClient;
use dbal_served::idl::response::Answer;
use dbal_served::idl::transaction_request::Step;
use dbal_served::idl::value::Kind;
use dbal_served::idl::{self, transaction_response};
use prost::Message as _;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

use super::{PATIENCE, runtime};

/// One connection.
#[derive(Clone)]
pub struct Grpc {
    pub channel: Channel,
    pub token: Option<String>,
    pub timeout: Option<Duration>,
}

impl Grpc {
    pub fn new(address: SocketAddr, token: Option<&str>) -> Grpc {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        let channel = runtime().block_on(endpoint.connect()).expect("the daemon listens");
        Grpc { channel, token: token.map(str::to_owned), timeout: None }
    }

    /// The generated client.
    pub fn client(&self) -> DbalClient<Channel> {
        DbalClient::new(self.channel.clone()).max_decoding_message_size(64 << 20)
    }

    /// A message with the metadata of this caller.
    pub fn with<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().expect("metadata"));
        }
        request.set_timeout(self.timeout.unwrap_or(PATIENCE));
        request
    }

    pub fn execute(&self, operation: &str, entity: &str, args: Map) -> Result<Value, Status> {
        let asked = self.with(request(operation, entity, args));
        let answer = runtime().block_on(self.client().execute(asked))?.into_inner();
        Ok(plain(answer))
    }

    /// The messages of a stream.
    pub fn begin_stream(&self, entity: &str, args: Map) -> Result<Streaming<idl::Rows>, Status> {
        let asked = self.with(request("stream", entity, args));
        Ok(runtime().block_on(self.client().stream(asked))?.into_inner())
    }

    pub fn stream(&self, entity: &str, args: Map) -> Result<Value, Status> {
        let mut parts = self.begin_stream(entity, args)?;
        let mut all = Vec::new();
        while let Some(part) = runtime().block_on(parts.message())? {
            all.extend(rows(part));
        }
        Ok(Value::List(all))
    }

    pub fn transaction(&self) -> Result<Transaction, Status> {
        let (steps, queue) = tokio::sync::mpsc::unbounded_channel();
        let asked = self.with(UnboundedReceiverStream::new(queue));
        let answers = runtime().block_on(self.client().transaction(asked))?.into_inner();
        Ok(Transaction { steps, answers })
    }
}

/// A call of `Transaction`.
pub struct Transaction {
    steps: tokio::sync::mpsc::UnboundedSender<idl::TransactionRequest>,
    answers: Streaming<idl::TransactionResponse>,
}

impl Transaction {
    /// The answer to a step; an error of the inner result leaves the transaction open.
    pub fn step(&mut self, step: Step) -> Result<Result<Value, Status>, Status> {
        // Where nobody takes it, there is a status to read.
        let _ = self.steps.send(idl::TransactionRequest { step: Some(step) });
        let answer = runtime().block_on(self.answers.message())?;
        let ended = || Status::new(Code::Aborted, "the call ended");
        Ok(match answer.and_then(|answer| answer.result).ok_or_else(ended)? {
            transaction_response::Result::Response(response) => Ok(plain(response)),
            transaction_response::Result::Done(_) => Ok(Value::Bool(true)),
            transaction_response::Result::Error(bytes) => {
                let told = tonic_types::Status::decode(bytes.as_slice()).expect("a google.rpc.Status");
                Err(Status::with_details(Code::from(told.code), told.message, bytes.into()))
            }
        })
    }

    /// How the call ends when nothing more is said.
    pub fn waited(&mut self) -> Status {
        match runtime().block_on(self.answers.message()) {
            Err(status) => status,
            Ok(answer) => panic!("nothing was asked, and the answer is {answer:?}"),
        }
    }

    pub fn begin(&mut self) -> Result<Value, Status> {
        self.step(Step::Begin(idl::Begin {}))?
    }

    pub fn commit(&mut self) -> Result<Value, Status> {
        self.step(Step::Commit(idl::Commit {}))?
    }

    pub fn rollback(&mut self) -> Result<Value, Status> {
        self.step(Step::Rollback(idl::Rollback {}))?
    }

    pub fn execute(&mut self, operation: &str, entity: &str, args: Map) -> Result<Value, Status> {
        self.step(Step::Request(request(operation, entity, args)))?
    }
}

/// The code of the catalogue that a status carries.
pub fn code(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

pub fn request(operation: &str, entity: &str, args: Map) -> idl::Request {
    idl::Request { operation: operation.into(), entity: entity.into(), args: Some(object(args, 0)) }
}

fn object(map: Map, depth: u32) -> idl::Object {
    let member = |(name, value): (dbal::Name, Value)| idl::Member {
        name: name.into_owned(),
        value: Some(value_at(value, depth + 1)),
    };
    idl::Object { members: map.0.into_iter().map(member).collect() }
}

fn value_at(value: Value, depth: u32) -> idl::Value {
    let kind = match value {
        Value::Null => Kind::Null(0),
        Value::Bool(truth) => Kind::Bool(truth),
        Value::Int(number) => Kind::Int(number),
        Value::Float(number) => Kind::Float(number),
        Value::Text(text) => Kind::Text(text),
        Value::Bytes(bytes) => Kind::Bytes(bytes),
        Value::Decimal(number) => Kind::Decimal(number.to_string()),
        Value::Uuid(uuid) => Kind::Uuid(uuid.as_bytes().to_vec()),
        Value::DateTime(instant) => Kind::Datetime(instant.epoch_millis()),
        Value::Date(day) => Kind::Date(day.to_string()),
        nested @ (Value::List(_) | Value::Map(_)) if depth > 20 => Kind::Json(json::to_wire(&nested)),
        Value::List(values) => {
            Kind::List(idl::List { values: values.into_iter().map(|value| value_at(value, depth + 1)).collect() })
        }
        Value::Map(map) => Kind::Object(object(map, depth)),
        other => panic!("no request holds {other:?}"),
    };
    idl::Value { kind: Some(kind) }
}

/// An answer as plain data.
pub fn plain(response: idl::Response) -> Value {
    match response.answer.expect("an answer") {
        Answer::Row(one) => rows(one).pop().unwrap_or(Value::Null),
        Answer::Rows(all) => Value::List(rows(all)),
        Answer::Page(page) => Value::Map(Map(vec![
            ("data".into(), Value::List(rows(page.data.expect("rows")))),
            ("total".into(), page.total.into()),
            ("page".into(), page.page.into()),
            ("limit".into(), page.limit.into()),
            ("has_more".into(), Value::Bool(page.has_more)),
            ("next_cursor".into(), page.next_cursor.map_or(Value::Null, Value::Text)),
            ("prev_cursor".into(), page.prev_cursor.map_or(Value::Null, Value::Text)),
        ])),
        Answer::Count(count) => Value::Int(count),
        Answer::Affected(count) => Value::Map(Map(vec![("count".into(), Value::Int(count))])),
        Answer::Values(list) => Value::List(list.values.into_iter().map(value).collect()),
        Answer::Value(one) => value(one),
        Answer::Done(done) => Value::Bool(done),
        Answer::Batch(all) => Value::List(all.responses.into_iter().map(plain).collect()),
    }
}

/// The rows of a message.
pub fn rows(rows: idl::Rows) -> Vec<Value> {
    let columns = rows.columns;
    let row = |row: idl::Row| {
        assert_eq!(row.values.len(), columns.len(), "as many values as columns");
        let there = columns.iter().zip(row.values).filter(|(_, value)| value.kind.is_some());
        Value::Map(Map(there.map(|(name, one)| (name.clone().into(), value(one))).collect()))
    };
    rows.rows.into_iter().map(row).collect()
}

fn value(sent: idl::Value) -> Value {
    match sent.kind.expect("a kind") {
        Kind::Null(_) => Value::Null,
        Kind::Bool(truth) => Value::Bool(truth),
        Kind::Int(number) => Value::Int(number),
        Kind::Float(number) => Value::Float(number),
        Kind::Text(text) => Value::Text(text),
        Kind::Bytes(bytes) => Value::Bytes(bytes),
        Kind::Datetime(millis) => Value::DateTime(dbal::DateTime::from_epoch_millis(millis).expect("an instant")),
        Kind::Date(text) => Value::Date(text.parse().expect("a date")),
        Kind::Uuid(bytes) => Value::Uuid(dbal::value::Uuid::from_slice(&bytes).expect("16 bytes")),
        Kind::Decimal(text) => Value::Decimal(Box::new(text.parse().expect("digits"))),
        Kind::List(list) => Value::List(list.values.into_iter().map(value).collect()),
        Kind::Object(object) => {
            let member = |member: idl::Member| (member.name.into(), value(member.value.expect("a value")));
            Value::Map(Map(object.members.into_iter().map(member).collect()))
        }
        Kind::Row(one) => rows(one).pop().unwrap_or(Value::Null),
        Kind::Rows(all) => Value::List(rows(all)),
        Kind::Json(text) => super::parsed(text.as_bytes()),
    }
}
