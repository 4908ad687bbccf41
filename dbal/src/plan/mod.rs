//! From a query and what a backend can do to the steps that it runs.

pub mod operation;
