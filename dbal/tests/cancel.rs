//! Requests that nobody waits for any more, that run out of time, or whose process is killed: whatever they wrote is
//! there whole or not at all, and nobody else is held up.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::wait::{block_on, within};
use dbal::adapter::Cancel;
use dbal::{AsyncClient, Client, Config, ErrorKind, Operation, Reason, Request, Value, query, value};
use proptest::prelude::*;

const SCHEMA: &str = "
entity: Folder
fields:
  id: { type: integer, primary: true }
  parent_id: { type: integer, foreign_key: { entity: Folder, on_delete: cascade } }
  name: { type: string }
relations:
  parent: { type: belongs_to, entity: Folder, foreign_key: parent_id }
  children: { type: has_many, entity: Folder, foreign_key: parent_id }
";

/// One connection reads, so that whoever keeps it holds up all readers.
fn open(folder: &Path) -> Client {
    let config = Config::sqlite(folder.join("a.db")).schema_text(SCHEMA).pool_size(1);
    let db = Client::open(config.timeout(Duration::from_secs(20))).unwrap();
    db.migrate().unwrap();
    db
}

/// A root, and so many folders in it from number `from` on.
fn family(root: i64, from: i64, children: i64) -> Vec<Value> {
    let child = |id| value!({ "id": id, "parent_id": root, "name": "x" });
    std::iter::once(value!({ "id": root, "name": "root" })).chain((from..from + children).map(child)).collect()
}

fn count(db: &Client) -> i64 {
    db.entity("Folder").unwrap().count(query()).unwrap()
}

/// Over a family of 1,000, thousands of millions of looks at a row.
fn slow() -> Value {
    let siblings = |of: Value| value!({ "parent": { "children": { "$some": of } } });
    siblings(siblings(siblings(value!({ "name": "nobody" }))))
}

fn slow_db() -> (tempfile::TempDir, Client) {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    db.entity("Folder").unwrap().insert_many(family(1, 2, 1_000)).unwrap();
    (folder, db)
}

/// Reading and writing go on at once: nothing runs on, and no transaction is open.
fn goes_on(db: &Client) {
    let begun = Instant::now();
    let folders = db.entity("Folder").unwrap();
    assert_eq!(folders.count(query().filter(value!({ "name": { "$ne": "changed" } }))).unwrap(), 1_001);
    folders.update(1, value!({ "name": "root" })).unwrap();
    let awaited = AsyncClient::from(db.clone());
    assert_eq!(block_on(awaited.entity("Folder").unwrap().count(query())).unwrap(), 1_001);
    block_on(awaited.entity("Folder").unwrap().update(1, value!({ "name": "root" }))).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3), "held up for {:?}", begun.elapsed());
}

fn requests() -> Vec<Request> {
    let many = |operation| Request::new(operation, "Folder").arg("filter", slow());
    let change = many(Operation::UpdateMany).arg("data", value!({ "name": "changed" }));
    let first_all =
        Request::new(Operation::UpdateMany, "Folder").arg("all", true).arg("data", value!({ "name": "changed" }));
    let entry = |request: &Request, operation: &str| {
        let mut map = request.args.clone();
        map.insert("operation", operation);
        map.insert("entity", "Folder");
        Value::Map(map)
    };
    let entries = Value::List(vec![entry(&first_all, "update_many"), entry(&many(Operation::Count), "count")]);
    vec![
        many(Operation::Count),
        many(Operation::FindMany),
        change,
        many(Operation::DeleteMany),
        Request::new(Operation::Batch, "").arg("entries", entries),
    ]
}

const MOMENT: Duration = Duration::from_millis(40);

#[test]
fn a_dropped_request_stops() {
    let (_folder, db) = slow_db();
    let awaited = AsyncClient::from(db.clone());
    for request in requests() {
        assert!(within(awaited.execute(&request), MOMENT).is_none(), "{request:?} is not slow");
        goes_on(&db);
    }
}

#[test]
fn a_request_stops_when_its_time_is_over() {
    let (_folder, db) = slow_db();
    let hasty = db.with_timeout(Some(MOMENT));
    let awaited = AsyncClient::from(hasty.clone());
    for request in requests() {
        for error in [hasty.execute(&request).unwrap_err(), block_on(awaited.execute(&request)).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Timeout, "{request:?}: {error:?}");
        }
        goes_on(&db);
    }
}

#[test]
fn a_request_stops_when_another_thread_says_so() {
    let (_folder, db) = slow_db();
    for (number, request) in requests().into_iter().enumerate() {
        for inside in [false, true] {
            let cancel = Cancel::default();
            let patient = db.with_cancel(&cancel);
            let later = std::thread::spawn(move || {
                std::thread::sleep(MOMENT);
                cancel.cancel();
            });
            let error = match inside {
                false => patient.execute(&request).unwrap_err(),
                // A part that was undone before makes no difference.
                true => patient
                    .transaction(|tx| {
                        tx.entity("Folder")?.update(1, value!({ "name": "changed" }))?;
                        assert!(tx.transaction(|_| Err::<(), _>(dbal::Error::validation("x", "y"))).is_err());
                        tx.execute(&request).map(drop)
                    })
                    .unwrap_err(),
            };
            later.join().unwrap();
            assert_eq!(error.kind(), ErrorKind::Timeout, "request {number}: {error:?}");
            assert_eq!(patient.entity("Folder").unwrap().count(query()).unwrap_err().kind(), ErrorKind::Timeout);
            goes_on(&db);
        }
    }
    let cancel = Cancel::default();
    let mut held = db.with_cancel(&cancel).begin().unwrap();
    held.execute(
        &Request::new(Operation::UpdateMany, "Folder").arg("all", true).arg("data", value!({ "name": "changed" })),
    )
    .unwrap();
    cancel.cancel();
    assert_eq!(held.commit().unwrap_err().kind(), ErrorKind::Timeout);
    goes_on(&db);
}

#[test]
fn a_dropped_stream_stops() {
    let (_folder, db) = slow_db();
    let awaited = AsyncClient::from(db.clone());
    // Every other row is found at once, and then there is none for long.
    let filter = || value!({ "$or": (vec![value!({ "id": { "$lt": 400 } }), slow()]) });
    let mut rows = block_on(awaited.stream("Folder", query().filter(filter()))).unwrap();
    block_on(rows.next()).unwrap().unwrap();
    drop(rows);
    goes_on(&db);
    let mut rows = db.stream("Folder", query().filter(filter())).unwrap();
    rows.next().unwrap().unwrap();
    drop(rows);
    goes_on(&db);
}

#[test]
fn a_request_dropped_in_a_transaction_ends_it() {
    let (_folder, db) = slow_db();
    let awaited = AsyncClient::from(db.clone());
    for request in requests() {
        let transaction = block_on(awaited.begin()).unwrap();
        block_on(transaction.entity("Folder").unwrap().update(1, value!({ "name": "changed" }))).unwrap();
        assert!(within(transaction.execute(&request), MOMENT).is_none());
        // The transaction is still in our hands, and over.
        goes_on(&db);
        let error = block_on(transaction.entity("Folder").unwrap().count(query())).unwrap_err();
        assert_eq!(error.reason(), Some(Reason::Aborted));
        assert_eq!(block_on(transaction.commit()).unwrap_err().reason(), Some(Reason::Aborted));
    }
}

#[test]
fn a_transaction_dropped_in_a_request_is_rolled_back() {
    let (_folder, db) = slow_db();
    let awaited = AsyncClient::from(db.clone());
    for request in requests() {
        let work = awaited.transaction(async |tx| {
            tx.entity("Folder")?.update(1, value!({ "name": "changed" })).await?;
            tx.transaction(async |inner| inner.execute(&request).await).await
        });
        assert!(within(work, MOMENT).is_none());
        goes_on(&db);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn wherever_requests_are_dropped_each_write_is_whole(waits in prop::collection::vec(0u64..4_000, 24)) {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path());
        let awaited = AsyncClient::from(db.clone());
        let (mut finished, mut all) = (Vec::new(), Vec::new());
        for (number, wait) in waits.iter().enumerate() {
            let root = 1 + 1_000 * number as i64;
            let rows = family(root, root + 1, 60);
            let handle = awaited.entity("Folder").unwrap();
            let done = match number % 3 {
                0 => within(async { handle.insert_many(rows).await.map(drop) }, Duration::from_micros(*wait)),
                1 => within(
                    awaited.transaction(async |tx| {
                        for row in rows.clone() {
                            tx.entity("Folder")?.create(row).await?;
                        }
                        Ok::<_, dbal::Error>(())
                    }),
                    Duration::from_micros(*wait),
                ),
                _ => {
                    let entries = rows.into_iter().map(|row| Request::new(Operation::Create, "Folder").arg("data", row));
                    within(async { awaited.batch(entries).await.map(drop) }, Duration::from_micros(*wait))
                }
            };
            all.push(root);
            if let Some(done) = done {
                done.unwrap();
                finished.push(root);
            }
        }
        let folders = db.entity("Folder").unwrap();
        // Whatever still ran is before this in the queue of writers.
        block_on(awaited.entity("Folder").unwrap().create(value!({ "id": 900_000 }))).unwrap();
        for root in all {
            let range = value!({ "id": { "$gte": root, "$lt": (root + 1_000) } });
            let rows = folders.count(query().filter(range)).unwrap();
            let must = finished.contains(&root);
            prop_assert!(rows == 61 || rows == 0 && !must, "{} rows of {}, finished: {}", rows, root, must);
        }
        // No savepoint, lock or connection is left over.
        db.transaction(|tx| tx.entity("Folder")?.delete_all()).unwrap();
        prop_assert_eq!(count(&db), 0);
    }
}

/// What the process that is killed does: it says when it starts.
fn child(folder: &Path, work: &str) {
    let db = open(folder).with_timeout(None);
    let folders = db.entity("Folder").unwrap();
    println!("begun");
    match work {
        "create_many" => folders.insert_many(family(1, 2, 30_000)).map(drop),
        "cascade" => folders.delete(1),
        _ => db.transaction(|tx| {
            let folders = tx.entity("Folder")?;
            family(1, 2, 30_000).into_iter().try_for_each(|row| folders.create(row).map(drop))
        }),
    }
    .unwrap();
}

#[test]
fn the_process_to_be_killed() {
    if let (Ok(folder), Ok(work)) = (std::env::var("DBAL_TEST_FOLDER"), std::env::var("DBAL_TEST_WORK")) {
        child(Path::new(&folder), &work);
    }
}

#[test]
fn a_killed_process_leaves_all_or_nothing() {
    let mut whole = [0, 0];
    for (work, before, after) in [("create_many", 0, 30_001), ("transaction", 0, 30_001), ("cascade", 30_001, 0)] {
        for wait in [0, 3, 15, 40, 90, 200, 3_000] {
            let folder = tempfile::tempdir().unwrap();
            if before > 0 {
                open(folder.path()).entity("Folder").unwrap().insert_many(family(1, 2, 30_000)).unwrap();
            }
            let mut process = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "the_process_to_be_killed", "--nocapture"])
                .env("DBAL_TEST_FOLDER", folder.path())
                .env("DBAL_TEST_WORK", work)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut lines = std::io::BufRead::lines(std::io::BufReader::new(process.stdout.take().unwrap()));
            lines.find(|line| line.as_ref().is_ok_and(|line| line.ends_with("begun"))).unwrap().unwrap();
            std::thread::sleep(Duration::from_millis(wait));
            process.kill().unwrap();
            process.wait().unwrap();
            let db = open(folder.path());
            let rows = count(&db);
            assert!(rows == before || rows == after, "{rows} rows after {work} was killed at {wait} ms");
            whole[usize::from(rows == after)] += 1;
            db.entity("Folder").unwrap().create(value!({ "id": 900_000 })).unwrap();
        }
    }
    assert!(whole.iter().all(|times| *times > 0), "never killed in the middle, or always: {whole:?}");
}
