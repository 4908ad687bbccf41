//! Runs the cases of `common/contracts` on both faces of the Rust client, on the backends that need no server.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use dbal_conformance::{Backend, Face, Host, RustHost};

fn main() -> ExitCode {
    let mut hosts: Vec<Arc<dyn Host>> = Vec::new();
    for face in [Face::Blocking, Face::Awaited] {
        for backend in [Backend::Memory, Backend::Sqlite] {
            match RustHost::new(backend, face) {
                Ok(host) => hosts.push(Arc::new(host)),
                Err(failure) => {
                    eprintln!("{backend:?}: {}", failure.message);
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    dbal_conformance::main(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../common"), hosts)
}
