//! What people type, made into values.

use dbal::schema::{EntityId, FieldType, Schema};
use dbal::value::json::{Limits, parse_with};
use dbal::{Name, Value};

use crate::failure::Failure;

/// JSON of the command line, numbers exact. `what` is what the message calls it.
pub fn json(what: &str, text: &str) -> Result<Value, Failure> {
    let limits = Limits { keep_floats: true, ..Limits::default() };
    parse_with(text.as_bytes(), &limits).map_err(|error| Failure::Usage(format!("{what}: {}", error.message())))
}

/// The key of a row: the value of the primary key, or an object with a unique key.
pub fn key(schema: &Schema, entity: EntityId, text: &str) -> Result<Value, Failure> {
    if text.trim_start().starts_with('{') {
        return json("KEY", text);
    }
    let declared = schema.entity(entity);
    Ok(cell(&declared.field(declared.key).ty, text))
}

/// Text as a field of a type takes it, where text itself would be refused. What does not fit stays text, for the
/// engine to say what it expected.
pub fn cell(ty: &FieldType, text: &str) -> Value {
    let other = match ty {
        FieldType::Integer | FieldType::BigInt => text.parse().ok().map(Value::Int),
        FieldType::Float => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Float),
        FieldType::Boolean => text.parse().ok().map(Value::Bool),
        FieldType::Uuid
        | FieldType::Text(_)
        | FieldType::Enum(_)
        | FieldType::Decimal { .. }
        | FieldType::DateTime
        | FieldType::Date
        | FieldType::Json
        | FieldType::Bytes => None,
    };
    other.unwrap_or_else(|| Value::from(text))
}

/// `a,b` as names. Spaces around them do not count.
pub fn names(text: &str) -> impl Iterator<Item = Name> {
    text.split(',').map(|name| Name::Owned(name.trim().to_owned()))
}
