//! Requests that no sane program sends: whatever they hold, the engine answers, and what is malformed never reaches
//! the driver.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use common::schema::{TEXT, entity, enumeration, field, key, reference, relation, schema, unique, unique_index};
use dbal::adapter::memory::MemoryAdapter;
use dbal::adapter::{Adapter, Connection, Intent, Lowering};
use dbal::capability::Capabilities;
use dbal::schema::{FieldType, Referential, RelationKind};
use dbal::{Client, Config, ErrorKind, Map, Operation, Request, Result, Schema, Value};
use proptest::prelude::*;

/// Counts how often somebody wants a connection.
struct Counted {
    inner: MemoryAdapter,
    connections: Arc<AtomicUsize>,
}

impl Adapter for Counted {
    fn name(&self) -> &'static str {
        "counted"
    }

    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn lowering(&self) -> Lowering {
        self.inner.lowering()
    }

    fn connect(&self, intent: Intent, deadline: Option<Instant>) -> Result<Box<dyn Connection + '_>> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.inner.connect(intent, deadline)
    }
}

fn people() -> Arc<Schema> {
    let decimal = FieldType::Decimal { precision: Some(10), scale: Some(2) };
    let mut person = entity(
        "Person",
        vec![
            key("id"),
            unique(field("name", TEXT)),
            field("age", FieldType::Integer),
            field("role", enumeration(&["user", "admin"])),
            field("born", FieldType::DateTime),
            field("day", FieldType::Date),
            field("tag", FieldType::Uuid),
            field("balance", decimal),
            field("data", FieldType::Json),
            field("raw", FieldType::Bytes),
            field("on", FieldType::Boolean),
            field("score", FieldType::Float),
            field("big", FieldType::BigInt),
        ],
    );
    person.indexes = vec![unique_index("persons_name", &[1])];
    person.relations = vec![relation("posts", RelationKind::HasMany, 1, 0, 2)];
    let restrict = Referential::Restrict;
    let author = reference("author_id", 0, 0, FieldType::Integer, restrict, restrict);
    let mut post = entity("Post", vec![key("id"), field("title", TEXT), author]);
    post.relations = vec![relation("author", RelationKind::BelongsTo, 0, 2, 0)];
    schema(vec![person, post])
}

fn counted() -> (Client, Arc<AtomicUsize>) {
    let schema = people();
    let connections = Arc::new(AtomicUsize::new(0));
    let inner = MemoryAdapter::open(schema.clone()).unwrap();
    let adapter = Arc::new(Counted { inner, connections: connections.clone() });
    (Client::open(Config::adapter(adapter).schema(schema)).unwrap(), connections)
}

const NAMES: &[&str] = &[
    "id",
    "name",
    "age",
    "role",
    "born",
    "day",
    "tag",
    "balance",
    "data",
    "raw",
    "on",
    "score",
    "big",
    "posts",
    "author",
    "title",
    "author_id",
    "filter",
    "sort",
    "select",
    "include",
    "limit",
    "page",
    "offset",
    "total",
    "order",
    "nulls",
    "data.a",
    "data.a.b",
    "author.name",
    "$and",
    "$or",
    "$not",
    "$eq",
    "$ne",
    "$gt",
    "$lte",
    "$in",
    "$nin",
    "$between",
    "$exists",
    "$contains",
    "$like",
    "$icontains",
    "$mode",
    "$path",
    "$is",
    "$isNot",
    "$some",
    "$every",
    "$none",
    "$search",
    "$increment",
    "__proto__",
    "",
    "\0",
    "name\"; DROP TABLE users; --",
];

const TEXTS: &[&str] = &[
    "",
    "ada",
    "user",
    "asc",
    "desc",
    "first",
    "insensitive",
    "%_\\",
    "\0",
    "1",
    "2024-02-30",
    "2024-02-29",
    "2024-01-01T00:00:00Z",
    "018f3c1e-7b1c-7000-8000-000000000001",
    "1e999999999",
    "99999999999999999999999999999999999",
    "id",
    "name",
    "nope",
    "' OR 1=1 --",
    "\u{10ffff}",
];

const ARGUMENTS: &[&str] =
    &["id", "data", "filter", "sort", "select", "include", "limit", "page", "offset", "total", "after"];

fn name() -> impl Strategy<Value = String> {
    prop_oneof![9 => prop::sample::select(NAMES).prop_map(str::to_owned), 1 => "\\PC{0,12}"]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(Value::Undefined),
        any::<bool>().prop_map(Value::Bool),
        prop_oneof![any::<i64>(), -3..25_i64].prop_map(Value::Int),
        prop_oneof![any::<f64>(), Just(f64::NAN), Just(1.5)].prop_map(Value::Float),
        prop::sample::select(TEXTS).prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(Value::Bytes),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
            prop::collection::vec((name(), inner), 0..5)
                .prop_map(|pairs| Value::Map(pairs.into_iter().collect::<Map>())),
        ]
    })
}

fn argument() -> impl Strategy<Value = (String, Value)> {
    (prop_oneof![12 => prop::sample::select(ARGUMENTS).prop_map(str::to_owned), 1 => name()], tree())
}

fn request() -> impl Strategy<Value = Request> {
    let operation = prop::sample::select(&Operation::ALL[..]);
    let entity = prop_oneof![6 => Just("Person"), 3 => Just("Post"), 1 => Just("Nobody")];
    (operation, entity, prop::collection::vec(argument(), 0..4)).prop_map(|(operation, entity, args)| {
        let args = Map(args.into_iter().map(|(name, value)| (name.into(), value)).collect());
        Request { operation, entity: entity.into(), args }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    #[test]
    fn a_malformed_request_is_refused_before_any_connection(request in request()) {
        let (client, connections) = counted();
        match client.execute(&request) {
            Err(error) if matches!(error.kind(), ErrorKind::ValidationError | ErrorKind::CapabilityNotSupported) => {
                prop_assert_eq!(connections.load(Ordering::Relaxed), 0, "{}", error);
                prop_assert!(!error.message().is_empty());
            }
            Err(error) => prop_assert!(
                matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Conflict),
                "{:?} of {:?}", error, request
            ),
            Ok(_) => {}
        }
        // The form cached by the first answer must lead to the same one.
        let again = client.execute(&request);
        let once_more = client.execute(&request);
        prop_assert_eq!(again.map_err(|e| e.code()).is_err(), once_more.map_err(|e| e.code()).is_err());
    }
}

#[test]
fn a_filter_as_deep_as_memory_allows_is_refused() {
    let (client, connections) = counted();
    for key in ["$not", "$and", "name", "data"] {
        let mut filter = Value::Map(Map::new());
        for _ in 0..2_000 {
            let inner = if key == "$and" { Value::List(vec![filter]) } else { filter };
            filter = Value::Map([(key, inner)].into_iter().collect());
        }
        let error = client.execute(&Request::new(Operation::Count, "Person").arg("filter", filter)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ValidationError, "{error}");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 0);
}
