//! HTTP with JSON: from a request line to a request of the engine, and from its answer to a response.

mod answer;
pub(crate) mod arguments;
mod guard;
mod lines;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode};
use bytes::Bytes;
use dbal::{Error, Operation, Result};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use uuid::Uuid;

use crate::accept::Place;
use crate::body::{Arriving, Held, Trouble};
use crate::caller::Caller;
use crate::service::{Ask, Service};
use crate::{catalogue, openapi, ws};
pub use answer::REQUEST_ID;
pub use guard::Guard;
pub use lines::gather;

/// A body with all of it has this long to come, however long the request may take.
pub const BODY: Duration = Duration::from_secs(30);

/// How long a caller waits, in milliseconds.
const TIMEOUT: HeaderName = HeaderName::from_static("dbal-timeout-ms");

/// Keys that make a write safe to send again.
const IDEMPOTENCY: HeaderName = HeaderName::from_static("idempotency-key");

/// The key of a request, if it has one. What a key may be is the engine's to say.
pub fn key(headers: &HeaderMap) -> Result<Option<&str>> {
    let mut all = headers.get_all(IDEMPOTENCY).iter();
    let Some(value) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(Error::validation("idempotency_key", "given twice"));
    }
    match value.to_str() {
        Ok(key) => Ok(Some(key)),
        Err(_) => Err(Error::validation("idempotency_key", "expected visible ASCII characters")),
    }
}

/// One request on its way through this transport.
struct Exchange<'e> {
    service: &'e Arc<Service>,
    peer: SocketAddr,
    id: String,
    head: Parts,
    /// The room that its body takes.
    held: Held,
}

/// Answers one request. It always answers: faults are responses.
pub async fn answer(service: Arc<Service>, peer: SocketAddr, request: Request<Incoming>) -> Response<Body> {
    let id = Uuid::now_v7().to_string();
    let (head, body) = request.into_parts();
    if let Err(error) = guard::names_one_host(&head) {
        service.metrics.refuse("origin or host");
        return answer::with_status(StatusCode::BAD_REQUEST, &error, &id);
    }
    let origin = match Guard::new(&service.settings).check(&head) {
        Ok(origin) => origin,
        Err(error) => {
            service.metrics.refuse("origin or host");
            return answer::failure(&error, &id);
        }
    };
    let mut response = match (&origin, &head.method) {
        (Some(_), &Method::OPTIONS) => guard::preflight(),
        _ => {
            let held = Held::new(service.arriving.clone());
            let exchange = Exchange { service: &service, peer, id, head, held };
            exchange.route(body).await
        }
    };
    if let Some(origin) = origin {
        guard::allow(&origin, &mut response);
    }
    response
}

impl Exchange<'_> {
    async fn route(mut self, body: Incoming) -> Response<Body> {
        let path = self.head.uri.path().to_owned();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let get = matches!(self.head.method, Method::GET | Method::HEAD);
        let post = self.head.method == Method::POST;
        let done = match segments.as_slice() {
            ["v1", "ws"] => return ws::upgrade(self.service.clone(), self.peer, &mut self.head).await,
            ["openapi.json"] | ["v1", "schema" | "capabilities"] if get => {
                self.described(segments[segments.len() - 1]).await
            }
            ["v1", "batch"] if post => self.batch(body).await,
            ["v1", "batch"] => return answer::method(&self.id, "POST"),
            ["v1", target] if post && target.contains(':') => self.post(target, body).await,
            ["v1", entity] if get && !entity.is_empty() && !entity.contains(':') => self.get(entity, None).await,
            ["v1", entity, id] if get && !entity.is_empty() && !id.is_empty() => self.get(entity, Some(id)).await,
            ["v1", _, ""] => return answer::nowhere(&self.id),
            ["openapi.json"] | ["v1", "schema" | "capabilities"] | ["v1", _, _] => {
                return answer::method(&self.id, "GET");
            }
            ["v1", target] if target.contains(':') => return answer::method(&self.id, "POST"),
            ["v1", entity] if !entity.is_empty() => return answer::method(&self.id, "GET"),
            _ => return answer::nowhere(&self.id),
        };
        done.unwrap_or_else(|error| match error {
            Fault::Error(error) => answer::failure(&error, &self.id),
            Fault::Status(status, error) => answer::with_status(status, &error, &self.id),
        })
    }

    async fn caller(&self) -> Result<Arc<Caller>> {
        self.service.caller(token(&self.head.headers)?.as_deref(), self.peer.ip(), &self.id).await
    }

    fn ask(&self) -> Result<Ask<'_>> {
        let key = key(&self.head.headers)?;
        let timeout = match self.head.headers.get(TIMEOUT) {
            None => None,
            Some(text) => {
                let millis = text.to_str().ok().and_then(|text| text.parse().ok()).filter(|millis| *millis > 0);
                let wrong =
                    || Error::validation("Dbal-Timeout-Ms", "expected a whole number of milliseconds, 1 or more");
                Some(Duration::from_millis(millis.ok_or_else(wrong)?))
            }
        };
        Ok(Ask { transport: "http", peer: self.peer.ip(), id: &self.id, timeout, key })
    }

    /// `POST /v1/{entity}:{operation}`.
    async fn post(&self, target: &str, body: Incoming) -> Answer {
        let caller = self.caller().await?;
        let (entity, operation) = arguments::target(target)?;
        let named = entity.clone();
        let read = self.body(body).await.and_then(|body| Ok(arguments::of_body(entity, &operation, &body)?));
        let mut request = read.or_else(|fault| self.refuse(&caller, &operation, &named, fault))?;
        if request.operation == Operation::Stream {
            let place = self.head.extensions.get::<Arc<Place>>().map(|place| place.stream()).transpose()?;
            let revoked = self.service.clone().until_revoked(token(&self.head.headers)?);
            return Ok(lines::stream(self.service, &caller, request, &self.ask()?, place, revoked).await?);
        }
        let by_header = arguments::if_match(&self.head.headers, &mut request)?;
        let response = self.service.run(&caller, &request, &self.ask()?).await.map_err(|error| {
            match by_header && error.reason() == Some(dbal::Reason::Version) {
                true => Fault::Status(StatusCode::PRECONDITION_FAILED, error),
                false => Fault::Error(error),
            }
        })?;
        Ok(answer::plain(&caller, &request, &response, &self.id, &self.head))
    }

    /// `GET /v1/{entity}` and `GET /v1/{entity}/{id}`.
    async fn get(&self, entity: &str, id: Option<&str>) -> Answer {
        let caller = self.caller().await?;
        let schema = caller.client.blocking().schema();
        let read = arguments::of_query(schema, entity, id, self.head.uri.query().unwrap_or_default());
        let operation = if id.is_some() { "read" } else { "list" };
        let request = read.or_else(|error| self.refuse(&caller, operation, entity, error.into()))?;
        let response = self.service.run(&caller, &request, &self.ask()?).await?;
        Ok(answer::plain(&caller, &request, &response, &self.id, &self.head))
    }

    /// `POST /v1/batch`.
    async fn batch(&self, body: Incoming) -> Answer {
        let caller = self.caller().await?;
        let read = self.body(body).await.and_then(|body| Ok(arguments::batch(&body)?));
        let request = read.or_else(|fault| self.refuse(&caller, "batch", "", fault))?;
        let response = self.service.run(&caller, &request, &self.ask()?).await?;
        Ok(answer::plain(&caller, &request, &response, &self.id, &self.head))
    }

    /// Writes down what is no request, and says so.
    fn refuse<T>(&self, caller: &Caller, operation: &str, entity: &str, fault: Fault) -> Result<T, Fault> {
        let (Fault::Error(error) | Fault::Status(_, error)) = &fault;
        let (kind, error) = (error.kind(), error.clone());
        self.service.refuse(caller, operation, entity, &self.ask()?, error).map_err(|refused| {
            // Where it is one too many, that is the answer.
            if refused.kind() == kind { fault } else { refused.into() }
        })
    }

    /// What the daemon says of itself.
    async fn described(&self, what: &str) -> Answer {
        let caller = self.caller().await?;
        let (client, principal) = (caller.client.blocking(), caller.principal.as_ref());
        let (text, tag) = match what {
            "capabilities" => (catalogue::capabilities(client), None),
            "schema" => {
                let (text, version) = catalogue::text(client, principal);
                (text, Some(version))
            }
            _ => (openapi::text(client, principal), None),
        };
        Ok(answer::json(text, tag, &self.id, &self.head))
    }

    /// The whole body, as JSON.
    async fn body(&self, body: Incoming) -> Result<Bytes, Fault> {
        let most = self.service.most_bytes();
        let kind = self.head.headers.get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default());
        let json = kind.is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("application/json")
        });
        let told = self.head.headers.contains_key("content-encoding");
        let arriving = Arriving::new(body, &self.held, Some(BODY));
        let bytes = match Limited::new(arriving, most).collect().await {
            Ok(whole) => whole.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                let message = format!("more than {most} bytes (limit request_bytes)");
                return Err(Fault::Status(StatusCode::PAYLOAD_TOO_LARGE, Error::validation("body", message)));
            }
            Err(error) => {
                let trouble = error.downcast_ref().copied().unwrap_or(Trouble::Broken);
                return Err(match trouble {
                    Trouble::Slow(_) => Fault::Status(StatusCode::REQUEST_TIMEOUT, trouble.error()),
                    Trouble::Full | Trouble::Broken => trouble.error().into(),
                });
            }
        };
        if told {
            let error = Error::validation("Content-Encoding", "bodies are taken as they are, not compressed");
            return Err(Fault::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE, error));
        }
        let nothing = bytes.is_empty() && kind.is_none();
        if !(json || nothing) {
            let error = Error::validation("Content-Type", "expected application/json");
            return Err(Fault::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE, error));
        }
        Ok(bytes)
    }
}

/// A response, or what is wrong.
type Answer = Result<Response<Body>, Fault>;

/// What is wrong.
enum Fault {
    /// The status follows from the error.
    Error(Error),
    /// HTTP has a status of its own for it.
    Status(StatusCode, Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Error(error)
    }
}

/// The token of a request, if it brings one. Two are none that can be trusted.
pub fn token(headers: &HeaderMap) -> Result<Option<String>> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(Error::unauthorized());
    }
    let text = value.to_str().map_err(|_| Error::unauthorized())?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim().to_owned())),
        _ => Err(Error::unauthorized()),
    }
}

/// The header that names the methods of a place.
fn allowed(methods: &'static str) -> (HeaderName, &'static str) {
    (ALLOW, methods)
}
