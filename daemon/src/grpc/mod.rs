//! gRPC: `dbal.v1.Dbal` of `api/idl/dbal.proto`, health, and reflection where it is switched on. Another spelling of the
//! same requests, answers and errors as over HTTP and WebSocket; everything is decided behind `service`.

mod answer;
mod call;
pub(crate) mod codec;
mod failure;
mod health;
mod status;
mod transaction;
mod value;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version};
use dbal::{Error, Result};
use hyper::body::Incoming;
use tonic::codegen::Service as _;
use tonic_health::pb::health_server::HealthServer;
use uuid::Uuid;

use crate::body::{Arriving, Held};
use crate::generated::dbal_v1::dbal_server::DbalServer;
use crate::generated::descriptor::DESCRIPTOR;
use crate::http::{self, Guard, REQUEST_ID};
use crate::service::Service;
use call::Call;

/// How long a caller waits, in the form of gRPC.
const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Where the service is.
const DBAL: &str = "/dbal.v1.Dbal/";
const HEALTH: &str = "/grpc.health.v1.Health/";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/";
const REFLECTION_ALPHA: &str = "/grpc.reflection.v1alpha.ServerReflection/";

/// Whether a request is one of gRPC: what it says it carries tells it from others on the same port.
pub fn is_grpc(request: &Request<Incoming>) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let carried = kind.strip_prefix("application/grpc");
    request.version() == Version::HTTP_2 && carried.is_some_and(|rest| matches!(rest, "" | "+proto"))
}

/// Answers one request. It always answers: faults are statuses.
pub async fn answer(service: Arc<Service>, peer: SocketAddr, request: Request<Incoming>) -> Response<Body> {
    let id = Uuid::now_v7().to_string();
    let held = Held::new(service.arriving.clone());
    let routed = route(service, peer, &id, &held, request).await;
    let mut response = routed.map_or_else(|error| plain(&error, &id), |response| status::settled(response, &id));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

fn plain(error: &Error, id: &str) -> Response<Body> {
    failure::status(error, id).into_http()
}

async fn route(
    service: Arc<Service>,
    peer: SocketAddr,
    id: &str,
    held: &Held,
    request: Request<Incoming>,
) -> Result<Response<Body>> {
    let (head, body) = request.into_parts();
    if let Err(error) = Guard::new(&service.settings).check(&head) {
        service.metrics.refuse("origin or host");
        return Err(error);
    }
    if head.method != Method::POST {
        return Err(Error::validation("method", "expected POST"));
    }
    let path = head.uri.path().to_owned();
    let reflects = service.settings.server.reflection;
    let most = service.most_bytes();
    if path.starts_with(DBAL) {
        let call = Call::new(service, peer.ip(), id, &head).await?;
        // A transaction has as long as its deadline; each of its messages comes when it comes.
        let once = !path.ends_with("/Transaction");
        let body = Arriving::new(body, held, once.then_some(http::BODY));
        let mut request = Request::from_parts(head, body);
        if !once {
            // Its messages are given back one by one.
            request.extensions_mut().insert(held.clone());
        }
        return served(DbalServer::new(call).max_decoding_message_size(most).call(request).await);
    }
    let stopping = service.stopping.clone();
    let request = Request::from_parts(head, Arriving::new(body, held, None));
    let response = if path.starts_with(HEALTH) {
        let health = HealthServer::new(health::Served::new(service)).max_decoding_message_size(SMALL);
        return served({ health }.call(request).await);
    } else if path.starts_with(REFLECTION) && reflects {
        described(|builder| builder.build_v1())?.call(request).await
    } else if path.starts_with(REFLECTION_ALPHA) && reflects {
        described(|builder| builder.build_v1alpha())?.call(request).await
    } else {
        return Err(Error::unsupported("service", "there is no such service here"));
    };
    Ok(served(response)?.map(|body| Body::new(status::until(body, stopping))))
}

/// Bytes of a message that asks after health.
const SMALL: usize = 4 << 10;

fn served(done: Result<Response<tonic::body::Body>, Infallible>) -> Result<Response<Body>> {
    match done {
        Ok(response) => Ok(response.map(Body::new)),
        Err(never) => match never {},
    }
}

/// What reflection tells: this service and that of health, both public words.
fn described<S, E: std::fmt::Display>(
    build: impl FnOnce(tonic_reflection::server::Builder<'static>) -> Result<S, E>,
) -> Result<S> {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTOR)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    build(builder).map_err(|error| Error::internal(format!("the description of the service: {error}")))
}

/// The time that a caller waits.
fn timeout(headers: &HeaderMap) -> Result<Option<Duration>> {
    let mut all = headers.get_all(TIMEOUT).iter();
    let Some(value) = all.next() else { return Ok(None) };
    let wrong = || Error::validation("grpc-timeout", "expected up to 8 digits and one of H, M, S, m, u, n");
    let text = value.to_str().map_err(|_| wrong())?;
    let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    if all.next().is_some() || !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    Ok(Some(match unit {
        "H" => Duration::from_secs(number * 3_600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return Err(wrong()),
    }))
}

/// The token, the time and the key that metadata say.
fn told(head: &Parts) -> Result<(Option<String>, Option<Duration>, Option<String>)> {
    let headers = &head.headers;
    Ok((http::token(headers)?, timeout(headers)?, http::key(headers)?.map(str::to_owned)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_a_caller_waits() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(TIMEOUT, HeaderValue::from_str(text).unwrap());
            timeout(&headers)
        };
        assert_eq!(read("1S").unwrap(), Some(Duration::from_secs(1)));
        assert_eq!(read("99999999H").unwrap(), Some(Duration::from_secs(99_999_999 * 3_600)));
        assert_eq!(read("250m").unwrap(), Some(Duration::from_millis(250)));
        assert_eq!(read("0n").unwrap(), Some(Duration::ZERO));
        for wrong in ["", "S", "1", "1s", "-1S", "1.5S", "123456789S", " 1S", "+1S", "1SS"] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(timeout(&HeaderMap::new()).unwrap(), None);
    }
}
