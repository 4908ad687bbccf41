//! The client: one opened database, asked by trusted code or on behalf of a caller.

mod attempt;
mod batch;
pub mod builder;
mod cache;
pub mod call;
mod channel;
pub mod config;
mod copies;
mod engine;
pub mod explain;
mod failures;
#[cfg(feature = "remote")]
mod far;
pub mod handle;
pub mod held;
mod judged;
mod keyed;
mod lone;
mod many;
mod migrations;
pub mod model;
#[cfg(feature = "async")]
pub mod nonblocking;
mod own;
pub mod packed;
mod response;
mod retry;
pub mod stream;
mod sweeper;
#[cfg(feature = "remote")]
mod told;
pub mod transaction;
pub mod typed;
pub mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use attempt::Origin;
pub use config::Config;
pub use judged::{Judged, JudgedRule, JudgedVerb};
pub use migrations::Migrations;
pub use response::{Answered, Envelope, Page, Response};
pub use retry::{TransactionOptions, Tries};

use crate::access::{Policy, Principal};
use crate::adapter::{Cancel, Connection, Intent, Lowering};
use crate::capability::Capabilities;
use crate::error::{Error, Outcome, Result};
use crate::exec::{Machine, Summary};
use crate::migrate::history::History;
use crate::migrate::{Options, Plan};
use crate::query::ast::Shape;
use crate::query::limits::Limits;
use crate::request::{Operation, Request};
use crate::row::{LastRecord, Record, RecordSink, RowSink};
use crate::schema::{EntityId, Schema};
use crate::sql::migrate;
use crate::yaml::Fault;
use attempt::{Attempt, Watching};
use batch::Batch;
use engine::{Caller, Engine};
use handle::Entity;
use response::Head;
use transaction::{Transaction, Tried};

/// A client that blocks. Cheap to clone; clones share connections and plans.
///
/// ```
/// use dbal::{Client, Config, value};
/// let schema = "
/// entity: Note
/// fields:
///   id: { type: uuid, primary: true, generated: true }
///   text: { type: string, required: true }
/// ";
/// let db = Client::open(Config::memory().schema_text(schema))?;
/// db.migrate()?;
/// let note = db.entity("Note")?.create(value!({ "text": "hello" }))?;
/// let found = db.entity("Note")?.read(note.get("id").unwrap().clone())?;
/// assert_eq!(found.get("text").unwrap().as_str(), Some("hello"));
/// # Ok::<(), dbal::Error>(())
/// ```
#[derive(Clone)]
pub struct Client {
    pub(crate) engine: Arc<Engine>,
    pub(crate) caller: Arc<Caller>,
    pub(crate) timeout: Option<Duration>,
    /// Stops its requests from another thread.
    pub(crate) cancel: Option<Cancel>,
    /// Where its requests come from.
    pub(crate) origin: Option<Arc<Origin>>,
    /// Its reads see the newest rows, and go to no copy.
    pub(crate) newest: bool,
    /// Under which its one write is applied once.
    pub(crate) key: Option<Arc<str>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("adapter", &self.engine.adapter.name())
            .field("bound", &self.caller.principal().is_some())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Opens a database as the configuration says. The client is trusted; see [`Client::as_principal`].
    ///
    /// # Errors
    /// VALIDATION_ERROR with every fault of the schema, the rules and the configuration; DATABASE_ERROR when the
    /// database cannot be opened.
    pub fn open(config: Config) -> Result<Client> {
        let opened = config.open()?;
        let (timeout, sweep) = (opened.timeout, opened.sweep);
        let engine = Arc::new(Engine::new(opened));
        if let Some(every) = sweep {
            sweeper::start(&engine, every);
        }
        let caller = Arc::new(Caller::Trusted);
        Ok(Client { engine, caller, timeout, cancel: None, origin: None, newest: false, key: None })
    }

    /// The same database asked on behalf of a caller: every access rule applies. A client of a daemon is whoever its
    /// credentials say: bound to another, each of its requests is FORBIDDEN.
    pub fn as_principal(&self, principal: Principal) -> Client {
        let caller = Arc::new(self.engine.bind_caller(principal));
        Client { caller, ..self.clone() }
    }

    /// The same client whose requests come from somewhere, as audit lines say.
    pub fn with_origin(&self, origin: Origin) -> Client {
        Client { origin: Some(Arc::new(origin)), ..self.clone() }
    }

    /// The same client with a deadline for each request; none waits for ever.
    pub fn with_timeout(&self, timeout: Option<Duration>) -> Client {
        Client { timeout, ..self.clone() }
    }

    /// The same client, whose requests stop when this is told so by another thread: each that is under way then, and
    /// each that comes later, is TIMEOUT. What it wrote is undone.
    ///
    /// ```
    /// use dbal::{Client, Config, adapter::Cancel, query};
    /// # let schema = "entity: Note\nfields:\n  id: { type: integer, primary: true }\n";
    /// # let db = Client::open(Config::sqlite(":memory:").schema_text(schema))?;
    /// # db.migrate()?;
    /// let cancel = Cancel::default();
    /// let patient = db.with_cancel(&cancel);
    /// assert_eq!(patient.entity("Note")?.count(query())?, 0);
    /// cancel.cancel(); // from wherever
    /// assert_eq!(patient.entity("Note")?.count(query()).unwrap_err().code(), "TIMEOUT");
    /// # Ok::<(), dbal::Error>(())
    /// ```
    pub fn with_cancel(&self, cancel: &Cancel) -> Client {
        Client { cancel: Some(cancel.clone()), ..self.clone() }
    }

    /// A connection for requests of this client.
    pub(crate) fn connect(&self, intent: Intent, deadline: Option<Instant>) -> Result<Box<dyn Connection + '_>> {
        self.wanted()?;
        let mut connection = self.engine.adapter.connect(intent, deadline)?;
        self.watches(&mut *connection);
        Ok(connection)
    }

    /// Has a connection stop when its request is cancelled. Each has something of its own to be woken by.
    pub(crate) fn watches(&self, connection: &mut dyn Connection) {
        if let Some(cancel) = &self.cancel {
            // One that asks wakes nobody.
            if cancel.interval().is_some() {
                return connection.watch(Some(cancel));
            }
            connection.watch(Some(&Cancel::with(Some(cancel))));
        }
    }

    /// Fails when nobody waits for an answer.
    pub(crate) fn wanted(&self) -> Result<()> {
        match self.cancel.as_ref().is_some_and(Cancel::is_cancelled) {
            true => Err(Error::timeout(Outcome::NotApplied)),
            false => Ok(()),
        }
    }

    /// What is odd about the schema and the rules without being wrong. A host shows it where somebody will look.
    pub fn warnings(&self) -> &[Fault] {
        &self.engine.warnings
    }

    /// The schema in use.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.engine.schema
    }

    /// The access rules in use.
    pub fn policy(&self) -> &Policy {
        &self.engine.policy
    }

    /// The same database under other access rules, for whoever is bound to the new client; clients from before keep
    /// theirs. Plans are made anew.
    ///
    /// ```
    /// use dbal::access::Policy;
    /// # use dbal::{Client, Config, Principal, query};
    /// # let schema = "entity: Note\nfields:\n  id: { type: integer, primary: true }\nacl: { read: { public: true } }\n";
    /// let db = Client::open(Config::memory().schema_text(schema))?;
    /// assert!(db.as_principal(Principal::anonymous()).entity("Note")?.count(query()).is_ok());
    /// let rules = Policy::from_rules(db.schema(), "rules: []", "acl.yaml")?;
    /// let closed = db.with_policy(rules)?;
    /// assert!(closed.as_principal(Principal::anonymous()).entity("Note")?.count(query()).is_err());
    /// # Ok::<(), dbal::Error>(())
    /// ```
    ///
    /// # Errors
    /// FORBIDDEN for a bound client; VALIDATION_ERROR for rules that were made for another schema.
    pub fn with_policy(&self, policy: Policy) -> Result<Client> {
        if self.caller.principal().is_some() {
            return Err(Error::forbidden("rules are given by trusted code"));
        }
        if policy.schema_version() != self.engine.schema.version() {
            return Err(Error::validation("rules", "made for another schema"));
        }
        let engine = Arc::new(self.engine.with_policy(policy));
        Ok(Client { engine, ..self.clone() })
    }

    /// The name of the backend, such as `sqlite`.
    pub fn backend(&self) -> &'static str {
        self.engine.adapter.name()
    }

    /// The greatest request that is served.
    pub fn limits(&self) -> &Limits {
        &self.engine.limits
    }

    /// What the backend can do.
    pub fn capabilities(&self) -> &Capabilities {
        self.engine.adapter.capabilities()
    }

    /// Writes into the audit that its host refused an attempt before it came to this client: for a limit of its own, a
    /// token that does not count, a message that is no request. `operation` is what was attempted, as far as that is known.
    ///
    /// # Errors
    /// INTERNAL_ERROR where the line cannot be written and that matters ([`Audit::on_failure`](crate::audit::Audit)).
    pub fn refused(&self, operation: &str, entity: Option<&str>, error: &Error) -> Result<()> {
        attempt::refused(self, operation, entity, error)
    }

    /// A handle on an entity, by its name (`User`) or its plural (`users`).
    ///
    /// # Errors
    /// VALIDATION_ERROR for an unknown name.
    pub fn entity(&self, name: &str) -> Result<Entity<'_, Client>> {
        Ok(Entity::new(self, self.entity_name(name)?))
    }

    /// Which entity a name (`User`) or a plural (`users`) means.
    ///
    /// # Errors
    /// VALIDATION_ERROR for an unknown name.
    pub fn entity_id(&self, name: &str) -> Result<EntityId> {
        let schema = &self.engine.schema;
        schema.find(name).ok_or_else(|| {
            let names: Vec<&str> = schema.entities().map(|(_, entity)| entity.name.as_str()).collect();
            let message = format!("unknown entity; expected one of {}", names.join(", "));
            Error::validation("entity", message)
        })
    }

    pub(crate) fn entity_name(&self, name: &str) -> Result<&Arc<str>> {
        self.entity_id(name).map(|id| self.engine.name(id))
    }

    /// Runs a request and gathers its answer.
    ///
    /// # Errors
    /// Those of the catalogue; see [`Error`].
    pub fn execute(&self, request: &Request) -> Result<Response> {
        let attempt = Attempt::of(self, request)?;
        Attempt::answered(attempt, self.answer(request))
    }

    /// The same, not written down.
    fn answer(&self, request: &Request) -> Result<Response> {
        #[cfg(feature = "remote")]
        if let Some(remote) = self.far()? {
            return far::ask(self, remote, request);
        }
        if let Some(keyed) = self.keyed(request)? {
            return keyed.alone();
        }
        if request.operation == Operation::Batch {
            return self.run_batch(Batch::of(self, request)?);
        }
        if request.operation == Operation::Call {
            return self.run_call(request);
        }
        let mut sink = RecordSink::default();
        self.answer_into(request, &mut sink)?.with(sink.records)
    }

    /// Runs a request whose answer is one row: most requests of most programs, so all that gathers other answers is left
    /// out.
    ///
    /// # Errors
    /// As [`Client::execute`]; INTERNAL_ERROR where the answer is another one.
    pub(crate) fn row(&self, request: &Request) -> Result<Record> {
        #[cfg(feature = "remote")]
        let far = self.engine.far.is_some();
        #[cfg(not(feature = "remote"))]
        let far = false;
        let other = matches!(request.operation, Operation::Batch | Operation::Call);
        if far || other || self.engine.audit.is_some() || self.key.is_some() {
            return self.execute(request)?.row();
        }
        let mut sink = LastRecord::default();
        let shape = match self.run_lone(request, &mut sink) {
            Some(done) => done.map(|()| Shape::One)?,
            None => {
                let mut machine = self.engine.prepare(&self.caller, request)?;
                let shape = machine.shape();
                self.finish(request, self.run(&mut machine, &mut sink))?;
                shape
            }
        };
        match sink.record {
            Some(record) if shape == Shape::One => Ok(record),
            _ => Err(response::unexpected()),
        }
    }

    /// Runs a request and gives its rows to a sink while they are still in the driver's buffer.
    ///
    /// # Errors
    /// As [`Client::execute`], and whatever the sink says. Rows given before an error are void.
    pub fn execute_into(&self, request: &Request, sink: &mut dyn RowSink) -> Result<Envelope> {
        let attempt = Attempt::of(self, request)?;
        if attempt.is_none() {
            return self.answer_into(request, sink);
        }
        let mut watching = Watching::new(sink, Attempt::wanted(&attempt));
        let done = self.answer_into(request, &mut watching);
        Attempt::ended(attempt, watching.found, done)
    }

    fn answer_into(&self, request: &Request, sink: &mut dyn RowSink) -> Result<Envelope> {
        #[cfg(feature = "remote")]
        if let Some(remote) = self.far()? {
            return far::ask(self, remote, request)?.give(sink);
        }
        // Asked first: what is made of a key is large, and is moved before it is found missing.
        if self.key.is_some()
            && let Some(keyed) = self.keyed(request)?
        {
            return keyed.alone()?.give(sink);
        }
        if let Some(done) = self.run_lone(request, sink) {
            return done.map(|()| Envelope::Row);
        }
        let mut machine = self.engine.prepare(&self.caller, request)?;
        let head = Head::of(&machine);
        head.envelope(self.finish(request, self.run(&mut machine, sink))?)
    }

    /// Refuses what is not for bound callers, nor for those of a daemon.
    pub(crate) fn trusted(&self, refusal: &'static str) -> Result<()> {
        #[cfg(feature = "remote")]
        let bound = self.engine.far.is_some();
        #[cfg(not(feature = "remote"))]
        let bound = false;
        match bound || self.caller.principal().is_some() {
            true => Err(Error::forbidden(refusal)),
            false => Ok(()),
        }
    }

    /// The daemon to ask, if it is one.
    #[cfg(feature = "remote")]
    pub(crate) fn far(&self) -> Result<Option<&Arc<crate::remote::Remote>>> {
        match (&self.engine.far, self.caller.principal()) {
            (Some(_), Some(_)) => Err(Error::forbidden(
                "a remote client is whoever its credentials say and cannot ask on behalf of another; open one with \
                 that caller's token",
            )),
            (far, _) => Ok(far.as_ref()),
        }
    }

    fn run(&self, machine: &mut Machine, sink: &mut dyn RowSink) -> Result<Summary> {
        self.wanted()?;
        let deadline = self.deadline();
        let intent = if machine.writes() { Intent::Write } else { Intent::Read };
        if let Some(done) = self.run_on_copy(machine, deadline, sink) {
            return done;
        }
        let again = intent == Intent::Write && self.engine.adapter.contends();
        let mut done = None;
        self.engine.adapter.lend(intent, deadline, &mut |connection| {
            self.watches(connection);
            done = Some(retry::alone(connection, machine, again, deadline, sink));
        })?;
        done.unwrap_or_else(|| Err(Error::internal("an adapter lent no connection")))
    }

    pub(crate) fn finish<T>(&self, request: &Request, result: Result<T>) -> Result<T> {
        result.map_err(|error| {
            self.told(error.with_operation(request.operation.as_str()).with_entity(self.engine.called(request)))
        })
    }

    /// An error as the caller is told of it: the database's own words are for the log, not for a bound caller.
    pub(crate) fn told(&self, error: Error) -> Error {
        match *self.caller {
            Caller::Trusted => error,
            Caller::Bound { .. } => {
                self.engine.failures.tell(&error, self.origin.as_deref());
                error.without_detail()
            }
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timeout.and_then(|timeout| Instant::now().checked_add(timeout))
    }

    /// Runs a closure in one transaction: what it returns `Ok` for is committed, everything else is rolled back, a
    /// panic too. When another transaction got there first (CONFLICT with reason `serialization`), it is run again from
    /// its start, twice at most; see [`Client::transaction_with`].
    ///
    /// # Errors
    /// What the closure returns, and what begin and commit say.
    ///
    /// ```
    /// # use dbal::{Client, Config, Error, value};
    /// # let schema = "entity: Note\nfields:\n  id: { type: uuid, primary: true, generated: true }\n  text: { type: string }\n";
    /// # let db = Client::open(Config::memory().schema_text(schema))?;
    /// # db.migrate()?;
    /// let failed: Result<(), Error> = db.transaction(|tx| {
    ///     tx.entity("Note")?.create(value!({ "text": "never seen" }))?;
    ///     Err(Error::validation("text", "changed my mind"))
    /// });
    /// assert!(failed.is_err());
    /// assert_eq!(db.entity("Note")?.count(dbal::query())?, 0);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn transaction<T, E: From<Error>>(&self, work: impl FnMut(&Transaction<'_>) -> Result<T, E>) -> Result<T, E> {
        self.transaction_with(TransactionOptions::default(), work)
    }

    /// The same, with a say in how often it is run again and how long it may take. After a TIMEOUT in it, whatever
    /// follows in it is CONFLICT with reason `aborted`.
    ///
    /// # Errors
    /// As [`Client::transaction`].
    pub fn transaction_with<T, E: From<Error>>(
        &self,
        options: TransactionOptions,
        mut work: impl FnMut(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let deadline = options.deadline(self);
        let mut tries = Tries::new(options, deadline);
        loop {
            let error = match transaction::attempt(self, deadline, &mut work)? {
                Tried::Ended(result) => return result,
                Tried::Lost(error) => error,
            };
            match tries.next() {
                Some(pause) => std::thread::sleep(pause),
                None => return Err(error),
            }
        }
    }

    /// Removes rows past their time, with what refers to them, of each entity whose `ttl` says `auto_delete`; says how
    /// many there were. To be called now and then: such rows are never seen, but they take room and hold unique keys.
    ///
    /// # Errors
    /// FORBIDDEN for a bound client. CONFLICT where a row is still referred to by one that keeps it, after all other
    /// entities have been swept.
    pub fn sweep(&self) -> Result<i64> {
        self.trusted("sweep is for trusted code")?;
        let (mut removed, mut failed) = (0, None);
        for (id, entity) in
            self.engine.schema.entities().filter(|(_, entity)| entity.ttl.is_some_and(|ttl| ttl.auto_delete))
        {
            let mut sink = RecordSink::default();
            let swept = self.engine.expired(id, None).and_then(|mut machine| {
                let head = Head::of(&machine);
                head.envelope(self.run(&mut machine, &mut sink)?)?.with(Vec::new())?.affected()
            });
            let swept = swept.map_err(|error| error.with_operation("sweep").with_entity(&entity.name));
            let swept = match swept {
                Ok(0) => Ok(0),
                swept => attempt::swept(self, &entity.name, swept),
            };
            match swept {
                Ok(count) => removed += count,
                Err(error) => drop(failed.get_or_insert(error)),
            }
        }
        failed.map_or(Ok(removed), Err)
    }

    /// Plans, applies and takes back what lies between the database and the schema.
    ///
    /// # Errors
    /// FORBIDDEN for a bound client.
    pub fn migrations(&self) -> Result<Migrations<'_>> {
        if self.engine.schema.is_of_others() {
            let message = "Prisma made this database and migrates it; import the changed schema.prisma afterwards";
            return Err(Error::unsupported("migrations", message));
        }
        Migrations::new(self)
    }

    /// Which server the database is of, and what it takes for the time, whoever migrates it; none for one that has no
    /// server and no library.
    ///
    /// # Errors
    /// FORBIDDEN for a bound client; those of the database.
    pub fn server(&self) -> Result<Option<crate::introspect::Server>> {
        self.trusted("server is for trusted code")?;
        let adapter = &self.engine.adapter;
        let mut connection = adapter.connect(Intent::Read, self.deadline())?;
        crate::introspect::server(&mut *connection, adapter.lowering())
    }

    /// Creates what the database lacks: tables, columns, indexes, foreign keys. Returns the statements it ran. Nothing
    /// is written down: it is the short way for tests and first steps. A database that has a history of migrations gets
    /// another one in it, as by [`Migrations::apply`].
    ///
    /// # Errors
    /// FORBIDDEN for a bound client; CAPABILITY_NOT_SUPPORTED, DATABASE_ERROR.
    pub fn migrate(&self) -> Result<Vec<String>> {
        self.trusted("migrate is for trusted code")?;
        let mut connection = self.engine.adapter.connect(Intent::Write, self.deadline())?;
        connection.begin(self.deadline())?;
        let done = self.create_missing(&mut *connection);
        match done {
            Ok(Some(statements)) => {
                connection.commit()?;
                Ok(statements)
            }
            Ok(None) => {
                connection.rollback()?;
                drop(connection);
                let done = self.migrations()?.apply(&Options::default())?;
                Ok(done.iter().flat_map(Plan::statements).map(str::to_owned).collect())
            }
            Err(error) => {
                connection.rollback()?;
                Err(error)
            }
        }
    }

    /// What [`Client::migrate`] would run now, without running it.
    ///
    /// # Errors
    /// As [`Client::migrate`].
    pub fn pending_migration(&self) -> Result<Vec<String>> {
        self.trusted("migrate is for trusted code")?;
        let mut connection = self.engine.adapter.connect(Intent::Read, self.deadline())?;
        if let Some(statements) = self.missing(&mut *connection)? {
            return Ok(statements);
        }
        drop(connection);
        let plan = self.migrations()?.plan(&Options::default())?;
        match plan.faults.is_empty() {
            true => Ok(plan.statements().map(str::to_owned).collect()),
            false => Err(Error::invalid(plan.faults)),
        }
    }

    /// Drops every table of the schema and creates them anew, empty. For tests: nothing brings the rows back.
    ///
    /// # Errors
    /// As [`Client::migrate`].
    ///
    /// ```
    /// # use dbal::{Client, Config, query, value};
    /// # let schema = "entity: Note\nfields:\n  id: { type: integer, primary: true }\n";
    /// let db = Client::open(Config::sqlite(":memory:").schema_text(schema))?;
    /// db.migrate()?;
    /// db.entity("Note")?.create(value!({ "id": 1 }))?;
    /// db.reset()?;
    /// assert_eq!(db.entity("Note")?.count(query())?, 0);
    /// # Ok::<(), dbal::Error>(())
    /// ```
    pub fn reset(&self) -> Result<()> {
        self.trusted("reset is for trusted code")?;
        let mut connection = self.engine.adapter.connect(Intent::Write, self.deadline())?;
        connection.begin(self.deadline())?;
        let done = match self.engine.adapter.lowering() {
            Lowering::Sql(dialect) => connection
                .inspect()
                .map(|existing| migrate::drop_declared(&self.engine.schema, &existing, dialect))
                .and_then(|statements| statements.iter().try_for_each(|text| connection.execute_ddl(text)))
                .and_then(|()| self.create_missing(&mut *connection).map(drop)),
            Lowering::Document => connection
                .inspect()
                .map(|existing| crate::document::migrate::drop_declared(&self.engine.schema, &existing))
                .and_then(|commands| commands.iter().try_for_each(|text| connection.execute_ddl(text)))
                .and_then(|()| self.create_missing(&mut *connection).map(drop)),
            Lowering::Ast => connection.clear(),
        };
        match done {
            Ok(()) => connection.commit(),
            Err(error) => {
                connection.rollback()?;
                Err(error)
            }
        }
    }

    /// What is missing; none where a history says more than that.
    fn missing(&self, connection: &mut dyn Connection) -> Result<Option<Vec<String>>> {
        let (schema, lowering) = (&self.engine.schema, self.engine.adapter.lowering());
        if lowering == Lowering::Ast {
            return Ok(Some(Vec::new()));
        }
        let existing = connection.inspect()?;
        if History::exists(&existing) {
            return Ok(None);
        }
        match lowering {
            Lowering::Ast => Ok(Some(Vec::new())),
            Lowering::Sql(dialect) => migrate::create_missing(schema, &existing, dialect).map(Some),
            Lowering::Document => crate::document::migrate::create_missing(schema, &existing).map(Some),
        }
    }

    fn create_missing(&self, connection: &mut dyn Connection) -> Result<Option<Vec<String>>> {
        let statements = self.missing(connection)?;
        statements.iter().flatten().try_for_each(|statement| connection.execute_ddl(statement))?;
        Ok(statements)
    }
}
