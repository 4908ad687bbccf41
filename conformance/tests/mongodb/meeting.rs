//! Requests that meet: nothing is lost, nothing is made twice, and no reference points nowhere.

use std::thread;

use dbal::{Reason, query, value};

use super::open;

const THREADS: i64 = 6;

#[test]
fn upserts_at_once_make_one_row_and_never_fail() {
    let Some((client, _made)) = open() else { return };
    for round in 0..5_i64 {
        thread::scope(|scope| {
            for number in 0..3_i64 {
                let client = client.clone();
                scope.spawn(move || {
                    let row = value!({ "id": round, "name": (format!("author {round}")), "posts": number });
                    let asked = dbal::Request::new(dbal::Operation::Upsert, "Author")
                        .arg("where", value!({ "id": round }))
                        .arg("create", row)
                        .arg("update", value!({ "posts": number }));
                    client.execute(&asked).unwrap();
                });
            }
        });
    }
    assert_eq!(client.entity("Author").unwrap().count(query()).unwrap(), 5);
}

#[test]
fn increments_are_never_lost() {
    let Some((client, _made)) = open() else { return };
    client.entity("Author").unwrap().create(value!({ "id": 1, "name": "Ada" })).unwrap();
    let done: i64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let client = client.clone();
                scope.spawn(move || {
                    let authors = client.entity("Author").unwrap();
                    let mut done = 0;
                    for _ in 0..5 {
                        match authors.update(1_i64, value!({ "posts": { "$increment": 1 } })) {
                            Ok(_) => done += 1,
                            // Whoever lost three times is told so.
                            Err(error) => assert_eq!(error.reason(), Some(Reason::Serialization), "{error:?}"),
                        }
                    }
                    done
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let author = client.entity("Author").unwrap().read(1_i64).unwrap();
    assert_eq!(author.get("posts").unwrap().as_i64(), Some(done));
    assert!(done > 0);
}

#[test]
fn a_parent_that_goes_while_a_child_comes_leaves_no_orphan() {
    let Some((client, _made)) = open() else { return };
    for round in 0..15_i64 {
        client.entity("Author").unwrap().create(value!({ "id": round, "name": (format!("{round}")) })).unwrap();
        let (came, went) = thread::scope(|scope| {
            let (child, parent) = (client.clone(), client.clone());
            let came = scope.spawn(move || child.entity("Post").unwrap().create(value!({ "author_id": round })));
            let went = scope.spawn(move || parent.entity("Author").unwrap().delete(round));
            (came.join().unwrap(), went.join().unwrap())
        });
        let children = client.entity("Post").unwrap().count(query().filter(value!({ "author_id": round }))).unwrap();
        let parents = client.entity("Author").unwrap().count(query().filter(value!({ "id": round }))).unwrap();
        assert_eq!(children, i64::from(came.is_ok()));
        assert_eq!(parents, i64::from(went.is_err()));
        assert!(children <= parents, "round {round}: a child without a parent; {came:?} {went:?}");
        for error in [came.err(), went.err()].into_iter().flatten() {
            assert!(matches!(error.reason(), Some(Reason::ForeignKey | Reason::Serialization)), "{error:?}");
        }
    }
}

#[test]
fn what_looks_like_an_operator_in_a_document_is_data() {
    let Some((client, _made)) = open() else { return };
    let authors = client.entity("Author").unwrap();
    let data = value!({ "$where": "1", "$set": { "$inc": { "a.b": 1 } }, "~x": { "": null }, "a.b": ["$$ROOT", { "$ne": 1 }] });
    authors.create(value!({ "id": 1, "name": "$name", "data": (data.clone()) })).unwrap();
    assert_eq!(authors.read(1_i64).unwrap().get("data"), Some(&data));
    let row = authors.update(1_i64, value!({ "data": (data.clone()), "name": "$$ROOT" })).unwrap();
    assert_eq!(row.get("data"), Some(&data));
    let found = |filter| authors.count(query().filter(filter)).unwrap();
    assert_eq!(found(value!({ "name": "$$ROOT" })), 1);
    assert_eq!(found(value!({ "data": { "$eq": (data.clone()) } })), 1);
    assert_eq!(found(value!({ "data": { "$path": ["$set", "$inc", "a.b"], "$eq": 1 } })), 1);
    assert_eq!(found(value!({ "data": { "$path": ["a.b", 0], "$eq": "$$ROOT" } })), 1);
    assert_eq!(found(value!({ "data": { "$path": ["~x", ""], "$exists": true } })), 1);
    assert_eq!(found(value!({ "data": { "$path": ["x"], "$exists": true } })), 0);
}
