//! Rows from packed messages, with the types that the schema gives their columns.

use std::collections::HashMap;
use std::sync::Arc;

use super::frame::{Message, Packed, damaged};
use super::layout::Kind;
use crate::error::Result;
use crate::row::{Columns, Record, RowSink};
use crate::schema::convert::convert;
use crate::schema::{EntityId, FieldType, Schema};
use crate::value::{DateTime, Decimal, Map, Name, Value, ValueRef};

/// Reads the messages of one connection.
#[derive(Debug)]
pub struct Unpacker {
    schema: Arc<Schema>,
    layouts: HashMap<u32, Arc<Known>>,
}

/// A layout as it was told.
#[derive(Debug)]
struct Known {
    entity: Option<EntityId>,
    columns: Arc<Columns>,
    cells: Vec<(Kind, Type)>,
}

/// What a cell is beyond its kind.
#[derive(Clone, Debug)]
enum Type {
    /// As the field is declared.
    Field(FieldType),
    /// What is counted.
    Whole,
    /// A mean, or a sum of what is not whole.
    Fraction,
    /// What it looks like.
    Open,
}

impl Unpacker {
    /// One that knows no layout yet.
    pub fn new(schema: Arc<Schema>) -> Self {
        Unpacker { schema, layouts: HashMap::new() }
    }

    /// Goes by another schema from here on; what was learned is kept as it is.
    pub fn adopt(&mut self, schema: Arc<Schema>) {
        self.schema = schema;
    }

    /// Learns the layouts that the head of a message brings.
    ///
    /// # Errors
    /// INTERNAL_ERROR where they are none.
    pub fn learn(&mut self, head: &Map) -> Result<()> {
        let Some(layouts) = head.get("layouts").and_then(Value::as_map) else { return Ok(()) };
        for (id, told) in layouts.iter() {
            let id = id.parse().map_err(|_| damaged())?;
            let known = self.known(told).ok_or_else(damaged)?;
            self.layouts.insert(id, Arc::new(known));
        }
        Ok(())
    }

    fn known(&self, told: &Value) -> Option<Known> {
        let told = told.as_map()?;
        let entity = self.schema.by_name(told.get("entity")?.as_str()?);
        let names: Option<Vec<_>> =
            told.get("names")?.as_list()?.iter().map(|name| Some(name.as_str()?.to_owned().into())).collect();
        let kinds: Option<Vec<Kind>> = told.get("kinds")?.as_list()?.iter().map(|n| Kind::of(n.as_i64()?)).collect();
        let (names, kinds): (Vec<Name>, _) = (names?, kinds?);
        if names.len() != kinds.len() {
            return None;
        }
        let types = told.get("types").and_then(Value::as_list).unwrap_or_default();
        let said = |position: usize| types.get(position).and_then(Value::as_str).and_then(of_word);
        let ty = |(position, name): (usize, &Name)| said(position).unwrap_or_else(|| self.type_of(entity, name));
        let cells = kinds.into_iter().zip(names.iter().enumerate().map(ty)).collect();
        Some(Known { entity, columns: Arc::new(Columns { names }), cells })
    }

    fn type_of(&self, entity: Option<EntityId>, name: &str) -> Type {
        let field = |name: &str| {
            let declared = self.schema.entity(entity?);
            declared.field_by_name(name).map(|id| Type::Field(declared.field(id).ty.clone()))
        };
        match name.split_once('.') {
            None if name == "count" => field(name).unwrap_or(Type::Whole),
            None => field(name).unwrap_or(Type::Open),
            Some(("count_distinct", _)) => Type::Whole,
            Some(("min" | "max", name)) => field(name).unwrap_or(Type::Open),
            Some(("sum" | "avg", _)) => Type::Fraction,
            Some(_) => Type::Open,
        }
    }

    /// Gives the rows of a message to a sink, and says of which entity they are; none where there are no rows.
    ///
    /// # Errors
    /// INTERNAL_ERROR for a message that cannot be read, and whatever the sink says.
    pub fn rows(&self, message: &mut Message<'_>, sink: &mut dyn RowSink) -> Result<Option<EntityId>> {
        let mut entity = None;
        while let Some(piece) = message.piece()? {
            let layout = self.layouts.get(&piece.layout).ok_or_else(damaged)?;
            entity = entity.or(layout.entity);
            sink.start(&layout.columns)?;
            let mut walk = Walk::new(self, &piece);
            for _ in 0..piece.rows {
                let cells = walk.row(layout)?;
                sink.own_row(cells)?;
            }
        }
        Ok(entity)
    }
}

/// Where the next cell and the next text are.
struct Walk<'w> {
    unpacker: &'w Unpacker,
    slots: &'w [u8],
    text: &'w str,
    /// UTF-16 units before the text that is left.
    units: usize,
    ascii: bool,
}

impl<'w> Walk<'w> {
    fn new(unpacker: &'w Unpacker, piece: &Packed<'w>) -> Self {
        Walk { unpacker, slots: piece.slots, text: piece.text, units: 0, ascii: piece.text.is_ascii() }
    }

    fn row(&mut self, layout: &Known) -> Result<Vec<Value>> {
        let mut values = Vec::with_capacity(layout.cells.len());
        let mut mask = 0;
        for (position, (kind, ty)) in layout.cells.iter().enumerate() {
            if position % 32 == 0 {
                mask = self.number()? as u64;
            }
            let null = mask & (1 << (position % 32)) != 0;
            values.push(if null { Value::Null } else { self.cell(*kind, ty)? });
        }
        Ok(values)
    }

    fn cell(&mut self, kind: Kind, ty: &Type) -> Result<Value> {
        Ok(match kind {
            Kind::Number => number(self.number()?, ty),
            Kind::Bool => Value::Bool(self.number()? != 0.0),
            Kind::Text => {
                let end = self.length()?;
                let text = self.text_to(end)?;
                let decimal = matches!(ty, Type::Fraction | Type::Field(FieldType::Decimal { .. }));
                if decimal {
                    // With the digits that it came with.
                    return Ok(Value::Decimal(Box::new(text.parse::<Decimal>().map_err(|_| damaged())?)));
                }
                let text = Value::Text(text.to_owned());
                match ty {
                    Type::Field(ty @ (FieldType::Uuid | FieldType::Date)) => {
                        convert(ty, &text).map_err(|_| damaged())?
                    }
                    _ => text,
                }
            }
            Kind::Date => Value::DateTime(DateTime::from_epoch_millis(self.number()? as i64).ok_or_else(damaged)?),
            Kind::BigInt => Value::Int(self.slot()? as i64),
            Kind::Bytes => {
                let length = self.length()?;
                let padded = length.checked_next_multiple_of(8).ok_or_else(damaged)?;
                let (words, rest) = self.slots.split_at_checked(padded).ok_or_else(damaged)?;
                self.slots = rest;
                Value::Bytes(words[..length].to_vec())
            }
            Kind::Json => {
                let end = self.number()?;
                let end = if end < 0.0 { -end - 1.0 } else { end };
                let text = self.text_to(end as usize)?;
                // What the engine itself makes of the text.
                ValueRef::Json(text).to_value()
            }
            Kind::One => {
                let inner = self.layout()?;
                let values = self.row(&inner)?;
                Value::Record(Box::new(Record::new(inner.columns.clone(), values)))
            }
            Kind::Many => {
                let count = self.length()?;
                let mut records = Vec::new();
                if count > 0 {
                    let inner = self.layout()?;
                    for _ in 0..count {
                        let values = self.row(&inner)?;
                        records.push(Record::new(inner.columns.clone(), values));
                    }
                }
                Value::Records(records)
            }
            Kind::Any | Kind::AnyBig => {
                let kind = Kind::of(self.number()? as i64).ok_or_else(damaged)?;
                match kind {
                    Kind::One | Kind::Many | Kind::Any | Kind::AnyBig => return Err(damaged()),
                    kind => self.cell(kind, ty)?,
                }
            }
        })
    }

    fn layout(&mut self) -> Result<Arc<Known>> {
        let id = self.number()? as u32;
        self.unpacker.layouts.get(&id).cloned().ok_or_else(damaged)
    }

    fn slot(&mut self) -> Result<u64> {
        let (slot, rest) = self.slots.split_first_chunk::<8>().ok_or_else(damaged)?;
        self.slots = rest;
        Ok(u64::from_le_bytes(*slot))
    }

    fn number(&mut self) -> Result<f64> {
        self.slot().map(f64::from_bits)
    }

    fn length(&mut self) -> Result<usize> {
        let number = self.number()?;
        if number >= 0.0 && number <= f64::from(u32::MAX) { Ok(number as usize) } else { Err(damaged()) }
    }

    /// The text up to this many UTF-16 units from the beginning of the piece.
    fn text_to(&mut self, end: usize) -> Result<&'w str> {
        let wanted = end.checked_sub(self.units).ok_or_else(damaged)?;
        let bytes = match self.ascii {
            true => wanted,
            false => {
                let (mut units, mut bytes) = (0, 0);
                let mut left = self.text.chars();
                while units < wanted {
                    let next = left.next().ok_or_else(damaged)?;
                    units += next.len_utf16();
                    bytes += next.len_utf8();
                }
                if units == wanted { bytes } else { return Err(damaged()) }
            }
        };
        let (text, rest) = self.text.split_at_checked(bytes).ok_or_else(damaged)?;
        self.text = rest;
        self.units = end;
        Ok(text)
    }
}

/// The type of a word of the schema, where it says more than the kind of the cell does.
fn of_word(word: &str) -> Option<Type> {
    let ty = match word {
        "uuid" => FieldType::Uuid,
        "date" => FieldType::Date,
        "decimal" => FieldType::Decimal { precision: None, scale: None },
        "float" => FieldType::Float,
        "integer" => FieldType::Integer,
        _ => return None,
    };
    Some(Type::Field(ty))
}

fn number(number: f64, ty: &Type) -> Value {
    let whole = number.fract() == 0.0 && number.abs() < 9e15;
    match ty {
        Type::Field(FieldType::Float) | Type::Fraction => Value::Float(number),
        Type::Field(_) | Type::Whole => Value::Int(number as i64),
        Type::Open if whole => Value::Int(number as i64),
        Type::Open => Value::Float(number),
    }
}
