//! From a request's names and values to a checked, canonical query over ids, and what such a query means.

mod aggregate;
pub mod ast;
pub mod batch;
pub mod cast;
pub mod cursor;
mod cursor_bytes;
mod data;
pub mod eval;
pub mod expire;
mod filter;
mod filter_json;
pub mod form;
pub mod join;
mod key;
pub mod limits;
pub mod many;
pub mod normalize;
pub mod optimize;
mod output;
pub mod paging;
pub mod param;
pub mod search;
mod seek;
pub mod shape;
pub mod size;
pub mod validate;
pub mod view;
