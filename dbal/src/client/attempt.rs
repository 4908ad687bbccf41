//! One attempt on its way: what was asked for, and what is written down of it when it ends.

use std::sync::Arc;
use std::time::Instant;

use crate::audit::Line;
use crate::client::engine::{Caller, Engine};
use crate::client::{Client, Response};
use crate::error::{Error, ErrorKind, Result};
use crate::query::batch;
use crate::request::{Operation, Request};
use crate::row::{Columns, Record, RowSink};
use crate::schema::{Act, Body, Entity, EntityId, Move, Schema};
use crate::value::json;
use crate::value::{DateTime, Value, ValueRef};

/// Where a request came from, as its host knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The host's number for it.
    pub request_id: Option<String>,
    /// The other end of the connection.
    pub peer: Option<String>,
}

/// An attempt that has not ended. Dropped before that, it is written down as cancelled.
pub(crate) struct Attempt {
    engine: Arc<Engine>,
    began: Instant,
    /// A line for each thing that is attempted, to be filled in; more than one for a batch.
    lines: Vec<Planned>,
    ended: bool,
}

struct Planned {
    line: Line,
    /// Whose key `id` is.
    entity: Option<EntityId>,
    /// The schema wants this one written in any case.
    flagged: bool,
}

impl Attempt {
    /// Begins to write a request down; none without an audit.
    ///
    /// # Errors
    /// When nothing can be written down and that matters.
    pub fn of(client: &Client, request: &Request) -> Result<Option<Attempt>> {
        if client.engine.audit.is_none() {
            return Ok(None);
        }
        match request.operation {
            Operation::Batch => {
                let entries = request.args.get("entries").and_then(Value::as_list).unwrap_or_default();
                // One that is too long is refused as a whole: a line for each of its entries would wash away what is
                // written already.
                match entries.is_empty() || entries.len() > client.engine.limits.batch_entries {
                    true => Attempt::begin(client, vec![planned(client, request)]),
                    false => Attempt::begin(client, entries.iter().map(|entry| planned_entry(client, entry)).collect()),
                }
            }
            _ => Attempt::begin(client, vec![planned(client, request)]),
        }
    }

    /// The same of the entries of a batch.
    ///
    /// # Errors
    /// As [`Attempt::of`].
    pub fn of_entries(client: &Client, entries: &[Request]) -> Result<Option<Attempt>> {
        match (&client.engine.audit, entries) {
            (None, _) => Ok(None),
            (Some(_), entries) if entries.is_empty() || entries.len() > client.engine.limits.batch_entries => {
                Attempt::of(client, &Request::new(Operation::Batch, ""))
            }
            (Some(_), entries) => {
                Attempt::begin(client, entries.iter().map(|request| planned(client, request)).collect())
            }
        }
    }

    fn begin(client: &Client, lines: Vec<Planned>) -> Result<Option<Attempt>> {
        let Some(log) = &client.engine.audit else { return Ok(None) };
        log.ready(|| Line { success: false, error: Some("INTERNAL_ERROR"), ..lines[0].line.clone() })?;
        Ok(Some(Attempt { engine: client.engine.clone(), began: Instant::now(), lines, ended: false }))
    }

    /// Ends an attempt whose answer is at hand.
    ///
    /// # Errors
    /// What it ended with; or that it could not be written down.
    pub fn answered(attempt: Option<Attempt>, done: Result<Response>) -> Result<Response> {
        let Some(mut attempt) = attempt else { return done };
        if let Ok(response) = &done {
            attempt.learn(response);
        }
        attempt.end(done)
    }

    /// Ends one whose rows went elsewhere.
    ///
    /// # Errors
    /// As [`Attempt::answered`].
    pub fn ended<T>(attempt: Option<Attempt>, key: Option<Value>, done: Result<T>) -> Result<T> {
        let Some(mut attempt) = attempt else { return done };
        if let (Some(key), [only]) = (key, attempt.lines.as_mut_slice())
            && only.line.id.is_none()
        {
            only.line.id = shown(&key);
        }
        attempt.end(done)
    }

    /// The field to look at in the rows of the answer, where one row is made and nobody named its key.
    pub fn wanted(attempt: &Option<Attempt>) -> Option<String> {
        let attempt = attempt.as_ref()?;
        let [Planned { line, entity: Some(entity), .. }] = attempt.lines.as_slice() else { return None };
        let one = matches!(line.operation.as_str(), "create" | "upsert") && line.id.is_none();
        let declared = attempt.engine.schema.entity(*entity);
        let key = declared.field(declared.key);
        (one && !key.sensitive).then(|| key.name.clone())
    }

    /// Takes the keys of rows that were made.
    fn learn(&mut self, response: &Response) {
        match response {
            Response::Batch(answers) => {
                for (planned, answered) in self.lines.iter_mut().zip(answers) {
                    planned.learn(&self.engine, answered.entity, &answered.response);
                }
            }
            Response::Called(answered) => {
                if let [only] = self.lines.as_mut_slice() {
                    only.learn(&self.engine, answered.entity, &answered.response);
                }
            }
            other => {
                if let [only] = self.lines.as_mut_slice()
                    && let Some(entity) = only.entity
                {
                    only.learn(&self.engine, entity, other);
                }
            }
        }
    }

    fn end<T>(mut self, done: Result<T>) -> Result<T> {
        let written = self.write(done.as_ref().err());
        // What went wrong is worth more to the caller than that nobody wrote it down.
        done.and_then(|value| written.map(|()| value))
    }

    fn write(&mut self, error: Option<&Error>) -> Result<()> {
        self.ended = true;
        let Some(log) = &self.engine.audit else { return Ok(()) };
        let failed = error.and_then(Error::entry);
        let mut result = Ok(());
        for (index, planned) in self.lines.iter_mut().enumerate() {
            let line = &mut planned.line;
            line.timestamp = DateTime::now();
            line.duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            line.success = error.is_none();
            // In a batch the others are undone with the one that failed.
            let own = failed.is_none_or(|failed| failed == index);
            line.error = error.map(|error| if own { error.code() } else { "CONFLICT" });
            let incident = error.filter(|error| own && is_incident(error.kind()));
            line.incident = incident.map(|error| error.incident().unwrap_or(error.code()).to_owned());
            if !log.flagged || planned.flagged || line.incident.is_some() {
                result = result.and(log.write(line));
            }
        }
        result
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        let Some(log) = &self.engine.audit else { return };
        let error = if std::thread::panicking() { "INTERNAL_ERROR" } else { "CANCELLED" };
        for planned in &mut self.lines {
            planned.line.timestamp = DateTime::now();
            planned.line.duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            planned.line.error = Some(error);
            if !log.flagged || planned.flagged {
                // Nobody is left to be told; the next attempt finds out.
                let _ = log.write(&planned.line);
            }
        }
    }
}

impl Planned {
    fn learn(&mut self, engine: &Engine, entity: EntityId, response: &Response) {
        let row = match response {
            Response::Row(row) => row,
            Response::Called(answered) => return self.learn(engine, answered.entity, &answered.response),
            _ => return,
        };
        if self.line.id.is_none() && self.entity == Some(entity) {
            self.line.id = key_of(engine.schema.entity(entity), row);
        }
    }
}

/// Writes down that rows past their time were removed, or could not be.
///
/// # Errors
/// As [`Attempt::answered`].
pub(super) fn swept(client: &Client, entity: &str, done: Result<i64>) -> Result<i64> {
    let schema = &client.engine.schema;
    let line = blank(client, "sweep".into(), Some(entity.to_owned()), None);
    let id = schema.by_name(entity);
    let flagged = id.is_some_and(|id| schema.entity(id).security.audit_all_access);
    let attempt = Attempt::begin(client, vec![Planned { line, entity: id, flagged }])?;
    Attempt::ended(attempt, None, done)
}

/// Writes down what a host refused.
///
/// # Errors
/// When it could not be written down and that matters.
pub(super) fn refused(client: &Client, operation: &str, entity: Option<&str>, error: &Error) -> Result<()> {
    let line = blank(client, operation.to_owned(), entity.map(str::to_owned), None);
    let entity = entity.and_then(|entity| client.engine.schema.find(entity));
    let flagged = entity.is_some_and(|entity| is_flagged(&client.engine.schema, entity));
    match Attempt::begin(client, vec![Planned { line, entity, flagged }])? {
        Some(mut attempt) => attempt.write(Some(error)),
        None => Ok(()),
    }
}

fn is_incident(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::MaliciousCodeDetected | ErrorKind::SandboxViolation)
}

/// What is known of an attempt before it is made.
fn planned(client: &Client, request: &Request) -> Planned {
    let schema = &client.engine.schema;
    let entity = schema.find(&request.entity);
    let declared = entity.map(|entity| schema.entity(entity));
    let mut operation = request.operation.as_str().to_owned();
    let mut flagged = entity.is_some_and(|entity| is_flagged(schema, entity));
    let mut key = match request.operation {
        Operation::Upsert => request.args.get("where"),
        _ => request.args.get("id"),
    };
    if request.operation == Operation::Call
        && let Some(name) = request.args.get("name").and_then(Value::as_str)
    {
        operation = name.to_owned();
        key = request.args.get("input").and_then(Value::as_map).and_then(|input| input.get("id"));
        let decl = declared.and_then(|declared| declared.operation(name));
        flagged |= decl.is_some_and(|decl| decl.audit || asks_flagged(schema, &decl.body));
    }
    if let (Some(entity), Some(include)) = (entity, request.args.get("include")) {
        flagged |= includes_flagged(schema, entity, include, 0);
    }
    let id = declared.zip(key).and_then(|(declared, key)| given_key(declared, key));
    let named = if request.entity.is_empty() { None } else { Some(client.engine.called(request).to_owned()) };
    Planned { line: blank(client, operation, named, id), entity, flagged }
}

fn is_flagged(schema: &Schema, entity: EntityId) -> bool {
    schema.entity(entity).security.audit_all_access
}

/// Whether related rows come along of which every access is written down. As deep as a request may include.
fn includes_flagged(schema: &Schema, entity: EntityId, include: &Value, depth: usize) -> bool {
    let declared = schema.entity(entity);
    let asked = |(name, options): (&str, &Value)| {
        let wanted = !matches!(options, Value::Bool(false) | Value::Null | Value::Undefined);
        let Some(relation) = declared.relation_by_name(name).filter(|_| wanted) else { return false };
        let target = declared.relation(relation).target;
        let inner = options.as_map().and_then(|options| options.get("include"));
        is_flagged(schema, target)
            || inner.is_some_and(|inner| depth < MAX_DEPTH && includes_flagged(schema, target, inner, depth + 1))
    };
    include.as_map().is_some_and(|map| map.iter().any(asked))
}

/// Deeper includes are refused.
const MAX_DEPTH: usize = 32;

/// Whether a step of a body is about rows of which every access is written down.
fn asks_flagged(schema: &Schema, body: &Body) -> bool {
    let Body::Steps(steps) = body else { return false };
    steps.iter().any(|step| match &step.act {
        Act::Ask { entity, .. }
        | Act::VerifySecret { entity, .. }
        | Act::DeleteExpired { entity }
        | Act::Tree { entity, .. }
        | Act::Reorder { entity, .. }
        | Act::Move(Move { entity, .. }) => is_flagged(schema, *entity),
        Act::Return(_) => false,
    })
}

/// The same of an entry that is data and may be anything.
fn planned_entry(client: &Client, entry: &Value) -> Planned {
    match batch::entry(entry) {
        Some(request) => planned(client, &request),
        None => {
            let named = entry.as_map().and_then(|map| map.get("entity")).and_then(Value::as_str);
            let named = named.filter(|name| !name.is_empty()).map(str::to_owned);
            let operation = Operation::Batch.as_str().to_owned();
            Planned { line: blank(client, operation, named, None), entity: None, flagged: false }
        }
    }
}

/// A line of an attempt that failed so far.
fn blank(client: &Client, operation: String, entity: Option<String>, id: Option<String>) -> Line {
    let (user, role) = match &*client.caller {
        Caller::Trusted => (None, Some("system".to_owned())),
        Caller::Bound { principal, .. } => {
            let user = principal.user.get("id").and_then(shown);
            // No caller looks like trusted code by what it calls itself.
            let roles = principal.roles.iter().map(|role| match role.as_str() {
                "system" => "'system'".to_owned(),
                role => role.to_owned(),
            });
            let roles: Vec<String> = roles.collect();
            (user, Some(roles.join(",")).filter(|roles| !roles.is_empty()))
        }
    };
    let origin = client.origin.as_deref();
    Line {
        timestamp: DateTime::now(),
        user,
        role,
        operation,
        entity,
        id,
        success: false,
        error: None,
        duration_ms: 0,
        request_id: origin.and_then(|origin| origin.request_id.clone()),
        peer: origin.and_then(|origin| origin.peer.clone()),
        incident: None,
    }
}

/// The primary key, if a request names it, and if it may be shown.
fn given_key(declared: &Entity, given: &Value) -> Option<String> {
    let key = declared.field(declared.key);
    if key.sensitive {
        return None;
    }
    match given {
        Value::Map(map) => map.get(&key.name).and_then(shown),
        value => shown(value),
    }
}

fn key_of(declared: &Entity, row: &Record) -> Option<String> {
    let key = declared.field(declared.key);
    if key.sensitive { None } else { row.get(&key.name).and_then(shown) }
}

/// A scalar as text; nothing else is an id.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.to_string()),
        Value::Null | Value::Undefined | Value::List(_) | Value::Map(_) | Value::Record(_) | Value::Records(_) => None,
        other => Some(json::to_wire(other).trim_matches('"').to_owned()),
    }
}

/// Hands rows on, and looks at one field of the first.
pub(crate) struct Watching<S> {
    pub inner: S,
    field: Option<String>,
    at: Option<usize>,
    /// What the field was.
    pub found: Option<Value>,
}

impl<S> Watching<S> {
    /// Looks at this field, or at none.
    pub fn new(inner: S, field: Option<String>) -> Self {
        Watching { inner, field, at: None, found: None }
    }
}

impl<S: RowSink> RowSink for Watching<S> {
    fn start(&mut self, columns: &Arc<Columns>) -> Result<()> {
        self.at = self.field.as_deref().and_then(|field| columns.position(field));
        self.inner.start(columns)
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        if let (Some(at), None) = (self.at, &self.found) {
            self.found = cells.get(at).map(|cell| cell.to_value());
        }
        self.inner.row(cells)
    }

    fn own_row(&mut self, values: Vec<Value>) -> Result<()> {
        if let (Some(at), None) = (self.at, &self.found) {
            self.found = values.get(at).cloned();
        }
        self.inner.own_row(values)
    }

    fn takes_json_text(&self) -> bool {
        self.inner.takes_json_text()
    }
}
