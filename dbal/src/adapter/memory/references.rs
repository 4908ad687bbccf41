//! Foreign keys: what a change of a row does to the rows that refer to it, and what every row must refer to.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use super::catalogue::Catalogue;
use super::data::{Data, Key, Moment, Stored};
use super::write::{refuse_nulls, taken};
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

/// Carries out what foreign keys declare for these changes, and then refuses them if a reference points nowhere.
///
/// References are judged when everything is done, so the rows of one statement may refer to each other in any order.
pub(super) fn settle(catalogue: &Catalogue, data: &mut Data, changes: Vec<Change>) -> Result<()> {
    let mut settling = Settling { catalogue, data, owed: Vec::new(), moved: BTreeSet::new() };
    let mut changes = changes;
    while !changes.is_empty() {
        let effects = settling.effects(&changes);
        changes = settling.carry_out(effects)?;
    }
    settling.demand()
}

struct Settling<'a> {
    catalogue: &'a Catalogue,
    data: &'a mut Data,
    owed: Vec<Reference>,
    /// References changed already. Each follows one change only: rows that refer to each other in a circle, with
    /// targets that trade their values, would otherwise chase each other forever.
    moved: BTreeSet<(EntityId, FieldId, Key)>,
}

/// A value of a field that points at another row. It must hold when the statement ends, if a row still has it.
struct Reference {
    entity: EntityId,
    field: FieldId,
    value: Value,
}

/// What happens to one row because another one changed.
struct Effect {
    entity: EntityId,
    key: Key,
    /// The reference, and what it becomes; without it the row goes.
    becomes: Option<(FieldId, Value)>,
}

/// A row while its effects are gathered.
struct Affected {
    old: Stored,
    /// None when it goes.
    new: Option<Vec<Value>>,
}

impl Settling<'_> {
    /// What changes do to the rows that refer to them: these go, follow, let go, or stand in the way. All are found
    /// before any is changed, so that each follows its own row when rows trade their values.
    fn effects(&mut self, changes: &[Change]) -> Vec<Effect> {
        let mut effects = Vec::new();
        for change in changes {
            self.owe_own_references(change);
            let Some(old) = &change.old else { continue };
            for referrer in &self.catalogue.layout(change.entity).referrers {
                let (entity, field, foreign_key) = (referrer.entity, referrer.field, referrer.foreign_key);
                let was = value_of(old, foreign_key.field);
                let is = change.new.as_ref().map(|new| value_of(new, foreign_key.field));
                if was.is_null() || is.is_some_and(|is| equal(is, was)) {
                    continue;
                }
                let action = if is.is_some() { foreign_key.on_update } else { foreign_key.on_delete };
                let becomes = match (action, is) {
                    (Referential::Restrict, _) => {
                        self.owed.push(Reference { entity, field, value: was.clone() });
                        continue;
                    }
                    (Referential::Cascade, None) => None,
                    (Referential::Cascade, Some(is)) => Some((field, is.clone())),
                    (Referential::SetNull, _) => Some((field, Value::Null)),
                };
                let layout = self.catalogue.layout(entity);
                let referring = self.data.table(entity).with(layout, field, was.as_ref());
                effects.extend(referring.map(|row| Effect {
                    entity,
                    key: layout.key_of(row),
                    becomes: becomes.clone(),
                }));
            }
        }
        effects
    }

    /// A row that is new, or refers to something new, must refer to something that exists.
    fn owe_own_references(&mut self, change: &Change) {
        let Some(new) = &change.new else { return };
        for (field, declared) in self.catalogue.schema.entity(change.entity).field_ids() {
            let value = value_of(new, field);
            let same = change.old.as_ref().is_some_and(|old| equal(value_of(old, field), value));
            if declared.foreign_key.is_some() && !value.is_null() && !same {
                self.owed.push(Reference { entity: change.entity, field, value: value.clone() });
            }
        }
    }

    /// Makes the effects, each row taken out before any is put back, and gives the changes that they are.
    fn carry_out(&mut self, effects: Vec<Effect>) -> Result<Vec<Change>> {
        let mut rows: BTreeMap<(EntityId, Key), Affected> = BTreeMap::new();
        for Effect { entity, key, becomes } in effects {
            let Affected { old, new } = match rows.entry((entity, key.clone())) {
                Entry::Occupied(row) => row.into_mut(),
                Entry::Vacant(row) => match self.data.table_mut(entity).take(self.catalogue.layout(entity), &key) {
                    Some(old) => row.insert(Affected { new: Some(old.to_vec()), old }),
                    None => continue,
                },
            };
            match (becomes, &mut *new) {
                (None, _) => *new = None,
                (Some(_), None) => {}
                (Some((field, value)), Some(row)) if self.moved.insert((entity, field, key)) => {
                    row[usize::from(field.0)] = value;
                }
                (Some((field, _)), Some(_)) => {
                    self.owed.push(Reference { entity, field, value: value_of(old, field).clone() });
                }
            }
        }
        let mut changes = Vec::with_capacity(rows.len());
        for ((entity, _), Affected { old, new }) in rows {
            let new = new.map(Stored::from);
            if let Some(new) = &new {
                refuse_nulls(self.catalogue, entity, new)?;
                let put = self.data.table_mut(entity).put(self.catalogue.layout(entity), new.clone());
                put.map_err(|fields| taken(self.catalogue, entity, fields))?;
            }
            changes.push(Change { entity, old: Some(old), new });
        }
        Ok(changes)
    }

    /// Every reference that is still made must point at a row.
    fn demand(self) -> Result<()> {
        let moment = Moment { catalogue: self.catalogue, data: self.data };
        for Reference { entity, field, value } in &self.owed {
            let declared = self.catalogue.schema.entity(*entity).field(*field);
            let Some(target) = declared.foreign_key else { continue };
            if moment.exists(*entity, *field, value) && !moment.exists(target.entity, target.field, value) {
                let from = &self.catalogue.schema.entity(*entity).name;
                let to = &self.catalogue.schema.entity(target.entity).name;
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
