//! A server that dies in the middle of each operation, or hangs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dbal::adapter::mongodb::{MongoAdapter, MongoOptions};
use dbal::{AsyncClient, Client, Config, ErrorKind, query, value};
use dbal_conformance::outage::{self, wait_for};
use dbal_conformance::servers::{MONGODB_URL, Mongodb};

/// How long a request may take that a lost server ends.
const DEADLINE: Duration = Duration::from_secs(5);

/// A server of the test's own and a client on it; none where no server is wanted.
fn start() -> Option<(Mongodb, Client)> {
    if std::env::var_os(MONGODB_URL).is_none_or(|url| url.is_empty()) {
        eprintln!("LEFT OUT: {MONGODB_URL} is not set; see cargo xtask servers");
        return None;
    }
    let server = Mongodb::start().unwrap();
    let schema = Client::open(Config::memory().schema_text(outage::SCHEMA)).unwrap().schema().clone();
    let url = server.url().replacen("/?", "/outage?", 1);
    let adapter = MongoAdapter::open(Arc::clone(&schema), &MongoOptions::url(url)).unwrap();
    let client = Client::open(Config::adapter(Arc::new(adapter)).schema(schema).timeout(DEADLINE)).unwrap();
    client.migrate().unwrap();
    outage::fill(&client).unwrap();
    Some((server, client))
}

/// Each works again within the time that the driver takes to find the server.
fn recovered(client: &Client) {
    let begun = Instant::now();
    while let Err(error) = client.entity("Account").unwrap().count(query()) {
        assert!(matches!(error.kind(), ErrorKind::DatabaseError | ErrorKind::Timeout), "{error:?}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{error:?}");
    }
    for request in outage::requests(900_002) {
        outage::blocking(client, &request).unwrap_or_else(|error| panic!("{:?}: {error:?}", request.operation));
    }
    let awaited = AsyncClient::from(client.clone());
    for request in outage::requests(910_003) {
        let done = wait_for([outage::awaited(&awaited, &request)]).pop().unwrap();
        done.unwrap_or_else(|error| panic!("awaited {:?}: {error:?}", request.operation));
    }
}

#[test]
fn each_operation_says_what_became_of_it_when_the_server_dies_under_it() {
    let Some((mut server, client)) = start() else { return };
    let awaited = AsyncClient::from(client.clone());
    let (stop, next) = (AtomicBool::new(false), AtomicI64::new(1));
    // Every operation on both faces, one after the other in each thread, until some time after the server has died.
    let turn = |face: &str, request: &dbal::Request, run: &dyn Fn(&dbal::Request) -> dbal::Result<()>| {
        let begun = Instant::now();
        let Err(error) = run(request) else { return false };
        let took = begun.elapsed();
        assert!(took < DEADLINE + Duration::from_secs(2), "{face} {:?} took {took:?}", request.operation);
        // Those that meet, and rows that are there no more, are no fault of the server's.
        let met = matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound);
        if !met {
            outage::check(request, &error);
        }
        !met
    };
    let failed = thread::scope(|scope| {
        let threads: Vec<_> = (0..dbal::Operation::ALL.len())
            .map(|at| {
                let (client, awaited, stop, next) = (&client, &awaited, &stop, &next);
                scope.spawn(move || {
                    let mut failed = [false; 2];
                    while !stop.load(Ordering::Relaxed) || failed != [true; 2] {
                        let request = &outage::requests(next.fetch_add(1, Ordering::Relaxed) * 1_000)[at];
                        failed[0] |= turn("blocking", request, &|request| outage::blocking(client, request));
                        let request = &outage::requests(next.fetch_add(1, Ordering::Relaxed) * 1_000)[at];
                        failed[1] |= turn("awaited", request, &|request| {
                            wait_for([outage::awaited(awaited, request)]).pop().unwrap()
                        });
                    }
                    failed
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(500));
        server.crash().unwrap();
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(failed.iter().all(|both| *both == [true; 2]), "{failed:?}");
    server.start_again().unwrap();
    recovered(&client);
}

#[test]
fn a_server_that_hangs_is_a_timeout_and_the_next_call_works_when_it_goes_on() {
    let Some((server, client)) = start() else { return };
    server.signal("STOP").unwrap();
    // Its threads do not stop at once.
    thread::sleep(Duration::from_millis(300));
    let hurried = client.with_timeout(Some(Duration::from_millis(500)));
    let awaited = AsyncClient::from(hurried.clone());
    let begun = Instant::now();
    let (one, other) = (outage::requests(1_000), outage::requests(2_001));
    thread::scope(|scope| {
        let threads: Vec<_> = one.iter().map(|request| scope.spawn(|| outage::blocking(&hurried, request))).collect();
        let tasks = wait_for(other.iter().map(|request| outage::awaited(&awaited, request)));
        let threads = threads.into_iter().map(|thread| thread.join().unwrap());
        for (request, done) in one.iter().zip(threads).chain(other.iter().zip(tasks)) {
            outage::check(request, &done.unwrap_err());
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
    server.signal("CONT").unwrap();
    recovered(&client);
}

#[test]
fn many_that_wait_for_one_connection_are_told_at_their_deadline() {
    let Some((server, client)) = start() else { return };
    let schema = client.schema().clone();
    let mut options = MongoOptions::url(server.url().replacen("/?", "/outage?", 1));
    options.pool_size = 1;
    let adapter = MongoAdapter::open(Arc::clone(&schema), &options).unwrap();
    let client = Client::open(Config::adapter(Arc::new(adapter)).schema(schema)).unwrap();
    let awaited = AsyncClient::from(client.with_timeout(Some(Duration::from_millis(300))));
    server.signal("STOP").unwrap();
    // Its threads do not stop at once.
    thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    let counts = |client: &AsyncClient| {
        let client = client.clone();
        async move { client.entity("Account")?.update(1_i64, value!({ "balance": 1 })).await }
    };
    let all = wait_for((0..32).map(|_| counts(&awaited)));
    server.signal("CONT").unwrap();
    let unknown = all.into_iter().filter(|done| {
        let error = done.as_ref().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
        error.outcome() != Some(dbal::Outcome::NotApplied)
    });
    // Nobody knows of the one that was sent; the others never were.
    assert!(unknown.count() <= 1);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(client.entity("Account").unwrap().count(query()).unwrap(), outage::ROWS);
}
