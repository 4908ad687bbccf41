//! The example of the README, run as its reader would.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::stage::{cargo, succeed};

/// Builds the example and runs it in a folder of its own that has the contract, as the README says.
pub fn run() -> Result<(), String> {
    succeed(cargo(&["build", "--quiet", "--example", "quickstart"]))?;
    let folder = tempfile::tempdir().map_err(|fault| format!("a folder cannot be made: {fault}"))?;
    copy(&crate::root().join("api/schema"), &folder.path().join("api/schema"))
        .map_err(|fault| format!("the contract cannot be copied: {fault}"))?;
    let own = std::env::current_exe().map_err(|fault| fault.to_string())?;
    let name = format!("examples/quickstart{}", std::env::consts::EXE_SUFFIX);
    let program: PathBuf = own.with_file_name(name);
    let mut quickstart = Command::new(program);
    quickstart.current_dir(folder.path());
    succeed(quickstart)
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => std::fs::copy(entry.path(), target).map(drop)?,
        }
    }
    Ok(())
}
