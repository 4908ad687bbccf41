//! `cargo xtask package c`: the archive as it would be published.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::suite::stage::succeed;

/// Packs what was built into a folder. Gives the archive.
pub fn pack(built: &Path, into: &Path) -> Result<PathBuf, String> {
    let name = format!("dbal-c-{}-{}-{}", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH, std::env::consts::OS);
    let place = into.join(&name);
    super::install(built, &place)?;
    let archive = into.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.current_dir(into).stdin(Stdio::null());
    tar.args(["--owner=0", "--group=0", "--sort=name", "--use-compress-program=gzip -1", "-cf"])
        .arg(&archive)
        .arg(&name);
    succeed(tar).map_err(|why| format!("tar: {why}"))?;
    std::fs::remove_dir_all(&place).map_err(|fault| format!("{}: {fault}", place.display()))?;
    Ok(archive)
}

/// Builds for release, packs, and says where the archive is.
pub fn command() -> Result<(), String> {
    super::ensure(&["gcc"])?;
    let built = super::build(true)?;
    let into = built.join("../package/c");
    if into.exists() {
        std::fs::remove_dir_all(&into).map_err(|fault| format!("{}: {fault}", into.display()))?;
    }
    let archive = pack(&built, &into)?;
    println!("{}", archive.canonicalize().unwrap_or(archive).display());
    Ok(())
}
