//! Serde, outward: Rust types to values, and values to any serde format in their wire form.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{self, Serialize, SerializeMap as _, Serializer};

use super::{Date, DateTime, Decimal, Map, Name, Value, ValueRef};
use crate::error::Result;
use crate::row::Record;
use crate::value::fault::Fault;

/// Makes a value of anything that serde can serialise: structs and maps become maps, enums their variant's name,
/// `None` null, bytes bytes. Uuids, instants and decimals are text here; their fields convert them.
///
/// ```
/// #[derive(serde::Serialize)]
/// struct NewUser<'a> { username: &'a str, level: u8, email: Option<&'a str> }
/// let value = dbal::value::to_value(&NewUser { username: "ada", level: 3, email: None })?;
/// assert_eq!(value, dbal::value!({ "username": "ada", "level": 3, "email": null }));
/// # Ok::<(), dbal::Error>(())
/// ```
pub fn to_value<T: Serialize + ?Sized>(source: &T) -> Result<Value> {
    source.serialize(ToValue).map_err(Fault::into_error)
}

struct ToValue;

/// Whole numbers that a value can hold.
fn int<N: TryInto<i64>>(number: N) -> Result<Value, Fault> {
    let number = number.try_into().map_err(|_| Fault::new("an integer outside 64 bits, signed"))?;
    Ok(Value::Int(number))
}

/// A map of one name: an enum's variant and what it carries.
fn variant(name: &'static str, value: Value) -> Value {
    Value::Map(Map(vec![(Name::Borrowed(name), value)]))
}

impl Serializer for ToValue {
    type Ok = Value;
    type Error = Fault;
    type SerializeSeq = ToList;
    type SerializeTuple = ToList;
    type SerializeTupleStruct = ToList;
    type SerializeTupleVariant = ToList;
    type SerializeMap = ToMap;
    type SerializeStruct = ToMap;
    type SerializeStructVariant = ToMap;

    fn serialize_bool(self, v: bool) -> Result<Value, Fault> {
        Ok(Value::Bool(v))
    }

    fn serialize_i8(self, v: i8) -> Result<Value, Fault> {
        int(v)
    }

    fn serialize_i16(self, v: i16) -> Result<Value, Fault> {
        int(v)
    }

    fn serialize_i32(self, v: i32) -> Result<Value, Fault> {
        int(v)
    }

    fn serialize_i64(self, v: i64) -> Result<Value, Fault> {
        int(v)
    }

    fn serialize_i128(self, v: i128) -> Result<Value, Fault> {
        int(v)
    }

    fn serialize_u8(self, v: u8) -> Result<Value, Fault> {
        int(v)
    }

    fn serialize_u16(self, v: u16) -> Result<Value, Fault> {
        int(v)
    }

    fn serialize_u32(self, v: u32) -> Result<Value, Fault> {
        int(v)
    }

    fn serialize_u64(self, v: u64) -> Result<Value, Fault> {
        int(v)
    }

    fn serialize_u128(self, v: u128) -> Result<Value, Fault> {
        int(v)
    }

    fn serialize_f32(self, v: f32) -> Result<Value, Fault> {
        Ok(Value::Float(v.into()))
    }

    fn serialize_f64(self, v: f64) -> Result<Value, Fault> {
        Ok(Value::Float(v))
    }

    fn serialize_char(self, v: char) -> Result<Value, Fault> {
        Ok(Value::Text(v.into()))
    }

    fn serialize_str(self, v: &str) -> Result<Value, Fault> {
        Ok(Value::Text(v.into()))
    }

    fn serialize_bytes(self, v: &[u8]) -> Result<Value, Fault> {
        Ok(Value::Bytes(v.into()))
    }

    fn serialize_none(self) -> Result<Value, Fault> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Fault> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Fault> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Fault> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Result<Value, Fault> {
        Ok(Value::Text(name.into()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Value, Fault> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<Value, Fault> {
        let value = value.serialize(self).map_err(|fault| fault.below(name))?;
        Ok(variant(name, value))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<ToList, Fault> {
        Ok(ToList { items: Vec::with_capacity(length.unwrap_or(0).min(4096)), variant: None })
    }

    fn serialize_tuple(self, length: usize) -> Result<ToList, Fault> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<ToList, Fault> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        length: usize,
    ) -> Result<ToList, Fault> {
        Ok(ToList { variant: Some(name), ..self.serialize_seq(Some(length))? })
    }

    fn serialize_map(self, length: Option<usize>) -> Result<ToMap, Fault> {
        let pairs = Vec::with_capacity(length.unwrap_or(0).min(4096));
        Ok(ToMap { pairs, key: Name::Borrowed(""), variant: None })
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<ToMap, Fault> {
        self.serialize_map(Some(length))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        length: usize,
    ) -> Result<ToMap, Fault> {
        Ok(ToMap { variant: Some(name), ..self.serialize_map(Some(length))? })
    }
}

/// Collects a list.
struct ToList {
    items: Vec<Value>,
    variant: Option<&'static str>,
}

impl ToList {
    fn push<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Fault> {
        let position = self.items.len();
        self.items.push(item.serialize(ToValue).map_err(|fault| fault.below(position))?);
        Ok(())
    }

    fn finish(self) -> Result<Value, Fault> {
        let list = Value::List(self.items);
        Ok(match self.variant {
            Some(name) => variant(name, list),
            None => list,
        })
    }
}

/// Collects a map.
struct ToMap {
    pairs: Vec<(Name, Value)>,
    key: Name,
    variant: Option<&'static str>,
}

impl ToMap {
    fn push<T: Serialize + ?Sized>(&mut self, key: Name, value: &T) -> Result<(), Fault> {
        let value = value.serialize(ToValue).map_err(|fault| fault.below(&key))?;
        self.pairs.push((key, value));
        Ok(())
    }

    fn finish(self) -> Result<Value, Fault> {
        let map = Value::Map(Map(self.pairs));
        Ok(match self.variant {
            Some(name) => variant(name, map),
            None => map,
        })
    }
}

/// Serde has a trait for each kind of list; all are one here.
macro_rules! collects_list {
    ($($kind:ident :: $method:ident),*) => {
        $(impl ser::$kind for ToList {
            type Ok = Value;
            type Error = Fault;

            fn $method<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Fault> {
                self.push(item)
            }

            fn end(self) -> Result<Value, Fault> {
                self.finish()
            }
        })*
    };
}

collects_list!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! collects_struct {
    ($($kind:ident),*) => {
        $(impl ser::$kind for ToMap {
            type Ok = Value;
            type Error = Fault;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Fault> {
                self.push(Name::Borrowed(key), value)
            }

            fn end(self) -> Result<Value, Fault> {
                self.finish()
            }
        })*
    };
}

collects_struct!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for ToMap {
    type Ok = Value;
    type Error = Fault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        self.key = match key.serialize(ToValue)? {
            Value::Text(key) => Name::Owned(key),
            Value::Int(key) => Name::Owned(key.to_string()),
            other => return Err(Fault::new(format!("a map's key must be text, got {}", other.kind()))),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        let key = std::mem::take(&mut self.key);
        self.push(key, value)
    }

    fn end(self) -> Result<Value, Fault> {
        self.finish()
    }
}

impl ser::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault::new(message.to_string())
    }
}

/// The wire form, the same in every format.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null | Value::Undefined => serializer.serialize_unit(),
            Value::Bool(v) => serializer.serialize_bool(*v),
            Value::Int(v) => serializer.serialize_i64(*v),
            Value::Float(v) => serializer.serialize_f64(*v),
            Value::Decimal(v) => serializer.collect_str(v),
            Value::Text(v) => serializer.serialize_str(v),
            Value::Bytes(v) => serializer.serialize_str(&STANDARD.encode(v)),
            Value::Uuid(v) => serializer.collect_str(v),
            Value::DateTime(v) => serializer.collect_str(v),
            Value::Date(v) => serializer.collect_str(v),
            Value::List(v) => serializer.collect_seq(v),
            Value::Map(v) => v.serialize(serializer),
            Value::Json(v) => ValueRef::Json(v).to_value().serialize(serializer),
            Value::Record(v) => v.serialize(serializer),
            Value::Records(v) => serializer.collect_seq(v),
        }
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.values().len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

macro_rules! serialize_as_text {
    ($($ty:ty),*) => {
        $(impl Serialize for $ty {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        })*
    };
}

serialize_as_text!(Decimal, DateTime, Date);
