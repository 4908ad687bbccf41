//! Changing rows: insert, update, delete. Each works on data that the caller throws away when it fails.

use std::time::Instant;

use super::catalogue::Catalogue;
use super::data::{Data, Key, Moment, Stored};
use super::read::{Reader, cell};
use super::references::{Change, settle};
use crate::error::{Error, FieldFault, Reason, Result};
use crate::query::ast::{Assign, Delete, Expr, Insert, Operand, Statement, Update};
use crate::row::RowSink;
use crate::schema::increment::{fits, increment, overflow};
use crate::schema::{EntityId, Field, FieldId, Generator};
use crate::value::{Value, ValueRef};

/// One statement that changes data.
pub(super) struct Writer<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) data: &'a mut Data,
    pub(super) params: &'a [Value],
    pub(super) deadline: Option<Instant>,
}

impl Writer<'_> {
    /// Runs a statement that writes; gives how many rows it wrote, those that cascades touched not counted.
    pub(super) fn run(&mut self, statement: &Statement, sink: &mut dyn RowSink) -> Result<u64> {
        match statement {
            Statement::Insert(insert) => self.insert(insert, sink),
            Statement::Update(update) => self.update(update, sink),
            Statement::Delete(delete) => self.delete(delete),
            Statement::Select(_) | Statement::Count(_) | Statement::Aggregate(_) => {
                Err(Error::internal("a read was given to the writer"))
            }
        }
    }

    fn insert(&mut self, insert: &Insert, sink: &mut dyn RowSink) -> Result<u64> {
        let entity = insert.entity;
        let mut row = vec![Value::Null; self.catalogue.schema.entity(entity).fields.len()];
        for (field, operand) in &insert.values {
            row[usize::from(field.0)] = self.value(entity, operand);
        }
        for (field, declared) in self.catalogue.schema.entity(entity).field_ids() {
            let given = insert.values.iter().any(|(named, _)| *named == field);
            if !given && declared.generated == Some(Generator::Sequence) {
                row[usize::from(field.0)] = self.next_number(entity, field, declared)?;
            }
        }
        let changes = vec![Change { entity, old: None, new: Some(row.into()) }];
        self.apply(changes, &insert.returning, insert.check.as_ref(), sink)
    }

    fn update(&mut self, update: &Update, sink: &mut dyn RowSink) -> Result<u64> {
        let entity = update.entity;
        let mut changes = Vec::new();
        for old in self.matching(entity, &update.filter)? {
            let mut row = old.to_vec();
            for (field, assign) in &update.set {
                row[usize::from(field.0)] = self.assigned(entity, *field, assign, &old)?;
            }
            changes.push(Change { entity, old: Some(old), new: Some(row.into()) });
        }
        self.apply(changes, &update.returning, update.check.as_ref(), sink)
    }

    fn delete(&mut self, delete: &Delete) -> Result<u64> {
        let rows = self.matching(delete.entity, &delete.filter)?;
        let changes = rows.into_iter().map(|old| Change { entity: delete.entity, old: Some(old), new: None });
        self.store(changes.collect())
    }

    /// Makes the changes and gives the rows as written, each with the value of its check.
    fn apply(
        &mut self,
        changes: Vec<Change>,
        returning: &[FieldId],
        check: Option<&Expr>,
        sink: &mut dyn RowSink,
    ) -> Result<u64> {
        let Some(entity) = changes.first().map(|change| change.entity) else { return Ok(0) };
        let layout = self.catalogue.layout(entity);
        let keys: Vec<Key> =
            changes.iter().filter_map(|change| change.new.as_ref()).map(|row| layout.key_of(row)).collect();
        let count = self.store(changes)?;
        if returning.is_empty() && check.is_none() {
            return Ok(count);
        }
        let moment = Moment { catalogue: self.catalogue, data: self.data };
        let scope = self.reader(&moment).scope();
        // Looked up again: a cascade may have changed them after they were written.
        for row in keys.iter().filter_map(|key| self.data.table(entity).get(key)) {
            let mut cells: Vec<ValueRef<'_>> = returning.iter().map(|field| cell(row, *field)).collect();
            if let Some(check) = check {
                cells.push(scope.test(entity, check, row).map_or(ValueRef::Null, ValueRef::Bool));
            }
            sink.row(&cells)?;
        }
        Ok(count)
    }

    /// Makes changes to the rows of one entity, with all that follows for others. Keys are judged when all old rows
    /// are out, so rows of one statement may trade theirs.
    fn store(&mut self, changes: Vec<Change>) -> Result<u64> {
        let catalogue = self.catalogue;
        for change in &changes {
            if let Some(old) = &change.old {
                let layout = catalogue.layout(change.entity);
                self.data.table_mut(change.entity).take(layout, &layout.key_of(old));
            }
        }
        for change in &changes {
            if let Some(new) = &change.new {
                refuse_nulls(catalogue, change.entity, new)?;
                let layout = catalogue.layout(change.entity);
                let put = self.data.table_mut(change.entity).put(layout, new.clone());
                put.map_err(|fields| taken(catalogue, change.entity, fields))?;
            }
        }
        let count = changes.len() as u64;
        settle(catalogue, self.data, changes)?;
        Ok(count)
    }

    fn matching(&self, entity: EntityId, filter: &Expr) -> Result<Vec<Stored>> {
        let moment = Moment { catalogue: self.catalogue, data: self.data };
        Ok(self.reader(&moment).matching(entity, filter)?.into_iter().cloned().collect())
    }

    fn reader<'m>(&'m self, moment: &'m Moment<'m>) -> Reader<'m> {
        Reader { moment, params: self.params, deadline: self.deadline }
    }

    /// The value of an operand that no row is needed for.
    fn value(&self, entity: EntityId, operand: &Operand) -> Value {
        let moment = Moment { catalogue: self.catalogue, data: self.data };
        self.reader(&moment).scope().operand(entity, operand, &[]).to_value()
    }

    fn next_number(&self, entity: EntityId, field: FieldId, declared: &Field) -> Result<Value> {
        let next = self.data.table(entity).next_number(self.catalogue.layout(entity), field);
        next.map(Value::Int)
            .filter(|number| fits(&declared.ty, number))
            .ok_or_else(|| overflow(declared, "the sequence has no number left"))
    }

    /// What a field of a row becomes.
    fn assigned(&self, entity: EntityId, field: FieldId, assign: &Assign, old: &Stored) -> Result<Value> {
        let moment = Moment { catalogue: self.catalogue, data: self.data };
        let scope = self.reader(&moment).scope();
        match assign {
            Assign::Set(operand) => Ok(scope.operand(entity, operand, old).to_value()),
            Assign::Increment(by) => {
                let declared = self.catalogue.schema.entity(entity).field(field);
                increment(declared, &old[usize::from(field.0)], scope.operand(entity, by, old))
            }
        }
    }
}

/// CONFLICT: another row holds the key of these fields.
pub(super) fn taken(catalogue: &Catalogue, entity: EntityId, fields: &[FieldId]) -> Error {
    let names: Vec<&str> = fields.iter().map(|field| catalogue.field_name(entity, *field)).collect();
    let name = &catalogue.schema.entity(entity).name;
    let message = format!("another {name} has the same {}", names.join(", "));
    Error::conflict(Reason::Unique, &names, message)
}

/// What the database would not store, whoever asks for it.
pub(super) fn refuse_nulls(catalogue: &Catalogue, entity: EntityId, row: &Stored) -> Result<()> {
    let fields = catalogue.schema.entity(entity).field_ids();
    let nulls = fields.filter(|(id, field)| (field.primary || !field.nullable) && row[usize::from(id.0)].is_null());
    let fault =
        |field: &Field| FieldFault { field: field.name.clone(), message: "must not be null".into(), index: None };
    let faults: Vec<FieldFault> = nulls.map(|(_, field)| fault(field)).collect();
    if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults)) }
}
