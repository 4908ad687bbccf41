//! Who may do what: roles, row filters, field rules and claims, applied by rewriting the query.

pub mod principal;

pub use principal::Principal;
