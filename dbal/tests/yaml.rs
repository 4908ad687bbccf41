//! The YAML reader: values, places, faults and limits.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use dbal::yaml::{self, Report};
use dbal::{Error, ErrorKind, value};
use proptest::prelude::*;

fn faults(text: &str) -> String {
    yaml::parse("a.yaml", text).unwrap_err().to_string()
}

#[test]
fn values_and_places() {
    let text = "name: User\nversion: 1.0\nquoted: \"5\"\nlist:\n  - a\n  - {deep: [1, 2]}\nempty:\n";
    let node = yaml::parse_one("a.yaml", text).unwrap();
    assert_eq!(
        node.to_value(),
        value!({
            "name": "User", "version": 1.0, "quoted": "5", "list": ["a", { "deep": [1, 2] }], "empty": null
        })
    );
    assert_eq!(node.get("version").unwrap().written(), Some("1.0"));
    let place = |node: &yaml::Node| (node.place.line, node.place.column);
    assert_eq!(place(node.get("quoted").unwrap()), (3, 9));
    let deep = node.get("list").unwrap().items()[1].get("deep").unwrap();
    assert_eq!(place(deep), (6, 12));
    assert_eq!((node.entries()[3].place.line, node.entries()[3].place.column), (4, 1));
}

#[test]
fn json_reads_the_same() {
    let node =
        yaml::parse_one("a.json", "{\n\t\"a\": [1, 2.5, \"x\\u00e9\", null],\n\t\"b\": {\"c\": true}\n}\n").unwrap();
    assert_eq!(node.to_value(), value!({ "a": [1, 2.5, "xé", null], "b": { "c": true } }));
}

#[test]
fn several_documents_and_none() {
    let places: Vec<u32> = yaml::parse("a", "a: 1\n---\nb: 2\n").unwrap().iter().map(|node| node.place.line).collect();
    assert_eq!(places, [1, 3]);
    assert!(yaml::parse("a", "# nothing\n").unwrap().is_empty());
    assert!(yaml::parse_one("a", "").unwrap().is_null());
    let two = yaml::parse_one("a", "a: 1\n---\nb: 2\n").unwrap_err().to_string();
    assert_eq!(two, "a:3:1: error: expected one document in this file, found another one here");
}

#[test]
fn numbers_keep_their_digits() {
    let node = yaml::parse_one("a", "[9223372036854775807, 9223372036854775808, 1e400, !!str 5, 007]").unwrap();
    let decimal: dbal::Decimal = "9223372036854775808".parse().unwrap();
    assert_eq!(node.items()[0].to_value(), value!(i64::MAX));
    assert_eq!(node.items()[1].to_value(), value!(decimal));
    assert_eq!(node.items()[2].as_float(), Some(f64::INFINITY));
    assert_eq!(node.items()[3].as_str(), Some("5"));
    assert_eq!((node.items()[4].as_int(), node.items()[4].written()), (Some(7), Some("007")));
}

#[test]
fn aliases_and_merges() {
    let text = "base: &base {a: 1, b: 2}\nused:\n  b: 3\n  <<: *base\nsame: *base\n";
    let node = yaml::parse_one("a", text).unwrap();
    assert_eq!(node.get("used").unwrap().to_value(), value!({ "b": 3, "a": 1 }));
    assert_eq!(node.get("same").unwrap().to_value(), value!({ "a": 1, "b": 2 }));
    assert!(faults("a: *missing\n").contains("a.yaml:1:4"));
    assert!(faults("a: &a\n  b: *a\n").contains("a.yaml:2:6: error: this alias points to nothing"));
    assert!(faults("a: &x 1\n---\nb: *x\n").contains("a.yaml:3:4"));
}

#[test]
fn faults_come_together() {
    assert_eq!(
        faults("a: 1\nb: 2\na: 3\nb: 4\n? [x]\n: 5\n"),
        "a.yaml:3:1: error: the key a comes twice; the first is in line 1\n\
         a.yaml:4:1: error: the key b comes twice; the first is in line 2\n\
         a.yaml:5:3: error: expected a name as the key, found a list"
    );
    assert!(faults("a: [1, 2\nb: 3\n").starts_with("a.yaml:2:"));
    assert!(faults("a: !secret x\n").contains("the tag !secret has no meaning here"));
    assert!(faults("a: !!int x\n").contains("the tag !!int does not fit"));
    assert_eq!(faults("ok: 1\n  \0hidden: 2\n"), "a.yaml:2:3: error: a NUL character; the file must be UTF-8 text");
    let error = Error::from(yaml::parse("a.yaml", "a: 1\na: 2\n").unwrap_err());
    assert_eq!((error.kind(), error.fields()[0].field.as_str()), (ErrorKind::ValidationError, "a.yaml:2:1"));
}

#[test]
fn bombs_are_refused() {
    let mut laughs = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert!(faults(&laughs).contains("repeat too much"));
    assert!(faults(&"[".repeat(70)).contains("nested more than 64 deep"));
    assert!(faults(&"{a: ".repeat(70)).contains("nested more than 64 deep"));
    // The scanner looks ahead and stops these itself.
    assert!(faults(&"[".repeat(100_000)).starts_with("a.yaml:1:"));
    assert!(faults(&"{a: ".repeat(100_000)).starts_with("a.yaml:1:"));
    assert!(faults(&"- ".repeat(100_000)).contains("nested more than 64 deep"));
    assert!(faults(&format!("[{}]", "a,".repeat(300_000))).contains("more than 250000 values"));
    assert!(faults(&" ".repeat(5 << 20)).contains("bytes"));
    let deep = format!("a: &a {}{}\nb: {}*a{}", "[".repeat(40), "]".repeat(40), "[".repeat(40), "]".repeat(40));
    assert!(faults(&deep).contains("nested more than 64 deep"));
}

#[test]
fn blocks_type_their_values() {
    let report = Report::new();
    let node = report.read_one("c.yaml", "port: high\nlevel: inof\nname: 5\nflag: yes\nempty:\nextra: 1\n");
    let mut block = report.strict(&node, "the server").unwrap();
    assert_eq!(block.integer("port", 1, 65_535), None);
    assert_eq!(block.word("level", &[("info", 1), ("debug", 2)]), None);
    assert_eq!(block.written("name"), Some("5"));
    assert_eq!(block.boolean("flag"), None);
    assert_eq!(block.text("empty"), None);
    block.finish();
    assert_eq!(
        report.finish(()).unwrap_err().to_string(),
        "c.yaml:1:7: error: port: expected a whole number from 1 to 65535, found the text \"high\"\n\
         c.yaml:2:8: error: level: expected info (one of info, debug), found the text \"inof\"\n\
         c.yaml:4:7: error: flag: expected true or false, found the text \"yes\"\n\
         c.yaml:5:1: error: empty has no value\n\
         c.yaml:6:1: error: unknown key extra in the server; expected one of port, level, name, flag, empty"
    );
}

#[test]
fn lenient_blocks_fold_names_and_only_warn() {
    let report = Report::new();
    let node = report.read_one("c.yaml", "maxLength: 5\nmax_length: 6\npattern:\nmin_lenght: 1\n");
    let mut block = report.lenient(&node, "the field").unwrap();
    assert_eq!(block.integer("max_length", 0, i64::MAX), Some(5));
    assert_eq!((block.integer("min_length", 0, i64::MAX), block.text("pattern")), (None, None));
    block.finish();
    assert_eq!(
        report.finish(()).unwrap_err().to_string(),
        "c.yaml:2:1: error: max_length says the same as maxLength in line 1; keep one\n\
         c.yaml:4:1: warning: unknown key min_lenght in the field; did you mean min_length?"
    );
}

#[test]
fn objects_of_a_host_are_trees_too() {
    let report = Report::new();
    let node = report.value("options", &value!({ "a": 2.0, "b": [true, null] }));
    assert_eq!(node.to_value(), value!({ "a": 2, "b": [true, null] }));
    assert_eq!(node.get("a").unwrap().written(), Some("2"));
    let mut deep = value!(1);
    for _ in 0..200 {
        deep = dbal::Value::List(vec![deep]);
    }
    report.value("options", &deep);
    assert_eq!(report.finish(()).unwrap_err().to_string(), "options: error: nested more than 64 deep");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Whatever the bytes: values or faults, never a panic, and every fault has a place inside the text.
    #[test]
    fn any_text_reads_or_faults(text in "[-a:&*!|>?%@`#'\"{}\\[\\], \t\n0\\\\<~.é\u{feff}]{0,80}") {
        if let Err(faults) = yaml::parse("a", &text) {
            let lines = text.lines().count() as u32 + 1;
            for fault in faults.0 {
                prop_assert!(fault.line >= 1 && fault.line <= lines && fault.column >= 1, "{fault} of {lines}");
            }
        }
    }
}
