//! The C and C++ library: what is compiled, where its parts go, and what builds and tests it.

pub mod consumer;
pub mod package;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::node::programs;
use crate::suite::setup;
use crate::suite::stage::{cargo, succeed};

/// What is looked for, and the package that brings it.
const TOOLS: &[(&str, &str)] = &[
    ("gcc", "gcc"),
    ("g++", "g++"),
    ("pkg-config", "pkg-config"),
    ("cmake", "cmake"),
    ("make", "make"),
    ("valgrind", "valgrind"),
];

/// The folder of the library.
pub fn folder() -> PathBuf {
    crate::root().join("bindings/c")
}

/// Makes sure that these tools are there: all that are known, if none is named. Installed where that can be done without
/// asking; otherwise the error says the one line to type.
pub fn ensure(wanted: &[&str]) -> Result<(), String> {
    let missing: Vec<&str> = TOOLS
        .iter()
        .filter(|(tool, _)| wanted.is_empty() || wanted.contains(tool))
        .filter(|(tool, _)| !setup::works(tool, &["--version"]))
        .map(|(_, package)| *package)
        .collect();
    match missing.is_empty() {
        true => Ok(()),
        false => setup::install(&missing.join(", "), &missing.join(", "), &missing),
    }
}

/// Builds the library; gives the folder that it is in.
pub fn build(release: bool) -> Result<PathBuf, String> {
    // Not the package alone: its dependencies would be built once more, with fewer features than the tests gave them.
    let arguments: &[&str] = match release {
        true => &["build", "--quiet", "--release", "--package", "dbal-c"],
        false => &["build", "--quiet", "--workspace"],
    };
    succeed(cargo(arguments))?;
    Ok(programs()?.join(if release { "../release" } else { "." }))
}

/// Puts the library, its headers and what finds them below a folder, as `/usr/local` has them.
pub fn install(built: &Path, prefix: &Path) -> Result<(), String> {
    let version = env!("CARGO_PKG_VERSION");
    let mut parts = version.split(['.', '-']);
    let (major, minor) = (parts.next().unwrap_or("0"), parts.next().unwrap_or("0"));
    let soname = format!("{major}.{minor}");
    let lib = prefix.join("lib");
    let copy = |from: PathBuf, to: PathBuf| {
        let into = to.parent().ok_or("no folder")?;
        std::fs::create_dir_all(into).map_err(|fault| format!("{}: {fault}", into.display()))?;
        // A program that has the old one loaded keeps it.
        let _ = std::fs::remove_file(&to);
        std::fs::copy(&from, &to).map(drop).map_err(|fault| format!("{} to {}: {fault}", from.display(), to.display()))
    };
    for header in ["dbal.h", "dbal.hpp"] {
        copy(folder().join("include").join(header), prefix.join("include").join(header))?;
    }
    copy(folder().join("README.md"), prefix.join("share/doc/dbal/README.md"))?;
    copy(crate::root().join("LICENSE"), prefix.join("share/doc/dbal/LICENSE"))?;
    let shared = format!("libdbal.so.{version}");
    copy(built.join("libdbal_c.so"), lib.join(&shared))?;
    copy(built.join("libdbal_c.a"), lib.join("libdbal.a"))?;
    let named = format!("libdbal.so.{soname}");
    for (link, target) in [(&named, &shared), (&"libdbal.so".to_owned(), &named)] {
        let place = lib.join(link);
        let _ = std::fs::remove_file(&place);
        link_to(target, &place).map_err(|fault| format!("{}: {fault}", place.display()))?;
    }
    for (template, place) in [
        ("dbal.pc.in", "pkgconfig/dbal.pc"),
        ("dbalConfig.cmake.in", "cmake/dbal/dbalConfig.cmake"),
        ("dbalConfigVersion.cmake.in", "cmake/dbal/dbalConfigVersion.cmake"),
    ] {
        let text = crate::read(&folder().join("packaging").join(template))?;
        let known = [("@VERSION@", version), ("@SONAME@", &soname), ("@MAJOR@", major), ("@MINOR@", minor)];
        let text = known.iter().fold(text, |text, (mark, value)| text.replace(mark, value));
        let place = lib.join(place);
        let into = place.parent().ok_or("no folder")?;
        std::fs::create_dir_all(into)
            .and_then(|()| std::fs::write(&place, text))
            .map_err(|fault| format!("{}: {fault}", place.display()))?;
    }
    Ok(())
}

#[cfg(unix)]
fn link_to(target: &str, place: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, place)
}

#[cfg(not(unix))]
fn link_to(target: &str, place: &Path) -> std::io::Result<()> {
    std::fs::copy(place.with_file_name(target), place).map(drop)
}

/// A compiler for sources below the library's folder, with all that it warns of as faults, against an installed library.
pub fn compile(source: &str, prefix: &Path, program: &Path) -> Result<(), String> {
    let (compiler, standard) = match source.ends_with(".cpp") {
        true => ("g++", "-std=c++17"),
        false => ("gcc", "-std=c99"),
    };
    let mut compile = Command::new(compiler);
    compile.current_dir(folder()).stdin(Stdio::null());
    compile.args([standard, "-D_POSIX_C_SOURCE=200809L", "-g", "-O1", "-Wall", "-Wextra", "-pedantic", "-Werror"]);
    compile.args(["-Iconformance", "-Itest", source, "-o"]).arg(program);
    compile.arg(format!("-I{}", prefix.join("include").display()));
    let lib = prefix.join("lib");
    compile
        .args([format!("-L{}", lib.display()), format!("-Wl,-rpath,{}", lib.display())])
        .args(["-ldbal", "-lpthread"]);
    succeed(compile).map_err(|why| format!("{source} does not compile: {why}"))
}

/// `cargo xtask install --prefix DIR`: the library where the system's compilers, pkg-config and CMake look for it.
pub fn install_command(options: &[&str]) -> Result<(), String> {
    let ["--prefix", prefix] = options else {
        return Err("install takes --prefix DIR, such as --prefix /usr/local".into());
    };
    let built = build(true)?;
    install(&built, Path::new(prefix))?;
    println!(
        "installed dbal {} below {prefix}; run ldconfig if the system looks for libraries there",
        env!("CARGO_PKG_VERSION")
    );
    Ok(())
}
