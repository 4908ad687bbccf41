//! `capabilities.yaml` as a Rust struct and as a table.

use super::backends::{BACKENDS, limit, support};
use super::contract::{CapabilityFile, LimitType};
use super::{HEADER, cell, doc, push};

const SOURCE: &str = "api/schema/capabilities.yaml. Do not edit.";

/// The part of the file that does not depend on what is declared.
const SUPPORT: &str = "\
/// How a backend offers a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Support {
    /// Requests that need it are refused with CAPABILITY_NOT_SUPPORTED before any IO.
    Unsupported,
    /// The engine does it, with the same result as a native one.
    Emulated,
    /// The backend does it.
    Native,
}

/// What a backend can do. Owned by its adapter, read by the planner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
";

/// `dbal/src/generated/capabilities.rs`.
pub fn rust(file: &CapabilityFile) -> String {
    let mut out = format!("//! {HEADER}{SOURCE}\n\n{SUPPORT}");
    for (name, decl) in &file.capabilities {
        push(&mut out, format_args!("{}    pub {name}: Support,\n", doc("    ", &decl.meaning)));
    }
    for (name, decl) in &file.limits {
        push(&mut out, format_args!("{}    pub {name}: {},\n", doc("    ", &decl.meaning), decl.ty.as_str()));
    }
    out.push_str(
        "}\n\nimpl Capabilities {\n    /// A backend that can do nothing; adapters name what they have.\n    \
         pub const NONE: Capabilities = Capabilities {\n",
    );
    for name in file.capabilities.keys() {
        push(&mut out, format_args!("        {name}: Support::Unsupported,\n"));
    }
    for name in file.limits.keys() {
        push(&mut out, format_args!("        {name}: 0,\n"));
    }
    out.push_str(
        "    };\n\n    /// Every capability by name with its support, in the order of capabilities.yaml.\n    \
         pub fn list(&self) -> Vec<(&'static str, Support)> {\n        vec![\n",
    );
    for name in file.capabilities.keys() {
        push(&mut out, format_args!("            (\"{name}\", self.{name}),\n"));
    }
    out.push_str(
        "        ]\n    }\n\n    /// Every limit by name, in the order of capabilities.yaml.\n    \
         pub fn limits(&self) -> Vec<(&'static str, u64)> {\n        vec![\n",
    );
    for (name, decl) in &file.limits {
        let number = match decl.ty {
            LimitType::U32 => format!("u64::from(self.{name})"),
            LimitType::U64 => format!("self.{name}"),
        };
        push(&mut out, format_args!("            (\"{name}\", {number}),\n"));
    }
    out.push_str(
        "        ]\n    }\n\n    /// Says what a capability is offered as, by its name; false for a name that is none.\n    \
         pub fn set(&mut self, name: &str, support: Support) -> bool {\n        match name {\n",
    );
    for name in file.capabilities.keys() {
        push(&mut out, format_args!("            \"{name}\" => self.{name} = support,\n"));
    }
    out.push_str("            _ => return false,\n        }\n        true\n    }\n}\n");
    out
}

/// `docs/capabilities.md`.
pub fn table(file: &CapabilityFile) -> String {
    let names: Vec<&str> = BACKENDS.iter().map(|(name, _)| *name).collect();
    let (names, rule) = (names.join(" | "), "---|".repeat(BACKENDS.len()));
    let mut out = format!(
        "<!-- {HEADER}{SOURCE} -->\n\n# Capabilities\n\n\
         What backends differ in. A capability is native, emulated by the engine with the same result, or rejected with \
         `CAPABILITY_NOT_SUPPORTED` before anything is sent. `client.capabilities()` says which, for the database in use.\n\n\
         The third column says what the engine does for a backend that lacks a capability. An emulation that is not built \
         yet shows as rejected in the backend's column.\n\n\
         | capability | meaning | where it is missing | {names} |\n|---|---|---|{rule}\n"
    );
    for (name, decl) in &file.capabilities {
        let backends: Vec<&str> = BACKENDS.iter().map(|(_, backend)| support(backend, name, decl.missing)).collect();
        let (meaning, missing) = (cell(&decl.meaning), decl.missing.words());
        push(&mut out, format_args!("| `{name}` | {meaning} | {missing} | {} |\n", backends.join(" | ")));
    }
    push(&mut out, format_args!("\n## Limits\n\n| limit | meaning | {names} |\n|---|---|{rule}\n"));
    for (name, decl) in &file.limits {
        let backends: Vec<String> = BACKENDS.iter().map(|(_, backend)| limit(backend, name)).collect();
        push(&mut out, format_args!("| `{name}` | {} | {} |\n", cell(&decl.meaning), backends.join(" | ")));
    }
    out
}
