//! From a request's names and values to a checked, canonical query over ids, and what such a query means.

pub mod ast;
pub mod eval;
pub mod param;
pub mod view;
