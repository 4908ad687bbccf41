//! The Python package: its compiled half, and what runs it.

pub mod consumer;
pub mod package;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::node::programs;
use crate::suite::stage::{cargo, succeed};

/// The least version of Python that builds and tests the package; it runs on 3.10 too.
const LEAST: (u32, u32) = (3, 11);

/// The package's folder.
pub fn folder() -> PathBuf {
    crate::root().join("bindings/python")
}

/// Makes sure that there is a Python that will do; the error says the one line to type.
pub fn ensure() -> Result<(), String> {
    let script = "import sys; print(sys.version_info[0], sys.version_info[1])";
    let output = Command::new("python3").args(["-c", script]).stderr(Stdio::null()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let mut parts = text.split_whitespace().map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) >= LEAST => Ok(()),
        _ => Err(format!("there is no python3 of version {}.{} or newer\ncure: install one", LEAST.0, LEAST.1)),
    }
}

/// Builds the compiled half and puts it beside the Python. Gives where it is.
pub fn build(release: bool) -> Result<PathBuf, String> {
    // Not the package alone: its dependencies would be built once more, with fewer features than the tests gave them.
    let arguments: &[&str] = match release {
        true => &["build", "--quiet", "--release", "--package", "dbal-python"],
        false => &["build", "--quiet", "--workspace"],
    };
    succeed(cargo(arguments))?;
    let name = format!("{}dbal_python{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let built = programs()?.join(if release { "../release" } else { "." }).join(name);
    let place = folder().join("dbal").join(if cfg!(windows) { "_native.pyd" } else { "_native.abi3.so" });
    let new = place.with_extension("new");
    // A process that has the old one loaded keeps it.
    let done = std::fs::copy(&built, &new).and_then(|_| std::fs::rename(&new, &place));
    done.map_err(|fault| format!("{} cannot be copied to {}: {fault}", built.display(), place.display()))?;
    Ok(place)
}

/// Python in a folder, with the package of this checkout.
pub fn python(program: &Path, arguments: &[&str]) -> Command {
    let mut python = Command::new(program);
    python.current_dir(folder()).stdin(Stdio::null()).args(arguments);
    python.env("PYTHONPATH", folder()).env("PYTHONDONTWRITEBYTECODE", "1");
    python
}
