//! Connections, transactions and deadlines.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use dbal::adapter::sqlite::{SqliteAdapter, SqliteOptions};
use dbal::adapter::{Adapter, Connection, Intent};
use dbal::query::ast::*;
use dbal::{Error, ErrorKind, Outcome, Reason, Result, RowSink, Uuid, Value, ValueRef};

use crate::schema::*;

pub fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_millis(60))
}

pub fn count(connection: &mut dyn Connection) -> i64 {
    let all = Statement::Count(Count { entity: USER, filter: Expr::TRUE });
    rows(connection, all, &[]).unwrap()[0][0].as_i64().unwrap()
}

fn file() -> (tempfile::TempDir, SqliteAdapter) {
    let folder = tempfile::tempdir().unwrap();
    let adapter = open(SqliteOptions { pool_size: 2, ..SqliteOptions::file(folder.path().join("app.db")) });
    (folder, adapter)
}

fn assert_timeout<T>(result: Result<T>) {
    let error = result.err().expect("a timeout");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Timeout, Some(Outcome::NotApplied)));
}

/// A condition that takes minutes over some thousand users: three tables without an index, one inside the other.
fn endless() -> Expr {
    let related = |filter| Expr::Related {
        between: Box::new(Expr::TRUE),
        relation: user::REPORTS,
        quantifier: Quantifier::Every,
        visible: Box::new(Expr::TRUE),
        filter: Box::new(filter),
    };
    let slow = Expr::Compare { left: Operand::Field(user::NAME), op: Comparison::Ne, right: param(0), fold: true };
    related(related(related(slow)))
}

/// Users who all have the first one as their manager.
fn crowd(connection: &mut dyn Connection) {
    connection.begin(None).unwrap();
    add_user(connection, 1, &[(user::MANAGER, Uuid::from_u128(1).into())]).unwrap();
    for number in 2..1_000 {
        add_user(connection, number, &[(user::MANAGER, Uuid::from_u128(1).into())]).unwrap();
    }
    connection.commit().unwrap();
}

#[test]
fn readers_are_lent_up_to_the_pools_size() {
    let (_folder, adapter) = file();
    let first = adapter.connect(Intent::Read, None).unwrap();
    let second = adapter.connect(Intent::Read, None).unwrap();
    assert_timeout(adapter.connect(Intent::Read, soon()));
    thread::scope(|scope| {
        let waiting =
            scope.spawn(|| adapter.connect(Intent::Read, Some(Instant::now() + Duration::from_secs(20))).map(drop));
        thread::sleep(Duration::from_millis(20));
        drop(first);
        waiting.join().unwrap().unwrap();
    });
    drop(second);
}

#[test]
fn there_is_one_writer() {
    let (_folder, adapter) = file();
    let writer = adapter.connect(Intent::Write, None).unwrap();
    assert_timeout(adapter.connect(Intent::Write, soon()));
    drop(writer);
    adapter.connect(Intent::Write, soon()).unwrap();
}

#[test]
fn readers_see_commits_only_and_one_moment_in_a_transaction() {
    let (_folder, adapter) = file();
    let mut writer = adapter.connect(Intent::Write, None).unwrap();
    let mut reader = adapter.connect(Intent::Read, None).unwrap();
    let mut moment = adapter.connect(Intent::Read, None).unwrap();
    moment.begin(None).unwrap();
    assert_eq!(count(&mut *moment), 0);
    writer.begin(None).unwrap();
    add_user(&mut *writer, 1, &[]).unwrap();
    assert_eq!((count(&mut *writer), count(&mut *reader)), (1, 0));
    writer.commit().unwrap();
    assert_eq!((count(&mut *reader), count(&mut *moment)), (1, 0));
    moment.commit().unwrap();
    assert_eq!(count(&mut *moment), 1);
}

#[test]
fn readers_cannot_write() {
    let (_folder, adapter) = file();
    let mut reader = adapter.connect(Intent::Read, None).unwrap();
    assert_eq!(add_user(&mut *reader, 1, &[]).unwrap_err().kind(), ErrorKind::DatabaseError);
}

#[test]
fn what_is_not_committed_is_rolled_back() {
    for options in [true, false] {
        let (_folder, adapter) =
            if options { file() } else { (tempfile::tempdir().unwrap(), open(SqliteOptions::memory())) };
        let mut connection = adapter.connect(Intent::Write, None).unwrap();
        connection.begin(None).unwrap();
        add_user(&mut *connection, 1, &[]).unwrap();
        drop(connection);
        let mut connection = adapter.connect(Intent::Write, soon()).unwrap();
        assert_eq!(count(&mut *connection), 0);
        connection.begin(None).unwrap();
        add_user(&mut *connection, 1, &[]).unwrap();
        connection.rollback().unwrap();
        assert_eq!(count(&mut *connection), 0);
    }
}

#[test]
fn savepoints_nest() {
    let adapter = open(SqliteOptions::memory());
    let mut connection = adapter.connect(Intent::Write, None).unwrap();
    connection.begin(None).unwrap();
    for depth in 1..=3 {
        connection.savepoint(depth).unwrap();
        add_user(&mut *connection, depth.into(), &[]).unwrap();
    }
    connection.rollback_to(3).unwrap();
    connection.release(2).unwrap();
    connection.release(1).unwrap();
    connection.commit().unwrap();
    assert_eq!(count(&mut *connection), 2);
}

#[test]
fn a_statement_that_fails_leaves_its_transaction_alone() {
    let adapter = open(SqliteOptions::memory());
    let mut connection = adapter.connect(Intent::Write, None).unwrap();
    connection.begin(None).unwrap();
    add_user(&mut *connection, 1, &[]).unwrap();
    assert_eq!(add_user(&mut *connection, 1, &[]).unwrap_err().kind(), ErrorKind::Conflict);
    add_user(&mut *connection, 2, &[]).unwrap();
    connection.commit().unwrap();
    assert_eq!(count(&mut *connection), 2);
}

#[test]
fn a_statement_stops_at_its_deadline() {
    let (_folder, adapter) = file();
    crowd(&mut *adapter.connect(Intent::Write, None).unwrap());
    let mut connection = adapter.connect(Intent::Read, None).unwrap();
    let slow = step(&schema(), &Statement::Select(select(USER, &[user::ID], endless())));
    let begun = Instant::now();
    assert_timeout(connection.run(&slow, &["x".into()], soon(), &mut dbal::RecordSink::default()));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(count(&mut *connection), 999, "the connection is as good as new");
    let passed = Some(Instant::now() - Duration::from_millis(1));
    let quick = step(&schema(), &Statement::Count(Count { entity: USER, filter: Expr::TRUE }));
    assert_timeout(connection.run(&quick, &[], passed, &mut dbal::RecordSink::default()));
}

#[test]
fn a_timeout_ends_the_transaction() {
    let (_folder, adapter) = file();
    crowd(&mut *adapter.connect(Intent::Write, None).unwrap());
    let update = |filter| Update {
        entity: USER,
        filter,
        set: vec![(user::AGE, Assign::Set(literal(1)))],
        returning: vec![],
        check: None,
    };
    let write = step(&schema(), &Statement::Update(update(endless())));
    let read = step(&schema(), &Statement::Select(select(USER, &[user::ID], endless())));
    for slow in [write, read] {
        let mut connection = adapter.connect(Intent::Write, None).unwrap();
        connection.begin(None).unwrap();
        add_user(&mut *connection, 5_000, &[]).unwrap();
        assert_timeout(connection.run(&slow, &["x".into()], soon(), &mut dbal::RecordSink::default()));
        let later = add_user(&mut *connection, 5_001, &[]).unwrap_err();
        assert_eq!(later.reason(), Some(Reason::Aborted));
        assert_eq!(connection.commit().unwrap_err().reason(), Some(Reason::Aborted));
        assert_eq!(count(&mut *connection), 999, "the connection is clean, and nothing was kept");
    }
}

#[test]
fn a_lock_of_another_process_is_waited_for_up_to_the_deadline() {
    let (folder, adapter) = file();
    let other = rusqlite::Connection::open(folder.path().join("app.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut connection = adapter.connect(Intent::Write, None).unwrap();
    let begun = Instant::now();
    assert_timeout(connection.begin(soon()));
    let write = step(&schema(), &Statement::Delete(Delete { entity: USER, filter: Expr::TRUE }));
    assert_timeout(connection.run(&write, &[], soon(), &mut dbal::RecordSink::default()));
    assert!((Duration::from_millis(110)..Duration::from_secs(2)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    let (told, told_other) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            told_other.recv().unwrap();
            thread::sleep(Duration::from_millis(20));
            other.execute_batch("COMMIT").unwrap();
        });
        told.send(()).unwrap();
        connection.begin(Some(Instant::now() + Duration::from_secs(20))).unwrap();
    });
}

/// Refuses the row with this number, from 0.
struct Refuses(usize);

impl RowSink for Refuses {
    fn start(&mut self, _: &std::sync::Arc<dbal::Columns>) -> Result<()> {
        Ok(())
    }

    fn row(&mut self, _: &[ValueRef<'_>]) -> Result<()> {
        match self.0.checked_sub(1) {
            Some(left) => self.0 = left,
            None => return Err(Error::forbidden("refused")),
        }
        Ok(())
    }
}

#[test]
fn a_write_whose_rows_are_refused_leaves_nothing() {
    let (_folder, adapter) = file();
    let mut connection = adapter.connect(Intent::Write, None).unwrap();
    let values: Vec<Value> = vec![Uuid::from_u128(9).into(), "n".into(), "user".into(), true.into()];
    let one = insert(USER, [user::ID, user::NAME, user::ROLE, user::ACTIVE].into_iter(), &[user::ID]);
    let one = step(&schema(), &one);
    assert_eq!(connection.run(&one, &values, None, &mut Refuses(0)).unwrap_err().kind(), ErrorKind::Forbidden);
    assert_eq!(count(&mut *connection), 0);

    add_user(&mut *connection, 1, &[]).unwrap();
    add_user(&mut *connection, 2, &[]).unwrap();
    let set = vec![(user::AGE, Assign::Set(literal(1)))];
    let update = Update { entity: USER, filter: Expr::TRUE, set, returning: vec![user::ID], check: None };
    let all = step(&schema(), &Statement::Update(update));
    for refused in [0, 1] {
        connection.run(&all, &[], None, &mut Refuses(refused)).unwrap_err();
        let changed = Statement::Count(Count {
            entity: USER,
            filter: Expr::Not(Box::new(Expr::IsNull(Operand::Field(user::AGE)))),
        });
        assert_eq!(rows(&mut *connection, changed, &[]).unwrap()[0][0], Value::Int(0));
    }
}

#[test]
fn a_write_refused_in_a_transaction_takes_it_down_unless_a_savepoint_was_set() {
    let adapter = open(SqliteOptions::memory());
    let mut connection = adapter.connect(Intent::Write, None).unwrap();
    let values: Vec<Value> = vec![Uuid::from_u128(9).into(), "n".into(), "user".into(), true.into()];
    let one = insert(USER, [user::ID, user::NAME, user::ROLE, user::ACTIVE].into_iter(), &[user::ID]);
    let one = step(&schema(), &one);
    connection.begin(None).unwrap();
    add_user(&mut *connection, 1, &[]).unwrap();
    connection.savepoint(1).unwrap();
    connection.run(&one, &values, None, &mut Refuses(0)).unwrap_err();
    connection.rollback_to(1).unwrap();
    assert_eq!(count(&mut *connection), 1);
    connection.run(&one, &values, None, &mut Refuses(0)).unwrap_err();
    assert_eq!(connection.commit().unwrap_err().reason(), Some(Reason::Aborted));
    assert_eq!(count(&mut *connection), 0);
}

#[test]
fn a_panic_in_a_sink_leaves_the_pool_clean() {
    struct Panics;
    impl RowSink for Panics {
        fn start(&mut self, _: &std::sync::Arc<dbal::Columns>) -> Result<()> {
            Ok(())
        }
        fn row(&mut self, _: &[ValueRef<'_>]) -> Result<()> {
            panic!("a host's fault")
        }
    }
    let (_folder, adapter) = file();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut connection = adapter.connect(Intent::Write, None).unwrap();
        connection.begin(None).unwrap();
        add_user(&mut *connection, 1, &[]).unwrap();
        let all = step(&schema(), &Statement::Select(select(USER, &[user::ID], Expr::TRUE)));
        let _ = connection.run(&all, &[], None, &mut Panics);
    }));
    assert!(outcome.is_err());
    let mut connection = adapter.connect(Intent::Write, soon()).unwrap();
    assert_eq!(count(&mut *connection), 0);
}

#[test]
fn nothing_in_a_path_means_anything() {
    let folder = tempfile::tempdir().unwrap();
    std::env::set_current_dir(folder.path()).unwrap();
    for name in [":memory:", "file:x?mode=memory", "file::memory:"] {
        drop(open(SqliteOptions::file(name)));
        assert!(folder.path().join(name).exists(), "{name}");
    }
}

#[test]
fn a_database_is_opened_defensively() {
    let (folder, adapter) = file();
    let mut connection = adapter.connect(Intent::Write, None).unwrap();
    let other = folder.path().join("other.db");
    for text in [
        &format!("ATTACH '{}' AS other", other.display()),
        "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema",
        "SELECT load_extension('x')",
        "SELECT \"no such name\"",
    ] {
        let error = connection.execute_ddl(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DatabaseError, "{text}");
    }
    assert!(!other.exists());
}

#[test]
fn what_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let refused =
        |path: &std::path::Path| SqliteAdapter::open(schema(), SqliteOptions::file(path)).err().expect("an error");
    let garbage = folder.path().join("garbage.db");
    std::fs::write(&garbage, [7; 4096]).unwrap();
    let error = refused(&garbage);
    assert_eq!(error.kind(), ErrorKind::DatabaseError);
    assert!(error.message().contains("garbage.db is not a SQLite file"), "{}", error.message());
    assert!(refused(&folder.path().join("no/folder.db")).message().contains("check that its folder exists"));
    let wide = folder.path().join("wide.db");
    rusqlite::Connection::open(&wide).unwrap().execute_batch("PRAGMA encoding = 'UTF-16'; CREATE TABLE t (a)").unwrap();
    assert!(refused(&wide).message().contains("not UTF-8"));
}

#[test]
fn many_threads_lose_no_write() {
    let (_folder, adapter) = file();
    thread::scope(|scope| {
        for thread in 0..4_u128 {
            let adapter = &adapter;
            scope.spawn(move || {
                for number in 0..50 {
                    let mut connection = adapter.connect(Intent::Write, None).unwrap();
                    add_user(&mut *connection, thread * 1_000 + number, &[]).unwrap();
                    drop(connection);
                    count(&mut *adapter.connect(Intent::Read, None).unwrap());
                }
            });
        }
    });
    assert_eq!(count(&mut *adapter.connect(Intent::Read, None).unwrap()), 200);
}
