//! Schemas in other languages.

pub mod ts;
