//! The hosts of this crate: the Rust clients, blocking and awaited, on every backend.

use std::collections::HashMap;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use dbal::capability::Support;
use dbal::client::nonblocking::AsyncTransaction;
use dbal::client::transaction::Transaction;
use dbal::{AsyncClient, Client, Config, Error, Operation, Principal, Schema, Value};
use tempfile::TempDir;

use crate::host::{Caller, Database, Ending, Failure, FieldFailure, Host, Request};
use crate::mongodb::Made;
use crate::places::{self, Place, Places};
use crate::suite::{Fixture, SchemaSource};

/// A backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Rows in memory.
    Memory,
    /// A SQLite file.
    Sqlite,
    /// The PostgreSQL database that [`POSTGRES_URL`](crate::servers::POSTGRES_URL) names.
    Postgres,
    /// A database on the server that [`MONGODB_URL`](crate::servers::MONGODB_URL) names.
    Mongodb,
}

/// Which face of the client is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// [`Client`].
    Blocking,
    /// [`AsyncClient`].
    Awaited,
}

/// The Rust client on a backend.
pub struct RustHost {
    name: &'static str,
    backend: Backend,
    face: Face,
    capabilities: Vec<(String, bool)>,
    folder: TempDir,
    /// What the cases of a fixture share, by its name.
    prepared: Mutex<HashMap<String, Arc<Prepared>>>,
    files: AtomicU64,
}

/// A fixture's schema, loaded, and where its rows are copied from at the beginning of a case.
struct Prepared {
    schema: Arc<Schema>,
    /// For SQLite.
    file: Option<PathBuf>,
    /// For PostgreSQL.
    places: Option<Places>,
}

/// No case waits longer than this: one that deadlocks fails instead.
const TIMEOUT: Duration = Duration::from_secs(20);

impl RustHost {
    /// The host of a face on a backend.
    ///
    /// # Errors
    /// When there is no place for temporary files, or no database can be opened at all.
    pub fn new(backend: Backend, face: Face) -> Result<Self, Failure> {
        let name = match (backend, face) {
            (Backend::Memory, Face::Blocking) => "memory",
            (Backend::Sqlite, Face::Blocking) => "sqlite",
            (Backend::Postgres, Face::Blocking) => "postgres",
            (Backend::Mongodb, Face::Blocking) => "mongodb",
            (Backend::Memory, Face::Awaited) => "memory awaited",
            (Backend::Sqlite, Face::Awaited) => "sqlite awaited",
            (Backend::Postgres, Face::Awaited) => "postgres awaited",
            (Backend::Mongodb, Face::Awaited) => "mongodb awaited",
        };
        let config = match backend {
            Backend::Memory => Config::memory(),
            Backend::Sqlite => Config::sqlite(":memory:"),
            Backend::Postgres => Config::postgres(places::url()?),
            Backend::Mongodb => Config::adapter(Made::new(Arc::new(Schema::new(Vec::new(), Vec::new())))?.adapter()),
        };
        let probe =
            Client::open(config.schema_text("entity: Probe\nfields: { id: { type: integer, primary: true } }\n"))?;
        let has = |(name, support): (&str, Support)| (name.to_owned(), support != Support::Unsupported);
        Ok(RustHost {
            name,
            backend,
            face,
            capabilities: probe.capabilities().list().into_iter().map(has).collect(),
            folder: TempDir::with_prefix("dbal-conformance").map_err(|error| broken(&error.to_string()))?,
            prepared: Mutex::default(),
            files: AtomicU64::new(0),
        })
    }

    /// A client on an empty or a copied database, and what is to be given back after it.
    fn client(&self, prepared: &Prepared, fixture: &Fixture) -> Result<(Client, Option<Held>), Failure> {
        let mut place = None;
        let config = match (&prepared.file, &prepared.places) {
            (None, Some(places)) => {
                let taken = places.take()?;
                let config = Config::adapter(taken.adapter());
                place = Some(Held::Place(taken));
                config
            }
            (None, None) if self.backend == Backend::Mongodb => {
                let made = Made::new(prepared.schema.clone())?;
                let config = Config::adapter(made.adapter());
                place = Some(Held::Made(made));
                config
            }
            (None, None) => Config::memory(),
            (Some(template), _) => Config::sqlite(self.copy(template)?),
        };
        Ok((Client::open(configured(config, &prepared.schema, fixture))?, place))
    }

    /// A fixture's schema, and a SQLite file of its own that holds its rows.
    pub fn copy_of(&self, fixture: &Fixture) -> Result<(Arc<Schema>, PathBuf), Failure> {
        let prepared = self.prepare(fixture)?;
        let file = prepared.file.as_ref().map(|template| self.copy(template));
        Ok((prepared.schema.clone(), file.ok_or_else(|| broken("this backend has no files"))??))
    }

    fn copy(&self, template: &Path) -> Result<PathBuf, Failure> {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        let file = self.folder.path().join(format!("{number}.db"));
        fs::copy(template, &file).map_err(|error| broken(&error.to_string()))?;
        Ok(file)
    }

    /// Loads a fixture's schema once, and for SQLite fills a file with its rows once.
    fn prepare(&self, fixture: &Fixture) -> Result<Arc<Prepared>, Failure> {
        let mut all = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = all.get(&fixture.name) {
            return Ok(prepared.clone());
        }
        let config = match &fixture.schema {
            SchemaSource::Text(text) => Config::memory().schema_text(text.clone()),
            SchemaSource::Folder(folder) => Config::memory().schema_dir(folder),
        };
        let schema = Client::open(config)?.schema().clone();
        let file = match self.backend {
            Backend::Memory | Backend::Postgres | Backend::Mongodb => None,
            Backend::Sqlite => {
                let file = self.folder.path().join(format!("fixture-{}.db", all.len()));
                let client = Client::open(configured(Config::sqlite(&file), &schema, fixture))?;
                fill(&client, fixture)?;
                // Closing the last connection folds the write-ahead log into the file.
                Some(file)
            }
        };
        let places = match self.backend {
            Backend::Memory | Backend::Sqlite | Backend::Mongodb => None,
            Backend::Postgres => Some(Places::prepare(&schema, |adapter| {
                fill(&Client::open(configured(Config::adapter(adapter), &schema, fixture))?, fixture)
            })?),
        };
        let prepared = Arc::new(Prepared { schema, file, places });
        all.insert(fixture.name.clone(), prepared.clone());
        Ok(prepared)
    }
}

fn configured(config: Config, schema: &Arc<Schema>, fixture: &Fixture) -> Config {
    let config = config.schema(schema.clone()).timeout(TIMEOUT);
    match &fixture.rules {
        Some(rules) => config.rules_text(rules.clone()),
        None => config,
    }
}

fn fill(client: &Client, fixture: &Fixture) -> Result<(), Failure> {
    client.migrate()?;
    client.transaction(|inside| {
        fixture.data.iter().try_for_each(|(entity, row)| {
            let request = dbal::Request::new(Operation::Create, entity.clone()).arg("data", row.clone());
            inside.execute(&request).map(drop)
        })
    })?;
    Ok(())
}

impl Host for RustHost {
    fn name(&self) -> &str {
        self.name
    }

    fn backend(&self) -> &str {
        match self.backend {
            Backend::Memory => "memory",
            Backend::Sqlite => "sqlite",
            Backend::Postgres => "postgres",
            Backend::Mongodb => "mongodb",
        }
    }

    fn capabilities(&self) -> Vec<(String, bool)> {
        self.capabilities.clone()
    }

    fn open(&self, fixture: &Fixture) -> Result<Box<dyn Database>, Failure> {
        let prepared = self.prepare(fixture)?;
        let (client, place) = self.client(&prepared, fixture)?;
        if matches!(self.backend, Backend::Memory | Backend::Mongodb) {
            fill(&client, fixture)?;
        }
        Ok(match self.face {
            Face::Blocking => Box::new(Blocking(client, place)),
            Face::Awaited => Box::new(Awaited(AsyncClient::from(client), place)),
        })
    }
}

/// What is given back after a case.
#[allow(dead_code, reason = "kept until the case is over")]
enum Held {
    Place(Place),
    Made(Made),
}

/// The client goes before its place is given back.
struct Blocking(Client, #[allow(dead_code, reason = "kept until the case is over")] Option<Held>);

impl Database for Blocking {
    fn run(&self, caller: &Caller, request: &Request) -> Result<Value, Failure> {
        let (client, request) = (self.bound(caller), asked(request)?);
        match request.operation {
            Operation::Stream => Ok(Value::Records(client.stream_of(request)?.collect::<Result<_, _>>()?)),
            _ => Ok(client.execute(&request)?.into_value()),
        }
    }

    fn transaction(&self, caller: &Caller, body: &mut dyn FnMut(&dyn Database) -> Ending) -> Result<(), Failure> {
        let ended = self.bound(caller).transaction(|inside| ended(body(&BlockingInside(inside))));
        settled(ended)
    }
}

impl Blocking {
    fn bound(&self, caller: &Caller) -> Client {
        principal(caller).map_or_else(|| self.0.clone(), |principal| self.0.as_principal(principal))
    }
}

struct BlockingInside<'t, 'c>(&'t Transaction<'c>);

impl Database for BlockingInside<'_, '_> {
    fn run(&self, _caller: &Caller, request: &Request) -> Result<Value, Failure> {
        Ok(self.0.execute(&asked(request)?)?.into_value())
    }

    fn transaction(&self, _: &Caller, body: &mut dyn FnMut(&dyn Database) -> Ending) -> Result<(), Failure> {
        settled(self.0.transaction(|inside| ended(body(&BlockingInside(inside)))))
    }
}

struct Awaited(AsyncClient, #[allow(dead_code, reason = "kept until the case is over")] Option<Held>);

impl Database for Awaited {
    fn run(&self, caller: &Caller, request: &Request) -> Result<Value, Failure> {
        let (client, request) = (self.bound(caller), asked(request)?);
        if request.operation != Operation::Stream {
            return Ok(block_on(client.execute(&request))?.into_value());
        }
        block_on(async {
            let mut rows = client.stream_of(request).await?;
            let mut records = Vec::new();
            while let Some(row) = rows.next().await {
                records.push(row?);
            }
            Ok(Value::Records(records))
        })
    }

    fn transaction(&self, caller: &Caller, body: &mut dyn FnMut(&dyn Database) -> Ending) -> Result<(), Failure> {
        let client = self.bound(caller);
        settled(block_on(client.transaction(async |inside| ended(body(&AwaitedInside(inside))))))
    }
}

impl Awaited {
    fn bound(&self, caller: &Caller) -> AsyncClient {
        principal(caller).map_or_else(|| self.0.clone(), |principal| self.0.as_principal(principal))
    }
}

struct AwaitedInside<'t>(&'t AsyncTransaction);

impl Database for AwaitedInside<'_> {
    fn run(&self, _caller: &Caller, request: &Request) -> Result<Value, Failure> {
        Ok(block_on(self.0.execute(&asked(request)?))?.into_value())
    }

    fn transaction(&self, _: &Caller, body: &mut dyn FnMut(&dyn Database) -> Ending) -> Result<(), Failure> {
        settled(block_on(self.0.transaction(async |inside| ended(body(&AwaitedInside(inside))))))
    }
}

/// Why a transaction's closure did not return well.
enum Stop {
    /// As the case wanted.
    RolledBack,
    /// Begin, commit or rollback failed.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Failed(error)
    }
}

fn ended(ending: Ending) -> Result<(), Stop> {
    match ending {
        Ending::Commit => Ok(()),
        Ending::RollBack => Err(Stop::RolledBack),
    }
}

fn settled(result: Result<(), Stop>) -> Result<(), Failure> {
    match result {
        Ok(()) | Err(Stop::RolledBack) => Ok(()),
        Err(Stop::Failed(error)) => Err(error.into()),
    }
}

fn principal(caller: &Caller) -> Option<Principal> {
    match caller {
        Caller::Trusted => None,
        Caller::Anonymous => Some(Principal::anonymous()),
        Caller::Principal { user, session, roles } => {
            Some(Principal { user: user.clone(), session: session.clone(), roles: roles.clone() })
        }
    }
}

fn asked(request: &Request) -> Result<dbal::Request, Failure> {
    let operation = Operation::parse(&request.operation)
        .ok_or_else(|| broken(&format!("the Rust client has no operation `{}`", request.operation)))?;
    Ok(dbal::Request { operation, entity: request.entity.clone().into(), args: request.args.clone() })
}

fn broken(message: &str) -> Failure {
    Failure { code: "INTERNAL_ERROR".into(), message: message.into(), ..Failure::default() }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let field = |fault: &dbal::FieldFault| FieldFailure {
            field: fault.field.clone(),
            message: fault.message.clone(),
            index: fault.index,
        };
        Failure {
            code: error.code().into(),
            message: error.message().into(),
            reason: error.reason().map(|reason| reason.as_str().into()),
            fields: error.fields().iter().map(field).collect(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls a future on this thread until it is done.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
