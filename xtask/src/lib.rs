//! Chores of the project: code and tables written from the contract, and the rules its files keep.
//!
//! Each command has a file of its own; `main.rs` only picks one.

pub mod c;
pub mod codegen;
pub mod conformance;
pub mod demo;
pub mod node;
pub mod python;
pub mod servers;
pub mod suite;
pub mod tidy;
pub mod torture;

use std::path::{Path, PathBuf};

/// What `cargo xtask help` shows.
pub const HELP: &str = "\
cargo xtask COMMAND

  demo              a story on a database of its own: everything the engine does, in a minute of reading
  test              the whole test run, with its own set-up
  test STAGE        one stage of it: format, lints, tests, features, docs, quickstart, demo, node, python or c
  servers           start the database servers of the tests, say where they are, and wait
  conformance       every case on every backend and both faces, as a table; --report writes docs/conformance.md
  torture stream    a million rows with related rows through a stream, blocking and awaited: is memory flat?
  package node      the npm packages as tarballs, built for release
  package python    the wheel, built for release
  package c         the archive of the C and C++ library, built for release
  install --prefix DIR   that library, built for release, below DIR
  codegen           write what is generated from api/schema
  codegen --check   say what is stale, write nothing
  tidy              check the rules of the project's files: layers, drivers, sizes, headers, lock files";

/// The workspace's folder, wherever the command is run from. Cargo says which checkout is meant: several may share one
/// target folder, and with it the binary.
pub fn root() -> PathBuf {
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or(PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().expect("the crate's folder stands in the workspace").to_path_buf()
}

/// The text of a file of the project, or a message that names it.
fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|fault| format!("{}: {fault}", path.display()))
}
