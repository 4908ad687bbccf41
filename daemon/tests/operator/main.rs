//! The program as an operator has it: configuration files, signals, logs, audit, and a machine that loses power.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "../support/mod.rs"]
mod support;

mod crash;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dbal::audit::verify;
use dbal::value;
use support::Http;

/// A running program, killed when it is dropped.
struct Running {
    child: Child,
    address: SocketAddr,
    admin: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that the log names, once it is there.
fn listens_at(log: &Mutex<String>, name: &str) -> Option<SocketAddr> {
    let log = log.lock().expect("no panic");
    let line = log.lines().find(|line| line.contains("listening"))?;
    // As text `address=...`, as JSON `"address":"..."`.
    let after = line.split_once(&format!("{name}=")).or_else(|| line.split_once(&format!("\"{name}\":\"")))?.1;
    after.split([' ', '"']).next()?.parse().ok()
}

fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dbal_daemon"));
    command.current_dir(folder).stdin(Stdio::null());
    for name in
        ["DATABASE_URL", "DATABASE_URL_FILE", "DBAL_SCHEMA", "DBAL_BIND", "DBAL_MODE", "DBAL_SANDBOX", "DBAL_INSECURE"]
    {
        command.env_remove(name);
    }
    command
}

/// Starts it with the configuration of `dbal.yaml`, in which BIND and ADMIN stand for addresses. The system chooses the
/// ports: of one that was looked for before, somebody else may have taken possession meanwhile.
fn start(folder: &Path, yaml: &str, variables: &[(&str, &str)]) -> Running {
    let text = yaml.replace("BIND", "127.0.0.1:0").replace("ADMIN", "127.0.0.1:0");
    std::fs::write(folder.join("dbal.yaml"), text).expect("written");
    let mut command = program(folder);
    command.arg("--config=dbal.yaml").stderr(Stdio::piped()).stdout(Stdio::null()).envs(variables.iter().copied());
    let mut child = command.spawn().expect("the program starts");
    let log = Arc::new(Mutex::new(String::new()));
    let (lines, kept) = (BufReader::new(child.stderr.take().expect("a pipe")), log.clone());
    std::thread::spawn(move || {
        for line in lines.lines().map_while(Result::ok) {
            let mut log = kept.lock().expect("no panic");
            log.push_str(&line);
            log.push('\n');
        }
    });
    let end = Instant::now() + Duration::from_secs(20);
    let (address, admin) = loop {
        if let (Some(address), Some(admin)) = (listens_at(&log, "address"), listens_at(&log, "admin")) {
            break (address, admin);
        }
        assert!(Instant::now() < end, "it does not listen: {}", log.lock().expect("no panic"));
        std::thread::sleep(Duration::from_millis(10));
    };
    Running { child, address, admin, log }
}

impl Running {
    fn signal(&self, name: &str) {
        let done = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(done.expect("kill is there").success());
    }

    fn wait(&mut self) -> Option<i32> {
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not end");
    }
}

/// The development configuration of the document that the product was conceived in; addresses apart, as it stands there.
const DEV: &str = r#"
server:
  bind: "BIND"
  admin_bind: "ADMIN"
  tls:
    enabled: false

database:
  adapter: "prisma"
  url: "file:./dev.db"

security:
  sandbox: "permissive"
  audit_log: "./logs/audit.log"

logging:
  level: "debug"
  format: "pretty"
"#;

#[test]
fn a_development_daemon_serves_writes_down_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = start(folder.path(), DEV, &[]);
    let user = value!({ "data": { "username": "canary_name", "email": "canary-mail@example.org" } });
    let made = Http::new(daemon.address).post("/v1/User:create", &user);
    assert_eq!(made.status, 200, "{}", made.text());
    let verified = Http::new(daemon.address)
        .post("/v1/Credential:verify", &value!({ "username": "canary_name", "password": "canary-password" }));
    assert_eq!(verified.code(), "UNAUTHORIZED");
    let refused = Http::with_token(daemon.address, "canary-token").get("/v1/users");
    assert_eq!(refused.status, 401);
    assert_eq!(
        Http::new(daemon.address).post("/v1/PageView:create", &value!({ "data": { "slug": "canary-slug" } })).code(),
        "FORBIDDEN"
    );
    let wrong = Http::new(daemon.address)
        .post("/v1/User:create", &value!({ "data": { "username": "canary\n{\"x\":1}", "email": "no" } }));
    assert_eq!(wrong.status, 422);
    assert_eq!(Http::new(daemon.admin).get("/ready").status, 200);
    let metrics = Http::new(daemon.admin).get("/metrics").text();
    // What the database says is in the log, and in no answer.
    let sqlite = rusqlite::Connection::open(folder.path().join("dev.db")).unwrap();
    sqlite.execute_batch("ALTER TABLE \"PageView\" RENAME TO gone").unwrap();
    let failed = Http::new(daemon.address).get("/v1/page_views");
    assert_eq!(failed.code(), "DATABASE_ERROR", "{}", failed.text());
    assert!(!failed.text().contains("no such"), "{}", failed.text());
    sqlite.execute_batch("ALTER TABLE gone RENAME TO \"PageView\"").unwrap();

    let audit = std::fs::read_to_string(folder.path().join("logs/audit.log")).unwrap();
    for (operation, success) in [("create", true), ("verify", false), ("create", false)] {
        let found = audit.lines().any(|line| {
            line.contains(&format!("\"operation\":\"{operation}\"")) && line.contains(&format!("\"success\":{success}"))
        });
        assert!(found, "{operation} {success} is not in {audit}");
    }
    for line in audit.lines() {
        let names =
            ["timestamp", "user", "operation", "entity", "success", "duration_ms", "request_id", "peer", "seq", "hash"];
        assert!(names.iter().all(|name| line.contains(&format!("\"{name}\":"))), "{line}");
    }
    assert!(audit.contains("\"peer\":\"127.0.0.1\""), "{audit}");
    let found = verify([("audit.log".to_owned(), audit.as_bytes())]).unwrap();
    assert!(found.faults.is_empty() && found.lines >= 4, "{found:?}");

    daemon.signal("TERM");
    assert_eq!(daemon.wait(), Some(0));
    let log = daemon.log.lock().unwrap().clone();
    assert!(log.contains("listening") && log.contains("stopped"), "{log}");
    assert!(log.contains("no such table: PageView"), "why the database failed is not in {log}");
    assert!(log.contains("rules=\"User.acl.create.public\""), "the rule that decided is not in {log}");
    // Names of users are in rows, and in rows only.
    for (what, text) in [("log", &log), ("audit", &audit), ("metrics", &metrics)] {
        assert!(!text.contains("canary"), "a canary in the {what}: {text}");
    }
    // It goes on with the chain where it ended.
    let daemon = start(folder.path(), DEV, &[]);
    Http::new(daemon.address).get("/v1/users");
    let audit = std::fs::read_to_string(folder.path().join("logs/audit.log")).unwrap();
    let again = verify([("audit.log".to_owned(), audit.as_bytes())]).unwrap();
    assert!(again.faults.is_empty() && again.lines > found.lines, "{again:?}");
}

#[test]
fn secrets_of_the_configuration_are_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = "server: { bind: 'BIND', admin_bind: 'ADMIN' }\nmode: development\nauth: { jwt: { secret: '${KEY}', audience: dbal } }\nlogging: { level: trace, slow_query_threshold_ms: 1 }\nsecurity: { audit_log: audit.log }\n";
    let key = "canary-key-0123456789-0123456789-0123456789";
    let mut daemon = start(folder.path(), yaml, &[("KEY", key), ("DATABASE_URL", "sqlite:app.db")]);
    let mut answers = String::new();
    for path in ["/v1/users", "/v1/schema", "/openapi.json", "/v1/capabilities", "/v1/nobody", "/x"] {
        answers += &Http::with_token(daemon.address, "canary.tok.en").get(path).text();
        answers += &Http::new(daemon.address).get(path).text();
    }
    Http::new(daemon.address).post("/v1/User:list", &value!({ "filter": { "username": "canary-value" } }));
    daemon.signal("HUP");
    daemon.signal("TERM");
    assert_eq!(daemon.wait(), Some(0));
    let mut texts = vec![answers, daemon.log.lock().unwrap().clone()];
    texts.push(std::fs::read_to_string(folder.path().join("audit.log")).unwrap());
    let printed = program(folder.path())
        .args(["--config=dbal.yaml", "--print-config"])
        .env("KEY", key)
        .env("DATABASE_URL", "postgresql://u:canary-pass@db/app")
        .output()
        .unwrap();
    assert!(printed.status.success());
    texts.push(told(&printed));
    for text in texts {
        assert!(!text.contains("canary"), "{text}");
    }
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_faulty_configuration_tells_all_of_it_and_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let run = |yaml: &str, more: &[&str]| {
        std::fs::write(folder.path().join("dbal.yaml"), yaml).unwrap();
        let output = program(folder.path()).arg("--config=dbal.yaml").args(more).output().unwrap();
        (output.status.code(), told(&output))
    };
    let (code, text) = run("databse: {}\nlogging: { level: loud }\nsecurity: { max_query_time: -1 }\n", &[]);
    assert_eq!(code, Some(1));
    for word in ["databse", "loud", "max_query_time", "dbal.yaml:1", "dbal.yaml:2", "dbal.yaml:3"] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    let (code, text) = run("database: { url: '${NO_SUCH_VARIABLE}' }\n", &[]);
    assert!(code == Some(1) && text.contains("NO_SUCH_VARIABLE"), "{text}");
    let (code, text) = run("server: { bind: '0.0.0.0:0' }\ndatabase: { url: 'memory:' }\n", &[]);
    assert!(code == Some(1) && text.contains("allow_insecure"), "{text}");
    let tls = "server: { bind: '127.0.0.1:0', tls: { enabled: true, cert: c.pem, key: k.pem } }\ndatabase: { url: 'memory:' }\n";
    let (code, text) = run(tls, &["--check-config"]);
    assert!(code == Some(1) && text.contains("c.pem"), "{text}");
    std::fs::write(
        folder.path().join("acl.yaml"),
        "rules:\n  - { entity: User, role: [user], operations: [read], row_level_filter: 'idd = $user.id' }\n",
    )
    .unwrap();
    let (code, text) = run("acl: { rules_file: acl.yaml }\ndatabase: { url: 'sqlite:no.db' }\n", &["--check-config"]);
    assert!(code == Some(1) && text.contains("idd") && text.contains("acl.yaml"), "{text}");
    assert!(!folder.path().join("no.db").exists(), "to look made a database");
    let (code, text) = run("database: { url: 'sqlite:no.db' }\n", &["--check-config"]);
    assert!(code == Some(0) && text.contains("sound"), "{text}");

    // Faults of the configuration and of the files that it names, one for each kind of file.
    let files = "server: { tls: { enabled: true, cert: c.pem, key: k.pem, client_ca: ca.pem } }\n\
                 acl: { rules_file: gone.yaml }\nsecurity: { audit_log: dbal.yaml/audit.log CURSOR }\n\
                 auth: { api_keys_file: keys.yaml, jwt: { jwks_file: keys.json } }\n\
                 database: { url: 'sqlite:no.db' }\nschema: no-schema\n";
    let named = ["c.pem", "k.pem", "ca.pem", "gone.yaml", "dbal.yaml/audit.log", "keys.yaml", "keys.json", "no-schema"];
    for (cursor, more, also) in [
        ("", &["--check-config"][..], ""),
        (", cursor_key: short", &["--check-config"], "cursor_key: expected 32 bytes"),
        (", cursor_key: short", &[], "cursor_key: expected 32 bytes"),
    ] {
        let (code, text) = run(&files.replace(" CURSOR", cursor), more);
        assert_eq!(code, Some(1));
        for word in named.iter().chain(&[also]) {
            assert!(text.contains(word), "{word} is not in {text}");
        }
    }
    // A rule's fault beside one of the configuration; what the file lacks is told once.
    let both = "security: { cursor_key: short }\nacl: { rules_file: acl.yaml }\nserver: { tls: { enabled: true } }\n";
    let (code, text) = run(both, &["--check-config"]);
    assert!(code == Some(1) && text.contains("cursor_key") && text.contains("idd"), "{text}");
    assert!(text.contains("has no `cert`") && !text.contains("missing"), "{text}");
}

#[test]
fn who_looks_after_it_is_told_that_migrations_are_due() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = "server: { bind: BIND, admin_bind: ADMIN }\ndatabase: { url: 'sqlite:app.db' }\n";
    let daemon = start(folder.path(), yaml, &[]);
    let answer = Http::new(daemon.admin).get("/ready");
    assert!(answer.status == 503 && answer.text().contains("migrations are due"), "{}", answer.text());
    // The same after they were done; what was found counts for two seconds.
    let config = dbal::Config::sqlite(folder.path().join("app.db")).reference_schema();
    dbal::Client::open(config).unwrap().migrate().unwrap();
    std::thread::sleep(Duration::from_millis(2_100));
    assert_eq!(Http::new(daemon.admin).get("/ready").text(), "ready\n");
}

#[test]
fn to_check_a_configuration_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = "database: { url: 'sqlite:no.db' }\nsecurity: { audit_log: logs/deep/audit.log }\n\
                auth: { jwt: { secret: 0123456789abcdef0123456789abcdef, issuer: me } }\n";
    std::fs::write(folder.path().join("dbal.yaml"), yaml).unwrap();
    let output = program(folder.path()).args(["--config=dbal.yaml", "--check-config"]).output().unwrap();
    let text = told(&output);
    assert!(output.status.success() && text.contains("sound"), "{text}");
    assert!(text.contains("no `audience`") && !text.contains("no `issuer`"), "{text}");
    let there: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(there, ["dbal.yaml"]);
}
