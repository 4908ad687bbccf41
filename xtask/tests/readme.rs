//! What the README shows is what is tested.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Command;

fn read(path: &str) -> String {
    std::fs::read_to_string(xtask::root().join(path)).unwrap()
}

/// The fenced blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    text.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn examples_are_shown_as_they_are_run() {
    let readme = read("README.md");
    assert_eq!(blocks(&readme, "rust"), [read("dbal/examples/quickstart.rs")]);
    assert_eq!(blocks(&readme, "yaml"), [read("examples/acl.yaml")]);
}

#[test]
fn every_command_of_the_readme_works() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let built = Command::new(cargo).args(["build", "--quiet", "-p", "dbal-cli"]).current_dir(xtask::root()).status();
    assert!(built.unwrap().success());
    let program = std::env::current_exe().unwrap().with_file_name("").join("../dbal");
    let folder = tempfile::tempdir().unwrap();
    let readme = read("README.md");
    let block = blocks(&readme, "sh").into_iter().find(|block| block.contains("\ndbal ")).unwrap();
    let script = block.lines().filter(|line| line.starts_with("dbal ")).collect::<Vec<_>>().join("\n");
    assert!(script.lines().count() >= 7, "{script}");
    let output = Command::new("bash")
        .args(["-euc", &format!("dbal() {{ \"$DBAL\" \"$@\"; }}\n{script}")])
        .current_dir(xtask::root())
        .env("DBAL", program)
        .env("DATABASE_URL", format!("sqlite:{}", folder.path().join("app.db").display()))
        .env_remove("DBAL_SCHEMA")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
