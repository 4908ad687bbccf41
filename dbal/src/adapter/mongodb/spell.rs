//! The neutral form in the words of MongoDB's aggregation. Values are in it as BSON values, never as parts of a text, and
//! names come from the schema: nothing of a request can become an operator.

mod condition;
mod json;

use mongodb::bson::{Bson, Document, doc};

pub(super) use self::condition::{Spelled, compared, constant, matched};
use super::value::one;
use crate::error::{Error, Result};
use crate::plan::operation::document::ParamId;
use crate::plan::operation::document::{Amount, Join, KEY, Path, SortKey, Stage};
use crate::value::Value;

/// Spells the stages of one statement with the values of its parameters.
#[derive(Clone, Copy)]
pub(super) struct Speller<'p> {
    pub(super) params: &'p [Value],
}

/// A path as an expression.
pub(super) fn field(path: &Path) -> Bson {
    Bson::String(format!("${}", path.0))
}

/// An expression, null where there is nothing.
pub(super) fn or_null(expression: impl Into<Bson>) -> Document {
    doc! { "$ifNull": [expression.into(), Bson::Null] }
}

/// A value as an expression that is only this value.
pub(super) fn literal(value: impl Into<Bson>) -> Document {
    one("$literal", value)
}

impl<'p> Speller<'p> {
    pub(super) fn param(&self, id: ParamId) -> &'p Value {
        self.params.get(usize::from(id.0)).unwrap_or(&Value::Null)
    }

    /// How many; none for no bound.
    pub(super) fn amount(&self, amount: Amount) -> Result<Option<i64>> {
        match amount {
            Amount::Fixed(number) => Ok(Some(i64::try_from(number).unwrap_or(i64::MAX))),
            Amount::Param(id) => match self.param(id) {
                Value::Null | Value::Undefined => Ok(None),
                Value::Int(number) if *number >= 0 => Ok(Some(*number)),
                other => Err(Error::internal(format!("a limit or an offset is {}", other.kind()))),
            },
        }
    }

    /// The pipeline; none where nothing can come through.
    pub(super) fn pipeline(&self, stages: &[Stage]) -> Result<Option<Vec<Bson>>> {
        let mut pipeline = Vec::with_capacity(stages.len() + 1);
        for stage in stages {
            if !self.stage(stage, &mut pipeline)? {
                return Ok(None);
            }
        }
        Ok(Some(pipeline))
    }

    /// False where nothing comes through.
    fn stage(&self, stage: &Stage, pipeline: &mut Vec<Bson>) -> Result<bool> {
        let mut push = |document: Document| pipeline.push(document.into());
        match stage {
            Stage::Match(condition) => match self.condition(condition)? {
                Spelled::Always => {}
                Spelled::Never => return Ok(false),
                Spelled::When(document) => push(doc! { "$match": document }),
            },
            Stage::Join(join) => push(self.join(join)?),
            Stage::First(name) => push(doc! { "$set": { name: { "$arrayElemAt": [format!("${name}"), 0] } } }),
            Stage::Rank { of, values, into } => {
                let position = doc! { "$indexOfArray": [literal(values.clone()), or_null(field(of))] };
                let rank = doc! { "$cond": [{ "$lt": ["$$at", 0] }, Bson::Null, { "$toLong": "$$at" }] };
                push(doc! { "$set": { into: { "$let": { "vars": { "at": position }, "in": rank } } } });
            }
            Stage::Missing { of, into } => {
                push(doc! { "$set": { into: { "$eq": [or_null(field(of)), Bson::Null] } } });
            }
            Stage::Sort(keys) => push(doc! { "$sort": order(keys) }),
            Stage::Skip(amount) => match self.amount(*amount)? {
                None | Some(0) => {}
                Some(number) => push(doc! { "$skip": number }),
            },
            Stage::Limit(amount) => match self.amount(*amount)? {
                None => {}
                Some(0) => return Ok(false),
                Some(number) => push(doc! { "$limit": number }),
            },
            Stage::Each { of, order: keys, skip, limit } => {
                let skip = skip.map(|skip| self.amount(skip)).transpose()?.flatten().unwrap_or(0);
                let limit = limit.map(|limit| self.amount(limit)).transpose()?.flatten();
                if limit == Some(0) {
                    return Ok(false);
                }
                push(doc! { "$setWindowFields": {
                    "partitionBy": field(of),
                    "sortBy": order(keys),
                    "output": { "~at": { "$documentNumber": {} } },
                } });
                let mut bounds = doc! { "$gt": skip };
                if let Some(limit) = limit {
                    bounds.insert("$lte", skip.saturating_add(limit));
                }
                push(doc! { "$match": { "~at": bounds } });
            }
            Stage::Meet { this, other, collection, remote, into } => {
                push(doc! { "$match": { &other.0: { "$ne": Bson::Null } } });
                push(doc! { "$group": { KEY: { "this": field(this), "other": field(other) } } });
                push(doc! { "$lookup": {
                    "from": collection,
                    "localField": "_id.other",
                    "foreignField": &remote.0,
                    "as": "~met",
                } });
                push(doc! { "$unwind": "$~met" });
                let row = doc! { "$mergeObjects": ["$~met", { into: "$_id.this" }] };
                push(doc! { "$replaceRoot": { "newRoot": row } });
            }
        }
        Ok(true)
    }

    fn join(&self, join: &Join) -> Result<Document> {
        let mut pipeline = Vec::new();
        // To the database a null equals a null, and what is not there.
        if join.foreign.0 != KEY {
            pipeline.push(doc! { "$match": { &join.foreign.0: { "$ne": Bson::Null } } }.into());
        }
        match self.pipeline(&join.stages)? {
            Some(stages) => pipeline.extend(stages),
            None => pipeline = vec![doc! { "$match": nothing() }.into()],
        }
        Ok(doc! { "$lookup": {
            "from": &join.collection,
            "localField": &join.local.0,
            "foreignField": &join.foreign.0,
            "pipeline": pipeline,
            "as": &join.into,
        } })
    }
}

/// Matches no document.
pub(super) fn nothing() -> Document {
    doc! { KEY: { "$in": [] } }
}

fn order(keys: &[SortKey]) -> Document {
    keys.iter().map(|key| (key.path.0.clone(), Bson::Int32(if key.descending { -1 } else { 1 }))).collect()
}
