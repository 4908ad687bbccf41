//! Schemas in other languages.

pub mod python;
pub mod ts;
