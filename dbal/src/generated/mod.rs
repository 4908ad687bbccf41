//! Written by `cargo xtask codegen` from `api/schema`; never edited by hand.

pub mod capabilities;
pub mod errors;
