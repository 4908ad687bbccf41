//! The native half of the npm package. It knows requests, plans and packed rows, nothing of any entity.
//!
//! What crosses the border is bytes and numbers: `lib/encode.js` writes a request into a buffer that [`value`] reads;
//! [`dbal::packed`] writes rows into slots and one text that `lib/decode.js` makes objects of. A call for each value would
//! cost more than the database does.
//!
//! Everything belongs to one JavaScript environment ([`port`]): worker threads have their own. Futures are polled on
//! its thread, so whatever the engine can await becomes a promise ([`task`]).

mod client;
mod config;
mod error;
mod port;
mod stream;
mod task;
mod transaction;
mod value;

/// Rows are made on the threads that read and freed on those of JavaScript: glibc's arenas make these wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
