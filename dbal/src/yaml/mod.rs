//! YAML and JSON files read with their positions, so that a fault can say `file:line:column`.
//!
//! A [`Report`] gathers the faults of any number of files. It reads text into [`Node`]s, and opens mappings as
//! [`Block`]s, which hand out typed values and, when finished, name every key that nobody asked for.
//!
//! ```
//! use dbal::yaml::Report;
//!
//! let report = Report::new();
//! let documents = report.read("app.yaml", "bind: 5\nloging:\n  level: info\n");
//! if let Some(mut block) = report.strict(&documents[0], "the configuration") {
//!     block.text("bind");
//!     block.block("logging");
//!     block.finish();
//! }
//! let faults = report.finish(()).unwrap_err();
//! assert_eq!(
//!     faults.to_string(),
//!     "app.yaml:1:7: error: bind: expected text, found the number 5\n\
//!      app.yaml:2:1: error: unknown key loging in the configuration; did you mean logging?"
//! );
//! ```
//!
//! The language is YAML 1.2 with its core schema (`yes` is text, quoted scalars are always text), the merge key `<<`,
//! and limits on size, depth and aliases, so that no file can exhaust memory. JSON is a part of that language.

mod block;
mod fault;
mod node;
mod parse;
mod scalar;

pub use block::Block;
pub use fault::{Fault, Faults, FileId, Place, Report, Severity, nearest};
pub use node::{Entry, Kind, Node};
pub use parse::{MAX_BYTES, MAX_DEPTH, MAX_NODES};
pub(crate) use scalar::as_word;

use crate::error::Result;

/// The documents of one file, or all faults in it.
pub fn parse(file: &str, text: &str) -> Result<Vec<Node>, Faults> {
    let report = Report::new();
    let documents = report.read(file, text);
    report.finish(documents).map(|(documents, _)| documents)
}

/// The only document of a file; an empty file is null.
pub fn parse_one(file: &str, text: &str) -> Result<Node, Faults> {
    let report = Report::new();
    let document = report.read_one(file, text);
    report.finish(document).map(|(document, _)| document)
}
