//! Sizes, headers and lock files.

use super::{Source, Violation};
use crate::codegen::HEADER;

/// The most lines of a file that people write.
pub const MOST_LINES: usize = 1000;

/// Files in which package managers note what they fetched.
pub const LOCK_FILES: &[&str] = &[
    "Cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "uv.lock",
    "poetry.lock",
];

/// How Cargo spells its default registry in a lock file, whatever mirror it fetched from.
const DEFAULT_REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Hand-written files that grew too long.
pub fn check_sizes(sources: &[Source]) -> Vec<Violation> {
    let written_by_hand = sources.iter().filter(|source| !is_generated(source));
    written_by_hand
        .filter(|source| source.text.lines().count() > MOST_LINES)
        .map(|source| Violation {
            file: source.path.clone(),
            line: MOST_LINES + 1,
            message: format!("{} lines; split it by concept, {MOST_LINES} is the most", source.text.lines().count()),
        })
        .collect()
}

/// Files below a `generated` folder that do not say so, `mod.rs` excepted: it lists what is there.
pub fn check_headers(sources: &[Source]) -> Vec<Violation> {
    let generated =
        sources.iter().filter(|source| source.path.contains("/generated/") && !source.path.ends_with("/mod.rs"));
    generated
        .filter(|source| !is_generated(source))
        .map(|source| Violation {
            file: source.path.clone(),
            line: 1,
            message: format!("expected the header of a generated file: {HEADER}…"),
        })
        .collect()
}

/// Lines of lock files that tie the project to one host.
pub fn check_locks(sources: &[Source]) -> Vec<Violation> {
    let mut found = Vec::new();
    for source in sources {
        for (line, text) in source.text.lines().enumerate() {
            let rest = text.replace(DEFAULT_REGISTRY, "");
            if rest.contains("http://") || rest.contains("https://") {
                let message = format!("a lock file names a host: {}", rest.trim());
                found.push(Violation { file: source.path.clone(), line: line + 1, message });
            }
        }
    }
    found
}

fn is_generated(source: &Source) -> bool {
    source.text.lines().next().is_some_and(|line| line.contains(HEADER))
}
