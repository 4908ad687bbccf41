//! The daemon; see `dbal_daemon --help`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

// Rows are made on the threads that read them and freed on those that answer; the system's allocator makes these wait for
// each other.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    dbal_served::main()
}
