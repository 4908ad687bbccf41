//! B: what a value holds never becomes anything else.

use dbal::value::json;
use dbal::{Value, value};

use crate::support::parsed;
use crate::world::{object, world};

#[test]
fn b36_b37_values_and_names_with_signs_of_sql() {
    let world = world();
    let mut ada = world.ada();
    let nasty = [
        "'",
        "''",
        "\"",
        "`",
        "]",
        ";",
        "--",
        "/*",
        "' OR 1=1 --",
        "'; DROP TABLE accounts; --",
        "\\",
        "%",
        "_",
        "$1",
        "?1",
        ":a",
        "\u{2028}",
        "\u{feff}",
        "{\"$gt\":\"\"}",
        "x\ny",
    ];
    for (place, word) in nasty.into_iter().enumerate() {
        let id = 100 + place as i64;
        let made = ada.post("/v1/Account:create", &value!({ "data": { "id": id, "name": word, "owner": "ada" } }));
        assert_eq!(made.status, 200, "{word:?}: {}", made.text());
        let found =
            ada.post("/v1/Account:find_many", &value!({ "filter": { "name": word }, "select": ["id", "name"] })).json();
        assert_eq!(found, value!([{ "id": id, "name": word }]), "{word:?}");
        for (operation, args) in [
            ("list", value!({ "sort": (Value::Map(dbal::Map(vec![(word.to_owned().into(), "asc".into())]))) })),
            ("list", value!({ "select": [word] })),
            ("list", value!({ "filter": (Value::Map(dbal::Map(vec![(word.to_owned().into(), 1.into())]))) })),
            ("distinct", value!({ "field": word })),
            ("aggregate", value!({ "sum": [word] })),
        ] {
            let answer = ada.post(&format!("/v1/Account:{operation}"), &args);
            assert_eq!(answer.code(), "VALIDATION_ERROR", "{operation} {word:?}: {}", answer.text());
        }
    }
    assert_eq!(world.accounts().len(), 4 + nasty.len());
    let long = "x".repeat(10_000);
    let answer = ada.post("/v1/Account:list", &value!({ "select": [(long.as_str())] }));
    assert!(answer.status == 422 && answer.body.len() < 2_000, "{} bytes", answer.body.len());
    for path in
        ["/v1/Account;drop:list", "/v1/%27:list", "/v1/Account%00:list", "/v1/..%2f..%2fetc:list", "/v1/Account:%2e%2e"]
    {
        let answer = ada.post(path, &value!({}));
        assert!(answer.status >= 400 && answer.status < 500, "{path}: {}", answer.text());
    }
}

#[test]
fn b40_signs_of_patterns_are_letters_where_no_pattern_is() {
    let world = world();
    let mut ada = world.ada();
    let count = |ada: &mut crate::support::Http, filter: Value| {
        ada.post("/v1/Account:count", &value!({ "filter": filter })).json()
    };
    for needle in ["%", "_", "a%", "\\"] {
        assert_eq!(count(&mut ada, value!({ "name": { "$contains": needle } })), Value::Int(0), "{needle}");
    }
    let long = value!({ "name": { "$like": (format!("{}x", "%a".repeat(5_000))) } });
    let began = std::time::Instant::now();
    let _ = ada.post("/v1/Account:count", &value!({ "filter": long }));
    assert!(began.elapsed() < std::time::Duration::from_secs(5));
}

#[test]
fn b42_b47_text_that_is_no_text_and_json_that_is_no_json() {
    let world = world();
    let mut ada = world.ada();
    let json = [("content-type", "application/json")];
    for body in [
        &br#"{"data": {"id": 9, "name": "a\u0000b", "owner": "ada"}}"#[..],
        br#"{"data": {"id": 9, "name": "\ud800", "owner": "ada"}}"#,
        b"{\"data\": {\"id\": 9, \"name\": \"\xff\xfe\", \"owner\": \"ada\"}}",
        b"{\"data\": {\"id\": 9, \"name\": \"\xc0\xaf\", \"owner\": \"ada\"}}",
        br#"{"data": {"id": 9, "id": 10, "name": "x", "owner": "ada"}}"#,
        br#"{"data": {}, "data": {"id": 9, "name": "x", "owner": "ada"}}"#,
        br#"{"data": {"id": 9, "name": "x", "owner": "ada"}} {}"#,
        br#"{"data": {"id": 9, "name": "x", "owner": "ada"} /* */ }"#,
        b"\xef\xbb\xbf{}",
        br#"{"data": {"id": 9, "name": "x", "owner": "ada", "doc": {"a": "\u0000"}}}"#,
        br#"{"data": {"id": 1e400, "name": "x", "owner": "ada"}}"#,
        b"[]",
        b"null",
        b"1",
        b"{",
        b"{'a': 1}",
        b"NaN",
    ] {
        let answer = ada.ask("POST", "/v1/Account:create", &json, Some(body));
        assert_eq!(answer.code(), "VALIDATION_ERROR", "{}: {}", String::from_utf8_lossy(body), answer.text());
    }
    assert_eq!(world.accounts().len(), 4);
}

#[test]
fn b44_numbers_keep_every_digit() {
    let world = world();
    let mut ada = world.ada();
    let json = [("content-type", "application/json")];
    for (place, (sent, kept)) in [
        ("\"9223372036854775807\"", Some("\"9223372036854775807\"")),
        ("\"-9223372036854775808\"", Some("\"-9223372036854775808\"")),
        ("9007199254740993", Some("\"9007199254740993\"")),
        ("\"9223372036854775808\"", None),
        ("18446744073709551615", None),
        ("1.5", None),
        ("\"1e3\"", None),
        ("true", None),
    ]
    .into_iter()
    .enumerate()
    {
        let id = 100 + place;
        let body = format!(
            "{{\"data\": {{\"id\": {id}, \"name\": \"n{id}\", \"owner\": \"ada\", \"big\": {sent}}}, \"x\": 0}}"
        )
        .replace(", \"x\": 0", "");
        let answer = ada.ask("POST", "/v1/Account:create", &json, Some(body.as_bytes()));
        match kept {
            Some(kept) => assert!(answer.text().contains(&format!("\"big\":{kept}")), "{sent}: {}", answer.text()),
            None => assert_eq!(answer.code(), "VALIDATION_ERROR", "{sent}: {}", answer.text()),
        }
    }
    let digits = "9".repeat(1_000_000);
    for price in ["\"1e1000000000\"", "\"1e-1000000000\"", "1e300", digits.as_str(), "\"12.345\"", "\"NaN\""] {
        let body = format!("{{\"id\": 1, \"data\": {{\"price\": {price}}}}}");
        let began = std::time::Instant::now();
        let answer = ada.ask("POST", "/v1/Account:update", &json, Some(body.as_bytes()));
        assert_eq!(answer.code(), "VALIDATION_ERROR");
        assert!(answer.body.len() < 2_000 && began.elapsed() < std::time::Duration::from_secs(2));
    }
    // The same over WebSocket.
    let mut socket = world.socket();
    let row = socket.request("read", "Account", object([("id", 102.into())])).unwrap();
    assert_eq!(row.as_map().unwrap().get("big"), Some(&"9007199254740993".into()));
}

#[test]
fn b45_limits_that_are_none() {
    let world = world();
    let mut ada = world.ada();
    for limit in
        ["-1", "1.5", "%2210%22", "4294967296", "9223372036854775807", "18446744073709551616", "null5", "true", "[]"]
    {
        for name in ["limit", "offset", "page"] {
            let answer = ada.get(&format!("/v1/accounts?{name}={limit}"));
            assert!(
                answer.status == 422 || (answer.status == 200 && name != "limit"),
                "{name}={limit}: {}",
                answer.text()
            );
        }
    }
    assert_eq!(ada.get("/v1/accounts?limit=0").status, 200);
    assert_eq!(ada.get("/v1/accounts?limit=101").code(), "VALIDATION_ERROR");
}

#[test]
fn b49_the_same_request_is_the_same_by_every_way() {
    let world = world();
    let (mut ada, mut socket) = (world.ada(), world.socket());
    for args in [
        value!({ "filter": { "level": { "$lte": 1 } }, "select": ["id", "name"] }),
        value!({ "filter": { "level": "1" } }),
        value!({ "filter": { "id": { "$in": [1, 3] } }, "sort": { "id": "desc" }, "select": ["id"] }),
        value!({ "limit": 1000 }),
        value!({ "wrong": 1 }),
    ] {
        let Value::Map(map) = args.clone() else { unreachable!() };
        let http = ada.post("/v1/Account:list", &args).json();
        let query: Vec<String> = map
            .iter()
            .map(|(name, value)| {
                let text = json::to_wire(value);
                format!("{name}={}", text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>())
            })
            .collect();
        let by_get = ada.get(&format!("/v1/accounts?{}", query.join("&"))).json();
        let by_socket = match socket.request("list", "Account", map) {
            Ok(value) => value,
            Err(error) => value!({ "error": (Value::Map(error)) }),
        };
        let plain = |value: &Value| {
            let text = json::to_text(value);
            let Value::Map(mut map) = parsed(text.as_bytes()) else { unreachable!() };
            if let Some((_, Value::Map(error))) = map.0.iter_mut().find(|(name, _)| name == "error") {
                error.0.retain(|(name, _)| name != "request_id");
            }
            Value::Map(map)
        };
        assert_eq!(plain(&http), plain(&by_get), "{args:?}");
        assert_eq!(plain(&http), plain(&by_socket), "{args:?}");
    }
}
