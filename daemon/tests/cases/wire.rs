//! The host of a transport: each case has a daemon of its own, on a SQLite file of its own.

use std::cell::RefCell;

use dbal::schema::Schema;
use dbal::{Client, Config, Map, Principal, Value};
use dbal_conformance::{
    Backend, Caller, Database, Ending, Face, Failure, FieldFailure, Fixture, Host, Request, RustHost,
};
use std::sync::Arc;
use std::time::Duration;

use super::grpc::OverGrpc;
use super::support::socket::{Socket, params};
use super::support::{Believing, Http, Served, token_of};
use super::typed;

/// By which way requests come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Http,
    WebSocket,
    Grpc,
}

/// The daemon on SQLite files.
pub struct ServedHost {
    wire: Wire,
    files: RustHost,
}

impl ServedHost {
    pub fn new(wire: Wire) -> Result<Self, Failure> {
        Ok(ServedHost { wire, files: RustHost::new(Backend::Sqlite, Face::Blocking)? })
    }
}

impl Host for ServedHost {
    fn name(&self) -> &str {
        match self.wire {
            Wire::Http => "http",
            Wire::WebSocket => "websocket",
            Wire::Grpc => "grpc",
        }
    }

    fn backend(&self) -> &str {
        self.files.backend()
    }

    fn capabilities(&self) -> Vec<(String, bool)> {
        self.files.capabilities()
    }

    fn open(&self, fixture: &Fixture) -> Result<Box<dyn Database>, Failure> {
        let (schema, file) = self.files.copy_of(fixture)?;
        let mut config = Config::sqlite(file).schema(schema.clone()).timeout(Duration::from_secs(20));
        if let Some(rules) = &fixture.rules {
            config = config.rules_text(rules.clone());
        }
        let served = Served::new(Client::open(config)?, "mode: production", Some(Arc::new(Believing)));
        Ok(match self.wire {
            Wire::Http => Box::new(OverHttp { schema, served }),
            Wire::WebSocket => Box::new(OverSocket { schema, sockets: RefCell::default(), served }),
            Wire::Grpc => Box::new(OverGrpc::new(served)),
        })
    }
}

/// What says who asks.
pub fn token(caller: &Caller) -> Option<String> {
    match caller {
        Caller::Trusted => Some("trusted".into()),
        Caller::Anonymous => None,
        Caller::Principal { user, session, roles } => {
            Some(token_of(&Principal { user: user.clone(), session: session.clone(), roles: roles.clone() }))
        }
    }
}

struct OverHttp {
    schema: Arc<Schema>,
    served: Served,
}

impl Database for OverHttp {
    fn run(&self, caller: &Caller, request: &Request) -> Result<Value, Failure> {
        let mut http = Http::new(self.served.address);
        http.token = token(caller);
        let Request { operation, entity, args } = request;
        let path = match operation.as_str() {
            "batch" => "/v1/batch".to_owned(),
            _ => format!("/v1/{entity}:{operation}"),
        };
        let answer = http.post(&path, &Value::Map(args.clone()));
        if operation == "stream" && answer.status == 200 {
            return lines(&answer.body).map(|rows| typed::answer(&self.schema, request, rows));
        }
        match answer.status {
            200 => Ok(typed::answer(&self.schema, request, answer.json())),
            _ => Err(failure(answer.json().as_map().and_then(|body| body.get("error")?.as_map()))),
        }
    }

    fn transaction(&self, _: &Caller, _: &mut dyn FnMut(&dyn Database) -> Ending) -> Result<(), Failure> {
        Err(Failure { message: "there are no transactions over HTTP".into(), ..Failure::default() })
    }
}

/// The rows of a stream.
fn lines(body: &[u8]) -> Result<Value, Failure> {
    let mut all = Vec::new();
    for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let Value::Map(line) = super::support::parsed(line) else { break };
        match line.0.into_iter().next() {
            Some((name, Value::List(rows))) if name == "rows" => all.extend(rows),
            Some((name, Value::Int(count))) if name == "done" && count == all.len() as i64 => {
                return Ok(Value::List(all));
            }
            Some((name, Value::Map(error))) if name == "error" => return Err(failure(Some(&error))),
            _ => break,
        }
    }
    Err(Failure { message: "the stream was cut".into(), ..Failure::default() })
}

/// One connection for each caller.
struct OverSocket {
    schema: Arc<Schema>,
    sockets: RefCell<Vec<(Caller, Socket)>>,
    served: Served,
}

impl OverSocket {
    fn on<T>(&self, caller: &Caller, work: impl FnOnce(&mut Socket) -> T) -> T {
        let mut sockets = self.sockets.borrow_mut();
        let place = sockets.iter().position(|(known, _)| known == caller).unwrap_or_else(|| {
            sockets.push((caller.clone(), Socket::open(self.served.address, token(caller).as_deref())));
            sockets.len() - 1
        });
        work(&mut sockets[place].1)
    }

    fn ask(&self, caller: &Caller, request: &Request, transaction: Option<&Value>) -> Result<Value, Failure> {
        let Request { operation, entity, args } = request;
        if operation == "stream" && transaction.is_none() {
            return self
                .on(caller, |socket| streamed(socket, entity, args))
                .map(|rows| typed::answer(&self.schema, request, rows));
        }
        let mut params = params(operation, entity, args.clone());
        if let Some(number) = transaction {
            params.insert("transaction", number.clone());
        }
        let answer = self.on(caller, |socket| socket.call("request", params));
        match answer {
            Ok(value) => Ok(typed::answer(&self.schema, request, value)),
            Err(error) => Err(failure(Some(&error))),
        }
    }

    fn inside(
        &self,
        caller: &Caller,
        outer: Option<&Value>,
        body: &mut dyn FnMut(&dyn Database) -> Ending,
    ) -> Result<(), Failure> {
        let begin = outer.map(|outer| Map(vec![("in".into(), outer.clone())])).unwrap_or_default();
        let begun = self.on(caller, |socket| socket.call("transaction.begin", begin));
        let begun = begun.map_err(|error| failure(Some(&error)))?;
        let number = begun.as_map().and_then(|begun| begun.get("transaction")).cloned().expect("a number");
        let how = match body(&Inside { all: self, caller, number: number.clone() }) {
            Ending::Commit => "transaction.commit",
            Ending::RollBack => "transaction.rollback",
        };
        let params = Map(vec![("transaction".into(), number)]);
        let ended = self.on(caller, |socket| socket.call(how, params));
        ended.map(drop).map_err(|error| failure(Some(&error)))
    }
}

/// The rows of a stream that is given credit for two messages, and then for one after each.
fn streamed(socket: &mut Socket, entity: &str, args: &Map) -> Result<Value, Failure> {
    let params = Map(vec![
        ("entity".into(), entity.into()),
        ("args".into(), Value::Map(args.clone())),
        ("credit".into(), Value::Int(2)),
    ]);
    let id = socket.begin("stream", params);
    let mut all = Vec::new();
    loop {
        let message = socket.next().expect("a message");
        if message.get("id") == Some(&Value::Int(id)) {
            return match super::support::socket::outcome(&message) {
                Ok(_) => Ok(Value::List(all)),
                Err(error) => Err(failure(Some(&error))),
            };
        }
        let rows = message.get("params").and_then(|params| params.as_map()?.get("rows")?.as_list());
        all.extend(rows.unwrap_or_default().iter().cloned());
        socket.notify("stream.credit", Map(vec![("id".into(), Value::Int(id)), ("credit".into(), Value::Int(1))]));
    }
}

impl Database for OverSocket {
    fn run(&self, caller: &Caller, request: &Request) -> Result<Value, Failure> {
        self.ask(caller, request, None)
    }

    fn transaction(&self, caller: &Caller, body: &mut dyn FnMut(&dyn Database) -> Ending) -> Result<(), Failure> {
        self.inside(caller, None, body)
    }
}

struct Inside<'s> {
    all: &'s OverSocket,
    caller: &'s Caller,
    number: Value,
}

impl Database for Inside<'_> {
    fn run(&self, _: &Caller, request: &Request) -> Result<Value, Failure> {
        self.all.ask(self.caller, request, Some(&self.number))
    }

    fn transaction(&self, _: &Caller, body: &mut dyn FnMut(&dyn Database) -> Ending) -> Result<(), Failure> {
        self.all.inside(self.caller, Some(&self.number), body)
    }
}

fn failure(error: Option<&Map>) -> Failure {
    let text = |map: Option<&Map>, name: &str| map.and_then(|map| map.get(name)?.as_str().map(str::to_owned));
    let fields = error.and_then(|error| error.get("fields")?.as_list()).unwrap_or_default();
    let field = |fault: &Value| FieldFailure {
        field: text(fault.as_map(), "field").unwrap_or_default(),
        message: text(fault.as_map(), "message").unwrap_or_default(),
        index: fault.as_map().and_then(|map| map.get("index")?.as_i64()).and_then(|index| index.try_into().ok()),
    };
    Failure {
        code: text(error, "code").unwrap_or_default(),
        message: text(error, "message").unwrap_or_default(),
        reason: text(error, "reason"),
        fields: fields.iter().map(field).collect(),
    }
}
