//! Rows past their time go by themselves.

use std::time::{Duration, Instant};

use dbal::audit::Audit;
use dbal::{Client, Config, DateTime, value};

const SCHEMA: &str = "
entity: Session
fields:
  id: { type: integer, primary: true }
  expires_at: { type: datetime, required: true }
ttl: { field: expires_at, auto_delete: true }
---
entity: Visit
fields:
  id: { type: integer, primary: true }
  session_id: { type: integer, foreign_key: { entity: Session, on_delete: cascade } }
";

/// A client with an hour-old session, its visit, and a session that lasts. `held` reads the file itself.
fn opened(path: &std::path::Path, every: Option<Duration>, audit: &std::path::Path) -> Client {
    let config = Config::sqlite(path).schema_text(SCHEMA).sweep_every(every).audit(Audit::file(audit));
    let db = Client::open(config).expect("opened");
    db.migrate().expect("migrated");
    let now = DateTime::now().epoch_millis();
    let at = |millis: i64| DateTime::from_epoch_millis(millis).expect("in range");
    let sessions = db.entity("Session").expect("declared");
    sessions.create(value!({ "id": 1, "expires_at": (at(now - 3_600_000)) })).expect("created");
    sessions.create(value!({ "id": 2, "expires_at": (at(now + 3_600_000)) })).expect("created");
    for id in 1..=2 {
        let visit = value!({ "id": id, "session_id": (3 - id) });
        db.entity("Visit").expect("declared").create(visit).expect("created");
    }
    db
}

/// Visits are counted by rows of their own: one that is there tells that its session is, too.
fn visits(db: &Client) -> i64 {
    db.entity("Visit").expect("declared").count(dbal::query()).expect("counted")
}

#[test]
fn rows_past_their_time_are_removed_by_a_thread_of_the_client() {
    let folder = tempfile::tempdir().expect("a folder");
    let audit = folder.path().join("audit.log");
    let db = opened(&folder.path().join("app.db"), Some(Duration::from_millis(50)), &audit);
    let began = Instant::now();
    while visits(&db) > 1 {
        assert!(began.elapsed() < Duration::from_secs(60), "nobody sweeps");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(visits(&db), 1, "what lasts stays");
    let text = std::fs::read_to_string(&audit).expect("lines");
    let swept = text.lines().filter(|line| line.contains(r#""operation":"sweep","entity":"Session""#)).count();
    assert_eq!(swept, 1, "a round that removes nothing has no line: {text}");

    // The thread ends with the client: a row that expires afterwards stays.
    drop(db);
    let path = folder.path().join("app.db");
    let config = Config::sqlite(&path).schema_text(SCHEMA).sweep_every(None);
    let quiet = Client::open(config).expect("opened");
    let past = DateTime::from_epoch_millis(0).expect("in range");
    let sessions = quiet.entity("Session").expect("declared");
    sessions.create(value!({ "id": 3, "expires_at": past })).expect("created");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(quiet.sweep().expect("swept"), 1);
}

#[test]
fn no_thread_where_none_is_wanted() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = opened(&folder.path().join("app.db"), None, &folder.path().join("audit.log"));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(visits(&db), 2);
}
