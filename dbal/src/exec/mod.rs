//! Runs plans: a machine that does no IO, and the loops that do it.

pub mod blocking;
pub mod machine;
#[cfg(feature = "async")]
pub mod nonblocking;
pub mod sink;
pub mod stream;

pub use machine::{Machine, Summary};
