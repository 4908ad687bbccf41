//! Jobs on the adapter's threads.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use dbal::adapter::sqlite::{SqliteAdapter, SqliteOptions};
use dbal::adapter::{Adapter, Connection, Intent, Job};
use dbal::{ErrorKind, Outcome, Result};

use crate::adapter::{count, soon};
use crate::schema::*;

/// What a job told, within some seconds.
fn told<T>(answer: &Receiver<T>) -> T {
    answer.recv_timeout(Duration::from_secs(20)).unwrap()
}

fn submit<T: Send + 'static>(
    adapter: &SqliteAdapter,
    intent: Intent,
    deadline: Option<Instant>,
    work: impl FnOnce(Result<&mut dyn Connection>) -> T + Send + 'static,
) -> Receiver<T> {
    let (tell, answer) = mpsc::channel();
    let job: Job = Box::new(move |connection| {
        let done = work(connection);
        Box::new(move || {
            let _ = tell.send(done);
        })
    });
    adapter.offload().expect("threads").submit(intent, deadline, job);
    answer
}

/// A job that holds its thread until the sender is dropped.
fn hold(adapter: &SqliteAdapter, intent: Intent) -> Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    let _ = submit(adapter, intent, None, move |_| {
        begun.send(()).unwrap();
        let _ = held.recv();
    });
    told(&has_begun);
    release
}

fn file() -> (tempfile::TempDir, SqliteAdapter) {
    let folder = tempfile::tempdir().unwrap();
    let adapter = open(SqliteOptions { pool_size: 1, ..SqliteOptions::file(folder.path().join("app.db")) });
    (folder, adapter)
}

#[test]
fn a_read_sees_every_write_that_was_answered_before() {
    for (_folder, adapter) in [file(), (tempfile::tempdir().unwrap(), open(SqliteOptions::memory()))] {
        for number in 1..=200 {
            // Reads in flight, so that those below share a transaction with others.
            let others: Vec<Receiver<i64>> =
                (0..3).map(|_| submit(&adapter, Intent::Read, None, |connection| count(connection.unwrap()))).collect();
            told(&submit(&adapter, Intent::Write, None, move |connection| {
                add_user(connection.unwrap(), number, &[]).unwrap()
            }));
            let read = submit(&adapter, Intent::Read, None, |connection| count(connection.unwrap()));
            assert_eq!(told(&read), number as i64);
            others.iter().for_each(|other| assert!(told(other) <= number as i64));
        }
    }
}

#[test]
fn reads_that_wait_together_share_a_transaction_and_may_begin_their_own() {
    let (_folder, adapter) = file();
    let release = hold(&adapter, Intent::Read);
    let reads: Vec<Receiver<i64>> = (0..40)
        .map(|_| {
            submit(&adapter, Intent::Read, None, |connection| {
                let connection = connection.unwrap();
                connection.begin(None).unwrap();
                let found = count(connection);
                connection.commit().unwrap();
                connection.rollback().unwrap();
                found
            })
        })
        .collect();
    drop(release);
    assert!(reads.iter().all(|read| told(read) == 0));
}

#[test]
fn a_long_job_holds_up_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let adapter = open(SqliteOptions { pool_size: 2, ..SqliteOptions::file(folder.path().join("app.db")) });
    let release = hold(&adapter, Intent::Read);
    let read = || submit(&adapter, Intent::Read, None, |connection| count(connection.unwrap()));
    // One at a time, each of which nobody follows, and many that wait together.
    (0..20).for_each(|_| assert_eq!(told(&read()), 0));
    let many: Vec<Receiver<i64>> = (0..100).map(|_| read()).collect();
    many.iter().for_each(|read| assert_eq!(told(read), 0));
    drop(release);
}

#[test]
fn what_is_told_together_does_not_wait_for_a_long_job() {
    let folder = tempfile::tempdir().unwrap();
    let adapter = open(SqliteOptions { pool_size: 2, ..SqliteOptions::file(folder.path().join("app.db")) });
    // Whether results are kept when the long job begins is a matter of microseconds: some of these rounds meet it.
    for round in 0..4_000 {
        let short = || {
            submit(&adapter, Intent::Read, None, |_| {
                let until = Instant::now() + Duration::from_micros(4);
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
            })
        };
        let short: Vec<Receiver<()>> = (0..10 + round % 30).map(|_| short()).collect();
        let (release, held) = mpsc::channel::<()>();
        let long = submit(&adapter, Intent::Read, None, move |_| held.recv().is_err());
        short.iter().for_each(told);
        drop(release);
        told(&long);
    }
}

#[test]
fn a_job_that_panics_ends_nothing_but_itself() {
    let (_folder, adapter) = file();
    for intent in [Intent::Read, Intent::Write] {
        let release = hold(&adapter, intent);
        let lost = submit(&adapter, intent, None, move |connection| {
            let connection = connection.unwrap();
            connection.begin(None).unwrap();
            if intent == Intent::Write {
                add_user(connection, 1, &[]).unwrap();
            }
            panic!("a job's fault")
        });
        let next = submit(&adapter, intent, None, |connection| count(connection.unwrap()));
        drop(release);
        assert!(lost.recv_timeout(Duration::from_secs(20)).is_err());
        assert_eq!(told(&next), 0);
    }
}

#[test]
fn a_job_whose_time_runs_out_in_the_queue_is_told_in_time() {
    let (_folder, adapter) = file();
    let _release = hold(&adapter, Intent::Write);
    let begun = Instant::now();
    let patient =
        submit(&adapter, Intent::Write, Some(Instant::now() + Duration::from_millis(200)), |result| result.err());
    let hasty = submit(&adapter, Intent::Write, soon(), |result| result.err());
    for late in [hasty, patient] {
        let error = told(&late).expect("a timeout");
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Timeout, Some(Outcome::NotApplied)));
    }
    assert!((Duration::from_millis(200)..Duration::from_secs(2)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[test]
fn threads_end_with_the_adapter_and_waiting_jobs_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let schema = schema();
    let weak: Weak<dbal::Schema> = Arc::downgrade(&schema);
    let adapter = SqliteAdapter::open(schema, SqliteOptions::file(folder.path().join("app.db"))).unwrap();
    let release = hold(&adapter, Intent::Write);
    let waiting = submit(&adapter, Intent::Write, None, |result| result.err());
    drop(adapter);
    assert!(told(&waiting).is_some());
    drop(release);
    let patience = Instant::now() + Duration::from_secs(20);
    while weak.strong_count() > 0 {
        assert!(Instant::now() < patience, "a thread still runs");
        thread::sleep(Duration::from_millis(5));
    }
}
