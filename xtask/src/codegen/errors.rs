//! `errors.yaml` as a Rust enum and as a table.

use super::contract::{ErrorFile, RetryClass};
use super::{HEADER, cell, doc, push, upper_camel};

const SOURCE: &str = "api/schema/errors.yaml. Do not edit.";

/// `dbal/src/generated/errors.rs`.
pub fn rust(file: &ErrorFile) -> String {
    let kinds: Vec<_> = file.errors.iter().map(|(code, decl)| (upper_camel(code), code, decl)).collect();
    let mut out = format!(
        "//! {HEADER}{SOURCE}\n\n\
         /// What went wrong, as a stable code. The numbers are part of the C ABI and are never reused.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]\n\
         #[non_exhaustive]\n\
         #[repr(u32)]\n\
         pub enum ErrorKind {{\n"
    );
    for (kind, _, decl) in &kinds {
        push(&mut out, format_args!("{}    {kind} = {},\n", doc("    ", &decl.meaning), decl.number));
    }
    out.push_str(
        "}\n\nimpl ErrorKind {\n    /// Every kind, in the order of its number.\n    \
         pub const ALL: &'static [ErrorKind] = &[\n",
    );
    let mut by_number: Vec<_> = kinds.iter().collect();
    by_number.sort_by_key(|(_, _, decl)| decl.number);
    for (kind, ..) in by_number {
        push(&mut out, format_args!("        ErrorKind::{kind},\n"));
    }
    out.push_str("    ];\n");

    let code = kinds.iter().map(|(kind, code, _)| (kind, format!("\"{code}\"")));
    method(&mut out, "The code as every host spells it, such as `NOT_FOUND`.", "code", "&'static str", code);
    let http = kinds.iter().map(|(kind, _, decl)| (kind, decl.http.to_string()));
    method(&mut out, "The HTTP status that carries this kind.", "http_status", "u16", http);
    grpc(&mut out, file);
    out.push_str("}\n");
    out
}

/// A method that gives one constant for each kind.
fn method<'a>(out: &mut String, doc: &str, name: &str, ty: &str, arms: impl Iterator<Item = (&'a String, String)>) {
    push(out, format_args!("\n    /// {doc}\n    pub const fn {name}(self) -> {ty} {{\n        match self {{\n"));
    for (kind, value) in arms {
        push(out, format_args!("            ErrorKind::{kind} => {value},\n"));
    }
    out.push_str("        }\n    }\n");
}

/// The method that gives the status of gRPC, which a reason may decide.
fn grpc(out: &mut String, file: &ErrorFile) {
    out.push_str(
        "\n    /// The gRPC status that carries this kind, with a reason that may decide it, such as `unique`.\n    \
         pub fn grpc_status(self, reason: Option<&str>) -> &'static str {\n        match (self, reason) {\n",
    );
    for (code, decl) in &file.errors {
        let kind = upper_camel(code);
        for (reason, status) in decl.grpc_by_reason.iter().filter(|(_, status)| **status != decl.grpc) {
            push(out, format_args!("            (ErrorKind::{kind}, Some(\"{reason}\")) => \"{status}\",\n"));
        }
        push(out, format_args!("            (ErrorKind::{kind}, _) => \"{}\",\n", decl.grpc));
    }
    out.push_str("        }\n    }\n");
}

/// `bindings/python/dbal/_codes.py`.
pub fn python(file: &ErrorFile) -> String {
    const OWN: &[&str] = &["DatabaseError", "InternalError"];
    let mut out = format!("# {HEADER}{SOURCE}\n\"\"\"The exception of each code.\"\"\"\n\n");
    let mut bases: Vec<&str> = file.errors.values().map(|decl| decl.dbapi.as_str()).collect();
    bases.sort_unstable();
    bases.dedup();
    push(
        &mut out,
        format_args!(
            "from dbal.errors import {}\n",
            ["Error"].iter().chain(&bases).copied().collect::<Vec<_>>().join(", ")
        ),
    );
    let mut table = String::from("\n\nCODES: dict[str, type[Error]] = {\n");
    let mut names = Vec::new();
    for (code, decl) in &file.errors {
        let name = upper_camel(code);
        let base = &decl.dbapi;
        if OWN.contains(&name.as_str()) {
            push(&mut table, format_args!("    \"{code}\": {base},\n"));
            continue;
        }
        push(&mut out, format_args!("\n\nclass {name}({base}):\n    \"\"\"{}\"\"\"\n", decl.meaning));
        push(&mut table, format_args!("    \"{code}\": {name},\n"));
        names.push(format!("\"{name}\""));
    }
    push(&mut out, format_args!("{table}}}\n\n__all__ = [\n    {},\n]\n", names.join(",\n    ")));
    out
}

/// `docs/errors.md`.
pub fn table(file: &ErrorFile) -> String {
    let mut out = format!(
        "<!-- {HEADER}{SOURCE} -->\n\n# Errors\n\n\
         Every host reports the same codes. An error also carries a message for people, the operation and the entity, \
         every fault with its field, and `retry`; a lost connection carries `outcome`: `not_applied` or `unknown`.\n\n\
         | code | number | HTTP | gRPC | Python | try again | meaning |\n|---|---|---|---|---|---|---|\n"
    );
    for (code, decl) in &file.errors {
        let mut grpc = vec![format!("`{}`", decl.grpc)];
        for (reason, status) in decl.grpc_by_reason.iter().filter(|(_, status)| **status != decl.grpc) {
            grpc.push(format!("{reason}: `{status}`"));
        }
        let mut retry = vec![decl.retry.words().to_owned()];
        retry.extend(decl.retry_by_reason.iter().map(|(reason, class)| format!("{reason}: {}", class.words())));
        let audit = if decl.incident { " Audited as an incident." } else { "" };
        push(
            &mut out,
            format_args!(
                "| `{code}` | {} | {} | {} | `{}` | {} | {}{audit} |\n",
                decl.number,
                decl.http,
                grpc.join("; "),
                decl.dbapi,
                retry.join("; "),
                cell(&decl.meaning)
            ),
        );
    }
    let backoff = &file.backoff;
    push(
        &mut out,
        format_args!(
            "\nWhere trying again helps, waits grow exponentially with {} jitter: at most {} ms before the second try, never \
             more than {} ms, {} tries in all, and never past the request's deadline.\n",
            backoff.jitter, backoff.first_ms, backoff.max_ms, backoff.tries
        ),
    );
    let unsure = file.errors.iter().filter(|(_, decl)| decl.retry == RetryClass::WhenSafe);
    let unsure: Vec<String> = unsure.map(|(code, _)| format!("`{code}`")).collect();
    push(
        &mut out,
        format_args!(
            "A write that ended in {} with `outcome: unknown` is never repeated by itself.
",
            unsure.join(" or ")
        ),
    );
    out
}
