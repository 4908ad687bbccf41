//! The library in the hands of a stranger: its archive unpacked into an empty folder, and programs built there with
//! pkg-config and CMake. What `dbal generate` writes is compiled as well.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::package;
use crate::suite::stage::{output, succeed};

/// Unpacks, builds and runs.
pub fn run(built: &Path) -> Result<(), String> {
    let place = tempfile::tempdir().map_err(|fault| format!("a folder cannot be made: {fault}"))?;
    let archive = package::pack(built, &place.path().join("made"))?;
    let started = std::time::Instant::now();
    let mut unpack = Command::new("tar");
    unpack.current_dir(place.path()).arg("-xzf").arg(&archive).stdin(Stdio::null());
    succeed(unpack)?;
    let name = archive.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".tar.gz"));
    let prefix = place.path().join(name.ok_or("the archive has no name")?);
    let schema = crate::root().join("api/schema");

    let found = pkg_config(&prefix)?;
    let pages = place.path().join("pages");
    let mut compile = Command::new("gcc");
    compile.arg(crate::root().join("examples/c/pages.c")).args(found.split_whitespace()).arg("-o").arg(&pages);
    succeed(compile).map_err(|why| format!("examples/c does not compile: {why}"))?;
    let mut ran = Command::new(&pages);
    ran.arg(&schema).env("LD_LIBRARY_PATH", prefix.join("lib")).stdin(Stdio::null());
    succeed(ran)?;
    println!("from the archive to a C program that ran: {:.1} s", started.elapsed().as_secs_f64());

    for program in cmake(&place.path().join("build"), &prefix)? {
        let mut ran = Command::new(&program);
        ran.arg(&schema).stdin(Stdio::null());
        succeed(ran).map_err(|why| format!("{}: {why}", program.display()))?;
    }
    generated(place.path(), &prefix)
}

/// What pkg-config says of the library that was unpacked.
fn pkg_config(prefix: &Path) -> Result<String, String> {
    let mut ask = Command::new("pkg-config");
    ask.args(["--cflags", "--libs", "dbal"]).env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")).stdin(Stdio::null());
    output(ask)
}

/// Builds the C++ example, with the shared library and with the static one.
fn cmake(build: &Path, prefix: &Path) -> Result<[PathBuf; 2], String> {
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(crate::root().join("examples/cpp")).arg("-B").arg(build).stdin(Stdio::null());
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display())).stdout(Stdio::null());
    succeed(configure).map_err(|why| format!("cmake: {why}"))?;
    let mut made = Command::new("cmake");
    made.arg("--build").arg(build).stdin(Stdio::null()).stdout(Stdio::null());
    succeed(made).map_err(|why| format!("examples/cpp does not compile: {why}"))?;
    Ok(["pages", "pages_static"].map(|name| build.join(name)))
}

/// Compiles what is generated of the contract, with programs that use it, and runs these.
fn generated(place: &Path, prefix: &Path) -> Result<(), String> {
    let dbal = crate::node::programs()?.join(format!("dbal{}", std::env::consts::EXE_SUFFIX));
    for (language, file, user) in [("c", "entities.h", "types/use.c"), ("cpp", "entities.hpp", "types/use.cpp")] {
        let mut generate = Command::new(&dbal);
        generate.args(["generate", language, "--schema"]).arg(crate::root().join("api/schema"));
        generate.arg("--out").arg(prefix.join("include").join(file)).stdin(Stdio::null());
        succeed(generate)?;
        let program = place.join(format!("generated_{language}"));
        super::compile(user, prefix, &program)?;
        let mut ran = Command::new(&program);
        ran.arg(crate::root().join("api/schema")).stdin(Stdio::null());
        succeed(ran)?;
    }
    Ok(())
}
