//! `cargo xtask torture NAME`: what takes too long for a test run, each with its figures and a verdict.

mod stream;

/// Runs one of them.
pub fn command(options: &[&str]) -> Result<(), String> {
    match options {
        ["stream"] => stream::run(1_000_000),
        ["stream", rows] => stream::run(rows.parse().map_err(|_| format!("{rows} is not a number of rows"))?),
        _ => Err("torture takes: stream [ROWS]".into()),
    }
}
