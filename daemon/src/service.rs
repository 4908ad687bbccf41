//! The one way from every transport to the engine: counts, bounds the time, measures, tells the log. What a request
//! means and who may do what is decided behind it.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use dbal::client::nonblocking::{AsyncRows, AsyncTransaction};
use dbal::client::{Envelope, Origin};
use dbal::config::Settings;
use dbal::packed::Layouts;
use dbal::{
    AsyncClient, Client, DateTime, Error, ErrorKind, Operation, Outcome, Principal, Request, Response, Result, RowSink,
};
use futures_util::FutureExt;
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use crate::body;
use crate::caller::Caller;
use crate::identity::{Identify, Identities};
use crate::metrics::Metrics;
use crate::probe::Probe;
use crate::rate::{self, Rates};
use crate::shape;

/// The longest a request may take where the configuration says nothing.
const LONGEST: Duration = Duration::from_secs(30);

/// How much longer the daemon waits than the database should need to notice that time is over.
const GRACE: Duration = Duration::from_secs(2);

/// How often it is asked whether the token still counts of what goes on for long.
pub const TOKEN: Duration = Duration::from_secs(5);

/// Requests under way at a time. More wait nowhere: they are told to come again.
const MOST_AT_ONCE: usize = 1_024;

/// What all connections share.
pub struct Service {
    /// The configuration.
    pub settings: Settings,
    /// The callers that tokens name.
    pub identities: Identities,
    /// What is counted.
    pub metrics: Metrics,
    /// How rows are packed.
    pub layouts: Arc<Layouts>,
    /// Whether the database answers.
    pub probe: Probe,
    /// Room for bodies of requests while they arrive.
    pub arriving: Arc<Semaphore>,
    /// Becomes true when the daemon stops.
    pub stopping: watch::Receiver<bool>,
    /// The database under the rules in force, asked by nobody in particular.
    trusted: ArcSwap<AsyncClient>,
    /// The client that was opened: with it goes the thread that removes rows past their time.
    _opened: AsyncClient,
    anonymous: ArcSwapOption<Caller>,
    rates: Rates,
    at_once: Semaphore,
    longest: Duration,
}

/// What is known of a request beside itself.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// By which way it came: `http`, `websocket`, `grpc`.
    pub transport: &'static str,
    /// From where.
    pub peer: IpAddr,
    /// What it is called in answers, log and audit.
    pub id: &'a str,
    /// How long its caller waits.
    pub timeout: Option<Duration>,
    /// Under which it is applied once, however often it is sent.
    pub key: Option<&'a str>,
}

/// Where a request came from, for the audit.
fn origin(id: &str, peer: IpAddr) -> Origin {
    Origin { request_id: Some(id.to_owned()), peer: Some(peer.to_string()) }
}

/// Writes down what was refused. Nothing was done, so that a line which cannot be written changes no answer; those of
/// requests, which come after it, will fail.
fn write_down(client: &Client, operation: &str, entity: &str, request_id: &str, error: &Error) {
    let entity = Some(entity).filter(|entity| !entity.is_empty());
    if client.refused(operation, entity, error).is_err() {
        tracing::error!(request_id, operation, "a refused attempt could not be written down");
    }
}

impl Ask<'_> {
    /// By what its caller is counted.
    fn counted_as(&self, caller: &Caller) -> String {
        caller.counted_as.clone().unwrap_or_else(|| rate::network(self.peer))
    }

    /// The client of a caller, for this request: audit lines say where it came from.
    pub fn client(&self, caller: &Caller, within: Duration) -> AsyncClient {
        let client = caller.client.blocking().with_origin(origin(self.id, self.peer)).with_timeout(Some(within));
        AsyncClient::from(match self.key {
            Some(key) => client.with_idempotency_key(key),
            None => client,
        })
    }
}

impl Service {
    /// Everything for a database that is open.
    pub fn new(
        settings: Settings,
        trusted: AsyncClient,
        identify: Arc<dyn Identify>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let layouts = Arc::new(Layouts::new(trusted.blocking().schema().clone()));
        Service {
            identities: Identities::new(identify),
            metrics: Metrics::new(),
            layouts,
            probe: Probe::default(),
            arriving: body::room(),
            stopping,
            rates: Rates::new(settings.security.rate_limit),
            at_once: Semaphore::new(MOST_AT_ONCE),
            longest: settings.security.max_query_time.unwrap_or(LONGEST),
            _opened: trusted.clone(),
            trusted: ArcSwap::from_pointee(trusted),
            anonymous: ArcSwapOption::empty(),
            settings,
        }
    }

    /// The database as trusted code asks it, under the rules in force for whoever is bound to it.
    pub fn trusted(&self) -> Arc<AsyncClient> {
        self.trusted.load_full()
    }

    /// Puts other rules in force. Requests under way end under those they began with.
    pub fn replace(&self, trusted: AsyncClient) {
        self.trusted.store(Arc::new(trusted));
        self.anonymous.store(None);
        self.identities.forget();
    }

    /// The caller of a token, or an anonymous one. `id` is what the request is called. A token that does not count is
    /// written down; those of which too many came are only counted.
    ///
    /// # Errors
    /// UNAUTHORIZED for a token that does not count; RATE_LIMIT_EXCEEDED where too many did not; DATABASE_ERROR and
    /// TIMEOUT.
    pub async fn caller(&self, token: Option<&str>, peer: IpAddr, id: &str) -> Result<Arc<Caller>> {
        let trusted = self.trusted.load();
        if let Some(token) = token {
            if let Some(caller) = self.identities.known(&trusted, token) {
                return Ok(caller);
            }
            // A token that nobody knows costs a look into the database: they are counted before it.
            let tried = self.rates.try_token(peer)?;
            let asked = trusted.blocking().with_origin(origin(id, peer)).with_timeout(Some(self.longest));
            let found = self.identities.caller(&AsyncClient::from(asked.clone()), token).await;
            match &found {
                Err(error) if error.kind() == ErrorKind::Unauthorized => {
                    write_down(&asked.as_principal(Principal::anonymous()), "authenticate", "", id, error);
                }
                _ => tried.was_none(),
            }
            return found;
        }
        let version = trusted.blocking().policy().version();
        if let Some(caller) = self.anonymous.load_full().filter(|caller| caller.rules == version) {
            return Ok(caller);
        }
        let caller = Arc::new(Caller::bind(&trusted, Some(Principal::anonymous())));
        self.anonymous.store(Some(caller.clone()));
        Ok(caller)
    }

    /// The caller of a token that was verified before, if it still counts. Nothing is written for it.
    ///
    /// # Errors
    /// UNAUTHORIZED; DATABASE_ERROR and TIMEOUT.
    pub async fn still(&self, token: &str) -> Result<Arc<Caller>> {
        let trusted = self.trusted.load();
        let looked_up = trusted.with_timeout(Some(self.longest)).newest();
        let verified = self.identities.identify().identify_again(&looked_up, token).await?;
        match verified.expires {
            Some(end) if end <= DateTime::now() => Err(Error::unauthorized()),
            _ => Ok(Arc::new(Caller::bind(&trusted, verified.principal))),
        }
    }

    /// Ends when a token does not count any more; never without one. For what goes on after its caller was verified.
    pub async fn until_revoked(self: Arc<Self>, token: Option<String>) {
        let Some(token) = token else { return std::future::pending().await };
        loop {
            tokio::time::sleep(TOKEN).await;
            let caller = self.still(&token).await;
            // A database that does not answer has revoked nothing.
            if caller.is_err_and(|error| error.kind() == ErrorKind::Unauthorized) {
                return;
            }
        }
    }

    /// The same caller under the rules in force.
    pub fn current(&self, caller: &Arc<Caller>) -> Arc<Caller> {
        let trusted = self.trusted.load();
        match caller.rules == trusted.blocking().policy().version() {
            true => caller.clone(),
            false => Arc::new(Caller::bind(&trusted, caller.principal.clone())),
        }
    }

    /// The time that a request has.
    pub fn within(&self, asked: Option<Duration>) -> Duration {
        asked.map_or(self.longest, |asked| asked.min(self.longest))
    }

    /// The longest message. As JSON, values are longer than they are; how long those may be is the engine's to say.
    pub fn most_bytes(&self) -> usize {
        let values = self.settings.limits.request_bytes;
        values + values / 2 + (64 << 10)
    }

    /// Whether the daemon is about to stop.
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Runs a request.
    ///
    /// # Errors
    /// Those of the catalogue.
    pub async fn run(&self, caller: &Caller, request: &Request, ask: &Ask<'_>) -> Result<Response> {
        let watched = self.admit(caller, request, ask)?;
        let within = self.within(ask.timeout);
        let client = ask.client(caller, within);
        let done = bounded(within, request, client.execute(request)).await;
        watched.end(done)
    }

    /// Runs a request whose rows go to a sink.
    ///
    /// # Errors
    /// Those of the catalogue.
    pub async fn run_into<S: RowSink + Send + 'static>(
        &self,
        caller: &Caller,
        request: &Request,
        ask: &Ask<'_>,
        sink: S,
    ) -> Result<(Envelope, S)> {
        let watched = self.admit(caller, request, ask)?;
        let within = self.within(ask.timeout);
        let client = ask.client(caller, within);
        let done = bounded(within, request, client.execute_into(request, sink)).await;
        watched.end(done)
    }

    /// Runs a request inside a transaction.
    ///
    /// # Errors
    /// Those of the catalogue.
    pub async fn run_inside(
        &self,
        caller: &Caller,
        transaction: &AsyncTransaction,
        request: &Request,
        ask: &Ask<'_>,
    ) -> Result<Response> {
        let watched = self.admit(caller, request, ask)?;
        // Given up in the middle, a request takes its transaction with it.
        let done = bounded(self.within(ask.timeout), request, transaction.execute(request)).await;
        watched.end(done)
    }

    /// Begins a stream. It counts as one request, which is over when the stream has begun.
    ///
    /// # Errors
    /// Those of the catalogue.
    pub async fn stream(&self, caller: &Caller, request: Request, ask: &Ask<'_>) -> Result<AsyncRows> {
        let watched = self.admit(caller, &request, ask)?;
        let within = self.within(ask.timeout);
        let client = ask.client(caller, within);
        let begun = bounded(within, &request, client.stream_of(request.clone())).await;
        watched.end(begun)
    }

    /// Writes down a message of a caller that is no request. It counts as one, so that nobody fills the audit with such.
    ///
    /// # Errors
    /// RATE_LIMIT_EXCEEDED where there were too many; else the one that was given.
    pub fn refuse<T>(&self, caller: &Caller, operation: &str, entity: &str, ask: &Ask<'_>, error: Error) -> Result<T> {
        let counted = Request::new(Operation::parse(operation).unwrap_or(Operation::Call), "");
        self.rates.count(|| ask.counted_as(caller), &counted)?;
        write_down(ask.client(caller, self.longest).blocking(), operation, entity, ask.id, &error);
        Err(error)
    }

    fn admit<'w>(&'w self, caller: &'w Caller, request: &'w Request, ask: &'w Ask<'w>) -> Result<Watched<'w>> {
        let mut watched =
            Watched { service: self, caller, request, ask, began: Instant::now(), permit: None, over: false };
        let who = || ask.counted_as(caller);
        let admitted = self
            .rates
            .count(who, request)
            .and_then(|()| self.at_once.try_acquire().map_err(|_| Error::rate_limited(Duration::from_secs(1))));
        match admitted {
            Ok(permit) => watched.permit = Some(permit),
            Err(refused) => {
                // Whoever is over a limit could fill the audit with it: the first in a minute is written down.
                if self.rates.is_first(who()) {
                    let (client, operation) = (ask.client(caller, self.longest), request.operation.as_str());
                    write_down(client.blocking(), operation, &request.entity, ask.id, &refused);
                }
                return watched.end(Err(refused));
            }
        }
        self.metrics.in_flight.inc();
        Ok(watched)
    }
}

/// Ends when the daemon is told to stop, or nobody is left who could.
pub async fn has_stopped(stopping: &mut watch::Receiver<bool>) {
    // What it gives is a lock, which must not be held.
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// A request that takes much longer than it may, or panics, is an error like others.
async fn bounded<T>(within: Duration, request: &Request, work: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(within + GRACE, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(Error::internal("the request could not be carried out")),
        Err(_) => Err(Error::timeout(match request.operation.writes() {
            true => Outcome::Unknown,
            false => Outcome::NotApplied,
        })),
    }
}

/// A request that is under way: however it ends, it is counted once.
struct Watched<'w> {
    service: &'w Service,
    caller: &'w Caller,
    request: &'w Request,
    ask: &'w Ask<'w>,
    began: Instant,
    permit: Option<SemaphorePermit<'w>>,
    over: bool,
}

impl Watched<'_> {
    fn end<T>(mut self, done: Result<T>) -> Result<T> {
        self.over = true;
        self.tell(done.as_ref().err().map_or("OK", Error::code), done.as_ref().err());
        done
    }

    fn tell(&self, code: &'static str, error: Option<&Error>) {
        let (took, ask) = (self.began.elapsed(), self.ask);
        let metrics = &self.service.metrics;
        metrics.asked(self.request.operation, ask.transport, code, took);
        let operation = self.request.operation.as_str();
        let millis = took.as_millis() as u64;
        if self.service.settings.logging.slow_query.is_some_and(|slow| took >= slow) {
            let shape = shape::of(self.request);
            tracing::warn!(request_id = ask.id, shape, code, duration_ms = millis, "slow query");
        }
        if matches!(code, "INTERNAL_ERROR" | "DATABASE_ERROR") {
            // What the database said is told by the engine; see `start`.
            let (request_id, detail) = (ask.id, error.and_then(Error::detail).unwrap_or_default());
            let error = error.map(Error::message).unwrap_or_default();
            tracing::error!(request_id, operation, code, error, detail, "a request failed");
        }
        if tracing::enabled!(tracing::Level::DEBUG) {
            let (user, role) = (self.caller.id().unwrap_or_default(), self.caller.role().unwrap_or_default());
            let rules = self.rules();
            let (id, transport, entity) = (ask.id, ask.transport, &*self.request.entity);
            tracing::debug!(
                request_id = id,
                transport,
                user,
                role,
                operation,
                entity,
                code,
                duration_ms = millis,
                rules,
                "request"
            );
        }
    }

    /// The ids of the rules that decided, for the log at level debug.
    fn rules(&self) -> String {
        let Some(principal) = &self.caller.principal else { return String::new() };
        if matches!(self.request.operation, Operation::Call | Operation::Batch) {
            return String::new();
        }
        match self.service.trusted.load().blocking().explain(self.request, Some(principal)) {
            Ok(explained) => explained.rules.join(", "),
            Err(_) => String::new(),
        }
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if self.permit.is_some() {
            self.service.metrics.in_flight.dec();
        }
        // Whoever asked went away, and the database was told.
        if !self.over {
            self.tell("CANCELLED", None);
        }
    }
}
