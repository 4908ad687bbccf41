//! Statements that are stopped leave nothing behind.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use dbal::client::TransactionOptions;
use dbal::{AsyncClient, Error, ErrorKind, Reason, query, value};

use super::open;

#[test]
fn a_transaction_that_runs_out_of_time_leaves_nothing() {
    let Some((client, _made)) = open() else { return };
    let options = TransactionOptions { retries: 0, timeout: Some(Duration::from_millis(300)) };
    let ended = client.transaction_with(options, |inside| -> Result<(), Error> {
        inside.entity("Author")?.create(value!({ "id": 1, "name": "Ada" }))?;
        thread::sleep(Duration::from_millis(400));
        let late = inside.entity("Author")?.create(value!({ "id": 2, "name": "Bea" })).unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Timeout, "{late:?}");
        let later = inside.entity("Author")?.count(query()).unwrap_err();
        assert_eq!(later.reason(), Some(Reason::Aborted), "{later:?}");
        Ok(())
    });
    assert_eq!(ended.unwrap_err().reason(), Some(Reason::Aborted));
    assert_eq!(client.entity("Author").unwrap().count(query()).unwrap(), 0);
    // Nothing holds the key.
    client.entity("Author").unwrap().create(value!({ "id": 1, "name": "Ada" })).unwrap();
}

#[test]
fn a_failed_statement_ends_its_transaction() {
    let Some((client, _made)) = open() else { return };
    client.entity("Author").unwrap().create(value!({ "id": 1, "name": "Ada" })).unwrap();
    let ended = client.transaction(|inside| -> Result<(), Error> {
        inside.entity("Author")?.create(value!({ "id": 2, "name": "Bea" }))?;
        let twice = inside.entity("Author")?.create(value!({ "id": 3, "name": "Ada" })).unwrap_err();
        assert_eq!(twice.reason(), Some(Reason::Unique));
        assert_eq!(twice.fields()[0].field, "name");
        let later = inside.entity("Author")?.read(1_i64).unwrap_err();
        assert_eq!(later.reason(), Some(Reason::Aborted));
        Ok(())
    });
    assert_eq!(ended.unwrap_err().reason(), Some(Reason::Aborted));
    assert_eq!(client.entity("Author").unwrap().count(query()).unwrap(), 1);
}

#[test]
fn a_transaction_that_is_dropped_is_taken_back() {
    let Some((client, _made)) = open() else { return };
    let awaited = AsyncClient::from(client.clone());
    let mut begun = Box::pin(async {
        let inside = awaited.begin().await.unwrap();
        inside.entity("Author").unwrap().create(value!({ "id": 1, "name": "Ada" })).await.unwrap();
        std::future::pending::<()>().await;
        drop(inside);
    });
    let until = Instant::now() + Duration::from_millis(500);
    while Instant::now() < until {
        assert!(begun.as_mut().poll_now().is_pending());
        thread::sleep(Duration::from_millis(10));
    }
    drop(begun);
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        // The same key, from somebody who waits for nobody: it is free as soon as the transaction is gone.
        match client.entity("Author").unwrap().create(value!({ "id": 1, "name": "Ada" })) {
            Ok(_) => break,
            Err(error) if Instant::now() < until => {
                assert_eq!(error.reason(), Some(Reason::Serialization), "{error:?}")
            }
            Err(error) => panic!("the transaction is still there: {error:?}"),
        }
    }
    assert_eq!(client.entity("Author").unwrap().count(query()).unwrap(), 1);
}

trait PollNow {
    fn poll_now(self) -> Poll<()>;
}

impl<F: Future<Output = ()>> PollNow for std::pin::Pin<&mut F> {
    fn poll_now(self) -> Poll<()> {
        pin!(self).poll(&mut Context::from_waker(Waker::noop()))
    }
}
