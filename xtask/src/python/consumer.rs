//! The package in the hands of a stranger: installed from its wheel into an empty environment, then used from a script,
//! with types that two checkers look at.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{package, python};
use crate::suite::setup;
use crate::suite::stage::succeed;

/// Installs and uses it.
pub fn run(compiled: &Path) -> Result<(), String> {
    let place = tempfile::tempdir().map_err(|fault| format!("a folder cannot be made: {fault}"))?;
    let wheel = package::pack(compiled, &place.path().join("made"))?;
    let started = std::time::Instant::now();
    let environment = place.path().join("env");
    let inside = make(&environment)?;
    let mut install = Command::new(&inside);
    install.args(["-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check"]).arg(&wheel);
    succeed(install)?;
    let mut script = Command::new(&inside);
    script.current_dir(place.path()).arg(crate::root().join("examples/python/script.py"));
    script.arg(crate::root().join("api/schema")).stdin(Stdio::null());
    succeed(script)?;
    println!("from pip install to a query: {:.0} s", started.elapsed().as_secs_f64());

    let tools = tools()?;
    let types = place.path().join("types");
    std::fs::create_dir_all(&types).map_err(|fault| format!("{}: {fault}", types.display()))?;
    for name in ["use.py", "wrong.py"] {
        let copied = std::fs::copy(super::folder().join("types").join(name), types.join(name));
        copied.map_err(|fault| format!("{name}: {fault}"))?;
    }
    let mut generate = Command::new(crate::node::programs()?.join(format!("dbal{}", std::env::consts::EXE_SUFFIX)));
    generate.args(["generate", "python", "--schema"]).arg(crate::root().join("api/schema"));
    generate.arg("--out").arg(types.join("entities.py"));
    succeed(generate)?;
    // The same for a program that is to run on MongoDB as well.
    let targets = format!("schema: {}\ntargets: [sqlite, mongodb]\n", crate::root().join("api/schema").display());
    std::fs::write(types.join("dbal.yaml"), targets).map_err(|fault| format!("dbal.yaml: {fault}"))?;
    let mut generate = Command::new(crate::node::programs()?.join(format!("dbal{}", std::env::consts::EXE_SUFFIX)));
    generate.args(["generate", "python", "--config"]).arg(types.join("dbal.yaml"));
    generate.arg("--out").arg(types.join("everywhere.py"));
    succeed(generate)?;
    succeed(python(&tools, &["-m", "mypy", "--strict", "-p", "dbal"]))?;
    let shown = types.to_string_lossy().into_owned();
    succeed(python(&tools, &[&super::folder().join("tools/check_types.py").to_string_lossy(), &shown]))?;
    // What the generated file makes runs as well.
    let mut generated = python(&tools, &[&types.join("use.py").to_string_lossy()]);
    generated.arg(crate::root().join("api/schema"));
    succeed(generated)
}

/// Makes an environment; gives its Python.
fn make(environment: &Path) -> Result<PathBuf, String> {
    let made = |arguments: &[&str]| {
        let mut make = Command::new("python3");
        make.args(arguments).arg(environment).stdin(Stdio::null()).stderr(Stdio::null());
        succeed(make)
    };
    if made(&["-m", "venv"]).is_err() {
        setup::install("python3-venv", "what python3 -m venv takes", &["python3-venv"])?;
        made(&["-m", "venv"]).map_err(|why| format!("python3 cannot make an environment: {why}"))?;
    }
    let programs = environment.join(if cfg!(windows) { "Scripts" } else { "bin" });
    Ok(programs.join(format!("python{}", std::env::consts::EXE_SUFFIX)))
}

/// The Python of an environment with type checkers and frames, kept outside the clone from one run to the next.
pub fn tools() -> Result<PathBuf, String> {
    let list = super::folder().join("tools/requirements.txt");
    let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE")).unwrap_or_default();
    let cache = std::env::var_os("DBAL_CACHE").map_or_else(|| Path::new(&home).join(".cache/dbal"), PathBuf::from);
    // One folder for each list, so that clones with different ones do not meet.
    let number = crate::node::consumer::fingerprint(&crate::read(&list)?);
    let place = cache.join(format!("python-tools-{number:016x}"));
    let programs = place.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let inside = programs.join(format!("python{}", std::env::consts::EXE_SUFFIX));
    if place.join("ready").exists() {
        return Ok(inside);
    }
    println!("set-up: installing type checkers, pandas and polars into {}", place.display());
    let inside = make(&place)?;
    let mut install = Command::new(&inside);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&list);
    succeed(install).map_err(|why| format!("pip install in {}: {why}", place.display()))?;
    std::fs::write(place.join("ready"), "").map_err(|fault| format!("{}: {fault}", place.display()))?;
    Ok(inside)
}
