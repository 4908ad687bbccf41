//! `cargo xtask tidy`: rules about the project's files that no compiler checks. `xtask/tests` runs the same rules.

pub mod files;
pub mod layers;
pub mod names;
mod tokens;

use std::fmt;
use std::path::{Path, PathBuf};

/// A place that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Violation {
    /// The file, from the workspace's folder.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what was expected.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// A text file of the project.
pub struct Source {
    /// Where, from the workspace's folder, with forward slashes.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// Every violation of every rule.
pub fn violations(root: &Path) -> Result<Vec<Violation>, String> {
    let rust = sources(root, &|name| name.ends_with(".rs"))?;
    let locks = sources(root, &|name| files::LOCK_FILES.contains(&name))?;
    let mut found = layers::check(&rust);
    found.extend(names::check(&rust));
    found.extend(files::check_sizes(&rust));
    found.extend(files::check_headers(&rust));
    found.extend(files::check_locks(&locks));
    Ok(found)
}

/// Prints what breaks a rule, and fails if anything does.
pub fn command(options: &[&str]) -> Result<(), String> {
    if !options.is_empty() {
        return Err(format!("tidy takes no options, not {}", options.join(" ")));
    }
    let found: Vec<String> = violations(&crate::root())?.iter().map(Violation::to_string).collect();
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

/// The files below a folder whose name is wanted, in order of their paths; none when there is no such folder.
pub fn sources(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Source>, String> {
    let root = crate::root();
    let mut paths = Vec::new();
    if folder.is_dir() {
        collect(folder, wanted, &mut paths)?;
    }
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let relative = path.strip_prefix(&root).unwrap_or(path);
            Ok(Source { path: relative.to_string_lossy().replace('\\', "/"), text: crate::read(path)? })
        })
        .collect()
}

fn collect(folder: &Path, wanted: &dyn Fn(&str) -> bool, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let fault = |fault: std::io::Error| format!("{}: {fault}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if path.is_dir() {
            // Built or fetched, or none of the project's business.
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                collect(&path, wanted, found)?;
            }
        } else if wanted(name) {
            found.push(path);
        }
    }
    Ok(())
}
