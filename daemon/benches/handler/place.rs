//! The database, the configuration, and the two servers, each a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dbal::{Client, Config, DateTime, Value, query, value};
use tempfile::TempDir;

use crate::by_hand;

/// Rows of the table.
const USERS: usize = 10_000;

/// Everybody sees those up to their own level.
const RULES: &str = "
rules:
  - { entity: User, role: [user], operations: [read], row_level_filter: 'level <= $user.level' }
  - { entity: User, role: [admin, god, supergod], operations: [create, read, update, delete] }
";

/// A folder with a database of the reference contract.
pub struct Place {
    pub folder: TempDir,
    pub token: String,
    id: String,
}

impl Place {
    pub fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("app.db");
        let client = Client::open(Config::sqlite(file).schema_dir(schema())).unwrap();
        client.migrate().unwrap();
        let users = client.entity("User").unwrap();
        let row = |number: usize| {
            let name = format!("user-{number:05}");
            value!({ "username": (name.as_str()), "email": (format!("{name}@example.org")), "level": ((number % 5) as i64 + 1) })
        };
        for all in (0..USERS).collect::<Vec<_>>().chunks(500) {
            users.create_many(all.iter().map(|number| row(*number))).unwrap();
        }
        let one = users.find_many(query().filter(value!({ "level": 5 })).limit(1)).unwrap().remove(0);
        let id = value::json::to_wire(one.get("id").unwrap()).trim_matches('"').to_owned();
        let expires = DateTime::from_epoch_millis(DateTime::now().epoch_millis() + 3_600_000).unwrap();
        let input = value!({ "user_id": (id.as_str()), "expires_at": (Value::DateTime(expires)) });
        let session = client.entity("Session").unwrap().create(input).unwrap();
        let token = session.get("token").and_then(Value::as_str).unwrap().to_owned();
        let folder_text = folder.path().display();
        let yaml = format!(
            "server: {{ bind: 'BIND', admin_bind: '127.0.0.1:0' }}\nmode: production\nschema: '{}'\n\
             database: {{ url: 'sqlite:{folder_text}/app.db' }}\nacl: {{ rules_file: acl.yaml }}\n\
             security: {{ audit_log: audit.log }}\n",
            schema()
        );
        std::fs::write(folder.path().join("acl.yaml"), RULES).unwrap();
        std::fs::write(folder.path().join("dbal.yaml"), yaml.replace("BIND", &free().to_string())).unwrap();
        Place { folder, token, id }
    }

    /// What is asked: names, and paths that both servers know.
    pub fn asked(&self) -> [(&'static str, String); 2] {
        [
            ("a user by key", format!("/v1/users/{}", self.id)),
            ("20 users by name", "/v1/users?limit=20&total=false&sort=%7B%22username%22%3A%22asc%22%7D".to_owned()),
        ]
    }
}

fn schema() -> String {
    format!("{}/../api/schema", env!("CARGO_MANIFEST_DIR"))
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A process that listens, until this is dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// How long it took until it listened.
    pub started: Duration,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing to say after the measurement.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub fn by_hand(place: &Place) -> Server {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([by_hand::WORD, &place.folder.path().join("app.db").to_string_lossy()]).stdout(Stdio::piped());
        let began = Instant::now();
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Server { child, address: line.trim().parse().unwrap(), started: began.elapsed() }
    }

    pub fn daemon(place: &Place) -> Server {
        let text = std::fs::read_to_string(place.folder.path().join("dbal.yaml")).unwrap();
        let bind = text.split('\'').nth(1).unwrap();
        let address = bind.parse().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_dbal_daemon"));
        command.arg("--config=dbal.yaml").current_dir(place.folder.path()).stderr(Stdio::null());
        let began = Instant::now();
        let child = command.spawn().unwrap();
        while TcpStream::connect(address).is_err() {
            assert!(began.elapsed() < Duration::from_secs(10), "it does not listen");
            std::thread::sleep(Duration::from_millis(1));
        }
        let started = began.elapsed();
        // What a start leaves to threads is done by then.
        std::thread::sleep(Duration::from_millis(300));
        Server { child, address, started }
    }

    /// MiB in memory.
    pub fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1024.0
    }
}
