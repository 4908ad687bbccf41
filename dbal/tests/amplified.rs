//! Requests that say little and mean much: what they would grow to is bounded before it is made.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use dbal::query::limits::Limits;
use dbal::{Client, Config, ErrorKind, Operation, Principal, Request, Value, query, value};

const SCHEMA: &str = "
entity: Author
fields:
  id: { type: integer, primary: true }
  name: { type: string }
acl: { create: { public: true }, read: { public: true } }
---
entity: Post
fields:
  id: { type: integer, primary: true }
  author_id: { type: integer, foreign_key: { entity: Author, field: id } }
acl: { create: { public: true }, read: { public: true } }
";

fn databases(limits: Limits) -> Vec<Client> {
    let configs = [Config::memory(), Config::sqlite(":memory:")];
    let open = |config: Config| {
        let db = Client::open(config.schema_text(SCHEMA).limits(limits)).unwrap();
        db.migrate().unwrap();
        db
    };
    configs.into_iter().map(open).collect()
}

#[test]
fn a_long_text_that_many_entries_refer_to_counts_each_time() {
    for db in databases(Limits { request_bytes: 10_000, ..Limits::default() }) {
        let refer = |id: i64| {
            Request::new(Operation::Create, "Author").arg("data", value!({ "id": id, "name": { "$ref": "0.name" } }))
        };
        let long = Value::Text("x".repeat(3_000));
        let first = || {
            let name = long.clone();
            Request::new(Operation::Create, "Author").arg("data", value!({ "id": 1, "name": name }))
        };
        let few: Vec<Request> = std::iter::once(first()).chain((2..4).map(refer)).collect();
        let many: Vec<Request> = std::iter::once(first()).chain((2..6).map(refer)).collect();
        let at_once = Request::new(Operation::CreateMany, "Author")
            .arg("data", Value::List((2..6).map(|id| value!({ "id": id, "name": { "$ref": "0.name" } })).collect()));
        for entries in [many, vec![first(), at_once]] {
            let error = db.batch(entries).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ValidationError);
            assert!(error.to_string().contains("request_bytes"), "{error}");
            assert_eq!(db.entity("Author").unwrap().count(query()).unwrap(), 0);
        }
        db.batch(few).unwrap();
    }
}

#[test]
fn rows_related_back_and_forth_are_counted_before_they_are_copied() {
    for db in databases(Limits { included_rows: 50, ..Limits::default() }) {
        db.entity("Author").unwrap().create(value!({ "id": 1 })).unwrap();
        let posts = (0..5).map(|id| value!({ "id": id, "author_id": 1 }));
        db.entity("Post").unwrap().insert_many(posts).unwrap();
        let bound = db.as_principal(Principal::anonymous());
        let asked = |include: Value| query().include(include);
        // One author, five posts, each with its author and that one's posts: 5 + 5 + 25 rows.
        let deep = value!({ "posts": { "include": { "author": { "include": { "posts": true } } } } });
        assert_eq!(bound.entity("Author").unwrap().find_many(asked(deep)).unwrap().len(), 1);
        let deeper = value!({ "posts": { "include": { "author": { "include": { "posts": {
            "include": { "author": true }
        } } } } } });
        let error = bound.entity("Author").unwrap().find_many(asked(deeper.clone())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ValidationError);
        assert!(error.to_string().contains("included_rows"), "{error}");
        let streamed = bound.stream("Author", asked(deeper.clone()).limit(10)).unwrap().last().unwrap();
        assert_eq!(streamed.unwrap_err().kind(), ErrorKind::ValidationError);
        // Trusted code takes what there is.
        assert_eq!(db.entity("Author").unwrap().find_many(asked(deeper)).unwrap().len(), 1);
    }
}

#[test]
fn what_is_related_to_the_row_beyond_a_page_does_not_count() {
    for db in databases(Limits { bound_rows: 3, ..Limits::default() }) {
        db.entity("Author").unwrap().insert_many([value!({ "id": 1 }), value!({ "id": 2 })]).unwrap();
        let posts = (0..4).map(|id| value!({ "id": id, "author_id": 2 }));
        db.entity("Post").unwrap().insert_many(posts).unwrap();
        let bound = db.as_principal(Principal::anonymous());
        for options in [value!({ "total": false }), value!({ "after": null })] {
            let mut page =
                Request::new(Operation::List, "Author").arg("limit", 1).arg("include", value!({ "posts": true }));
            for (name, value) in options.as_map().unwrap().iter() {
                page = page.arg(name.to_owned(), value.clone());
            }
            assert!(bound.execute(&page).is_ok());
            let page = page.arg("offset", 1);
            if options.as_map().unwrap().get("after").is_none() {
                assert_eq!(bound.execute(&page).unwrap_err().kind(), ErrorKind::ValidationError);
            }
        }
    }
}
