//! Callers that do the same at the same time.

use std::sync::Barrier;
use std::thread;

use dbal::{Reason, query, value};

use crate::Place;

const CALLERS: usize = 8;
const ROUNDS: i64 = 25;

#[test]
fn upserts_that_meet_make_one_row_and_none_fails() {
    let Some(place) = Place::new("upserts") else { return };
    let client = place.client();
    for round in 0..ROUNDS {
        let start = Barrier::new(CALLERS);
        let owner = format!("owner {round}");
        thread::scope(|scope| {
            for caller in 0..CALLERS as i64 {
                let (client, start, owner) = (&client, &start, &owner);
                scope.spawn(move || {
                    start.wait();
                    let key = value!({ "owner": (owner.as_str()) });
                    let create = value!({ "id": (round * 100 + caller), "balance": 1 });
                    let update = value!({ "balance": { "$increment": 1 } });
                    let made = client.entity("Account").expect("is there").upsert(key, create, update);
                    made.unwrap_or_else(|error| panic!("{error:?}"));
                });
            }
        });
        let found = client.entity("Account").expect("is there").find_many(query().filter(value!({ "owner": owner })));
        let found = found.expect("reads");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].get("balance").and_then(|balance| balance.as_i64()), Some(CALLERS as i64));
    }
}

#[test]
fn no_update_is_lost_by_transactions_that_meet() {
    let Some(place) = Place::new("updates") else { return };
    let client = place.client();
    client.entity("Account").expect("is there").create(value!({ "id": 1, "owner": "a" })).expect("creates");
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                start.wait();
                for _ in 0..10 {
                    let options = dbal::client::TransactionOptions { retries: 50, timeout: None };
                    let done = client.transaction_with(options, |tx| {
                        let account = tx.entity("Account")?.read(1)?;
                        let balance = account.get("balance").and_then(|value| value.as_i64()).unwrap_or(0);
                        tx.entity("Account")?.update(1, value!({ "balance": (balance + 1) }))
                    });
                    done.unwrap_or_else(|error| panic!("{error:?}"));
                }
            });
        }
    });
    let account = client.entity("Account").expect("is there").read(1).expect("reads");
    assert_eq!(account.get("balance").and_then(|value| value.as_i64()), Some(40));
}

#[test]
fn a_failed_statement_is_caught_and_the_transaction_goes_on() {
    let Some(place) = Place::new("caught") else { return };
    let client = place.client();
    client
        .transaction(|tx| {
            let accounts = tx.entity("Account")?;
            accounts.create(value!({ "id": 1, "owner": "a" }))?;
            let refused = accounts.create(value!({ "id": 2, "owner": "a" })).expect_err("the owner is taken");
            assert_eq!(refused.reason(), Some(Reason::Unique));
            assert_eq!(refused.fields()[0].field, "owner");
            accounts.create(value!({ "id": 3, "owner": "b" })).map(drop)
        })
        .expect("the transaction goes on");
    assert_eq!(client.entity("Account").expect("is there").count(query()).expect("counts"), 2);
}

#[test]
fn a_page_and_its_total_are_of_one_moment_however_many_ask() {
    let Some(place) = Place::new("reads") else { return };
    let client = place.client();
    let rows: Vec<_> = (0..500).map(|id| value!({ "id": id, "owner": (format!("o{id}")) })).collect();
    client.entity("Account").expect("is there").insert_many(rows).expect("creates");
    thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                for page in 1..20 {
                    let page = client.entity("Account").expect("is there").list(query().page(page).limit(20));
                    let page = page.expect("reads");
                    assert_eq!((page.total, page.data.len()), (Some(500), 20));
                }
            });
        }
    });
}
