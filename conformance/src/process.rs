//! A host that is another program: it is told what to do and answers, a line of JSON each.
//!
//! | line | answer |
//! |---|---|
//! | `{"do":"open","url":…,"schema":…,"rules":…}`: a folder or text | `{"value":null}` |
//! | `{"do":"run","depth":0,"caller":…,"operation":…,"entity":…,"args":…}` | `{"value":…}` or `{"error":{code,message,reason,fields}}` |
//! | `{"do":"begin","caller":…}` | `{"value":null}`; what follows is inside |
//! | `{"do":"end","commit":true}` | `{"value":null}` or the error of the commit |
//! | `{"do":"close"}` | `{"value":null}` |
//!
//! `depth` is how many transactions a request stands in. Values are JSON where JSON can say them; objects are
//! `{"$map":[[name, value], …]}`, and `$bigint`, `$float`, `$datetime` (milliseconds), `$bytes`, `$undefined` the rest.

use std::any::Any;
use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dbal::value::json;
use dbal::{DateTime, Map, Schema, Value};

use crate::client::{Backend, Face, RustHost};
use crate::host::{Caller, Database, Ending, Failure, FieldFailure, Host, Request};
use crate::retype;
use crate::suite::{Fixture, SchemaSource};

type Idle = Arc<Mutex<Vec<Program>>>;

/// A program that speaks the lines above, on SQLite files that are made for it.
pub struct ProcessHost {
    name: String,
    command: Vec<String>,
    files: RustHost,
    /// Programs that wait for work.
    idle: Idle,
    /// What stands between a program and the files.
    serve: Option<Serve>,
}

/// What opens a fixture's file for a program: gives the URL to open in its place, and what has to live as long as the
/// program uses it.
pub type Serve = Box<dyn Fn(&Fixture, Arc<Schema>, PathBuf) -> Result<(String, Box<dyn Any>), Failure> + Send + Sync>;

impl ProcessHost {
    /// The host that a command line starts.
    ///
    /// # Errors
    /// When there is no place for temporary files.
    pub fn new(name: impl Into<String>, command: Vec<String>) -> Result<Self, Failure> {
        let files = RustHost::new(Backend::Sqlite, Face::Blocking)?;
        Ok(ProcessHost { name: name.into(), command, files, idle: Idle::default(), serve: None })
    }

    /// The same for a program that opens no files: something serves them to it.
    pub fn served(mut self, serve: Serve) -> Self {
        self.serve = Some(serve);
        self
    }
}

fn locked(idle: &Idle) -> MutexGuard<'_, Vec<Program>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Host for ProcessHost {
    fn name(&self) -> &str {
        &self.name
    }

    fn backend(&self) -> &str {
        self.files.backend()
    }

    fn capabilities(&self) -> Vec<(String, bool)> {
        self.files.capabilities()
    }

    fn open(&self, fixture: &Fixture) -> Result<Box<dyn Database>, Failure> {
        let (schema, file) = self.files.copy_of(fixture)?;
        let waiting = locked(&self.idle).pop();
        let program = match waiting {
            Some(program) => program,
            None => Program::start(&self.command)?,
        };
        let (url, served) = match &self.serve {
            None => (format!("file:{}", file.display()), None),
            Some(serve) => {
                let (url, served) = serve(fixture, schema.clone(), file)?;
                (url, Some(served))
            }
        };
        let opened = Opened { idle: self.idle.clone(), schema, program: RefCell::new(Some(program)), _served: served };
        let declared = match &fixture.schema {
            SchemaSource::Text(text) => object([("text", text.as_str().into())]),
            SchemaSource::Folder(folder) => folder.display().to_string().into(),
        };
        let rules = fixture.rules.as_deref().map(Value::from);
        opened.tell([
            ("do", "open".into()),
            ("url", url.into()),
            ("schema", declared),
            ("rules", rules.unwrap_or_default()),
        ])?;
        Ok(Box::new(opened))
    }
}

/// A database in a program's hands.
struct Opened {
    idle: Idle,
    schema: Arc<Schema>,
    program: RefCell<Option<Program>>,
    /// Goes when the program has closed it.
    _served: Option<Box<dyn Any>>,
}

impl Opened {
    /// Says something and reads the answer. A program that does not answer is not spoken to again.
    fn tell<const N: usize>(&self, line: [(&str, Value); N]) -> Result<Value, Failure> {
        let mut place = self.program.borrow_mut();
        let Some(program) = place.as_mut() else { return Err(broken("the program is gone")) };
        match program.ask(&wire(&object(line))) {
            Ok(answer) => answer,
            Err(fault) => {
                *place = None;
                Err(broken(&fault))
            }
        }
    }

    fn run_at(&self, depth: i64, caller: &Caller, request: &Request) -> Result<Value, Failure> {
        let answer = self.tell([
            ("do", "run".into()),
            ("depth", depth.into()),
            ("caller", who(caller)),
            ("operation", request.operation.as_str().into()),
            ("entity", request.entity.as_str().into()),
            ("args", tagged(&Value::Map(request.args.clone()))),
        ])?;
        Ok(retype::answer(&self.schema, request, answer))
    }

    fn transaction_at(
        &self,
        depth: i64,
        caller: &Caller,
        body: &mut dyn FnMut(&dyn Database) -> Ending,
    ) -> Result<(), Failure> {
        self.tell([("do", "begin".into()), ("caller", who(caller))])?;
        let ending = body(&Inside { opened: self, depth: depth + 1 });
        self.tell([("do", "end".into()), ("commit", (ending == Ending::Commit).into())]).map(drop)
    }
}

impl Database for Opened {
    fn run(&self, caller: &Caller, request: &Request) -> Result<Value, Failure> {
        self.run_at(0, caller, request)
    }

    fn transaction(&self, caller: &Caller, body: &mut dyn FnMut(&dyn Database) -> Ending) -> Result<(), Failure> {
        self.transaction_at(0, caller, body)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if self.tell([("do", "close".into())]).is_ok()
            && let Some(program) = self.program.take()
        {
            locked(&self.idle).push(program);
        }
    }
}

struct Inside<'o> {
    opened: &'o Opened,
    depth: i64,
}

impl Database for Inside<'_> {
    fn run(&self, caller: &Caller, request: &Request) -> Result<Value, Failure> {
        self.opened.run_at(self.depth, caller, request)
    }

    fn transaction(&self, caller: &Caller, body: &mut dyn FnMut(&dyn Database) -> Ending) -> Result<(), Failure> {
        self.opened.transaction_at(self.depth, caller, body)
    }
}

/// A running program.
struct Program {
    child: Child,
    into: ChildStdin,
    out: BufReader<ChildStdout>,
}

impl Program {
    fn start(command: &[String]) -> Result<Program, Failure> {
        let (name, arguments) = command.split_first().ok_or_else(|| broken("no command"))?;
        let started = Command::new(name).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.map_err(|fault| broken(&format!("{name} cannot be started: {fault}")))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(into), Some(out)) => Ok(Program { child, into, out: BufReader::new(out) }),
            _ => Err(broken("the program has no pipes")),
        }
    }

    /// The outer error: it did not answer.
    fn ask(&mut self, line: &str) -> Result<Result<Value, Failure>, String> {
        let asked = writeln!(self.into, "{line}").and_then(|()| self.into.flush());
        asked.map_err(|fault| format!("the program does not listen: {fault}"))?;
        let mut answer = String::new();
        self.out.read_line(&mut answer).map_err(|fault| format!("the program does not answer: {fault}"))?;
        // Deeper than the documents of the cases.
        let limits = json::Limits { depth: 400, ..json::Limits::default() };
        let told = json::parse_with(answer.as_bytes(), &limits).map_err(|_| format!("not an answer: {answer:?}"))?;
        let part = |name: &str| told.as_map().and_then(|map| map.get(name));
        match (part("value"), part("error")) {
            (Some(value), None) => Ok(Ok(untagged(value))),
            (None, Some(error)) => Ok(Err(failure(error))),
            _ => Err(format!("not an answer: {answer:?}")),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It would end by itself when its input does; nobody waits for that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn who(caller: &Caller) -> Value {
    match caller {
        Caller::Trusted => Value::Null,
        Caller::Anonymous => tagged(&object([])),
        Caller::Principal { user, session, roles } => tagged(&object([
            ("user", Value::Map(user.clone())),
            ("session", Value::Map(session.clone())),
            ("roles", Value::List(roles.iter().map(|role| role.as_str().into()).collect())),
        ])),
    }
}

fn object<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Map(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn wire(value: &Value) -> String {
    json::to_wire(value)
}

/// A value in the form of the lines.
fn tagged(value: &Value) -> Value {
    match value {
        Value::Undefined => object([("$undefined", true.into())]),
        Value::Int(number) if number.unsigned_abs() >= 1 << 53 => object([("$bigint", number.to_string().into())]),
        Value::Float(number) => object([("$float", number.to_string().into())]),
        Value::Bytes(bytes) => object([("$bytes", STANDARD.encode(bytes).into())]),
        Value::DateTime(instant) => object([("$datetime", instant.epoch_millis().into())]),
        Value::List(items) => Value::List(items.iter().map(tagged).collect()),
        Value::Map(map) => {
            let pair = |(name, value): (&str, &Value)| Value::List(vec![name.into(), tagged(value)]);
            object([("$map", Value::List(map.iter().map(pair).collect()))])
        }
        other => other.clone(),
    }
}

/// The other way. A plain number comes as a float, so that it is told from a bigint.
fn untagged(value: &Value) -> Value {
    match value {
        Value::Int(number) => Value::Float(*number as f64),
        Value::List(items) => Value::List(items.iter().map(untagged).collect()),
        Value::Map(map) => match map.0.first() {
            Some((tag, inner)) => match (tag.as_ref(), inner) {
                ("$map", Value::List(pairs)) => Value::Map(pairs.iter().filter_map(pair).collect()),
                ("$bigint", Value::Text(text)) => text.parse().map_or(Value::Null, Value::Int),
                ("$float", Value::Text(text)) => text.parse().map_or(Value::Null, Value::Float),
                ("$bytes", Value::Text(text)) => STANDARD.decode(text).map_or(Value::Null, Value::Bytes),
                ("$datetime", Value::Int(millis)) => DateTime::from_epoch_millis(*millis).into(),
                _ => Value::Undefined,
            },
            None => Value::Undefined,
        },
        other => other.clone(),
    }
}

fn pair(pair: &Value) -> Option<(String, Value)> {
    match pair {
        Value::List(items) => match &items[..] {
            [Value::Text(name), value] => Some((name.clone(), untagged(value))),
            _ => None,
        },
        _ => None,
    }
}

fn failure(error: &Value) -> Failure {
    let text = |map: Option<&Map>, name: &str| map?.get(name)?.as_str().map(str::to_owned);
    let map = error.as_map();
    let fields = map.and_then(|map| map.get("fields")).and_then(Value::as_list).unwrap_or_default();
    let field = |fault: &Value| FieldFailure {
        field: text(fault.as_map(), "field").unwrap_or_default(),
        message: text(fault.as_map(), "message").unwrap_or_default(),
        index: fault.as_map().and_then(|map| map.get("index")?.as_i64()).and_then(|index| index.try_into().ok()),
    };
    Failure {
        code: text(map, "code").unwrap_or_default(),
        message: text(map, "message").unwrap_or_default(),
        reason: text(map, "reason"),
        fields: fields.iter().map(field).collect(),
    }
}

fn broken(message: &str) -> Failure {
    Failure { code: "INTERNAL_ERROR".into(), message: message.into(), ..Failure::default() }
}
