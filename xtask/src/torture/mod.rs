//! `cargo xtask torture NAME`: what takes too long for a test run, each with its figures and a verdict.

mod migrate;
mod stream;

use crate::suite::counts::Counts;
use crate::suite::stage::cargo;

/// Runs one of them.
pub fn command(options: &[&str]) -> Result<(), String> {
    match options {
        ["stream"] => stream::run(1_000_000, None),
        ["stream", rows] => stream::run(whole(rows)?, None),
        ["stream", rows, backend] => stream::run(whole(rows)?, Some(backend)),
        ["daemon"] => daemon(),
        ["remote"] => crate::suite::browser::all_cases(),
        ["migrate"] => migrate::run(100_000, None),
        ["migrate-job"] => migrate::job(),
        ["migrate", rows] => migrate::run(whole(rows)?, None),
        ["migrate", rows, backend] => migrate::run(whole(rows)?, Some(backend)),
        _ => {
            let backends = "[ROWS [sqlite|postgres|mongodb]]";
            Err(format!("torture takes: daemon, remote, stream {backends}, migrate {backends}"))
        }
    }
}

/// All cases over HTTP, WebSocket and gRPC, and twenty rounds of a daemon that is killed under writes.
fn daemon() -> Result<(), String> {
    // Not the package alone: its dependencies would be built once more, with fewer features than the tests gave them.
    let mut tests =
        cargo(&["test", "--quiet", "--workspace", "--test", "cases", "--test", "operator", "--test", "attacks"]);
    tests.env("DBAL_SERVED_CASES", "all").env("DBAL_CRASH_ROUNDS", "20");
    let mut counts = Counts::default();
    counts.run(tests)?;
    println!("{} passed, {} failed", counts.passed, counts.failed);
    Ok(())
}

fn whole(rows: &str) -> Result<i64, String> {
    rows.parse().map_err(|_| format!("{rows} is not a number of rows"))
}
