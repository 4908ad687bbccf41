//! How SQL spells which rows an index is over. Values are constants there: an index knows no parameters.

use crate::schema::{Condition, Entity, FieldId};
use crate::sql::dialect::Dialect;
use crate::sql::quoted;
use crate::value::{Comparison, Value};

/// A condition on the rows of an entity's table.
pub(crate) fn spell(entity: &Entity, condition: &Condition, dialect: Dialect) -> String {
    let column = |field: &FieldId| quoted(&entity.field(*field).column);
    let constant = |field: &FieldId, value: &Value| match dialect {
        Dialect::Sqlite => literal(value),
        Dialect::Postgres => super::postgres::literal(&entity.field(*field).ty, value),
    };
    let joined = |parts: &[Condition], with: &str, none: &str| {
        let parts: Vec<String> = parts.iter().map(|part| format!("({})", spell(entity, part, dialect))).collect();
        if parts.is_empty() { none.to_owned() } else { parts.join(with) }
    };
    match condition {
        Condition::All(all) => joined(all, " AND ", "1 = 1"),
        Condition::Any(any) => joined(any, " OR ", "1 = 0"),
        Condition::Compare { field, op, value } => {
            format!("{} {} {}", column(field), operator(*op), constant(field, value))
        }
        Condition::OneOf { values, .. } if values.is_empty() => "1 = 0".to_owned(),
        Condition::OneOf { field, values } => {
            let values: Vec<String> = values.iter().map(|value| constant(field, value)).collect();
            format!("{} IN ({})", column(field), values.join(", "))
        }
        Condition::Null(field) => format!("{} IS NULL", column(field)),
        Condition::NotNull(field) => format!("{} IS NOT NULL", column(field)),
    }
}

fn operator(op: Comparison) -> &'static str {
    match op {
        Comparison::Eq => "=",
        Comparison::Ne => "<>",
        Comparison::Lt => "<",
        Comparison::Lte => "<=",
        Comparison::Gt => ">",
        Comparison::Gte => ">=",
    }
}

/// A value as SQLite stores it. Decimals are text: the column's collation compares them by value.
fn literal(value: &Value) -> String {
    let quoted = |text: String| format!("'{}'", text.replace('\'', "''"));
    match value {
        Value::Bool(value) => i64::from(*value).to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::DateTime(value) => value.epoch_millis().to_string(),
        Value::Text(value) => quoted(value.clone()),
        Value::Decimal(value) => quoted(value.to_string()),
        Value::Uuid(value) => quoted(value.to_string()),
        Value::Date(value) => quoted(value.to_string()),
        Value::Null
        | Value::Undefined
        | Value::Bytes(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Json(_)
        | Value::Record(_)
        | Value::Records(_) => unreachable!("no condition of an index holds such a constant"),
    }
}
