use std::collections::HashSet;

use dbal::schema::Generator;
use dbal::schema::generate::generate;
use dbal::{DateTime, Value};

fn text(value: Value) -> String {
    match value {
        Value::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn uuids_are_version_7_distinct_and_ascending() {
    let before = DateTime::now().epoch_millis();
    let ids: Vec<dbal::Uuid> = (0..100_000)
        .map(|_| match generate(Generator::Uuid) {
            Value::Uuid(id) => id,
            other => panic!("{other:?}"),
        })
        .collect();
    let after = DateTime::now().epoch_millis();
    assert!(ids.is_sorted_by(|a, b| a < b));
    for id in ids {
        assert_eq!(id.get_version(), Some(uuid::Version::SortRand));
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        let millis = (id.as_u128() >> 80) as i64;
        assert!((before..=after + 1).contains(&millis), "{before} {millis} {after}");
    }
}

#[test]
fn uuids_of_threads_differ() {
    let threads: Vec<_> = (0..8)
        .map(|_| std::thread::spawn(|| (0..5_000).map(|_| text_of(generate(Generator::Uuid))).collect::<Vec<_>>()))
        .collect();
    let ids: HashSet<String> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert_eq!(ids.len(), 40_000);
}

fn text_of(value: Value) -> String {
    dbal::value::json::to_wire(&value)
}

#[test]
fn cuids_look_like_cuids() {
    let ids: HashSet<String> = (0..10_000).map(|_| text(generate(Generator::Cuid))).collect();
    assert_eq!(ids.len(), 10_000);
    for id in &ids {
        assert_eq!(id.len(), 24);
        assert!(id.starts_with(|c: char| c.is_ascii_lowercase()));
        assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
    }
    let all: String = ids.iter().map(String::as_str).collect();
    assert_eq!(all.bytes().collect::<HashSet<u8>>().len(), 36, "every letter and digit occurs");
}

#[test]
fn tokens_hold_256_bits() {
    let (a, b) = (text(generate(Generator::Token)), text(generate(Generator::Token)));
    assert_ne!(a, b);
    assert_eq!(a.len(), 43);
    assert!(a.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
}

#[test]
fn the_rest() {
    assert!(matches!(generate(Generator::Now), Value::DateTime(_)));
    assert!(generate(Generator::Sequence).is_null());
}
