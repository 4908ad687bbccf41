use std::collections::BTreeMap;
use std::sync::Arc;

use dbal::value::{from_record, from_value, to_value};
use dbal::{Columns, Date, DateTime, Decimal, Map, Record, Uuid, Value, value};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
#[serde(rename_all = "snake_case")]
enum Role {
    Admin,
    Level(u8),
    Pair(i64, String),
    Named { since: i64 },
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Author {
    name: String,
    role: Role,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Post {
    id: Uuid,
    title: String,
    views: u32,
    score: f64,
    price: Decimal,
    at: DateTime,
    day: Date,
    note: Option<String>,
    tags: Vec<String>,
    meta: BTreeMap<String, Value>,
    author: Option<Author>,
    raw: Vec<u8>,
}

fn record(pairs: Vec<(&'static str, Value)>) -> Record {
    let (names, values) = pairs.into_iter().map(|(name, value)| (name.into(), value)).unzip();
    Record::new(Arc::new(Columns { names }), values)
}

fn post() -> (Record, Post) {
    let (id, at) = (Uuid::from_u128(7), DateTime::from_epoch_millis(1).unwrap());
    let (day, price) = (Date::from_epoch_days(1).unwrap(), "1.50".parse::<Decimal>().unwrap());
    let author = record(vec![("name", value!("ada")), ("role", value!({ "level": 4 }))]);
    let row = record(vec![
        ("id", id.into()),
        ("title", value!("hello")),
        ("views", value!(3)),
        ("score", value!(1)),
        ("price", price.into()),
        ("at", at.into()),
        ("day", day.into()),
        ("note", value!(null)),
        ("tags", value!(["a", "b"])),
        ("meta", value!({ "k": [1, null] })),
        ("author", Value::Record(Box::new(author))),
        ("raw", Value::Bytes(vec![1, 2])),
        ("ignored", value!(true)),
    ]);
    let post = Post {
        id,
        title: "hello".into(),
        views: 3,
        score: 1.0,
        price,
        at,
        day,
        note: None,
        tags: vec!["a".into(), "b".into()],
        meta: BTreeMap::from([("k".to_owned(), value!([1, null]))]),
        author: Some(Author { name: "ada".into(), role: Role::Level(4) }),
        raw: vec![1, 2],
    };
    (row, post)
}

#[test]
fn a_row_becomes_a_struct() {
    let (row, expected) = post();
    assert_eq!(from_record::<Post>(&row).unwrap(), expected);
}

#[test]
fn a_struct_becomes_a_map_and_back() {
    let (_, post) = post();
    let value = to_value(&post).unwrap();
    let map = value.as_map().unwrap();
    assert_eq!(map.get("id"), Some(&value!("00000000-0000-0000-0000-000000000007")));
    assert_eq!(map.get("at"), Some(&value!("1970-01-01T00:00:00.001Z")));
    assert_eq!(map.get("price"), Some(&value!("1.50")));
    assert_eq!(map.get("note"), Some(&Value::Null));
    assert_eq!(from_value::<Post>(&value).unwrap(), post);
}

#[test]
fn enums_by_name() {
    for (role, expected) in [
        (Role::Admin, value!("admin")),
        (Role::Level(3), value!({ "level": 3 })),
        (Role::Pair(1, "x".into()), value!({ "pair": [1, "x"] })),
        (Role::Named { since: 5 }, value!({ "named": { "since": 5 } })),
    ] {
        assert_eq!(to_value(&role).unwrap(), expected);
        assert_eq!(from_value::<Role>(&expected).unwrap(), role);
    }
    assert!(from_value::<Role>(&value!("king")).is_err());
    assert!(from_value::<Role>(&value!({ "admin": 1 })).is_err());
    assert!(from_value::<Role>(&value!({})).is_err());
}

#[test]
fn bytes_suit_every_wish() {
    let bytes = Value::Bytes(vec![0, 255]);
    assert_eq!(from_value::<Vec<u8>>(&bytes).unwrap(), [0, 255]);
    assert_eq!(from_value::<[u8; 2]>(&bytes).unwrap(), [0, 255]);
    assert_eq!(from_value::<String>(&bytes).unwrap(), "AP8=");
    assert_eq!(from_value::<&[u8]>(&bytes).unwrap(), [0, 255]);
}

#[test]
fn text_may_be_borrowed() {
    let value = value!("borrowed");
    assert_eq!(from_value::<&str>(&value).unwrap(), "borrowed");
}

#[test]
fn faults_name_their_path() {
    let bad = |change: &'static str, to: Value| {
        let (row, _) = post();
        let mut map = row.into_map();
        map.insert(change, to);
        let error = from_value::<Post>(&Value::Map(map)).unwrap_err();
        (error.fields().first().map(|fault| fault.field.clone()).unwrap_or_default(), error.message().to_owned())
    };
    assert_eq!(bad("views", value!(-1)).0, "views");
    assert_eq!(bad("views", value!("3")).0, "views");
    assert_eq!(bad("tags", value!(["a", 1])).0, "tags.1");
    assert_eq!(bad("author", value!({ "name": "x", "role": { "level": 300 } })).0, "author.role.level");
    assert_eq!(bad("at", value!("yesterday")).0, "at");
    assert_eq!(bad("id", value!("nonsense")).0, "id");
    let missing = from_value::<Author>(&value!({ "name": "x" })).unwrap_err();
    assert!(missing.message().contains("missing field `role`"), "{missing}");
}

#[test]
fn what_a_value_cannot_hold_is_refused_with_its_path() {
    #[derive(Serialize)]
    struct Outer {
        items: Vec<BTreeMap<&'static str, u64>>,
    }
    let outer = Outer { items: vec![BTreeMap::from([("ok", 1), ("over", u64::MAX)])] };
    let error = to_value(&outer).unwrap_err();
    assert_eq!(error.fields()[0].field, "items.0.over");
    assert!(error.message().contains("64 bits"));
    assert!(to_value(&BTreeMap::from([(vec![1], 1)])).is_err());
    assert_eq!(to_value(&BTreeMap::from([(1, true)])).unwrap(), value!({ "1": true }));
    assert_eq!(to_value(&u64::from(u32::MAX)).unwrap(), value!(4294967295_i64));
    assert_eq!(to_value(&Some(())).unwrap(), Value::Null);
    assert_eq!(to_value(&('x', 1.5_f32)).unwrap(), value!(["x", 1.5]));
}

#[test]
fn values_come_from_any_format() {
    let value: Value = serde_json::from_str(r#"{"a":[1,-2,1.5,null,"x",true],"b":{"c":1.0}}"#).unwrap();
    assert_eq!(value, value!({ "a": [1, (-2), 1.5, null, "x", true], "b": { "c": 1.0 } }));
    let map: Map = serde_json::from_str(r#"{"a":1}"#).unwrap();
    assert_eq!(map.get("a"), Some(&value!(1)));
    for text in ["18446744073709551615", r#"{"a":1,"a":2}"#] {
        assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
    }
    assert!(serde_json::from_str::<Map>("[]").is_err());
}

#[test]
fn a_row_is_written_in_its_own_order() {
    let (row, _) = post();
    let text = serde_json::to_string(&row).unwrap();
    assert!(text.starts_with(r#"{"id":"00000000-0000-0000-0000-000000000007","title":"hello""#), "{text}");
    assert!(text.contains(r#""raw":"AQI=""#));
    assert!(text.contains(r#""author":{"name":"ada""#));
}
