//! Tests of the value at a path of a json document. The database's own paths lead through lists into their items, ours do
//! not, so each step is an expression that says of what it is a step.

use mongodb::bson::{Bson, Document, doc};

use super::condition::{operator, regex};
use super::{Spelled, Speller, field, literal, or_null};
use crate::adapter::mongodb::text;
use crate::adapter::mongodb::value::{document as stored, one, stored_key};
use crate::error::Result;
use crate::plan::operation::document::Path;
use crate::plan::operation::document::{Comparison, JsonTest, PathStep};
use crate::value::Value;

impl Speller<'_> {
    pub(super) fn json(&self, document: &Path, path: &[PathStep], test: &JsonTest, wanted: bool) -> Result<Spelled> {
        let holds = match test {
            JsonTest::In(list) => match self.param(*list).as_list() {
                None => return Ok(Spelled::Never),
                Some([]) => return Ok(Spelled::from(!wanted)),
                Some(list) => {
                    let items: Vec<Bson> = list.iter().map(stored).collect();
                    known_and(doc! { "$in": ["$$at", literal(items)] }, wanted)
                }
            },
            JsonTest::Exists if wanted => is_there(),
            JsonTest::Exists => doc! { "$not": [is_there()] },
            JsonTest::Compare(op, operand) => match compared(*op, self.param(*operand), wanted) {
                Some(holds) => holds,
                None => return Ok(Spelled::Never),
            },
            JsonTest::Text { op, pattern, fold } => {
                let Some(pattern) = self.param(*pattern).as_str() else { return Ok(Spelled::Never) };
                let found =
                    doc! { "$regexMatch": { "input": "$$at", "regex": regex(text::matching(*op, pattern, *fold)) } };
                let found = if wanted {
                    found
                } else {
                    doc! { "$not": [found] }
                };
                doc! { "$cond": [is_a("string"), found, false] }
            }
        };
        let known = doc! { "$ne": [or_null(field(document)), Bson::Null] };
        let at = doc! { "at": or_null(doc! { "$arrayElemAt": ["$$found", 0] }) };
        let asked = doc! { "$let": { "vars": at, "in": holds } };
        let asked = doc! { "$let": { "vars": { "found": at_path(document, path) }, "in": asked } };
        Ok(Spelled::When(doc! { "$expr": { "$and": [known, asked] } }))
    }
}

/// A list of what stands at a path; an empty one where a step finds nothing. A missing value is not told from a null by
/// every expression of the database, and an empty list is. The steps are data of one expression, so that a long path is
/// no deeper than a short one.
fn at_path(document: &Path, path: &[PathStep]) -> Document {
    let step = |step: &PathStep| match step {
        PathStep::Key(key) => doc! { "key": stored_key(key), "index": -1 },
        // No list is so long that it matters.
        PathStep::Index(index) => doc! { "key": "", "index": i32::try_from(*index).unwrap_or(i32::MAX) },
    };
    let steps: Vec<Document> = path.iter().map(step).collect();
    let member = doc! { "$filter": {
        "input": { "$objectToArray": "$$at" },
        "as": "member",
        "cond": { "$eq": ["$$member.k", "$$step.key"] },
    } };
    let member = doc! { "$map": { "input": member, "as": "member", "in": "$$member.v" } };
    let item = doc! { "$slice": ["$$at", "$$step.index", 1] };
    let found = doc! { "$switch": {
        "branches": [
            { "case": { "$and": [{ "$lt": ["$$step.index", 0] }, is_a("object")] }, "then": member },
            { "case": { "$and": [{ "$gte": ["$$step.index", 0] }, { "$isArray": "$$at" }] }, "then": item },
        ],
        "default": [],
    } };
    let at = doc! { "at": or_null(doc! { "$arrayElemAt": ["$$value", 0] }), "step": "$$this" };
    doc! { "$reduce": {
        "input": literal(steps),
        "initialValue": [field(document)],
        "in": { "$let": { "vars": at, "in": found } },
    } }
}

fn is_there() -> Document {
    doc! { "$ne": ["$$found", []] }
}

fn is_a(kind: &str) -> Document {
    doc! { "$eq": [{ "$type": "$$at" }, kind] }
}

/// The condition or its opposite, where something is there.
fn known_and(condition: Document, wanted: bool) -> Document {
    match wanted {
        true => doc! { "$and": [is_there(), condition] },
        false => doc! { "$and": [is_there(), { "$not": [condition] }] },
    }
}

/// A comparison with what stands there; none where no value can be compared so.
fn compared(op: Comparison, operand: &Value, wanted: bool) -> Option<Document> {
    let operand_is_null = operand.is_null();
    match op {
        Comparison::Eq | Comparison::Ne => {
            let equal = wanted == (op == Comparison::Eq);
            Some(if operand_is_null {
                let word = if equal { "$eq" } else { "$ne" };
                one(word, vec![or_null("$$at").into(), Bson::Null])
            } else {
                known_and(doc! { "$eq": ["$$at", literal(stored(operand))] }, equal)
            })
        }
        _ => {
            let kind = match operand {
                Value::Int(_) | Value::Float(_) => doc! { "$isNumber": "$$at" },
                Value::Text(_) => is_a("string"),
                _ => return None,
            };
            let holds = one(operator(op), vec![Bson::String("$$at".into()), literal(stored(operand)).into()]);
            let holds = if wanted {
                holds
            } else {
                doc! { "$not": [holds] }
            };
            Some(doc! { "$and": [kind, holds] })
        }
    }
}
