//! D: what a browser or a broken client can make of the transport.

use std::time::Duration;

use dbal::{Value, value};
use tungstenite::Message;

use crate::support::Http;
use crate::support::socket::Socket;
use crate::world::{object, token, world, world_with};

#[test]
fn d62_d63_pages_and_names_of_others_are_turned_away() {
    let world = world_with(
        "mode: production\nserver: { bind: '127.0.0.1:0', admin_bind: '127.0.0.1:0', origins: ['https://app.example.org'] }",
    );
    let address = world.served.address;
    for origin in ["https://evil.org", "null", "https://app.example.org.evil.org", "http://localhost:1"] {
        assert!(Socket::silent(address, &[("origin", origin)]).is_err(), "{origin}");
        let answer = Http::new(address).ask("GET", "/v1/schema", &[("origin", origin)], None);
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (403, None), "{origin}");
    }
    assert!(Socket::silent(address, &[("origin", "https://app.example.org")]).is_ok());
    assert_eq!(Http::new(address).ask("GET", "/v1/schema", &[("host", "evil.org")], None).status, 403);
    assert!(Socket::silent(address, &[("host", "evil.org:50051")]).is_err());
}

#[test]
fn d63_a_request_names_one_host() {
    let world = world();
    let own = world.served.address.to_string();
    for hosts in [[own.as_str(), "evil.org"], ["evil.org", &own], [&own, &own]] {
        let headers = hosts.map(|host| ("host", host));
        let answer = Http::new(world.served.address).ask("GET", "/v1/schema", &headers, None);
        assert_eq!((answer.status, answer.code()), (400, "VALIDATION_ERROR".into()), "{hosts:?}");
    }
    let answer = Http::new(world.served.address).raw(b"GET /v1/schema HTTP/1.1\r\n\r\n");
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[test]
fn a_tag_that_was_made_weak_on_its_way_is_known() {
    let world = world();
    let mut ada = world.ada();
    let tag = ada.get("/v1/accounts/1").header("etag").unwrap().to_owned();
    for (given, status) in [
        (tag.clone(), 304),
        (format!("W/{tag}"), 304),
        (format!("\"x\", W/{tag}"), 304),
        ("*".to_owned(), 304),
        ("\"x\"".to_owned(), 200),
        ("W/\"x\"".to_owned(), 200),
        (tag.trim_matches('"').to_owned(), 200),
    ] {
        let answer = ada.ask("GET", "/v1/accounts/1", &[("if-none-match", &given)], None);
        assert_eq!((answer.status, answer.body.is_empty()), (status, status == 304), "{given}");
    }
}

#[test]
fn d69_a_new_token_changes_nothing_else_of_a_session() {
    let world = world();
    for packed in [false, true] {
        let mut socket = Socket::silent(world.served.address, &[]).unwrap();
        let ada = || token("ada", "user").into();
        let opened = socket.call("session.init", object([("token", ada()), ("packed", packed.into())])).unwrap();
        let refreshed = socket.call("session.refresh", object([("token", ada())])).unwrap();
        assert_eq!(refreshed, opened);
        // What the protocol shows is what is so.
        let shown = include_str!("../../../docs/protocol.md");
        let most = opened.as_map().unwrap().get("limits").unwrap().as_map().unwrap().get("message_bytes").unwrap();
        assert!(shown.contains(&format!("\"message_bytes\": {}", most.as_i64().unwrap())), "{most:?}");
        assert_eq!(refreshed.as_map().unwrap().get("packed"), Some(&Value::Bool(packed)));
    }
}

#[test]
fn d64_cors_is_for_listed_origins_and_never_with_cookies() {
    let world = world_with(
        "mode: production\nserver: { bind: '127.0.0.1:0', admin_bind: '127.0.0.1:0', origins: ['https://app.example.org'] }",
    );
    let mut http = Http::new(world.served.address);
    let asked = [("origin", "https://app.example.org"), ("access-control-request-method", "POST")];
    let answer = http.ask("OPTIONS", "/v1/Account:list", &asked, None);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some("https://app.example.org")));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    // A form or a link needs no leave, and is not understood.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        let mut ada = world.ada();
        let answer = ada.ask("POST", "/v1/Account:count", &[("content-type", kind)], Some(b"{}"));
        assert_eq!(answer.status, 415, "{kind}");
    }
}

#[test]
fn d65_nothing_before_the_session_is_opened() {
    let world = world();
    let address = world.served.address;
    let open = || Socket::silent(address, &[]).unwrap();
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"method":"request","params":{"operation":"count","entity":"Account"}}"#,
        r#"{"jsonrpc":"2.0","method":"session.init","params":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
        "{}",
        "",
        "[]",
    ] {
        let mut socket = open();
        socket.text(text);
        assert_eq!(socket.closed(), 4400, "{text}");
    }
    let mut binary = open();
    binary.send(Message::binary(vec![1, 2, 3]));
    assert_eq!(binary.closed(), 4400);
    let mut silent = open();
    let began = std::time::Instant::now();
    assert_eq!(silent.closed(), 4408);
    assert!(began.elapsed() < Duration::from_secs(7));
    let mut wrong = open();
    assert!(wrong.call("session.init", object([("token", "zz".into())])).is_err());
    assert_eq!(wrong.closed(), 4401);
    let mut other = Socket::silent(address, &[("sec-websocket-protocol", "graphql-ws")]);
    if let Ok(socket) = &mut other {
        assert_eq!(socket.closed(), 4406);
    }
    let mut in_query = world.anonymous();
    let answer = in_query.get(&format!("/v1/accounts?token={}", token("ada", "user")));
    assert!(answer.status >= 400);
}

#[test]
fn d69_messages_in_any_order_stay_one_callers() {
    let world = world();
    let mut socket = world.socket();
    assert_eq!(socket.begin("session.init", object([("token", token("bob", "user").into())])), 2);
    assert_eq!(socket.closed(), 4429);

    let mut socket = world.socket();
    let slow = object([("entity", "Account".into()), ("credit", 0.into())]);
    socket.begin("stream", slow);
    socket.text(r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#);
    assert_eq!(socket.closed(), 4409);

    let mut socket = world.socket();
    socket.notify("$/cancel", object([("id", 99.into())]));
    socket.notify("stream.credit", object([("id", 99.into()), ("credit", 5.into())]));
    socket.notify("no.such", object([]));
    let refused = socket.call("no.such", object([])).unwrap_err();
    assert_eq!(refused.get("code"), Some(&"CAPABILITY_NOT_SUPPORTED".into()));
    for (method, params) in [
        ("request", object([("operation", "count".into()), ("entity", "Account".into()), ("user", "root".into())])),
        ("request", object([("operation", "stream".into()), ("entity", "Account".into())])),
        ("request", object([("operation", 1.into())])),
        ("request", object([("operation", "count".into()), ("entity", "Account".into()), ("args", "x".into())])),
        ("transaction.commit", object([])),
        ("transaction.begin", object([("transaction", 1.into())])),
    ] {
        let refused = socket.call(method, params).unwrap_err();
        assert_eq!(refused.get("code"), Some(&"VALIDATION_ERROR".into()), "{method}");
    }
    let gone = socket.call("transaction.commit", object([("transaction", 77.into())])).unwrap_err();
    assert_eq!(gone.get("reason"), Some(&"aborted".into()));
    // Another user's token does not take over what is open.
    socket.call("transaction.begin", object([])).unwrap();
    socket.begin("session.refresh", object([("token", token("bob", "user").into())]));
    assert_eq!(socket.closed(), 4401);
    // A transaction is its connection's own.
    let (mut one, mut two) = (world.socket(), world.socket());
    let begun = one.call("transaction.begin", object([])).unwrap();
    let number = begun.as_map().unwrap().get("transaction").unwrap().clone();
    assert!(two.call("transaction.commit", object([("transaction", number)])).is_err());
}

#[test]
fn d69_a_cancelled_request_is_answered_and_leaves_nothing() {
    let world = world();
    let mut socket = world.socket();
    let id = socket.begin("stream", object([("entity", "Account".into()), ("credit", 0.into())]));
    socket.notify("$/cancel", object([("id", id.into())]));
    let error = socket.answer(id).unwrap_err();
    assert_eq!((error.get("code"), error.get("outcome")), (Some(&"TIMEOUT".into()), Some(&"not_applied".into())));
    assert_eq!(socket.request("count", "Account", object([])).unwrap(), Value::Int(2));
}

#[test]
fn d71_other_methods_and_spellings_open_no_door() {
    let world = world();
    let host = world.served.address;
    let mut ada = world.ada();
    for (method, path, status) in [
        ("GET", "/", 404),
        ("GET", "/v1", 404),
        ("GET", "/v2/accounts", 404),
        ("GET", "/v1/accounts/", 404),
        ("GET", "//v1/accounts", 404),
        ("PUT", "/v1/accounts/1", 405),
        ("DELETE", "/v1/accounts/1", 405),
        ("POST", "/v1/accounts", 405),
        ("GET", "/v1/accounts:list", 405),
        ("GET", "/v1/batch", 405),
        ("TRACE", "/v1/accounts", 405),
        ("GET", "/v1/accounts/1/notes", 404),
        ("GET", "/metrics", 404),
        ("GET", "/health", 404),
    ] {
        let answer = ada.ask(method, path, &[("x-http-method-override", "DELETE")], None);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
    }
    assert_eq!(ada.ask("GET", "/v1/%61ccounts/1", &[], None).status, 200);
    // One body, two lengths.
    let both = format!(
        "POST /v1/Account:count HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/accounts HTTP/1.1\r\nhost: {host}\r\n\r\n"
    );
    let mut smuggler = world.anonymous();
    smuggler.send(both.as_bytes());
    while let Some(answer) = smuggler.read() {
        assert!(answer.status >= 400, "{}", answer.text());
        smuggler_is_alone(&answer.text());
        if answer.status == 400 {
            break;
        }
    }
    for raw in [
        "GET /v1/accounts\r\n\r\n",
        "GET /v1/accounts HTTP/1.1\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "GET /v1/accounts HTTP/9.9\r\n\r\n",
    ] {
        let mut http = world.anonymous();
        http.send(raw.as_bytes());
        assert!(http.read().is_none_or(|answer| answer.status >= 400), "{raw:?}");
    }
    assert_eq!(world.ada().post("/v1/Account:count", &value!({})).status, 200);
}

fn smuggler_is_alone(text: &str) {
    assert!(!text.contains("ada-1"), "{text}");
}

#[test]
fn d73_health_and_metrics_say_nothing_of_anybody() {
    let world = world();
    world.ada().post("/v1/Account:list", &value!({ "filter": { "name": "label-canary" } }));
    world.ada().post("/v1/LabelCanary:list", &value!({}));
    let mut admin = Http::new(world.served.admin);
    assert_eq!(admin.get("/health").status, 200);
    assert_eq!(Http::new(world.served.admin).get("/ready").text(), "ready\n");
    let metrics = Http::new(world.served.admin).get("/metrics").text();
    assert!(metrics.contains("dbal_requests_total{operation=\"list\",transport=\"http\",code=\"OK\"} 1"), "{metrics}");
    for word in ["anary", "ada", "Account", "app.db"] {
        assert!(!metrics.contains(word), "{word} in {metrics}");
    }
    assert_eq!(Http::new(world.served.admin).get("/v1/accounts").status, 404);
}
