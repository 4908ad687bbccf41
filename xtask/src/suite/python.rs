//! The Python package as its users have it: the cases in both faces, and its own tests.

use std::path::Path;
use std::process::{Command, Stdio};

use dbal_conformance::servers::Servers;

use super::counts::Counts;
use super::stage::{remote_cases, succeed};
use crate::node::programs;
use crate::python;

/// Builds the package, then runs what it has to pass.
pub fn run(counts: &mut Counts) -> Result<(), String> {
    python::ensure()?;
    let compiled = python::build(false)?;
    for face in ["sync", "asyncio"] {
        counts.run(cases(face)?)?;
    }
    let mut remote = remote_cases("python,asyncio");
    remote.env("PYTHONPATH", python::folder()).env("PYTHONDONTWRITEBYTECODE", "1");
    counts.run(remote)?;
    let tools = python::consumer::tools()?;
    let servers = Servers::start()?;
    let mut tests = python::python(&tools, &["-m", "unittest", "discover", "--start-directory", "test"]);
    tests.envs(servers.variables());
    succeed(tests)?;
    drop(servers);
    python::consumer::run(&compiled)
}

/// The conformance cases through one face.
fn cases(face: &str) -> Result<Command, String> {
    let program = format!("dbal-conformance{}", std::env::consts::EXE_SUFFIX);
    let mut cases = python::python(Path::new(&programs()?.join(program)), &["common", &format!("python {face}")]);
    cases.current_dir(crate::root()).stdin(Stdio::null());
    cases.arg("python3").arg(python::folder().join("conformance/runner.py")).arg(face);
    Ok(cases)
}
