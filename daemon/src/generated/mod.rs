//! Written by `cargo xtask codegen` from `api/idl/dbal.proto`; never edited by hand.

#[rustfmt::skip]
#[allow(missing_docs, unused_qualifications, clippy::all, reason = "written by tonic's generator")]
pub mod dbal_v1;
pub mod descriptor;
