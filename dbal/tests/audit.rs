//! Who did what, when, and whether it was done: a line for each attempt.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use dbal::audit::{Audit, AuditFailure, Line};
use dbal::client::Origin;
use dbal::{AsyncClient, Client, Config, Operation, Principal, Request, query, value};

mod common;

const SCHEMA: &str = r#"
entity: Note
fields:
  id: { type: uuid, primary: true, generated: true }
  text: { type: string, required: true }
  pin: { type: string, sensitive: true }
security: { scan_for_malicious: [text] }
acl: { create: { role: [user] }, read: { role: [user] } }
operations:
  quiet: { public: true, steps: [{ return: true }] }
  loud: { public: true, security: { audit: true }, steps: [{ return: true }] }
  first: { input: { required: [id] }, public: true, output: Note, steps: [{ operation: read, id: { $input: id }, save: it }, { return: { $ref: it } }] }
---
entity: Vault
fields: { id: { type: integer, primary: true }, code: { type: string } }
security: { audit_all_access: true }
"#;

type Lines = Arc<Mutex<Vec<Line>>>;

fn opened(edit: impl FnOnce(Audit) -> Audit) -> (Client, Lines) {
    let lines = Lines::default();
    let kept = lines.clone();
    let audit = Audit::to(move |line| {
        kept.lock().expect("not poisoned").push(line.clone());
        Ok(())
    });
    let config = Config::sqlite(":memory:").schema_text(SCHEMA).audit(edit(audit));
    let db = Client::open(config).expect("opened");
    db.migrate().expect("migrated");
    (db, lines)
}

/// The lines so far, short: operation, entity, whether it was done, the error.
fn taken(lines: &Lines) -> Vec<String> {
    let lines = std::mem::take(&mut *lines.lock().expect("not poisoned"));
    let short = |line: &Line| {
        let entity = line.entity.as_deref().unwrap_or("-");
        format!("{} {entity} {} {}", line.operation, line.success, line.error.unwrap_or("-"))
    };
    lines.iter().map(short).collect()
}

#[test]
fn every_attempt_has_one_line() {
    let (db, lines) = opened(|audit| audit);
    let ann = db
        .as_principal(Principal::new("ann", "user"))
        .with_origin(Origin { request_id: Some("r1".into()), peer: Some("10.0.0.9:4711".into()) });
    let notes = ann.entity("Note").expect("declared");
    notes.create(value!({ "text": "hello", "pin": "hunter2" })).expect("created");
    let made = notes.create(value!({ "text": "hello" })).expect("created");
    let id = made.get("id").expect("a key").clone();
    {
        let lines = lines.lock().expect("not poisoned");
        let line = lines.last().expect("a line");
        assert_eq!((line.user.as_deref(), line.role.as_deref()), (Some("ann"), Some("user")));
        assert_eq!(line.id.clone(), Some(value::json::to_wire(&id).trim_matches('"').to_owned()));
        assert_eq!((line.request_id.as_deref(), line.peer.as_deref()), (Some("r1"), Some("10.0.0.9:4711")));
        assert!(lines.iter().all(|line| !line.to_json().contains("hunter2") && !line.to_json().contains("hello")));
    }
    taken(&lines);

    notes.read(id.clone()).expect("read");
    notes.list(query()).expect("listed");
    notes.update(id.clone(), value!({ "text": "no" })).expect_err("forbidden");
    notes.create(value!({ "txet": "no" })).expect_err("unknown field");
    ann.execute(&Request::new(Operation::Count, "Nothing")).expect_err("unknown entity");
    notes.create(value!({ "text": "<script>" })).expect_err("malicious");
    ann.call("Note.first", value!({ "id": (id.clone()) })).expect("called");
    ann.call("Note.nothing", value!({})).expect_err("unknown operation");
    ann.stream("Note", query()).expect("a stream").for_each(drop);
    assert_eq!(
        taken(&lines),
        [
            "read Note true -",
            "list Note true -",
            "update Note false FORBIDDEN",
            "create Note false VALIDATION_ERROR",
            "count Nothing false VALIDATION_ERROR",
            "create Note false MALICIOUS_CODE_DETECTED",
            "first Note true -",
            "nothing Note false VALIDATION_ERROR",
            "stream Note true -",
        ]
    );

    // Entries of a batch are attempts, and what is undone with a failed one was not done.
    let create = |text: &str| Request::new(Operation::Create, "Note").arg("data", value!({ "text": text }));
    ann.batch([create("a"), create("b")]).expect("both");
    ann.batch([create("a"), create("<script>")]).expect_err("neither");
    let as_data = value!([{ "operation": "create", "entity": "Note", "data": { "text": "c" } }, { "operation": "x" }]);
    ann.execute(&Request::new(Operation::Batch, "").arg("entries", as_data)).expect_err("no such operation");
    ann.batch([]).expect("nothing to do");
    assert_eq!(
        taken(&lines),
        [
            "create Note true -",
            "create Note true -",
            "create Note false CONFLICT",
            "create Note false MALICIOUS_CODE_DETECTED",
            "create Note false VALIDATION_ERROR",
            "batch - false VALIDATION_ERROR",
            "batch - true -",
        ]
    );

    // One that is too long is refused as a whole, in both forms: no flood of entries washes the file away.
    let flood = vec![value!({}); 1_001];
    ann.execute(&Request::new(Operation::Batch, "").arg("entries", flood)).expect_err("too many entries");
    ann.batch(std::iter::repeat_n(create("z"), 1_001)).expect_err("too many entries");
    assert_eq!(taken(&lines), ["batch - false VALIDATION_ERROR", "batch - false VALIDATION_ERROR"]);

    db.transaction(|tx| {
        tx.entity("Note")?.create(value!({ "text": "d" }))?;
        tx.call("Note.quiet", value!({}))?;
        tx.batch([create("e")]).map(drop)
    })
    .expect("committed");
    let mut held = db.begin().expect("begun");
    held.execute(&create("f")).expect("created");
    held.commit().expect("committed");
    assert_eq!(taken(&lines), ["create Note true -", "quiet Note true -", "create Note true -", "create Note true -"]);
}

#[test]
fn who_asked_is_who_asked() {
    let (db, lines) = opened(|audit| audit);
    db.entity("Note").expect("declared").create(value!({ "text": "x" })).expect("created");
    let anonymous = db.as_principal(Principal::anonymous());
    anonymous.entity("Note").expect("declared").count(query()).expect_err("forbidden");
    let sly = db.as_principal(Principal::new("eve\n{\"user\":\"god\"}", "system"));
    sly.entity("Note").expect("declared").count(query()).expect_err("forbidden");
    let lines = lines.lock().expect("not poisoned");
    let who: Vec<(Option<&str>, Option<&str>)> =
        lines.iter().map(|line| (line.user.as_deref(), line.role.as_deref())).collect();
    assert_eq!(who[0], (None, Some("system")));
    assert_eq!(who[1], (None, None));
    assert_eq!(who[2].1, Some("'system'"));
    assert_eq!(lines[2].to_json().lines().count(), 1);
}

#[test]
fn an_incident_names_the_pattern_to_the_audit_alone() {
    let (db, lines) = opened(|audit| audit);
    let error = db.entity("Note").expect("declared").create(value!({ "text": "a <script> b" })).expect_err("refused");
    assert!(!error.to_string().contains("script_tag"), "{error}");
    let line = lines.lock().expect("not poisoned").pop().expect("a line");
    assert_eq!(line.incident.as_deref(), Some("script_tag"));
    assert!(!line.to_json().contains("<script>"));
}

#[test]
fn flagged_lines_alone() {
    let (db, lines) = opened(Audit::flagged_only);
    let notes = db.entity("Note").expect("declared");
    notes.create(value!({ "text": "x" })).expect("created");
    notes.create(value!({ "text": "<script>" })).expect_err("refused");
    db.call("Note.quiet", value!({})).expect("called");
    db.call("Note.loud", value!({})).expect("called");
    db.entity("Vault").expect("declared").count(query()).expect("counted");
    assert_eq!(taken(&lines), ["create Note false MALICIOUS_CODE_DETECTED", "loud Note true -", "count Vault true -"]);
}

/// Rows of which every access is written down, reached by an include and by the steps of another entity's operation.
#[test]
fn flagged_rows_are_seen_wherever_a_request_gets_to_them() {
    let schema = r#"
entity: Room
fields: { id: { type: integer, primary: true }, name: { type: string } }
operations:
  count_safes: { public: true, steps: [{ operation: count, entity: Safe, save: n }, { return: { $ref: n } }] }
  count_rooms: { public: true, steps: [{ operation: count, save: n }, { return: { $ref: n } }] }
---
entity: Shelf
fields:
  id: { type: integer, primary: true }
  room_id: { type: integer, foreign_key: { entity: Room, field: id } }
---
entity: Safe
fields:
  id: { type: integer, primary: true }
  shelf_id: { type: integer, foreign_key: { entity: Shelf, field: id } }
security: { audit_all_access: true }
"#;
    let lines = Lines::default();
    let kept = lines.clone();
    let audit = Audit::to(move |line| {
        kept.lock().expect("not poisoned").push(line.clone());
        Ok(())
    });
    let config = Config::sqlite(":memory:").schema_text(schema).audit(audit.flagged_only());
    let db = Client::open(config).expect("opened");
    db.migrate().expect("migrated");
    let rooms = db.entity("Room").expect("declared");
    rooms.find_many(query()).expect("found");
    rooms.find_many(query().include(value!({ "shelves": true }))).expect("found");
    rooms.find_many(query().include(value!({ "shelves": { "include": { "safes": false } } }))).expect("found");
    db.call("Room.count_rooms", value!({})).expect("called");
    assert_eq!(taken(&lines), Vec::<String>::new());
    rooms.find_many(query().include(value!({ "shelves": { "include": { "safes": true } } }))).expect("found");
    db.entity("Shelf").expect("declared").list(query().include(value!({ "safes": { "limit": 3 } }))).expect("listed");
    db.call("Room.count_safes", value!({})).expect("called");
    assert_eq!(taken(&lines), ["find_many Room true -", "list Shelf true -", "count_safes Room true -"]);
}

#[test]
fn awaited_attempts_have_lines_too() {
    let (db, lines) = opened(|audit| audit);
    let db = AsyncClient::from(db);
    let create = |text: &str| Request::new(Operation::Create, "Note").arg("data", value!({ "text": text }));
    common::wait::block_on(async {
        db.entity("Note").expect("declared").create(value!({ "text": "a" })).await.expect("created");
        db.execute(&create("<script>")).await.expect_err("refused");
        db.batch([create("b"), create("c")]).await.expect("both");
        db.call("Note.quiet", value!({})).await.expect("called");
        let transaction = db.begin().await.expect("begun");
        transaction.execute(&create("d")).await.expect("created");
        transaction.batch([create("e")]).await.expect("created");
        transaction.commit().await.expect("committed");
        // Nobody waits for the end of this one.
        drop(db.stream("Note", query()).await.expect("a stream"));
        let last = create("f");
        let mut dropped = Box::pin(db.execute(&last));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let _ = dropped.as_mut().poll(&mut context);
        drop(dropped);
    });
    let lines = taken(&lines);
    let expected = [
        "create Note true -",
        "create Note false MALICIOUS_CODE_DETECTED",
        "create Note true -",
        "create Note true -",
        "quiet Note true -",
        "create Note true -",
        "create Note true -",
        "stream Note true -",
    ];
    assert_eq!(lines[..expected.len()], expected);
    // It was cancelled, or it was done before it was dropped.
    assert_eq!(lines.len(), expected.len() + 1);
    assert!(["create Note false CANCELLED", "create Note true -"].contains(&lines[8].as_str()), "{lines:?}");
}

#[test]
fn without_a_line_nothing_is_done_where_that_matters() {
    for closed in [true, false] {
        let broken = Arc::new(AtomicBool::new(false));
        let seen = broken.clone();
        let audit = Audit::to(move |_| match seen.load(Ordering::Relaxed) {
            true => Err("the disk is full".into()),
            false => Ok(()),
        });
        let failure = if closed { AuditFailure::Closed } else { AuditFailure::Open };
        let config = Config::memory().schema_text(SCHEMA).audit(audit.on_failure(failure));
        let db = Client::open(config).expect("opened");
        let vaults = db.entity("Vault").expect("declared");
        broken.store(true, Ordering::Relaxed);
        let first = vaults.create(value!({ "id": 1 }));
        let second = vaults.create(value!({ "id": 2 }));
        broken.store(false, Ordering::Relaxed);
        let count = vaults.count(query()).expect("counted");
        if closed {
            // The first was done and says that nobody knows of it; the second was not begun.
            let first = first.expect_err("not written down");
            assert_eq!((first.code(), first.outcome()), ("INTERNAL_ERROR", Some(dbal::Outcome::Unknown)));
            assert_eq!(second.expect_err("refused").outcome(), Some(dbal::Outcome::NotApplied));
            assert_eq!(count, 1);
        } else {
            assert_eq!((first.is_ok(), second.is_ok(), count), (true, true, 2));
        }
    }
}

#[test]
fn a_file_of_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("logs/audit.log");
    let config = Config::memory().schema_text(SCHEMA).audit(Audit::file(&path).rotated(2_000, 3));
    let db = Client::open(config).expect("opened");
    for id in 1..=20 {
        db.entity("Vault").expect("declared").create(value!({ "id": id, "code": "hunter2" })).expect("created");
    }
    let mut lines = 0;
    for name in ["audit.log", "audit.log.1", "audit.log.2"] {
        let Ok(text) = std::fs::read_to_string(folder.path().join("logs").join(name)) else { continue };
        assert!(text.len() <= 2_000 && !text.contains("hunter2"));
        lines += text.lines().filter(|line| line.contains(r#""operation":"create","entity":"Vault","id":""#)).count();
    }
    assert_eq!(lines, 20);
    let nowhere = Config::memory().schema_text(SCHEMA).audit(Audit::file(folder.path()));
    assert_eq!(Client::open(nowhere).expect_err("a folder is no file").code(), "VALIDATION_ERROR");
}
