//! `cargo xtask codegen`: everything that can be listed is declared once in `api/schema` and written from there. Tables
//! of Unicode are written from the data of crates.
//!
//! Output is checked in, so that nobody needs this command to build; a test fails when it is stale.

mod backends;
mod c;
mod capabilities;
mod contract;
mod entities;
mod errors;
mod grpc;
mod modules;
mod reference;
mod unicode;

use std::fmt::Write;
use std::path::Path;

use dbal::schema::{Schema, load_dir};

pub use contract::{
    Backoff, CapabilityDecl, CapabilityFile, ErrorDecl, ErrorFile, LimitDecl, LimitType, Missing, RetryClass,
};

/// A file that is written whole.
pub struct Output {
    /// Where, from the workspace's folder.
    pub path: &'static str,
    /// All of it.
    pub text: String,
}

/// The first words of every generated file, after its comment marks.
pub const HEADER: &str = "Written by `cargo xtask codegen` from ";

/// Everything that is generated, in its current form.
pub fn outputs(root: &Path) -> Result<Vec<Output>, String> {
    let errors = ErrorFile::load(&root.join("api/schema/errors.yaml"))?;
    let capabilities = CapabilityFile::load(&root.join("api/schema/capabilities.yaml"))?;
    let statuses = c::statuses(&errors);
    let header = c::header(&statuses)?;
    let mut all = modules::outputs(root)?;
    all.extend(grpc::outputs(root)?);
    all.extend([
        Output { path: "bindings/c/src/generated/status.rs", text: statuses },
        Output { path: "bindings/c/include/dbal.h", text: header },
        Output { path: "dbal/src/generated/errors.rs", text: errors::rust(&errors) },
        Output { path: "dbal/src/generated/capabilities.rs", text: capabilities::rust(&capabilities) },
        Output { path: "dbal/src/generated/unicode.rs", text: unicode::rust() },
        Output { path: "dbal/src/generated/reference.rs", text: reference::rust(root)? },
        Output { path: "bindings/python/dbal/_codes.py", text: errors::python(&errors) },
        Output { path: "docs/errors.md", text: errors::table(&errors) },
        Output { path: "docs/capabilities.md", text: capabilities::table(&capabilities) },
        Output { path: "docs/entities.md", text: entities::page(&contract_schema(root)?) },
    ]);
    Ok(all)
}

/// The reference contract. It sets an example, so that a warning in it is a fault.
fn contract_schema(root: &Path) -> Result<Schema, String> {
    let loaded = load_dir(root.join("api/schema")).map_err(|faults| faults.to_string())?;
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    if warnings.is_empty() { Ok(loaded.schema) } else { Err(warnings.join("\n")) }
}

/// Paths of outputs whose file is missing or says something else.
pub fn stale(root: &Path) -> Result<Vec<&'static str>, String> {
    let differs =
        |output: &Output| std::fs::read_to_string(root.join(output.path)).ok().as_deref() != Some(&output.text);
    Ok(outputs(root)?.iter().filter(|output| differs(output)).map(|output| output.path).collect())
}

/// Writes what is stale; with `--check` names it and fails instead.
pub fn command(options: &[&str]) -> Result<(), String> {
    let check = match options {
        [] => false,
        ["--check"] => true,
        _ => return Err(format!("codegen takes nothing or --check, not {}", options.join(" "))),
    };
    let root = crate::root();
    let stale = stale(&root)?;
    if check && !stale.is_empty() {
        return Err(format!("stale, run `cargo xtask codegen`:\n  {}", stale.join("\n  ")));
    }
    for output in outputs(&root)?.iter().filter(|output| stale.contains(&output.path)) {
        write(&root.join(output.path), &output.text)?;
        println!("wrote {}", output.path);
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let fault = |fault: std::io::Error| format!("{}: {fault}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fault)?;
    }
    std::fs::write(path, text).map_err(fault)
}

/// `NOT_FOUND` as `NotFound`.
fn upper_camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for word in name.split('_') {
        let mut letters = word.chars();
        out.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        out.extend(letters.map(|letter| letter.to_ascii_lowercase()));
    }
    out
}

/// A sentence as a Rust doc comment, within the width of the code.
fn doc(indent: &str, text: &str) -> String {
    let start = format!("{indent}///");
    let mut out = String::new();
    let mut line = start.clone();
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > 120 {
            out.push_str(&line);
            out.push('\n');
            line.clone_from(&start);
        }
        line.push(' ');
        line.push_str(word);
    }
    out + &line + "\n"
}

/// Appends formatted text.
fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a String does not fail");
}

/// Text inside a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
