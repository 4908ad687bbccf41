//! From a query to SQL text, once for each plan.

pub mod ddl;
pub mod dialect;
pub mod lower;
pub mod migrate;
pub(crate) mod storage;
pub(crate) mod words;

use sea_query::{DynIden, IntoIden};

/// A name as sea-query quotes it. It must be owned: sea-query writes borrowed names without doubling quotes in them.
fn iden(name: &str) -> DynIden {
    name.to_owned().into_iden()
}

/// A name between quotes, for statements that are not built by sea-query.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
