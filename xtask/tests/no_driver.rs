//! Without default features the engine builds and no driver comes with it.

use std::process::Command;

const DRIVERS: &[&str] =
    &["rusqlite", "libsqlite3-sys", "tokio", "tokio-postgres", "deadpool-postgres", "mongodb", "bson"];

fn cargo(arguments: &[&str]) -> String {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(program).args(arguments).current_dir(xtask::root()).output().expect("cargo can be run");
    assert!(output.status.success(), "cargo {arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The drivers among the crates that a build of dbal with these options needs.
fn drivers(options: &[&str]) -> Vec<String> {
    let tree =
        cargo(&[&["tree", "--package", "dbal", "--edges", "normal,build", "--prefix", "none"], options].concat());
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| DRIVERS.contains(name)).map(str::to_owned).collect()
}

#[test]
fn no_driver_without_features() {
    assert_eq!(drivers(&["--no-default-features"]), Vec::<String>::new());
    // The same question has an answer where there is one.
    assert!(drivers(&["--features", "sqlite"]).contains(&"rusqlite".to_owned()));
}

#[test]
fn the_engine_builds_without_features() {
    cargo(&["check", "--quiet", "--package", "dbal", "--no-default-features"]);
}
