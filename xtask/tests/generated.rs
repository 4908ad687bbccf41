//! What is generated is up to date, and says that it is generated.

use std::path::Path;

use xtask::codegen;

#[test]
fn generated_files_are_fresh() {
    let stale = codegen::stale(&xtask::root()).expect("the contract can be read");
    assert!(stale.is_empty(), "run `cargo xtask codegen`, stale: {stale:?}");
}

#[test]
fn generated_files_carry_their_header() {
    for output in codegen::outputs(&xtask::root()).expect("the contract can be read") {
        let first = output.text.lines().next().unwrap_or_default();
        assert!(first.contains(codegen::HEADER), "{}:1: {first}", output.path);
    }
}

#[test]
fn a_missing_output_is_stale() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    contract(folder.path());
    let outputs = codegen::outputs(folder.path()).expect("the contract can be read");
    for output in outputs.iter().filter(|output| folder.path().join(output.path).exists()) {
        std::fs::remove_file(folder.path().join(output.path)).expect("the file can be removed");
    }
    let all: Vec<&str> = outputs.iter().map(|output| output.path).collect();
    assert_eq!(codegen::stale(folder.path()), Ok(all), "nothing is written yet");
}

#[test]
fn a_warning_in_the_contract_stops_the_generator() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let schema = folder.path().join("api/schema");
    contract(folder.path());
    let path = schema.join("entities/user.yaml");
    let text = std::fs::read_to_string(&path).expect("the file can be read");
    std::fs::write(&path, text.replace("max_length: 50", "max_lenght: 50")).expect("the file can be written");
    let Err(message) = codegen::outputs(folder.path()) else { panic!("expected a fault") };
    assert!(message.contains("user.yaml:") && message.contains("max_lenght"), "{message}");
}

/// What is generated from.
fn contract(folder: &Path) {
    for source in ["api/idl", "api/schema", "bindings/node/lib", "bindings/c/src"] {
        copy(&xtask::root().join(source), &folder.join(source));
    }
    let config = "bindings/c/cbindgen.toml";
    std::fs::copy(xtask::root().join(config), folder.join(config)).expect("the file can be copied");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the folder can be made");
    for entry in std::fs::read_dir(from).expect("the folder can be read") {
        let entry = entry.expect("the folder can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("the file can be copied");
        }
    }
}

#[test]
fn faults_of_the_error_catalogue_are_gathered() {
    let text = "
backoff: { first_ms: 1, max_ms: 1, jitter: none, tries: 1 }
errors:
  GOOD: { number: 1, http: 404, grpc: NOT_FOUND, dbapi: DatabaseError, retry: never, meaning: a }
  Bad: { number: 1, http: 200, grpc: NOT_FOUND, dbapi: DatabaseError, retry: never, meaning: b }
";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("errors.yaml");
    std::fs::write(&path, text).expect("the file can be written");
    let message = codegen::ErrorFile::load(&path).expect_err("four faults");
    for part in ["number 1 belongs to GOOD", "http 200", "upper case", "expected full"] {
        assert!(message.contains(part), "{message}");
    }
}
