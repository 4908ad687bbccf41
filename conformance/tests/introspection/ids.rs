//! ObjectIds: keys of collections that others filled, followed, filtered, included and written.

use std::sync::Arc;

use dbal::adapter::mongodb::{MongoAdapter, MongoOptions};
use dbal::adapter::{Adapter, Intent};
use dbal::introspect::Options;
use dbal::{Client, Config, Schema, Value, query, value};

use super::places::mongodb;

const ADA: &str = "65a000000000000000000001";
const BOB: &str = "65a000000000000000000002";

#[test]
fn object_ids_are_keys_and_references() {
    let Some(place) = mongodb("ids") else { return };
    let schema = Arc::new(Schema::new(Vec::new(), Vec::new()));
    let raw = MongoAdapter::open(schema, &MongoOptions::url(&place.url)).unwrap();
    {
        let mut connection = raw.connect(Intent::Write, None).unwrap();
        let id = |id: &str| format!("{{\"$oid\":\"{id}\"}}");
        let authors = format!(
            "{{\"_id\":{},\"name\":\"Ada\",\"mixed\":1}},{{\"_id\":{},\"name\":\"Bob\",\"mixed\":\"x\"}}",
            id(ADA),
            id(BOB)
        );
        let posts = (1..=3)
            .map(|n| (n, if n == 2 { "2.5".to_owned() } else { n.to_string() }))
            .map(|(n, weight)| (n, weight, id(if n < 3 { ADA } else { BOB })))
            .map(|(n, weight, author)| {
                format!("{{\"_id\":{n},\"author_id\":{author},\"tags\":[\"a\"],\"weight\":{weight}}}")
            });
        let posts = posts.collect::<Vec<_>>().join(",");
        for (collection, documents) in [("authors", authors), ("posts", posts)] {
            connection.execute_ddl(&format!("{{\"insert\":\"{collection}\",\"documents\":[{documents}]}}")).unwrap();
        }
    }
    let found = Config::url(&place.url).introspect(&Options::default()).unwrap();
    let text: String = found.files.iter().map(|file| file.text.as_str()).collect();
    assert!(text.contains("id: { type: object_id, primary: true }"), "{text}");
    assert!(text.contains("mixed: { type: json }") && text.contains("seen in 2 of 2: 1 int, 1 string"), "{text}");
    let client = Client::open(Config::url(&place.url).schema(Arc::new(found.schema.schema))).unwrap();
    let authors = client.entity("Author").unwrap();
    assert_eq!(authors.read(ADA).unwrap().get("name"), Some(&"Ada".into()));
    assert_eq!(authors.count(query().filter(value!({ "id": { "$in": [BOB] } }))).unwrap(), 1);
    assert_eq!(authors.count(query().filter(value!({ "id": { "$gt": ADA } }))).unwrap(), 1);
    assert_eq!(authors.count(query().filter(value!({ "posts": { "$some": { "id": { "$lt": 3 } } } }))).unwrap(), 1);
    let posts = client.entity("Post").unwrap();
    assert_eq!(posts.count(query().filter(value!({ "author": { "name": "Ada" } }))).unwrap(), 2);
    assert_eq!(posts.count(query().filter(value!({ "author_id": ADA }))).unwrap(), 2);
    let all = posts.find_many(query().sort("id", "asc").include(value!({ "author": true }))).unwrap();
    let names = all.iter().map(|post| match post.get("author") {
        Some(Value::Record(author)) => author.get("name").cloned().unwrap(),
        other => panic!("{other:?}"),
    });
    assert_eq!(names.collect::<Vec<_>>(), [Value::from("Ada"), "Ada".into(), "Bob".into()]);
    // Numbers of several kinds are one field of floats.
    assert!(text.contains("weight: { type: float"), "{text}");
    let heavy = posts.find_many(query().filter(value!({ "weight": { "$gte": 2.5 } })).sort("weight", "desc")).unwrap();
    let weights: Vec<_> = heavy.iter().map(|post| post.get("weight").cloned().unwrap()).collect();
    assert_eq!(weights, [Value::Float(3.0), Value::Float(2.5)]);
    let wrong = authors.count(query().filter(value!({ "id": "ada" }))).unwrap_err();
    assert_eq!(wrong.code(), "VALIDATION_ERROR");
    let cyd = "65a000000000000000000003";
    authors.create(value!({ "id": cyd, "name": "Cyd" })).unwrap();
    posts.update(3, value!({ "author_id": cyd })).unwrap();
    let mut connection = raw.connect(Intent::Read, None).unwrap();
    let asked = format!("{{\"find\":\"posts\",\"filter\":{{\"author_id\":{{\"$oid\":\"{cyd}\"}}}}}}");
    assert_eq!(connection.ask(&asked).unwrap().len(), 1, "it is stored as an ObjectId");
}
