//! What the passes over a query do to whole requests.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::sync::Arc;

use common::generate::people;
use dbal::adapter::memory::MemoryAdapter;
use dbal::{Client, Config, ErrorKind, Operation, Request, Value, value};

fn client() -> Client {
    let schema = people();
    let adapter = Arc::new(MemoryAdapter::open(schema.clone()).unwrap());
    Client::open(Config::adapter(adapter).schema(schema)).unwrap()
}

#[test]
fn a_condition_that_decides_nothing_is_checked_all_the_same() {
    let client = client();
    let count = |age: Value| {
        let filter = value!({ "$and": [{ "age": age }, { "$or": [] }] });
        client.execute(&Request::new(Operation::Count, "Person").arg("filter", filter))
    };
    count(value!(3)).unwrap();
    // The same form, so the plan is the one made before, which has no use for the age.
    let error = count(value!(1_i64 << 40)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ValidationError);
}

#[test]
fn filters_written_in_any_order_share_a_plan() {
    let client = client();
    let explained = |filter: Value| {
        client
            .explain(&Request::new(Operation::FindMany, "Person").arg("filter", filter).arg("limit", 5), None)
            .unwrap()
    };
    let one = explained(value!({ "age": { "$gt": 3 }, "name": "ann" }));
    let other = explained(value!({ "name": "eve", "$not": { "age": { "$lte": 9 } } }));
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
}
