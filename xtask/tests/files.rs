//! Sizes, headers and lock files, and that each rule can fail; and that cases are readable.

use dbal_conformance::Suite;
use xtask::tidy::{Source, files, violations};

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
fn every_case_file_parses() {
    let suite = Suite::load(&xtask::root().join("common")).unwrap_or_else(|faults| {
        let faults: Vec<String> = faults.0.iter().map(ToString::to_string).collect();
        panic!("\n{}", faults.join("\n"))
    });
    assert!(!suite.cases.is_empty(), "no cases below common/contracts");
}

#[test]
fn a_malformed_case_is_found_with_its_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["fixtures", "contracts"] {
        std::fs::create_dir_all(folder.path().join(name)).expect("the folder can be made");
    }
    let text = "fixture: nowhere\ncases:\n  - name: a\n    request: { operation: list, entity: A }\n    expekt: {}\n";
    std::fs::write(folder.path().join("contracts/wrong.yaml"), text).expect("the file can be written");
    let faults = Suite::load(folder.path()).expect_err("two faults");
    let faults: Vec<String> = faults.0.iter().map(ToString::to_string).collect();
    assert!(faults.iter().any(|fault| fault.contains("wrong.yaml:5:") && fault.contains("expekt")), "{faults:?}");
    assert!(faults.iter().any(|fault| fault.contains("nowhere")), "{faults:?}");
}
