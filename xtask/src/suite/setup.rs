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
    const LINE: &str = "apt-get update && apt-get install -y gcc libc6-dev";
    if !works("apt-get", &["--version"]) {
        return Err("set-up: there is no C compiler\ncure: install one (gcc or clang)".into());
    }
    if !is_root() {
        return Err(format!("set-up: there is no C compiler\ncure: sudo sh -c '{LINE}'"));
    }
    println!("set-up: installing a C compiler with apt-get");
    let installed = Command::new("sh").args(["-c", LINE]).env("DEBIAN_FRONTEND", "noninteractive").status();
    match installed {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!("set-up: the C compiler could not be installed\ncure: {LINE}")),
    }
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
    const LINE: &str = "apt-get update && apt-get install -y chromium";
    if !works("apt-get", &["--version"]) {
        return Err("there is no Chromium\ncure: install it, and name it in DBAL_CHROMIUM".into());
    }
    if !is_root() {
        return Err(format!("there is no Chromium\ncure: sudo sh -c '{LINE}'"));
    }
    println!("set-up: installing Chromium with apt-get");
    let mut install = Command::new("sh");
    install.args(["-c", LINE]).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
    match install.status() {
        Ok(status) if status.success() && place.exists() => Ok(place),
        _ => Err(format!("Chromium could not be installed\ncure: {LINE}")),
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

fn works(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
