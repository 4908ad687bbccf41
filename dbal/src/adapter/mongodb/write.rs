//! Changing rows: insert, update, delete.
//!
//! A change that looks before it writes, or follows references, is one transaction: its own, or the one under way. What
//! it read and what it wrote are then of one moment, or another transaction's write makes one of the two fail.

use mongodb::bson::{Bson, Document, doc};

use super::command::{Session, State};
use super::error::{no_transactions, not_computed};
use super::read::projection;
use super::references::{Change, settle};
use super::spell::{Spelled, Speller, constant};
use super::value::{decode_owned, one, stored};
use crate::error::{Error, FieldFault, Result};
use crate::plan::operation::Step;
use crate::plan::operation::document::Comparison;
use crate::plan::operation::document::{
    self as form, Condition, Insert, KEY, Path, Side, Stage, Update, WORDS, column,
};
use crate::row::RowSink;
use crate::schema::increment::increment;
use crate::schema::{Entity, EntityId, FieldId, Generator, Index};
use crate::value::words::words;
use crate::value::{Value, ValueRef};

/// How many documents one command writes.
const CHUNK: usize = 1_000;

impl Session {
    /// Runs a statement that writes, in the transaction under way or in one of its own; gives how many rows it wrote,
    /// those that cascades touched not counted.
    pub(super) async fn change<S: RowSink + ?Sized>(
        &mut self,
        step: &Step,
        write: &form::Document,
        speller: Speller<'_>,
        sink: &mut S,
    ) -> Result<u64> {
        if self.state != State::None || self.is_one_command(step.entity, write, speller) {
            return self.changed(step, write, speller, sink).await;
        }
        if !self.shared.transactions {
            return Err(no_transactions());
        }
        self.begin()?;
        match self.changed(step, write, speller, sink).await {
            Ok(count) => self.commit().await.map(|()| count),
            Err(error) => {
                self.rollback().await;
                Err(error)
            }
        }
    }

    /// Whether a statement is a single command on a single document, which needs no transaction.
    fn is_one_command(&self, entity: EntityId, write: &form::Document, speller: Speller<'_>) -> bool {
        let declared = self.shared.schema.entity(entity);
        match write {
            form::Document::Insert(insert) => {
                let refers = |(field, side): &(FieldId, Side)| {
                    declared.field(*field).foreign_key.is_some() && !given(side, speller).is_null()
                };
                insert.check.is_none() && !insert.values.iter().any(refers)
            }
            form::Document::Delete(stages) => self.referrers(entity).is_empty() && is_one_row(stages),
            _ => false,
        }
    }

    async fn changed<S: RowSink + ?Sized>(
        &mut self,
        step: &Step,
        write: &form::Document,
        speller: Speller<'_>,
        sink: &mut S,
    ) -> Result<u64> {
        match write {
            form::Document::Insert(insert) => self.insert(step, insert, speller, sink).await,
            form::Document::Update(update) => self.update(step, update, speller, sink).await,
            form::Document::Delete(stages) => self.delete(step.entity, stages, speller).await,
            form::Document::Read(_) | form::Document::Count { .. } | form::Document::Group(_) => {
                Err(Error::internal("a read was given to the writer"))
            }
        }
    }

    async fn insert<S: RowSink + ?Sized>(
        &mut self,
        step: &Step,
        insert: &Insert,
        speller: Speller<'_>,
        sink: &mut S,
    ) -> Result<u64> {
        let shared = self.shared.clone();
        let entity = shared.schema.entity(step.entity);
        let mut row = Document::new();
        for (id, field) in entity.field_ids() {
            let written = insert.values.iter().find(|(named, _)| *named == id).map(|(_, side)| given(side, speller));
            let counted = field.generated == Some(Generator::Sequence);
            let value = match written {
                Some(value) => {
                    if let (true, Value::Int(number)) = (counted, &value) {
                        self.passed_number(entity, field, *number).await?;
                    }
                    value
                }
                None if counted => self.next_number(entity, field).await?,
                None => Value::Null,
            };
            row.insert(column(field), stored(&field.ty, &value)?);
        }
        refuse_nulls(entity, &row)?;
        let key = row.get(KEY).cloned().unwrap_or(Bson::Null);
        self.insert_all(entity, vec![with_words(entity, row.clone())]).await?;
        let change = Change { entity: step.entity, old: None, new: Some(row.clone()) };
        settle(self, vec![change]).await?;
        if insert.returning.is_empty() && insert.check.is_none() {
            return Ok(1);
        }
        let passed = self.passing(entity, insert.check.as_deref(), std::slice::from_ref(&key), speller).await?;
        give(entity, &insert.returning, &row, passed.map(|keys| keys.contains(&key)), sink)?;
        Ok(1)
    }

    async fn update<S: RowSink + ?Sized>(
        &mut self,
        step: &Step,
        update: &Update,
        speller: Speller<'_>,
        sink: &mut S,
    ) -> Result<u64> {
        let shared = self.shared.clone();
        let entity = shared.schema.entity(step.entity);
        let Some(mut pipeline) = speller.pipeline(&update.stages)? else { return Ok(0) };
        pipeline.push(doc! { "$project": whole_rows(entity) }.into());
        let rows = self.all(&entity.table, pipeline).await?;
        let mut changes = Vec::with_capacity(rows.len());
        for old in rows {
            let mut new = old.clone();
            for (id, change) in &update.set {
                let field = entity.field(*id);
                let value = match change {
                    form::Change::Set(side) => given(side, speller),
                    form::Change::Increment(by) => {
                        let was = old.get(column(field)).unwrap_or(&Bson::Null);
                        let was = decode_owned(&field.ty, was)
                            .ok_or_else(|| not_computed(entity, &Path(column(field).to_owned())))?;
                        increment(field, &was, given(by, speller).as_ref())?
                    }
                };
                new.insert(column(field), stored(&field.ty, &value)?);
            }
            refuse_nulls(entity, &new)?;
            changes.push(Change { entity: step.entity, old: Some(old), new: Some(new) });
        }
        if changes.is_empty() {
            return Ok(0);
        }
        self.replace(entity, &changes).await?;
        let count = changes.len() as u64;
        let mut rows: Vec<Document> = changes.iter().filter_map(|change| change.new.clone()).collect();
        let others = settle(self, changes).await?;
        if update.returning.is_empty() && update.check.is_none() {
            return Ok(count);
        }
        let keys: Vec<Bson> = rows.iter().filter_map(|row| row.get(KEY).cloned()).collect();
        if others {
            // A cascade may have come back to these rows.
            let pipeline = vec![
                doc! { "$match": { KEY: { "$in": keys.clone() } } }.into(),
                doc! { "$project": whole_rows(entity) }.into(),
            ];
            rows = self.all(&entity.table, pipeline).await?;
        }
        let passed = self.passing(entity, update.check.as_deref(), &keys, speller).await?;
        for row in &rows {
            let key = row.get(KEY).unwrap_or(&Bson::Null);
            give(entity, &update.returning, row, passed.as_ref().map(|keys| keys.contains(key)), sink)?;
        }
        Ok(count)
    }

    async fn delete(&mut self, id: EntityId, stages: &[Stage], speller: Speller<'_>) -> Result<u64> {
        let shared = self.shared.clone();
        let entity = shared.schema.entity(id);
        if self.referrers(id).is_empty()
            && let [] | [Stage::Match(_)] = stages
        {
            let filter = match stages {
                [Stage::Match(condition)] => match speller.condition(condition)? {
                    Spelled::Always => Document::new(),
                    Spelled::Never => return Ok(0),
                    Spelled::When(filter) => filter,
                },
                _ => Document::new(),
            };
            let delete = doc! { "q": filter, "limit": i32::from(is_one_row(stages)) };
            let command = doc! { "delete": &entity.table, "deletes": [delete] };
            return Ok(self.write(entity, command).await?.unsigned_abs());
        }
        let Some(mut pipeline) = speller.pipeline(stages)? else { return Ok(0) };
        pipeline.push(doc! { "$project": whole_rows(entity) }.into());
        let rows = self.all(&entity.table, pipeline).await?;
        let keys = rows.iter().filter_map(|row| row.get(KEY).cloned()).collect();
        self.delete_all(entity, keys).await?;
        let count = rows.len() as u64;
        let changes = rows.into_iter().map(|old| Change { entity: id, old: Some(old), new: None });
        settle(self, changes.collect()).await?;
        Ok(count)
    }

    /// Of these rows, the keys of those that a check lets through; none without a check.
    async fn passing(
        &mut self,
        entity: &Entity,
        check: Option<&[Stage]>,
        keys: &[Bson],
        speller: Speller<'_>,
    ) -> Result<Option<Vec<Bson>>> {
        let Some(check) = check else { return Ok(None) };
        let Some(stages) = speller.pipeline(check)? else { return Ok(Some(Vec::new())) };
        let mut pipeline = vec![doc! { "$match": { KEY: { "$in": keys } } }.into()];
        pipeline.extend(stages);
        pipeline.push(doc! { "$project": { KEY: 1 } }.into());
        let passed = self.all(&entity.table, pipeline).await?;
        Ok(Some(passed.into_iter().filter_map(|mut row| row.remove(KEY)).collect()))
    }

    /// Writes rows anew. Where several may trade the values of a unique key, all give theirs up first.
    pub(super) async fn replace(&mut self, entity: &Entity, changes: &[Change]) -> Result<()> {
        let mut moved = Vec::new();
        let mut stays: Vec<(&Bson, Document)> = Vec::new();
        for change in changes {
            let (Some(old), Some(new)) = (&change.old, &change.new) else { continue };
            let key = old.get(KEY).unwrap_or(&Bson::Null);
            if new.get(KEY) != Some(key) {
                moved.push((key.clone(), with_words(entity, new.clone())));
                continue;
            }
            let differs = |(name, value): &(&String, &Bson)| old.get(name) != Some(*value);
            let mut set: Document =
                new.iter().filter(differs).map(|(name, value)| (name.clone(), value.clone())).collect();
            for name in searchable(entity) {
                if let Some(text) = set.get(name) {
                    set.insert(format!("{WORDS}.{name}"), words_of(text));
                }
            }
            stays.push((key, set));
        }
        if stays.len() > 1 {
            let touched = |name: &str| stays.iter().any(|(_, set)| set.contains_key(name));
            // Rows come to meet the condition of a key, too, or meet it no longer.
            let moves = |index: &Index| {
                let looks = |id| index.filter.as_ref().is_some_and(|filter| filter.condition.looks_at(id));
                entity.field_ids().any(|(id, field)| looks(id) && touched(column(field)))
            };
            let unique = entity.indexes.iter().filter(|index| index.unique);
            let given_up: Document = unique
                .flat_map(|index| index.fields.iter().map(move |field| (index, column(entity.field(*field)))))
                .filter(|(index, name)| *name != KEY && (touched(name) || moves(index)))
                .map(|(_, name)| name)
                .map(|name| (name.to_owned(), Bson::String(String::new())))
                .collect();
            if !given_up.is_empty() {
                for (name, _) in &given_up {
                    for (key, set) in &mut stays {
                        let row = changes
                            .iter()
                            .filter_map(|change| change.new.as_ref())
                            .find(|new| new.get(KEY) == Some(key));
                        if let Some(value) = row.and_then(|row| row.get(name)) {
                            set.insert(name, value.clone());
                        }
                    }
                }
                let keys: Vec<Bson> = stays.iter().map(|(key, _)| (*key).clone()).collect();
                let update = doc! { "q": { KEY: { "$in": keys } }, "u": { "$unset": given_up }, "multi": true };
                self.write(entity, doc! { "update": &entity.table, "updates": [update] }).await?;
            }
        }
        let updates: Vec<Document> = stays
            .into_iter()
            .filter(|(_, set)| !set.is_empty())
            .map(|(key, set)| doc! { "q": { KEY: { "$eq": key.clone() } }, "u": { "$set": set } })
            .collect();
        for chunk in updates.chunks(CHUNK) {
            self.write(entity, doc! { "update": &entity.table, "updates": chunk.to_vec() }).await?;
        }
        if !moved.is_empty() {
            let (keys, rows) = moved.into_iter().unzip();
            self.delete_all(entity, keys).await?;
            self.insert_all(entity, rows).await?;
        }
        Ok(())
    }

    pub(super) async fn insert_all(&mut self, entity: &Entity, rows: Vec<Document>) -> Result<()> {
        for chunk in rows.chunks(CHUNK) {
            self.write(entity, doc! { "insert": &entity.table, "documents": chunk.to_vec() }).await?;
        }
        Ok(())
    }

    pub(super) async fn delete_all(&mut self, entity: &Entity, keys: Vec<Bson>) -> Result<()> {
        for chunk in keys.chunks(CHUNK) {
            let delete = doc! { "q": { KEY: { "$in": chunk.to_vec() } }, "limit": 0 };
            self.write(entity, doc! { "delete": &entity.table, "deletes": [delete] }).await?;
        }
        Ok(())
    }
}

/// A value that is written.
fn given(side: &Side, speller: Speller<'_>) -> Value {
    match side {
        Side::Param(id) => speller.param(*id).clone(),
        Side::Literal(literal) => constant(literal),
        // The lowering makes nothing else.
        Side::Path { .. } | Side::Column(_) | Side::Rank(..) => Value::Null,
    }
}

/// The columns whose words are kept.
fn searchable(entity: &Entity) -> impl Iterator<Item = &str> {
    entity.searchable.iter().map(|field| column(entity.field(*field)))
}

/// A new document, with the words of its searchable fields.
fn with_words(entity: &Entity, mut row: Document) -> Document {
    let words: Document =
        searchable(entity).map(|name| (name.to_owned(), words_of(row.get(name).unwrap_or(&Bson::Null)))).collect();
    if !words.is_empty() {
        row.insert(WORDS, words);
    }
    row
}

/// The different words of a text.
pub(super) fn words_of(text: &Bson) -> Bson {
    let mut different: Vec<_> = text.as_str().map(|text| words(text).collect()).unwrap_or_default();
    different.sort_unstable();
    different.dedup();
    Bson::Array(different.into_iter().map(|word| Bson::String(word.to_string())).collect())
}

/// All declared fields.
pub(super) fn whole_rows(entity: &Entity) -> Document {
    let columns: Vec<Path> = entity.fields.iter().map(|field| Path(column(field).to_owned())).collect();
    projection(&columns)
}

/// Whether at most one row comes through: its key must equal something.
fn is_one_row(stages: &[Stage]) -> bool {
    let names_key = |condition: &Condition| {
        matches!(condition, Condition::Compare { left: Side::Path { path, .. }, op: Comparison::Eq, fold: false, right }
            if path.0 == KEY && !matches!(right, Side::Path { .. }))
    };
    match stages {
        [Stage::Match(Condition::All(parts))] => parts.iter().any(names_key),
        [Stage::Match(condition)] => names_key(condition),
        _ => false,
    }
}

/// Gives one written row to the sink.
fn give<S: RowSink + ?Sized>(
    entity: &Entity,
    returning: &[FieldId],
    row: &Document,
    passed: Option<bool>,
    sink: &mut S,
) -> Result<()> {
    let mut values = Vec::with_capacity(returning.len() + 1);
    for id in returning {
        let field = entity.field(*id);
        let value = decode_owned(&field.ty, row.get(column(field)).unwrap_or(&Bson::Null));
        values.push(value.ok_or_else(|| {
            let message = format!(
                "the stored value of {}.{} does not fit its type {}",
                entity.name,
                field.name,
                field.ty.as_str()
            );
            Error::database(message, "of another type")
        })?);
    }
    values.extend(passed.map(Value::Bool));
    let cells: Vec<ValueRef<'_>> = values.iter().map(Value::as_ref).collect();
    sink.row(&cells)
}

/// What would not be stored, whoever asks for it.
pub(super) fn refuse_nulls(entity: &Entity, row: &Document) -> Result<()> {
    let is_null = |name: &str| matches!(row.get(name), None | Some(Bson::Null));
    let nulls = entity.fields.iter().filter(|field| (field.primary || !field.nullable) && is_null(column(field)));
    let faults: Vec<FieldFault> = nulls
        .map(|field| FieldFault { field: field.name.clone(), message: "must not be null".into(), index: None })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults)) }
}

/// A filter for one value of a field.
pub(super) fn with_value(name: &str, value: &Bson) -> Document {
    one(name, doc! { "$eq": value.clone() })
}
