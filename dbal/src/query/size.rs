//! How large a written row may be, and the texts of its indexes. Sizes are no part of a request's form, so they are
//! looked at each time.

use crate::error::{Error, FieldFault, Result};
use crate::query::ast::{Assign, Operand, Query, Statement};
use crate::query::limits::Limits;
use crate::schema::{Entity, FieldId};
use crate::value::Value;

/// Checks the values that a write stores.
///
/// # Errors
/// VALIDATION_ERROR naming the limit and the fields.
pub fn check(entity: &Entity, query: &Query, values: &[Value], limits: &Limits) -> Result<()> {
    let written: Vec<(FieldId, usize)> = match &query.statement {
        Statement::Insert(insert) => insert.values.iter().map(|(id, operand)| (*id, size(operand, values))).collect(),
        Statement::Update(update) => {
            let operand = |assign: &Assign| match assign {
                Assign::Set(operand) | Assign::Increment(operand) => size(operand, values),
            };
            update.set.iter().map(|(id, assign)| (*id, operand(assign))).collect()
        }
        Statement::Select(_) | Statement::Count(_) | Statement::Aggregate(_) | Statement::Delete(_) => return Ok(()),
    };
    let total: usize = written.iter().map(|(_, size)| size).sum();
    if total <= limits.index_bytes {
        return Ok(());
    }
    let mut faults = Vec::new();
    if total > limits.row_bytes {
        let message = format!("{total} bytes in one row; at most {} (limit row_bytes)", limits.row_bytes);
        faults.push(FieldFault { field: "data".into(), message, index: None });
    }
    let keys = entity.indexes.iter().map(|index| index.fields.as_slice()).chain([std::slice::from_ref(&entity.key)]);
    for fields in keys {
        let texts = written.iter().filter(|(id, _)| fields.contains(id) && entity.field(*id).ty.is_text());
        let bytes: usize = texts.map(|(_, size)| size).sum();
        if bytes > limits.index_bytes {
            let names: Vec<&str> = fields.iter().map(|id| entity.field(*id).name.as_str()).collect();
            let field = names.join(", ");
            if faults.iter().all(|fault| fault.field != field) {
                let limit = limits.index_bytes;
                let message = format!("{bytes} bytes of indexed text; at most {limit} (limit index_bytes)");
                faults.push(FieldFault { field, message, index: None });
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults)) }
}

fn size(operand: &Operand, values: &[Value]) -> usize {
    match operand {
        Operand::Param(id) => values.get(usize::from(id.0)).map_or(0, bytes),
        _ => 0,
    }
}

/// About how many bytes a value takes where it is stored.
pub fn bytes(value: &Value) -> usize {
    /// Deeper documents are refused; this only keeps the walk off the end of the stack.
    fn within(value: &Value, depth: u32) -> usize {
        match value {
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::List(_) | Value::Map(_) if depth == 0 => 8,
            Value::List(items) => items.iter().map(|item| 1 + within(item, depth - 1)).sum(),
            Value::Map(map) => map.iter().map(|(name, value)| name.len() + 4 + within(value, depth - 1)).sum(),
            _ => 8,
        }
    }
    within(value, 96)
}
