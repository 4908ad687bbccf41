//! Conditions in the language of `$match`, which indexes serve; what it cannot say is an expression.

use mongodb::bson::raw::cstr;
use mongodb::bson::{Bson, Document, Regex, doc};

use super::{Speller, field, literal, or_null};
use crate::adapter::mongodb::text;
use crate::adapter::mongodb::value::{comparand_of, document, one};
use crate::error::{Error, Result};
use crate::plan::operation::document::{Comparison, Literal, TextMatch};
use crate::plan::operation::document::{Condition, Path, Side};
use crate::schema::FieldType;
use crate::value::order::{compare, equal};
use crate::value::text::fold as folded;
use crate::value::{Value, ValueRef};

/// A condition with its values.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::adapter::mongodb) enum Spelled {
    /// It holds for every document.
    Always,
    /// It holds for none.
    Never,
    /// It holds for those that match.
    When(Document),
}

impl From<bool> for Spelled {
    fn from(truth: bool) -> Self {
        if truth { Spelled::Always } else { Spelled::Never }
    }
}

/// A side with its value, if it has one before there is a document.
enum Known<'c, 'p> {
    Path(&'c Path, &'c FieldType),
    Value(std::borrow::Cow<'p, Value>),
}

impl<'p> Speller<'p> {
    pub(in crate::adapter::mongodb) fn condition(&self, condition: &Condition) -> Result<Spelled> {
        Ok(match condition {
            Condition::Const(truth) => Spelled::from(*truth),
            Condition::All(parts) => {
                let mut spelled = Vec::with_capacity(parts.len());
                for part in parts {
                    match self.condition(part)? {
                        Spelled::Always => {}
                        Spelled::Never => return Ok(Spelled::Never),
                        Spelled::When(part) => spelled.push(part),
                    }
                }
                joined("$and", spelled, Spelled::Always)
            }
            Condition::Any(parts) => {
                let mut spelled = Vec::with_capacity(parts.len());
                for part in parts {
                    match self.condition(part)? {
                        Spelled::Always => return Ok(Spelled::Always),
                        Spelled::Never => {}
                        Spelled::When(part) => spelled.push(part),
                    }
                }
                joined("$or", spelled, Spelled::Never)
            }
            Condition::Not(inner) => match self.condition(inner)? {
                Spelled::Always => Spelled::Never,
                Spelled::Never => Spelled::Always,
                Spelled::When(inner) => Spelled::When(doc! { "$nor": [inner] }),
            },
            Condition::Compare { left, op, right, fold } => self.compare(left, *op, right, *fold)?,
            Condition::In { value, list, fold, wanted } => {
                let Some(list) = self.param(*list).as_list() else { return Ok(Spelled::Never) };
                if list.is_empty() {
                    return Ok(Spelled::from(!wanted));
                }
                self.within(value, list, *fold, *wanted)?
            }
            Condition::Null(side) => match self.known(side)? {
                Known::Value(value) => Spelled::from(value.is_null()),
                Known::Path(path, FieldType::Json) => {
                    Spelled::When(doc! { "$expr": { "$eq": [or_null(field(path)), Bson::Null] } })
                }
                Known::Path(path, _) => Spelled::When(one(&path.0, Bson::Null)),
            },
            Condition::Text { value, op, pattern, fold, wanted } => {
                let pattern = match self.known(pattern)? {
                    Known::Value(pattern) => pattern,
                    Known::Path(..) => return Err(Error::internal("a pattern is never a field")),
                };
                let Some(pattern) = pattern.as_str() else { return Ok(Spelled::Never) };
                match self.known(value)? {
                    Known::Value(value) => {
                        Spelled::from(matched(*op, value.as_ref().as_ref(), pattern, *fold) == Some(*wanted))
                    }
                    Known::Path(path, _) => found(path, text::matching(*op, pattern, *fold), *wanted),
                }
            }
            Condition::Json { document, path, test, wanted } => self.json(document, path, test, *wanted)?,
            Condition::Word { paths, word, prefix, wanted } => {
                let Some(word) = self.param(*word).as_str() else { return Ok(Spelled::from(!wanted)) };
                let found = match prefix {
                    true => doc! { "$regex": regex(text::matching(TextMatch::StartsWith, word, false)) },
                    false => doc! { "$eq": word },
                };
                let among = paths.iter().map(|path| one(&path.0, found.clone())).collect();
                match (joined("$or", among, Spelled::Never), wanted) {
                    (Spelled::When(found), false) => Spelled::When(doc! { "$nor": [found] }),
                    (spelled, _) => spelled,
                }
            }
            Condition::Empty(list) => Spelled::When(doc! { list: { "$size": 0 } }),
        })
    }

    fn known<'c>(&self, side: &'c Side) -> Result<Known<'c, 'p>> {
        use std::borrow::Cow::{Borrowed, Owned};
        Ok(match side {
            Side::Path { path, ty } => Known::Path(path, ty),
            Side::Param(id) => Known::Value(Borrowed(self.param(*id))),
            Side::Literal(literal) => Known::Value(Owned(constant(literal))),
            Side::Rank(id, values) => {
                let word = self.param(*id).as_str();
                let rank = word.and_then(|word| values.iter().position(|value| value == word));
                Known::Value(Owned(rank.map_or(Value::Null, |rank| Value::Int(rank as i64))))
            }
            Side::Column(_) => return Err(Error::internal("a document is no group")),
        })
    }

    fn compare(&self, left: &Side, op: Comparison, right: &Side, fold: bool) -> Result<Spelled> {
        Ok(match (self.known(left)?, self.known(right)?) {
            (Known::Value(left), Known::Value(right)) => {
                Spelled::from(compared(op, left.as_ref().as_ref(), right.as_ref().as_ref(), fold) == Some(true))
            }
            (Known::Path(path, ty), Known::Value(value)) => against(path, ty, op, &value, fold)?,
            (Known::Value(value), Known::Path(path, ty)) => against(path, ty, turned(op), &value, fold)?,
            (Known::Path(left, _), Known::Path(right, _)) if !fold => {
                let known = |path: &Path| doc! { "$ne": [or_null(field(path)), Bson::Null] };
                let holds = one(operator(op), vec![field(left), field(right)]);
                Spelled::When(doc! { "$expr": { "$and": [known(left), known(right), holds] } })
            }
            (Known::Path(..), Known::Path(..)) => {
                return Err(Error::internal("two fields are not compared without regard to case"));
            }
        })
    }

    fn within(&self, value: &Side, list: &[Value], fold: bool, wanted: bool) -> Result<Spelled> {
        let (path, ty) = match self.known(value)? {
            Known::Path(path, ty) => (path, ty),
            Known::Value(value) if value.is_null() => return Ok(Spelled::Never),
            Known::Value(value) => {
                let value = value.as_ref().as_ref();
                let equals = |item: &Value| compared(Comparison::Eq, value, item.as_ref(), fold) == Some(true);
                return Ok(Spelled::from(list.iter().any(equals) == wanted));
            }
        };
        if *ty == FieldType::Json {
            let items: Vec<Bson> = list.iter().map(document).collect();
            let is_in = doc! { "$in": [field(path), literal(items)] };
            let holds = if wanted {
                is_in
            } else {
                doc! { "$not": [is_in] }
            };
            let known = doc! { "$ne": [or_null(field(path)), Bson::Null] };
            return Ok(Spelled::When(doc! { "$expr": { "$and": [known, holds] } }));
        }
        let known = list.iter().filter(|item| !item.is_null());
        if fold {
            let found = text::one_of(known.filter_map(Value::as_str)).into_iter();
            let found = found.map(|pattern| one(&path.0, doc! { "$regex": regex(pattern) })).collect();
            return Ok(match (joined("$or", found, Spelled::Never), wanted) {
                (Spelled::When(found), false) => Spelled::When(doc! { "$nor": [found, one(&path.0, Bson::Null)] }),
                (spelled, _) => spelled,
            });
        }
        let mut items = known.map(|item| comparand_of(ty, item)).collect::<Result<Vec<Bson>>>()?;
        Ok(Spelled::When(if wanted {
            doc! { &path.0: { "$in": items } }
        } else {
            items.push(Bson::Null);
            doc! { &path.0: { "$nin": items } }
        }))
    }
}

/// A field compared with a value.
fn against(path: &Path, ty: &FieldType, op: Comparison, value: &Value, fold: bool) -> Result<Spelled> {
    if value.is_null() {
        return Ok(Spelled::Never);
    }
    if *ty == FieldType::Json {
        // In `$match`, a list is also equal to any of its items.
        let known = doc! { "$ne": [or_null(field(path)), Bson::Null] };
        let holds = one(operator(op), vec![field(path), literal(document(value)).into()]);
        return Ok(Spelled::When(doc! { "$expr": { "$and": [known, holds] } }));
    }
    match (value, op) {
        (Value::Text(word), Comparison::Eq) if fold => return Ok(found(path, text::exactly(word, true), true)),
        (Value::Text(word), Comparison::Ne) if fold => return Ok(found(path, text::exactly(word, true), false)),
        _ if fold => return Err(Error::internal("there is no order without regard to case")),
        _ => {}
    }
    let value = comparand_of(ty, value)?;
    Ok(Spelled::When(match op {
        Comparison::Ne => doc! { &path.0: { "$nin": [value, Bson::Null] } },
        op => doc! { &path.0: { operator(op): value } },
    }))
}

/// Whether an expression finds something in a text that is not null.
fn found(path: &Path, pattern: String, wanted: bool) -> Spelled {
    Spelled::When(match wanted {
        true => one(&path.0, doc! { "$regex": regex(pattern) }),
        false => doc! { &path.0: { "$not": { "$regex": regex(pattern) }, "$ne": Bson::Null } },
    })
}

/// Text without NUL, as every text of a request is; one that has it would match nothing.
pub(super) fn regex(pattern: String) -> Bson {
    let pattern = pattern.try_into().unwrap_or_else(|_| cstr!("(?!)").to_owned());
    Bson::RegularExpression(Regex { pattern, options: cstr!("").to_owned() })
}

fn joined(word: &str, mut parts: Vec<Document>, none: Spelled) -> Spelled {
    match parts.len() {
        0 => none,
        1 => parts.pop().map_or(none, Spelled::When),
        _ => Spelled::When(one(word, parts)),
    }
}

pub(super) fn operator(op: Comparison) -> &'static str {
    match op {
        Comparison::Eq => "$eq",
        Comparison::Ne => "$ne",
        Comparison::Lt => "$lt",
        Comparison::Lte => "$lte",
        Comparison::Gt => "$gt",
        Comparison::Gte => "$gte",
    }
}

/// The same with the sides exchanged.
fn turned(op: Comparison) -> Comparison {
    match op {
        Comparison::Eq | Comparison::Ne => op,
        Comparison::Lt => Comparison::Gt,
        Comparison::Lte => Comparison::Gte,
        Comparison::Gt => Comparison::Lt,
        Comparison::Gte => Comparison::Lte,
    }
}

pub(in crate::adapter::mongodb) fn constant(literal: &Literal) -> Value {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(truth) => Value::Bool(*truth),
        Literal::Int(number) => Value::Int(*number),
        Literal::Word(word) => Value::Text(word.clone()),
    }
}

/// A comparison of two values; unknown when either is null.
pub(in crate::adapter::mongodb) fn compared(
    op: Comparison,
    left: ValueRef<'_>,
    right: ValueRef<'_>,
    fold: bool,
) -> Option<bool> {
    match (op, left, right) {
        (_, ValueRef::Text(left), ValueRef::Text(right)) if fold => Some(op.holds(folded(left).cmp(&folded(right)))),
        (Comparison::Eq, ..) => equal(left, right),
        (Comparison::Ne, ..) => equal(left, right).map(|same| !same),
        _ => compare(left, right).map(|order| op.holds(order)),
    }
}

/// A text match of two values; unknown where the first is no text.
pub(in crate::adapter::mongodb) fn matched(
    op: TextMatch,
    text: ValueRef<'_>,
    pattern: &str,
    fold: bool,
) -> Option<bool> {
    match text {
        ValueRef::Text(text) if fold => Some(op.holds_folded(text, pattern)),
        ValueRef::Text(text) => Some(op.holds(text, pattern)),
        _ => None,
    }
}
