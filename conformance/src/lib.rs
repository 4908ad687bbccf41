//! Runs the cases of `common/contracts` against any client.
//!
//! A case says what is asked and what must come back, in data that every host language can read;
//! `common/contracts/README.md` is its grammar. Whoever writes a client or an adapter implements [`Host`] and
//! [`Database`] and runs the same cases:
//!
//! ```no_run
//! use std::path::Path;
//! use std::process::ExitCode;
//! use std::sync::Arc;
//!
//! # struct MyHost;
//! # impl dbal_conformance::Host for MyHost {
//! #     fn name(&self) -> &str { "mine" }
//! #     fn backend(&self) -> &str { "memory" }
//! #     fn capabilities(&self) -> Vec<(String, bool)> { Vec::new() }
//! #     fn open(&self, _: &dbal_conformance::Fixture) -> Result<Box<dyn dbal_conformance::Database>, dbal_conformance::Failure> { Err(dbal_conformance::Failure::default()) }
//! # }
//! fn main() -> ExitCode {
//!     dbal_conformance::main(Path::new("common"), vec![Arc::new(MyHost)])
//! }
//! ```

pub mod case;
pub mod client;
pub mod expect;
pub mod foreign;
pub mod host;
pub mod mongodb;
pub mod outage;
mod places;
pub mod process;
mod retype;
pub mod run;
#[cfg(unix)]
pub mod servers;
pub mod spell;
pub mod suite;
pub mod term;
#[cfg(unix)]
pub mod walk;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Trial};

pub use case::Case;
pub use client::{Backend, Face, RustHost};
pub use host::{Caller, Database, Ending, Failure, FieldFailure, Host, Request};
pub use process::ProcessHost;
pub use run::{Verdict, run};
pub use suite::{Fixture, SchemaSource, Suite};

/// Runs every case on every host as one test each, `[host] file::name`, with the arguments of `cargo test`.
pub fn main(common: &Path, hosts: Vec<Arc<dyn Host>>) -> ExitCode {
    main_with(common, hosts, std::env::args().skip(1))
}

/// The same with these arguments.
pub fn main_with(common: &Path, hosts: Vec<Arc<dyn Host>>, arguments: impl IntoIterator<Item = String>) -> ExitCode {
    let arguments = Arguments::from_iter(std::iter::once("cases".to_owned()).chain(arguments));
    match Suite::load(common) {
        Ok(suite) => libtest_mimic::run(&arguments, trials(&suite, &hosts)).exit_code(),
        Err(faults) => {
            eprintln!("{faults}\n{} faults in the case files; nothing was run", faults.0.len());
            ExitCode::FAILURE
        }
    }
}

/// One test for each case on each host.
pub fn trials(suite: &Suite, hosts: &[Arc<dyn Host>]) -> Vec<Trial> {
    let mut trials = Vec::with_capacity(suite.cases.len() * hosts.len());
    for host in hosts {
        for case in &suite.cases {
            let (host, case, fixture) = (host.clone(), case.clone(), suite.fixture(case).clone());
            let (name, kind) = (format!("{}::{}", case.file, case.name), host.name().to_owned());
            let trial = Trial::ignorable_test(name, move || match run(&case, &fixture, &*host) {
                Verdict::Passed | Verdict::Rejected => Ok(Completion::Completed),
                Verdict::Differs(reason) => Ok(Completion::ignored_with(format!("differs: {reason}"))),
                Verdict::Pending(reason) => Ok(Completion::ignored_with(format!("pending: {reason}"))),
                Verdict::Failed(told) => Err(told.into()),
            });
            trials.push(trial.with_kind(kind));
        }
    }
    trials
}
