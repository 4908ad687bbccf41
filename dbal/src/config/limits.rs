//! `limits:`, the greatest request that is served.

use super::reader::Reader;
use crate::query::limits::Limits;
use crate::yaml::Block;

/// The limits that the file lowers. None may be raised.
pub(super) fn read(reader: &Reader<'_>, file: &mut Block<'_>) -> Limits {
    let mut limits = Limits::default();
    let Some(mut block) = reader.section(file, "limits", "limits") else { return limits };
    let most = Limits::default();
    for (name, limit, most) in [
        ("filter_depth", &mut limits.filter_depth, most.filter_depth),
        ("filter_nodes", &mut limits.filter_nodes, most.filter_nodes),
        ("in_values", &mut limits.in_values, most.in_values),
        ("include_depth", &mut limits.include_depth, most.include_depth),
        ("include_relations", &mut limits.include_relations, most.include_relations),
        ("included_rows", &mut limits.included_rows, most.included_rows),
        ("row_bytes", &mut limits.row_bytes, most.row_bytes),
        ("index_bytes", &mut limits.index_bytes, most.index_bytes),
        ("request_bytes", &mut limits.request_bytes, most.request_bytes),
        ("many_rows", &mut limits.many_rows, most.many_rows),
        ("batch_entries", &mut limits.batch_entries, most.batch_entries),
    ] {
        if let Some(number) = block.integer(name, 1, most as i64) {
            *limit = number as usize;
        }
    }
    if let Some(rows) = block.integer("bound_rows", 1, i64::from(most.bound_rows)) {
        limits.bound_rows = rows as u32;
    }
    block.finish();
    limits
}
