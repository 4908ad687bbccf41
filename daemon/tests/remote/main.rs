//! Runs the cases of `common/contracts` through clients of a daemon: the Rust client, blocking and awaited, and the one of
//! plain JavaScript, in Node and in Chromium, those of Python and of C. A choice of sixty spread over all files, or all of them with
//! `DBAL_REMOTE_CASES=all`.
//!
//! Hosts of other languages are those that `DBAL_REMOTE_HOSTS` names, such as `web,http,browser`: `cargo xtask test browser`
//! (`python`, `c`) sets it, and installs what they take.

mod rust;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use dbal::{Client, Config};
use dbal_conformance::case::Step;
use dbal_conformance::{Case, Failure, Fixture, Host, ProcessHost, Suite, trials};
use libtest_mimic::Arguments;
use support::{Believing, Served};

/// Cases that are run where nobody asks for all.
const CHOICE: usize = 60;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut suite = match Suite::load(&root.join("common")) {
        Ok(suite) => suite,
        Err(faults) => {
            eprintln!("{faults}");
            return ExitCode::FAILURE;
        }
    };
    if std::env::var_os("DBAL_REMOTE_CASES").is_none_or(|which| which != "all") {
        let all = std::mem::take(&mut suite.cases);
        suite.cases = (0..CHOICE).map(|place| all[place * all.len() / CHOICE].clone()).collect();
    }
    let named = std::env::var("DBAL_REMOTE_HOSTS").unwrap_or_else(|_| "rust,awaited".into());
    let mut hosts: Vec<Arc<dyn Host>> = Vec::new();
    let mut without_transactions: Vec<Arc<dyn Host>> = Vec::new();
    for name in named.split(',').filter(|name| !name.is_empty()) {
        let host: Result<Arc<dyn Host>, Failure> = match name {
            "rust" => rust::RemoteHost::new(false).map(|host| Arc::new(host) as Arc<dyn Host>),
            "awaited" => rust::RemoteHost::new(true).map(|host| Arc::new(host) as Arc<dyn Host>),
            "web" => program(&root, "web", &["web.mjs"]),
            "http" => program(&root, "web over http", &["web.mjs", "http"]),
            "browser" => program(&root, "browser", &["browser.mjs"]),
            "python" => hosted("python of a daemon", &["python3", &python(&root), "sync"]),
            "asyncio" => hosted("asyncio of a daemon", &["python3", &python(&root), "asyncio"]),
            "c" => hosted("c of a daemon", &[&std::env::var("DBAL_C_RUNNER").unwrap_or_default()]),
            _ => Err(Failure { message: format!("there is no host {name}"), ..Failure::default() }),
        };
        match host {
            Ok(host) if name == "http" => without_transactions.push(host),
            Ok(host) => hosts.push(host),
            Err(failure) => {
                eprintln!("{name}: {}", failure.message);
                return ExitCode::FAILURE;
            }
        }
    }
    let mut all = trials(&suite, &hosts);
    suite.cases.retain(|case| !has_transaction(case));
    all.extend(trials(&suite, &without_transactions));
    libtest_mimic::run(&Arguments::from_args(), all).exit_code()
}

/// A client in JavaScript.
fn program(root: &Path, name: &str, arguments: &[&str]) -> Result<Arc<dyn Host>, Failure> {
    let (script, rest) = arguments.split_first().expect("a program has a script");
    let script = root.join("bindings/node/conformance").join(script).display().to_string();
    hosted(name, &[&["node", &script], rest].concat())
}

/// The program that drives the Python package.
fn python(root: &Path) -> String {
    root.join("bindings/python/conformance/runner.py").display().to_string()
}

/// A client in another language, by the program that drives it.
fn hosted(name: &str, command: &[&str]) -> Result<Arc<dyn Host>, Failure> {
    let command = command.iter().map(|part| (*part).to_owned()).collect();
    let serve = |fixture: &Fixture, schema, file: PathBuf| {
        let served = served(fixture, schema, file)?;
        Ok((format!("ws://{}", served.address), Box::new(served) as Box<dyn std::any::Any>))
    };
    Ok(Arc::new(ProcessHost::new(name, command)?.served(Box::new(serve))))
}

/// A daemon on a fixture's file, which takes its callers as their tokens say. Pages of any port of this machine may ask.
fn served(fixture: &Fixture, schema: Arc<dbal::Schema>, file: PathBuf) -> Result<Served, Failure> {
    let mut config = Config::sqlite(file).schema(schema).timeout(std::time::Duration::from_secs(20));
    if let Some(rules) = &fixture.rules {
        config = config.rules_text(rules.clone());
    }
    let yaml = "mode: production\nserver: { bind: '127.0.0.1:0', admin_bind: '127.0.0.1:0', origins: ['ORIGIN'] }\n";
    let origin = std::env::var("DBAL_TEST_ORIGIN").unwrap_or_else(|_| "http://127.0.0.1:5599".into());
    Ok(Served::new(Client::open(config)?, &yaml.replace("ORIGIN", &origin), Some(Arc::new(Believing))))
}

fn has_transaction(case: &Case) -> bool {
    case.steps.iter().any(|step| matches!(step, Step::Transaction(_)))
}
