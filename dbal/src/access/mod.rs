//! Who may do what: roles, row filters, field rules and claims, applied by rewriting the query.
//!
//! A [`Policy`] is compiled once, from the `acl` blocks of a schema or from a rules file. For a bound caller,
//! `query::validate` asks [`Policy::view`] which names exist, and [`Policy::rewrite`] then restricts the query to the
//! rows that exist. Trusted code passes by both. Nothing here runs a query or knows a backend: claims stay parameters,
//! so one rewritten query serves every caller with the same [`Policy::shape_key`].

mod acl;
mod check;
pub mod expression;
pub mod judge;
pub mod policy;
pub mod principal;
mod rebase;
mod rewrite;
mod rules_file;
#[cfg(test)]
mod tests;
pub mod view;

pub use check::Checks;
pub use policy::Policy;
pub use principal::Principal;
pub use view::PrincipalView;
