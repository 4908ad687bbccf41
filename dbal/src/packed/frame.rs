//! Packed rows as one message: a head of JSON that says what they are, then the pieces one after the other, as
//! `docs/protocol.md` has it. All parts begin at whole slots, where an array of 64-bit numbers may begin.

use std::collections::HashSet;

use super::layout::Layouts;
use super::pack::Pieces;
use crate::error::{Error, Result};
use crate::value::{Map, Value, json};

/// The layouts that the other end of a connection knows.
#[derive(Clone, Debug, Default)]
pub struct Told(HashSet<u32>);

/// A message that is being put together.
#[derive(Debug)]
pub struct Frame<'l> {
    layouts: &'l Layouts,
    told: &'l mut Told,
    /// Layouts that the other end does not know yet.
    new: Map,
    pieces: u32,
    body: Vec<u8>,
}

impl<'l> Frame<'l> {
    /// An empty one, for an end of which this is known.
    pub fn new(layouts: &'l Layouts, told: &'l mut Told) -> Self {
        Frame { layouts, told, new: Map::new(), pieces: 0, body: Vec::new() }
    }

    /// Appends the pieces of a result.
    ///
    /// # Errors
    /// INTERNAL_ERROR for a layout that was forgotten meanwhile.
    pub fn pieces(&mut self, mut pieces: Pieces) -> Result<()> {
        while let Some(piece) = pieces.pop() {
            if piece.rows == 0 {
                continue;
            }
            self.tell(piece.layout)?;
            piece.inner.iter().try_for_each(|layout| self.tell(*layout))?;
            self.pieces += 1;
            self.body.reserve(24 + piece.slots.len() * 8 + piece.text.len());
            let length = |length: usize| u32::try_from(length).expect("a piece is small, and a row at most 15 MiB");
            for number in [piece.layout, piece.rows, length(piece.slots.len()), length(piece.text.len())] {
                self.body.extend_from_slice(&number.to_le_bytes());
            }
            for slot in &piece.slots {
                self.body.extend_from_slice(&slot.to_le_bytes());
            }
            self.body.extend_from_slice(piece.text.as_bytes());
            self.body.resize(self.body.len().next_multiple_of(8), 0);
        }
        Ok(())
    }

    fn tell(&mut self, layout: u32) -> Result<()> {
        if !self.told.0.insert(layout) {
            return Ok(());
        }
        let text = self.layouts.describe(layout).ok_or_else(|| Error::internal("a layout was forgotten too early"))?;
        self.new.insert(layout.to_string(), json::parse(text.as_bytes())?);
        Ok(())
    }

    /// The message with this head, to which layouts are added.
    pub fn finish(self, mut head: Map) -> Vec<u8> {
        if !self.new.is_empty() {
            head.insert("layouts", Value::Map(self.new));
        }
        let head = json::to_wire(&Value::Map(head));
        let length = u32::try_from(head.len()).expect("a head names some columns");
        let mut message = Vec::with_capacity(16 + head.len() + self.body.len());
        message.extend_from_slice(&length.to_le_bytes());
        message.extend_from_slice(&self.pieces.to_le_bytes());
        message.extend_from_slice(head.as_bytes());
        message.resize(message.len().next_multiple_of(8), b' ');
        message.extend_from_slice(&self.body);
        message
    }
}

/// A message taken apart.
#[derive(Debug)]
pub struct Message<'m> {
    /// What it says of itself.
    pub head: Map,
    /// How many pieces follow.
    pieces: u32,
    rest: &'m [u8],
}

/// A piece of a message.
pub(super) struct Packed<'m> {
    pub layout: u32,
    pub rows: u32,
    pub slots: &'m [u8],
    pub text: &'m str,
}

impl<'m> Message<'m> {
    /// Reads the head of a message.
    ///
    /// # Errors
    /// INTERNAL_ERROR for bytes that are no message.
    pub fn read(message: &'m [u8]) -> Result<Message<'m>> {
        let mut rest = message;
        let (length, pieces) = (number(&mut rest)? as usize, number(&mut rest)?);
        let head = part(&mut rest, length)?;
        match json::parse(head) {
            Ok(Value::Map(head)) => Ok(Message { head, pieces, rest }),
            _ => Err(damaged()),
        }
    }

    /// The next piece; none at the end.
    pub(super) fn piece(&mut self) -> Result<Option<Packed<'m>>> {
        if self.pieces == 0 {
            return if self.rest.is_empty() { Ok(None) } else { Err(damaged()) };
        }
        self.pieces -= 1;
        let rest = &mut self.rest;
        let (layout, rows) = (number(rest)?, number(rest)?);
        let (slots, text) = (number(rest)? as usize, number(rest)? as usize);
        let slots = part(rest, slots.checked_mul(8).ok_or_else(damaged)?)?;
        let text = std::str::from_utf8(part(rest, text)?).map_err(|_| damaged())?;
        Ok(Some(Packed { layout, rows, slots, text }))
    }
}

fn number(rest: &mut &[u8]) -> Result<u32> {
    let (bytes, after) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
    *rest = after;
    Ok(u32::from_le_bytes(*bytes))
}

/// So many bytes, and the padding behind them.
fn part<'m>(rest: &mut &'m [u8], length: usize) -> Result<&'m [u8]> {
    let padded = length.checked_next_multiple_of(8).ok_or_else(damaged)?;
    let (part, after) = rest.split_at_checked(padded).ok_or_else(damaged)?;
    *rest = after;
    Ok(&part[..length])
}

pub(super) fn damaged() -> Error {
    Error::internal("a message with packed rows could not be read")
}
