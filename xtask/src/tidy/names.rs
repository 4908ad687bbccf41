//! Who may name a driver, and where nothing reads, writes or waits.

use super::layers::{area_of, module_of};
use super::tokens::mentions;
use super::{Source, Violation};

/// Crates that one part of the engine has to itself.
pub const OWNED: &[(&str, &str)] = &[
    ("rusqlite", "dbal/src/adapter/sqlite"),
    ("libsqlite3_sys", "dbal/src/adapter/sqlite"),
    ("tokio_postgres", "dbal/src/adapter/postgres"),
    ("deadpool_postgres", "dbal/src/adapter/postgres"),
    ("mongodb", "dbal/src/adapter/mongodb"),
    ("bson", "dbal/src/adapter/mongodb"),
    ("sea_query", "dbal/src/sql/"),
];

/// Areas that compute and do nothing else.
pub const PURE: &[&str] =
    &["query", "access", "plan", "plan::operation", "sql", "sql::dialect", "exec::machine", "exec::sink"];

/// What a pure area may not name: words of the language, and modules that reach outside.
const IMPURE_WORDS: &[&str] = &["async", "await"];
const IMPURE_PATHS: &[[&str; 2]] =
    &[["std", "fs"], ["std", "io"], ["std", "net"], ["std", "process"], ["std", "thread"], ["std", "env"]];
const IMPURE_CRATES: &[&str] = &["tokio", "futures_channel"];

/// Crates named by code that does not own them, and pure areas that are not.
pub fn check(sources: &[Source]) -> Vec<Violation> {
    let mut found = Vec::new();
    for source in sources {
        // Tests and benches may compare with a driver.
        let Some((_, inside)) = source.path.split_once("/src/") else { continue };
        let module = module_of(inside);
        let pure = source.path.starts_with("dbal/") && area_of(&module).is_some_and(|(area, _)| PURE.contains(&area));
        let Ok(all) = mentions(&source.text, &module) else { continue };
        for mention in &all.paths {
            let head = mention.path[0].as_str();
            let mut report = |message: String| {
                found.push(Violation { file: source.path.clone(), line: mention.line, message });
            };
            if let Some((name, owner)) = OWNED.iter().find(|(name, _)| *name == head && mention.path.len() > 1)
                && !source.path.starts_with(owner)
            {
                report(format!("only {} names {name}", owner.trim_end_matches('/')));
            }
            if !pure {
                continue;
            }
            let reaches = IMPURE_PATHS.iter().any(|path| mention.path.len() > 1 && mention.path[..2] == *path);
            if reaches || IMPURE_CRATES.contains(&head) || IMPURE_WORDS.contains(&head) {
                report(format!(
                    "{} does no IO and does not wait, but names {}",
                    module.join("::"),
                    mention.path.join("::")
                ));
            }
        }
    }
    found
}
