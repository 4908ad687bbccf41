//! SQLite: what statements are lowered to, what a migration creates, and how the adapter behaves.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod adapter;
mod faults;
mod lower;
mod migrate;
mod migrations;
mod schema;
mod search;
mod semantics;
mod walk;
#[cfg(feature = "async")]
mod worker;
