//! JSON text to values.

use std::collections::HashSet;

use jiter::{Jiter, JiterError, NumberAny, NumberInt, Peek};

use super::{MAX_DEPTH, whole};
use crate::error::{Error, ErrorKind, Result};
use crate::value::{Map, Name, Value};

/// What [`parse_with`] accepts beyond, or short of, a stored document.
///
/// ```
/// use dbal::value::json::{parse_with, Limits};
/// let limits = Limits { depth: 2, ..Limits::default() };
/// assert!(parse_with(b"[[[]]]", &limits).is_err());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many lists and objects may stand inside each other.
    pub depth: u32,
    /// Whether `1.0` stays a float. In a request it does, because an integer field refuses it; in a document it is
    /// the integer 1.
    pub keep_floats: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { depth: MAX_DEPTH, keep_floats: false }
    }
}

/// Parses the text of a document. Refused are duplicate keys, the NUL character, numbers outside a double, and
/// integers outside 64 bits that a double would change.
pub fn parse(text: &[u8]) -> Result<Value> {
    parse_with(text, &Limits::default())
}

/// Parses JSON text within limits.
pub fn parse_with(text: &[u8], limits: &Limits) -> Result<Value> {
    let mut parser = Parser::new(text, limits);
    let peek = parser.peek()?;
    let value = parser.value(peek, limits.depth)?;
    parser.finish()?;
    Ok(value)
}

/// A cursor over JSON text.
pub(super) struct Parser<'t> {
    jiter: Jiter<'t>,
    limits: Limits,
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t [u8], limits: &Limits) -> Self {
        Parser { jiter: Jiter::new(text), limits: *limits }
    }

    /// What comes next.
    pub(super) fn peek(&mut self) -> Result<Peek> {
        self.jiter.peek().map_err(|error| self.syntax(&error))
    }

    /// Nothing may be left.
    fn finish(&mut self) -> Result<()> {
        self.jiter.finish().map_err(|error| self.syntax(&error))
    }

    /// The value that `peek` begins; `depth` more lists and objects may be entered.
    pub(super) fn value(&mut self, peek: Peek, depth: u32) -> Result<Value> {
        match peek {
            Peek::Null => self.jiter.known_null().map(|()| Value::Null).map_err(|error| self.syntax(&error)),
            Peek::True | Peek::False => {
                self.jiter.known_bool(peek).map(Value::Bool).map_err(|error| self.syntax(&error))
            }
            Peek::String => {
                let text = match self.jiter.known_str() {
                    Ok(text) => text.to_owned(),
                    Err(error) => return Err(self.syntax(&error)),
                };
                self.refuse_nul(&text)?;
                Ok(Value::Text(text))
            }
            Peek::Array => self.list(depth),
            Peek::Object => self.object(depth),
            _ => self.number(peek),
        }
    }

    fn number(&mut self, peek: Peek) -> Result<Value> {
        let number = self.jiter.known_number(peek).map_err(|error| self.syntax(&error))?;
        match number {
            NumberAny::Int(NumberInt::Int(number)) => Ok(Value::Int(number)),
            NumberAny::Int(NumberInt::BigInt(number)) => {
                let digits = number.to_string();
                let float: f64 = digits.parse().unwrap_or(f64::INFINITY);
                // `Display` of a float is its shortest digits in full: the number as it would be written back.
                match float.is_finite() && float.to_string() == digits {
                    true => Ok(Value::Float(float)),
                    false => Err(self.fault("an integer outside 64 bits")),
                }
            }
            NumberAny::Float(number) if !number.is_finite() => Err(self.fault("a number out of range")),
            NumberAny::Float(number) if !self.limits.keep_floats => {
                Ok(whole(number).map_or(Value::Float(number), Value::Int))
            }
            NumberAny::Float(number) => Ok(Value::Float(number)),
        }
    }

    fn list(&mut self, depth: u32) -> Result<Value> {
        let depth = self.enter(depth)?;
        let mut list = Vec::new();
        let mut next = self.jiter.known_array().map_err(|error| self.syntax(&error))?;
        while let Some(peek) = next {
            list.push(self.value(peek, depth)?);
            next = self.jiter.array_step().map_err(|error| self.syntax(&error))?;
        }
        Ok(Value::List(list))
    }

    fn object(&mut self, depth: u32) -> Result<Value> {
        let depth = self.enter(depth)?;
        let mut map: Vec<(Name, Value)> = Vec::new();
        let mut next = self.first_key()?;
        while let Some(key) = next {
            self.refuse_nul(&key)?;
            let peek = self.peek()?;
            let value = self.value(peek, depth)?;
            map.push((Name::Owned(key), value));
            next = self.next_key()?;
        }
        if has_duplicate(&map) {
            return Err(self.fault("an object with the same key twice"));
        }
        Ok(Value::Map(Map(map)))
    }

    /// Enters the object ahead and reads its first key.
    pub(super) fn first_key(&mut self) -> Result<Option<String>> {
        match self.jiter.known_object() {
            Ok(key) => Ok(key.map(str::to_owned)),
            Err(error) => Err(self.syntax(&error)),
        }
    }

    /// The next key of the object that the cursor is in.
    pub(super) fn next_key(&mut self) -> Result<Option<String>> {
        match self.jiter.next_key() {
            Ok(key) => Ok(key.map(str::to_owned)),
            Err(error) => Err(self.syntax(&error)),
        }
    }

    /// Enters the list ahead.
    pub(super) fn first_item(&mut self) -> Result<Option<Peek>> {
        self.jiter.known_array().map_err(|error| self.syntax(&error))
    }

    /// The next item of the list that the cursor is in.
    pub(super) fn next_item(&mut self) -> Result<Option<Peek>> {
        self.jiter.array_step().map_err(|error| self.syntax(&error))
    }

    /// Passes over a value.
    pub(super) fn skip(&mut self, peek: Peek) -> Result<()> {
        self.jiter.known_skip(peek).map_err(|error| self.syntax(&error))
    }

    fn enter(&self, depth: u32) -> Result<u32> {
        depth
            .checked_sub(1)
            .ok_or_else(|| self.fault(&format!("lists and objects nested more than {} deep", self.limits.depth)))
    }

    fn refuse_nul(&self, text: &str) -> Result<()> {
        crate::value::text::check(text).map_err(|_| self.fault("a text that contains the NUL character"))
    }

    fn syntax(&self, error: &JiterError) -> Error {
        Error::new(ErrorKind::ValidationError, format!("not JSON: {}", error.description(&self.jiter)))
    }

    /// What is JSON but is not accepted, and where.
    fn fault(&self, what: &str) -> Error {
        let place = self.jiter.current_position();
        Error::new(ErrorKind::ValidationError, format!("{what} at line {} column {}", place.line, place.column))
    }
}

/// Whether two keys are the same. Small objects, which nearly all are, need no table.
pub(crate) fn has_duplicate(map: &[(Name, Value)]) -> bool {
    if map.len() <= 16 {
        return map
            .iter()
            .enumerate()
            .any(|(position, (key, _))| map[..position].iter().any(|(other, _)| other == key));
    }
    let mut seen = HashSet::with_capacity(map.len());
    !map.iter().all(|(key, _)| seen.insert(key.as_ref()))
}
