//! The stages.

use std::process::{Command, Stdio};

use dbal_conformance::foreign;
use dbal_conformance::servers::Servers;

use super::counts::Counts;
use super::{browser, c, node, prisma, python, quickstart};

/// One thing that has to hold.
pub struct Stage {
    pub name: &'static str,
    pub what: &'static str,
    /// What to do when it fails, behind how to rerun it.
    pub cure: &'static str,
    pub run: fn(&mut Counts) -> Result<(), String>,
}

/// All stages, the quick ones first.
pub const STAGES: &[Stage] = &[
    Stage {
        name: "format",
        what: "every file is formatted (those named are not)",
        cure: " (cargo fmt --all cures it)",
        run: |_| succeed(cargo(&["fmt", "--all", "--check", "--", "--files-with-diff"])),
    },
    Stage {
        name: "lints",
        what: "no compiler or lint warning anywhere",
        cure: "",
        run: |_| succeed(cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"])),
    },
    Stage {
        name: "tests",
        what: "all tests and examples of the documentation, on every backend",
        cure: "",
        run: |counts| {
            let servers = Servers::start()?;
            let mut tests = cargo(&["test", "--workspace", "--no-fail-fast"]);
            tests.envs(servers.variables());
            tests.env(foreign::FOREIGN, foreign::folder()?);
            // Messages say where; a backtrace a failure would bury them.
            tests.env("RUST_BACKTRACE", "0");
            counts.run(tests)
        },
    },
    Stage {
        name: "features",
        what: "the engine builds without any backend's driver",
        cure: "",
        run: |_| succeed(cargo(&["build", "--quiet", "--package", "dbal", "--no-default-features"])),
    },
    Stage {
        name: "docs",
        what: "the documentation builds without a warning",
        cure: "",
        run: |_| {
            let mut docs = cargo(&["doc", "--quiet", "--workspace", "--no-deps"]);
            docs.env("RUSTDOCFLAGS", "--deny warnings");
            succeed(docs)
        },
    },
    Stage { name: "quickstart", what: "the example of the README runs", cure: "", run: |_| quickstart::run() },
    Stage {
        name: "demo",
        what: "the story of cargo xtask demo",
        cure: " (or cargo xtask demo)",
        run: |_| crate::demo::command(&[]),
    },
    Stage {
        name: "node",
        what: "the Node package: the cases in both faces, and its own tests",
        cure: "",
        run: node::run,
    },
    Stage {
        name: "prisma",
        what: "a database that Prisma's client and ours both write, on SQLite and PostgreSQL",
        cure: "",
        run: |_| prisma::run(),
    },
    Stage {
        name: "python",
        what: "the Python package: the cases in both faces, its own tests, its types",
        cure: "",
        run: python::run,
    },
    Stage {
        name: "browser",
        what: "clients of a daemon in JavaScript: cases in Node and in Chromium, the example's page, its size",
        cure: "",
        run: browser::run,
    },
    Stage {
        name: "c",
        what: "the C and C++ library: the cases through both, its own tests under valgrind, its archive",
        cure: "",
        run: c::run,
    },
];

/// Cargo in the workspace's folder.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    cargo.args(arguments).current_dir(crate::root()).stdin(Stdio::null());
    // `cargo run` describes this program to it. Build scripts that look at such a description (that of `ring` does) would
    // find it changed, and everything on top of them, the drivers too, would be built anew by every other command.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// A choice of the conformance cases through clients of a daemon in these languages.
pub fn remote_cases(hosts: &str) -> Command {
    // Not the package alone: its dependencies would be built once more, with fewer features than the tests gave them.
    let mut cases = cargo(&["test", "--quiet", "--workspace", "--test", "remote"]);
    cases.env("DBAL_REMOTE_HOSTS", hosts).env("DBAL_REMOTE_CASES", "some");
    cases
}

/// Runs a command whose output is for the reader.
pub fn succeed(mut command: Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("it ended with {status}")),
        Err(fault) => Err(format!("it cannot be run: {fault}")),
    }
}

/// Runs a command and gives what it says.
pub fn output(mut command: Command) -> Result<String, String> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|fault| format!("it cannot be run: {fault}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("it ended with {}", output.status)),
    }
}
