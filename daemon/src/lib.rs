//! The daemon: dbal for code that may not hold database credentials.
//!
//! It adds to the engine's client what a client elsewhere needs, and nothing else: a transport (`http`, `ws`, `grpc`), the
//! verified identity of whoever asks (`identity`), bounds on how much they may ask, and words for operators (`metrics`,
//! `log`). What a request means and what a caller may do is the engine's part; nothing here knows an entity, but that a
//! session belongs to a user. [`Daemon::start`] puts it together; `docs/protocol.md` is what it speaks.

mod accept;
mod admin;
mod body;
pub mod caller;
mod catalogue;
mod check;
mod failure;
mod generated;
mod grpc;
mod http;
pub mod identity;
mod log;
mod metrics;
mod openapi;
mod pace;
mod patience;
mod probe;
mod program;
mod rate;
mod reload;
mod service;
mod shape;
mod start;
mod tls;
mod ws;

/// The messages of `api/idl/dbal.proto`, and both ends of its service.
pub use generated::dbal_v1 as idl;
pub use program::main;
pub use start::{Daemon, Options};
