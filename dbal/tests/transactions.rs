//! Transactions given as closures: run again when another one got there first, and over when their time is.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::wait::block_on;
use dbal::adapter::memory::MemoryAdapter;
use dbal::adapter::{Adapter, Connection, Intent, Lowering};
use dbal::capability::Capabilities;
use dbal::client::TransactionOptions;
use dbal::plan::operation::Step;
use dbal::sql::ddl::Snapshot;
use dbal::{AsyncClient, Client, Config, Error, ErrorKind, Reason, Result, RowSink, Value, query, value};

const SCHEMA: &str = "
entity: Item
fields:
  id: { type: integer, primary: true }
  name: { type: string }
";

/// Rows in memory, where others seem to get there first so many times.
struct Contended {
    inner: MemoryAdapter,
    commits: Arc<AtomicUsize>,
    statements: Arc<AtomicUsize>,
}

struct Contender<'a>(Box<dyn Connection + 'a>, &'a Contended);

/// Takes one of so many; false when none is left.
fn takes(count: &AtomicUsize) -> bool {
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

fn lost() -> Error {
    Error::conflict(Reason::Serialization, &[], "another transaction got there first")
}

impl Adapter for Contended {
    fn name(&self) -> &'static str {
        "contended"
    }
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }
    fn lowering(&self) -> Lowering {
        self.inner.lowering()
    }
    fn connect(&self, intent: Intent, deadline: Option<Instant>) -> Result<Box<dyn Connection + '_>> {
        Ok(Box::new(Contender(self.inner.connect(intent, deadline)?, self)))
    }
}

impl Connection for Contender<'_> {
    fn begin(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.0.begin(deadline)
    }
    fn commit(&mut self) -> Result<()> {
        if takes(&self.1.commits) {
            self.0.rollback()?;
            return Err(lost());
        }
        self.0.commit()
    }
    fn rollback(&mut self) -> Result<()> {
        self.0.rollback()
    }
    fn savepoint(&mut self, depth: u32) -> Result<()> {
        self.0.savepoint(depth)
    }
    fn release(&mut self, depth: u32) -> Result<()> {
        self.0.release(depth)
    }
    fn rollback_to(&mut self, depth: u32) -> Result<()> {
        self.0.rollback_to(depth)
    }
    fn run(&mut self, step: &Step, params: &[Value], deadline: Option<Instant>, sink: &mut dyn RowSink) -> Result<u64> {
        if takes(&self.1.statements) { Err(lost()) } else { self.0.run(step, params, deadline, sink) }
    }
    fn inspect(&mut self) -> Result<Snapshot> {
        self.0.inspect()
    }
    fn execute_ddl(&mut self, text: &str) -> Result<()> {
        self.0.execute_ddl(text)
    }
}

/// A client that loses so many commits and so many statements.
fn contended(commits: usize, statements: usize) -> Client {
    let schema = Client::open(Config::memory().schema_text(SCHEMA)).unwrap().schema().clone();
    let inner = MemoryAdapter::open(schema.clone()).unwrap();
    let (commits, statements) = (Arc::new(AtomicUsize::new(commits)), Arc::new(AtomicUsize::new(statements)));
    Client::open(Config::adapter(Arc::new(Contended { inner, commits, statements })).schema(schema)).unwrap()
}

/// Runs one create in a transaction on both faces; how it ended, how often it ran, and how many rows there are.
fn tried(commits: usize, statements: usize, options: TransactionOptions) -> [(Option<Error>, usize, i64); 2] {
    let db = contended(commits, statements);
    let mut runs = 0;
    let ended = db.transaction_with(options, |tx| {
        runs += 1;
        tx.entity("Item")?.create(value!({ "id": 1 }))
    });
    let blocking = (ended.err(), runs, db.entity("Item").unwrap().count(query()).unwrap());

    let db = AsyncClient::from(contended(commits, statements));
    let mut runs = 0;
    let ended = block_on(db.transaction_with(options, async |tx| {
        runs += 1;
        tx.entity("Item")?.create(value!({ "id": 1 })).await
    }));
    let rows = block_on(db.entity("Item").unwrap().count(query())).unwrap();
    [blocking, (ended.err(), runs, rows)]
}

#[test]
fn a_transaction_that_lost_is_run_again() {
    let options = TransactionOptions { retries: 2, timeout: None };
    for (commits, statements) in [(0, 0), (1, 0), (2, 0), (0, 1), (0, 2), (1, 1)] {
        for (error, runs, rows) in tried(commits, statements, options) {
            assert_eq!((error.map(|error| error.code()), runs, rows), (None, 1 + commits + statements, 1));
        }
    }
}

#[test]
fn one_that_always_loses_says_so_and_leaves_nothing() {
    for (retries, commits, statements) in [(0, 9, 0), (1, 9, 0), (2, 0, 9)] {
        let options = TransactionOptions { retries, timeout: None };
        // A statement is lost before the count that follows it; what is left of them would be lost there.
        let statements = statements.min(retries as usize + 1);
        for (error, runs, rows) in tried(commits, statements, options) {
            let error = error.unwrap();
            assert_eq!((error.kind(), error.reason()), (ErrorKind::Conflict, Some(Reason::Serialization)));
            assert_eq!((runs, rows), (retries as usize + 1, 0));
        }
    }
}

#[test]
fn there_is_no_other_try_without_time_for_it() {
    let options = TransactionOptions { retries: 1_000, timeout: Some(Duration::from_millis(300)) };
    let begun = Instant::now();
    for (error, runs, rows) in tried(usize::MAX, 0, options) {
        assert_eq!(error.unwrap().reason(), Some(Reason::Serialization));
        assert!((1..1_000).contains(&runs));
        assert_eq!(rows, 0);
    }
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn other_errors_are_not_tried_again_and_keep_their_type() {
    #[derive(Debug, PartialEq)]
    struct Own(&'static str);
    impl From<Error> for Own {
        fn from(error: Error) -> Self {
            Own(error.code())
        }
    }
    let (db, mut runs) = (contended(9, 0), 0);
    let ended: Result<(), Own> = db.transaction(|tx| {
        runs += 1;
        tx.entity("Item")?.read(1)?;
        Ok(())
    });
    assert_eq!((ended, runs), (Err(Own("NOT_FOUND")), 1));
}

fn databases() -> Vec<(Client, Option<tempfile::TempDir>)> {
    let folder = tempfile::tempdir().unwrap();
    let memory = Client::open(Config::memory().schema_text(SCHEMA)).unwrap();
    let sqlite = Client::open(Config::sqlite(folder.path().join("a.db")).schema_text(SCHEMA)).unwrap();
    sqlite.migrate().unwrap();
    vec![(memory, None), (sqlite, Some(folder))]
}

const SHORT: TransactionOptions = TransactionOptions { retries: 2, timeout: Some(Duration::from_millis(60)) };

#[test]
fn after_a_timeout_everything_in_the_transaction_is_aborted() {
    for (db, _folder) in databases() {
        let ended = db.transaction_with(SHORT, |tx| {
            let items = tx.entity("Item")?;
            items.create(value!({ "id": 1 }))?;
            sleep(Duration::from_millis(80));
            assert_eq!(items.create(value!({ "id": 2 })).unwrap_err().kind(), ErrorKind::Timeout);
            assert_eq!(items.count(query()).unwrap_err().reason(), Some(Reason::Aborted));
            Ok::<_, Error>(())
        });
        assert_eq!(ended.unwrap_err().reason(), Some(Reason::Aborted));

        let awaited = AsyncClient::from(db.clone());
        let ended = block_on(awaited.transaction_with(SHORT, async |tx| {
            let items = tx.entity("Item")?;
            items.create(value!({ "id": 1 })).await?;
            sleep(Duration::from_millis(80));
            assert_eq!(items.create(value!({ "id": 2 })).await.unwrap_err().kind(), ErrorKind::Timeout);
            assert_eq!(items.count(query()).await.unwrap_err().reason(), Some(Reason::Aborted));
            Ok::<_, Error>(())
        }));
        assert_eq!(ended.unwrap_err().reason(), Some(Reason::Aborted));
        assert_eq!(db.entity("Item").unwrap().count(query()).unwrap(), 0);
    }
}

#[test]
fn a_commit_that_comes_too_late_is_a_timeout() {
    for (db, _folder) in databases() {
        let ended = db.transaction_with(SHORT, |tx| {
            tx.entity("Item")?.create(value!({ "id": 1 }))?;
            sleep(Duration::from_millis(80));
            Ok::<_, Error>(())
        });
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Timeout);
        let ended = block_on(AsyncClient::from(db.clone()).transaction_with(SHORT, async |tx| {
            tx.entity("Item")?.create(value!({ "id": 1 })).await?;
            sleep(Duration::from_millis(80));
            Ok::<_, Error>(())
        }));
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Timeout);
        assert_eq!(db.entity("Item").unwrap().count(query()).unwrap(), 0);
    }
}

#[test]
fn one_that_is_held_past_its_time_holds_up_nobody() {
    for (db, _folder) in databases() {
        let hasty = AsyncClient::from(db.with_timeout(Some(Duration::from_millis(60))));
        let held = block_on(hasty.begin()).unwrap();
        block_on(held.entity("Item").unwrap().create(value!({ "id": 1 }))).unwrap();
        // Another writer waits until the time of the first is over, not until it is dropped.
        let patient = db.with_timeout(Some(Duration::from_secs(10)));
        patient.entity("Item").unwrap().create(value!({ "id": 2 })).unwrap();
        assert_eq!(block_on(held.commit()).unwrap_err().kind(), ErrorKind::Timeout);
        assert_eq!(db.entity("Item").unwrap().count(query()).unwrap(), 1);
    }
}

#[test]
fn a_nested_one_that_panics_is_undone_for_whoever_catches_that() {
    for (db, _folder) in databases() {
        db.transaction(|tx| {
            tx.entity("Item")?.create(value!({ "id": 1 }))?;
            let inner = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                tx.transaction(|inner| {
                    inner.entity("Item")?.create(value!({ "id": 2 }))?;
                    if inner.entity("Item")?.count(query())? == 2 {
                        std::panic::resume_unwind(Box::new("on purpose"));
                    }
                    Ok::<_, Error>(())
                })
            }));
            assert!(inner.is_err());
            tx.entity("Item")?.create(value!({ "id": 3 })).map(drop)
        })
        .unwrap();
        assert_eq!(ids(&db), [1, 3]);
    }
}

#[test]
fn a_request_beside_a_nested_one_leaves_its_savepoint_alone() {
    for (db, _folder) in databases() {
        db.transaction(|tx| {
            let inner = tx.transaction(|inner| {
                inner.entity("Item")?.create(value!({ "id": 1 }))?;
                tx.entity("Item")?.insert_many([value!({ "id": 2 }), value!({ "id": 3 })])?;
                Err::<(), _>(Error::validation("id", "changed my mind"))
            });
            assert_eq!(inner.unwrap_err().kind(), ErrorKind::ValidationError);
            tx.entity("Item")?.create(value!({ "id": 4 })).map(drop)
        })
        .unwrap();
        assert_eq!(ids(&db), [4]);
    }
}

#[test]
fn what_is_open_inside_one_that_ends_is_undone() {
    for (db, _folder) in databases() {
        let awaited = AsyncClient::from(db.clone());
        block_on(async {
            let tx = awaited.begin().await.unwrap();
            let first = tx.begin().await.unwrap();
            first.entity("Item").unwrap().create(value!({ "id": 1 })).await.unwrap();
            let second = tx.begin().await.unwrap();
            second.entity("Item").unwrap().create(value!({ "id": 2 })).await.unwrap();
            first.rollback().await.unwrap();
            let late = second.entity("Item").unwrap().create(value!({ "id": 3 })).await;
            assert_eq!(late.unwrap_err().reason(), Some(Reason::Aborted));
            assert_eq!(second.commit().await.unwrap_err().reason(), Some(Reason::Aborted));
            tx.entity("Item").unwrap().create(value!({ "id": 4 })).await.unwrap();
            let open = tx.begin().await.unwrap();
            open.entity("Item").unwrap().create(value!({ "id": 5 })).await.unwrap();
            tx.commit().await.unwrap();
            drop(open);
        });
        assert_eq!(ids(&db), [4]);
    }
}

#[test]
fn a_timeout_beyond_all_time_is_none() {
    for (db, _folder) in databases() {
        let options = TransactionOptions { retries: 0, timeout: Some(Duration::MAX) };
        db.with_timeout(Some(Duration::MAX))
            .transaction_with(options, |tx| tx.entity("Item")?.create(value!({ "id": 1 })).map(drop))
            .unwrap();
        assert_eq!(ids(&db.with_timeout(Some(Duration::MAX))), [1]);
    }
}

struct Refuses;

impl RowSink for Refuses {
    fn start(&mut self, _: &Arc<dbal::Columns>) -> Result<()> {
        Ok(())
    }
    fn row(&mut self, _: &[dbal::ValueRef<'_>]) -> Result<()> {
        Err(Error::validation("row", "refused"))
    }
}

#[test]
fn a_write_whose_row_is_refused_leaves_nothing_and_the_transaction_goes_on() {
    let update =
        dbal::Request::new(dbal::Operation::Update, "Item").arg("id", 1).arg("data", value!({ "name": "half done" }));
    for (db, _folder) in databases() {
        db.entity("Item").unwrap().create(value!({ "id": 1, "name": "old" })).unwrap();
        db.transaction(|tx| {
            tx.entity("Item")?.create(value!({ "id": 2 }))?;
            assert!(tx.execute_into(&update, &mut Refuses).is_err());
            tx.transaction(|inner| {
                assert!(inner.execute_into(&update, &mut Refuses).is_err());
                inner.entity("Item")?.create(value!({ "id": 3 })).map(drop)
            })
        })
        .unwrap();
        assert_eq!(ids(&db), [1, 2, 3]);
        assert_eq!(db.entity("Item").unwrap().read(1).unwrap().get("name").unwrap().as_str(), Some("old"));
    }
}

fn ids(db: &Client) -> Vec<i64> {
    let rows = db.entity("Item").unwrap().find_many(query()).unwrap();
    rows.iter().map(|row| row.get("id").unwrap().as_i64().unwrap()).collect()
}
