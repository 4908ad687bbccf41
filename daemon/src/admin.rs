//! Health and metrics, on an address of their own: for whoever runs the daemon, not for its callers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use dbal::{Operation, Value};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::service::{Service, has_stopped};

/// How long a probe of the database may take, and how long its result counts.
const PROBE: Duration = Duration::from_secs(2);

/// Connections at a time.
const MOST: usize = 64;

/// Answers until the daemon has stopped.
pub async fn serve(service: Arc<Service>, listener: TcpListener, mut stopped: watch::Receiver<bool>) {
    let (places, probe) = (Arc::new(Semaphore::new(MOST)), Arc::new(Probe::default()));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = has_stopped(&mut stopped) => return,
        };
        let (Ok((socket, _)), Ok(place)) = (accepted, places.clone().try_acquire_owned()) else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let (service, probe) = (service.clone(), probe.clone());
        tokio::spawn(async move {
            let answered = service_fn(move |request: Request<Incoming>| {
                let (service, probe) = (service.clone(), probe.clone());
                async move { Ok::<_, Infallible>(answer(&service, &probe, &request).await) }
            });
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(PROBE * 5);
            // An end that goes away is none of the daemon's business.
            let _ = builder.serve_connection(TokioIo::new(socket), answered).await;
            drop(place);
        });
    }
}

/// When the database last answered, and whether.
#[derive(Default)]
struct Probe(Mutex<Option<(Instant, bool)>>);

impl Probe {
    async fn is_ready(&self, service: &Service) -> bool {
        if let Some((at, ready)) = *self.0.lock()
            && at.elapsed() < PROBE
        {
            return ready;
        }
        let client = service.trusted().with_timeout(Some(PROBE));
        // A row of some table: a database that was never migrated serves nobody.
        let ready = match client.blocking().schema().entities().next() {
            None => true,
            Some((_, entity)) => {
                let key = Value::List(vec![entity.field(entity.key).name.as_str().into()]);
                let request = dbal::Request::new(Operation::First, entity.name.clone()).arg("select", key);
                client.execute(&request).await.is_ok()
            }
        };
        *self.0.lock() = Some((Instant::now(), ready));
        ready
    }
}

async fn answer(service: &Service, probe: &Probe, request: &Request<Incoming>) -> Response<Body> {
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
        "/ready" => match probe.is_ready(service).await {
            true => plain(StatusCode::OK, "ready\n"),
            false => plain(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
        },
        "/metrics" => {
            let mut response = plain(StatusCode::OK, &service.metrics.text());
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            response
        }
        _ => plain(StatusCode::NOT_FOUND, "expected /health, /ready or /metrics\n"),
    }
}
