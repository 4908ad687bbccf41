//! The Node package: its compiled half, and what runs it.

pub mod consumer;
pub mod package;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::suite::stage::{cargo, succeed};

/// The least version of Node that the package supports: `engines` in its `package.json`.
const LEAST: (u32, u32) = (20, 19);

/// The package's folder.
pub fn folder() -> PathBuf {
    crate::root().join("bindings/node")
}

/// Makes sure that there is a Node that will do; the error says the one line to type.
pub fn ensure() -> Result<(), String> {
    let output = Command::new("node").arg("--version").stderr(Stdio::null()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let mut parts = text.trim_start_matches('v').split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) >= LEAST => Ok(()),
        _ => Err(format!(
            "there is no Node {}.{} or newer (node --version says {text:?})\ncure: install Node 20, 22 or 24",
            LEAST.0, LEAST.1
        )),
    }
}

/// Builds the compiled half and puts it beside the JavaScript. Gives where it is.
pub fn build(release: bool) -> Result<PathBuf, String> {
    // Not the package alone: its dependencies would be built once more, with fewer features than the tests gave them.
    let arguments: &[&str] = match release {
        true => &["build", "--quiet", "--release", "--package", "dbal-node"],
        false => &["build", "--quiet", "--workspace"],
    };
    succeed(cargo(arguments))?;
    let name = format!("{}dbal_node{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let built = programs()?.join(if release { "../release" } else { "." }).join(name);
    let place = folder().join("dbal.node");
    replace(&built, &place)?;
    Ok(place)
}

/// The folder of this build's programs.
pub fn programs() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|fault| fault.to_string())?;
    Ok(own.parent().ok_or("this program stands nowhere")?.to_path_buf())
}

/// Puts a copy in a file's place. A process that has the old one loaded keeps it.
fn replace(from: &Path, to: &Path) -> Result<(), String> {
    let new = to.with_extension("new");
    let done = std::fs::copy(from, &new).and_then(|_| std::fs::rename(&new, to));
    done.map_err(|fault| format!("{} cannot be copied to {}: {fault}", from.display(), to.display()))
}
