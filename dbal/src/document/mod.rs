//! From a query to the form for databases that keep documents, once for each plan.

pub mod lower;
pub mod migrate;
