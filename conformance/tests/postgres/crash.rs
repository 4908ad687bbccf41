//! A server that dies in the middle, and comes back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dbal::{Client, ErrorKind, Outcome, query, value};
use dbal_conformance::servers::Postgres;

use crate::Place;

/// Waits until a call is well again; the server is back by then.
fn recovered(client: &Client) {
    let begun = Instant::now();
    while let Err(error) = client.entity("Account").expect("is there").count(query()) {
        assert!(matches!(error.kind(), ErrorKind::DatabaseError | ErrorKind::Timeout), "{error:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{error:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_crash_is_an_error_within_the_deadline_and_the_next_call_works() {
    if Place::new("crash").is_none() {
        return;
    }
    let mut server = Postgres::start().unwrap_or_else(|why| panic!("{why}"));
    let place = Place::at(&server.url(), "crash");
    let client = place.client().with_timeout(Some(Duration::from_secs(5)));
    client.entity("Account").expect("is there").create(value!({ "id": 0, "owner": "o" })).expect("creates");

    for round in 1..=3 {
        let stop = AtomicBool::new(false);
        let mut known = Vec::new();
        let mut unknown = Vec::new();
        thread::scope(|scope| {
            // Writers and readers keep asking while the server dies under them.
            let writers: Vec<_> = (0..3)
                .map(|writer| {
                    let (client, stop) = (&client, &stop);
                    scope.spawn(move || {
                        let (mut known, mut unknown) = (Vec::new(), Vec::new());
                        for number in 0.. {
                            let id = round * 1_000_000 + writer * 100_000 + number;
                            let begun = Instant::now();
                            let row = value!({ "id": id, "owner": (format!("o{id}")) });
                            match client.entity("Account").expect("is there").create(row) {
                                Ok(_) => known.push(id),
                                Err(error) => {
                                    let kind = error.kind();
                                    assert!(matches!(kind, ErrorKind::DatabaseError | ErrorKind::Timeout), "{error:?}");
                                    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
                                    match error.outcome() {
                                        Some(Outcome::Unknown) => unknown.push(id),
                                        other => assert_eq!(other, Some(Outcome::NotApplied), "{error:?}"),
                                    }
                                }
                            }
                            if stop.load(Ordering::Relaxed) {
                                break;
                            }
                        }
                        (known, unknown)
                    })
                })
                .collect();
            let reader = scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let read = client.transaction(|tx| tx.entity("Account")?.count(query()));
                    if let Err(error) = read {
                        assert!(matches!(error.kind(), ErrorKind::DatabaseError | ErrorKind::Timeout), "{error:?}");
                    }
                }
            });
            thread::sleep(Duration::from_millis(300));
            server.crash().unwrap_or_else(|why| panic!("{why}"));
            thread::sleep(Duration::from_millis(200));
            server.start_again().unwrap_or_else(|why| panic!("{why}"));
            thread::sleep(Duration::from_millis(300));
            stop.store(true, Ordering::Relaxed);
            for writer in writers {
                let (one, other) = writer.join().expect("a writer does not panic");
                known.extend(one);
                unknown.extend(other);
            }
            reader.join().expect("the reader does not panic");
        });
        recovered(&client);
        // What was confirmed is there, what failed is not, and what is unknown may be either.
        let filter = value!({ "id": { "$gte": (round * 1_000_000), "$lt": ((round + 1) * 1_000_000) } });
        let rows = client.entity("Account").expect("is there").find_many(query().filter(filter).select(["id"]));
        let rows = rows.expect("reads");
        let found: Vec<i64> = rows.iter().filter_map(|row| row.get("id")?.as_i64()).collect();
        for id in &known {
            assert!(found.contains(id), "{id} was confirmed and is gone");
        }
        for id in &found {
            assert!(known.contains(id) || unknown.contains(id), "{id} was refused and is there");
        }
        assert!(known.len() > 10, "only {} rows were written", known.len());
    }
}
