//! `cargo xtask torture NAME`: what takes too long for a test run, each with its figures and a verdict.

mod migrate;
mod stream;

/// Runs one of them.
pub fn command(options: &[&str]) -> Result<(), String> {
    match options {
        ["stream"] => stream::run(1_000_000, None),
        ["stream", rows] => stream::run(whole(rows)?, None),
        ["stream", rows, backend] => stream::run(whole(rows)?, Some(backend)),
        ["remote"] => crate::suite::browser::all_cases(),
        ["migrate"] => migrate::run(100_000, None),
        ["migrate-job"] => migrate::job(),
        ["migrate", rows] => migrate::run(whole(rows)?, None),
        ["migrate", rows, backend] => migrate::run(whole(rows)?, Some(backend)),
        _ => {
            let backends = "[ROWS [sqlite|postgres|mongodb]]";
            Err(format!("torture takes: remote, stream {backends}, migrate {backends}"))
        }
    }
}

fn whole(rows: &str) -> Result<i64, String> {
    rows.parse().map_err(|_| format!("{rows} is not a number of rows"))
}
