//! Connections: how many, how long each phase of one may take, and how they end when the daemon does.
//!
//! What is served knows nothing of this. hyper's own timers do not run while it finds out which protocol is spoken, so a
//! connection has a deadline of its own until its first request is there.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Version;
use dbal::{Error, Result};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use crate::grpc;
use crate::http;
use crate::pace;
use crate::patience::{PATIENCE, Patient};
use crate::service::{Service, has_stopped};
use crate::tls::Encryption;

/// A connection has this long to bring its first request, its TLS handshake included, and each later one its head.
pub const FIRST_REQUEST: Duration = Duration::from_secs(10);

/// An end that says nothing for so long is asked, and has so long to answer.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));

/// Connections at a time. One more waits in the kernel until another ends.
const MOST: usize = 10_000;

/// Streams of one HTTP/2 connection at a time.
const MOST_STREAMS: u32 = 128;

/// Streams of rows, and transactions, of one connection at a time; a WebSocket counts its own.
pub const STREAMS: usize = 16;
pub const TRANSACTIONS: usize = 4;

/// Bytes of the head of a request.
const HEAD: usize = 32 << 10;

/// Accepts connections until the daemon stops, then waits until those that are there have ended, no longer than `drain`.
pub async fn serve(
    service: Arc<Service>,
    listener: TcpListener,
    encryption: Option<Arc<Encryption>>,
    mut stopping: watch::Receiver<bool>,
    drain: Duration,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MOST));
    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            () = has_stopped(&mut stopping) => break,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = has_stopped(&mut stopping) => break,
        };
        match accepted {
            Ok((socket, peer)) => {
                // Small answers must not wait for more to send.
                let _ = socket.set_nodelay(true);
                let place = Arc::new(Place::new(service.clone(), place));
                let connection = Connection { service: service.clone(), peer, place };
                tokio::spawn(connection.begin(socket, encryption.clone(), graceful.watcher()));
            }
            Err(error) => {
                // Out of file descriptors: trying again at once would only spin.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    // A WebSocket is no connection of the server's any more, but keeps its place.
    let ended = async {
        graceful.shutdown().await;
        let _ = places.acquire_many(MOST as u32).await;
    };
    if tokio::time::timeout(drain, ended).await.is_err() {
        tracing::warn!("connections were still open at the end of the time to drain");
    }
}

/// One of the places for connections, given back when this is dropped. What a connection is upgraded to keeps it.
pub struct Place {
    service: Arc<Service>,
    streams: Arc<Semaphore>,
    transactions: Arc<Semaphore>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn new(service: Arc<Service>, permit: OwnedSemaphorePermit) -> Self {
        service.metrics.connections.inc();
        let (streams, transactions) = (Semaphore::new(STREAMS), Semaphore::new(TRANSACTIONS));
        Place { service, streams: Arc::new(streams), transactions: Arc::new(transactions), _permit: permit }
    }

    /// A place for a stream of rows, each of which reads on a thread of its own.
    ///
    /// # Errors
    /// RATE_LIMIT_EXCEEDED when the connection has too many.
    pub fn stream(&self) -> Result<OwnedSemaphorePermit> {
        one_of(&self.streams)
    }

    /// A place for a transaction, each of which keeps a connection to the database.
    ///
    /// # Errors
    /// RATE_LIMIT_EXCEEDED when the connection has too many.
    pub fn transaction(&self) -> Result<OwnedSemaphorePermit> {
        one_of(&self.transactions)
    }
}

fn one_of(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    places.clone().try_acquire_owned().map_err(|_| Error::rate_limited(Duration::from_secs(1)))
}

impl Drop for Place {
    fn drop(&mut self) {
        self.service.metrics.connections.dec();
    }
}

struct Connection {
    service: Arc<Service>,
    peer: SocketAddr,
    place: Arc<Place>,
}

impl Connection {
    async fn begin(self, socket: TcpStream, encryption: Option<Arc<Encryption>>, watcher: Watcher) {
        let metrics = &self.service.clone().metrics;
        match encryption {
            None => self.serve(socket, watcher).await,
            Some(encryption) => match tokio::time::timeout(FIRST_REQUEST, encryption.acceptor().accept(socket)).await {
                Ok(Ok(encrypted)) => self.serve(encrypted, watcher).await,
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a TLS handshake failed");
                    metrics.refuse("tls");
                }
                Err(_) => metrics.refuse("tls"),
            },
        }
    }

    async fn serve(self, io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, watcher: Watcher) {
        let Connection { service, peer, place } = self;
        let first = Arc::new(Notify::new());
        let asked = first.clone();
        let shared = service.clone();
        let answered = service_fn(move |mut request: hyper::Request<Incoming>| {
            asked.notify_one();
            request.extensions_mut().insert(place.clone());
            let service = shared.clone();
            async move {
                // On HTTP/1.1 the connection is the answer's: see `patience`.
                let shared = request.version() == Version::HTTP_2;
                let response = match grpc::is_grpc(&request) {
                    true => grpc::answer(service, peer, request).await,
                    false => http::answer(service, peer, request).await,
                };
                Ok::<_, Infallible>(if shared { pace::paced(response, PATIENCE) } else { response })
            }
        });
        let io = TokioIo::new(Patient::new(io, PATIENCE));
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(FIRST_REQUEST).max_buf_size(HEAD * 4);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(MOST_STREAMS)
            .max_header_list_size(HEAD as u32)
            .keep_alive_interval(KEEP_ALIVE.0)
            .keep_alive_timeout(KEEP_ALIVE.1);
        let connection = builder.serve_connection_with_upgrades(io, answered).into_owned();
        let mut served = std::pin::pin!(watcher.watch(connection));
        let begun = async {
            tokio::select! {
                () = first.notified() => true,
                () = tokio::time::sleep(FIRST_REQUEST) => false,
            }
        };
        tokio::select! {
            biased;
            ended = served.as_mut() => return ended_with(ended),
            begun = begun => if !begun {
                service.metrics.refuse("no request");
                return;
            },
        }
        ended_with(served.await);
    }
}

fn ended_with(ended: std::result::Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended with an error");
    }
}
