//! The Node package as its users have it: the cases in both faces, and its own tests.

use std::process::{Command, Stdio};

use super::counts::Counts;
use super::stage::succeed;
use crate::node;

/// Builds the package, then runs what it has to pass.
pub fn run(counts: &mut Counts) -> Result<(), String> {
    node::ensure()?;
    let compiled = node::build(false)?;
    for face in ["promises", "sync"] {
        counts.run(cases(face)?)?;
    }
    succeed(tests())?;
    node::consumer::run(&compiled)
}

/// The conformance cases through one face.
fn cases(face: &str) -> Result<Command, String> {
    let program = format!("dbal-conformance{}", std::env::consts::EXE_SUFFIX);
    let mut cases = Command::new(node::programs()?.join(program));
    cases.current_dir(crate::root()).stdin(Stdio::null());
    cases.arg("common").arg(format!("node {face}"));
    cases.arg("node").arg(node::folder().join("conformance/runner.mjs")).arg(face);
    Ok(cases)
}

/// What cases cannot say: values that only JavaScript has, threads, the end of the process.
fn tests() -> Command {
    let mut tests = Command::new("node");
    tests.current_dir(node::folder()).stdin(Stdio::null()).args(["--test", "--test-reporter=spec", "test/"]);
    tests
}
