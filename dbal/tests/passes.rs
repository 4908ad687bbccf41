//! What the passes over a query do to whole requests.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::sync::Arc;

use common::generate::people;
use dbal::adapter::memory::MemoryAdapter;
use dbal::query::ast::{Expr, Operand};
use dbal::query::optimize::{optimize, optimize_filter};
use dbal::schema::FieldId;
use dbal::{Client, Config, ErrorKind, Operation, Principal, Request, Value, value};

fn client() -> Client {
    let schema = people();
    let adapter = Arc::new(MemoryAdapter::open(schema.clone()).unwrap());
    Client::open(Config::adapter(adapter).schema(schema)).unwrap()
}

/// The plan for the people that a filter takes.
fn plan(filter: Value) -> String {
    let request = Request::new(Operation::FindMany, "Person").arg("filter", filter).arg("limit", 5);
    format!("{:?}", client().explain(&request, None).unwrap())
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
    let one = plan(value!({ "age": { "$gt": 3 }, "name": "ann" }));
    let other = plan(value!({ "name": "eve", "$not": { "age": { "$lte": 9 } } }));
    assert_eq!(one, other);
}

#[test]
fn none_under_not_is_some() {
    let [plain, negated] = [
        value!({ "notes": { "$some": { "title": "x" } } }),
        value!({ "$not": { "notes": { "$none": { "title": "y" } } } }),
    ]
    .map(plan);
    assert_eq!(plain, negated);
}

#[test]
fn every_of_true_asks_for_nothing() {
    let nothing = plan(value!({}));
    assert_eq!(plan(value!({ "notes": { "$every": {} } })), nothing);
    assert_eq!(plan(value!({ "boss": { "notes": { "$every": { "$or": [{}] } } } })), plan(value!({ "boss": {} })));
    assert_ne!(plan(value!({ "notes": { "$every": { "title": "x" } } })), nothing);
}

#[test]
fn unknown_inside_not_is_as_good_as_true_where_only_true_counts() {
    let unknown = || Expr::Const(None);
    let leaf = || Expr::IsNull(Operand::Field(FieldId(2)));
    let not = |part| Expr::Not(Box::new(part));
    // Where the whole is a filter, an unknown in a negation cannot make it true, however deep the negations go.
    assert_eq!(optimize_filter(not(unknown())), Expr::FALSE);
    assert_eq!(optimize_filter(not(Expr::And(vec![unknown(), leaf()]))), not(leaf()));
    assert_eq!(optimize_filter(not(Expr::Or(vec![unknown(), leaf()]))), Expr::FALSE);
    assert_eq!(optimize_filter(not(not(Expr::Or(vec![unknown(), leaf()])))), leaf());
    assert_eq!(optimize_filter(not(not(unknown()))), Expr::FALSE);
    // Where unknown counts, it stays.
    assert_eq!(optimize(not(Expr::Or(vec![unknown(), leaf()]))), not(Expr::Or(vec![unknown(), leaf()])));
}

#[test]
fn explain_is_for_trusted_code() {
    let request = Request::new(Operation::Count, "Person");
    let error = client().explain(&request, Some(&Principal::new("u1", "boss"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
}
