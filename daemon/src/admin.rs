//! Health and metrics, on an address of their own: for whoever runs the daemon, not for its callers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::body;
use crate::probe::Ready;
use crate::service::{Service, has_stopped};

/// A connection has this long to bring the head of a request.
const HEAD: Duration = Duration::from_secs(10);

/// Connections at a time.
const MOST: usize = 64;

/// Answers until the daemon has stopped.
pub async fn serve(service: Arc<Service>, listener: TcpListener, mut stopped: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(MOST));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = has_stopped(&mut stopped) => return,
        };
        let (Ok((socket, _)), Ok(place)) = (accepted, places.clone().try_acquire_owned()) else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let service = service.clone();
        tokio::spawn(async move {
            let answered = service_fn(move |request: Request<Incoming>| {
                let service = service.clone();
                async move { Ok::<_, Infallible>(answer(&service, &request).await) }
            });
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEAD);
            // An end that goes away is none of the daemon's business.
            let _ = builder.serve_connection(TokioIo::new(socket), answered).await;
            drop(place);
        });
    }
}

async fn answer(service: &Service, request: &Request<Incoming>) -> Response<Body> {
    let plain = |status: StatusCode, text: &str| {
        let mut response = Response::new(Body::from(text.to_owned()));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    };
    if request.method() != Method::GET {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "expected GET\n");
    }
    match request.uri().path() {
        "/health" => plain(StatusCode::OK, "alive\n"),
        "/ready" if service.is_stopping() => plain(StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
        "/ready" => match service.probe.ready(service).await {
            Ready::Yes => plain(StatusCode::OK, "ready\n"),
            Ready::Unmigrated => plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the database lacks what the schema declares: migrations are due\n",
            ),
            Ready::No => plain(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
        },
        "/metrics" => {
            service.metrics.held.set(i64::try_from(body::taken(&service.arriving)).unwrap_or(i64::MAX));
            let mut response = plain(StatusCode::OK, &service.metrics.text());
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            response
        }
        _ => plain(StatusCode::NOT_FOUND, "expected /health, /ready or /metrics\n"),
    }
}
