//! Schemas in other languages.

pub mod python;
pub mod rust;
pub mod ts;
