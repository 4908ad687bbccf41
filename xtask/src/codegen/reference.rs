//! The reference contract, compiled in for programs that name no schema.

use std::fmt::Write;
use std::path::Path;

use super::HEADER;

/// The files below `api/schema` that a schema is loaded from, and where they stand.
pub fn rust(root: &Path) -> Result<String, String> {
    let mut files = Vec::new();
    for folder in ["entities", "operations"] {
        let folder = format!("api/schema/{folder}");
        let entries = std::fs::read_dir(root.join(&folder)).map_err(|fault| format!("{folder}: {fault}"))?;
        for entry in entries {
            let name = entry.map_err(|fault| format!("{folder}: {fault}"))?.file_name();
            files.push(format!("{folder}/{}", name.to_string_lossy()));
        }
    }
    files.push("api/schema/security.yaml".into());
    files.sort();
    let mut text = format!("// {HEADER}`api/schema`; never edited by hand.\n\n");
    text.push_str("//! The reference contract: the files that it is loaded from, by their paths.\n\n");
    text.push_str("/// Each file's path and its text.\npub const FILES: &[(&str, &str)] = &[\n");
    for file in &files {
        let line = format!("    (\"{file}\", include_str!(\"../../../{file}\")),");
        match line.len() {
            ..=120 => writeln!(text, "{line}"),
            _ => writeln!(text, "    (\n        \"{file}\",\n        include_str!(\"../../../{file}\"),\n    ),"),
        }
        .expect("writing to a String cannot fail");
    }
    text.push_str("];\n");
    Ok(text)
}
