//! Streams: every row once, errors as items, and nothing left behind when nobody takes the rest.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::time::Duration;

use dbal::{AsyncClient, Client, Config, ErrorKind, query, value};

const SCHEMA: &str = "
entity: Item
fields:
  id: { type: integer, primary: true }
  name: { type: string }
acl:
  read: { public: true }
";

fn filled(rows: i64) -> (tempfile::TempDir, Client) {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::sqlite(dir.path().join("a.db")).schema_text(SCHEMA).pool_size(1);
    let db = Client::open(config).unwrap();
    db.migrate().unwrap();
    db.transaction(|tx| {
        let items = tx.entity("Item")?;
        (0..rows).try_for_each(|id| items.create(value!({ "id": id, "name": "x" })).map(drop))
    })
    .unwrap();
    (dir, db)
}

#[test]
fn every_row_comes_once_and_in_order() {
    let (_dir, db) = filled(1_500);
    let ids: Vec<i64> =
        db.stream("Item", query()).unwrap().map(|row| row.unwrap().get("id").unwrap().as_i64().unwrap()).collect();
    assert_eq!(ids, (0..1_500).collect::<Vec<_>>());
}

#[test]
fn a_stream_dropped_early_gives_its_connection_back() {
    let (_dir, db) = filled(5_000);
    let db = db.with_timeout(Some(Duration::from_secs(10)));
    for _ in 0..20 {
        let mut rows = db.stream("Item", query()).unwrap();
        rows.next().unwrap().unwrap();
    }
    assert_eq!(db.entity("Item").unwrap().count(query()).unwrap(), 5_000);
}

#[test]
fn a_faulty_request_fails_before_anything_is_read() {
    let (_dir, db) = filled(1);
    let error = db.stream("Item", query().filter(value!({ "nope": 1 }))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ValidationError);
}

#[test]
fn what_happens_later_comes_as_an_item() {
    let (_dir, db) = filled(300);
    let bound = db.as_principal(dbal::Principal::anonymous());
    let items: Vec<_> = bound.stream("Item", query()).unwrap().collect();
    // A bound caller without a limit gets an error, never a cut.
    assert!(items.iter().any(|item| item.as_ref().is_err_and(|error| error.kind() == ErrorKind::ValidationError)));
}

#[test]
fn rows_can_be_awaited() {
    let (_dir, db) = filled(1_000);
    let db = AsyncClient::from(db);
    let count = block_on(async {
        let mut rows = db.stream("Item", query()).await.unwrap();
        let mut count = 0;
        while let Some(row) = rows.next().await {
            row.unwrap();
            count += 1;
        }
        count
    });
    assert_eq!(count, 1_000);
}

fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = std::pin::pin!(future);
    let waker = std::task::Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
            std::task::Poll::Ready(out) => return out,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}
