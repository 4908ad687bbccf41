//! Runs the cases of `common/contracts` on both faces of the Rust client, on every backend that can be reached.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use dbal_conformance::servers::{MONGODB_URL, POSTGRES_URL};
use dbal_conformance::{Backend, Face, Host, RustHost};

fn main() -> ExitCode {
    let mut backends = vec![Backend::Memory, Backend::Sqlite];
    match std::env::var_os(POSTGRES_URL) {
        Some(url) if !url.is_empty() => backends.push(Backend::Postgres),
        _ => eprintln!("LEFT OUT: postgres, postgres awaited ({POSTGRES_URL} is not set; see cargo xtask servers)"),
    }
    match std::env::var_os(MONGODB_URL) {
        Some(url) if !url.is_empty() => backends.push(Backend::Mongodb),
        _ => eprintln!("LEFT OUT: mongodb, mongodb awaited ({MONGODB_URL} is not set; see cargo xtask servers)"),
    }
    let mut hosts: Vec<Arc<dyn Host>> = Vec::new();
    for face in [Face::Blocking, Face::Awaited] {
        for backend in &backends {
            match RustHost::new(*backend, face) {
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
