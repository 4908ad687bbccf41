//! How the databases' SQL differs.

/// Whose SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite 3.
    Sqlite,
    /// PostgreSQL 12 and newer, and what speaks its SQL.
    Postgres,
}
