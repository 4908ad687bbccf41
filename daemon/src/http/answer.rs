//! Responses.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use dbal::client::wire;
use dbal::schema::{EntityId, Schema};
use dbal::{Error, ErrorKind, Operation, Request};

use super::allowed;
use crate::caller::Caller;
use crate::failure;

/// What to name in a question about a request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("dbal-request-id");

/// The answer to a request of the engine.
pub fn plain(caller: &Caller, request: &Request, response: &dbal::Response, id: &str, head: &Parts) -> Response<Body> {
    let schema = caller.client.blocking().schema();
    // A batch names an entity in each of its entries.
    let entity = schema.find(&request.entity).unwrap_or(EntityId(0));
    let tag = tag(schema, entity, request, response);
    json(wire::response(schema, entity, response), tag, id, head)
}

/// The version of the row in an answer, if its entity counts versions.
fn tag(schema: &Schema, entity: EntityId, request: &Request, response: &dbal::Response) -> Option<String> {
    let dbal::Response::Row(row) = response else { return None };
    if !matches!(request.operation, Operation::Create | Operation::Read | Operation::Update | Operation::Upsert) {
        return None;
    }
    let field = schema.entity(entity).fields.iter().find(|field| field.version)?;
    row.get(&field.name)?.as_i64().map(|version| version.to_string())
}

/// A response with a text of JSON; to a `GET`, with none where the caller has it already.
pub fn json(text: String, tag: Option<String>, id: &str, head: &Parts) -> Response<Body> {
    let tag = tag.and_then(|tag| HeaderValue::from_str(&format!("\"{tag}\"")).ok());
    let known = head.method == Method::GET && tag.as_ref().is_some_and(|tag| is_known(&head.headers, tag));
    let mut response = match known {
        true => with(StatusCode::NOT_MODIFIED, Body::empty(), id),
        false => with(StatusCode::OK, Body::from(text), id),
    };
    if let Some(tag) = tag {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// Whether the caller has what the tag names (RFC 9110, section 13.1.2): tags are compared weakly, whoever made them weak
/// on their way, and there may be several. Tags of ours have no comma.
fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let Ok(own) = tag.to_str().map(strong) else { return false };
    let given = headers.get_all(IF_NONE_MATCH).iter().filter_map(|given| given.to_str().ok());
    given.flat_map(|given| given.split(',')).map(strong).any(|given| given == own || given == "*")
}

fn with(status: StatusCode, body: Body, id: &str) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Whom an answer is for depends on who asks.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// An answer that comes in parts.
pub fn parts(body: Body, id: &str) -> Response<Body> {
    let mut response = with(StatusCode::OK, body, id);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

/// An error, with the status that it has in the catalogue.
pub fn failure(error: &Error, id: &str) -> Response<Body> {
    let status = StatusCode::from_u16(error.kind().http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with_status(status, error, id)
}

/// An error for which HTTP has a status of its own.
pub fn with_status(status: StatusCode, error: &Error, id: &str) -> Response<Body> {
    let mut response = with(status, Body::from(failure::body(error, id)), id);
    let headers = response.headers_mut();
    if error.kind() == ErrorKind::Unauthorized {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(wait) = error.retry_after() {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The place is there, and takes other methods.
pub fn method(id: &str, methods: &'static str) -> Response<Body> {
    let error = Error::validation("method", format!("expected {methods}"));
    let mut response = with_status(StatusCode::METHOD_NOT_ALLOWED, &error, id);
    let (name, value) = allowed(methods);
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

/// There is nothing at this place.
pub fn nowhere(id: &str) -> Response<Body> {
    failure(&Error::new(ErrorKind::NotFound, "nothing is here; see docs/protocol.md"), id)
}
