//! Laws of access and of the plan cache, over generated rules, rows, callers and filters: rules only take away, a
//! forbid rule only takes away more, all ways of asking agree, and a cached plan answers as a fresh one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::sync::{Arc, LazyLock};

use dbal::schema::load_sources;
use dbal::{Client, Config, ErrorKind, Map, Operation, Principal, Request, Response, Schema, Value, query, value};
use proptest::prelude::*;

static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let text = "
entity: Note
fields:
  id: { type: integer, primary: true }
  owner: { type: string }
  level: { type: integer }
  tenant: { type: string }
";
    Arc::new(load_sources(vec![("note.yaml".to_owned(), text.to_owned())]).unwrap().schema)
});

const FILTERS: &[&str] = &[
    "",
    "level <= $user.level",
    "owner = $user.id",
    "tenant = $user.tenant",
    "NOT level > 2",
    "tenant IN ('a', 'b')",
    "owner IS NULL",
    "level = 1 OR tenant = $user.tenant",
    "NOT (owner = $user.id)",
];

#[derive(Clone, Debug)]
struct Rule {
    permit: bool,
    role: &'static str,
    filter: &'static str,
}

fn rules_text(rules: &[Rule]) -> String {
    let mut text = "rules:\n".to_owned();
    for rule in rules {
        let effect = if rule.permit { "permit" } else { "forbid" };
        text += &format!("  - entity: Note\n    role: [{}]\n    operations: [read]\n    effect: {effect}\n", rule.role);
        if !rule.filter.is_empty() {
            text += &format!("    row_level_filter: \"{}\"\n", rule.filter);
        }
    }
    text
}

fn rule() -> impl Strategy<Value = Rule> {
    let role = prop::sample::select(&["user", "admin"][..]);
    (prop::bool::weighted(0.75), role, prop::sample::select(FILTERS)).prop_map(|(permit, role, filter)| Rule {
        permit,
        role,
        filter,
    })
}

fn word() -> impl Strategy<Value = Value> {
    prop_oneof![1 => Just(Value::Null), 4 => prop::sample::select(&["a", "b", "c"][..]).prop_map(Value::from)]
}

fn small() -> impl Strategy<Value = Value> {
    prop_oneof![1 => Just(Value::Null), 4 => (0..4_i64).prop_map(Value::from)]
}

fn rows() -> impl Strategy<Value = Vec<Map>> {
    prop::collection::vec((word(), small(), word()), 0..12).prop_map(|rows| {
        let row = |(id, (owner, level, tenant)): (usize, (Value, Value, Value))| {
            [("id", Value::from(id as i64)), ("owner", owner), ("level", level), ("tenant", tenant)]
                .into_iter()
                .collect::<Map>()
        };
        rows.into_iter().enumerate().map(row).collect()
    })
}

fn caller() -> impl Strategy<Value = Principal> {
    let role = prop::sample::select(&["user", "admin"][..]);
    (word(), role, prop::option::of(small()), prop::option::of(word())).prop_map(|(id, role, level, tenant)| {
        let mut principal = Principal::new(id, role);
        for (name, claim) in [("level", level), ("tenant", tenant)] {
            if let Some(claim) = claim {
                principal = principal.claim(name, claim);
            }
        }
        principal
    })
}

/// A filter made of values, one for each template: two of one template differ in values only.
fn filter(template: usize, word: &Value, number: &Value) -> Value {
    let (word, number) = (word.clone(), number.clone());
    match template {
        0 => value!({}),
        1 => value!({ "level": number }),
        2 => value!({ "$or": [{ "owner": word }, { "level": number }] }),
        3 => value!({ "$not": { "tenant": word } }),
        4 => value!({ "owner": { "$in": [word, "c"] } }),
        5 => value!({ "level": { "$nin": [number, 3] }, "tenant": { "$ne": word } }),
        _ => value!({ "$and": [{ "level": number }, { "$or": [{ "tenant": word }, { "owner": null }] }] }),
    }
}

fn open(config: Config, rules: &[Rule], rows: &[Map]) -> Client {
    let db = Client::open(config.schema(SCHEMA.clone()).rules_text(rules_text(rules))).unwrap();
    db.migrate().unwrap();
    let notes = db.entity("Note").unwrap();
    for row in rows {
        notes.create(row.clone()).unwrap();
    }
    db
}

/// The ids that a client finds; nothing where it may not look at all.
fn ids(db: &Client, filter: Value) -> Vec<i64> {
    match db.entity("Note").unwrap().find_many(query().filter(filter)) {
        Ok(found) => found.iter().map(|row| row.get("id").unwrap().as_i64().unwrap()).collect(),
        Err(error) if error.kind() == ErrorKind::Forbidden => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn rules_only_take_away_and_all_ways_of_asking_agree(
        rules in prop::collection::vec(rule(), 1..5), rows in rows(), caller in caller(),
        template in 0..7_usize, word in word(), number in small(), forbid in prop::sample::select(FILTERS),
    ) {
        let asked = filter(template, &word, &number);
        let db = open(Config::memory(), &rules, &rows);
        let bound = db.as_principal(caller.clone());
        let (all, seen) = (ids(&db, asked.clone()), ids(&bound, asked.clone()));
        prop_assert!(seen.iter().all(|id| all.contains(id)), "{seen:?} is not part of {all:?}");
        // What a caller sees of a filter is that filter on what the caller sees.
        let visible = ids(&bound, value!({}));
        let both: Vec<i64> = all.iter().copied().filter(|id| visible.contains(id)).collect();
        prop_assert_eq!(&seen, &both);
        let notes = bound.entity("Note").unwrap();
        if let Ok(count) = notes.count(query().filter(asked.clone())) {
            prop_assert_eq!(count, seen.len() as i64);
            prop_assert_eq!(notes.list(query().filter(asked.clone())).unwrap().total, Some(count));
        }
        for row in &rows {
            let id = row.get("id").unwrap();
            prop_assert_eq!(notes.read(id.clone()).is_ok(), visible.contains(&id.as_i64().unwrap()));
        }
        // One more forbid rule, for everybody.
        let mut more = rules.clone();
        more.extend(["user", "admin"].map(|role| Rule { permit: false, role, filter: forbid }));
        let less = ids(&open(Config::memory(), &more, &rows).as_principal(caller), asked);
        prop_assert!(less.iter().all(|id| seen.contains(id)), "a forbid rule showed {less:?} instead of {seen:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_cached_plan_answers_as_a_fresh_one(
        rules in prop::collection::vec(rule(), 1..4), rows in rows(), callers in prop::collection::vec(caller(), 1..4),
        asked in prop::collection::vec((0..7_usize, word(), small(), 0..4_usize), 2..12),
    ) {
        for sqlite in [false, true] {
            let config = || if sqlite { Config::sqlite(":memory:") } else { Config::memory() };
            let answer = |db: &Client, (template, word, number, who): &(usize, Value, Value, usize)| {
                let request = Request::new(Operation::List, "Note").arg("filter", filter(*template, word, number));
                let answer = match callers.get(*who) {
                    Some(caller) => db.as_principal(caller.clone()).execute(&request),
                    None => db.execute(&request),
                };
                answer.map(Response::into_value).map_err(|error| error.to_string())
            };
            let warm = open(config(), &rules, &rows);
            for one in asked.iter().chain(&asked) {
                let fresh = open(config(), &rules, &rows);
                prop_assert_eq!(strip(answer(&warm, one)), strip(answer(&fresh, one)));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_is_explained_of_a_row_is_what_happens(
        rules in prop::collection::vec(rule(), 1..5), rows in rows(), caller in caller(), sqlite in any::<bool>(),
    ) {
        let config = if sqlite { Config::sqlite(":memory:") } else { Config::memory() };
        let text = rules_text(&rules).replace("operations: [read]", "operations: [read, delete]");
        let db = Client::open(config.schema(SCHEMA.clone()).rules_text(text)).unwrap();
        db.migrate().unwrap();
        let bound = db.as_principal(caller.clone());
        let (notes, own) = (db.entity("Note").unwrap(), bound.entity("Note").unwrap());
        for row in &rows {
            notes.create(row.clone()).unwrap();
            let id = row.get("id").unwrap().clone();
            let judged = db.explain_row("notes", id.clone(), &caller).unwrap();
            prop_assert_eq!(judged.row.get("id"), Some(&id));
            for verb in &judged.verbs {
                let done = match verb.verb.as_str() {
                    "read" => own.read(id.clone()).is_ok(),
                    "delete" => own.delete(id.clone()).is_ok(),
                    // No rule speaks of it.
                    _ => false,
                };
                prop_assert_eq!(verb.allowed, done, "{:?}", verb);
                let wanted = if verb.allowed { "permit" } else { "forbid" };
                for id in &verb.by {
                    let rule = verb.rules.iter().find(|judged| judged.rule.id == *id).unwrap();
                    prop_assert!(rule.rule.applies && rule.rule.forbids == (wanted == "forbid"), "{:?}", rule);
                }
            }
            let gone = db.explain_row("Note", id, &caller).is_err();
            prop_assert_eq!(gone, judged.verbs.iter().any(|verb| verb.verb.as_str() == "delete" && verb.allowed));
        }
        let refused = bound.explain_row("Note", 0.into(), &caller).unwrap_err();
        prop_assert_eq!(refused.kind(), ErrorKind::Forbidden);
    }
}

/// Cursors are sealed with a key of their client.
fn strip(answer: Result<Value, String>) -> Result<Value, String> {
    answer.map(|value| match value {
        Value::Map(map) => Value::Map(Map(map.0.into_iter().filter(|(name, _)| !name.ends_with("cursor")).collect())),
        other => other,
    })
}
