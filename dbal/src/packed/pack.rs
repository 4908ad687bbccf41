//! Packs rows into slots of 64 bits and one text, while they are still in the driver's buffer.
//!
//! A row is a slot of bits for every 32 columns (a bit says null), then its cells as [`Kind`] says. Texts lie one after
//! the other; a slot holds where its text ends, in UTF-16 units, which is what JavaScript counts.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;

use super::layout::{Kind, Layout, Layouts};
use crate::error::{Error, Result};
use crate::row::{Columns, Record, RowSink};
use crate::schema::EntityId;
use crate::value::{Value, ValueRef, json};

/// A piece of a result is handed over when it has this many slots or bytes of text: JavaScript's substrings keep the
/// whole text of their piece alive. A longer text than 128 KiB would have memory of its own from the system in V8, asked for
/// and given back for each piece.
const SLOTS: usize = 16 << 10;
const TEXT: usize = 64 << 10;

/// Rows of one layout.
#[derive(Debug, Default)]
pub struct Piece {
    /// The layout; none before the first row.
    pub layout: u32,
    /// How many rows.
    pub rows: u32,
    /// The cells.
    pub slots: Vec<u64>,
    /// The texts.
    pub text: String,
    /// The length of the text in UTF-16 units.
    pub units: usize,
    /// The layouts of related rows in it, each once.
    pub inner: Vec<u32>,
}

impl Piece {
    /// Appends text and gives where it ends.
    pub fn push_text(&mut self, text: &str) -> u64 {
        self.text.push_str(text);
        self.units += units(text);
        number(self.units as f64)
    }

    /// The memory of this piece, for another one; none of a large piece, which is rare and would be held forever.
    pub fn emptied(mut self) -> Option<Piece> {
        if self.slots.capacity() > SLOTS / 16 || self.text.capacity() > TEXT / 8 {
            return None;
        }
        self.slots.clear();
        self.text.clear();
        self.inner.clear();
        Some(Piece { slots: self.slots, text: self.text, inner: self.inner, ..Piece::default() })
    }

    /// Whether each byte of the text is one character.
    pub fn is_ascii(&self) -> bool {
        self.units == self.text.len() && self.text.is_ascii()
    }
}

/// The pieces of one result, in order.
#[derive(Debug, Default)]
pub struct Pieces {
    /// The only one of most results, which then take no memory for a queue.
    first: Option<Piece>,
    others: VecDeque<Piece>,
}

impl Pieces {
    fn push(&mut self, piece: Piece) {
        match self.first {
            None if self.others.is_empty() => self.first = Some(piece),
            _ => self.others.push_back(piece),
        }
    }

    /// The next piece, which stays.
    pub fn front(&self) -> Option<&Piece> {
        self.first.as_ref().or_else(|| self.others.front())
    }

    /// The next piece.
    pub fn pop(&mut self) -> Option<Piece> {
        self.first.take().or_else(|| self.others.pop_front())
    }

    /// Whether there is none left.
    pub fn is_empty(&self) -> bool {
        self.first.is_none() && self.others.is_empty()
    }
}

/// The sink that packs.
pub struct Packer {
    layouts: Arc<Layouts>,
    entity: EntityId,
    layout: Option<Arc<Layout>>,
    piece: Piece,
    done: Pieces,
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer").field("entity", &self.entity).finish_non_exhaustive()
    }
}

impl Packer {
    /// Packs rows of this entity.
    pub fn new(layouts: Arc<Layouts>, entity: EntityId) -> Self {
        Packer::with(layouts, entity, Piece::default())
    }

    /// Packs into the memory of an emptied piece first.
    pub fn with(layouts: Arc<Layouts>, entity: EntityId, piece: Piece) -> Self {
        Packer { layouts, entity, layout: None, piece, done: Pieces::default() }
    }

    /// What was packed: one piece at least.
    pub fn finish(mut self) -> Pieces {
        self.done.push(self.piece);
        self.done
    }

    /// Packs a row that was kept.
    ///
    /// # Errors
    /// INTERNAL_ERROR when a cell is not of its column's type.
    pub fn record(&mut self, record: &Record) -> Result<()> {
        self.start(record.columns())?;
        let cells: Vec<ValueRef<'_>> = record.values().iter().map(Value::as_ref).collect();
        self.row(&cells)
    }
}

impl RowSink for Packer {
    fn start(&mut self, columns: &Arc<Columns>) -> Result<()> {
        let layout = self.layouts.of(self.entity, columns);
        if self.piece.layout != layout.id {
            if self.piece.rows > 0 {
                self.done.push(std::mem::take(&mut self.piece));
            }
            self.piece.layout = layout.id;
        }
        self.layout = Some(layout);
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        let layout = self.layout.as_ref().ok_or_else(|| Error::internal("a row came before its columns"))?;
        if self.piece.slots.len() >= SLOTS || self.piece.text.len() >= TEXT {
            let Piece { layout, slots, text, .. } = &self.piece;
            // As large as this one, so that it need not grow step by step.
            let slots = Vec::with_capacity(slots.capacity());
            let next =
                Piece { layout: *layout, slots, text: String::with_capacity(text.capacity()), ..Piece::default() };
            self.done.push(std::mem::replace(&mut self.piece, next));
        }
        self.piece.rows += 1;
        row(&self.layouts, layout, cells.iter().copied(), &mut self.piece)
    }

    fn takes_json_text(&self) -> bool {
        true
    }
}

fn row<'v>(
    layouts: &Layouts,
    layout: &Layout,
    cells: impl ExactSizeIterator<Item = ValueRef<'v>>,
    piece: &mut Piece,
) -> Result<()> {
    if cells.len() != layout.kinds.len() {
        return Err(Error::internal("a row has other columns than its result"));
    }
    let mut mask = 0;
    for (position, cell) in cells.enumerate() {
        if position % 32 == 0 {
            mask = piece.slots.len();
            piece.slots.push(number(0.0));
        }
        if matches!(cell, ValueRef::Null | ValueRef::Value(Value::Null | Value::Undefined)) {
            let bits = f64::from_bits(piece.slots[mask]) + f64::from(1u32 << (position % 32));
            piece.slots[mask] = number(bits);
            continue;
        }
        write(layouts, layout, position, cell, piece)?;
    }
    Ok(())
}

fn write(layouts: &Layouts, layout: &Layout, position: usize, cell: ValueRef<'_>, piece: &mut Piece) -> Result<()> {
    let slot = match (layout.kinds[position], cell) {
        (Kind::Number, ValueRef::Int(v)) => number(v as f64),
        (Kind::Number, ValueRef::Float(v)) => number(v),
        (Kind::Bool, ValueRef::Bool(v)) => number(f64::from(u8::from(v))),
        (Kind::Date, ValueRef::DateTime(v)) => number(v.epoch_millis() as f64),
        (Kind::BigInt, ValueRef::Int(v)) => v as u64,
        (Kind::Text, cell) => match spell(cell, piece) {
            true => number(piece.units as f64),
            false => return Err(misplaced()),
        },
        (Kind::Bytes, ValueRef::Bytes(v)) => {
            bytes(v, piece);
            return Ok(());
        }
        (Kind::Json, cell) => document(cell, piece),
        (Kind::One, ValueRef::Value(Value::Record(record))) => {
            let inner = inner(layouts, layout, position, record, piece)?;
            piece.slots.push(number(inner.id.into()));
            return row(layouts, &inner, record.values().iter().map(Value::as_ref), piece);
        }
        (Kind::Many, ValueRef::Value(Value::Records(records))) => {
            piece.slots.push(number(records.len() as f64));
            let Some(first) = records.first() else { return Ok(()) };
            let inner = inner(layouts, layout, position, first, piece)?;
            piece.slots.push(number(inner.id.into()));
            return records
                .iter()
                .try_for_each(|record| row(layouts, &inner, record.values().iter().map(Value::as_ref), piece));
        }
        (Kind::Any, cell) => return any(cell, Kind::Number, piece),
        (Kind::AnyBig, cell) => return any(cell, Kind::BigInt, piece),
        _ => return Err(misplaced()),
    };
    piece.slots.push(slot);
    Ok(())
}

fn inner(
    layouts: &Layouts,
    layout: &Layout,
    position: usize,
    record: &Record,
    piece: &mut Piece,
) -> Result<Arc<Layout>> {
    let target = layout.targets[position].ok_or_else(misplaced)?;
    let inner = layouts.of(target, record.columns());
    if !piece.inner.contains(&inner.id) {
        piece.inner.push(inner.id);
    }
    Ok(inner)
}

/// A cell that says what it is.
fn any(cell: ValueRef<'_>, whole: Kind, piece: &mut Piece) -> Result<()> {
    let tag = |kind: Kind| number(f64::from(kind as u8));
    match cell {
        ValueRef::Int(v) => {
            let slot = if whole == Kind::BigInt { v as u64 } else { number(v as f64) };
            piece.slots.extend([tag(whole), slot]);
        }
        ValueRef::Float(v) => piece.slots.extend([tag(Kind::Number), number(v)]),
        ValueRef::Bool(v) => piece.slots.extend([tag(Kind::Bool), number(f64::from(u8::from(v)))]),
        ValueRef::DateTime(v) => piece.slots.extend([tag(Kind::Date), number(v.epoch_millis() as f64)]),
        ValueRef::Bytes(v) => {
            piece.slots.push(tag(Kind::Bytes));
            bytes(v, piece);
        }
        ValueRef::Json(_) | ValueRef::Value(_) => {
            let slot = document(cell, piece);
            piece.slots.extend([tag(Kind::Json), slot]);
        }
        ValueRef::Text(_) | ValueRef::Uuid(_) | ValueRef::Decimal(_) | ValueRef::Date(_) => {
            spell(cell, piece);
            let end = number(piece.units as f64);
            piece.slots.extend([tag(Kind::Text), end]);
        }
        ValueRef::Null => return Err(misplaced()),
    }
    Ok(())
}

/// Writes what JavaScript has as text; false for anything else.
fn spell(cell: ValueRef<'_>, piece: &mut Piece) -> bool {
    let before = piece.text.len();
    match cell {
        ValueRef::Text(v) => {
            piece.push_text(v);
            return true;
        }
        ValueRef::Uuid(v) => {
            let mut buffer = [0; 36];
            piece.text.push_str(v.hyphenated().encode_lower(&mut buffer));
        }
        ValueRef::Decimal(v) => drop(write!(piece.text, "{v}")),
        ValueRef::Date(v) => drop(write!(piece.text, "{v}")),
        _ => return false,
    }
    // All of these are ASCII.
    piece.units += piece.text.len() - before;
    true
}

fn bytes(bytes: &[u8], piece: &mut Piece) {
    piece.slots.push(number(bytes.len() as f64));
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_ne_bytes(word)
    });
    piece.slots.extend(words);
}

/// Writes a json document as its text.
fn document(cell: ValueRef<'_>, piece: &mut Piece) -> u64 {
    let exact = match cell {
        ValueRef::Json(text) => {
            piece.push_text(text);
            has_long_number(text)
        }
        cell => {
            let mut text = String::new();
            json::write_wire(&cell.to_value(), &mut text);
            piece.push_text(&text);
            has_long_number(&text)
        }
    };
    number(if exact { -(piece.units as f64) - 1.0 } else { piece.units as f64 })
}

/// Whether some run of digits may be a whole number beyond 2^53.
fn has_long_number(text: &str) -> bool {
    let mut run = 0;
    text.bytes().any(|byte| {
        run = if byte.is_ascii_digit() { run + 1 } else { 0 };
        run >= 16
    })
}

fn units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(char::len_utf16).sum() }
}

fn number(value: f64) -> u64 {
    value.to_bits()
}

fn misplaced() -> Error {
    Error::internal("a cell is not of its column's type")
}
