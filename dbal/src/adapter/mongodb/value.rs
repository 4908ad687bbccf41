//! Values to BSON, and stored BSON to values. Nothing is coerced: what does not fit its type is a fault.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime as BsonDateTime, Decimal128, Document, RawBsonRef, RawDocument};

use crate::error::{Error, Result};
use crate::plan::operation::document::Path;
use crate::schema::FieldType;
use crate::value::{Date, DateTime, Map, Uuid, Value, ValueRef, json};

/// A value that is compared. Numbers of all types are compared by value there.
pub(super) fn comparand(value: &Value) -> Result<Bson> {
    Ok(match value {
        Value::Null | Value::Undefined => Bson::Null,
        Value::Bool(v) => Bson::Boolean(*v),
        Value::Int(v) => Bson::Int64(*v),
        Value::Float(v) => Bson::Double(*v),
        Value::Decimal(v) => {
            let decimal: Result<Decimal128, _> = v.to_string().parse();
            Bson::Decimal128(decimal.map_err(|error| Error::internal(format!("a decimal was refused: {error}")))?)
        }
        Value::Text(v) => Bson::String(v.clone()),
        Value::Bytes(v) => Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: v.clone() }),
        Value::Uuid(v) => Bson::String(v.hyphenated().to_string()),
        Value::DateTime(v) => Bson::DateTime(BsonDateTime::from_millis(v.epoch_millis())),
        Value::Date(v) => Bson::String(v.to_string()),
        Value::List(_) | Value::Map(_) => document(value),
        Value::Json(text) => document(&ValueRef::Json(text).to_value()),
        Value::Record(_) | Value::Records(_) => return Err(Error::internal("a related row is no parameter")),
    })
}

/// A value that is compared with a field of this type.
pub(super) fn comparand_of(ty: &FieldType, value: &Value) -> Result<Bson> {
    match value {
        Value::Text(id) if ty.is_object_id() => {
            Ok(ObjectId::parse_str(id).map_or_else(|_| id.as_str().into(), Bson::ObjectId))
        }
        value => comparand(value),
    }
}

/// The least value of a type, which the index of a unique key asks for.
pub(super) fn least(ty: &FieldType) -> Bson {
    match ty {
        _ if ty.is_object_id() => Bson::ObjectId(ObjectId::from_bytes([0; 12])),
        FieldType::Uuid | FieldType::Text(_) | FieldType::Enum(_) | FieldType::Date => Bson::String(String::new()),
        FieldType::Integer | FieldType::BigInt | FieldType::Float | FieldType::Decimal { .. } => {
            Bson::Double(f64::NEG_INFINITY)
        }
        FieldType::Boolean => Bson::Boolean(false),
        FieldType::DateTime => Bson::DateTime(BsonDateTime::MIN),
        FieldType::Bytes => Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: Vec::new() }),
        FieldType::Json => Bson::MinKey,
    }
}

/// A value as a field of this type stores it.
pub(super) fn stored(ty: &FieldType, value: &Value) -> Result<Bson> {
    match (ty, value) {
        (FieldType::Json, document_value) => Ok(document(document_value)),
        (FieldType::Integer, Value::Int(number)) => i32::try_from(*number)
            .map(Bson::Int32)
            .map_err(|_| Error::internal("an integer of more than 32 bits was to be stored")),
        (FieldType::Float, Value::Int(number)) => Ok(Bson::Double(*number as f64)),
        (ty, value) => comparand_of(ty, value),
    }
}

/// A json document, keys in order, so that equal documents are the same BSON.
pub(super) fn document(value: &Value) -> Bson {
    match value {
        Value::List(items) => Bson::Array(items.iter().map(document).collect()),
        Value::Map(map) => {
            Bson::Document(map.sorted().into_iter().map(|(key, value)| (stored_key(key), document(value))).collect())
        }
        Value::Int(number) => Bson::Int64(*number),
        Value::Float(number) => Bson::Double(*number),
        Value::Bool(truth) => Bson::Boolean(*truth),
        Value::Text(text) => Bson::String(text.clone()),
        Value::Json(text) => document(&ValueRef::Json(text).to_value()),
        // A json document is made of nothing else.
        _ => Bson::Null,
    }
}

/// A key of a json object as it is stored. Keys that begin with a dollar mean something to the database in some places;
/// stored, none does.
pub(super) fn stored_key(key: &str) -> String {
    if key.starts_with(['$', '~']) { format!("~{key}") } else { key.to_owned() }
}

fn read_key(key: &str) -> &str {
    key.strip_prefix('~').unwrap_or(key)
}

/// What stands at a path of a document; null where there is nothing.
pub(super) fn at<'d>(document: &'d RawDocument, path: &Path) -> RawBsonRef<'d> {
    let step = |value: RawBsonRef<'d>, name: &str| value.as_document()?.get(name).ok().flatten();
    let found = path.0.split('.').try_fold(RawBsonRef::Document(document), step);
    found.unwrap_or(RawBsonRef::Null)
}

/// A stored value as one of its declared type; none if it does not fit.
pub(super) fn decode(ty: &FieldType, raw: RawBsonRef<'_>) -> Option<Value> {
    Some(match (ty, raw) {
        (_, RawBsonRef::Null | RawBsonRef::Undefined) => Value::Null,
        (FieldType::Json, raw) => read_document(raw)?,
        (ty, RawBsonRef::ObjectId(id)) if ty.is_object_id() => Value::Text(id.to_hex()),
        (ty, _) if ty.is_object_id() => return None,
        (FieldType::Text(_), RawBsonRef::String(text)) => Value::Text(text.to_owned()),
        (FieldType::Enum(declared), RawBsonRef::String(text)) => {
            declared.values.iter().any(|word| word == text).then(|| Value::Text(text.to_owned()))?
        }
        (FieldType::Uuid, RawBsonRef::String(text)) if text.len() == 36 => Value::Uuid(text.parse::<Uuid>().ok()?),
        (FieldType::Integer, RawBsonRef::Int32(number)) => Value::Int(number.into()),
        (FieldType::Integer, RawBsonRef::Int64(number)) => Value::Int(i32::try_from(number).ok()?.into()),
        (FieldType::BigInt, RawBsonRef::Int32(number)) => Value::Int(number.into()),
        (FieldType::BigInt, RawBsonRef::Int64(number)) => Value::Int(number),
        (FieldType::Float, RawBsonRef::Double(number)) if number.is_finite() => Value::Float(number),
        // Other programs write whole numbers as such; those that a double holds are read as one.
        (FieldType::Float, RawBsonRef::Int32(number)) => Value::Float(number.into()),
        (FieldType::Float, RawBsonRef::Int64(number)) if number.unsigned_abs() <= 1 << 53 => {
            Value::Float(number as f64)
        }
        (FieldType::Decimal { .. }, RawBsonRef::Decimal128(number)) => {
            Value::Decimal(Box::new(number.to_string().parse().ok()?))
        }
        (FieldType::Boolean, RawBsonRef::Boolean(truth)) => Value::Bool(truth),
        (FieldType::DateTime, RawBsonRef::DateTime(instant)) => {
            Value::DateTime(DateTime::from_epoch_millis(instant.timestamp_millis())?)
        }
        (FieldType::Date, RawBsonRef::String(text)) => Value::Date(text.parse::<Date>().ok()?),
        (FieldType::Bytes, RawBsonRef::Binary(binary)) => Value::Bytes(binary.bytes.to_vec()),
        _ => return None,
    })
}

fn read_document(raw: RawBsonRef<'_>) -> Option<Value> {
    Some(match raw {
        RawBsonRef::Null => Value::Null,
        RawBsonRef::Boolean(truth) => Value::Bool(truth),
        RawBsonRef::Int32(number) => Value::Int(number.into()),
        RawBsonRef::Int64(number) => Value::Int(number),
        RawBsonRef::Double(number) if number.is_finite() => {
            json::whole(number).map_or(Value::Float(number), Value::Int)
        }
        RawBsonRef::String(text) => Value::Text(text.to_owned()),
        RawBsonRef::Array(items) => {
            Value::List(items.into_iter().map(|item| read_document(item.ok()?)).collect::<Option<_>>()?)
        }
        RawBsonRef::Document(document) => {
            let mut pairs = Vec::new();
            for pair in document {
                let (key, value) = pair.ok()?;
                let key: &str = key.as_ref();
                pairs.push((read_key(key).to_owned().into(), read_document(value)?));
            }
            Value::Map(Map(pairs))
        }
        _ => return None,
    })
}

/// A stored value of a whole document in memory, as one of its declared type.
pub(super) fn decode_owned(ty: &FieldType, value: &Bson) -> Option<Value> {
    let holder = mongodb::bson::RawDocumentBuf::try_from(&one("v", value.clone())).ok()?;
    decode(ty, holder.get("v").ok()??)
}

/// A document of one name.
pub(super) fn one(name: impl Into<String>, value: impl Into<Bson>) -> Document {
    let mut document = Document::new();
    document.insert(name, value);
    document
}

/// Whether two stored values are the same, whatever type a number is stored in.
pub(super) fn same(left: &Bson, right: &Bson) -> bool {
    let whole = |value: &Bson| match value {
        Bson::Int32(number) => Some(i64::from(*number)),
        Bson::Int64(number) => Some(*number),
        _ => None,
    };
    match (left, right) {
        (Bson::Decimal128(a), Bson::Decimal128(b)) => {
            let parsed = |d: &Decimal128| d.to_string().parse::<crate::value::Decimal>().ok();
            a == b || parsed(a).is_some_and(|a| parsed(b) == Some(a))
        }
        _ => left == right || whole(left).is_some_and(|number| whole(right) == Some(number)),
    }
}
