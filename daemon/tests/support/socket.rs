//! A WebSocket of the protocol, one message after the other.

use std::net::{SocketAddr, TcpStream};

use dbal::value::json;
use dbal::{Map, Value};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

use super::{PATIENCE, parsed};

/// One connection.
pub struct Socket {
    socket: WebSocket<TcpStream>,
    last: i64,
}

/// An error of JSON-RPC: its `data`.
pub type Refused = Map;

impl Socket {
    /// A connection of which nothing was said yet.
    pub fn silent(address: SocketAddr, headers: &[(&str, &str)]) -> Result<Socket, tungstenite::Error> {
        let mut request = format!("ws://{address}/v1/ws").into_client_request()?;
        let named = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if !named("sec-websocket-protocol") {
            request.headers_mut().insert("sec-websocket-protocol", "dbal.v1.json".parse().expect("a header"));
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            let name: tungstenite::http::HeaderName = name.parse().expect("a header");
            request.headers_mut().insert(name, value.parse().expect("a value"));
        }
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Socket { socket, last: 0 }),
            Err(tungstenite::HandshakeError::Failure(error)) => Err(error),
            Err(tungstenite::HandshakeError::Interrupted(_)) => panic!("a blocking handshake was interrupted"),
        }
    }

    /// A connection with its session opened.
    pub fn open(address: SocketAddr, token: Option<&str>) -> Socket {
        let mut socket = Socket::silent(address, &[]).expect("a connection");
        let params = token.map(|token| Map(vec![("token".into(), token.into())])).unwrap_or_default();
        socket.call("session.init", params).unwrap_or_else(|error| panic!("{error:?}"));
        socket
    }

    /// Sends a message and says what it is called.
    pub fn begin(&mut self, method: &str, params: Map) -> i64 {
        self.last += 1;
        let id = self.last;
        self.message(Some(Value::Int(id)), method, params);
        id
    }

    /// Sends a message that needs no answer.
    pub fn notify(&mut self, method: &str, params: Map) {
        self.message(None, method, params);
    }

    fn message(&mut self, id: Option<Value>, method: &str, params: Map) {
        let mut message = Map(vec![("jsonrpc".into(), "2.0".into()), ("method".into(), method.into())]);
        if let Some(id) = id {
            message.insert("id", id);
        }
        message.insert("params", Value::Map(params));
        self.text(&json::to_wire(&Value::Map(message)));
    }

    /// Sends a frame as it is.
    pub fn text(&mut self, text: &str) {
        // An end that closed is found out by reading.
        let _ = self.socket.send(Message::text(text));
    }

    pub fn send(&mut self, message: Message) {
        let _ = self.socket.send(message);
    }

    /// The next message; the code when the other end closes instead, 0 when it just went away.
    pub fn read(&mut self) -> Result<Message, u16> {
        loop {
            match self.socket.read() {
                Ok(Message::Close(frame)) => return Err(frame.map_or(0, |frame| u16::from(frame.code))),
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(message) => return Ok(message),
                Err(_) => return Err(0),
            }
        }
    }

    /// The next message as an object.
    pub fn next(&mut self) -> Result<Map, u16> {
        match self.read()? {
            Message::Text(text) => match parsed(text.as_bytes()) {
                Value::Map(map) => Ok(map),
                other => panic!("not a message: {other:?}"),
            },
            other => panic!("not a text: {other:?}"),
        }
    }

    /// The code with which the other end closes, whatever it says before.
    pub fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.read() {
                return code;
            }
        }
    }

    /// The answer to a message.
    pub fn answer(&mut self, id: i64) -> Result<Value, Refused> {
        loop {
            let message = self.next().unwrap_or_else(|code| panic!("closed with {code}"));
            if message.get("id") == Some(&Value::Int(id)) {
                return outcome(&message);
            }
        }
    }

    /// Sends a message and waits for its answer.
    pub fn call(&mut self, method: &str, params: Map) -> Result<Value, Refused> {
        let id = self.begin(method, params);
        self.answer(id)
    }

    /// Runs a request.
    pub fn request(&mut self, operation: &str, entity: &str, args: Map) -> Result<Value, Refused> {
        self.call("request", params(operation, entity, args))
    }

    pub fn close(&mut self) {
        let _ =
            self.socket.close(Some(tungstenite::protocol::CloseFrame { code: CloseCode::Normal, reason: "".into() }));
    }
}

/// The parameters of a request.
pub fn params(operation: &str, entity: &str, args: Map) -> Map {
    Map(vec![
        ("operation".into(), operation.into()),
        ("entity".into(), entity.into()),
        ("args".into(), Value::Map(args)),
    ])
}

/// The result of an answer, or the error's data.
pub fn outcome(message: &Map) -> Result<Value, Refused> {
    match (message.get("result"), message.get("error")) {
        (Some(result), None) => Ok(result.clone()),
        (None, Some(error)) => {
            let data = error.as_map().and_then(|error| error.get("data")?.as_map());
            Err(data.cloned().unwrap_or_default())
        }
        _ => panic!("not an answer: {message:?}"),
    }
}
