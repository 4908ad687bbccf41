//! E: of each attempt one line, whatever becomes of it and whatever is in it; and C, what happens when there is no room
//! for lines, and when an answer costs more than it may.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dbal::audit::{Audit, verify};
use dbal::config::AuditFailure;
use dbal::value::json;
use dbal::{Client, Config, Map, Principal, Value, query, value};

use crate::support::grpc::{Grpc, code};
use crate::support::socket::{Socket, params};
use crate::support::{Believing, Http, Served, parsed, token_of};
use crate::world::{RULES, SCHEMA, object, token, world};

const OPERATION: &str = "
operations:
  burst:
    input: { required: [id] }
    output: boolean
    acl_required: ['hidden:read']
    handler: burst
";

struct Audited {
    served: Served,
    client: Client,
    folder: tempfile::TempDir,
}

fn audited(audit: impl FnOnce(Audit) -> Audit) -> Audited {
    audited_by("mode: production", audit)
}

fn audited_by(yaml: &str, audit: impl FnOnce(Audit) -> Audit) -> Audited {
    let folder = tempfile::tempdir().unwrap();
    let rules = format!("{RULES}  - {{ entity: Hidden, role: [user], operations: [read] }}\n");
    let config = Config::sqlite(folder.path().join("app.db"))
        .schema_text(format!("idempotency: true\n---{SCHEMA}{OPERATION}"))
        .rules_text(rules)
        .handler("burst", |inside, _| {
            // It has begun to ask, whatever it is told.
            let _ = inside.entity("Hidden")?.read(1);
            panic!("a handler that panics")
        })
        .audit(audit(Audit::file(folder.path().join("audit.log"))));
    let client = Client::open(config).unwrap();
    client.migrate().unwrap();
    let served = Served::new(client.clone(), yaml, Some(Arc::new(Believing)));
    Audited { served, client, folder }
}

impl Audited {
    fn lines(&self) -> Vec<Map> {
        let text = std::fs::read_to_string(self.folder.path().join("audit.log")).unwrap();
        let line = |line: &str| match parsed(line.as_bytes()) {
            Value::Map(map) => map,
            other => panic!("not a line: {other:?}"),
        };
        text.lines().map(line).collect()
    }
}

fn word(line: &Map, name: &str) -> String {
    line.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[test]
fn e77_each_attempt_is_one_line_whatever_becomes_of_it() {
    let mut world = audited(Audit::chained);
    let address = world.served.address;
    let mut http = Http::with_token(address, token("ada", "user"));
    let mut socket = Socket::open(address, Some(&token("ada", "user")));
    let grpc = Grpc::new(address, Some(&token("ada", "user")));
    let row =
        |id: i64, owner: &str| object([("data", value!({ "id": id, "name": (format!("n{id}")), "owner": owner }))]);
    let mut expected: Vec<(&str, &str)> = Vec::new();
    // Each way: one that succeeds, one that is denied, one that makes no sense, one that finds nothing.
    for at in 0..3 {
        for (operation, args, error) in [
            ("create", row(10 + at, "ada"), ""),
            ("create", row(20 + at, "bob"), "FORBIDDEN"),
            ("create", object([("data", value!({ "id": "x" }))]), "VALIDATION_ERROR"),
            ("read", object([("id", 99.into())]), "NOT_FOUND"),
        ] {
            let told = match at {
                0 => match http.post(&format!("/v1/Account:{operation}"), &Value::Map(args)).code() {
                    ok if ok == "OK" => String::new(),
                    code => code,
                },
                1 => socket.request(operation, "Account", args).err().map_or(String::new(), |e| word(&e, "code")),
                _ => grpc.execute(operation, "Account", args).err().map_or(String::new(), |status| code(&status)),
            };
            assert_eq!(told, error);
            expected.push((operation, error));
        }
    }
    // A batch is a line for each entry, all undone with the one that failed.
    let entry = |id: i64| value!({ "entity": "Account", "operation": "create", "data": { "id": id, "name": (format!("n{id}")), "owner": "ada" } });
    assert_eq!(http.post("/v1/batch", &value!({ "entries": [(entry(40)), (entry(10))] })).code(), "CONFLICT");
    expected.extend([("create", "CONFLICT"); 2]);
    // In a transaction that is left, with its connection.
    let begun = socket.call("transaction.begin", Map::new()).unwrap();
    let mut inside = params("create", "Account", row(50, "ada"));
    inside.insert("transaction", begun.as_map().unwrap().get("transaction").unwrap().clone());
    socket.call("request", inside).unwrap();
    drop(socket);
    expected.push(("create", ""));
    // Sent twice with one key it is two attempts, of which both are told that they succeeded.
    let keyed = [("content-type", "application/json"), ("idempotency-key", "k")];
    for _ in 0..2 {
        let body = json::to_wire(&Value::Map(row(60, "ada")));
        assert_eq!(http.ask("POST", "/v1/Account:create", &keyed, Some(body.as_bytes())).status, 200);
        expected.push(("create", ""));
    }
    // A handler that panics.
    assert_eq!(http.post("/v1/Hidden:burst", &value!({ "id": 1 })).code(), "INTERNAL_ERROR");
    expected.push(("burst", "INTERNAL_ERROR"));
    // One that runs out of time, and one whose caller goes away: nobody writes meanwhile.
    let writing = world.client.begin().unwrap();
    let body = json::to_wire(&Value::Map(row(70, "ada")));
    let late = [("content-type", "application/json"), ("dbal-timeout-ms", "50")];
    assert_eq!(http.ask("POST", "/v1/Account:create", &late, Some(body.as_bytes())).code(), "TIMEOUT");
    expected.push(("create", "TIMEOUT"));
    let gone = Http::with_token(address, token("ada", "user"));
    {
        let mut gone = gone;
        let head = format!(
            "POST /v1/Account:create HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}",
            token("ada", "user")
        );
        let head = format!("{head}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        gone.send(head.as_bytes());
        std::thread::sleep(Duration::from_millis(200));
    }
    expected.push(("create", "CANCELLED"));
    let end = Instant::now() + Duration::from_secs(10);
    while world.lines().len() < expected.len() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    writing.rollback().unwrap();
    world.served.stop();
    let lines = world.lines();
    let told: Vec<_> = lines.iter().map(|line| (word(line, "operation"), word(line, "error"))).collect();
    let told: Vec<_> = told.iter().map(|(operation, error)| (operation.as_str(), error.as_str())).collect();
    assert_eq!(told, expected);
    for line in &lines {
        let error = line.get("error").unwrap();
        assert_eq!(line.get("success"), Some(&Value::Bool(error.is_null())), "{line:?}");
        assert_eq!(word(line, "user"), "ada");
        assert!(!word(line, "request_id").is_empty() && !word(line, "peer").is_empty(), "{line:?}");
    }
    let file = std::fs::read(world.folder.path().join("audit.log")).unwrap();
    let found = verify([("audit.log".to_owned(), file.as_slice())]).unwrap();
    assert!(found.faults.is_empty(), "{:?}", found.faults);
    assert_eq!(found.lines as usize, expected.len());
}

#[test]
fn e77_what_comes_to_no_request_is_written_down() {
    // Room for the few requests below, and for no more.
    let limited = "mode: production\nsecurity: { rate_limit: { requests_per_minute: 1, burst: 3 } }";
    let mut world = audited_by(limited, Audit::chained);
    let address = world.served.address;
    let json = [("content-type", "application/json")];
    let mut expected: Vec<(&str, &str, &str)> = Vec::new();
    // A token that does not count, by each way.
    assert_eq!(Http::with_token(address, "nobody").get("/v1/accounts").code(), "UNAUTHORIZED");
    let mut socket = Socket::silent(address, &[]).unwrap();
    socket.begin("session.init", Map(vec![("token".into(), "nobody".into())]));
    assert_eq!(socket.closed(), 4401);
    let refused = Grpc::new(address, Some("nobody")).execute("count", "Account", Map::new()).unwrap_err();
    assert_eq!(code(&refused), "UNAUTHORIZED");
    expected.extend([("", "authenticate", "UNAUTHORIZED"); 3]);
    // Messages that are no requests.
    let mut http = Http::with_token(address, token("ada", "user"));
    assert_eq!(http.ask("POST", "/v1/Account:create", &json, Some(b"{")).code(), "VALIDATION_ERROR");
    expected.push(("ada", "create", "VALIDATION_ERROR"));
    assert_eq!(http.get("/v1/accounts?limit=1&limit=2").code(), "VALIDATION_ERROR");
    expected.push(("ada", "list", "VALIDATION_ERROR"));
    assert_eq!(http.ask("POST", "/v1/batch", &json, Some(b"[")).code(), "VALIDATION_ERROR");
    expected.push(("ada", "batch", "VALIDATION_ERROR"));
    let mut socket = Socket::open(address, Some(&token("ada", "user")));
    let told = socket.call("request", Map(vec![("entity".into(), 1.into())])).unwrap_err();
    assert_eq!(told.get("code"), Some(&"VALIDATION_ERROR".into()));
    expected.push(("ada", "request", "VALIDATION_ERROR"));
    let grpc = Grpc::new(address, Some(&token("ada", "user")));
    assert_eq!(code(&grpc.execute("devour", "Account", Map::new()).unwrap_err()), "VALIDATION_ERROR");
    expected.push(("ada", "devour", "VALIDATION_ERROR"));
    // Requests beyond the limit: the first is written down, and the others are only counted.
    for _ in 0..3 {
        assert_eq!(http.post("/v1/Account:count", &value!({})).code(), "OK");
        expected.push(("ada", "count", ""));
    }
    for _ in 0..5 {
        assert_eq!(http.post("/v1/Account:count", &value!({})).code(), "RATE_LIMIT_EXCEEDED");
    }
    expected.push(("ada", "count", "RATE_LIMIT_EXCEEDED"));
    // What is no request counts as one all the same.
    for _ in 0..5 {
        http.ask("POST", "/v1/Account:create", &json, Some(b"{"));
    }
    assert_eq!(http.ask("POST", "/v1/Account:create", &json, Some(b"{")).code(), "RATE_LIMIT_EXCEEDED");
    expected.extend([("ada", "create", "VALIDATION_ERROR"); 2]);
    world.served.stop();
    let lines = world.lines();
    let told: Vec<_> =
        lines.iter().map(|line| (word(line, "user"), word(line, "operation"), word(line, "error"))).collect();
    let told: Vec<_> = told.iter().map(|(user, operation, error)| (&**user, &**operation, &**error)).collect();
    assert_eq!(told, expected);
    for line in &lines {
        assert!(!word(line, "request_id").is_empty() && word(line, "peer") == "127.0.0.1", "{line:?}");
    }
}

#[test]
fn e78_a_panic_ends_a_request_and_nothing_else() {
    let world = audited(Audit::chained);
    world.client.entity("Hidden").unwrap().create(value!({ "id": 1 })).unwrap();
    let mut http = Http::with_token(world.served.address, token("ada", "user"));
    let mut socket = Socket::open(world.served.address, Some(&token("ada", "user")));
    let grpc = Grpc::new(world.served.address, Some(&token("ada", "user")));
    let call = || object([("name", "burst".into()), ("input", value!({ "id": 1 }))]);
    // More often than there are connections to the database.
    for _ in 0..12 {
        let answer = http.post("/v1/Hidden:burst", &value!({ "id": 1 }));
        assert_eq!((answer.status, answer.code()), (500, "INTERNAL_ERROR".into()));
        assert!(!answer.text().contains("panics"), "{}", answer.text());
        assert_eq!(socket.request("call", "Hidden", call()).unwrap_err().get("code"), Some(&"INTERNAL_ERROR".into()));
        assert_eq!(code(&grpc.execute("call", "Hidden", call()).unwrap_err()), "INTERNAL_ERROR");
    }
    // The same connections, the same database.
    assert_eq!(http.post("/v1/Hidden:count", &value!({})).json(), Value::Int(1));
    assert_eq!(socket.request("count", "Hidden", Map::new()).unwrap(), Value::Int(1));
    assert_eq!(grpc.execute("count", "Hidden", Map::new()).unwrap(), Value::Int(1));
    let row = value!({ "data": { "id": 1, "name": "x", "owner": "ada" } });
    assert_eq!(http.post("/v1/Account:create", &row).status, 200);
    assert!(Http::new(world.served.admin).get("/metrics").text().contains("dbal_in_flight 0"));
    let failed = world.lines().iter().filter(|line| word(line, "error") == "INTERNAL_ERROR").count();
    assert_eq!(failed, 36);
}

#[test]
fn e76_nobody_writes_lines_of_their_own() {
    let world = audited(Audit::chained);
    let odd = format!("a\n{{\"user\":\"root\"}}\r\u{1b}[31m\u{2028}\u{7f}{}", "x".repeat(1_000));
    let mut http = Http::with_token(world.served.address, token_of(&Principal::new(odd.as_str(), odd.as_str())));
    let key = value!({ "id": (odd.as_str()) });
    let wide = "w".repeat(1 << 20);
    assert!(http.post("/v1/Account:read", &key).status >= 400);
    assert!(http.post("/v1/Account:call", &value!({ "name": (odd.as_str()), "input": (key.clone()) })).status >= 400);
    assert!(
        http.post("/v1/batch", &value!({ "entries": [{ "entity": (odd.as_str()), "operation": "read" }] })).status
            >= 400
    );
    assert!(http.post("/v1/Account:read", &value!({ "id": (wide) })).status >= 400);
    let text = std::fs::read_to_string(world.folder.path().join("audit.log")).unwrap();
    assert_eq!(text.lines().count(), 4, "{text}");
    for control in ['\r', '\u{1b}', '\u{2028}', '\u{7f}'] {
        assert!(!text.contains(control), "{control:?}");
    }
    for line in world.lines() {
        let user = word(&line, "user");
        // What is written down is what was said, as far as there is room for it.
        assert!(odd.starts_with(user.trim_end_matches('…')) && user.len() > 40, "{user}");
        assert!(json::to_text(&Value::Map(line)).len() < 4_000);
    }
}

#[test]
fn c61_without_room_for_lines_nothing_is_done_unless_somebody_wants_it() {
    for (failure, served) in [(AuditFailure::Closed, false), (AuditFailure::Open, true)] {
        let full = std::sync::atomic::AtomicBool::new(false);
        let full = Arc::new(full);
        let told = full.clone();
        let world = audited(move |_| {
            let keep = move |_: &dbal::audit::Line| match told.load(std::sync::atomic::Ordering::SeqCst) {
                true => Err("no space left on device".to_owned()),
                false => Ok(()),
            };
            Audit::to(keep).on_failure(failure)
        });
        let mut http = Http::with_token(world.served.address, token("ada", "user"));
        let create = |http: &mut Http, id: i64| {
            http.post(
                "/v1/Account:create",
                &value!({ "data": { "id": id, "name": (format!("n{id}")), "owner": "ada" } }),
            )
        };
        assert_eq!(create(&mut http, 1).status, 200);
        full.store(true, std::sync::atomic::Ordering::SeqCst);
        for id in 2..6 {
            let answer = create(&mut http, id);
            assert_eq!(answer.status == 200, served, "{}", answer.text());
            assert!(!answer.text().contains("device"), "{}", answer.text());
        }
        full.store(false, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(create(&mut http, 9).status, 200, "it goes on where there is room again");
        // What was refused beforehand did nothing; only the one that found out is there without a line.
        let there = world.client.entity("Account").unwrap().count(query()).unwrap();
        assert_eq!(there, if served { 6 } else { 3 });
    }
}

#[test]
fn c52_an_answer_costs_what_it_may_in_all() {
    let world = world();
    let note = |id: i64| value!({ "id": id, "account_id": 1, "text": "x" });
    world.client.entity("Note").unwrap().create_many((100..600).map(note).collect::<Vec<_>>()).unwrap();
    let notes = |inner: Value| value!({ "notes": { "limit": 100, "include": inner } });
    let account = |inner: Value| value!({ "account": { "include": inner } });
    // Within depth and page each; a million rows all in all.
    let include = notes(account(notes(account(value!({ "notes": { "limit": 100 } })))));
    let began = Instant::now();
    let refused = world.ada().post("/v1/Account:list", &value!({ "include": include }));
    assert_eq!(refused.code(), "VALIDATION_ERROR", "{}", &refused.text()[..refused.text().len().min(300)]);
    assert!(refused.text().contains("limit included_rows"), "{}", refused.text());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let fine = world.ada().post("/v1/Account:list", &value!({ "include": (notes(value!({}))) }));
    assert_eq!(fine.status, 200);
}
