//! `common/coverage.yaml` says which cases show which sentence of the semantics. Every case and every test that it names
//! must be there, or a sentence would lose what shows it without anybody noticing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use dbal::yaml::{Node, parse_one};
use dbal_conformance::Suite;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The texts of a list, none where there is no list.
fn texts<'n>(node: &'n Node, name: &str) -> Vec<&'n str> {
    node.get(name).map(Node::items).unwrap_or_default().iter().filter_map(Node::as_str).collect()
}

/// What is wrong with the coverage of one sentence.
fn faults(sentence: &Node, cases: &BTreeSet<String>, pending: &BTreeSet<String>) -> Vec<String> {
    let says = sentence.get("says").and_then(Node::as_str).unwrap_or_default();
    let (shown, tests) = (texts(sentence, "cases"), texts(sentence, "tests"));
    let mut faults = Vec::new();
    if says.is_empty() || shown.is_empty() && tests.is_empty() {
        faults.push(format!("{says:?}: expected says, and cases or tests"));
    }
    for case in shown {
        if !cases.contains(case) {
            faults.push(format!("{says}: there is no case {case:?}"));
        } else if pending.contains(case) {
            faults.push(format!("{says}: the case {case:?} is pending and shows nothing"));
        }
    }
    for test in tests {
        let found = test.split_once(": ").is_some_and(|(file, name)| {
            let text = fs::read_to_string(root().join(file)).unwrap_or_default();
            text.contains(&format!("fn {name}("))
        });
        if !found {
            faults.push(format!("{says}: there is no test {test:?}"));
        }
    }
    faults
}

#[test]
fn every_sentence_has_cases_that_exist() {
    let suite = Suite::load(&root().join("common")).unwrap_or_else(|faults| panic!("{faults}"));
    let id = |case: &dbal_conformance::Case| format!("{}: {}", case.file, case.name);
    let cases: BTreeSet<String> = suite.cases.iter().map(|case| id(case)).collect();
    let pending = suite.cases.iter().filter(|case| case.pending.is_some()).map(|case| id(case)).collect();
    let text = fs::read_to_string(root().join("common/coverage.yaml")).expect("the file is there");
    let document = parse_one("coverage.yaml", &text).unwrap_or_else(|faults| panic!("{faults}"));
    let chapters = document.get("chapters").map(Node::items).unwrap_or_default();
    let sentences: Vec<&Node> =
        chapters.iter().flat_map(|chapter| chapter.get("sentences").map(Node::items).unwrap_or_default()).collect();
    assert!(sentences.len() > 100, "only {} sentences", sentences.len());
    let mut faults: Vec<String> = sentences.iter().flat_map(|sentence| faults(sentence, &cases, &pending)).collect();
    // A new file of cases is about something, which has a sentence.
    let named: BTreeSet<&str> = sentences.iter().flat_map(|sentence| texts(sentence, "cases")).collect();
    let files: BTreeSet<&str> = suite.cases.iter().map(|case| case.file.as_str()).collect();
    let shown = |file: &str| named.iter().any(|case| case.split_once(": ").is_some_and(|(of, _)| of == file));
    faults.extend(files.iter().filter(|file| !shown(file)).map(|file| format!("no sentence has a case of {file}")));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
