//! A wire of our own between a client and the server, which keeps what the client asks.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;

use mongodb::bson::{Document, RawDocumentBuf};

/// What every message begins with: its length, its number, whom it answers, its kind; then flags, and the kind of the
/// first section.
const BEFORE_BODY: usize = 21;
/// The kind of message that a command is.
const COMMAND: [u8; 4] = 2013_u32.to_le_bytes();

/// Keeps the commands that go over it, on all connections together.
pub struct Wire {
    pub port: u16,
    asked: Arc<Mutex<Vec<Document>>>,
}

impl Wire {
    pub fn before(server: String) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::<Mutex<Vec<Document>>>::default();
        let kept = asked.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&server).unwrap());
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                let (client_too, server_too) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (kept, mut unread) = (kept.clone(), Vec::new());
                thread::spawn(move || {
                    carry(client, server_too, |bytes| {
                        unread.extend_from_slice(bytes);
                        kept.lock().unwrap().extend(commands(&mut unread));
                    });
                });
                thread::spawn(move || carry(server, client_too, |_| {}));
            }
        });
        Wire { port, asked }
    }

    /// The commands on data that a request makes.
    pub fn asked(&self, request: impl FnOnce()) -> Vec<Document> {
        self.asked.lock().unwrap().clear();
        request();
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        let on_data = |command: &Document| {
            command
                .keys()
                .next()
                .is_some_and(|name| ["aggregate", "getMore", "update", "delete", "find"].contains(&name.as_str()))
        };
        asked.into_iter().filter(on_data).collect()
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, mut seen: impl FnMut(&[u8])) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        seen(&bytes[..count]);
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
}

/// Takes whole messages off, and gives the commands among them.
fn commands(unread: &mut Vec<u8>) -> Vec<Document> {
    let number = |bytes: &[u8]| bytes.first_chunk().map_or(0, |four| u32::from_le_bytes(*four) as usize);
    let mut found = Vec::new();
    while unread.len() >= BEFORE_BODY && unread.len() >= number(unread) {
        let message: Vec<u8> = unread.drain(..number(unread)).collect();
        let body = &message[BEFORE_BODY..];
        if message[12..16] == COMMAND && message[BEFORE_BODY - 1] == 0 {
            let body = RawDocumentBuf::from_bytes(body[..number(body)].to_vec()).unwrap();
            found.push(Document::try_from(body).unwrap());
        }
    }
    found
}
