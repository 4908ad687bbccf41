//! Who may import whom inside `dbal/src`.

use std::collections::{HashMap, HashSet};

use super::tokens::{Mentions, mentions};
use super::{Source, Violation};

/// Each area of the engine with the areas that it may import. An area is a module with everything below it that is
/// not an area of its own, and may always import itself. Read it from top to bottom: nearly every arrow points up.
#[rustfmt::skip]
pub const LAYERS: &[(&str, &[&str])] = &[
    // What every stage speaks of.
    ("generated", &[]),
    ("error", &["generated"]),
    ("capability", &["generated"]),
    ("value", &["generated", "error", "row"]), // a value may be a related row
    ("row", &["error", "value"]),
    ("yaml", &["error", "value"]),
    ("syntax", &["value"]),
    ("schema", &["error", "value", "yaml", "syntax"]),
    ("request", &["error", "value", "schema"]),

    // Rows on their way to another program or language.
    ("packed", &["error", "value", "row", "schema"]),

    // The stages, in the order a request meets them. `plan::operation` is what a backend is given, and data only: `sql`
    // fills it in and adapters read it, without seeing the planner.
    ("query", &["error", "value", "row", "request", "schema", "syntax"]),
    ("access", &["error", "value", "request", "schema", "yaml", "syntax", "query"]),
    ("sql", &["error", "value", "schema", "capability", "query", "sql::dialect", "plan::operation"]),
    ("sql::dialect", &[]),
    ("document", &["error", "value", "schema", "query", "sql", "plan::operation"]),
    ("plan", &["error", "value", "row", "schema", "capability", "query", "sql", "sql::dialect", "document", "plan::operation"]),
    ("plan::operation", &["value", "row", "schema", "query", "sql::dialect"]),
    ("exec::machine", &["error", "value", "row", "schema", "query", "plan", "plan::operation", "exec::sink"]),
    ("exec::sink", &["error", "value", "row", "schema", "query", "plan", "plan::operation", "exec::machine"]),
    ("exec", &["error", "value", "row", "schema", "query", "plan", "plan::operation", "exec::machine", "exec::sink", "adapter"]),

    // Backends know the trait, what they are given and how rows leave. They never see each other or a caller, and only
    // the memory backend sees a query: it runs `query::eval`.
    ("adapter", &["error", "value", "row", "schema", "capability", "sql", "sql::dialect", "plan::operation"]),
    ("adapter::memory", &["error", "value", "row", "schema", "capability", "sql", "sql::dialect", "plan::operation", "adapter", "query"]),
    ("adapter::mongodb", &["error", "value", "row", "schema", "capability", "sql", "plan::operation", "adapter"]),
    ("adapter::postgres", &["error", "value", "row", "schema", "capability", "sql", "sql::dialect", "plan::operation", "adapter"]),
    ("adapter::sqlite", &["error", "value", "row", "schema", "capability", "sql", "sql::dialect", "plan::operation", "adapter"]),

    // The other end of a wire. Where an adapter is expected it lends transactions; it never sees a plan.
    ("remote", &["error", "value", "row", "request", "schema", "capability", "packed", "adapter", "sql", "plan::operation"]),

    // What a database keeps, from one schema to the next. Only `apply`, `history` and `lock` do anything.
    ("migrate", &["error", "value", "schema", "syntax", "sql", "sql::dialect", "document", "plan::operation", "adapter"]),

    // What a database holds that others made. It reads through a connection and computes.
    ("introspect", &["error", "value", "yaml", "schema", "sql", "sql::dialect", "document", "plan::operation", "adapter", "migrate"]),

    // The faces.
    ("config", &["error", "value", "yaml", "query"]),
    ("audit", &["error", "value", "config"]),
    ("client", &["generated", "error", "value", "row", "request", "yaml", "schema", "capability", "query", "access", "config", "audit", "packed", "sql", "sql::dialect",
        "plan", "plan::operation", "exec", "exec::machine", "exec::sink", "adapter", "adapter::memory", "adapter::mongodb", "adapter::postgres", "adapter::sqlite", "document", "migrate", "introspect", "remote"]),
];

const CRATE: &str = "dbal/src/";

/// Imports in `dbal/src` that the table does not allow, and files that it does not know.
pub fn check(sources: &[Source]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut read: Vec<(&Source, Vec<String>, Mentions)> = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with(CRATE)) {
        let module = module_of(&source.path[CRATE.len()..]);
        match mentions(&source.text, &module) {
            Ok(all) => read.push((source, module, all)),
            Err((line, message)) => found.push(Violation { file: source.path.clone(), line, message }),
        }
    }
    let for_tests: HashSet<Vec<String>> =
        read.iter().flat_map(|(_, _, all)| all.test_modules.iter().cloned()).collect();
    let exported = re_exports(&read);
    for (source, module, all) in &read {
        // The root names every area; tests may import what they like.
        if module.is_empty() || (1..=module.len()).any(|length| for_tests.contains(&module[..length])) {
            continue;
        }
        let Some((area, allowed)) = area_of(module) else {
            found.push(Violation {
                file: source.path.clone(),
                line: 1,
                message: format!("{} is in no area: add it to LAYERS in xtask/src/tidy/layers.rs", module.join("::")),
            });
            continue;
        };
        for mention in &all.paths {
            let [root, path @ ..] = mention.path.as_slice() else { continue };
            if root != "crate" || path.is_empty() {
                continue;
            }
            let path = exported.get(&path[0]).map_or(path, |path| path);
            let Some((target, _)) = area_of(path) else { continue };
            if target != area && !allowed.contains(&target) {
                found.push(Violation {
                    file: source.path.clone(),
                    line: mention.line,
                    message: format!("{area} may not import {target} (crate::{})", path.join("::")),
                });
            }
        }
    }
    found
}

/// The module that a file is: `a/mod.rs` and `a.rs` are `a`, `lib.rs` is the root.
pub(super) fn module_of(path: &str) -> Vec<String> {
    let mut names: Vec<String> = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if names.last().is_some_and(|name| matches!(name.as_str(), "mod" | "lib" | "main")) {
        names.pop();
    }
    names
}

/// The innermost area that a module or a path stands in.
pub(super) fn area_of(path: &[String]) -> Option<(&'static str, &'static [&'static str])> {
    let belongs = |area: &str| {
        let names: Vec<&str> = area.split("::").collect();
        path.len() >= names.len() && path.iter().zip(&names).all(|(own, name)| own == name)
    };
    LAYERS.iter().filter(|(area, _)| belongs(area)).max_by_key(|(area, _)| area.len()).copied()
}

/// Names that the crate's root gives to things of its modules, such as `Error`, with where they come from.
fn re_exports(read: &[(&Source, Vec<String>, Mentions)]) -> HashMap<String, Vec<String>> {
    let root = read.iter().filter(|(_, module, _)| module.is_empty());
    let paths = root.flat_map(|(_, _, all)| &all.paths).filter(|mention| mention.path.len() > 1);
    paths
        .filter_map(|mention| Some((mention.path.last()?.clone(), mention.path.clone())))
        .filter(|(name, _)| !LAYERS.iter().any(|(area, _)| area == name))
        .collect()
}
