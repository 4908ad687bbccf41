//! An opened database, asked by trusted code or on behalf of a caller.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use dbal::client::packed::gathered;
use dbal::client::{Answered, Client};
use dbal::packed::{Layouts, Packer};
use dbal::schema::{EntityId, RelationKind, Schema};
use dbal::value::{Map, Value, json};
use dbal::{AsyncClient, Error, Operation, Request, Response, Result};
use napi::{Env, JsString};
use napi_derive::napi;

use crate::config;
use crate::error;
use crate::port::{Answer, Port, Shared};

/// A database as one caller sees it.
#[napi]
pub struct Database {
    pub(crate) shared: Rc<Shared>,
    /// None once it was closed.
    client: RefCell<Option<AsyncClient>>,
    pub(crate) layouts: Arc<Layouts>,
}

impl Database {
    fn client(&self) -> Result<AsyncClient> {
        self.client.borrow().clone().ok_or_else(closed)
    }

    /// The client with the deadline of one call; below zero: its own.
    pub(crate) fn within(&self, timeout: f64) -> Result<AsyncClient> {
        let client = self.client()?;
        if timeout < 0.0 {
            return Ok(client);
        }
        Ok(client.with_timeout(Some(Duration::from_secs_f64((timeout / 1000.0).min(1e9)))))
    }

    /// What happens while JavaScript waits needs no client of its own.
    fn at_once<T>(&self, timeout: f64, work: impl FnOnce(&Client) -> Result<T>) -> Result<T> {
        if timeout >= 0.0 {
            return work(self.within(timeout)?.blocking());
        }
        work(self.client.borrow().as_ref().ok_or_else(closed)?.blocking())
    }

    /// Starts work that needs the client.
    pub(crate) fn start<'e, F: Future<Output = Result<Answer>> + 'static>(
        &self,
        env: &'e Env,
        work: Result<F>,
    ) -> napi::Result<JsString<'e>> {
        match work {
            Ok(work) => self.shared.start(env, Box::pin(work)),
            Err(error) => self.shared.answer(env, Err(error)),
        }
    }
}

/// A sink for the rows of a request. What names no entity has no rows.
pub(crate) fn packer(shared: &Shared, layouts: &Arc<Layouts>, request: &Request) -> Packer {
    let entity = layouts.schema.find(&request.entity).unwrap_or(EntityId(0));
    Packer::with(layouts.clone(), entity, shared.spare())
}

/// The answers to the entries of a batch.
fn many(layouts: &Arc<Layouts>, response: Response) -> Result<Answer> {
    let Response::Batch(entries) = response else { return Err(Error::internal("a batch answered as something else")) };
    entries.into_iter().map(|entry| gathered(layouts, entry)).collect::<Result<_>>().map(Answer::Many)
}

/// Whether the answer to a request is gathered before it is packed: its rows may be of another entity than it names.
pub(crate) fn is_gathered(request: &Request) -> bool {
    matches!(request.operation, Operation::Batch | Operation::Call)
}

/// An answer that was gathered.
pub(crate) fn whole(layouts: &Arc<Layouts>, request: &Request, response: Response) -> Result<Answer> {
    if request.operation == Operation::Batch {
        return many(layouts, response);
    }
    let entity = layouts.schema.find(&request.entity).unwrap_or(EntityId(0));
    let (pieces, envelope) = gathered(layouts, Answered { entity, response })?;
    Ok(Answer::Rows(pieces, envelope))
}

#[napi]
impl Database {
    /// Opens what the options in the input buffer say.
    #[napi(factory, catch_unwind)]
    pub fn open(port: &Port, length: u32) -> napi::Result<Self> {
        let opened = port.shared.read(length, |reader| config::read(&reader.value()?)).and_then(|opening| {
            let client = Client::open(opening.config)?;
            Ok(match opening.principal {
                Some(principal) => client.as_principal(principal),
                None => client,
            })
        });
        let client = opened.map_err(thrown)?;
        let layouts = Arc::new(Layouts::new(client.schema().clone()));
        Ok(Database { shared: port.shared.clone(), client: RefCell::new(Some(client.into())), layouts })
    }

    /// The same database on behalf of the principal in the input buffer.
    #[napi(catch_unwind)]
    pub fn bind(&self, length: u32) -> napi::Result<Database> {
        let principal = self.shared.read(length, |reader| config::principal(&reader.value()?)).map_err(thrown)?;
        let client = RefCell::new(Some(self.client().map_err(thrown)?.as_principal(principal)));
        Ok(Database { shared: self.shared.clone(), client, layouts: self.layouts.clone() })
    }

    /// The same database, whose reads see what was committed before.
    #[napi(catch_unwind)]
    pub fn newest(&self) -> napi::Result<Database> {
        let client = RefCell::new(Some(self.client().map_err(thrown)?.newest()));
        Ok(Database { shared: self.shared.clone(), client, layouts: self.layouts.clone() })
    }

    /// Lets go of the database; what is in flight comes to its end.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        let client = self.client.borrow_mut().take();
        drop(client);
    }

    /// Runs the request in the input buffer.
    #[napi(catch_unwind)]
    pub fn execute<'e>(&self, env: &'e Env, length: u32, timeout: f64) -> napi::Result<JsString<'e>> {
        let outcome = self.shared.read(length, |reader| reader.request()).and_then(|request| {
            self.at_once(timeout, |client| {
                if is_gathered(&request) {
                    return whole(&self.layouts, &request, client.execute(&request)?);
                }
                let mut packer = packer(&self.shared, &self.layouts, &request);
                let envelope = client.execute_into(&request, &mut packer)?;
                Ok(Answer::Rows(packer.finish(), envelope))
            })
        });
        self.shared.answer(env, outcome)
    }

    /// Starts the request in the input buffer.
    #[napi(catch_unwind)]
    pub fn submit<'e>(&self, env: &'e Env, length: u32, timeout: f64) -> napi::Result<JsString<'e>> {
        let work = self.within(timeout).and_then(|client| {
            let request = self.shared.read(length, |reader| reader.request())?;
            let (packer, layouts) = (packer(&self.shared, &self.layouts, &request), self.layouts.clone());
            Ok(async move {
                if is_gathered(&request) {
                    return whole(&layouts, &request, client.execute(&request).await?);
                }
                let (envelope, packer) = client.execute_into(&request, packer).await?;
                Ok(Answer::Rows(packer.finish(), envelope))
            })
        });
        self.start(env, work)
    }

    /// What would happen, as JSON: the request in the input buffer, behind the principal it is for, or null.
    #[napi(catch_unwind)]
    pub fn explain<'e>(&self, env: &'e Env, length: u32) -> napi::Result<JsString<'e>> {
        let outcome = self.shared.read(length, |reader| {
            let principal = match reader.value()? {
                Value::Null | Value::Undefined => None,
                value => Some(config::principal(&value)?),
            };
            let explained =
                self.client()?.blocking().explain(&explained_request(&reader.value()?)?, principal.as_ref())?;
            let texts = |texts: &[String]| Value::List(texts.iter().map(|text| text.as_str().into()).collect());
            let step = |step: &dbal::client::explain::ExplainedStep| {
                Value::Map(Map(vec![
                    ("purpose".into(), step.purpose.as_str().into()),
                    ("text".into(), step.text.as_str().into()),
                    ("params".into(), texts(&step.params)),
                ]))
            };
            let explained = Value::Map(Map(vec![
                ("adapter".into(), explained.adapter.into()),
                ("steps".into(), Value::List(explained.steps.iter().map(step).collect())),
                ("rules".into(), texts(&explained.rules)),
                ("atomic".into(), explained.atomic.into()),
            ]));
            Ok(Answer::Json(json::to_wire(&explained)))
        });
        self.shared.answer(env, outcome)
    }

    /// Creates what the database lacks, and answers the statements that ran.
    #[napi(catch_unwind)]
    pub fn migrate<'e>(&self, env: &'e Env) -> napi::Result<JsString<'e>> {
        self.shared.answer(env, self.client().and_then(|client| client.blocking().migrate()).map(statements))
    }

    /// The same without waiting.
    #[napi(catch_unwind)]
    pub fn migrate_later<'e>(&self, env: &'e Env) -> napi::Result<JsString<'e>> {
        self.start(env, self.client().map(|client| async move { client.migrate().await.map(statements) }))
    }

    /// Drops everything and creates it anew.
    #[napi(catch_unwind)]
    pub fn reset<'e>(&self, env: &'e Env) -> napi::Result<JsString<'e>> {
        self.shared.answer(env, self.client().and_then(|client| client.blocking().reset()).map(|()| Answer::Nothing))
    }

    /// The same without waiting.
    #[napi(catch_unwind)]
    pub fn reset_later<'e>(&self, env: &'e Env) -> napi::Result<JsString<'e>> {
        self.start(env, self.client().map(|client| async move { client.reset().await.map(|()| Answer::Nothing) }))
    }

    /// The names and the kinds of the columns of a layout.
    #[napi(catch_unwind)]
    pub fn layout(&self, id: u32) -> Option<String> {
        self.layouts.describe(id)
    }

    /// The entities with their fields and relations, and what the backend can do, as JSON.
    #[napi(catch_unwind)]
    pub fn describe(&self) -> napi::Result<String> {
        let client = self.client().map_err(thrown)?;
        let client = client.blocking();
        let entities = client.schema().entities().map(|(id, _)| entity(client.schema(), id)).collect();
        let capabilities = client.capabilities().list().into_iter();
        let capabilities = capabilities.map(|(name, support)| (name, format!("{support:?}").to_lowercase()));
        let warnings = client.warnings().iter().map(|warning| warning.to_string().into()).collect();
        Ok(json::to_wire(&Value::Map(Map(vec![
            ("entities".into(), Value::List(entities)),
            ("capabilities".into(), Value::Map(capabilities.collect())),
            ("warnings".into(), Value::List(warnings)),
        ]))))
    }
}

fn entity(schema: &Schema, id: EntityId) -> Value {
    let entity = schema.entity(id);
    let fields = entity.fields.iter().map(|field| (field.name.clone(), field.ty.as_str()));
    let relations = entity.relations.iter().map(|relation| {
        let many = matches!(relation.kind, RelationKind::HasMany | RelationKind::ManyToMany);
        let target = schema.entity(relation.target).name.as_str();
        (relation.name.clone(), Value::Map(Map(vec![("entity".into(), target.into()), ("many".into(), many.into())])))
    });
    Value::Map(Map(vec![
        ("name".into(), entity.name.as_str().into()),
        ("plural".into(), entity.plural.as_str().into()),
        ("fields".into(), Value::Map(fields.collect())),
        ("relations".into(), Value::Map(relations.collect())),
    ]))
}

/// `{ name, entity, args }` as a request.
fn explained_request(value: &Value) -> Result<Request> {
    let part = |name: &str| value.as_map().and_then(|map| map.get(name));
    let text = |name: &str| part(name).and_then(Value::as_str).unwrap_or_default();
    let operation = Operation::parse(text("name"))
        .ok_or_else(|| Error::validation("operation", "unknown; expected one such as list or findMany"))?;
    let args = part("args").and_then(Value::as_map).cloned().unwrap_or_default();
    Ok(Request { operation, entity: text("entity").to_owned().into(), args })
}

fn closed() -> Error {
    Error::internal("the client was closed")
}

fn statements(statements: Vec<String>) -> Answer {
    Answer::Json(json::to_wire(&Value::List(statements.into_iter().map(Value::from).collect())))
}

/// An error thrown rather than answered: `lib/error.js` reads its message.
pub(crate) fn thrown(error: Error) -> napi::Error {
    napi::Error::from_reason(error::describe(&error))
}
