//! Asks the same over and over on some connections, one request on each at a time, from one thread.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A request, as bytes.
pub struct Ask(Vec<u8>);

impl Ask {
    pub fn get(path: &str, token: Option<&str>) -> Ask {
        let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        Ask(format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{token}\r\n").into_bytes())
    }
}

/// What a run gave: requests a second, and microseconds.
pub struct Measured {
    pub rate: f64,
    pub p50: f64,
    pub p99: f64,
}

impl Measured {
    /// The middle of several runs, each number by itself.
    pub fn middle(all: Vec<Measured>) -> Measured {
        let middle = |of: fn(&Measured) -> f64| {
            let mut numbers: Vec<f64> = all.iter().map(of).collect();
            numbers.sort_by(f64::total_cmp);
            numbers[numbers.len() / 2]
        };
        Measured { rate: middle(|one| one.rate), p50: middle(|one| one.p50), p99: middle(|one| one.p99) }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// The body of an answer.
pub fn body(address: SocketAddr, ask: &Ask) -> String {
    runtime().block_on(async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut buffer = Vec::new();
        let (status, head) = one(&mut stream, ask, &mut buffer).await;
        let body = String::from_utf8_lossy(&buffer[head..]).into_owned();
        assert_eq!(status, 200, "{body}");
        body
    })
}

/// Asks for a while.
pub fn run(address: SocketAddr, ask: &Ask, in_flight: usize, time: Duration) -> Measured {
    let took = runtime().block_on(async {
        let asking = (0..in_flight).map(|_| async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (mut took, mut buffer) = (Vec::with_capacity(1 << 16), Vec::new());
            // Not counted: plans are made, caches are filled.
            for _ in 0..50 {
                one(&mut stream, ask, &mut buffer).await;
            }
            let end = Instant::now() + time;
            loop {
                let began = Instant::now();
                let (status, _) = one(&mut stream, ask, &mut buffer).await;
                assert_eq!(status, 200);
                took.push(began.elapsed());
                if began > end {
                    return took;
                }
            }
        });
        futures_util::future::join_all(asking).await
    });
    let mut all: Vec<f64> = took.into_iter().flatten().map(|took| took.as_secs_f64() * 1e6).collect();
    all.sort_by(f64::total_cmp);
    let at = |share: f64| all[((all.len() - 1) as f64 * share) as usize];
    Measured { rate: all.len() as f64 / time.as_secs_f64(), p50: at(0.5), p99: at(0.99) }
}

/// The status of an answer, and where its body begins.
async fn one(stream: &mut TcpStream, ask: &Ask, buffer: &mut Vec<u8>) -> (u16, usize) {
    stream.write_all(&ask.0).await.unwrap();
    buffer.clear();
    loop {
        assert!(stream.read_buf(buffer).await.unwrap() > 0, "the connection ended");
        let Some(head) = buffer.windows(4).position(|four| four == b"\r\n\r\n").map(|place| place + 4) else {
            continue;
        };
        let text = std::str::from_utf8(&buffer[..head]).unwrap();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if buffer.len() >= head + length.parse::<usize>().unwrap() {
            return (text[9..12].parse().unwrap(), head);
        }
    }
}
