//! A daemon in this process, and plain clients of it that know nothing of the engine.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod grpc;
pub mod socket;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dbal::config::{Environment, Settings};
use dbal::value::json;
use dbal::{AsyncClient, Client, Error, Map, Principal, Value};
use dbal_served::identity::{Identify, Verified, Verifying};
use dbal_served::{Daemon, Options};

/// No answer takes longer.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The threads of all daemons of a test program.
pub fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        threads.expect("a test has threads")
    })
}

/// A daemon until it is dropped.
pub struct Served {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    daemon: Option<Daemon>,
}

impl Served {
    /// One on a database that is open, by a configuration to which addresses are added.
    pub fn new(client: Client, yaml: &str, identify: Option<Arc<dyn Identify>>) -> Served {
        let settings = settings(yaml);
        let mut options = Options::new(settings).client(client);
        if let Some(identify) = identify {
            options = options.identify(identify);
        }
        let daemon = runtime().block_on(Daemon::start(options)).unwrap_or_else(|error| panic!("{error}"));
        Served { address: daemon.address(), admin: daemon.admin_address(), daemon: Some(daemon) }
    }

    pub fn reload(&self) {
        self.daemon.as_ref().expect("it was not stopped").reload();
    }

    /// What a metric says.
    pub fn metric(&self, name: &str) -> String {
        let text = Http::new(self.admin).get("/metrics").text();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.rsplit(' ').next().unwrap_or_default().to_owned()
    }

    /// Ends it as a signal does.
    pub fn stop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            runtime().block_on(daemon.stop());
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            runtime().spawn(daemon.stop());
        }
    }
}

/// A configuration with addresses that nobody else has.
pub fn settings(yaml: &str) -> Settings {
    let addresses = match yaml.contains("server:") {
        true => "",
        false => "server: { bind: '127.0.0.1:0', admin_bind: '127.0.0.1:0' }\n",
    };
    let environment = Environment::given([("DATABASE_URL", "memory:")]);
    Settings::from_text("dbal.yaml", &format!("{addresses}{yaml}"), &environment)
        .unwrap_or_else(|faults| panic!("{faults}"))
}

/// Takes whoever a token says it is: a caller of a case, as JSON in base64.
pub struct Believing;

impl Identify for Believing {
    fn identify<'a>(&'a self, _trusted: &'a AsyncClient, token: &'a str) -> Verifying<'a> {
        Box::pin(async move {
            if token == "trusted" {
                return Ok(Verified { principal: None, expires: None });
            }
            let text = unhex(token).ok_or_else(Error::unauthorized)?;
            let Value::Map(said) = json::parse_with(&text, &LIMITS)? else { return Err(Error::unauthorized()) };
            let map = |name: &str| said.get(name).and_then(Value::as_map).cloned().unwrap_or_default();
            let roles = said.get("roles").and_then(Value::as_list).unwrap_or_default();
            let roles = roles.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            let principal = Principal { user: map("user"), session: map("session"), roles };
            Ok(Verified { principal: Some(principal), expires: None })
        })
    }
}

/// The token that [`Believing`] believes.
pub fn token_of(principal: &Principal) -> String {
    let said = Map(vec![
        ("user".into(), Value::Map(principal.user.clone())),
        ("session".into(), Value::Map(principal.session.clone())),
        ("roles".into(), Value::List(principal.roles.iter().map(|role| role.as_str().into()).collect())),
    ]);
    json::to_wire(&Value::Map(said)).bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pair = |place: usize| u8::from_str_radix(text.get(place..place + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(pair).collect()
}

const LIMITS: json::Limits = json::Limits { depth: 200, keep_floats: true };

/// JSON of an answer.
pub fn parsed(text: &[u8]) -> Value {
    json::parse_with(text, &LIMITS).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(text)))
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        parsed(&self.body)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of an error, or `OK`.
    pub fn code(&self) -> String {
        let body = self.json();
        let error = body.as_map().and_then(|map| map.get("error")?.as_map()?.get("code")?.as_str().map(str::to_owned));
        error.unwrap_or_else(|| "OK".into())
    }
}

/// One connection of HTTP/1.1.
pub struct Http {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
    pub token: Option<String>,
}

impl Http {
    pub fn new(address: SocketAddr) -> Http {
        let stream = TcpStream::connect(address).expect("the daemon listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Http { address, stream: BufReader::new(stream), token: None }
    }

    pub fn with_token(address: SocketAddr, token: impl Into<String>) -> Http {
        Http { token: Some(token.into()), ..Http::new(address) }
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, &[], None)
    }

    pub fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, &[("content-type", "application/json")], Some(json::to_wire(body).as_bytes()))
    }

    /// A whole request; the host and the token are added.
    pub fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head += &format!("host: {}\r\n", self.address);
        }
        if let Some(token) = &self.token {
            head += &format!("authorization: Bearer {token}\r\n");
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = body {
            head += &format!("content-length: {}\r\n", body.len());
        }
        head += "\r\n";
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body.unwrap_or_default());
        self.raw(&bytes)
    }

    /// Sends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> Answer {
        self.send(bytes);
        self.read().expect("an answer")
    }

    pub fn send(&mut self, bytes: &[u8]) {
        // An end that refuses may do so before it has read everything.
        let _ = self.stream.get_mut().write_all(bytes);
    }

    /// The next answer; none when the connection ended.
    pub fn read(&mut self) -> Option<Answer> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut headers = Vec::new();
        loop {
            line.clear();
            self.stream.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        if let Some(length) = answer.header("content-length").and_then(|length| length.parse().ok()) {
            answer.body = vec![0; length];
            self.stream.read_exact(&mut answer.body).ok()?;
        } else if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                line.clear();
                self.stream.read_line(&mut line).ok()?;
                let length = usize::from_str_radix(line.trim(), 16).ok()?;
                let mut chunk = vec![0; length + 2];
                self.stream.read_exact(&mut chunk).ok()?;
                if length == 0 {
                    break;
                }
                answer.body.extend_from_slice(&chunk[..length]);
            }
        }
        Some(answer)
    }

    /// How long until the other end closes; none when it does not within this time.
    pub fn closes_within(&mut self, time: Duration) -> Option<Duration> {
        let began = std::time::Instant::now();
        self.stream.get_ref().set_read_timeout(Some(time)).expect("a timeout");
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => Some(began.elapsed()),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => None,
            Err(_) => Some(began.elapsed()),
        }
    }
}
