//! JSON: text in and out, equality of documents, and what a path inside a document means.
//!
//! A document is a [`Value`](super::Value) made of null, booleans, integers, floats, texts, lists and maps. Its canonical form has
//! sorted keys and writes a whole number as an integer, so that equal documents have one text:
//!
//! ```
//! use dbal::value::json;
//! let document = json::parse(br#"{ "b": 1.0, "a": [true, null] }"#)?;
//! assert_eq!(json::to_text(&document), r#"{"a":[true,null],"b":1}"#);
//! # Ok::<(), dbal::Error>(())
//! ```

mod canonical;
mod compare;
mod parse;
mod path;
mod write;

pub use canonical::canonical;
pub use compare::{compare, equal};
pub(super) use parse::has_duplicate;
pub use parse::{Limits, parse, parse_with};
pub use path::{PathStep, Test, at_path, find, parse_path, path_text, test};
pub use write::{to_text, to_wire, write, write_wire};

/// How many lists and objects may stand inside each other.
pub const MAX_DEPTH: u32 = 64;

/// The integer that a float is, if it is one of 64 bits. Such a float and that integer are the same document.
pub(crate) fn whole(number: f64) -> Option<i64> {
    // 2^63 is exact as a double; i64::MAX is not.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    (number.trunc() == number && (-BEYOND..BEYOND).contains(&number)).then_some(number as i64)
}
