//! Data and requests over one rich schema, from pools small enough that values meet.

use dbal::{Date, DateTime, Decimal, Map, Name, Uuid, Value, value};
use dbal_conformance::{Caller, Request};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub const SCHEMA: &str = r#"
entity: Owner
fields:
  id: { type: integer, primary: true }
  name: { type: string }
  rank: { type: integer }
---
entity: Thing
fields:
  id: { type: integer, primary: true }
  owner_id: { type: integer, foreign_key: { entity: Owner, field: id, on_delete: set_null } }
  text: { type: string }
  num: { type: integer }
  big: { type: bigint }
  real: { type: float }
  dec: { type: decimal }
  flag: { type: boolean }
  at: { type: datetime }
  day: { type: date }
  uid: { type: uuid }
  kind: { type: enum, values: [a, b, c] }
  doc: { type: json }
  raw: { type: bytes }
  secret: { type: string, acl: { read: [boss] } }
searchable: [text, secret]
---
entity: Part
fields:
  id: { type: integer, primary: true }
  thing_id: { type: integer, required: true, foreign_key: { entity: Thing, field: id, on_delete: cascade } }
  label: { type: string }
  n: { type: integer }
"#;

pub const RULES: &str = r#"
rules:
  - { id: boss-1, entity: Owner, role: [boss], operations: [read] }
  - { id: boss-2, entity: Thing, role: [boss], operations: [read] }
  - { id: boss-3, entity: Part, role: [boss], operations: [read] }
  - { id: some-1, entity: Owner, role: [some], operations: [read], row_level_filter: "rank <= $user.max" }
  - { id: some-2, entity: Thing, role: [some], operations: [read], row_level_filter: "flag = true OR num > $user.max" }
  - { id: some-3, entity: Part, role: [some], operations: [read], row_level_filter: "thing.flag = true AND NOT n = $user.max" }
  - { id: some-4, entity: Thing, role: [some], operations: [read], row_level_filter: "kind = 'c'", effect: forbid }
  - { id: text-1, entity: Thing, role: [texts], operations: [read], row_level_filter: "owner.name = $user.name OR text IS NULL" }
  - { id: text-2, entity: Owner, role: [texts], operations: [read], row_level_filter: "name IN ('x', 'Y') OR NOT (rank > 0)" }
"#;

const TEXTS: [&str; 16] = [
    "",
    "x",
    "X",
    "y",
    "xy",
    "a_b",
    "a%b",
    "a\\b",
    "aXb",
    "\u{E4}x",
    "\u{C4}X",
    "\u{DF}",
    "\u{1F600}",
    "\u{FF21}",
    "x y, axb",
    "B \u{E4}\u{308}x",
];
const NUMBERS: [i64; 7] = [-2, -1, 0, 1, 2, 3, 100];

type Field = (&'static str, fn() -> BoxedStrategy<Value>);

const OWNER: &[Field] = &[("id", key), ("name", text), ("rank", number)];
const PART: &[Field] = &[("id", key), ("thing_id", key), ("label", text), ("n", number)];
const THING: &[Field] = &[
    ("id", key),
    ("owner_id", key),
    ("text", text),
    ("num", number),
    ("big", big),
    ("real", real),
    ("dec", dec),
    ("flag", flag),
    ("at", at),
    ("day", day),
    ("uid", uid),
    ("kind", kind),
    ("raw", raw),
    ("doc", doc),
    ("secret", text),
];

fn key() -> BoxedStrategy<Value> {
    (1..7i64).prop_map(Value::Int).boxed()
}
fn text() -> BoxedStrategy<Value> {
    select(&TEXTS[..]).prop_map(Value::from).boxed()
}
fn number() -> BoxedStrategy<Value> {
    select(&NUMBERS[..]).prop_map(Value::Int).boxed()
}
fn big() -> BoxedStrategy<Value> {
    select(vec![i64::MIN, -1, 0, 1 << 53, (1 << 53) + 1, i64::MAX]).prop_map(Value::Int).boxed()
}
fn real() -> BoxedStrategy<Value> {
    select(vec![-1.5, -0.0, 0.0, 0.1, 2.0, 1e300]).prop_map(Value::Float).boxed()
}
fn dec() -> BoxedStrategy<Value> {
    let digits = vec!["-10.25", "0", "0.10", "9", "10.0", "10.01", "12345678901234567890.5"];
    select(digits).prop_map(|text| Value::from(text.parse::<Decimal>().expect("a decimal"))).boxed()
}
fn flag() -> BoxedStrategy<Value> {
    any::<bool>().prop_map(Value::Bool).boxed()
}
fn at() -> BoxedStrategy<Value> {
    let instants = vec![-62_135_596_800_000, -1, 0, 1, 1_700_000_000_123];
    select(instants).prop_map(|ms| DateTime::from_epoch_millis(ms).expect("in range").into()).boxed()
}
fn day() -> BoxedStrategy<Value> {
    select(vec![-719_162, -1, 0, 19_000]).prop_map(|days| Date::from_epoch_days(days).expect("in range").into()).boxed()
}
fn uid() -> BoxedStrategy<Value> {
    select(vec![0u128, 1, 0xABCD, u128::MAX]).prop_map(|bits| Uuid::from_u128(bits).into()).boxed()
}
fn kind() -> BoxedStrategy<Value> {
    select(vec!["a", "b", "c"]).prop_map(Value::from).boxed()
}
fn raw() -> BoxedStrategy<Value> {
    select(vec![vec![], vec![0u8], vec![0, 255], vec![1]]).prop_map(Value::Bytes).boxed()
}
fn doc() -> BoxedStrategy<Value> {
    select(vec![
        value!({}),
        value!({ "a": 1 }),
        value!({ "a": "1", "b": [1, 2] }),
        value!({ "a": null, "b": { "c": true } }),
        value!({ "a": 2.5 }),
        value!([1, { "a": 1 }]),
        value!("x"),
        value!(1),
    ])
    .boxed()
}

/// A value with this probability, which may be none at all.
fn maybe<T: Clone + std::fmt::Debug + 'static>(
    probability: f64,
    strategy: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Option<T>> {
    if probability > 0.0 { option::weighted(probability, strategy).boxed() } else { Just(None).boxed() }
}

/// Null now and then.
fn nullable(strategy: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    prop_oneof![1 => Just(Value::Null), 4 => strategy].boxed()
}

fn row(id: i64, fields: &'static [Field]) -> BoxedStrategy<Map> {
    let cells: Vec<_> = fields[1..]
        .iter()
        .map(|(name, strategy)| {
            let strategy = if *name == "thing_id" { strategy() } else { nullable(strategy()) };
            strategy.prop_map(move |value| (Name::from(*name), value))
        })
        .collect();
    cells.prop_map(move |cells| Map([("id".into(), id.into())].into_iter().chain(cells).collect())).boxed()
}

fn rows(entity: &'static str, count: i64, fields: &'static [Field]) -> BoxedStrategy<Vec<(String, Map)>> {
    let rows: Vec<_> = (1..=count).map(|id| row(id, fields)).collect();
    rows.prop_map(move |rows| rows.into_iter().map(|row| (entity.to_owned(), row)).collect()).boxed()
}

/// Rows of all three entities, references sound.
pub fn data() -> impl Strategy<Value = Vec<(String, Map)>> {
    (rows("Owner", 6, OWNER), rows("Thing", 6, THING), rows("Part", 8, PART))
        .prop_map(|(owners, things, parts)| [owners, things, parts].concat())
}

fn one(name: impl Into<Name>, value: Value) -> Value {
    Value::Map(Map(vec![(name.into(), value)]))
}

/// What a field is asked: usually something that is allowed.
fn condition(name: &'static str, strategy: fn() -> BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    let compare = (select(vec!["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), strategy()).prop_map(|(op, v)| one(op, v));
    let equal = (select(vec!["$eq", "$ne"]), nullable(strategy())).prop_map(|(op, v)| one(op, v));
    let list =
        (select(vec!["$in", "$nin"]), vec(nullable(strategy()), 0..4)).prop_map(|(op, v)| one(op, Value::List(v)));
    let between = (strategy(), strategy()).prop_map(|(a, b)| one("$between", Value::List(vec![a, b])));
    let exists = any::<bool>().prop_map(|yes| one("$exists", yes.into()));
    let needle = select(&TEXTS[..]).prop_map(Value::from);
    let texts = vec!["$contains", "$startsWith", "$endsWith", "$icontains", "$istartsWith", "$iendsWith", "$ieq"];
    let texts = (select(texts), needle).prop_map(|(op, v)| one(op, v));
    let patterns = vec!["%", "_", "a_b", "a\\_b", "%x%", "", "\u{C4}%", "a\\\\b"];
    let like = (select(patterns), any::<bool>()).prop_map(|(pattern, fold)| match fold {
        false => value!({ "$like": pattern }),
        true => value!({ "$like": pattern, "$mode": "insensitive" }),
    });
    let path = prop_oneof![
        Just(value!(["a"])),
        Just(value!(["b", 0])),
        Just(value!(["b", "c"])),
        Just(value!([1, "a"])),
        Just(value!([0]))
    ];
    let test = prop_oneof![
        (select(vec!["$eq", "$ne", "$gt", "$lte"]), select(vec![value!(1), value!("1"), value!(true), value!(2.5)])),
        (select(vec!["$eq", "$ne"]), Just(Value::Null)),
        (Just("$exists"), any::<bool>().prop_map(Value::Bool)),
        (Just("$contains"), Just(value!("1"))),
        (Just("$in"), Just(value!([1, "1", null]))),
    ];
    let json = (path, test).prop_map(|(path, (op, v))| Value::Map(Map(vec![("$path".into(), path), (op.into(), v)])));
    match name {
        "doc" => prop_oneof![4 => json, 1 => exists, 1 => equal].boxed(),
        "raw" => prop_oneof![equal, list, exists].boxed(),
        "text" | "name" | "label" | "secret" => prop_oneof![compare, equal, list, exists, texts, like, between].boxed(),
        "flag" | "kind" | "uid" => prop_oneof![equal, list, exists].boxed(),
        _ => prop_oneof![compare, equal, list, between, exists].boxed(),
    }
}

fn leaf(fields: &'static [Field]) -> BoxedStrategy<Value> {
    let sound = select(fields).prop_flat_map(|(name, strategy)| {
        let condition = condition(name, strategy);
        let negated = (any::<bool>(), condition.clone()).prop_map(|(not, c)| if not { one("$not", c) } else { c });
        let bare = if name == "doc" { negated.clone().boxed() } else { nullable(strategy()) };
        prop_oneof![3 => negated, 1 => bare].prop_map(move |condition| one(name, condition))
    });
    let odd = select(vec![
        value!({}),
        value!({ "$and": [] }),
        value!({ "$or": [] }),
        value!({ "$not": {} }),
        value!({ "nope": 1 }),
        value!({ "id": "1" }),
        value!({ "id": { "$gt": null } }),
        value!({ "id": { "$between": [1] } }),
    ]);
    prop_oneof![30 => sound, 1 => odd].boxed()
}

fn filter(entity: &'static str, depth: u32) -> BoxedStrategy<Value> {
    let search = select(&TEXTS[..]).prop_map(|text| one("$search", text.into()));
    let plain = match entity {
        "Thing" => tree(prop_oneof![6 => leaf(fields(entity)), 1 => search].boxed()),
        _ => tree(leaf(fields(entity))),
    };
    if depth == 0 {
        return plain;
    }
    let related = match entity {
        "Owner" => to_many("things", "Thing", depth),
        "Part" => to_one("thing", "Thing", depth),
        _ => prop_oneof![to_one("owner", "Owner", depth), to_many("parts", "Part", depth)].boxed(),
    };
    tree(prop_oneof![3 => plain, 1 => related].boxed())
}

fn tree(leaf: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..4).prop_map(|all| one("$and", Value::List(all))),
            vec(inner.clone(), 1..4).prop_map(|any| one("$or", Value::List(any))),
            inner.prop_map(|not| one("$not", not)),
        ]
    })
    .boxed()
}

fn to_one(relation: &'static str, entity: &'static str, depth: u32) -> BoxedStrategy<Value> {
    let is = (select(vec!["$is", "$isNot"]), filter(entity, depth - 1)).prop_map(|(op, filter)| one(op, filter));
    prop_oneof![4 => is, 1 => Just(Value::Null)].prop_map(move |condition| one(relation, condition)).boxed()
}

fn to_many(relation: &'static str, entity: &'static str, depth: u32) -> BoxedStrategy<Value> {
    (select(vec!["$some", "$every", "$none"]), filter(entity, depth - 1))
        .prop_map(move |(op, filter)| one(relation, one(op, filter)))
        .boxed()
}

fn fields(entity: &str) -> &'static [Field] {
    match entity {
        "Owner" => OWNER,
        "Part" => PART,
        _ => THING,
    }
}

fn sort(entity: &'static str) -> BoxedStrategy<Value> {
    let mut names: Vec<&str> = fields(entity).iter().map(|(name, _)| *name).filter(|name| *name != "doc").collect();
    match entity {
        "Thing" => names.push("owner.name"),
        "Part" => names.extend(["thing.text", "thing.owner.rank"]),
        _ => {}
    }
    let direction = prop_oneof![
        Just(value!("asc")),
        Just(value!("desc")),
        Just(value!({ "order": "asc", "nulls": "last" })),
        Just(value!({ "order": "desc", "nulls": "first" })),
    ];
    vec((select(names), direction).prop_map(|(name, direction)| one(name, direction)), 1..3)
        .prop_map(Value::List)
        .boxed()
}

fn selection(entity: &'static str) -> BoxedStrategy<Value> {
    let names: Vec<&str> = fields(entity).iter().map(|(name, _)| *name).collect();
    let count = 1..names.len().min(4);
    proptest::sample::subsequence(names, count)
        .prop_map(|names| Value::List(names.into_iter().map(Value::from).collect()))
        .boxed()
}

fn include(entity: &'static str, depth: u32) -> BoxedStrategy<Value> {
    let relations: Vec<(&str, &str, bool)> = match entity {
        "Owner" => vec![("things", "Thing", false)],
        "Part" => vec![("thing", "Thing", true)],
        _ => vec![("owner", "Owner", true), ("parts", "Part", false)],
    };
    let one_relation = select(relations).prop_flat_map(move |(relation, target, to_one)| {
        let below = if depth == 0 { Just(None).boxed() } else { maybe(0.3, include(target, depth - 1)) };
        let limit = maybe(if to_one { 0.0 } else { 0.5 }, (0..4i64).prop_map(Value::Int));
        let parts =
            (maybe(0.4, filter(target, 0)), maybe(0.4, sort(target)), limit, maybe(0.3, selection(target)), below);
        parts.prop_map(move |(filter, sort, limit, select, include)| {
            let options =
                [("filter", filter), ("sort", sort), ("limit", limit), ("select", select), ("include", include)];
            let options: Map = options.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            one(relation, if options.is_empty() { true.into() } else { Value::Map(options) })
        })
    });
    one_relation.boxed()
}

/// A reading request.
pub fn request() -> impl Strategy<Value = Request> {
    let operation = select(vec!["find_many", "list", "first", "count"]);
    (select(vec!["Owner", "Thing", "Thing", "Part"]), operation).prop_flat_map(|(entity, operation)| {
        let reads = operation != "count";
        let sometimes = |p: f64, yes: bool| if yes { p } else { 0.0 };
        let paged = operation == "list";
        let parts = (
            maybe(0.8, filter(entity, 2)),
            maybe(sometimes(0.5, reads), sort(entity)),
            maybe(sometimes(0.3, reads), selection(entity)),
            maybe(sometimes(0.4, reads), include(entity, 1)),
            maybe(sometimes(0.5, reads && operation != "first"), (0..5i64).prop_map(Value::Int)),
            maybe(sometimes(0.5, paged), (0..4i64).prop_map(Value::Int)),
            maybe(sometimes(0.3, reads && !paged), (0..5i64).prop_map(Value::Int)),
            maybe(sometimes(0.3, paged), any::<bool>().prop_map(Value::Bool)),
        );
        parts.prop_map(move |(filter, sort, select, include, limit, page, offset, total)| {
            let args = [
                ("filter", filter),
                ("sort", sort),
                ("select", select),
                ("include", include),
                ("limit", limit),
                ("page", page),
                ("offset", offset),
                ("total", total),
            ];
            let args = args.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            Request { operation: operation.into(), entity: entity.into(), args }
        })
    })
}

/// Trusted code, or callers whose claims are there, missing or of the wrong type.
pub fn caller() -> impl Strategy<Value = Caller> {
    let claim = nullable(prop_oneof![number(), text()].boxed());
    let bound = (
        proptest::sample::subsequence(vec!["boss", "some", "texts"], 0..3),
        option::of(claim.clone()),
        option::of(claim),
    )
        .prop_map(|(roles, max, name)| {
            let claims = [("id", Some("u1".into())), ("max", max), ("name", name)];
            Caller::Principal {
                user: claims.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
                session: Map::new(),
                roles: roles.into_iter().map(str::to_owned).collect(),
            }
        });
    prop_oneof![1 => Just(Caller::Trusted), 2 => bound]
}
