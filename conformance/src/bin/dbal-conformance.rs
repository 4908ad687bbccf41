//! Runs the cases against a program: `dbal-conformance COMMON NAME COMMAND [ARGUMENTS] [-- TEST OPTIONS]`.
//!
//! `COMMON` is the folder of the cases, `NAME` what the host is called, `COMMAND` a program that speaks the lines of
//! `dbal_conformance::process`. Test options are those of `cargo test`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use dbal_conformance::ProcessHost;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (Some(common), Some(name)) = (words.next(), words.next()) else {
        eprintln!("usage: dbal-conformance COMMON NAME COMMAND [ARGUMENTS] [-- TEST OPTIONS]");
        return ExitCode::FAILURE;
    };
    let command: Vec<String> = words.by_ref().take_while(|word| word != "--").collect();
    match ProcessHost::new(name, command) {
        Ok(host) => dbal_conformance::main_with(Path::new(&common), vec![Arc::new(host)], words),
        Err(failure) => {
            eprintln!("{}", failure.message);
            ExitCode::FAILURE
        }
    }
}
