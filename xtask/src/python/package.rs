//! `cargo xtask package python`: the wheel as it would be published.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::suite::stage::output;

/// Packs what was built into a folder. Gives the wheel.
pub fn pack(compiled: &Path, into: &Path) -> Result<PathBuf, String> {
    let mut python = Command::new("python3");
    python.arg(super::folder().join("tools/wheel.py")).arg(compiled).arg(into).stdin(Stdio::null());
    Ok(PathBuf::from(output(python)?.trim()))
}

/// Builds for release, packs, and says where the wheel is.
pub fn command() -> Result<(), String> {
    super::ensure()?;
    let compiled = super::build(true)?;
    let into = crate::node::programs()?.join("../package/python");
    if into.exists() {
        std::fs::remove_dir_all(&into).map_err(|fault| format!("{}: {fault}", into.display()))?;
    }
    let wheel = pack(&compiled, &into)?;
    println!("{}", wheel.canonicalize().unwrap_or(wheel).display());
    Ok(())
}
