//! A server that dies in the middle, and comes back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dbal::{AsyncClient, Client, ErrorKind, Operation, Outcome, query, value};
use dbal_conformance::outage::{self, wait_for};
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

/// How long a request may take that a lost server ends.
const DEADLINE: Duration = Duration::from_secs(20);

/// Runs every operation on both faces until all of them wait for the table, and then `act`. Gives what each said, and
/// how long it took from then on.
fn in_the_middle(place: &Place, client: &Client, act: impl FnOnce()) {
    use dbal::adapter::{Adapter as _, Intent};
    let (blocking, awaited) = (outage::requests(1_000), outage::requests(2_001));
    let client_too = AsyncClient::from(client.clone());
    let mut holder = place.adapter.connect(Intent::Write, None).expect("connects");
    holder.begin(None).expect("begins");
    holder.execute_ddl("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE").expect("locks");
    let timed = |done: dbal::Result<()>| (done, Instant::now());
    thread::scope(|scope| {
        let threads: Vec<_> = blocking
            .iter()
            .map(|request| (request, scope.spawn(move || timed(outage::blocking(client, request)))))
            .collect();
        let tasks = scope.spawn(|| {
            let all = awaited.iter().map(|request| {
                let (client, timed) = (&client_too, &timed);
                async move { timed(outage::awaited(client, request).await) }
            });
            wait_for(all)
        });
        thread::sleep(Duration::from_millis(700));
        let begun = Instant::now();
        act();
        // The one that holds the table is lost as well.
        drop(holder);
        let mut all: Vec<_> = Vec::new();
        for (request, thread) in threads {
            all.push(("blocking", request, thread.join().expect("does not panic")));
        }
        for (request, done) in awaited.iter().zip(tasks.join().expect("does not panic")) {
            all.push(("awaited", request, done));
        }
        for (face, request, (done, at)) in all {
            let error = done.expect_err(&format!("{face} {:?} has no server", request.operation));
            outage::check(request, &error);
            let took = at.saturating_duration_since(begun);
            assert!(took < DEADLINE, "{face} {:?} took {took:?}: {error:?}", request.operation);
            // What is a transaction of several statements had not been committed, and that is known.
            let several = matches!(request.operation, Operation::CreateMany | Operation::UpsertMany | Operation::Batch);
            if several {
                assert_eq!(error.outcome(), Some(Outcome::NotApplied), "{face} {:?}: {error:?}", request.operation);
            }
        }
    });
}

#[test]
fn each_operation_says_what_became_of_it_when_the_server_dies_in_its_middle() {
    if Place::new("middle").is_none() {
        return;
    }
    let mut server = Postgres::start().unwrap_or_else(|why| panic!("{why}"));
    let place = Place::of(&server.url(), "middle", outage::SCHEMA, 48);
    let client = place.client().with_timeout(Some(DEADLINE));
    outage::fill(&client).expect("fills");
    in_the_middle(&place, &client, || server.crash().unwrap_or_else(|why| panic!("{why}")));
    server.start_again().unwrap_or_else(|why| panic!("{why}"));
    // The next call of each works, on the connections that stand and on none in doubt.
    for request in outage::requests(3_002) {
        outage::blocking(&client, &request).unwrap_or_else(|error| panic!("{:?}: {error:?}", request.operation));
    }
    let awaited = AsyncClient::from(client.clone());
    for (request, done) in outage::requests(4_003)
        .iter()
        .zip(wait_for(outage::requests(4_003).iter().map(|request| outage::awaited(&awaited, request))))
    {
        done.unwrap_or_else(|error| panic!("awaited {:?}: {error:?}", request.operation));
    }
    // Nothing of what waited for the table was applied.
    let made = |from: i64| {
        let filter = value!({ "id": { "$gte": from, "$lt": (from + 1_000) } });
        client.entity("Account").expect("is there").count(query().filter(filter)).expect("counts")
    };
    assert_eq!((made(1_000), made(2_000)), (0, 0));
    assert_eq!((made(3_000), made(4_000)), (6, 6));
}

#[test]
fn a_server_that_hangs_is_a_timeout_and_the_next_call_works_when_it_goes_on() {
    if Place::new("hangs").is_none() {
        return;
    }
    let server = Postgres::start().unwrap_or_else(|why| panic!("{why}"));
    let place = Place::of(&server.url(), "hangs", outage::SCHEMA, 48);
    let client = place.client().with_timeout(Some(Duration::from_millis(500)));
    outage::fill(&client.with_timeout(None)).expect("fills");
    server.signal_all("STOP").unwrap_or_else(|why| panic!("{why}"));
    let (blocking, awaited) = (outage::requests(1_000), outage::requests(2_001));
    let client_too = AsyncClient::from(client.clone());
    let begun = Instant::now();
    thread::scope(|scope| {
        let threads: Vec<_> =
            blocking.iter().map(|request| scope.spawn(|| outage::blocking(&client, request))).collect();
        let tasks = wait_for(awaited.iter().map(|request| outage::awaited(&client_too, request)));
        let threads = threads.into_iter().map(|thread| thread.join().expect("does not panic"));
        for (request, done) in blocking.iter().zip(threads).chain(awaited.iter().zip(tasks)) {
            let error = done.expect_err("the server hangs");
            assert_eq!(error.kind(), ErrorKind::Timeout, "{:?}: {error:?}", request.operation);
            outage::check(request, &error);
        }
    });
    // A call may ask twice in turn, each within the deadline and a second; a busy machine takes longer.
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    server.signal_all("CONT").unwrap_or_else(|why| panic!("{why}"));
    let client = client.with_timeout(Some(DEADLINE));
    client.entity("Account").expect("is there").update(50, value!({ "balance": 1 })).expect("updates");
    let client = AsyncClient::from(client);
    let updated = wait_for([async { client.entity("Account")?.update(51, value!({ "balance": 1 })).await }]);
    updated.into_iter().next().expect("one").expect("updates");
}
