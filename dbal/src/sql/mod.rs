//! From a query to SQL text, once for each plan.

pub mod ddl;
pub mod dialect;
