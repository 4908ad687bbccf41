//! Indexes.

use super::{FieldId, IndexFilter};

/// An index over fields of one entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    /// Its name in the database, within every backend's length limit.
    pub name: String,
    /// The fields in order.
    pub fields: Vec<FieldId>,
    /// Whether the fields together are unique (nulls are distinct).
    pub unique: bool,
    /// Only rows for which this holds are indexed.
    pub filter: Option<IndexFilter>,
}

/// How the name of the index ends that a key of several fields has. Others have one of their own for it.
pub(crate) const OF_KEY: &str = "_pkey";
