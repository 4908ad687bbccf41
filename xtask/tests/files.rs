//! Sizes, headers, lock files and the form of cases, and that each rule can fail.

use xtask::tidy::{Source, cases, files, violations};

fn file(path: &str, text: impl Into<String>) -> Source {
    Source { path: path.to_owned(), text: text.into() }
}

#[test]
fn the_project_is_tidy() {
    let found: Vec<String> =
        violations(&xtask::root()).expect("the files can be read").iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_long_file_is_found_unless_generated() {
    let long = "//! x\n".repeat(1001);
    let found = files::check_sizes(&[file("a.rs", long.clone()), file("b.rs", "//! x\n".repeat(1000))]);
    let places: Vec<_> = found.iter().map(|violation| (violation.file.as_str(), violation.line)).collect();
    assert_eq!(places, [("a.rs", 1001)]);
    let generated = format!("//! {}x\n{long}", xtask::codegen::HEADER);
    assert_eq!(files::check_sizes(&[file("a.rs", generated)]), []);
}

#[test]
fn a_generated_file_without_header_is_found() {
    let found = files::check_headers(&[
        file("dbal/src/generated/mod.rs", "//! What is here."),
        file("dbal/src/generated/errors.rs", "pub enum E {}"),
    ]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].file, "dbal/src/generated/errors.rs");
}

#[test]
fn a_host_in_a_lock_file_is_found() {
    let registry = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
    let mirror = "source = \"registry+https://mirror.example/index\"\n";
    let found = files::check_locks(&[file("Cargo.lock", format!("{registry}{mirror}"))]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].file.as_str(), found[0].line), ("Cargo.lock", 2));
}

#[test]
fn a_malformed_case_is_found_with_its_line() {
    let good = "fixture: f\ncases:\n  - name: a\n    request: { operation: list }\n    expect: { ids: [] }\n";
    assert_eq!(cases::check(&[file("c.yaml", good)]), []);
    let several = "fixture: f\ncases:\n  - name: a\n    steps: [{ request: {}, save: x }]\n";
    assert_eq!(cases::check(&[file("c.yaml", several)]), []);
    let wrong = [
        ("fixture: f\ncases: []\n", 1, "at least one"),
        ("fixture: f\ncases:\n  - name: a\n    request: {}\n", 3, "expected either"),
        ("fixture: f\ncases:\n  - name: a\n    steps: []\n", 3, "expected either"),
        ("fixture: f\ncases:\n  - name: a\n    expekt: {}\n", 4, "expekt"),
        ("cases:\n  - name: a\n    request: {}\n    expect: {}\n", 1, "fixture"),
        ("fixture: [\n", 1, ""),
    ];
    for (text, line, message) in wrong {
        let found = cases::check(&[file("c.yaml", text)]);
        assert_eq!(found.len(), 1, "{text}");
        assert!(found[0].message.contains(message), "{}", found[0]);
        assert!(found[0].line >= line, "{}", found[0]);
    }
    let twice = format!("{good}{}", "  - name: a\n    request: {}\n    expect: {}\n");
    let found = cases::check(&[file("c.yaml", twice)]);
    assert_eq!((found.len(), found[0].line), (1, 6));
}
