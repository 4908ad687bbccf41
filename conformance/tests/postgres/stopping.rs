//! Statements that are stopped: by their deadline, or because nobody waits for them.

use std::time::{Duration, Instant};

use dbal::{AsyncClient, Config, ErrorKind, Outcome, query, value};

use crate::Place;

/// Holds the table so that whatever wants it has to wait, for as long as the closure runs.
fn held(place: &Place, work: impl FnOnce()) {
    use dbal::adapter::{Adapter as _, Intent};
    let mut connection = place.adapter.connect(Intent::Write, None).expect("connects");
    connection.begin(None).expect("begins");
    connection.execute_ddl("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE").expect("locks");
    work();
    connection.rollback().expect("rolls back");
}

#[test]
fn a_statement_stops_at_its_deadline_and_its_connection_serves_the_next() {
    let Some(place) = Place::new("deadline") else { return };
    let client = place.client();
    let accounts = client.entity("Account").expect("is there");
    accounts.create(value!({ "id": 1, "owner": "a" })).expect("creates");
    let hurried = client.with_timeout(Some(Duration::from_millis(200)));
    held(&place, || {
        let begun = Instant::now();
        let late = hurried.entity("Account").expect("is there").read(1).expect_err("has to wait");
        assert_eq!((late.kind(), late.outcome()), (ErrorKind::Timeout, Some(Outcome::NotApplied)));
        let late = hurried.entity("Account").expect("is there").update(1, value!({ "balance": 5 }));
        let late = late.expect_err("has to wait");
        assert_eq!((late.kind(), late.outcome()), (ErrorKind::Timeout, Some(Outcome::NotApplied)));
        assert!(begun.elapsed() < Duration::from_millis(1_500), "{:?}", begun.elapsed());
    });
    let account = hurried.entity("Account").expect("is there").read(1).expect("reads");
    assert_eq!(account.get("balance").and_then(|value| value.as_i64()), Some(0));
}

#[test]
fn a_timeout_ends_its_transaction() {
    let Some(place) = Place::new("ended") else { return };
    let client = place.client();
    let hurried = client.with_timeout(Some(Duration::from_millis(300)));
    held(&place, || {
        let ended = hurried.transaction(|tx| {
            let late = tx.entity("Account")?.create(value!({ "id": 1, "owner": "a" })).expect_err("has to wait");
            assert_eq!(late.kind(), ErrorKind::Timeout);
            tx.entity("Account")?.count(query())
        });
        let ended = ended.expect_err("is aborted");
        assert_eq!(ended.reason().map(|reason| reason.as_str()), Some("aborted"));
    });
    assert_eq!(client.entity("Account").expect("is there").count(query()).expect("counts"), 0);
}

#[test]
fn a_client_lives_and_dies_inside_a_runtime() {
    let Some(place) = Place::new("runtime") else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let config = Config::postgres(place.url.as_str()).schema(place.schema.clone());
        let client = AsyncClient::open(config).await.expect("opens");
        let accounts = client.entity("Account").expect("is there");
        accounts.create(value!({ "id": 1, "owner": "a" })).await.expect("creates");
        assert_eq!(accounts.count(query()).await.expect("counts"), 1);
        // One that blocks says so instead of standing still.
        let refused = client.blocking().entity("Account").expect("is there").read(1).expect_err("would block");
        assert!(refused.message().contains("AsyncClient"), "{refused}");
        drop(client);
    });
}

#[test]
fn a_dropped_future_leaves_no_work_and_no_transaction_behind() {
    let Some(place) = Place::new("dropped") else { return };
    let client = AsyncClient::from(place.client());
    held(&place, || {
        let accounts = client.entity("Account").expect("is there");
        let mut creating = Box::pin(accounts.create(value!({ "id": 1, "owner": "a" })));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(creating.as_mut().poll(&mut context).is_pending());
        // Until the statement waits for the table.
        std::thread::sleep(Duration::from_millis(300));
        drop(creating);
        std::thread::sleep(Duration::from_millis(700));
    });
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(place.client().entity("Account").expect("is there").count(query()).expect("counts"), 0);
}
