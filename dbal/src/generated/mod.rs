//! Written by `cargo xtask codegen` from `api/schema` and the data of Unicode; never edited by hand.

pub mod capabilities;
pub mod errors;
pub mod reference;
pub mod unicode;
