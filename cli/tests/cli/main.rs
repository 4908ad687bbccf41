//! The `dbal` command as a person meets it: the real binary on folders of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod check;
mod config;
mod doctor;
mod explain;
mod folder;
mod help;
mod migrate;
mod prisma;
mod query;
mod rust;
mod seed;
mod token;
mod write;
