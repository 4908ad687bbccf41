//! Foreign keys: what a change of a row does to the rows that refer to it, and what every row must refer to.

use std::collections::BTreeSet;

use super::catalogue::{Catalogue, Referrer};
use super::data::{Data, Key, Moment, Stored};
use super::write::taken;
use crate::error::{Error, Reason, Result};
use crate::schema::{EntityId, FieldId, Referential};
use crate::value::Value;

/// What became of one row.
pub(super) struct Change {
    pub(super) entity: EntityId,
    /// As it was; none for a new row.
    pub(super) old: Option<Stored>,
    /// As it is; none for a row that is gone.
    pub(super) new: Option<Stored>,
}

/// A reference that must hold when the statement ends, if a row still makes it.
struct Owed {
    entity: EntityId,
    field: FieldId,
    value: Value,
}

/// Carries out what foreign keys declare for these changes, and then refuses them if a reference points nowhere.
///
/// References are judged when everything is done, so the rows of one statement may refer to each other in any order.
pub(super) fn settle(catalogue: &Catalogue, data: &mut Data, changes: Vec<Change>) -> Result<()> {
    let mut settling = Settling { catalogue, data, owed: Vec::new(), moved: BTreeSet::new() };
    let mut queue = changes;
    while let Some(change) = queue.pop() {
        settling.owe_own_references(&change);
        settling.carry_out(&change, &mut queue)?;
    }
    settling.demand()
}

struct Settling<'a> {
    catalogue: &'a Catalogue,
    data: &'a mut Data,
    owed: Vec<Owed>,
    /// References changed already. Each follows one change only: rows that refer to each other in a circle, with
    /// targets that trade their values, would otherwise chase each other forever.
    moved: BTreeSet<(EntityId, FieldId, Key)>,
}

impl Settling<'_> {
    /// A row that is new, or refers to something new, must refer to something that exists.
    fn owe_own_references(&mut self, change: &Change) {
        let Some(new) = &change.new else { return };
        for (field, declared) in self.catalogue.schema.entity(change.entity).field_ids() {
            let value = value_of(new, field);
            let same = change.old.as_ref().is_some_and(|old| equal(value_of(old, field), value));
            if declared.foreign_key.is_some() && !value.is_null() && !same {
                self.owed.push(Owed { entity: change.entity, field, value: value.clone() });
            }
        }
    }

    /// Rows that referred to what changed go, follow, let go, or stand in its way.
    fn carry_out(&mut self, change: &Change, queue: &mut Vec<Change>) -> Result<()> {
        let Some(old) = &change.old else { return Ok(()) };
        let catalogue = self.catalogue;
        for referrer in &catalogue.layout(change.entity).referrers {
            let target = referrer.foreign_key.field;
            let was = value_of(old, target);
            let is = change.new.as_ref().map(|new| value_of(new, target));
            let moment = Moment { catalogue, data: self.data };
            if was.is_null() || is.is_some_and(|is| equal(is, was)) || moment.exists(change.entity, target, was) {
                continue;
            }
            let action = match is {
                None => referrer.foreign_key.on_delete,
                Some(_) => referrer.foreign_key.on_update,
            };
            match (action, is) {
                (Referential::Restrict, _) => {
                    self.owed.push(Owed { entity: referrer.entity, field: referrer.field, value: was.clone() });
                }
                (Referential::Cascade, None) => self.remove(referrer, was, queue),
                (Referential::Cascade, Some(is)) => self.point(referrer, was, is, queue)?,
                (Referential::SetNull, _) => self.point(referrer, was, &Value::Null, queue)?,
            }
        }
        Ok(())
    }

    fn referring(&self, referrer: &Referrer, value: &Value) -> Vec<Stored> {
        let layout = self.catalogue.layout(referrer.entity);
        self.data.table(referrer.entity).with(layout, referrer.field, value.as_ref()).cloned().collect()
    }

    fn remove(&mut self, referrer: &Referrer, value: &Value, queue: &mut Vec<Change>) {
        let layout = self.catalogue.layout(referrer.entity);
        for row in self.referring(referrer, value) {
            self.data.table_mut(referrer.entity).take(layout, &layout.key_of(&row));
            queue.push(Change { entity: referrer.entity, old: Some(row), new: None });
        }
    }

    fn point(&mut self, referrer: &Referrer, from: &Value, to: &Value, queue: &mut Vec<Change>) -> Result<()> {
        let (entity, field) = (referrer.entity, referrer.field);
        let layout = self.catalogue.layout(entity);
        for row in self.referring(referrer, from) {
            let key = layout.key_of(&row);
            if !self.moved.insert((entity, field, key.clone())) {
                self.owed.push(Owed { entity, field, value: from.clone() });
                continue;
            }
            let mut changed = row.to_vec();
            changed[usize::from(field.0)] = to.clone();
            let changed = Stored::from(changed);
            let table = self.data.table_mut(entity);
            table.take(layout, &key);
            table.put(layout, changed.clone()).map_err(|fields| taken(self.catalogue, entity, fields))?;
            queue.push(Change { entity, old: Some(row), new: Some(changed) });
        }
        Ok(())
    }

    /// Every reference that is still made must point at a row.
    fn demand(self) -> Result<()> {
        let moment = Moment { catalogue: self.catalogue, data: self.data };
        for Owed { entity, field, value } in &self.owed {
            let declared = self.catalogue.schema.entity(*entity).field(*field);
            let Some(foreign_key) = declared.foreign_key else { continue };
            let target = (foreign_key.entity, foreign_key.field);
            if moment.exists(*entity, *field, value) && !moment.exists(target.0, target.1, value) {
                let from = &self.catalogue.schema.entity(*entity).name;
                let to = &self.catalogue.schema.entity(target.0).name;
                let message = format!("{from}.{} would refer to a {to} that does not exist", declared.name);
                return Err(Error::conflict(Reason::ForeignKey, &[&declared.name], message));
            }
        }
        Ok(())
    }
}

fn value_of(row: &Stored, field: FieldId) -> &Value {
    &row[usize::from(field.0)]
}

fn equal(left: &Value, right: &Value) -> bool {
    crate::value::order::total(left.as_ref(), right.as_ref()).is_eq()
}
