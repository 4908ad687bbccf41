//! Idempotency keys of a client in the same process: calls that do more than write, and schemas that ask for keys.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dbal::schema::{IDEMPOTENCY_KEYS, load_sources, load_value};
use dbal::{Client, Config, Principal, Value, query, value};

const SCHEMA: &str = "
idempotency: true
---
entity: Login
fields:
  id: { type: string, primary: true }
  password: { type: string, sensitive: true, stored_as: argon2id }
  seen: { type: integer, default: 0 }
acl: { read: { public: true }, update: { public: true } }
operations:
  enter:
    input: { required: [id, password] }
    output: Login
    acl_required: ['login:update']
    rate_limit: { max_attempts: 2, window_seconds: 600, per: id }
    steps:
      - verify_secret: { where: { id: { $input: id } }, field: password, input: password }
      - { operation: update, id: { $input: id }, data: { seen: { $increment: 1 } }, save: seen }
      - return: { $ref: seen }
  ring:
    input: { required: [id] }
    output: Login
    acl_required: ['login:update']
    handler: ring
";

fn open(config: Config) -> (Client, Arc<AtomicUsize>) {
    let rings = Arc::new(AtomicUsize::new(0));
    let counted = rings.clone();
    let config = config.schema_text(SCHEMA).handler("ring", move |inside, input| {
        counted.fetch_add(1, Ordering::SeqCst);
        let id = input.get("id").cloned().unwrap_or_default();
        inside
            .entity("Login")?
            .update(id, value!({ "seen": { "$increment": 10 } }))
            .map(|row| Value::Record(Box::new(row)))
    });
    let db = Client::open(config).unwrap();
    db.migrate().unwrap();
    db.entity("Login").unwrap().create(value!({ "id": "ada", "password": "open sesame" })).unwrap();
    (db, rings)
}

fn seen(db: &Client) -> i64 {
    db.entity("Login").unwrap().read("ada").unwrap().get("seen").unwrap().as_i64().unwrap()
}

#[test]
fn a_call_is_counted_verified_and_carried_out_once() {
    let folder = tempfile::tempdir().unwrap();
    for config in [Config::memory(), Config::sqlite(folder.path().join("app.db"))] {
        let (db, rings) = open(config);
        let ada = db.as_principal(Principal::new("ada", "user"));
        let input = value!({ "id": "ada", "password": "open sesame" });
        let once = ada.with_idempotency_key("k");
        let first = once.call("Login.enter", input.clone()).unwrap();
        // More often than calls are let through.
        for _ in 0..4 {
            assert_eq!(once.call("Login.enter", input.clone()).unwrap(), first);
        }
        assert_eq!(seen(&db), 1);
        let wrong = value!({ "id": "ada", "password": "open" });
        assert_eq!(once.call("Login.enter", wrong.clone()).unwrap_err().code(), "CONFLICT");
        // One that fails is counted, and its key stays free.
        let other = ada.with_idempotency_key("k2");
        assert_eq!(other.call("Login.enter", wrong).unwrap_err().code(), "UNAUTHORIZED");
        assert_eq!(other.call("Login.enter", input).unwrap_err().code(), "RATE_LIMIT_EXCEEDED");

        let once = ada.with_idempotency_key("k3");
        let first = once.call("Login.ring", value!({ "id": "ada" })).unwrap();
        assert_eq!(once.call("Login.ring", value!({ "id": "ada" })).unwrap(), first);
        assert_eq!((rings.load(Ordering::SeqCst), seen(&db)), (1, 11));
        assert_eq!(db.entity(IDEMPOTENCY_KEYS).unwrap().count(query()).unwrap(), 2);
    }
}

#[test]
fn keys_of_trusted_code_and_of_nobody() {
    let (db, _) = open(Config::memory());
    assert!(db.keeps_idempotency_keys() && !db.as_principal(Principal::anonymous()).keeps_idempotency_keys());
    let row = value!({ "id": "bob", "password": "x" });
    let once = db.with_idempotency_key("k");
    let first = once.entity("Login").unwrap().create(row.clone()).unwrap();
    assert_eq!(once.entity("Login").unwrap().create(row).unwrap(), first);
    let nobody = db.as_principal(Principal::anonymous()).with_idempotency_key("k");
    let refused = nobody.entity("Login").unwrap().update("bob", value!({ "seen": 1 })).unwrap_err();
    assert_eq!(refused.code(), "FORBIDDEN");
    let refused = once.entity("Login").unwrap().read("bob").unwrap_err();
    assert_eq!((refused.code(), refused.fields()[0].field.as_str()), ("VALIDATION_ERROR", "idempotency_key"));
    // The answer and nothing else is kept: what became of the row meanwhile is asked by a read.
    db.entity("Login").unwrap().delete("bob").unwrap();
    let again = once.entity("Login").unwrap().create(value!({ "id": "bob", "password": "x" }));
    assert_eq!(again.unwrap(), first);
}

#[test]
fn a_schema_says_whether_keys_are_kept() {
    let entity = "entity: Note\nfields: { id: { type: integer, primary: true } }\n";
    let load = |more: &str| load_sources(vec![("note.yaml".into(), entity.into()), ("keys.yaml".into(), more.into())]);
    let keeps = |more: &str| load(more).unwrap().schema.by_name(IDEMPOTENCY_KEYS).is_some();
    assert!(keeps("idempotency: true") && !keeps("idempotency: false") && !keeps(""));
    let faults = load("idempotency: sometimes").unwrap_err().to_string();
    assert!(faults.contains("keys.yaml:1:14: error: idempotency: expected true or false"), "{faults}");
    let given = value!({ "entities": { "Note": { "fields": { "id": { "type": "integer", "primary": true } } } }, "idempotency": true });
    assert!(load_value(&given).unwrap().schema.by_name(IDEMPOTENCY_KEYS).is_some());
}
