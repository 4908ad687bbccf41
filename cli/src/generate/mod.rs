//! Schemas in other languages.

pub mod c;
pub mod cpp;
mod fields;
pub mod python;
pub mod rust;
pub mod ts;
