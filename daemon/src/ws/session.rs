//! One connection: who is asking, what is under way, and how it ends.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::{Message, WebSocket};
use dbal::client::{packed, wire};
use dbal::packed::Packer;
use dbal::schema::EntityId;
use dbal::value::json;
use dbal::{Error, Map, Operation, Outcome, Request, Result, Value, value};
use foldhash::HashMap;
use futures_util::StreamExt as _;
use futures_util::stream::SplitStream;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::Close;
use super::message::{self, Id, Incoming, Params};
use super::outgoing::{self, Out, Outgoing};
use super::streams::{self, Credit};
use super::transactions::{Transactions, Work};
use crate::accept::STREAMS;
use crate::body::{Held, Trouble};
use crate::caller::Caller;
use crate::catalogue;
use crate::service::{Ask, Service, TOKEN, has_stopped};

/// The first message comes within this time.
const INIT: Duration = Duration::from_secs(5);

/// How often the daemon pings, and how many pings may go unanswered.
const HEARTBEAT: Duration = Duration::from_secs(20);
const UNANSWERED: u32 = 3;

/// Requests of a connection under way at a time, streams among them.
const IN_FLIGHT: usize = 64;

/// What a connection's tasks share.
pub struct Shared {
    /// The daemon.
    pub service: Arc<Service>,
    /// Who is on the other end.
    pub peer: SocketAddr,
    /// Where answers go.
    pub out: Out,
    /// What is under way, by its id.
    live: Mutex<HashMap<Id, Live>>,
}

/// One request under way.
#[derive(Clone)]
struct Live {
    cancel: Arc<Notify>,
    /// Of a stream.
    credit: Option<Arc<Credit>>,
}

impl Shared {
    /// Puts an end to what an id stands for, and answers.
    pub async fn answer(&self, id: &str, text: String) {
        self.end(id, Outgoing::Text(text)).await;
    }

    /// The same with any message. Until there is room for it, it counts as under way: a reader that takes nothing has no
    /// more than so many answers waiting.
    async fn end(&self, id: &str, last: Outgoing) {
        let room = self.out.room().await;
        self.live.lock().remove(id);
        if let Some(room) = room {
            room.send(last);
        }
    }

    /// What is known of a request beside itself.
    pub fn ask<'a>(&self, id: &'a str, timeout: Option<Duration>) -> Ask<'a> {
        Ask { transport: "websocket", peer: self.peer.ip(), id, timeout, key: None }
    }
}

/// Serves a connection to its end.
pub async fn serve(service: Arc<Service>, peer: SocketAddr, socket: WebSocket) {
    let (sink, mut incoming) = socket.split();
    let (out, queue) = outgoing::queue();
    let writer = tokio::spawn(outgoing::write(sink, queue, service.layouts.clone()));
    let shared = Arc::new(Shared { service, peer, out: out.clone(), live: Mutex::default() });
    if let Some(close) = Session::run(&shared, &mut incoming).await {
        out.send(Outgoing::Close(close)).await;
    }
    // Nobody reads the answers any more.
    for (_, live) in shared.live.lock().drain() {
        live.cancel.notify_one();
    }
    drop((shared, out));
    let _ = tokio::time::timeout(Duration::from_secs(20), writer).await;
}

struct Session {
    shared: Arc<Shared>,
    caller: Arc<Caller>,
    token: Option<String>,
    /// Packed answers were asked for.
    packed: bool,
    name: String,
    transactions: Transactions,
    /// Marks the session as used.
    marking: Option<JoinHandle<()>>,
}

/// What a message leads to: the next one, or the end.
type Step = ControlFlow<Option<Close>>;

impl Session {
    /// Why the connection is closed; none when the other end did.
    async fn run(shared: &Arc<Shared>, incoming: &mut SplitStream<WebSocket>) -> Option<Close> {
        let mut stopping = shared.service.stopping.clone();
        let first = tokio::select! {
            first = tokio::time::timeout(INIT, next(incoming)) => match first {
                Ok(Some(Ok(first))) => first,
                Ok(Some(Err(close))) => return Some(close),
                Ok(None) => return None,
                Err(_) => return Some(Close::Slow),
            },
            () = has_stopped(&mut stopping) => return Some(Close::Away),
        };
        let mut session = match Session::open(shared, first).await {
            Ok(session) => session,
            Err(close) => return close,
        };
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.tick().await;
        let mut verify = tokio::time::interval(TOKEN);
        verify.tick().await;
        let (heard, mut silent) = (Arc::new(Mutex::new(Instant::now())), 0);
        loop {
            let step = tokio::select! {
                message = incoming.next() => {
                    silent = 0;
                    *heard.lock() = Instant::now();
                    match message {
                        None | Some(Err(_) | Ok(Message::Close(_))) => ControlFlow::Break(None),
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => ControlFlow::Continue(()),
                        Some(Ok(Message::Binary(_))) => ControlFlow::Break(Some(Close::Bad)),
                        Some(Ok(Message::Text(text))) => {
                            let held = Held::new(shared.service.arriving.clone());
                            let room = held.take(text.len()).map(|()| held);
                            match Incoming::read(&text) {
                                Some(message) => session.take(message, room).await,
                                None => ControlFlow::Break(Some(Close::Bad)),
                            }
                        }
                    }
                }
                _ = heartbeat.tick() => {
                    silent += 1;
                    match silent > UNANSWERED {
                        true => ControlFlow::Break(Some(Close::Slow)),
                        false => {
                            session.shared.out.send(Outgoing::Ping).await;
                            ControlFlow::Continue(())
                        }
                    }
                }
                _ = verify.tick() => session.verify().await,
                () = shared.out.closed() => ControlFlow::Break(None),
                () = has_stopped(&mut stopping) => ControlFlow::Break(Some(Close::Away)),
            };
            if let ControlFlow::Break(close) = step {
                if close == Some(Close::Away) {
                    session.drain().await;
                }
                return close;
            }
        }
    }

    /// Opens the session with its first message.
    async fn open(shared: &Arc<Shared>, first: Incoming) -> Result<Session, Option<Close>> {
        let Some(id) = first.id.filter(|_| first.method == "session.init") else { return Err(Some(Close::Bad)) };
        let name = Uuid::now_v7().to_string();
        let mut params = Params::new(first.params);
        let read = move || -> Result<(Option<String>, bool)> {
            let token = params.text("token")?;
            if params.number("version")?.is_some_and(|version| version != 1) {
                return Err(Error::validation("version", "expected 1"));
            }
            let packed = params.flag("packed")?;
            params.finish()?;
            Ok((token, packed))
        };
        let opened = match { read }() {
            Ok((token, packed)) => shared
                .service
                .caller(token.as_deref(), shared.peer.ip(), &Uuid::now_v7().to_string())
                .await
                .map(|caller| (token, packed, caller)),
            Err(error) => Err(error),
        };
        match opened {
            Ok((token, packed, caller)) => {
                let transactions = Transactions::new(shared.clone());
                let session =
                    Session { shared: shared.clone(), caller, token, packed, name, transactions, marking: None };
                shared.out.text(message::result(&id, &json::to_wire(&session.introduction()))).await;
                Ok(session)
            }
            Err(error) => {
                shared.out.text(message::failed(&id, &error, &name)).await;
                shared.service.metrics.refuse("session");
                Err(Some(match error.kind() {
                    dbal::ErrorKind::Unauthorized => Close::Unauthorized,
                    _ => Close::Bad,
                }))
            }
        }
    }

    fn introduction(&self) -> Value {
        let user = self.caller.principal.as_ref().and_then(|principal| {
            let id = principal.user.get("id")?.clone();
            let role = principal.user.get("role").cloned().unwrap_or_default();
            Some(Value::Map(Map(vec![("id".into(), id), ("role".into(), role)])))
        });
        value!({
            "version": 1,
            "session": (self.name.as_str()),
            "user": (user.unwrap_or_default()),
            "heartbeat_ms": (HEARTBEAT.as_millis() as i64),
            "packed": (self.packed),
            "idempotency": (self.caller.client.blocking().keeps_idempotency_keys()),
            "limits": {
                "in_flight": (IN_FLIGHT as i64),
                "streams": (STREAMS as i64),
                "transactions": (crate::accept::TRANSACTIONS as i64),
                "message_bytes": (self.shared.service.most_bytes() as i64),
                "credit": (streams::MOST_CREDIT as i64),
            },
        })
    }

    /// Whether the token still counts.
    async fn verify(&mut self) -> Step {
        if let Some(token) = self.token.clone() {
            // A transaction of this connection may be what writers wait for: it must not wait for itself.
            match self.shared.service.still(&token).await {
                Ok(caller) => self.caller = caller,
                Err(error) if error.kind() == dbal::ErrorKind::Unauthorized => {
                    return ControlFlow::Break(Some(Close::Unauthorized));
                }
                // A database that does not answer has revoked nothing.
                Err(_) => {}
            }
            // The session is in use, which is written down when there is time for it.
            if self.marking.as_ref().is_none_or(JoinHandle::is_finished) {
                let (service, peer) = (self.shared.service.clone(), self.shared.peer.ip());
                self.marking = Some(tokio::spawn(async move {
                    // Whoever asks next is told what is wrong.
                    let _ = service.caller(Some(&token), peer, &Uuid::now_v7().to_string()).await;
                }));
            }
        } else {
            self.caller = self.shared.service.current(&self.caller);
        }
        ControlFlow::Continue(())
    }

    /// `room`: what the message takes, given back when it is dropped.
    async fn take(&mut self, message: Incoming, room: Result<Held, Trouble>) -> Step {
        let Incoming { id, method, params } = message;
        let Some(id) = id else {
            self.notified(&method, Params::new(params));
            return ControlFlow::Continue(());
        };
        let live = {
            let mut all = self.shared.live.lock();
            if all.contains_key(&id) {
                return ControlFlow::Break(Some(Close::Twice));
            }
            if all.len() >= IN_FLIGHT {
                return ControlFlow::Break(Some(Close::TooMany));
            }
            let credit = (method == "stream").then(Arc::<Credit>::default);
            let live = Live { cancel: Arc::default(), credit };
            all.insert(id.clone(), live.clone());
            live
        };
        let mut params = Params::new(params);
        let request_id = Uuid::now_v7().to_string();
        let held = match room {
            Ok(held) => held,
            Err(trouble) => {
                self.shared.answer(&id, message::failed(&id, &trouble.error(), &request_id)).await;
                return ControlFlow::Continue(());
            }
        };
        let begun = match method.as_str() {
            "session.init" => return ControlFlow::Break(Some(Close::TooMany)),
            "session.refresh" => return self.refresh(id, params, &request_id).await,
            "request" => self.request(&id, &mut params, live, request_id.clone(), held).await,
            "stream" => self.stream(&id, &mut params, live, request_id.clone(), held),
            "transaction.begin" | "transaction.commit" | "transaction.rollback" => {
                self.transaction(&id, &method, &mut params, live, request_id.clone()).await
            }
            "schema" | "capabilities" => {
                let caller = self.shared.service.current(&self.caller);
                let client = caller.client.blocking();
                let text = match method == "schema" {
                    true => catalogue::text(client, caller.principal.as_ref()).0,
                    false => catalogue::capabilities(client),
                };
                self.shared.answer(&id, message::result(&id, &text)).await;
                Ok(())
            }
            "ping" => {
                self.shared.answer(&id, message::result(&id, "\"pong\"")).await;
                Ok(())
            }
            _ => Err(message::unknown(&method)),
        };
        if let Err(mut error) = begun {
            // Calls that are no requests are of the session, not of the database.
            if matches!(method.as_str(), "request" | "stream") {
                let caller = self.shared.service.current(&self.caller);
                let ask = self.shared.ask(&request_id, None);
                if let Err(told) = self.shared.service.refuse::<()>(&caller, &method, "", &ask, error.clone()) {
                    error = told;
                }
            }
            self.shared.answer(&id, message::failed(&id, &error, &request_id)).await;
        }
        ControlFlow::Continue(())
    }

    /// What needs no answer. There is nobody to tell of a fault.
    fn notified(&self, method: &str, mut params: Params) {
        let Ok(Some(id)) = params.id("id") else { return };
        let live = self.shared.live.lock().get(&id).cloned();
        let Some(live) = live else { return };
        match method {
            "$/cancel" => live.cancel.notify_one(),
            "stream.credit" => {
                if let (Some(credit), Ok(Some(more))) = (live.credit, params.number("credit")) {
                    credit.add(more);
                }
            }
            _ => {}
        }
    }

    /// Another token for the same user.
    async fn refresh(&mut self, id: Id, mut params: Params, request_id: &str) -> Step {
        let read = params.text("token").and_then(|token| token.ok_or_else(Error::unauthorized));
        let token = match read.and_then(|token| params.finish().map(|()| token)) {
            Ok(token) => token,
            Err(error) => {
                self.shared.answer(&id, message::failed(&id, &error, request_id)).await;
                return ControlFlow::Continue(());
            }
        };
        let caller = match self.shared.service.caller(Some(&token), self.shared.peer.ip(), request_id).await {
            Ok(caller) if caller.counted_as == self.caller.counted_as => caller,
            // Another user's token would carry this one's transactions along.
            Ok(_) => return ControlFlow::Break(Some(Close::Unauthorized)),
            Err(error) if error.kind() == dbal::ErrorKind::Unauthorized => {
                return ControlFlow::Break(Some(Close::Unauthorized));
            }
            Err(error) => {
                self.shared.answer(&id, message::failed(&id, &error, request_id)).await;
                return ControlFlow::Continue(());
            }
        };
        (self.caller, self.token) = (caller, Some(token));
        let text = message::result(&id, &json::to_wire(&self.introduction()));
        self.shared.answer(&id, text).await;
        ControlFlow::Continue(())
    }

    async fn request(
        &mut self,
        id: &Id,
        params: &mut Params,
        live: Live,
        request_id: String,
        held: Held,
    ) -> Result<()> {
        let request = params.request(None)?;
        let (deadline, packed) = (params.deadline()?, params.flag("packed")?);
        let transaction = params.number("transaction")?;
        let key = params.text("idempotency_key")?;
        std::mem::replace(params, Params::new(Map::new())).finish()?;
        if let Some(number) = transaction {
            if key.is_some() {
                let message = "only a write by itself has a key, not a request in a transaction";
                return Err(Error::validation("idempotency_key", message));
            }
            let work = Work::Request { request, deadline, packed, caller: self.caller.clone(), held };
            return self.transactions.give(number, id, work, live.cancel, request_id).await;
        }
        let (shared, caller) = (self.shared.clone(), self.shared.service.current(&self.caller));
        let id = id.clone();
        tokio::spawn(async move {
            let ask = Ask { key: key.as_deref(), ..shared.ask(&request_id, deadline) };
            let done = tokio::select! {
                biased;
                done = run(&shared, &caller, &request, &ask, packed) => done,
                () = live.cancel.notified() => Err(cancelled(request.operation.writes())),
            };
            drop((request, held));
            reply(&shared, &id, done, &request_id).await;
        });
        Ok(())
    }

    fn stream(&mut self, id: &Id, params: &mut Params, live: Live, request_id: String, held: Held) -> Result<()> {
        let request = params.request(Some(Operation::Stream))?;
        let (deadline, packed) = (params.deadline()?, params.flag("packed")?);
        let first = params.number("credit")?;
        std::mem::replace(params, Params::new(Map::new())).finish()?;
        let credit = live.credit.ok_or_else(|| Error::internal("a stream without credit"))?;
        let streams = self.shared.live.lock().values().filter(|live| live.credit.is_some()).count();
        if streams > STREAMS {
            return Err(Error::rate_limited(Duration::from_secs(1)));
        }
        credit.add(first.unwrap_or(streams::FIRST_CREDIT));
        let (shared, caller) = (self.shared.clone(), self.shared.service.current(&self.caller));
        let id = id.clone();
        tokio::spawn(async move {
            let ask = shared.ask(&request_id, deadline);
            let done = tokio::select! {
                biased;
                done = streams::run(&shared, &caller, (request, held), &ask, &id, &credit, packed) => done,
                () = live.cancel.notified() => Err(cancelled(false)),
            };
            let text = match done {
                Ok(count) => message::result(&id, &format!("{{\"rows\":{count}}}")),
                Err(error) => message::failed(&id, &error, &request_id),
            };
            shared.answer(&id, text).await;
        });
        Ok(())
    }

    async fn transaction(
        &mut self,
        id: &Id,
        method: &str,
        params: &mut Params,
        live: Live,
        request_id: String,
    ) -> Result<()> {
        let (number, outer) = (params.number("transaction")?, params.number("in")?);
        let deadline = params.deadline()?;
        std::mem::replace(params, Params::new(Map::new())).finish()?;
        let needed = || Error::validation("transaction", "missing; expected the number of a transaction");
        let (to, work) = match (method, number, outer) {
            ("transaction.begin", None, None) => {
                let caller = self.shared.service.current(&self.caller);
                return self.transactions.begin(id, caller, deadline, live.cancel, request_id);
            }
            ("transaction.begin", None, Some(outer)) => (outer, Work::Begin),
            ("transaction.begin", Some(_), _) => {
                return Err(Error::validation("transaction", "begin makes the number"));
            }
            ("transaction.commit", number, _) => (number.ok_or_else(needed)?, Work::Commit),
            (_, number, _) => (number.ok_or_else(needed)?, Work::Rollback),
        };
        self.transactions.give(to, id, work, live.cancel, request_id).await
    }

    /// Waits until what is under way has been answered.
    async fn drain(&self) {
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end && !self.shared.live.lock().is_empty() && !self.shared.out.is_closed() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// The next message with something in it.
async fn next(incoming: &mut SplitStream<WebSocket>) -> Option<Result<Incoming, Close>> {
    loop {
        match incoming.next().await? {
            Ok(Message::Text(text)) => return Some(Incoming::read(&text).ok_or(Close::Bad)),
            Ok(Message::Ping(_) | Message::Pong(_)) => {}
            Ok(Message::Binary(_)) => return Some(Err(Close::Bad)),
            Ok(Message::Close(_)) | Err(_) => return None,
        }
    }
}

/// An answer on its way out: a text of JSON, or packed rows.
pub enum Reply {
    /// The result as JSON.
    Json(String),
    /// What the head says, and the rows.
    Packed(Map, dbal::packed::Pieces),
}

/// Runs a request outside transactions.
async fn run(shared: &Shared, caller: &Caller, request: &Request, ask: &Ask<'_>, packed: bool) -> Result<Reply> {
    let schema = caller.client.blocking().schema();
    let entity = schema.find(&request.entity);
    let rows = !matches!(request.operation, Operation::Batch | Operation::Call | Operation::Count | Operation::Delete);
    if let (true, true, Some(entity)) = (packed, rows, entity) {
        let packer = Packer::new(shared.service.layouts.clone(), entity);
        let (envelope, packer) = shared.service.run_into(caller, request, ask, packer).await?;
        return Ok(Reply::Packed(packed::head(&envelope), packer.finish()));
    }
    let response = shared.service.run(caller, request, ask).await?;
    Ok(Reply::Json(wire::response(schema, entity.unwrap_or(EntityId(0)), &response)))
}

/// Answers a request.
pub async fn reply(shared: &Shared, id: &Id, done: Result<Reply>, request_id: &str) {
    match done {
        Ok(Reply::Json(text)) => shared.answer(id, message::result(id, &text)).await,
        Ok(Reply::Packed(mut head, pieces)) => {
            let id_value = json::parse(id.as_bytes()).unwrap_or_default();
            head.0.insert(0, ("id".into(), id_value));
            shared.end(id, Outgoing::Packed(head, pieces)).await;
        }
        Err(error) => shared.answer(id, message::failed(id, &error, request_id)).await,
    }
}

/// What whoever cancelled is told.
pub fn cancelled(writes: bool) -> Error {
    let outcome = if writes { Outcome::Unknown } else { Outcome::NotApplied };
    Error::new(dbal::ErrorKind::Timeout, "cancelled by the caller").with_outcome(outcome)
}
