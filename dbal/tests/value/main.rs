//! What values mean (`SEMANTICS.md`, "Values"), as tables of edges and as laws over generated input.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod convert;
mod decimal;
mod generate;
mod json;
mod json_path;
mod serde;
mod temporal;
mod text;
