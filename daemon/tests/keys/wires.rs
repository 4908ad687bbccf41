//! What a key does to a request, whichever way it comes.

use std::sync::Barrier;

use dbal::value::json;
use dbal::{Map, Value, value};

use crate::places::{Place, forgetful, places, token};
use crate::support::grpc::{Grpc, code, plain, request};
use crate::support::socket::{Socket, params};
use crate::support::{Answer, Http, runtime};

fn http(place: &Place, who: &str) -> Http {
    Http::with_token(place.served.address, token(who))
}

fn post(http: &mut Http, path: &str, key: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    http.ask("POST", path, &headers, Some(json::to_wire(body).as_bytes()))
}

fn account(owner: &str, name: &str) -> Value {
    value!({ "data": { "owner": owner, "name": name, "price": "1.50", "big": "9007199254740993", "doc": { "b": [1, null] } } })
}

fn map(value: Value) -> Map {
    match value {
        Value::Map(map) => map,
        other => panic!("not an object: {other:?}"),
    }
}

fn over_socket(socket: &mut Socket, key: &str, operation: &str, args: Value) -> Result<Value, Map> {
    let mut params = params(operation, "Account", map(args));
    params.insert("idempotency_key", key);
    socket.call("request", params)
}

fn over_grpc(grpc: &Grpc, key: &str, operation: &str, args: Value) -> Result<Value, String> {
    let mut asked = grpc.with(request(operation, "Account", map(args)));
    asked.metadata_mut().insert("idempotency-key", key.parse().unwrap());
    match runtime().block_on(grpc.client().execute(asked)) {
        Ok(answer) => Ok(plain(answer.into_inner())),
        Err(status) => Err(code(&status)),
    }
}

/// A member of a row as text, however a transport spells it.
fn member(row: &Value, name: &str) -> String {
    json::to_wire(row.as_map().unwrap().get(name).unwrap())
}

#[test]
fn a_write_is_applied_once_whichever_way_it_is_sent() {
    for place in places("once") {
        let mut http = http(&place, "ada");
        let first = post(&mut http, "/v1/accounts:create", "k-1", &account("ada", "one"));
        assert_eq!(first.status, 200, "{}: {}", place.name, first.text());
        let again = post(&mut http, "/v1/accounts:create", "k-1", &account("ada", "one"));
        assert_eq!(again.text(), first.text(), "{}", place.name);
        let row = first.json();
        // A new row's token is told once, and again to who lost the answer.
        assert!(member(&row, "ticket").len() > 40);

        let mut socket = Socket::open(place.served.address, Some(&token("ada")));
        let told = over_socket(&mut socket, "k-1", "create", account("ada", "one")).unwrap();
        assert_eq!(told, row, "{}", place.name);
        let grpc = Grpc::new(place.served.address, Some(&token("ada")));
        let typed = over_grpc(&grpc, "k-1", "create", account("ada", "one")).unwrap();
        for name in ["id", "name", "ticket", "made", "price", "hits", "doc"] {
            assert_eq!(member(&typed, name), member(&row, name), "{}: {name}", place.name);
        }
        // With the type that it had, and not as what JSON made of it.
        assert!(matches!(map(typed).get("made"), Some(Value::DateTime(_))));
        assert_eq!((place.count(), place.keys()), (1, 1), "{}", place.name);

        // By gRPC first, over HTTP again.
        let typed = over_grpc(&grpc, "k-2", "create", account("ada", "two")).unwrap();
        let told = post(&mut http, "/v1/Account:create", "k-2", &account("ada", "two")).json();
        assert_eq!(member(&typed, "ticket"), member(&told, "ticket"));
        assert_eq!(place.count(), 2, "{}", place.name);
    }
}

#[test]
fn every_kind_of_write_answers_again_what_it_answered() {
    for place in places("kinds") {
        let mut http = http(&place, "ada");
        let mut twice = |path: &str, key: &str, body: Value| {
            let first = post(&mut http, path, key, &body);
            assert_eq!(first.status, 200, "{}: {path}: {}", place.name, first.text());
            let again = post(&mut http, path, key, &body);
            assert_eq!((again.status, again.text()), (200, first.text()), "{}: {path}", place.name);
            first.json()
        };
        let made = twice("/v1/accounts:create", "a", account("ada", "one"));
        let id = map(made).get("id").unwrap().clone();
        let one_more = value!({ "hits": { "$increment": 1 } });
        twice("/v1/accounts:update", "b", value!({ "id": (id.clone()), "data": (one_more.clone()) }));
        twice("/v1/accounts:update_many", "c", value!({ "filter": { "name": "one" }, "data": (one_more.clone()) }));
        twice("/v1/accounts:bump", "d", value!({ "id": (id.clone()) }));
        assert_eq!(place.hits(), 3, "{}", place.name);
        let rows = value!([{ "owner": "ada", "name": "x" }, { "owner": "ada", "name": "y" }]);
        twice("/v1/accounts:create_many", "e", value!({ "data": (rows) }));
        let key = value!({ "name": "one" });
        let row = value!({ "owner": "ada", "name": "one" });
        twice("/v1/accounts:upsert", "f", value!({ "where": key, "create": row, "update": (one_more.clone()) }));
        assert_eq!((place.hits(), place.count()), (4, 3), "{}", place.name);
        let entries = value!([
            { "operation": "create", "entity": "Account", "data": { "owner": "ada", "name": "z" } },
            { "operation": "update", "entity": "Account", "id": { "$ref": "0.id" }, "data": (one_more) },
            { "operation": "count", "entity": "Account" },
        ]);
        let answers = twice("/v1/batch", "g", value!({ "entries": entries }));
        assert_eq!(answers.as_list().unwrap()[2], Value::Int(4), "{}", place.name);
        assert_eq!((place.hits(), place.count()), (5, 4), "{}", place.name);
        // A row that is gone is not missed.
        assert_eq!(twice("/v1/accounts:delete", "h", value!({ "id": id })), Value::Bool(true));
        twice("/v1/accounts:delete_many", "i", value!({ "filter": { "name": { "$in": ["x", "y"] } } }));
        assert_eq!((place.count(), place.keys()), (1, 9), "{}", place.name);
    }
}

#[test]
fn a_key_is_of_one_caller_and_one_request() {
    for place in places("scope") {
        let mut ada = http(&place, "ada");
        assert_eq!(post(&mut ada, "/v1/accounts:create", "k", &account("ada", "one")).status, 200);
        let other = account("ada", "other");
        let refused = [
            post(&mut ada, "/v1/accounts:create", "k", &other),
            post(&mut ada, "/v1/accounts:create_many", "k", &value!({ "data": [{ "owner": "ada", "name": "q" }] })),
            post(&mut ada, "/v1/accounts:delete_many", "k", &value!({ "filter": { "name": "one" } })),
            post(&mut ada, "/v1/batch", "k", &value!({ "entries": [] })),
        ];
        for answer in &refused {
            assert_eq!(answer.status, 409, "{}: {}", place.name, answer.text());
        }
        let told = map(map(refused[0].json()).get("error").unwrap().clone());
        assert_eq!(told.get("code"), Some(&"CONFLICT".into()));
        let field = told.get("fields").unwrap().as_list().unwrap()[0].as_map().unwrap().get("field").cloned();
        assert_eq!(field, Some("idempotency_key".into()));
        let mut socket = Socket::open(place.served.address, Some(&token("ada")));
        assert_eq!(
            over_socket(&mut socket, "k", "create", other.clone()).unwrap_err().get("code"),
            Some(&"CONFLICT".into())
        );
        let grpc = Grpc::new(place.served.address, Some(&token("ada")));
        assert_eq!(over_grpc(&grpc, "k", "create", other).unwrap_err(), "CONFLICT");
        assert_eq!(place.count(), 1, "{}", place.name);

        // Of somebody else it is another key: nothing is given away, and nothing is in the way.
        let mut bob = http(&place, "bob");
        let plain = value!({ "data": { "owner": "ada" } });
        assert_eq!(post(&mut ada, "/v1/accounts:create", "same", &plain).status, 200);
        assert_eq!(post(&mut bob, "/v1/accounts:create", "same", &plain).status, 403);
        let own = post(&mut bob, "/v1/accounts:create", "k", &account("bob", "two"));
        assert_eq!((own.status, member(&own.json(), "owner")), (200, "\"bob\"".to_owned()), "{}", own.text());
        let mut nobody = Http::new(place.served.address);
        assert_eq!(post(&mut nobody, "/v1/accounts:create", "k", &account("ada", "one")).status, 403);
        assert_eq!((place.count(), place.keys()), (3, 3), "{}", place.name);
    }
}

#[test]
fn what_failed_may_be_tried_again_with_the_same_key() {
    for place in places("failed") {
        let mut http = http(&place, "ada");
        assert_eq!(post(&mut http, "/v1/accounts:create", "a", &account("ada", "one")).status, 200);
        let taken = account("ada", "one");
        assert_eq!(post(&mut http, "/v1/accounts:create", "b", &taken).code(), "CONFLICT");
        assert_eq!(
            post(&mut http, "/v1/accounts:create", "b", &value!({ "data": { "hits": "x" } })).code(),
            "VALIDATION_ERROR"
        );
        assert_eq!(post(&mut http, "/v1/accounts:create", "b", &account("bob", "two")).code(), "FORBIDDEN");
        let entries = value!([
            { "operation": "create", "entity": "Account", "data": { "owner": "ada", "name": "half" } },
            { "operation": "create", "entity": "Account", "data": { "owner": "ada", "name": "one" } },
        ]);
        assert_eq!(post(&mut http, "/v1/batch", "b", &value!({ "entries": entries })).code(), "CONFLICT");
        assert_eq!((place.count(), place.keys()), (1, 1), "{}", place.name);
        assert_eq!(post(&mut http, "/v1/accounts:create", "b", &account("ada", "two")).status, 200, "{}", place.name);
        // What stood in the way is gone, so the same request succeeds now.
        assert_eq!(post(&mut http, "/v1/accounts:create", "c", &taken).code(), "CONFLICT");
        place.trusted.entity("Account").unwrap().delete_many(value!({ "name": "one" })).unwrap();
        assert_eq!(post(&mut http, "/v1/accounts:create", "c", &taken).status, 200, "{}", place.name);
    }
}

#[test]
fn many_at_once_are_one() {
    const AT_ONCE: usize = 8;
    for place in places("many") {
        let mut first = http(&place, "ada");
        let made = post(&mut first, "/v1/accounts:create", "a", &account("ada", "one")).json();
        let id = map(made).get("id").unwrap().clone();
        for round in 0..5 {
            let key = format!("round-{round}");
            let body = match round % 2 {
                0 => value!({ "id": (id.clone()), "data": { "hits": { "$increment": 1 } } }),
                _ => value!({ "data": { "owner": "ada", "name": (format!("n{round}")) } }),
            };
            let path = if round % 2 == 0 { "/v1/accounts:update" } else { "/v1/accounts:create" };
            let barrier = Barrier::new(AT_ONCE);
            let answers: Vec<(u16, String)> = std::thread::scope(|scope| {
                let ask = || {
                    let mut http = http(&place, "ada");
                    barrier.wait();
                    let answer = post(&mut http, path, &key, &body);
                    (answer.status, answer.text())
                };
                let all: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(ask)).collect();
                all.into_iter().map(|one| one.join().unwrap()).collect()
            });
            assert_eq!(answers[0].0, 200, "{}: {}", place.name, answers[0].1);
            assert!(answers.iter().all(|answer| *answer == answers[0]), "{}: {answers:?}", place.name);
        }
        assert_eq!((place.hits(), place.count(), place.keys()), (3, 3, 6), "{}", place.name);
    }
}

#[test]
fn a_key_ends_with_its_time() {
    for place in places("time") {
        let mut http = http(&place, "ada");
        let asked = value!({ "data": { "owner": "ada" } });
        let first = post(&mut http, "/v1/accounts:create", "k", &asked).json();
        let keys = place.trusted.entity("DbalIdempotencyKey").unwrap();
        let kept = keys.find_many(dbal::query()).unwrap();
        let Some(Value::DateTime(end)) = kept[0].get("expires_at") else { panic!("{kept:?}") };
        let hours = (end.epoch_millis() - dbal::DateTime::now().epoch_millis()) / 3_600_000;
        assert!((23..=24).contains(&hours), "{hours}");
        let over = value!({ "expires_at": "2001-01-01T00:00:00Z" });
        keys.update(kept[0].get("id").unwrap().clone(), over).unwrap();
        let second = post(&mut http, "/v1/accounts:create", "k", &asked);
        assert_eq!(second.status, 200, "{}: {}", place.name, second.text());
        assert_ne!(member(&second.json(), "id"), member(&first, "id"), "{}", place.name);
        assert_eq!((place.count(), place.keys()), (2, 1), "{}", place.name);
    }
}

#[test]
fn what_is_kept_says_nothing_without_the_key() {
    for place in places("clear") {
        let mut http = http(&place, "ada");
        let row = post(&mut http, "/v1/accounts:create", "a-secret-key", &account("ada", "canary-name")).json();
        let ticket = member(&row, "ticket").trim_matches('"').to_owned();
        let kept = place.trusted.entity("DbalIdempotencyKey").unwrap().find_many(dbal::query()).unwrap();
        let Some(Value::Bytes(answer)) = kept[0].get("answer") else { panic!("{kept:?}") };
        let rest = format!("{:?} {:?}", kept[0].get("id"), kept[0].get("request"));
        for secret in ["canary-name", "a-secret-key", "ada", &ticket] {
            assert!(!rest.contains(secret) && !String::from_utf8_lossy(answer).contains(secret), "{secret}");
        }
        // Nobody but trusted code sees that there is such a thing.
        assert_eq!(http.post("/v1/DbalIdempotencyKey:list", &value!({})).code(), "FORBIDDEN");
    }
}

#[test]
fn an_answer_too_long_to_keep_is_not_given_twice_and_not_applied_twice() {
    for place in places("long") {
        let mut http = http(&place, "ada");
        let rows: Vec<Value> = (0..3).map(|_| value!({ "owner": "ada", "doc": ("x".repeat(400_000)) })).collect();
        let body = value!({ "data": (Value::List(rows)) });
        assert_eq!(post(&mut http, "/v1/accounts:create_many", "k", &body).status, 200);
        let again = post(&mut http, "/v1/accounts:create_many", "k", &body);
        assert_eq!((again.status, again.text().contains("was applied already")), (409, true), "{}", again.text());
        assert_eq!(place.count(), 3, "{}", place.name);
    }
}

#[test]
fn what_takes_no_key_says_so() {
    for place in places("none") {
        let mut http = http(&place, "ada");
        let told = |answer: Answer| {
            let text = answer.text();
            (answer.code(), text.contains("idempotency_key"))
        };
        let refused = ("VALIDATION_ERROR".to_owned(), true);
        assert_eq!(told(post(&mut http, "/v1/accounts:list", "k", &value!({}))), refused);
        assert_eq!(told(post(&mut http, "/v1/accounts:stream", "k", &value!({}))), refused);
        assert_eq!(told(http.ask("GET", "/v1/accounts", &[("idempotency-key", "k")], None)), refused);
        for wrong in ["", "a b", "\u{e9}", &"x".repeat(129)] {
            assert_eq!(told(post(&mut http, "/v1/accounts:create", wrong, &account("ada", "w"))), refused, "{wrong:?}");
        }
        let twice = [("idempotency-key", "a"), ("idempotency-key", "b"), ("content-type", "application/json")];
        let body = json::to_wire(&account("ada", "w"));
        assert_eq!(told(http.ask("POST", "/v1/accounts:create", &twice, Some(body.as_bytes()))), refused);

        let mut socket = Socket::open(place.served.address, Some(&token("ada")));
        let begun = map(socket.call("transaction.begin", Map::new()).unwrap());
        let mut inside = params("create", "Account", map(account("ada", "w")));
        inside.insert("transaction", begun.get("transaction").unwrap().clone());
        inside.insert("idempotency_key", "k");
        assert_eq!(socket.call("request", inside).unwrap_err().get("code"), Some(&"VALIDATION_ERROR".into()));
        let grpc = Grpc::new(place.served.address, Some(&token("ada")));
        assert_eq!(over_grpc(&grpc, "k", "count", value!({})).unwrap_err(), "VALIDATION_ERROR");
        assert_eq!((place.count(), place.keys()), (0, 0), "{}", place.name);

        let mut socket = Socket::silent(place.served.address, &[]).unwrap();
        let greeted = map(socket.call("session.init", Map(vec![("token".into(), token("ada").into())])).unwrap());
        assert_eq!(greeted.get("idempotency"), Some(&Value::Bool(true)));
        let mut nobody = Socket::silent(place.served.address, &[]).unwrap();
        let greeted = map(nobody.call("session.init", Map::new()).unwrap());
        assert_eq!(greeted.get("idempotency"), Some(&Value::Bool(false)));
    }
}

#[test]
fn keys_that_nobody_keeps_are_refused() {
    let place = forgetful();
    let mut http = http(&place, "ada");
    let refused = post(&mut http, "/v1/accounts:create", "k", &account("ada", "one"));
    assert_eq!((refused.status, refused.code()), (501, "CAPABILITY_NOT_SUPPORTED".into()));
    let mut socket = Socket::open(place.served.address, Some(&token("ada")));
    let refused = over_socket(&mut socket, "k", "create", account("ada", "one")).unwrap_err();
    assert_eq!(refused.get("code"), Some(&"CAPABILITY_NOT_SUPPORTED".into()));
    assert_eq!(place.count(), 0);
}
