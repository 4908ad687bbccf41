//! The client for callers that await. It needs no runtime of its own: its futures run on any executor.
//!
//! On SQLite a request hops once to a thread of the adapter, and requests that wait together share a read
//! transaction there. A backend that never waits runs inline.

mod copies;
mod entity;
mod rows;
mod submit;
mod transaction;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::entity::AsyncEntity;
use self::entity::On;
pub use self::rows::AsyncRows;
use self::submit::{OnDrop, driven, on_a_thread, submitted};
pub use self::transaction::AsyncTransaction;
use crate::access::Principal;
use crate::adapter::{Awaited, Connection, Intent, Pending};
use crate::client::attempt::{Attempt, Watching};
use crate::client::batch::{self, Batch};
use crate::client::builder::Query;
use crate::client::call::{self, Call};
use crate::client::keyed::Keyed;
use crate::client::response::Head;
use crate::client::retry;
use crate::client::{Client, Config, Envelope, Migrations, Response};
use crate::error::Result;
use crate::exec::{Machine, Summary};
use crate::request::{Operation, Request};
use crate::row::{RecordSink, RowSink};
use crate::value::Value;

/// A client that is awaited; otherwise like [`Client`].
///
/// ```
/// use dbal::{AsyncClient, Config, query, value};
/// # fn block_on<F: std::future::Future>(future: F) -> F::Output {
/// #     let mut future = std::pin::pin!(future);
/// #     let waker = std::task::Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
/// #     struct Unpark(std::thread::Thread);
/// #     impl std::task::Wake for Unpark { fn wake(self: std::sync::Arc<Self>) { self.0.unpark() } }
/// #     loop {
/// #         match future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
/// #             std::task::Poll::Ready(out) => return out,
/// #             std::task::Poll::Pending => std::thread::park(),
/// #         }
/// #     }
/// # }
/// # block_on(async {
/// let schema = "entity: Note\nfields:\n  id: { type: uuid, primary: true, generated: true }\n  text: { type: string }\n";
/// let db = AsyncClient::open(Config::sqlite(":memory:").schema_text(schema)).await?;
/// db.migrate().await?;
/// db.entity("Note")?.create(value!({ "text": "hello" })).await?;
/// assert_eq!(db.entity("Note")?.count(query()).await?, 1);
/// # Ok::<(), dbal::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct AsyncClient {
    blocking: Client,
}

impl AsyncClient {
    /// Opens a database as the configuration says.
    ///
    /// # Errors
    /// As [`Client::open`].
    pub async fn open(config: Config) -> Result<AsyncClient> {
        // To read a schema, to make a file and to connect all block.
        on_a_thread(move || Client::open(config)).await.map(AsyncClient::from)
    }

    /// The same database asked on behalf of a caller.
    pub fn as_principal(&self, principal: Principal) -> AsyncClient {
        self.blocking.as_principal(principal).into()
    }

    /// The same client with a deadline for each request.
    pub fn with_timeout(&self, timeout: Option<Duration>) -> AsyncClient {
        self.blocking.with_timeout(timeout).into()
    }

    /// The same client for one write with an idempotency key; see [`Client::with_idempotency_key`].
    pub fn with_idempotency_key(&self, key: &str) -> AsyncClient {
        self.blocking.with_idempotency_key(key).into()
    }

    /// The same client, whose reads see what was committed before; see [`Client::newest`].
    pub fn newest(&self) -> AsyncClient {
        self.blocking.newest().into()
    }

    /// A handle on an entity, by name or plural.
    ///
    /// # Errors
    /// VALIDATION_ERROR for an unknown name.
    pub fn entity(&self, name: &str) -> Result<AsyncEntity<'_>> {
        let name = self.blocking.entity_name(name)?;
        Ok(AsyncEntity { on: On::Client(self), name })
    }

    /// Runs a request and gathers its answer.
    ///
    /// # Errors
    /// Those of the catalogue.
    pub async fn execute(&self, request: &Request) -> Result<Response> {
        let attempt = Attempt::of(&self.blocking, request)?;
        Attempt::answered(attempt, self.answer(request).await)
    }

    /// The same, not written down.
    async fn answer(&self, request: &Request) -> Result<Response> {
        #[cfg(feature = "remote")]
        if let Some(remote) = self.blocking.far()? {
            return super::far::asked(&self.blocking, remote, request).await;
        }
        if let Some(keyed) = self.blocking.keyed(request)? {
            return self.run_keyed(keyed).await;
        }
        if request.operation == Operation::Batch {
            return self.run_batch(Batch::of(&self.blocking, request)?).await;
        }
        if request.operation == Operation::Call {
            return self.run_call(request).await;
        }
        let (envelope, sink) = self.answer_into(request, RecordSink::default()).await?;
        envelope.with(sink.records)
    }

    /// Runs a request and gives its rows to a sink, on whatever thread reads them. The sink comes back filled.
    ///
    /// # Errors
    /// As [`AsyncClient::execute`], and whatever the sink says.
    pub async fn execute_into<S>(&self, request: &Request, sink: S) -> Result<(Envelope, S)>
    where
        S: RowSink + Send + 'static,
    {
        let attempt = Attempt::of(&self.blocking, request)?;
        if attempt.is_none() {
            return self.answer_into(request, sink).await;
        }
        let watching = Watching::new(sink, Attempt::wanted(&attempt));
        let done = self.answer_into(request, watching).await;
        let key = done.as_ref().ok().and_then(|(_, watching)| watching.found.clone());
        let (envelope, watching) = Attempt::ended(attempt, key, done)?;
        Ok((envelope, watching.inner))
    }

    async fn answer_into<S>(&self, request: &Request, sink: S) -> Result<(Envelope, S)>
    where
        S: RowSink + Send + 'static,
    {
        let client = &self.blocking;
        #[cfg(feature = "remote")]
        if let Some(remote) = client.far()? {
            return super::far::asked(client, remote, request).await?.given(sink);
        }
        if let Some(keyed) = client.keyed(request)? {
            return self.run_keyed(keyed).await?.given(sink);
        }
        let sink = match self.run_lone(request, sink).await {
            Ok(done) => return done.map(|sink| (Envelope::Row, sink)),
            Err(sink) => sink,
        };
        let machine = client.engine.prepare(&client.caller, request)?;
        let head = Head::of(&machine);
        let (summary, sink) = client.finish(request, self.run(machine, sink).await)?;
        Ok((head.envelope(summary)?, sink))
    }

    /// Reads a row by its key, where a thread of the backend's does that; gives the sink back for every other request.
    async fn run_lone<S: RowSink + Send + 'static>(&self, request: &Request, mut sink: S) -> Result<Result<S>, S> {
        let (client, adapter) = (&self.blocking, &self.blocking.engine.adapter);
        // Asked in this order: what offloads starts its threads when it is asked for.
        if adapter.driver().is_some() {
            return Err(sink);
        }
        let Some(offload) = adapter.offload() else { return Err(sink) };
        let Some(lone) = client.engine.lone(&client.caller, request) else { return Err(sink) };
        let deadline = client.deadline();
        let run = move |connection: &mut dyn Connection| lone.run(connection, deadline, &mut sink).map(|()| sink);
        let done = submitted(offload, Intent::Read, deadline, run).await;
        Ok(client.finish(request, done))
    }

    /// Runs requests in one transaction, all or none, as [`Client::batch`] does.
    ///
    /// # Errors
    /// As there.
    pub async fn batch(&self, entries: impl IntoIterator<Item = Request>) -> Result<Vec<Response>> {
        #[cfg(feature = "remote")]
        if self.blocking.far()?.is_some() {
            return self.execute(&batch::request(entries)).await?.batch();
        }
        if self.blocking.key.is_some() {
            return self.execute(&batch::request(entries)).await?.batch();
        }
        let entries: Vec<Request> = entries.into_iter().collect();
        let attempt = Attempt::of_entries(&self.blocking, &entries)?;
        let done = match Batch::new(&self.blocking, entries) {
            Ok(batch) => self.run_batch(batch).await,
            Err(error) => Err(error),
        };
        Attempt::answered(attempt, done)?.batch()
    }

    async fn run_keyed(&self, mut keyed: Keyed) -> Result<Response> {
        let (adapter, deadline) = (&self.blocking.engine.adapter, self.blocking.deadline());
        match adapter.offload() {
            // It waits in between, for which a thread of its own is there.
            _ if keyed.is_long() => on_a_thread(move || keyed.alone()).await,
            None => keyed.on(&mut *adapter.connect(Intent::Write, deadline)?, deadline),
            Some(offload) => {
                submitted(offload, Intent::Write, deadline, move |connection| keyed.on(connection, deadline)).await
            }
        }
    }

    async fn run_batch(&self, batch: Batch) -> Result<Response> {
        let (adapter, deadline, intent) = (&self.blocking.engine.adapter, self.blocking.deadline(), batch.intent());
        let done = match adapter.offload() {
            None => {
                let connected = adapter.connect(intent, deadline);
                connected.and_then(|mut connection| batch.alone(&mut *connection, deadline))
            }
            Some(offload) => {
                submitted(offload, intent, deadline, move |connection| batch.alone(connection, deadline)).await
            }
        };
        done.map_err(|error| self.blocking.told(error))
    }

    /// Runs an operation that the schema declares, as [`Client::call`] does.
    ///
    /// # Errors
    /// As there.
    pub async fn call(&self, name: &str, input: impl Into<Value>) -> Result<Response> {
        self.execute(&call::named(name, input.into())).await.map(Response::uncalled)
    }

    async fn run_call(&self, request: &Request) -> Result<Response> {
        let call = Arc::new(Call::new(&self.blocking, request, 0)?);
        if call.counted().is_none() && !call.verifies() {
            return self
                .on_call(&call, call.intent(), |call, connection, deadline| call.transaction(connection, deadline))
                .await;
        }
        // It counts, reads and hashes in turns, and no connection is held while it hashes: a thread of its own waits.
        on_a_thread(move || call.alone()).await
    }

    async fn on_call<T: Send + 'static>(
        &self,
        call: &Arc<Call>,
        intent: Intent,
        work: impl FnOnce(&Call, &mut dyn Connection, Option<Instant>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (adapter, deadline) = (&self.blocking.engine.adapter, self.blocking.deadline());
        let Some(offload) = adapter.offload() else {
            return work(call, &mut *adapter.connect(intent, deadline)?, deadline);
        };
        let call = call.clone();
        submitted(offload, intent, deadline, move |connection| work(&call, connection, deadline)).await
    }

    async fn run<S: RowSink + Send + 'static>(&self, mut machine: Machine, sink: S) -> Result<(Summary, S)> {
        let mut sink = match copies::run(&self.blocking, &machine, sink).await {
            Ok(done) => return done,
            Err(sink) => sink,
        };
        let adapter = &self.blocking.engine.adapter;
        let deadline = self.blocking.deadline();
        let intent = if machine.writes() { Intent::Write } else { Intent::Read };
        let again = intent == Intent::Write && adapter.contends();
        if let Some(driver) = adapter.driver() {
            let brief = machine.is_brief();
            let run = move |mut connection: Box<dyn Awaited>| -> Pending<'static, (Summary, S)> {
                Box::pin(async move {
                    let ran = retry::alone_awaited(&mut *connection, machine, again, deadline, &mut sink).await;
                    ran.map(|summary| (summary, sink))
                })
            };
            return driven(driver, intent, brief, deadline, run).await;
        }
        let Some(offload) = adapter.offload() else {
            let mut connection = adapter.connect(intent, deadline)?;
            let summary = retry::alone(&mut *connection, &mut machine, again, deadline, &mut sink)?;
            return Ok((summary, sink));
        };
        let run = move |connection: &mut dyn Connection| {
            retry::alone(connection, &mut machine, again, deadline, &mut sink).map(|summary| (summary, sink))
        };
        submitted(offload, intent, deadline, run).await
    }

    /// The rows that match, one after the other, in constant memory.
    ///
    /// # Errors
    /// As [`Client::stream`].
    pub async fn stream(&self, entity: &str, query: Query) -> Result<AsyncRows> {
        let entity = self.blocking.entity_name(entity)?.to_string().into();
        self.stream_of(Request { operation: Operation::Stream, entity, args: query.into_args() }).await
    }

    /// The same of a request.
    ///
    /// # Errors
    /// As [`Client::stream`].
    #[allow(clippy::unused_async, reason = "backends that connect over a network will await here")]
    pub async fn stream_of(&self, request: Request) -> Result<AsyncRows> {
        let reading = OnDrop::new();
        let attempt = Attempt::of(&self.blocking, &request)?;
        let batches = Attempt::ended(attempt, None, self.blocking.read_ahead(request, reading.cancel()))?;
        Ok(AsyncRows { batches, current: Vec::new().into_iter(), _reading: reading })
    }

    /// Creates what the database lacks.
    ///
    /// # Errors
    /// As [`Client::migrate`].
    pub async fn migrate(&self) -> Result<Vec<String>> {
        let client = self.blocking.clone();
        on_a_thread(move || client.migrate()).await
    }

    /// Plans, applies and takes migrations back on a thread of their own.
    ///
    /// # Errors
    /// FORBIDDEN for a bound client, and what the closure returns.
    pub async fn migrations<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Migrations<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let client = self.blocking.clone();
        on_a_thread(move || work(&client.migrations()?)).await
    }

    /// Drops every table of the schema and creates them anew, empty.
    ///
    /// # Errors
    /// As [`Client::reset`].
    pub async fn reset(&self) -> Result<()> {
        let client = self.blocking.clone();
        on_a_thread(move || client.reset()).await
    }

    /// The blocking client on the same database.
    pub fn blocking(&self) -> &Client {
        &self.blocking
    }
}

impl From<Client> for AsyncClient {
    fn from(blocking: Client) -> Self {
        AsyncClient { blocking }
    }
}
