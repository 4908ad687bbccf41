//! Killed under writes, again and again: what was acknowledged is there once, what was refused is not there, and what got
//! no answer is there at most once.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dbal::{Client, Config, query, value};

use super::start;
use crate::support::Http;

const SCHEMA: &str = "
entity: Entry
fields:
  id: { type: integer, primary: true }
  word: { type: string, required: true, max_length: 20, unique: true }
acl: { create: { public: true }, read: { public: true } }
";

const YAML: &str = "
server: { bind: 'BIND', admin_bind: 'ADMIN' }
mode: development
schema: ./schema.yaml
database: { url: 'sqlite:app.db', synchronous: full }
security: { audit_log: audit.log }
logging: { level: info }
";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Done,
    Refused,
    Nothing,
}

#[test]
fn what_was_acknowledged_outlives_the_process() {
    // Twenty in the long run of `xtask torture`.
    let rounds = std::env::var("DBAL_CRASH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(3);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("schema.yaml"), SCHEMA).unwrap();
    let next = AtomicU64::new(1);
    let mut all = BTreeMap::new();
    for round in 0..rounds {
        let daemon = start(folder.path(), YAML, &[]);
        let writers: Vec<Vec<(u64, Said)>> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..4).map(|_| scope.spawn(|| write(daemon.address, &next))).collect();
            std::thread::sleep(Duration::from_millis(150 + 97 * round % 350));
            daemon.signal("KILL");
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        all.extend(writers.into_iter().flatten());
        drop(daemon);
        check(folder.path(), &all);
    }
    let done = all.values().filter(|said| **said == Said::Done).count();
    assert!(done > rounds as usize * 4, "only {done} writes in {rounds} rounds");
}

/// Writes until nobody answers.
fn write(address: std::net::SocketAddr, next: &AtomicU64) -> Vec<(u64, Said)> {
    let mut said = Vec::new();
    if TcpStream::connect(address).is_err() {
        return said;
    }
    let mut http = Http::new(address);
    loop {
        let id = next.fetch_add(1, Ordering::Relaxed);
        // One in five is refused: its word is too long.
        let word = if id.is_multiple_of(5) { format!("{id:0>30}") } else { format!("w{id}") };
        let body = value::json::to_wire(&value!({ "data": { "id": (id as i64), "word": word } }));
        let head = format!(
            "POST /v1/Entry:create HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        http.send(head.as_bytes());
        match http.read() {
            Some(answer) if answer.status == 200 => said.push((id, Said::Done)),
            Some(answer) if answer.status == 422 => said.push((id, Said::Refused)),
            Some(answer) => panic!("{}", answer.text()),
            None => {
                said.push((id, Said::Nothing));
                return said;
            }
        }
    }
}

fn check(folder: &Path, all: &BTreeMap<u64, Said>) {
    let client = Client::open(Config::sqlite(folder.join("app.db")).schema_text(SCHEMA)).unwrap();
    let rows = client.entity("Entry").unwrap().find_many(query()).unwrap();
    let ids: Vec<u64> = rows.iter().map(|row| row.get("id").unwrap().as_i64().unwrap().unsigned_abs()).collect();
    for (id, said) in all {
        let there = ids.iter().filter(|known| *known == id).count();
        match said {
            Said::Done => assert_eq!(there, 1, "{id} was acknowledged"),
            Said::Refused => assert_eq!(there, 0, "{id} was refused"),
            Said::Nothing => assert!(there <= 1, "{id} got no answer"),
        }
    }
    assert!(ids.iter().all(|id| all.contains_key(id)), "a row that nobody wrote");
    drop(client);
    let database = rusqlite::Connection::open(folder.join("app.db")).unwrap();
    let sound: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    let audit = std::fs::read(folder.join("audit.log")).unwrap();
    let found = dbal::audit::verify([("audit.log".to_owned(), audit.as_slice())]).unwrap();
    assert!(found.faults.is_empty(), "{:?}", found.faults);
}
