//! The package in the hands of a stranger: installed from its tarballs into an empty folder, then used as ESM, as
//! CommonJS, in a worker thread, from TypeScript, by the examples and from a bundle for a server.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::package;
use crate::suite::stage::{output, succeed};

/// Installs and uses it.
pub fn run(compiled: &Path) -> Result<(), String> {
    let tools = tools()?;
    let place = tempfile::tempdir().map_err(|fault| format!("a folder cannot be made: {fault}"))?;
    let made = package::pack(compiled, &place.path().join("made"))?;
    let folder = place.path().join("app");
    copy(&super::folder().join("consumer"), &folder)?;

    let started = std::time::Instant::now();
    let mut install = npm(&folder);
    install.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]);
    succeed({
        install.arg(&made.package).arg(&made.platform);
        install
    })?;
    succeed(node(&folder, &["check.mjs"]))?;
    succeed(node(&folder, &["check.cjs"]))?;

    let schema = crate::root().join("api/schema");
    succeed({
        let program = super::programs()?.join(format!("dbal{}", std::env::consts::EXE_SUFFIX));
        let mut generate = Command::new(program);
        generate.args(["generate", "ts"]).arg("--naming").arg("camel-case").arg("--schema").arg(&schema);
        generate.arg("--out").arg(folder.join("src/schema.ts"));
        generate
    })?;
    copy(&tools.join("node_modules/@types"), &folder.join("node_modules/@types"))?;
    let tsc = tools.join("node_modules/typescript/bin/tsc");
    succeed(node(&folder, &[&tsc.to_string_lossy(), "--project", "."]))?;
    succeed(node(&folder, &["out/main.js", &schema.to_string_lossy()]))?;
    println!("from npm install to a typed query: {:.0} s", started.elapsed().as_secs_f64());

    for example in ["script.mjs", "import.mjs", "server.mjs"] {
        copy(&crate::root().join("examples/node").join(example), &folder.join(example))?;
    }
    succeed(node(&folder, &["examples.mjs", &schema.to_string_lossy()]))?;

    let types = super::folder().join("types");
    succeed(node(&types, &[&tsc.to_string_lossy(), "--project", "."]))?;

    let vite = tools.join("node_modules/vite/bin/vite.js");
    for (bundle, out) in [("", "external"), ("1", "bundled")] {
        let mut build = node(&folder, &[&vite.to_string_lossy(), "build", "--logLevel", "warn"]);
        build.env("DBAL_BUNDLE", bundle);
        succeed(build)?;
        succeed(node(&folder, &[&format!("{out}/ssr.js")]))?;
    }
    Ok(())
}

/// A compiler, a bundler and what drives a browser.
pub fn tools() -> Result<PathBuf, String> {
    installed(&super::folder().join("tools"), "node-tools", "a TypeScript compiler and a bundler")
}

/// The packages that a folder's lock file names, installed outside the clone and kept from one run to the next.
pub fn installed(source: &Path, name: &str, what: &str) -> Result<PathBuf, String> {
    let lock = crate::read(&source.join("package-lock.json"))?;
    let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE")).unwrap_or_default();
    let cache = std::env::var_os("DBAL_CACHE").map_or_else(|| Path::new(&home).join(".cache/dbal"), PathBuf::from);
    // One folder for each lock file, so that clones with different ones do not meet.
    let place = cache.join(format!("{name}-{:016x}", fingerprint(&lock)));
    if place.join("ready").exists() {
        return Ok(place);
    }
    println!("set-up: installing {what} into {}", place.display());
    copy(source, &place)?;
    let mut install = npm(&place);
    // Not `ci`: that refuses a lock file without the bundler's parts for all other platforms, which no lock file has that
    // was made with a registry that serves this one alone.
    install.args(["install", "--no-save", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]);
    succeed(install).map_err(|why| format!("npm install in {}: {why}", place.display()))?;
    std::fs::write(place.join("ready"), "").map_err(|fault| format!("{}: {fault}", place.display()))?;
    Ok(place)
}

/// FNV-1a: the same on every machine and for every toolchain.
pub fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn npm(folder: &Path) -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(folder).stdin(Stdio::null());
    npm
}

fn node(folder: &Path, arguments: &[&str]) -> Command {
    let mut node = Command::new("node");
    node.current_dir(folder).stdin(Stdio::null()).args(arguments);
    node
}

/// Copies a file or a folder.
pub fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let script = "require('node:fs').cpSync(process.argv[1], process.argv[2], { recursive: true })";
    let mut node = Command::new("node");
    node.args(["-e", script]).arg(from).arg(to);
    output(node).map(drop)
}
