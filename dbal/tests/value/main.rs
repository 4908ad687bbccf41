//! What values mean (`SEMANTICS.md`, "Values"), as tables of edges and as laws over generated input.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod convert;
mod decimal;
mod generate;
mod json;
mod json_path;
#[path = "../common/schema.rs"]
#[allow(dead_code, reason = "one field is enough here")]
mod schema;
mod serde;
mod temporal;
mod text;
