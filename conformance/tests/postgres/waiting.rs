//! Connections that are all in use, that are shared, and that are ended from outside.

use std::thread;
use std::time::{Duration, Instant};

use dbal::adapter::{Adapter as _, Intent};
use dbal::{AsyncClient, Client, ErrorKind, Operation, Outcome, Request, query, value};
use dbal_conformance::outage::wait_for;

use crate::Place;

/// Every one of them waits until its time is over, and is told that nothing was done.
fn waited(done: impl IntoIterator<Item = dbal::Result<i64>>, begun: Instant) {
    for one in done {
        let error = one.expect_err("there is no connection for it");
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Timeout, Some(Outcome::NotApplied)), "{error:?}");
    }
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn many_that_wait_for_one_connection_are_told_at_their_deadline() {
    let Some(place) = Place::new("exhausted") else { return };
    let client = place.beside("pool_size=1");
    let hurried = client.with_timeout(Some(Duration::from_millis(300)));
    let count = |client: &Client| client.entity("Account")?.count(query());
    let awaited = |client: &Client| {
        let client = AsyncClient::from(client.clone());
        async move { client.entity("Account")?.count(query()).await }
    };
    // One that waits for no deadline is served as soon as the connection is free, on either face.
    let all = client
        .transaction(|tx| {
            tx.entity("Account")?.count(query())?;
            thread::scope(|scope| {
                let begun = Instant::now();
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| count(&hurried))).collect();
                let tasks = wait_for((0..32).map(|_| awaited(&hurried)));
                waited(tasks, begun);
                waited(threads.into_iter().map(|thread| thread.join().expect("does not panic")), begun);
            });
            let patient = client.clone();
            Ok::<_, dbal::Error>([
                thread::spawn({
                    let client = patient.clone();
                    move || client.entity("Account")?.count(query())
                }),
                thread::spawn(move || wait_for([awaited(&patient)]).pop().expect("one")),
            ])
        })
        .expect("commits");
    for one in all {
        assert_eq!(one.join().expect("does not panic").expect("counts"), 0);
    }
    // The one connection goes to and fro between the faces.
    for _ in 0..5 {
        assert_eq!(count(&client).expect("counts"), 0);
        assert_eq!(wait_for((0..4).map(|_| awaited(&client))).into_iter().filter(|one| one.is_ok()).count(), 4);
    }
}

#[test]
fn reads_behind_one_that_is_dropped_or_late_have_their_answers() {
    let Some(place) = Place::new("behind") else { return };
    let client = AsyncClient::from(place.beside("pool_size=1"));
    let accounts = client.entity("Account").expect("is there");
    wait_for([accounts.create(value!({ "id": 1, "owner": "a" }))]).pop().expect("one").expect("creates");
    for dropped in [true, false] {
        let mut holder = place.adapter.connect(Intent::Write, None).expect("connects");
        holder.begin(None).expect("begins");
        holder.execute_ddl("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE").expect("locks");
        let hurried = client.blocking().with_timeout(Some(Duration::from_millis(200)));
        let hurried = AsyncClient::from(hurried);
        let late = hurried.entity("Account").expect("is there");
        let mut first = Box::pin(async { if dropped { accounts.read(1).await } else { late.read(1).await } });
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(first.as_mut().poll(&mut context).is_pending());
        // These are sent behind it, on the only connection.
        let mut others: Vec<_> = (0..8).map(|_| Box::pin(accounts.read(1))).collect();
        assert!(others.iter_mut().all(|other| other.as_mut().poll(&mut context).is_pending()));
        thread::sleep(Duration::from_millis(100));
        if dropped {
            drop(first);
            // Until it is given up, and those behind it go elsewhere.
            thread::sleep(Duration::from_millis(300));
        } else {
            let late = wait_for([first]).pop().expect("one").expect_err("the table is held");
            assert_eq!(late.kind(), ErrorKind::Timeout, "{late:?}");
        }
        holder.rollback().expect("rolls back");
        let begun = Instant::now();
        for other in wait_for(others) {
            let row = other.unwrap_or_else(|error| panic!("dropped {dropped}: {error:?}"));
            assert_eq!(row.get("owner").and_then(|owner| owner.as_str()), Some("a"));
        }
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }
}

#[test]
fn connections_that_are_ended_from_outside_are_not_lent_again() {
    let Some(place) = Place::new("ended_outside") else { return };
    let name = format!("victim_{}", std::process::id());
    let client = place.beside(&format!("pool_size=4&application_name={name}"));
    let rows = (0..20).map(|id| value!({ "id": id, "owner": (format!("o{id}")) }));
    client.entity("Account").expect("is there").insert_many(rows).expect("creates");
    let awaited = AsyncClient::from(client.clone());
    let ends = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{name}' \
         ORDER BY random() LIMIT 2"
    );
    let lost = |error: dbal::Error| {
        assert_eq!(error.kind(), ErrorKind::DatabaseError, "{error:?}");
        assert_eq!(error.outcome(), Some(Outcome::NotApplied), "{error:?}");
    };
    let mut all_failed = 0;
    for round in 0..20 {
        let mut failed = 0;
        thread::scope(|scope| {
            let threads: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| (0..30).map(|id| client.entity("Account")?.read(id % 20)).collect::<Vec<_>>()))
                .collect();
            place.execute(&ends).expect("ends them");
            let read = |id: i64| {
                let client = &awaited;
                async move { client.entity("Account")?.read(id % 20).await }
            };
            let mut all = wait_for((0..32).map(read));
            all.extend(threads.into_iter().flat_map(|thread| thread.join().expect("does not panic")));
            for error in all.into_iter().filter_map(Result::err) {
                failed += 1;
                lost(error);
            }
        });
        // Those on the connections that were ended, and no others.
        assert!(failed <= 40, "{failed} of 122 failed in round {round}");
        all_failed += failed;
        // The server has told this side by the time that it says it is done, or does so in the next moment.
        thread::sleep(Duration::from_millis(300));
        for id in 0..8 {
            client.entity("Account").expect("is there").read(id).expect("a connection that stands");
        }
        for row in wait_for((0..8).map(|id| {
            let client = &awaited;
            async move { client.entity("Account")?.read(id).await }
        })) {
            row.expect("a connection that stands");
        }
    }
    assert!(all_failed > 0, "nothing was ended");
}

#[test]
fn awaited_requests_take_no_thread_each() {
    // It looks at the threads of the whole process, so it takes one of its own.
    const ALONE: &str = "DBAL_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let mut alone = std::process::Command::new(std::env::current_exe().expect("this program"));
        alone.args(["waiting::awaited_requests_take_no_thread_each", "--exact"]).env(ALONE, "1");
        assert!(alone.status().expect("starts").success());
        return;
    }
    let Some(place) = Place::new("threads") else { return };
    let client = AsyncClient::from(place.client());
    let accounts = client.entity("Account").expect("is there");
    wait_for([accounts.count(query())]).pop().expect("one").expect("counts");
    let threads = || std::fs::read_dir("/proc/self/task").map(Iterator::count).unwrap_or(0);
    let named = || {
        let all = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        all.filter(|task| {
            std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.starts_with("dbal-postgres-"))
        })
        .count()
    };
    let mut holder = place.adapter.connect(Intent::Write, None).expect("connects");
    holder.begin(None).expect("begins");
    holder.execute_ddl("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE").expect("locks");
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut all: Vec<_> = (0..64).map(|_| Box::pin(accounts.list(query()))).collect();
    assert!(all.iter_mut().all(|one| one.as_mut().poll(&mut context).is_pending()));
    thread::sleep(Duration::from_millis(300));
    assert_eq!(named(), 0, "of {} threads", threads());
    holder.rollback().expect("rolls back");
    assert!(wait_for(all).into_iter().all(|page| page.is_ok_and(|page| page.total == Some(0))));
    // What takes threads still has them by this name: else nothing would have been counted.
    wait_for([client.batch(vec![Request::new(Operation::Count, "Account")])]).pop().expect("one").expect("counts");
    assert!(named() > 0);
}

#[test]
fn a_stream_comes_by_parts_and_one_that_is_left_gives_its_connection_back() {
    let Some(place) = Place::new("streams") else { return };
    let client = place.beside("pool_size=1");
    let rows = (0..3_000).map(|id| value!({ "id": id, "owner": (format!("o{id}")), "balance": (id % 7) }));
    client.entity("Account").expect("is there").insert_many(rows).expect("creates");
    // A relation to stream along: the account whose id is the balance of this one.
    let schema = "
entity: Account
fields:
  id: { type: integer, primary: true }
  owner: { type: string, unique: true }
  balance: { type: integer, foreign_key: { entity: Account, field: id } }
relations:
  other: { type: belongs_to, entity: Account, foreign_key: balance }
";
    let url = format!("{}&pool_size=1", place.url.replace("&pool_size=8", ""));
    let client = Client::open(dbal::Config::postgres(url).schema_text(schema)).expect("opens");
    let asked = || query().filter(value!({ "id": { "$gte": 10 } })).include(value!({ "other": true }));
    for _ in 0..2 {
        let mut next = 10;
        for row in client.stream("Account", asked()).expect("begins") {
            let row = row.expect("a row");
            let Some(dbal::Value::Record(other)) = row.get("other") else { panic!("{row:?}") };
            assert_eq!(row.get("id").and_then(|id| id.as_i64()), Some(next));
            assert_eq!(other.get("id").and_then(|id| id.as_i64()), Some(next % 7));
            next += 1;
        }
        assert_eq!(next, 3_000);
        // Left in the middle, it gives the only connection back.
        let mut rows = client.stream("Account", asked()).expect("begins");
        assert!(rows.next().expect("a row").is_ok());
        drop(rows);
        assert_eq!(
            client
                .with_timeout(Some(Duration::from_secs(5)))
                .entity("Account")
                .expect("is there")
                .count(query())
                .expect("counts"),
            3_000
        );
    }
}
