//! A: what rules do not give is not given, by no way round.

use dbal::{Operation, Value, value};

use crate::support::{Believing, Http, Served};
use crate::world::{ids, object, token, told, world};
use std::sync::Arc;

/// Some request of each operation.
pub fn some(operation: Operation, entity: &str) -> (String, Value) {
    let row = value!({ "id": 9, "name": "x", "owner": "ada" });
    let args = match operation {
        Operation::Create => value!({ "data": row }),
        Operation::Read => value!({ "id": 1 }),
        Operation::Update => value!({ "id": 1, "data": { "name": "x" } }),
        Operation::Delete => value!({ "id": 1 }),
        Operation::Distinct => value!({ "field": "name" }),
        Operation::Aggregate => value!({ "count": true }),
        Operation::CreateMany => value!({ "data": [row] }),
        Operation::UpdateMany => value!({ "all": true, "data": { "name": "x" } }),
        Operation::DeleteMany => value!({ "all": true }),
        Operation::Upsert => value!({ "where": 1, "create": row, "update": {} }),
        Operation::UpsertMany => value!({ "data": [{ "where": 1, "create": row, "update": {} }] }),
        Operation::Call => value!({ "name": "x", "input": {} }),
        _ => value!({}),
    };
    (format!("/v1/{entity}:{}", operation.as_str()), args)
}

#[test]
fn a01_no_rule_is_no() {
    let world = world();
    let closed = world
        .client
        .with_policy(dbal::access::Policy::from_rules(world.client.schema(), "rules: []", "acl.yaml").unwrap());
    let served = Served::new(closed.unwrap(), "mode: production", Some(Arc::new(Believing)));
    let mut socket = crate::support::socket::Socket::open(served.address, Some(&token("root", "admin")));
    for entity in ["Account", "Note", "Hidden"] {
        for operation in Operation::ALL {
            if matches!(operation, Operation::Call | Operation::Batch) {
                continue;
            }
            let (path, args) = some(operation, entity);
            for token in [Some(token("root", "admin")), None] {
                let mut http = Http::new(served.address);
                http.token = token;
                let answer = http.post(&path, &args);
                assert_eq!((answer.status, answer.code().as_str()), (403, "FORBIDDEN"), "{path}");
            }
            let Value::Map(args) = args else { unreachable!() };
            let refused = match operation {
                Operation::Stream => {
                    socket.call("stream", object([("entity", entity.into()), ("args", Value::Map(args))]))
                }
                _ => socket.request(operation.as_str(), entity, args),
            };
            assert_eq!(refused.unwrap_err().get("code"), Some(&"FORBIDDEN".into()), "{path} over WebSocket");
        }
    }
    let schema = Http::with_token(served.address, token("root", "admin")).get("/v1/schema").json();
    assert_eq!(schema.as_map().unwrap().get("entities"), Some(&Value::List(Vec::new())));
}

#[test]
fn a02_a03_a04_a07_a_hidden_field_cannot_be_asked_about() {
    let world = world();
    let mut ada = world.ada();
    let unknown = told(&ada.post("/v1/Account:list", &value!({ "filter": { "secreu": "x" } }))).1;
    for (operation, args) in [
        ("list", value!({ "filter": { "secret": "s3cret-canary" } })),
        ("list", value!({ "filter": { "secret": { "$startsWith": "s" } } })),
        ("list", value!({ "filter": { "secret": { "$gt": "a" } } })),
        ("list", value!({ "filter": { "secret": null } })),
        ("list", value!({ "filter": { "secret": { "$in": ["s3cret-canary"] } } })),
        ("list", value!({ "filter": { "$not": { "secret": { "$like": "%" } } } })),
        ("list", value!({ "filter": { "pin": "pin-canary" } })),
        ("list", value!({ "sort": { "secret": "asc" } })),
        ("list", value!({ "select": ["secret"] })),
        ("list", value!({ "select": ["pin"] })),
        ("list", value!({ "filter": { "secret.a": 1 } })),
        ("list", value!({ "filter": { "SECRET": "x" } })),
        ("list", value!({ "filter": { "\"secret\"": "x" } })),
        ("distinct", value!({ "field": "secret" })),
        ("aggregate", value!({ "min": ["secret"] })),
        ("aggregate", value!({ "max": ["secret"] })),
        ("aggregate", value!({ "count_distinct": ["secret"] })),
        ("aggregate", value!({ "count": true, "group_by": ["secret"] })),
        ("aggregate", value!({ "sum": ["*"] })),
        ("update_many", value!({ "filter": { "secret": "x" }, "data": { "level": 1 } })),
        ("delete_many", value!({ "filter": { "secret": "x" } })),
    ] {
        let answer = ada.post(&format!("/v1/Account:{operation}"), &args);
        assert_eq!((answer.status, answer.code().as_str()), (422, "VALIDATION_ERROR"), "{operation} {args:?}");
        assert!(!answer.text().contains("canary"), "{}", answer.text());
    }
    assert!(!unknown.contains("did you mean"), "the nearest name is a hidden one: {unknown}");
    let mut through = world.ada();
    let answer = through.post("/v1/Note:list", &value!({ "filter": { "account": { "secret": "s3cret-canary" } } }));
    assert_eq!(answer.status, 422);
    let answer = through.post("/v1/Note:list", &value!({ "sort": { "account.secret": "asc" } }));
    assert_eq!(answer.status, 422);
}

#[test]
fn a05_counts_and_pages_are_of_rows_that_are_seen() {
    let world = world();
    let mut ada = world.ada();
    let page = ada.get("/v1/accounts?limit=1&page=9").json();
    let page = page.as_map().unwrap();
    assert_eq!((page.get("total"), page.get("has_more")), (Some(&Value::Int(2)), Some(&Value::Bool(false))));
    assert_eq!(ada.post("/v1/Account:count", &value!({})).json(), Value::Int(2));
    assert_eq!(ada.post("/v1/Account:count", &value!({ "filter": { "owner": "bob" } })).json(), Value::Int(0));
}

#[test]
fn a06_rules_hold_for_what_is_related() {
    let world = world();
    let mut ada = world.ada();
    let notes = ada.post("/v1/Note:find_many", &value!({ "include": { "account": true } })).json();
    assert_eq!(ids(&notes), [1, 2]);
    let through = ada.post("/v1/Note:count", &value!({ "filter": { "account": { "owner": "bob" } } })).json();
    assert_eq!(through, Value::Int(0));
    let text = ada.post("/v1/Note:find_many", &value!({ "include": { "account": true } })).text();
    assert!(!text.contains("canary") && !text.contains("pin"), "{text}");
}

#[test]
fn a08_what_is_unknown_is_refused_by_name() {
    let world = world();
    let mut ada = world.ada();
    for (operation, args) in [
        ("list", value!({ "where": {} })),
        ("list", value!({ "filter": { "$where": "1" } })),
        ("list", value!({ "filter": { "name": { "$regex": "." } } })),
        ("list", value!({ "include": { "notes": { "wher": {} } } })),
        ("list", value!({ "sort": { "name": { "order": "asc", "collate": "x" } } })),
        ("create", value!({ "data": { "id": 9, "name": "x", "owner": "ada", "isAdmin": true } })),
        ("read", value!({ "id": 1, "as": "root" })),
        ("delete", value!({ "id": 1, "force": true })),
    ] {
        let answer = ada.post(&format!("/v1/Account:{operation}"), &args);
        assert_eq!(answer.code(), "VALIDATION_ERROR", "{operation} {args:?}: {}", answer.text());
    }
    for query in ["token=x", "access_token=x", "admin=true", "filter[secret]=x"] {
        assert_eq!(ada.get(&format!("/v1/accounts?{query}")).code(), "VALIDATION_ERROR", "{query}");
    }
}

#[test]
fn a09_a10_a_row_outside_the_filter_is_a_row_that_is_not_there() {
    let world = world();
    let mut ada = world.ada();
    for (operation, args) in
        [("read", value!({})), ("update", value!({ "data": { "level": 9 } })), ("delete", value!({}))]
    {
        let ask = |ada: &mut Http, id: i64| {
            let Value::Map(mut args) = args.clone() else { unreachable!() };
            args.insert("id", Value::Int(id));
            let (status, text) = told(&ada.post(&format!("/v1/Account:{operation}"), &Value::Map(args)));
            (status, text.replace(&id.to_string(), "N"))
        };
        let (hidden, absent) = (ask(&mut ada, 3), ask(&mut ada, 99));
        assert_eq!(hidden.0, 404);
        assert_eq!(hidden, absent, "{operation}");
    }
    assert_eq!(ada.get("/v1/accounts/3").status, 404);
    assert_eq!(world.accounts().len(), 4);
    assert!(world.accounts().iter().all(|row| row.get("level") != Some(&Value::Int(9))));
}

#[test]
fn a11_a12_a24_nobody_writes_for_somebody_else() {
    let world = world();
    let mut ada = world.ada();
    for (operation, args) in [
        ("update", value!({ "id": 1, "data": { "owner": "bob" } })),
        ("create", value!({ "data": { "id": 9, "name": "x", "owner": "bob" } })),
        (
            "create_many",
            value!({ "data": [{ "id": 9, "name": "x", "owner": "ada" }, { "id": 10, "name": "y", "owner": "bob" }] }),
        ),
        ("update_many", value!({ "filter": { "id": 1 }, "data": { "owner": "bob" } })),
        ("upsert", value!({ "where": 9, "create": { "name": "x", "owner": "bob" }, "update": {} })),
    ] {
        let answer = ada.post(&format!("/v1/Account:{operation}"), &args);
        assert_eq!(answer.code(), "FORBIDDEN", "{operation}: {}", answer.text());
    }
    for data in [
        value!({ "id": 9, "name": "x", "owner": "ada", "version": 7 }),
        value!({ "id": 9, "name": "x", "owner": "ada", "created_at": "2020-01-01T00:00:00Z" }),
        value!({ "id": 9, "name": "x", "owner": "ada", "secret": "x" }),
        value!({ "id": 9, "name": "x", "owner": "ada", "__proto__": { "owner": "bob" } }),
    ] {
        let answer = ada.post("/v1/Account:create", &value!({ "data": (data.clone()) }));
        assert_eq!(answer.code(), "VALIDATION_ERROR", "{data:?}: {}", answer.text());
    }
    assert_eq!(world.accounts().len(), 4);
    assert_eq!(world.accounts().iter().filter(|row| row.get("owner") == Some(&"ada".into())).count(), 2);
}

#[test]
fn a13_a14_a15_conflicts_say_no_more_than_that() {
    let world = world();
    let mut ada = world.ada();
    let hidden = ada.post(
        "/v1/Account:upsert",
        &value!({ "where": { "name": "bob-1" }, "create": { "id": 9, "owner": "ada" }, "update": { "level": 7 } }),
    );
    assert!(hidden.status >= 400, "{}", hidden.text());
    assert!(world.accounts().iter().all(|row| row.get("level") != Some(&Value::Int(7))));
    let conflict = |ada: &mut Http, name: &str| {
        let (status, text) =
            told(&ada.post("/v1/Account:create", &value!({ "data": { "id": 9, "name": (name), "owner": "ada" } })));
        (status, text.replace(name, "NAME"))
    };
    assert_eq!(conflict(&mut ada, "bob-1"), conflict(&mut ada, "ada-1"));
    let parent = |ada: &mut Http, id: i64| {
        told(&ada.post("/v1/Note:create", &value!({ "data": { "id": 9, "account_id": (id), "text": "x" } })))
    };
    assert_eq!(parent(&mut ada, 3), parent(&mut ada, 99), "a hidden parent is one that is not there");
}

#[test]
fn a16_a17_nothing_is_not_everything() {
    let world = world();
    let mut ada = world.ada();
    for args in [
        value!({}),
        value!({ "filter": {} }),
        value!({ "filter": null }),
        value!({ "filter": { "$and": [] } }),
        value!({ "filter": { "$not": { "$or": [] } } }),
    ] {
        for operation in ["update_many", "delete_many"] {
            let Value::Map(mut args) = args.clone() else { unreachable!() };
            if operation == "update_many" {
                args.insert("data", value!({ "level": 1 }));
            }
            let answer = ada.post(&format!("/v1/Account:{operation}"), &Value::Map(args.clone()));
            assert_eq!(answer.code(), "VALIDATION_ERROR", "{operation} {args:?}: {}", answer.text());
        }
    }
    let none = ada.post("/v1/Account:delete_many", &value!({ "filter": { "id": null } })).json();
    assert_eq!(none, value!({ "count": 0 }));
    for (filter, count) in [
        (value!({ "$or": [] }), 0),
        (value!({ "$and": [] }), 2),
        (value!({ "id": { "$in": [] } }), 0),
        (value!({ "id": { "$nin": [] } }), 2),
        (value!({ "$not": {} }), 0),
        (value!({ "$or": [{}] }), 2),
    ] {
        let counted = ada.post("/v1/Account:count", &value!({ "filter": (filter.clone()) })).json();
        assert_eq!(counted, Value::Int(count), "{filter:?}");
    }
    assert_eq!(world.accounts().len(), 4);
}

#[test]
fn a18_a19_a21_a_claim_counts_as_what_it_is() {
    let world = world();
    for id in ["ADA", "ada ", " ada", "ad\u{e1}", "%", "_da", ""] {
        let mut http = Http::with_token(world.served.address, token(id, "user"));
        assert_eq!(http.post("/v1/Account:count", &value!({})).json(), Value::Int(0), "{id:?}");
    }
    for id in [Value::Null, Value::Int(1), Value::Bool(true), value!(["ada"]), value!({ "$ne": null })] {
        let mut principal = dbal::Principal::anonymous().claim("id", id.clone());
        principal.roles = vec!["user".into()];
        let mut http = Http::with_token(world.served.address, crate::support::token_of(&principal));
        assert_eq!(http.post("/v1/Account:count", &value!({})).json(), Value::Int(0), "{id:?}");
    }
}

#[test]
fn a22_a_claim_is_a_value() {
    let world = world();
    for id in ["x' OR '1'='1", "ada' --", "\"; DROP TABLE accounts; --", "$user.id"] {
        let mut http = Http::with_token(world.served.address, token(id, "user"));
        let answer = http.post("/v1/Account:count", &value!({}));
        assert!(answer.status == 401 || answer.json() == Value::Int(0), "{id:?}: {}", answer.text());
    }
    assert_eq!(world.accounts().len(), 4);
}

#[test]
fn a25_an_answer_shows_readable_fields_only() {
    let world = world();
    let mut ada = world.ada();
    for (operation, args) in [
        ("create", value!({ "data": { "id": 9, "name": "x", "owner": "ada", "pin": "pin-canary-2" } })),
        ("update", value!({ "id": 9, "data": { "pin": "pin-canary-3" } })),
        ("read", value!({ "id": 1 })),
        (
            "upsert",
            value!({ "where": 9, "create": { "name": "z", "owner": "ada" }, "update": { "pin": "pin-canary-4" } }),
        ),
        ("find_many", value!({})),
        ("stream", value!({})),
    ] {
        let answer = ada.post(&format!("/v1/Account:{operation}"), &args);
        assert_eq!(answer.status, 200, "{}", answer.text());
        for word in ["canary", "pin", "secret"] {
            assert!(!answer.text().contains(word), "{operation} shows {word}: {}", answer.text());
        }
    }
}

#[test]
fn a26_a_failing_entry_leaves_nothing() {
    let world = world();
    let mut ada = world.ada();
    let answer = ada.post(
        "/v1/batch",
        &value!({ "entries": [
        { "entity": "Account", "operation": "create", "data": { "id": 9, "name": "x", "owner": "ada" } },
        { "entity": "Account", "operation": "update", "id": 3, "data": { "level": 9 } },
    ] }),
    );
    assert_eq!(answer.code(), "NOT_FOUND", "{}", answer.text());
    assert_eq!(world.accounts().len(), 4);
    let mut socket = world.socket();
    let begun = socket.call("transaction.begin", object([])).unwrap();
    let number = begun.as_map().unwrap().get("transaction").unwrap().clone();
    let mut inside = |operation: &str, args: Value| {
        let Value::Map(args) = args else { unreachable!() };
        let mut params = crate::support::socket::params(operation, "Account", args);
        params.insert("transaction", number.clone());
        socket.call("request", params)
    };
    inside("create", value!({ "data": { "id": 9, "name": "x", "owner": "ada" } })).unwrap();
    let refused = inside("create", value!({ "data": { "id": 10, "name": "y", "owner": "bob" } })).unwrap_err();
    assert_eq!(refused.get("code"), Some(&"FORBIDDEN".into()));
    assert_eq!(inside("count", value!({})).unwrap(), Value::Int(3));
    drop(socket);
    for _ in 0..100 {
        if world.accounts().len() == 4 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("a transaction outlived its connection");
}

#[test]
fn a29_the_schema_shows_what_may_be_seen() {
    let world = world();
    for path in ["/v1/schema", "/openapi.json"] {
        let text = world.ada().get(path).text();
        assert!(text.contains("Account") && text.contains("owner"), "{text}");
        for word in ["Hidden", "secret", "canary"] {
            assert!(!text.contains(word), "{path} tells of {word}");
        }
        assert!(world.admin().get(path).text().contains("secret"));
        assert!(!world.anonymous().get(path).text().contains("Account"));
    }
    let answer = world.ada().post("/v1/Hidde:list", &value!({}));
    assert!(!answer.text().contains("`Hidden`"), "{}", answer.text());
}

#[test]
fn a30_an_answer_is_kept_for_nobody_else() {
    let world = world();
    let query = value!({ "sort": { "id": "asc" } });
    for _ in 0..3 {
        assert_eq!(ids(&world.admin().post("/v1/Account:list", &query).json()), [1, 2, 3, 4]);
        assert_eq!(ids(&world.ada().post("/v1/Account:list", &query).json()), [1, 2]);
        assert_eq!(ids(&world.bob().post("/v1/Account:list", &query).json()), [3, 4]);
        assert_eq!(world.anonymous().post("/v1/Account:list", &query).code(), "FORBIDDEN");
    }
    assert_eq!(world.ada().get("/v1/accounts").header("cache-control"), Some("no-store"));
}

#[test]
fn a33_a_filter_stands_beside_the_rule() {
    let world = world();
    for filter in [
        value!({ "$or": [{ "owner": "bob" }, { "id": { "$gt": 0 } }] }),
        value!({ "$not": { "owner": "ada" } }),
        value!({ "owner": { "$ne": "ada" } }),
        value!({ "$or": [{}, { "owner": "bob" }] }),
    ] {
        let seen = ids(&world.ada().post("/v1/Account:find_many", &value!({ "filter": (filter.clone()) })).json());
        assert!(seen.iter().all(|id| *id <= 2), "{filter:?} shows {seen:?}");
    }
}

#[test]
fn a34_a_cursor_is_its_users_own() {
    let world = world();
    let page = world.ada().get("/v1/accounts?limit=1&after=null&sort=%7B%22id%22:%22asc%22%7D").json();
    let cursor = page.as_map().unwrap().get("next_cursor").and_then(Value::as_str).unwrap().to_owned();
    let next = |http: &mut Http, cursor: &str, sort: &str| {
        http.post("/v1/Account:list", &value!({ "limit": 1, "after": (cursor), "sort": { "id": (sort) } }))
    };
    assert_eq!(ids(&next(&mut world.ada(), &cursor, "asc").json()), [2]);
    let mut other = cursor.clone().into_bytes();
    other[10] ^= 1;
    let other = String::from_utf8(other).unwrap();
    assert_eq!(next(&mut world.ada(), &other, "asc").code(), "VALIDATION_ERROR");
    assert_eq!(next(&mut world.bob(), &cursor, "asc").code(), "VALIDATION_ERROR");
    assert_eq!(next(&mut world.ada(), &cursor, "desc").code(), "VALIDATION_ERROR");
    assert_eq!(next(&mut world.ada(), &"A".repeat(100_000), "asc").code(), "VALIDATION_ERROR");
    assert!(!cursor.contains("ada"));
}
