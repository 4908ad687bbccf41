//! `limits:`, the greatest request that is served.

use super::reader::Reader;
use crate::query::limits::Limits;
use crate::value::Value;
use crate::yaml::Block;

/// The limits that the file lowers. None may be raised.
pub(super) fn read(reader: &Reader<'_>, file: &mut Block<'_>) -> Limits {
    let mut limits = Limits::default();
    let Some(mut block) = reader.section(file, "limits", "limits") else { return limits };
    for (name, most) in Limits::default().list() {
        if let Some(number) = block.integer(name, 1, most as i64) {
            limits.lower(name, &Value::Int(number)).expect("it is known, and between these bounds");
        }
    }
    block.finish();
    limits
}
