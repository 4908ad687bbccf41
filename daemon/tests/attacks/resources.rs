//! C: nobody can make the daemon work for nothing, or for ever.

use std::time::{Duration, Instant};

use dbal::value::json;
use dbal::{Map, Value, value};

use crate::support::Http;
use crate::support::grpc::Grpc;
use crate::support::socket::params;
use crate::world::{World, object, token, world, world_with};

#[test]
fn c50_c51_depth_and_breadth_are_bounded() {
    let world = world();
    let mut ada = world.ada();
    let json = [("content-type", "application/json")];
    for depth in [40, 100, 10_000, 100_000] {
        let body = format!("{{\"filter\": {}{{}}{}}}", "{\"$not\": ".repeat(depth), "}".repeat(depth));
        let answer = ada.ask("POST", "/v1/Account:count", &json, Some(body.as_bytes()));
        assert_eq!(answer.code(), "VALIDATION_ERROR", "{depth} deep");
        assert!(answer.body.len() < 4_000);
        let list = format!("{{\"filter\": {{\"id\": {{\"$in\": {}1{}}}}}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(ada.ask("POST", "/v1/Account:count", &json, Some(list.as_bytes())).code(), "VALIDATION_ERROR");
    }
    let branches = vec![value!({ "id": 1 }); 100_000];
    let answer = ada.post("/v1/Account:count", &value!({ "filter": { "$or": (Value::List(branches)) } }));
    assert_eq!(answer.code(), "VALIDATION_ERROR");
    let items = Value::List((0..1_000_000).map(Value::Int).collect());
    let answer = ada.post("/v1/Account:count", &value!({ "filter": { "id": { "$in": items } } }));
    assert_eq!(answer.code(), "VALIDATION_ERROR");
    let entries = vec![value!({ "entity": "Account", "operation": "count" }); 1_001];
    let answer = ada.post("/v1/batch", &value!({ "entries": (Value::List(entries)) }));
    assert_eq!(answer.code(), "VALIDATION_ERROR");
    assert_eq!(ada.post("/v1/Account:count", &value!({})).json(), Value::Int(2), "the daemon lives");
}

#[test]
fn c53_a_deadline_reaches_the_database() {
    let world = world();
    let rows: Vec<Value> =
        (1_000..4_000).map(|id| value!({ "id": id, "name": (format!("n{id}")), "owner": "ada" })).collect();
    world.client.entity("Account").unwrap().create_many(rows).unwrap();
    let mut ada = world.ada();
    // Each account with each other one: millions of comparisons.
    let slow = value!({ "filter": { "$or": [{ "name": { "$icontains": "zzz" } }, { "notes": { "$none": { "account": { "notes": { "$some": { "text": { "$icontains": "zzz" } } } } } } }] }, "count": true });
    let body = json::to_wire(&slow);
    let headers = [("content-type", "application/json"), ("dbal-timeout-ms", "1")];
    let began = Instant::now();
    let answer = ada.ask("POST", "/v1/Account:aggregate", &headers, Some(body.as_bytes()));
    assert!(matches!(answer.status, 504 | 200), "{}", answer.text());
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    for wrong in ["0", "-1", "x", "1.5", "99999999999999999999"] {
        let headers = [("content-type", "application/json"), ("dbal-timeout-ms", wrong)];
        assert_eq!(ada.ask("POST", "/v1/Account:count", &headers, Some(b"{}")).code(), "VALIDATION_ERROR", "{wrong}");
    }
    assert_eq!(ada.post("/v1/Account:count", &value!({})).status, 200);
}

#[test]
fn c54_sizes_are_bounded() {
    let world = world_with("mode: production\nlimits: { request_bytes: 100000 }");
    let big = format!("{{\"filter\": {{\"name\": \"{}\"}}}}", "x".repeat(400_000));
    let json = [("content-type", "application/json")];
    assert_eq!(world.ada().ask("POST", "/v1/Account:count", &json, Some(big.as_bytes())).status, 413);
    let mut lying = world.ada();
    lying.send(format!("POST /v1/Account:count HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n", world.served.address).as_bytes());
    for _ in 0..50 {
        lying.send(format!("2000\r\n{}\r\n", "x".repeat(0x2000)).as_bytes());
    }
    assert!(lying.read().is_none_or(|answer| answer.status == 413));
    let long = "x".repeat(400_000);
    let mut ada = world.ada();
    ada.send(
        format!("GET /v1/accounts HTTP/1.1\r\nhost: {}\r\nx-long: {long}\r\n\r\n", world.served.address).as_bytes(),
    );
    assert!(ada.read().is_none_or(|answer| answer.status == 431));
    assert!(
        world
            .ada()
            .raw(format!("GET /v1/accounts?{long} HTTP/1.1\r\nhost: {}\r\n\r\n", world.served.address).as_bytes())
            .status
            >= 400
    );
    let mut socket = world.socket();
    socket.text(&format!("{{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"ping\",\"params\":{{\"x\":\"{long}\"}}}}"));
    assert!(matches!(socket.closed(), 0 | 1009));
    assert_eq!(world.ada().post("/v1/Account:count", &value!({})).status, 200);
}

/// Bytes of messages that the daemon holds.
fn held(world: &World) -> usize {
    let metrics = Http::new(world.served.admin).get("/metrics").text();
    let line = metrics.lines().find_map(|line| line.strip_prefix("dbal_held_bytes "));
    line.unwrap_or_else(|| panic!("{metrics}")).parse().unwrap()
}

/// Waits until the daemon holds what it should.
fn holds(world: &World, wanted: impl Fn(usize) -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !wanted(held(world)) {
        assert!(Instant::now() < end, "{} bytes are held", held(world));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn large(first: i64, rows: i64, bytes: usize) -> Map {
    let row = |id| value!({ "id": id, "name": (format!("large {id}")), "owner": "ada", "doc": ("x".repeat(bytes)) });
    object([("data", Value::List((first..first + rows).map(row).collect())), ("returning", false.into())])
}

#[test]
fn c54_messages_of_a_socket_take_room_while_they_are_held() {
    let world = world();
    // Nobody writes as long as this does.
    let writing = world.client.begin().unwrap();
    let mut socket = world.socket();
    let asked = |first| params("create_many", "Account", large(first, 2, 14 << 20));
    let waiting: Vec<i64> = (0..4).map(|at| socket.begin("request", asked(100 + 10 * at))).collect();
    holds(&world, |held| held > 112 << 20);
    let refused = socket.call("request", asked(200)).unwrap_err();
    assert_eq!(refused.get("code"), Some(&"RATE_LIMIT_EXCEEDED".into()));
    assert!(refused.get("retry_after_ms").is_some_and(|wait| !wait.is_null()));
    // The room is everybody's, and what is small still finds some.
    let body = json::to_wire(&Value::Map(large(300, 2, 14 << 20)));
    let json = [("content-type", "application/json")];
    assert_eq!(world.bob().ask("POST", "/v1/Account:create_many", &json, Some(body.as_bytes())).status, 429);
    assert_eq!(socket.request("count", "Account", object([])).unwrap(), Value::Int(2));
    writing.rollback().unwrap();
    for id in waiting {
        socket.answer(id).unwrap();
    }
    holds(&world, |held| held == 0);
    socket.call("request", asked(200)).unwrap();
    assert_eq!(world.accounts().len(), 4 + 5 * 2);
}

#[test]
fn c54_messages_of_a_transaction_take_room_while_they_are_carried_out() {
    let world = world();
    let grpc = Grpc::new(world.served.address, Some(&token("ada", "user")));
    let mut transaction = grpc.transaction().unwrap();
    transaction.begin().unwrap();
    let mut socket = world.socket();
    for round in 0..6 {
        // More than there is room for, all in all.
        transaction.execute("create_many", "Account", large(100 + 10 * round, 2, 14 << 20)).unwrap();
        holds(&world, |held| held < 1 << 20);
    }
    transaction.rollback().unwrap();
    let begun = socket.call("transaction.begin", object([])).unwrap();
    let number = begun.as_map().unwrap().get("transaction").unwrap().clone();
    let mut asked = params("create_many", "Account", large(100, 2, 14 << 20));
    asked.insert("transaction", number.clone());
    socket.call("request", asked).unwrap();
    holds(&world, |held| held == 0);
    socket.call("transaction.rollback", object([("transaction", number)])).unwrap();
    assert_eq!(world.accounts().len(), 4);
}

#[test]
fn c55_compressed_bodies_are_refused() {
    let world = world();
    let headers = [("content-type", "application/json"), ("content-encoding", "gzip")];
    assert_eq!(world.ada().ask("POST", "/v1/Account:count", &headers, Some(&[0x1f, 0x8b, 8, 0])).status, 415);
}

#[test]
fn c56_an_end_that_says_nothing_is_given_up() {
    let world = world();
    let most = dbal_served_first_request() + Duration::from_secs(3);
    let cases: [&[u8]; 4] =
        [b"", b"GET /v1/accounts HTTP/1.1\r\nhost: x\r\nx-slow: ", b"PRI * HT", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"];
    let waits: Vec<_> = cases
        .into_iter()
        .map(|bytes| {
            let mut http = Http::new(world.served.address);
            http.send(bytes);
            std::thread::spawn(move || (bytes, http.closes_within(most)))
        })
        .collect();
    for wait in waits {
        let (bytes, closed) = wait.join().unwrap();
        assert!(closed.is_some(), "{:?} stays open", String::from_utf8_lossy(bytes));
    }
}

/// The deadline of `accept`, which no client can ask for.
fn dbal_served_first_request() -> Duration {
    Duration::from_secs(10)
}

#[test]
fn c57_a_caller_has_one_rate_by_every_way() {
    let world = world_with("mode: production\nsecurity: { rate_limit: { requests_per_minute: 6, burst: 4 } }");
    let mut socket = world.socket();
    for _ in 0..2 {
        assert_eq!(world.ada().post("/v1/Account:count", &value!({})).status, 200);
        socket.request("count", "Account", object([])).unwrap();
    }
    let refused = world.ada().post("/v1/Account:count", &value!({}));
    assert_eq!((refused.status, refused.code().as_str()), (429, "RATE_LIMIT_EXCEEDED"));
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=10).contains(&seconds));
    let error = socket.request("count", "Account", object([])).unwrap_err();
    assert!(error.get("retry_after_ms").and_then(Value::as_i64).unwrap() > 0);
    let entry = value!({ "entity": "Account", "operation": "count" });
    let batch = world.ada().post("/v1/batch", &value!({ "entries": [(entry.clone()), (entry)] }));
    assert_eq!(batch.code(), "RATE_LIMIT_EXCEEDED");
    assert_eq!(world.bob().post("/v1/Account:count", &value!({})).status, 200, "others are not held back");
    // Who somebody is cannot be said by a header.
    for _ in 0..5 {
        let headers = [("content-type", "application/json"), ("x-forwarded-for", "10.0.0.1")];
        let answer = world.ada().ask("POST", "/v1/Account:count", &headers, Some(b"{}"));
        assert_eq!(answer.status, 429);
    }
}

#[test]
fn c60_a_reader_that_stops_keeps_nothing_for_ever() {
    let world = world_with("mode: production\nsecurity: { max_query_time: 1 }");
    let rows: Vec<Value> =
        (1_000..4_000).map(|id| value!({ "id": id, "name": (format!("n{id}")), "owner": "ada" })).collect();
    world.client.entity("Account").unwrap().create_many(rows).unwrap();
    let mut socket = crate::support::socket::Socket::open(world.served.address, Some("trusted"));
    let id = socket.begin("stream", object([("entity", "Account".into()), ("credit", 1.into())]));
    let error = socket.answer(id).unwrap_err();
    assert_eq!(error.get("code"), Some(&"TIMEOUT".into()), "{error:?}");
    let rows = socket.call("stream", object([("entity", "Account".into()), ("credit", 64.into())])).unwrap();
    assert_eq!(rows, value!({ "rows": 3004 }));
}

#[test]
fn c57_tokens_that_do_not_count_are_counted() {
    let world = world();
    let good = world.ada().token.unwrap();
    let mut known = Http::with_token(world.served.address, good);
    assert_eq!(known.post("/v1/Account:count", &value!({})).status, 200);
    let mut codes = Vec::new();
    let mut http = Http::new(world.served.address);
    for number in 0..110 {
        http.token = Some(format!("zz{number}"));
        codes.push(http.post("/v1/Account:count", &value!({})).status);
    }
    assert!(codes[..100].iter().all(|status| *status == 401), "{codes:?}");
    assert!(codes[105..].iter().all(|status| *status == 429), "{codes:?}");
    assert_eq!(known.post("/v1/Account:count", &value!({})).status, 200, "who is known is not held back");
    http.token = None;
    assert_eq!(http.post("/v1/Account:count", &value!({})).status, 403, "nor is who brings none");
}

#[test]
fn c56_a_reader_that_takes_nothing_is_given_up() {
    let world = world();
    let doc = "x".repeat(1_000_000);
    for id in 100..130 {
        let row = value!({ "id": id, "name": (format!("n{id}")), "owner": "ada", "doc": (doc.as_str()) });
        world.client.entity("Account").unwrap().create(row).unwrap();
    }
    let mut reader = world.ada();
    let body = json::to_wire(&value!({ "limit": 100 }));
    reader.send(
        format!(
            "POST /v1/Account:find_many HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            world.served.address,
            reader.token.clone().unwrap(),
            body.len()
        )
        .as_bytes(),
    );
    let open = || {
        let text = Http::new(world.served.admin).get("/metrics").text();
        text.lines().any(|line| line == "dbal_connections 1")
    };
    let end = Instant::now() + Duration::from_secs(10);
    while !open() {
        assert!(Instant::now() < end, "it never began");
        std::thread::sleep(Duration::from_millis(20));
    }
    let began = Instant::now();
    while open() {
        assert!(began.elapsed() < Duration::from_secs(45), "a reader that takes nothing keeps its connection");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(began.elapsed() > Duration::from_secs(20), "it was given up too early");
}
