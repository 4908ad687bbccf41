//! The statuses of the C interface from `errors.yaml`, and `dbal.h` from the crate behind it.

use super::contract::ErrorFile;
use super::{HEADER, doc, push, upper_camel};

const SOURCE: &str = "api/schema/errors.yaml. Do not edit.";

/// Statuses that no request ends with, and so are of no other host. Numbers of errors stay below the first of them.
const OWN: &[(&str, u32, &str)] = &[
    ("DBAL_ROW", 1000, "There is a row under the cursor."),
    ("DBAL_DONE", 1001, "There are no more rows."),
    (
        "DBAL_MISUSE",
        1002,
        "The program used the library in a way that it is not to be used: NULL, a handle of another kind or in use, a \
         column that is not there. The error says what.",
    ),
    ("DBAL_STOPPED", 1003, "A callback wanted no more."),
];

/// `bindings/c/src/generated/status.rs`.
pub fn statuses(file: &ErrorFile) -> String {
    let mut out = format!(
        "//! {HEADER}{SOURCE}\n\n\
         use dbal::ErrorKind;\n\n\
         /// How a call went. Numbers of errors are the same in every host, and never used again.\n\
         #[repr(C)]\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq)]\n\
         pub enum dbal_status {{\n    /// It is done.\n    DBAL_OK = 0,\n"
    );
    for (code, decl) in &file.errors {
        push(&mut out, format_args!("{}    DBAL_{code} = {},\n", doc("    ", &decl.meaning), decl.number));
    }
    for (name, number, meaning) in OWN {
        push(&mut out, format_args!("{}    {name} = {number},\n", doc("    ", meaning)));
    }
    out.push_str(
        "}\n\n/// The status of an error, and its code with NUL behind it.\n\
         pub fn status_of(kind: ErrorKind) -> (dbal_status, &'static str) {\n    match kind {\n",
    );
    for code in file.errors.keys() {
        let kind = upper_camel(code);
        let arm = format!("        ErrorKind::{kind} => (dbal_status::DBAL_{code}, \"{code}\\0\"),\n");
        // As rustfmt has it.
        match arm.len() > 121 {
            true => push(
                &mut out,
                format_args!(
                    "        ErrorKind::{kind} => {{\n            (dbal_status::DBAL_{code}, \"{code}\\0\")\n        }}\n"
                ),
            ),
            false => out.push_str(&arm),
        }
    }
    out.push_str("        // A kind that this list does not know is a fault of dbal's own.\n");
    out.push_str("        _ => (dbal_status::DBAL_INTERNAL_ERROR, \"INTERNAL_ERROR\\0\"),\n    }\n}\n");
    out
}

/// `bindings/c/include/dbal.h`, from the sources with these statuses.
pub fn header(statuses: &str) -> Result<String, String> {
    let folder = crate::root().join("bindings/c");
    let place = tempfile::tempdir().map_err(|fault| format!("a folder cannot be made: {fault}"))?;
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml"))?;
    let mut builder = cbindgen::Builder::new().with_config(cbindgen::Config {
        header: Some(format!("/* {HEADER}bindings/c/src. Do not edit. */")),
        after_includes: Some(macros(&crate::read(&folder.join("src/version.rs"))?)?),
        ..config
    });
    // In the order of the header.
    const ORDER: &[&str] = &["version", "error", "value", "set", "client", "run", "result", "statement", "transaction"];
    let source = |name: &str, text: &str| {
        let file = place.path().join(format!("{name}.rs"));
        std::fs::write(&file, text).map_err(|fault| format!("{}: {fault}", file.display())).map(|()| file)
    };
    builder = builder.with_src(source("status", statuses)?);
    for name in ORDER.iter().chain(&["rows"]) {
        // What handles are made of is no business of programs.
        let text =
            crate::read(&folder.join(format!("src/{name}.rs")))?.replace("#[repr(C)]\npub struct ", "pub struct ");
        builder = builder.with_src(source(name, &text)?);
    }
    let mut text = Vec::new();
    builder.generate().map_err(|fault| format!("dbal.h: {fault}"))?.write(&mut text);
    String::from_utf8(text).map_err(|fault| format!("dbal.h: {fault}"))
}

/// Versions, and what functions are declared with.
fn macros(lib: &str) -> Result<String, String> {
    let abi = lib.lines().find_map(|line| line.strip_prefix("const ABI: u32 = ")?.strip_suffix(';'));
    let abi = abi.ok_or("bindings/c/src/version.rs does not say the version of its interface")?;
    let version = env!("CARGO_PKG_VERSION");
    let mut parts = version.split(['.', '-']);
    let mut part = || parts.next().unwrap_or("0");
    let (major, minor, patch) = (part(), part(), part());
    Ok(format!(
        "\n/** The version of this header. */\n#define DBAL_VERSION \"{version}\"\n\
         #define DBAL_VERSION_MAJOR {major}\n#define DBAL_VERSION_MINOR {minor}\n#define DBAL_VERSION_PATCH {patch}\n\n\
         /** The version of the binary interface; compare it with dbal_abi_version(). */\n#define DBAL_ABI_VERSION {abi}\n\n\
         /** The length that means: up to the NUL. */\n#define DBAL_NUL SIZE_MAX\n\n\
         #if defined(_WIN32) && defined(DBAL_SHARED)\n#  define DBAL_API __declspec(dllimport)\n\
         #elif defined(__GNUC__)\n#  define DBAL_API __attribute__((visibility(\"default\")))\n\
         #else\n#  define DBAL_API\n#endif\n"
    ))
}
