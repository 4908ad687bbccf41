//! What several test files need: schemas made by hand, and generated rows and expressions over them.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

pub mod generate;
pub mod schema;
pub mod wait;
