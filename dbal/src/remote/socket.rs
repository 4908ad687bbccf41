//! The connection itself: TCP, TLS where the endpoint says so, a WebSocket on it, and the session that is opened first.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::error::{Error, Result};
use crate::remote::answer::{self, Answer, Incoming};
use crate::remote::endpoint::Endpoint;
use crate::remote::failure::{senseless, told, unreachable};
use crate::value::{Map, Value, json};

/// Encrypted or not.
pub(super) trait Bytes: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Bytes for T {}

/// A connection with a WebSocket on it.
pub(super) type Socket = WebSocketStream<Box<dyn Bytes>>;

/// A daemon may answer more than it takes.
const LARGEST: usize = 256 << 20;

/// What a daemon grants a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    /// Questions under way.
    pub in_flight: usize,
    pub transactions: usize,
    pub streams: usize,
    /// Whether writes may carry keys.
    pub keys: bool,
    /// How often the daemon gives a sign of life.
    pub heartbeat: Duration,
}

/// Connects and opens a session.
///
/// # Errors
/// DATABASE_ERROR where nobody answers as a daemon does; UNAUTHORIZED.
pub(super) async fn open(
    endpoint: &Endpoint,
    tls: Option<&Arc<ClientConfig>>,
    token: Option<String>,
) -> Result<(Socket, Session)> {
    let place = endpoint.authority();
    let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await;
    let stream = stream.map_err(|error| unreachable(&place, &error))?;
    // Questions are small and somebody waits for each.
    stream.set_nodelay(true).map_err(|error| unreachable(&place, &error))?;
    let stream: Box<dyn Bytes> = match tls {
        None => Box::new(stream),
        Some(config) => {
            let name = ServerName::try_from(endpoint.host.clone())
                .map_err(|_| Error::validation("endpoint", "the host is no name that a certificate can hold"))?;
            let connected = TlsConnector::from(config.clone()).connect(name, stream).await;
            Box::new(connected.map_err(|error| unreachable(&place, &error))?)
        }
    };
    let scheme = if endpoint.secure { "wss" } else { "ws" };
    let url = format!("{scheme}://{place}{}/v1/ws", endpoint.path);
    let mut request = url.into_client_request().map_err(|error| Error::validation("endpoint", error.to_string()))?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("dbal.v1.json"));
    let mut config = WebSocketConfig::default();
    config.max_message_size = Some(LARGEST);
    config.max_frame_size = Some(LARGEST);
    let opened = client_async_with_config(request, stream, Some(config)).await;
    let (mut socket, _) = opened.map_err(|error| unreachable(&place, &error))?;
    let session = greet(&mut socket, token).await?;
    Ok((socket, session))
}

/// The first question, which everything waits for.
async fn greet(socket: &mut Socket, token: Option<String>) -> Result<Session> {
    let mut params = Map(vec![("version".into(), 1.into()), ("packed".into(), Value::Bool(true))]);
    if let Some(token) = token {
        params.insert("token", token);
    }
    let hello = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"session.init\",\"params\":{}}}",
        json::to_wire(&Value::Map(params))
    );
    let gone = |error: tungstenite::Error| unreachable("its endpoint", &error);
    socket.send(Message::text(hello)).await.map_err(gone)?;
    loop {
        let message = socket.next().await.ok_or_else(senseless)?.map_err(gone)?;
        match message {
            Message::Text(text) => match answer::text(&text)? {
                Incoming::Answer(0, Answer::Plain(Value::Map(granted))) => return Ok(session(&granted)),
                Incoming::Failed(0, why) => return Err(told(&why)),
                _ => return Err(senseless()),
            },
            Message::Close(frame) => return Err(closed(frame.as_ref())),
            _ => {}
        }
    }
}

fn session(granted: &Map) -> Session {
    let limits = granted.get("limits").and_then(Value::as_map);
    let limit = |name: &str, usual: usize| {
        let number = limits.and_then(|limits| limits.get(name)).and_then(Value::as_i64);
        number.and_then(|number| usize::try_from(number).ok()).map_or(usual, |number| number.max(1))
    };
    let heartbeat = granted.get("heartbeat_ms").and_then(Value::as_i64).and_then(|ms| u64::try_from(ms).ok());
    Session {
        in_flight: limit("in_flight", 64),
        transactions: limit("transactions", 4),
        streams: limit("streams", 16),
        keys: granted.get("idempotency") == Some(&Value::Bool(true)),
        heartbeat: Duration::from_millis(heartbeat.unwrap_or(20_000).max(1000)),
    }
}

/// Why the daemon closed a connection.
pub(super) fn closed(frame: Option<&CloseFrame>) -> Error {
    match frame.map(|frame| u16::from(frame.code)) {
        Some(4401) => Error::unauthorized(),
        Some(code) => unreachable("its endpoint", &format!("it closed the connection with code {code}")),
        None => unreachable("its endpoint", &"it closed the connection"),
    }
}
