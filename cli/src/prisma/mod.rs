//! Prisma's schema language: reading it, writing entity files of it, and writing it of entities.

pub mod export;
pub mod import;
mod lex;
mod names;
pub mod parse;
