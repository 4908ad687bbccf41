//! The C and C++ library as its users have it: the cases through both, its own tests under valgrind, its archive.

use std::path::Path;
use std::process::{Command, Stdio};

use dbal_conformance::servers::Servers;

use super::counts::Counts;
use super::stage::{remote_cases, succeed};
use crate::c;

/// Builds the library, then runs what it has to pass.
pub fn run(counts: &mut Counts) -> Result<(), String> {
    c::ensure(&[])?;
    let built = c::build(false)?;
    let place = tempfile::tempdir().map_err(|fault| format!("a folder cannot be made: {fault}"))?;
    let prefix = place.path().join("installed");
    c::install(&built, &prefix)?;
    for (compiler, language, standard, header) in [
        ("gcc", "c", "-std=c99", "dbal.h"),
        ("g++", "c++", "-std=c++17", "dbal.h"),
        ("g++", "c++", "-std=c++17", "dbal.hpp"),
    ] {
        let mut compile = Command::new(compiler);
        compile.args(["-x", language, standard, "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only"]);
        succeed({
            compile.arg(prefix.join("include").join(header));
            compile
        })
        .map_err(|why| format!("{header} as {standard}: {why}"))?;
    }
    for name in ["suite.c", "suite.cpp"] {
        let program = place.path().join(name.replace('.', "_"));
        c::compile(&format!("test/{name}"), &prefix, &program)?;
        succeed(valgrind(&program)).map_err(|why| format!("{name} under valgrind: {why}"))?;
    }
    for (language, source) in [("c", "conformance/runner.c"), ("cpp", "conformance/runner.cpp")] {
        let program = place.path().join(format!("runner_{language}"));
        c::compile(source, &prefix, &program)?;
        counts.run(cases(language, &program)?)?;
    }
    let mut remote = remote_cases("c");
    remote.env("DBAL_C_RUNNER", place.path().join("runner_c"));
    counts.run(remote)?;
    let program = place.path().join("servers");
    c::compile("test/servers.cpp", &prefix, &program)?;
    let servers = Servers::start()?;
    let mut tests = Command::new(&program);
    tests.envs(servers.variables()).stdin(Stdio::null());
    succeed(tests)?;
    drop(servers);
    c::consumer::run(&built)
}

/// A program whose every error path is looked at: nothing may leak or be read that is not there. Backtraces would keep
/// megabytes of symbols.
fn valgrind(program: &Path) -> Command {
    let mut run = Command::new("valgrind");
    run.args([
        "--quiet",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite,indirect,possible",
        "--error-exitcode=9",
    ]);
    run.arg(program).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    run
}

/// The conformance cases through one language.
fn cases(language: &str, program: &Path) -> Result<Command, String> {
    let runner = format!("dbal-conformance{}", std::env::consts::EXE_SUFFIX);
    let mut cases = Command::new(crate::node::programs()?.join(runner));
    cases.current_dir(crate::root()).stdin(Stdio::null()).arg("common").arg(language).arg(program);
    Ok(cases)
}
