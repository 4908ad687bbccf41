//! What the stages need on this machine, installed where that can be done without asking.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Makes sure that the compilers and tools are there; the error says the one line to type.
pub fn ensure() -> Result<(), String> {
    println!("set-up: looking for a C compiler, rustfmt and clippy");
    c_compiler()?;
    component("rustfmt", "fmt")?;
    component("clippy", "clippy")
}

/// SQLite is compiled from C.
fn c_compiler() -> Result<(), String> {
    let named = std::env::var("CC").ok();
    let found = named.as_deref().into_iter().chain(["cc", "gcc", "clang"]).any(|name| works(name, &["--version"]));
    if found {
        return Ok(());
    }
    install("a C compiler", "gcc or clang", &["gcc", "libc6-dev"]).map_err(|why| format!("set-up: {why}"))
}

/// Installs packages with apt-get, where that can be done without asking; `what` they are is said to the reader, `any` what
/// else would do. The error says the one line to type.
pub fn install(what: &str, any: &str, packages: &[&str]) -> Result<(), String> {
    if !works("apt-get", &["--version"]) {
        return Err(format!("there is no {}\ncure: install {any}", bare(what)));
    }
    let line = format!("apt-get update && apt-get install -y {}", packages.join(" "));
    if !is_root() {
        return Err(format!("there is no {}\ncure: sudo sh -c '{line}'", bare(what)));
    }
    println!("set-up: installing {what} with apt-get");
    let mut command = Command::new("sh");
    command.args(["-c", &line]).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!("{what} could not be installed\ncure: {line}")),
    }
}

fn bare(what: &str) -> &str {
    what.strip_prefix("a ").unwrap_or(what)
}

/// Chromium, which Debian's package installs: browsers that test tools bring along are downloaded from elsewhere.
pub fn chromium() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("DBAL_CHROMIUM") {
        return Ok(named.into());
    }
    let place = PathBuf::from("/usr/bin/chromium");
    if place.exists() {
        return Ok(place);
    }
    install("Chromium", "it, and name it in DBAL_CHROMIUM", &["chromium"])?;
    match place.exists() {
        true => Ok(place),
        false => Err(format!("Chromium was installed, and is not {}", place.display())),
    }
}

fn component(name: &str, subcommand: &str) -> Result<(), String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    if works(&cargo, &[subcommand, "--version"]) {
        return Ok(());
    }
    println!("set-up: adding {name} to the Rust toolchain");
    let line = ["component", "add", name];
    let added = Command::new("rustup").args(line).status().is_ok_and(|status| status.success());
    match added && works(&cargo, &[subcommand, "--version"]) {
        true => Ok(()),
        false => Err(format!("set-up: {name} is missing\ncure: rustup {}", line.join(" "))),
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Whether a program is there and runs.
pub fn works(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
