//! Runs the cases of `common/contracts`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let common = Path::new(env!("CARGO_MANIFEST_DIR")).join("../common");
    dbal_conformance::main(&common, Vec::new())
}
