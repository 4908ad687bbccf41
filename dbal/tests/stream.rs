//! Streams: every row once, errors as items, and nothing left behind when nobody takes the rest.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::time::Duration;

use dbal::{AsyncClient, Client, Config, ErrorKind, Record, Value, query, value};

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

const RELATED: &str = "
entity: Shop
fields:
  id: { type: integer, primary: true }
  name: { type: string }
---
entity: Item
fields:
  id: { type: integer, primary: true }
  shop_id: { type: integer, foreign_key: { entity: Shop, field: id } }
---
entity: Mark
fields:
  id: { type: integer, primary: true }
  item_id: { type: integer, foreign_key: { entity: Item, field: id } }
";

/// Three batches and a half: each item has a shop, all but each third one, and as many marks as its id says, up to 3.
fn related(config: Config) -> Client {
    let db = Client::open(config.schema_text(RELATED)).unwrap();
    db.migrate().unwrap();
    let shops = (0..7).map(|id| value!({ "id": id, "name": "old" }));
    db.entity("Shop").unwrap().insert_many(shops).unwrap();
    let items = (0..900).map(|id| {
        let shop = if id % 3 == 0 { Value::Null } else { Value::Int(id % 7) };
        value!({ "id": id, "shop_id": shop })
    });
    db.entity("Item").unwrap().insert_many(items).unwrap();
    let marks = (0..900).flat_map(|id| {
        (0..id % 4).map(move |n| {
            let mark = id * 4 + n;
            value!({ "id": mark, "item_id": id })
        })
    });
    db.entity("Mark").unwrap().insert_many(marks).unwrap();
    db
}

fn with_related() -> dbal::client::builder::Query {
    query().include(value!({ "shop": true, "marks": { "limit": 2, "sort": { "id": "desc" } } })).sort("id", "desc")
}

#[test]
fn rows_of_every_batch_have_their_related_rows() {
    let dir = tempfile::tempdir().unwrap();
    for config in [Config::memory(), Config::sqlite(":memory:"), Config::sqlite(dir.path().join("a.db")).pool_size(1)] {
        let db = related(config);
        let whole = db.entity("Item").unwrap().find_many(with_related()).unwrap();
        let streamed: Vec<Record> = db.stream("Item", with_related()).unwrap().map(Result::unwrap).collect();
        assert_eq!(streamed, whole);
        assert_eq!(whole.len(), 900);
        let some = db.stream("Item", with_related().limit(300)).unwrap().map(Result::unwrap).collect::<Vec<_>>();
        assert_eq!(some, whole[..300]);
        let db = AsyncClient::from(db);
        let awaited = block_on(async {
            let mut rows = db.stream("Item", with_related()).await.unwrap();
            let mut all = Vec::new();
            while let Some(row) = rows.next().await {
                all.push(row.unwrap());
            }
            all
        });
        assert_eq!(awaited, whole);
    }
}

#[test]
fn rows_and_related_rows_are_of_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let db = related(Config::sqlite(dir.path().join("a.db")));
    let whole = db.entity("Item").unwrap().find_many(with_related()).unwrap();
    let mut rows = db.stream("Item", with_related()).unwrap();
    let first = rows.next().unwrap().unwrap();
    db.entity("Shop").unwrap().update_all(value!({ "name": "new" })).unwrap();
    db.entity("Mark").unwrap().delete_all().unwrap();
    let streamed: Vec<Record> = std::iter::once(first).chain(rows.map(Result::unwrap)).collect();
    assert_eq!(streamed, whole);
}

#[test]
fn a_stream_with_related_rows_dropped_early_gives_its_connection_back() {
    let dir = tempfile::tempdir().unwrap();
    let db = related(Config::sqlite(dir.path().join("a.db")).pool_size(1)).with_timeout(Some(Duration::from_secs(10)));
    for _ in 0..20 {
        let mut rows = db.stream("Item", with_related()).unwrap();
        rows.next().unwrap().unwrap();
    }
    assert_eq!(db.entity("Item").unwrap().count(query()).unwrap(), 900);
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

#[test]
fn a_stream_that_nobody_takes_gives_its_connection_back_at_its_deadline() {
    let (_dir, db) = filled(5_000);
    let hasty = db.with_timeout(Some(Duration::from_millis(200)));
    let patient = db.with_timeout(Some(Duration::from_secs(10)));
    let mut stalled = hasty.stream("Item", query()).unwrap();
    stalled.next().unwrap().unwrap();
    assert_eq!(patient.entity("Item").unwrap().count(query()).unwrap(), 5_000, "the pool has one connection");
    let last = stalled.last().unwrap();
    assert_eq!(last.unwrap_err().kind(), ErrorKind::Timeout, "never a cut");
    block_on(async {
        let mut stalled = AsyncClient::from(hasty).stream("Item", query()).await.unwrap();
        stalled.next().await.unwrap().unwrap();
        assert_eq!(patient.entity("Item").unwrap().count(query()).unwrap(), 5_000, "the pool has one connection");
        let mut last = None;
        while let Some(item) = stalled.next().await {
            last = Some(item);
        }
        assert_eq!(last.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
    });
}
