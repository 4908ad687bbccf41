//! Idempotency keys on every backend: over HTTP, WebSocket and gRPC, and through a remote client whose connections are
//! cut between a write and its answer.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod places;
mod remote;
#[path = "../support/mod.rs"]
mod support;
mod wires;
