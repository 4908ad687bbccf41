//! Sequences: for each a document with the greatest number that its field ever held.
//!
//! Numbers are taken outside of transactions, as databases do it: a transaction that fails leaves a gap, and none waits
//! for another one's number.

use mongodb::bson::{Bson, Document, doc};

use super::command::Session;
use super::error::whole;
use super::value::one;
use crate::error::Result;
use crate::plan::operation::document::{KEY, SEQUENCES, column};
use crate::schema::increment::{fits, overflow};
use crate::schema::{Entity, Field};
use crate::value::Value;

impl Session {
    /// The next number of a sequence.
    pub(super) async fn next_number(&mut self, entity: &Entity, field: &Field) -> Result<Value> {
        let mut next = self.take_number(entity, field, None).await?;
        if next.is_none() {
            // The sequence was never used. There may be rows that another program wrote.
            let mut beside = self.beside();
            let pipeline = vec![
                doc! { "$sort": { column(field): -1 } }.into(),
                doc! { "$limit": 1 }.into(),
                doc! { "$project": { column(field): 1 } }.into(),
            ];
            let greatest = beside.all(&entity.table, pipeline).await?;
            let greatest = greatest.first().and_then(|row| row.get(column(field))).and_then(whole).unwrap_or(0);
            next = self.take_number(entity, field, Some(greatest.max(0))).await?;
        }
        next.map(Value::Int)
            .filter(|number| fits(&field.ty, number))
            .ok_or_else(|| overflow(field, "the sequence has no number left"))
    }

    async fn take_number(&mut self, entity: &Entity, field: &Field, start: Option<i64>) -> Result<Option<i64>> {
        let last = doc! { "$max": [{ "$ifNull": ["$n", start.unwrap_or(0)] }, start.unwrap_or(0)] };
        let command = doc! {
            "findAndModify": SEQUENCES,
            "query": one(KEY, name(entity, field)),
            "update": [{ "$set": { "n": { "$add": [last, Bson::Int64(1)] } } }],
            "upsert": start.is_some(),
            "new": true,
        };
        let reply = self.beside().command(command, true).await?;
        Ok(reply.get_document("value").ok().map(|row| row.get("n").and_then(whole).unwrap_or(i64::MAX)))
    }

    /// Remembers a number that was given explicitly, so that it never comes from the sequence.
    pub(super) async fn passed_number(&mut self, entity: &Entity, field: &Field, number: i64) -> Result<()> {
        if number <= 0 {
            return Ok(());
        }
        let raise: Document = doc! { "$max": { "n": number } };
        let update = doc! { "q": one(KEY, name(entity, field)), "u": raise, "upsert": true };
        self.beside().command(doc! { "update": SEQUENCES, "updates": [update] }, true).await?;
        Ok(())
    }

    /// A session beside this one's transaction.
    fn beside(&self) -> Session {
        let mut beside = Session::new(self.shared.clone());
        beside.deadline = self.deadline;
        beside.cancel = self.cancel.clone();
        beside
    }
}

fn name(entity: &Entity, field: &Field) -> String {
    format!("{}.{}", entity.table, field.column)
}
