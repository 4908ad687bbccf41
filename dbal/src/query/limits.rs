//! The greatest request that is served. Configurable downwards; passing one is an error, never a truncation.

/// Limits of SEMANTICS.md with their defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of nesting in a filter.
    pub filter_depth: usize,
    /// Conditions in a filter; the values of an `$in` do not count.
    pub filter_nodes: usize,
    /// Values of one `$in`.
    pub in_values: usize,
    /// Levels of includes.
    pub include_depth: usize,
    /// Relations included in one request, on all levels.
    pub include_relations: usize,
    /// Related rows in one answer for a bound caller, each counted as often as it is given; in a stream, those of one
    /// batch of rows. Relations that lead back and forth would else multiply with each level.
    pub included_rows: usize,
    /// Bytes of the values of one written row.
    pub row_bytes: usize,
    /// Bytes of the texts of one index, together: what every backend can index.
    pub index_bytes: usize,
    /// Bytes of all values of one request.
    pub request_bytes: usize,
    /// Rows of one create_many or upsert_many.
    pub many_rows: usize,
    /// Entries of one batch.
    pub batch_entries: usize,
    /// Rows of one answer for a bound caller where the operation declares none.
    pub bound_rows: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            filter_depth: 32,
            filter_nodes: 1_000,
            in_values: 10_000,
            include_depth: 5,
            include_relations: 20,
            included_rows: 100_000,
            row_bytes: 15 << 20,
            index_bytes: 2_000,
            request_bytes: 32 << 20,
            many_rows: 100_000,
            batch_entries: 1_000,
            bound_rows: 100,
        }
    }
}
