//! How a value of the request becomes a parameter: type check, conversion, field rules, hashing.

use super::search;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::convert::{check_rules, convert, hash_stored};
use crate::schema::{FieldRef, FieldType, Schema, StoredAs};
use crate::value::{Value, text};

/// What a value of the request is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Cast {
    /// Compared with a value of this type.
    Compare(FieldType),
    /// Compared with the stored hash of a text.
    CompareHashed(StoredAs),
    /// A list of values of this type; nulls are dropped, the query has dealt with them.
    List(FieldType),
    /// A list of texts compared with stored hashes.
    ListHashed(StoredAs),
    /// Needle or pattern of a text match.
    Pattern,
    /// The word of this number in the text of a search; null where there are fewer.
    Word(u16),
    /// Compared with a value inside a json document; null is a value there.
    Json,
    /// A list of such values.
    JsonList,
    /// Stored in a field: its type and all its rules apply, hashing included.
    Store(FieldRef),
}

impl Cast {
    /// The parameter's value.
    ///
    /// # Errors
    /// VALIDATION_ERROR whose message says what was expected, without a field: the caller knows where the value stood.
    /// MALICIOUS_CODE_DETECTED where the content scan refuses a text.
    pub fn apply(&self, schema: &Schema, value: &Value) -> Result<Value> {
        let fault = |message: String| Error::new(ErrorKind::ValidationError, message);
        match self {
            Cast::Compare(ty) => convert(ty, value).map_err(fault),
            Cast::CompareHashed(how) => hashed(*how, value).map_err(fault),
            Cast::List(ty) => list(value, |item| convert(ty, item)).map_err(fault),
            Cast::ListHashed(how) => list(value, |item| hashed(*how, item)).map_err(fault),
            Cast::Pattern => match value {
                Value::Text(needle) => text::check(needle).map(|()| value.clone()).map_err(|m| fault(m.to_owned())),
                other => Err(fault(format!("expected text, got {}", other.kind()))),
            },
            Cast::Word(at) => search::word(value, *at).map_err(fault),
            Cast::Json => convert(&FieldType::Json, value).map_err(fault),
            Cast::JsonList => match value {
                Value::List(items) => items
                    .iter()
                    .map(|item| convert(&FieldType::Json, item))
                    .collect::<Result<_, _>>()
                    .map(Value::List)
                    .map_err(fault),
                other => Err(fault(format!("expected a list, got {}", other.kind()))),
            },
            Cast::Store(at) => store(schema, *at, value),
        }
    }
}

fn list(value: &Value, item: impl Fn(&Value) -> Result<Value, String>) -> Result<Value, String> {
    match value {
        Value::List(items) => {
            items.iter().filter(|v| !v.is_null()).map(item).collect::<Result<_, _>>().map(Value::List)
        }
        other => Err(format!("expected a list, got {}", other.kind())),
    }
}

fn hashed(how: StoredAs, value: &Value) -> Result<Value, String> {
    match value {
        Value::Text(text) => hash_stored(how, text).map(Value::Text).map_err(|error| error.message().to_owned()),
        other => Err(format!("expected text, got {}", other.kind())),
    }
}

fn store(schema: &Schema, at: FieldRef, value: &Value) -> Result<Value> {
    let entity = schema.entity(at.entity);
    let field = entity.field(at.field);
    let fault = |message: String| Error::new(ErrorKind::ValidationError, message);
    let converted = convert(&field.ty, value).map_err(fault)?;
    check_rules(field, &converted).map_err(fault)?;
    if let Value::Text(text) = &converted {
        if entity.security.scan_for_malicious.contains(&at.field)
            && let Some(met) = schema.malicious.iter().find(|malicious| malicious.pattern.is_match(text.as_str()))
        {
            let message = format!("the content scan refused the value of {}", field.name);
            return Err(Error::new(ErrorKind::MaliciousCodeDetected, message).with_incident(&met.id));
        }
        if let Some(how) = field.stored_as {
            return hash_stored(how, text).map(Value::Text);
        }
    }
    Ok(converted)
}
