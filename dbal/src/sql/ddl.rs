//! What exists in a database, and the statements that create what is missing.

/// What exists in a database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Its tables.
    pub tables: Vec<TableInfo>,
}

/// A table that exists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableInfo {
    /// Its name.
    pub name: String,
    /// Names of its columns.
    pub columns: Vec<String>,
    /// Names of its indexes.
    pub indexes: Vec<String>,
}
