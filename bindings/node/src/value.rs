//! Reads the values that `lib/encode.js` writes: a tag, then what the tag says.

use dbal::value::{DateTime, Map, Name, Value};
use dbal::{Error, Operation, Request, Result};

/// `lib/encode.js` stops before that; nothing else writes here.
const MAX_DEPTH: u32 = 1_100;

/// Reads one request or one value from a buffer.
pub struct Reader<'b> {
    bytes: &'b [u8],
}

impl<'b> Reader<'b> {
    /// A reader of everything in the buffer.
    pub fn new(bytes: &'b [u8]) -> Self {
        Reader { bytes }
    }

    /// A request: its operation, its entity, its arguments.
    pub fn request(&mut self) -> Result<Request> {
        let operation = self.text()?;
        let operation = Operation::parse(operation).ok_or_else(damaged)?;
        let entity = self.name()?;
        match self.value()? {
            Value::Map(args) => Ok(Request { operation, entity, args }),
            _ => Err(damaged()),
        }
    }

    /// One value.
    pub fn value(&mut self) -> Result<Value> {
        self.value_at(0)
    }

    fn value_at(&mut self, depth: u32) -> Result<Value> {
        if depth > MAX_DEPTH {
            return Err(damaged());
        }
        Ok(match self.take::<1>()?[0] {
            0 => Value::Null,
            1 => Value::Undefined,
            2 => Value::Bool(false),
            3 => Value::Bool(true),
            4 => Value::Int(i32::from_le_bytes(self.take()?).into()),
            5 => Value::Float(f64::from_le_bytes(self.take()?)),
            6 => Value::Int(i64::from_le_bytes(self.take()?)),
            7 => Value::Text(self.text()?.to_owned()),
            8 => Value::Bytes(self.block()?.to_vec()),
            9 => match DateTime::from_epoch_millis(f64::from_le_bytes(self.take()?) as i64) {
                Some(instant) => Value::DateTime(instant),
                // No type takes it, so the fault names the field.
                None => Value::Text("a Date outside the years 0001 to 9999".to_owned()),
            },
            10 => {
                let count = self.count()?;
                let mut items = Vec::with_capacity(count);
                for _ in 0..count {
                    items.push(self.value_at(depth + 1)?);
                }
                Value::List(items)
            }
            11 => {
                let count = self.count()?;
                let mut pairs = Vec::with_capacity(count);
                for _ in 0..count {
                    let name = self.name()?;
                    pairs.push((name, self.value_at(depth + 1)?));
                }
                Value::Map(Map(pairs))
            }
            _ => return Err(damaged()),
        })
    }

    fn name(&mut self) -> Result<Name> {
        let text = self.text()?;
        // The words of the language are the same in every request: they need no copy.
        Ok(WORDS.iter().find(|word| **word == text).map_or_else(|| Name::Owned(text.to_owned()), |word| (*word).into()))
    }

    fn text(&mut self) -> Result<&'b str> {
        std::str::from_utf8(self.block()?).map_err(|_| damaged())
    }

    fn block(&mut self) -> Result<&'b [u8]> {
        let length = self.number()?;
        let (block, rest) = self.bytes.split_at_checked(length).ok_or_else(damaged)?;
        self.bytes = rest;
        Ok(block)
    }

    /// How many items follow; each takes a byte at least.
    fn count(&mut self) -> Result<usize> {
        let count = self.number()?;
        if count > self.bytes.len() { Err(damaged()) } else { Ok(count) }
    }

    fn number(&mut self) -> Result<usize> {
        Ok(u32::from_le_bytes(self.take()?) as usize)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.bytes.split_first_chunk::<N>().ok_or_else(damaged)?;
        self.bytes = rest;
        Ok(*head)
    }
}

/// Names that most requests have.
const WORDS: &[&str] = &["id", "data", "filter", "limit", "sort", "select", "include", "total", "page"];

fn damaged() -> Error {
    Error::internal("a request could not be read as it was written")
}
