//! The library behind `dbal.h`. It knows requests, plans and packed rows, nothing of any entity.
//!
//! What a program holds are handles ([`handle`]): each begins with a tag that says what it is, so that a wrong one is
//! told from a right one, and all but clients say whether a call is under way on them. Every entry catches panics and
//! gives a status, and an error with everything that is known of it ([`error`]). Data comes as trees that the program
//! builds ([`value`], [`set`]), or as JSON text; rows are packed while the statement gives them ([`rows`]) and read from
//! where they lie ([`result`](mod@result)).
//!
//! The functions are `unsafe` in one way: pointers must be what the header says of them, live handles or memory of the
//! given length. That is the reason of every `unsafe` entry; blocks with another reason say theirs.

#![allow(unsafe_op_in_unsafe_fn, reason = "an entry is unsafe as a whole, in the way that this page says")]
#![allow(clippy::missing_safety_doc, reason = "the documentation of an entry becomes the header's, for readers of C")]
#![allow(non_camel_case_types, reason = "the header has the names of these types as they are here")]

mod answer;
mod client;
mod config;
mod error;
mod generated;
mod handle;
mod result;
mod rows;
mod run;
mod set;
mod statement;
mod text;
mod transaction;
mod value;
mod version;
