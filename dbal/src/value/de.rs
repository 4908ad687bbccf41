//! Serde, inward: values and records to Rust types, and any serde format to values.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::{Date, DateTime, Decimal, Map, Name, Value};
use crate::error::Result;
use crate::row::Record;
use crate::value::fault::Fault;

/// Makes a Rust type of a row: each field, and each included relation, by its name. Uuids, instants, dates and decimals
/// are given as text, which the types of the `uuid`, `chrono`, `time` and decimal crates read.
///
/// ```
/// use std::sync::Arc;
/// use dbal::{value, Columns, Record};
///
/// #[derive(serde::Deserialize, PartialEq, Debug)]
/// struct User { username: String, level: u8, email: Option<String> }
///
/// let columns = Arc::new(Columns { names: vec!["username".into(), "level".into(), "email".into()] });
/// let record = Record::new(columns, vec![value!("ada"), value!(3), value!(null)]);
/// let user: User = value::from_record(&record)?;
/// assert_eq!(user, User { username: "ada".into(), level: 3, email: None });
/// # Ok::<(), dbal::Error>(())
/// ```
pub fn from_record<'de, T: Deserialize<'de>>(record: &'de Record) -> Result<T> {
    T::deserialize(FromRecord(record)).map_err(Fault::into_error)
}

/// Makes a Rust type of a value; see [`from_record`].
pub fn from_value<'de, T: Deserialize<'de>>(value: &'de Value) -> Result<T> {
    T::deserialize(FromValue(value)).map_err(Fault::into_error)
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault::new(message.to_string())
    }
}

#[derive(Clone, Copy)]
struct FromValue<'de>(&'de Value);

#[derive(Clone, Copy)]
struct FromRecord<'de>(&'de Record);

impl<'de> Deserializer<'de> for FromRecord<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(Pairs::new(self.0.iter()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Fault> for FromRecord<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for FromValue<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null | Value::Undefined => visitor.visit_unit(),
            Value::Bool(v) => visitor.visit_bool(*v),
            Value::Int(v) => visitor.visit_i64(*v),
            Value::Float(v) => visitor.visit_f64(*v),
            Value::Decimal(v) => visitor.visit_string(v.to_string()),
            Value::Text(v) => visitor.visit_borrowed_str(v),
            Value::Bytes(v) => visitor.visit_borrowed_bytes(v),
            Value::Uuid(v) => visitor.visit_str(v.hyphenated().encode_lower(&mut [0; 36])),
            Value::DateTime(v) => visitor.visit_string(v.to_string()),
            Value::Date(v) => visitor.visit_string(v.to_string()),
            Value::List(items) => visitor.visit_seq(Items(items.iter().enumerate())),
            Value::Map(map) => visitor.visit_map(Pairs::new(map.iter())),
            // Only sinks that ask for it are given documents as text, and none that keeps records does.
            Value::Json(_) => Err(de::Error::custom("a document that was kept as its text")),
            Value::Record(record) => FromRecord(record).deserialize_any(visitor),
            Value::Records(records) => visitor.visit_seq(Rows(records.iter().enumerate())),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null | Value::Undefined => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    /// Where a type asks for text, bytes are base64, as on the wire.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Bytes(bytes) => visitor.visit_string(STANDARD.encode(bytes)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    /// A plain `Vec<u8>` asks for a list.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Bytes(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.iter().copied())),
            _ => self.deserialize_any(visitor),
        }
    }

    /// So does an array.
    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    /// A variant's name, or a map from its name to what it carries.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Text(name) => visitor.visit_enum(Variant { name, content: None }),
            Value::Map(Map(pairs)) if pairs.len() == 1 => {
                visitor.visit_enum(Variant { name: &pairs[0].0, content: Some(&pairs[0].1) })
            }
            other => Err(Fault::new(format!("expected the name of a variant, got {}", other.kind()))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple_struct map
        struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Fault> for FromValue<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The items of a list.
struct Items<'de>(std::iter::Enumerate<std::slice::Iter<'de, Value>>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let next = self.0.next();
        next.map(|(at, item)| seed.deserialize(FromValue(item)).map_err(|fault| fault.below(at))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// The rows of a to-many relation.
struct Rows<'de>(std::iter::Enumerate<std::slice::Iter<'de, Record>>);

impl<'de> SeqAccess<'de> for Rows<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let next = self.0.next();
        next.map(|(at, row)| seed.deserialize(FromRecord(row)).map_err(|fault| fault.below(at))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// The names and values of a map or a record.
struct Pairs<'de, I> {
    pairs: I,
    value: Option<(&'de str, &'de Value)>,
}

impl<'de, I: Iterator<Item = (&'de str, &'de Value)>> Pairs<'de, I> {
    fn new(pairs: I) -> Self {
        Pairs { pairs, value: None }
    }
}

impl<'de, I: Iterator<Item = (&'de str, &'de Value)>> MapAccess<'de> for Pairs<'de, I> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        self.value = self.pairs.next();
        self.value.map(|(name, _)| seed.deserialize(de::value::BorrowedStrDeserializer::new(name))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (name, value) = self.value.ok_or_else(|| Fault::new("a value was asked for before its name"))?;
        seed.deserialize(FromValue(value)).map_err(|fault| fault.below(name))
    }
}

/// A variant of an enum.
struct Variant<'de> {
    name: &'de str,
    content: Option<&'de Value>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let name: StrDeserializer<'_, Fault> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> Variant<'de> {
    fn content(&self) -> FromValue<'de> {
        FromValue(self.content.unwrap_or(&Value::Null))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.content {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(Fault::new("expected a variant that carries nothing").below(self.name)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self.content()).map_err(|fault| fault.below(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.content().deserialize_seq(visitor).map_err(|fault| fault.below(self.name))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.content().deserialize_any(visitor).map_err(|fault| fault.below(self.name))
    }
}

/// From any self-describing format. Whole numbers stay integers and floats floats.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_map(AnyValue)? {
            Value::Map(map) => Ok(map),
            _ => Err(de::Error::custom("expected an object")),
        }
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Int(v))
    }

    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Value, E> {
        i64::try_from(v).map(Value::Int).map_err(|_| E::custom("an integer outside 64 bits, signed"))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(Value::Float(v))
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::Text(v.to_owned()))
    }

    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::Text(v))
    }

    fn visit_bytes<E>(self, v: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(v.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::with_capacity(items.size_hint().unwrap_or(0).min(4096));
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        let mut map: Vec<(Name, Value)> = Vec::with_capacity(pairs.size_hint().unwrap_or(0).min(4096));
        while let Some((name, value)) = pairs.next_entry::<String, Value>()? {
            map.push((Name::Owned(name), value));
        }
        match super::json::has_duplicate(&map) {
            true => Err(de::Error::custom("an object with the same key twice")),
            false => Ok(Value::Map(Map(map))),
        }
    }
}

macro_rules! deserialize_from_text {
    ($($ty:ty => $expected:literal),*) => {
        $(impl<'de> Deserialize<'de> for $ty {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct FromText;

                impl Visitor<'_> for FromText {
                    type Value = $ty;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$ty, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(FromText)
            }
        })*
    };
}

deserialize_from_text!(
    Decimal => "a decimal number as text",
    DateTime => "an RFC 3339 date and time",
    Date => "a date as YYYY-MM-DD"
);
