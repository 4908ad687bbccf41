//! Running tests and counting them.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

/// Tests of all binaries together.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
}

impl Counts {
    /// Runs a test command; passes on what it prints, except a line for each test that passed.
    pub fn run(&mut self, mut command: Command) -> Result<(), String> {
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(|fault| format!("it cannot be run: {fault}"))?;
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).lines() {
                let line = line.map_err(|fault| format!("its output cannot be read: {fault}"))?;
                if self.notice(&line) {
                    println!("{line}");
                }
            }
        }
        let status = child.wait().map_err(|fault| format!("it cannot be waited for: {fault}"))?;
        match (status.success(), self.passed) {
            (true, 0) => Err("no test ran".into()),
            (true, _) => Ok(()),
            (false, _) => Err(format!("{} failed, {} passed; it ended with {status}", self.failed, self.passed)),
        }
    }

    /// Counts a line of output, and says whether it is worth showing.
    fn notice(&mut self, line: &str) -> bool {
        if let Some(result) = line.strip_prefix("test result: ") {
            // `ok. 5 passed; 0 failed; 1 ignored; ...`
            let number = |word: &str| {
                let part = result.split([';', '.']).find_map(|part| part.trim().strip_suffix(word))?;
                part.trim().parse::<u64>().ok()
            };
            self.passed += number("passed").unwrap_or(0);
            self.failed += number("failed").unwrap_or(0);
            return true;
        }
        let passed = line.starts_with("test ") && line.ends_with(" ok");
        let noise = line.is_empty() || line.starts_with("running ");
        !passed && !noise
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_all_binaries_add_up() {
        let mut counts = Counts::default();
        let shown: Vec<&str> = [
            "running 2 tests",
            "test a::b ... ok",
            "test a::c ... FAILED",
            "",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: ok. 40 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 1.20s",
        ]
        .into_iter()
        .filter(|line| counts.notice(line))
        .collect();
        assert_eq!(counts, Counts { passed: 41, failed: 1 });
        assert_eq!(shown.len(), 3);
        assert_eq!(shown[0], "test a::c ... FAILED");
    }
}
