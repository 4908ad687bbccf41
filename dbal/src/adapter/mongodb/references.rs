//! Foreign keys: what a change of a row does to the rows that refer to it, and what every row must refer to.
//!
//! Whoever sets a reference writes a lock field of the row that it points at, so that a transaction which removes that
//! row at the same time conflicts with it: one of the two fails, and is tried again by whoever began it.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use mongodb::bson::{Bson, Document, doc};

use super::Referrer;
use super::command::Session;
use super::value::same;
use super::write::{refuse_nulls, whole_rows, with_value};
use crate::error::{Error, Reason, Result};
use crate::plan::operation::document::{KEY, column};
use crate::schema::{EntityId, FieldId, Referential};

/// The field that is written so that two transactions conflict.
const LOCK: &str = "~lock";

/// What became of one row.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) entity: EntityId,
    /// As it was; none for a new row.
    pub(super) old: Option<Document>,
    /// As it is; none for a row that is gone.
    pub(super) new: Option<Document>,
}

/// Carries out what foreign keys declare for these changes, and then refuses them if a reference points nowhere. Says
/// whether other rows were changed.
///
/// References are judged when everything is done, so the rows of one statement may refer to each other in any order.
pub(super) async fn settle(session: &mut Session, changes: Vec<Change>) -> Result<bool> {
    let mut settling = Settling { session, owed: Vec::new(), moved: BTreeSet::new() };
    let mut changes = changes;
    let mut others = false;
    while !changes.is_empty() {
        let effects = settling.effects(&changes).await?;
        others |= !effects.is_empty();
        changes = settling.carry_out(effects).await?;
    }
    settling.demand().await?;
    Ok(others)
}

struct Settling<'s> {
    session: &'s mut Session,
    owed: Vec<Reference>,
    /// References changed already, by the row's key. Each follows one change only: rows that refer to each other in a
    /// circle, with targets that trade their values, would otherwise chase each other forever.
    moved: BTreeSet<(EntityId, FieldId, String)>,
}

/// A value of a field that points at another row. It must hold when the statement ends, if a row still has it.
#[derive(Clone, Debug, PartialEq)]
struct Reference {
    entity: EntityId,
    field: FieldId,
    value: Bson,
    /// It was just set: what it points at must stay.
    set: bool,
}

/// What happens to one row because another one changed.
struct Effect {
    entity: EntityId,
    row: Document,
    /// The reference, and what it becomes; without it the row goes.
    becomes: Option<(FieldId, Bson)>,
}

/// A row while its effects are gathered.
struct Affected {
    old: Document,
    /// None when it goes.
    new: Option<Document>,
}

impl Session {
    pub(super) fn referrers(&self, entity: EntityId) -> &[Referrer] {
        &self.shared.referrers[usize::from(entity.0)]
    }

    /// Whether some row's field holds this value.
    async fn exists(&mut self, entity: EntityId, field: FieldId, value: &Bson) -> Result<bool> {
        let shared = self.shared.clone();
        let entity = shared.schema.entity(entity);
        let pipeline = vec![
            doc! { "$match": with_value(column(entity.field(field)), value) }.into(),
            doc! { "$limit": 1 }.into(),
            doc! { "$project": { KEY: 1 } }.into(),
        ];
        Ok(self.each(&entity.table, pipeline, |_| Ok(())).await? > 0)
    }
}

impl Settling<'_> {
    /// What changes do to the rows that refer to them: these go, follow, let go, or stand in the way. All are found
    /// before any is changed, so that each follows its own row when rows trade their values.
    async fn effects(&mut self, changes: &[Change]) -> Result<Vec<Effect>> {
        let shared = self.session.shared.clone();
        let mut effects = Vec::new();
        for change in changes {
            self.owe_own_references(change);
        }
        let Some(first) = changes.first() else { return Ok(effects) };
        // The changes of one round may be of several entities.
        let mut entities: Vec<EntityId> = changes.iter().map(|change| change.entity).collect();
        entities.sort_unstable();
        entities.dedup();
        debug_assert!(entities.contains(&first.entity));
        for target in entities {
            for referrer in &shared.referrers[usize::from(target.0)] {
                let (entity, field, key) = (referrer.entity, referrer.field, referrer.key);
                let name = column(shared.schema.entity(target).field(key.field));
                let mut followed: Vec<(Bson, Option<(FieldId, Bson)>)> = Vec::new();
                for change in changes.iter().filter(|change| change.entity == target) {
                    let Some(old) = &change.old else { continue };
                    let was = old.get(name).unwrap_or(&Bson::Null);
                    let is = change.new.as_ref().map(|new| new.get(name).unwrap_or(&Bson::Null));
                    if *was == Bson::Null || is.is_some_and(|is| same(is, was)) {
                        continue;
                    }
                    let action = if is.is_some() { key.on_update } else { key.on_delete };
                    let becomes = match (action, is) {
                        (Referential::Restrict, _) => {
                            self.owe(Reference { entity, field, value: was.clone(), set: false });
                            continue;
                        }
                        (Referential::Cascade, None) => None,
                        (Referential::Cascade, Some(is)) => Some((field, is.clone())),
                        (Referential::SetNull, _) => Some((field, Bson::Null)),
                    };
                    followed.push((was.clone(), becomes));
                }
                if followed.is_empty() {
                    continue;
                }
                let child = shared.schema.entity(entity);
                let name = column(child.field(field));
                let values: Vec<Bson> = followed.iter().map(|(was, _)| was.clone()).collect();
                let pipeline = vec![
                    doc! { "$match": { name: { "$in": values } } }.into(),
                    doc! { "$project": whole_rows(child) }.into(),
                ];
                for row in self.session.all(&child.table, pipeline).await? {
                    let value = row.get(name).unwrap_or(&Bson::Null);
                    let becomes = followed.iter().find(|(was, _)| same(was, value)).map(|(_, becomes)| becomes.clone());
                    if let Some(becomes) = becomes {
                        effects.push(Effect { entity, row, becomes });
                    }
                }
            }
        }
        Ok(effects)
    }

    /// A row that is new, or refers to something new, must refer to something that exists.
    fn owe_own_references(&mut self, change: &Change) {
        let Some(new) = &change.new else { return };
        let shared = self.session.shared.clone();
        for (field, declared) in shared.schema.entity(change.entity).field_ids() {
            if declared.foreign_key.is_none() {
                continue;
            }
            let value = new.get(column(declared)).unwrap_or(&Bson::Null);
            let was = change.old.as_ref().map(|old| old.get(column(declared)).unwrap_or(&Bson::Null));
            if *value != Bson::Null && !was.is_some_and(|was| same(was, value)) {
                self.owe(Reference { entity: change.entity, field, value: value.clone(), set: true });
            }
        }
    }

    fn owe(&mut self, reference: Reference) {
        if !self.owed.contains(&reference) {
            self.owed.push(reference);
        }
    }

    /// Makes the effects, and gives the changes that they are.
    async fn carry_out(&mut self, effects: Vec<Effect>) -> Result<Vec<Change>> {
        let shared = self.session.shared.clone();
        let mut rows: BTreeMap<(EntityId, String), Affected> = BTreeMap::new();
        for Effect { entity, row, becomes } in effects {
            let key = format!("{:?}", row.get(KEY));
            let Affected { old, new } = match rows.entry((entity, key.clone())) {
                Entry::Occupied(affected) => affected.into_mut(),
                Entry::Vacant(affected) => affected.insert(Affected { new: Some(row.clone()), old: row }),
            };
            match (becomes, &mut *new) {
                (None, _) => *new = None,
                (Some(_), None) => {}
                (Some((field, value)), Some(row)) if self.moved.insert((entity, field, key)) => {
                    row.insert(column(shared.schema.entity(entity).field(field)), value);
                }
                (Some((field, _)), Some(_)) => {
                    let value = old.get(column(shared.schema.entity(entity).field(field))).cloned();
                    let value = value.unwrap_or(Bson::Null);
                    self.owed.push(Reference { entity, field, value, set: false });
                }
            }
        }
        let mut changes: Vec<Change> = Vec::with_capacity(rows.len());
        for ((entity, _), Affected { old, new }) in rows {
            if let Some(new) = &new {
                refuse_nulls(shared.schema.entity(entity), new)?;
            }
            changes.push(Change { entity, old: Some(old), new });
        }
        // Rows of one entity stand together.
        for of_entity in changes.chunk_by(|left, right| left.entity == right.entity) {
            let entity = shared.schema.entity(of_entity[0].entity);
            let gone = of_entity.iter().filter(|change| change.new.is_none());
            let gone: Vec<Bson> =
                gone.filter_map(|change| change.old.as_ref().and_then(|old| old.get(KEY)).cloned()).collect();
            self.session.delete_all(entity, gone).await?;
            let kept: Vec<Change> = of_entity.iter().filter(|change| change.new.is_some()).cloned().collect();
            self.session.replace(entity, &kept).await?;
        }
        Ok(changes)
    }

    /// Every reference that is still made must point at a row, and those just made keep it from going.
    async fn demand(self) -> Result<()> {
        let shared = self.session.shared.clone();
        for Reference { entity, field, value, set } in &self.owed {
            let from = shared.schema.entity(*entity);
            let declared = from.field(*field);
            let Some(target) = declared.foreign_key else { continue };
            let to = shared.schema.entity(target.entity);
            let there = if *set {
                let lock =
                    doc! { "q": with_value(column(to.field(target.field)), value), "u": { "$inc": { LOCK: 1_i64 } } };
                self.session.write(to, doc! { "update": &to.table, "updates": [lock] }).await? > 0
            } else {
                self.session.exists(target.entity, target.field, value).await?
            };
            if !there && self.session.exists(*entity, *field, value).await? {
                let message =
                    format!("{}.{} would refer to a {} that does not exist", from.name, declared.name, to.name);
                return Err(Error::conflict(Reason::ForeignKey, &[&declared.name], message));
            }
        }
        Ok(())
    }
}
