//! The stored rows at one moment, and how they are found.

use std::cmp::Ordering;
use std::sync::Arc;

use super::catalogue::{Catalogue, Layout};
use super::map::SharedMap;
use crate::query::eval::{Row, Source};
use crate::schema::{EntityId, FieldId};
use crate::value::order::total;
use crate::value::{Value, ValueRef};

/// A row as stored; shared by every moment in which it is the same.
pub(super) type Stored = Arc<Row>;

/// A value as the key of a map.
#[derive(Clone, Debug)]
pub(super) struct Key(pub(super) Value);

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        total(self.0.as_ref(), other.0.as_ref())
    }
}

/// All tables at one moment. A copy is cheap and never changes when the original does.
#[derive(Clone, Debug, Default)]
pub(super) struct Data {
    /// In the order of entity ids.
    pub(super) tables: Vec<Arc<Table>>,
}

impl Data {
    /// Empty tables.
    pub(super) fn new(catalogue: &Catalogue) -> Data {
        let table = |layout: &Layout| {
            Arc::new(Table {
                rows: SharedMap::default(),
                indexes: vec![SharedMap::default(); layout.indexes.len()],
                last_numbers: vec![0; layout.sequences.len()],
            })
        };
        Data { tables: catalogue.layouts.iter().map(table).collect() }
    }

    /// An entity's table.
    pub(super) fn table(&self, entity: EntityId) -> &Table {
        &self.tables[usize::from(entity.0)]
    }

    /// An entity's table, to change it; moments that share it keep what they have.
    pub(super) fn table_mut(&mut self, entity: EntityId) -> &mut Table {
        Arc::make_mut(&mut self.tables[usize::from(entity.0)])
    }
}

/// The rows of one entity.
#[derive(Clone, Debug)]
pub(super) struct Table {
    rows: SharedMap<Key, Stored>,
    /// One for each index of the layout: indexed values, then the row's key.
    indexes: Vec<SharedMap<(Vec<Key>, Key), ()>>,
    /// The greatest number that each sequence field ever held.
    last_numbers: Vec<i64>,
}

impl Table {
    /// All rows in the order of their keys.
    pub(super) fn scan(&self) -> impl Iterator<Item = &Stored> {
        self.rows.iter().map(|(_, row)| row)
    }

    /// The row with this key.
    pub(super) fn get(&self, key: &Key) -> Option<&Stored> {
        self.rows.get(key)
    }

    /// The rows whose field holds a value that is not null: by key or index where there is one, else by looking at all.
    pub(super) fn with<'a>(
        &'a self,
        layout: &Layout,
        field: FieldId,
        value: ValueRef<'_>,
    ) -> Box<dyn Iterator<Item = &'a Stored> + 'a> {
        let value = Key(value.to_value());
        if layout.keys == [field] {
            return Box::new(self.get(&value).into_iter());
        }
        match layout.indexes.iter().position(|index| index.finds_by(field)) {
            Some(index) => Box::new(self.indexed(index, vec![value])),
            None => Box::new(self.scan().filter(move |row| Key(row[usize::from(field.0)].clone()) == value)),
        }
    }

    /// The rows whose first values in an index are these.
    fn indexed(&self, index: usize, values: Vec<Key>) -> impl Iterator<Item = &Stored> {
        let first = values.clone();
        self.indexes[index]
            .skip_before(move |(at, _)| at[..first.len()] < first[..])
            .take_while(move |((at, _), ())| at[..values.len()] == values[..])
            .filter_map(|((_, key), ())| self.rows.get(key))
    }

    /// Stores a row whose key is not taken. When a unique index refuses it, nothing has changed and the fields of that
    /// index come back.
    pub(super) fn put<'l>(&mut self, layout: &'l Layout, row: Stored) -> Result<(), &'l [FieldId]> {
        let key = layout.key_of(&row);
        if self.rows.get(&key).is_some() {
            return Err(&layout.keys);
        }
        for (position, index) in
            layout.indexes.iter().enumerate().filter(|(_, index)| index.unique && index.holds(&row))
        {
            let values = index.values_of(&row);
            // Nulls in a unique key are distinct.
            if values.iter().all(|value| !value.0.is_null()) && self.indexed(position, values).next().is_some() {
                return Err(&index.fields);
            }
        }
        for (index, entries) in layout.indexes.iter().zip(&mut self.indexes).filter(|(index, _)| index.holds(&row)) {
            entries.insert((index.values_of(&row), key.clone()), ());
        }
        for (field, last) in layout.sequences.iter().zip(&mut self.last_numbers) {
            if let Value::Int(number) = row[usize::from(field.0)] {
                *last = number.max(*last);
            }
        }
        self.rows.insert(key, row);
        Ok(())
    }

    /// Takes a row out.
    pub(super) fn take(&mut self, layout: &Layout, key: &Key) -> Option<Stored> {
        let row = self.rows.remove(key)?;
        for (index, entries) in layout.indexes.iter().zip(&mut self.indexes) {
            entries.remove(&(index.values_of(&row), key.clone()));
        }
        Some(row)
    }

    /// The next number of a sequence: greater than any that the field ever held. None when there is no greater one.
    pub(super) fn next_number(&self, layout: &Layout, field: FieldId) -> Option<i64> {
        let position = layout.sequences.iter().position(|sequence| *sequence == field)?;
        self.last_numbers[position].checked_add(1)
    }
}

/// The rows of one moment together with what their positions mean.
#[derive(Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) data: &'a Data,
}

impl Moment<'_> {
    /// Whether some row's field holds this value.
    pub(super) fn exists(&self, entity: EntityId, field: FieldId, value: &Value) -> bool {
        self.rows(entity, field, value.as_ref()).next().is_some()
    }
}

impl Source for Moment<'_> {
    fn rows<'a>(
        &'a self,
        entity: EntityId,
        field: FieldId,
        value: ValueRef<'_>,
    ) -> Box<dyn Iterator<Item = &'a Row> + 'a> {
        Box::new(self.data.table(entity).with(self.catalogue.layout(entity), field, value).map(|row| &**row))
    }
}
