//! The daemon; see `dbal_daemon --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    dbal_served::main()
}
