//! Values as every host and backend agrees on them (`SEMANTICS.md`, "Values").

pub mod aggregate;
pub mod compare;
mod de;
pub mod decimal;
mod fault;
pub mod json;
pub mod order;
mod ser;
pub mod temporal;
pub mod text;
pub mod words;

use std::borrow::Cow;

pub use compare::Comparison;
pub use de::{from_record, from_value};
pub use decimal::Decimal;
pub use ser::to_value;
pub use temporal::{Date, DateTime};
pub use uuid::Uuid;

use crate::row::Record;

/// A name of the contract: an entity, a field, an operator, an option.
pub type Name = Cow<'static, str>;

/// One value: an argument of a request, a cell of a result, or a whole json document.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// SQL null; inside a json document, JSON null.
    #[default]
    Null,
    /// JavaScript's `undefined`: absent in data, a fault in a filter.
    Undefined,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number of up to 64 bits, signed.
    Int(i64),
    /// A finite number with a fraction.
    Float(f64),
    /// An exact decimal number of up to 34 digits.
    Decimal(Box<Decimal>),
    /// Unicode text.
    Text(String),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// A UUID, compared as a value.
    Uuid(Uuid),
    /// An instant in UTC with milliseconds.
    DateTime(DateTime),
    /// A calendar day.
    Date(Date),
    /// A list: of an `$in`, of rows, of a json array.
    List(Vec<Value>),
    /// Names and values: a filter, a row of data, a json object.
    Map(Map),
    /// A json document as its text, valid JSON. Only in rows for a sink that takes documents so
    /// ([`RowSink::takes_json_text`](crate::row::RowSink::takes_json_text)); everywhere else a document is a tree.
    Json(Box<str>),
    /// A related row in a result.
    Record(Box<Record>),
    /// Related rows in a result.
    Records(Vec<Record>),
}

impl Value {
    /// What this is, in the words of error messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Undefined => "undefined",
            Value::Bool(_) => "boolean",
            Value::Int(_) => "integer",
            Value::Float(_) => "float",
            Value::Decimal(_) => "decimal",
            Value::Text(_) => "text",
            Value::Bytes(_) => "bytes",
            Value::Uuid(_) => "uuid",
            Value::DateTime(_) => "datetime",
            Value::Date(_) => "date",
            Value::List(_) => "list",
            Value::Map(_) => "object",
            Value::Json(_) => "json text",
            Value::Record(_) => "record",
            Value::Records(_) => "records",
        }
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The text, if this is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if this is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The map, if this is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The list, if this is one.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The value as a borrowed cell.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Value::Null | Value::Undefined => ValueRef::Null,
            Value::Bool(v) => ValueRef::Bool(*v),
            Value::Int(v) => ValueRef::Int(*v),
            Value::Float(v) => ValueRef::Float(*v),
            Value::Decimal(v) => ValueRef::Decimal(v),
            Value::Text(v) => ValueRef::Text(v),
            Value::Bytes(v) => ValueRef::Bytes(v),
            Value::Uuid(v) => ValueRef::Uuid(*v),
            Value::DateTime(v) => ValueRef::DateTime(*v),
            Value::Date(v) => ValueRef::Date(*v),
            Value::Json(v) => ValueRef::Json(v),
            Value::List(_) | Value::Map(_) | Value::Record(_) | Value::Records(_) => ValueRef::Value(self),
        }
    }
}

/// Structural equality. Maps are equal by content, not by order; -0 equals 0; kinds never mix, so 1 is not 1.0.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) | (Value::Undefined, Value::Undefined) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::Decimal(a), Value::Decimal(b)) => a == b,
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Uuid(a), Value::Uuid(b)) => a == b,
            (Value::DateTime(a), Value::DateTime(b)) => a == b,
            (Value::Date(a), Value::Date(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => a == b,
            (Value::Json(a), other) | (other, Value::Json(a)) => {
                let tree = |value: &Value| match value {
                    Value::Json(text) => ValueRef::Json(text).to_value(),
                    other => other.clone(),
                };
                tree(other) == ValueRef::Json(a).to_value()
            }
            (Value::Record(a), Value::Record(b)) => a == b,
            (Value::Records(a), Value::Records(b)) => a == b,
            _ => false,
        }
    }
}

/// A cell that borrows from the driver's buffer; valid until the sink returns.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    /// SQL null.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite number with a fraction.
    Float(f64),
    /// An exact decimal.
    Decimal(&'a Decimal),
    /// Unicode text.
    Text(&'a str),
    /// Raw bytes.
    Bytes(&'a [u8]),
    /// A UUID.
    Uuid(Uuid),
    /// An instant.
    DateTime(DateTime),
    /// A calendar day.
    Date(Date),
    /// A json document as its text, valid JSON.
    Json(&'a str),
    /// A json document as a tree, a related row, or related rows.
    Value(&'a Value),
}

impl ValueRef<'_> {
    /// An owned copy. Json text that does not parse becomes null; adapters check it before they hand it out.
    pub fn to_value(self) -> Value {
        let mut value = Value::Null;
        self.write_to(&mut value);
        value
    }

    /// The same, written where it stays: what is handed back is written in pieces and then copied whole, which waits
    /// for the pieces.
    #[inline]
    pub(crate) fn write_to(self, value: &mut Value) {
        match self {
            ValueRef::Null => *value = Value::Null,
            ValueRef::Bool(v) => *value = Value::Bool(v),
            ValueRef::Int(v) => *value = Value::Int(v),
            ValueRef::Float(v) => *value = Value::Float(v),
            ValueRef::Decimal(v) => *value = Value::Decimal(Box::new(*v)),
            ValueRef::Text(v) => *value = Value::Text(v.to_owned()),
            ValueRef::Bytes(v) => *value = Value::Bytes(v.to_vec()),
            ValueRef::Uuid(v) => *value = Value::Uuid(v),
            ValueRef::DateTime(v) => *value = Value::DateTime(v),
            ValueRef::Date(v) => *value = Value::Date(v),
            ValueRef::Json(text) => *value = json::parse(text.as_bytes()).unwrap_or(Value::Null),
            ValueRef::Value(v) => *value = v.clone(),
        }
    }
}

/// Names and values in the order they were given. Lookup is linear: requests and rows are small.
#[derive(Clone, Debug, Default)]
pub struct Map(pub Vec<(Name, Value)>);

impl Map {
    /// An empty map.
    pub fn new() -> Self {
        Map(Vec::new())
    }

    /// The value under a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Sets a name, replacing what it held.
    pub fn insert(&mut self, name: impl Into<Name>, value: impl Into<Value>) {
        let name = name.into();
        let value = value.into();
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value))
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Map {
    /// Names and values in the order of the names.
    pub fn sorted(&self) -> Vec<(&str, &Value)> {
        let mut pairs: Vec<(&str, &Value)> = self.iter().collect();
        pairs.sort_by_key(|pair| pair.0);
        pairs
    }

    /// Whether both hold the same names, each with values that `same` accepts. Never quadratic, however large they are.
    pub(crate) fn matches(&self, other: &Map, same: impl Fn(&Value, &Value) -> bool) -> bool {
        let pair = |(a, b): ((&str, &Value), (&str, &Value))| a.0 == b.0 && same(a.1, b.1);
        let in_step = self.iter().zip(other.iter()).all(|(a, b)| a.0 == b.0);
        self.len() == other.len()
            && match in_step {
                true => self.iter().zip(other.iter()).all(pair),
                false => self.sorted().into_iter().zip(other.sorted()).all(pair),
            }
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Map) -> bool {
        self.matches(other, Value::eq)
    }
}

impl<N: Into<Name>, V: Into<Value>> FromIterator<(N, V)> for Map {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(pairs: T) -> Self {
        Map(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

macro_rules! from {
    ($($source:ty => |$v:ident| $made:expr;)*) => {
        $(impl From<$source> for Value {
            fn from($v: $source) -> Value { $made }
        })*
    };
}

from! {
    bool => |v| Value::Bool(v);
    i64 => |v| Value::Int(v);
    i32 => |v| Value::Int(v.into());
    u32 => |v| Value::Int(v.into());
    f64 => |v| Value::Float(v);
    &str => |v| Value::Text(v.to_owned());
    String => |v| Value::Text(v);
    Vec<u8> => |v| Value::Bytes(v);
    Uuid => |v| Value::Uuid(v);
    DateTime => |v| Value::DateTime(v);
    Date => |v| Value::Date(v);
    Decimal => |v| Value::Decimal(Box::new(v));
    Map => |v| Value::Map(v);
    Vec<Value> => |v| Value::List(v);
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

/// Writes a [`Value`] as one would write JSON: maps, lists, and any expression that converts.
///
/// ```
/// use dbal::{value, Value};
/// let filter = value!({ "role": "admin", "level": { "$lte": 3 }, "tags": ["a", "b"] });
/// assert_eq!(filter.as_map().unwrap().get("role").unwrap().as_str(), Some("admin"));
/// ```
#[macro_export]
macro_rules! value {
    (null) => { $crate::Value::Null };
    ([ $($item:tt),* $(,)? ]) => { $crate::Value::List(vec![$($crate::value!($item)),*]) };
    ({ $($key:literal : $value:tt),* $(,)? }) => {
        $crate::Value::Map($crate::Map(vec![$(($key.into(), $crate::value!($value))),*]))
    };
    ($other:expr) => { $crate::Value::from($other) };
}
