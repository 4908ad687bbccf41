//! Conditions in the language of `$match`, which indexes serve; what it cannot say is an expression.

use mongodb::bson::raw::cstr;
use mongodb::bson::{Bson, Document, Regex, doc};

use super::{Speller, field, literal, or_null};
use crate::adapter::mongodb::text;
use crate::adapter::mongodb::value::{comparand_of, document, least, one};
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
    Path(&'c Path, &'c FieldType, bool),
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
                joined("$and", merged(spelled), Spelled::Always)
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
                Known::Path(path, FieldType::Json, _) => {
                    Spelled::When(doc! { "$expr": { "$eq": [or_null(field(path)), Bson::Null] } })
                }
                Known::Path(path, ..) => Spelled::When(one(&path.0, Bson::Null)),
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
                    Known::Path(path, ty, keyed) => {
                        known(found(path, text::matching(*op, pattern, *fold), *wanted), path, ty, keyed && *wanted)
                    }
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
            Side::Path { path, ty, keyed } => Known::Path(path, ty, *keyed),
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
            (Known::Path(path, ty, keyed), Known::Value(value)) => {
                known(against(path, ty, op, &value, fold)?, path, ty, keyed && is_upper(op))
            }
            (Known::Value(value), Known::Path(path, ty, keyed)) => {
                let op = turned(op);
                known(against(path, ty, op, &value, fold)?, path, ty, keyed && is_upper(op))
            }
            (Known::Path(left, ..), Known::Path(right, ..)) if !fold => {
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
        let (path, ty, keyed) = match self.known(value)? {
            Known::Path(path, ty, keyed) => (path, ty, keyed),
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
        let items = list.iter().filter(|item| !item.is_null());
        if fold {
            let found = text::one_of(items.filter_map(Value::as_str)).into_iter();
            let found = found.map(|pattern| one(&path.0, doc! { "$regex": regex(pattern) })).collect();
            return Ok(match (joined("$or", found, Spelled::Never), wanted) {
                (Spelled::When(found), false) => Spelled::When(doc! { "$nor": [found, one(&path.0, Bson::Null)] }),
                (spelled, _) => spelled,
            });
        }
        let mut items = items.map(|item| comparand_of(ty, item)).collect::<Result<Vec<Bson>>>()?;
        if !wanted {
            items.push(Bson::Null);
            return Ok(Spelled::When(doc! { &path.0: { "$nin": items } }));
        }
        Ok(known(Spelled::When(doc! { &path.0: { "$in": items } }), path, ty, keyed))
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
        // Of these types no value is a document, which could be taken for a rule.
        Comparison::Eq => one(&path.0, value),
        op => doc! { &path.0: { operator(op): value } },
    }))
}

/// A condition on a field that a unique key is over, with what its index asks for: a value that is at least the least one
/// of its type. It only says what holds anyway, but the database uses an index over some documents only where it is said,
/// or follows from one equality or lower bound.
fn known(spelled: Spelled, path: &Path, ty: &FieldType, keyed: bool) -> Spelled {
    match spelled {
        Spelled::When(mut condition) if keyed => {
            if let Ok(rules) = condition.get_document_mut(&path.0) {
                rules.insert("$gte", least(ty));
            }
            Spelled::When(condition)
        }
        spelled => spelled,
    }
}

/// Whether nothing but an upper bound is given.
fn is_upper(op: Comparison) -> bool {
    match op {
        Comparison::Lt | Comparison::Lte => true,
        Comparison::Eq | Comparison::Ne | Comparison::Gt | Comparison::Gte => false,
    }
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

/// Documents that must all match, as one where each is about other fields or says something else of the same one. The
/// database takes them apart again; some that speak its language look for an index only in what stands at the top.
fn merged(parts: Vec<Document>) -> Vec<Document> {
    let is_rules = |value: &Bson| {
        value.as_document().is_some_and(|rules| !rules.is_empty() && rules.keys().all(|name| name.starts_with('$')))
    };
    let mut all = Document::new();
    let mut rest = Vec::new();
    for part in parts {
        let fits = part.iter().all(|(name, value)| match (all.get(name), value) {
            (None, _) => true,
            (Some(Bson::Document(known)), Bson::Document(new)) if !name.starts_with('$') => {
                is_rules(value) && known.keys().all(|rule| rule.starts_with('$') && !new.contains_key(rule))
            }
            (Some(_), _) => false,
        });
        if !fits {
            rest.push(part);
            continue;
        }
        for (name, value) in part {
            match (all.get_mut(&name), value) {
                (Some(Bson::Document(known)), Bson::Document(new)) => known.extend(new),
                (_, value) => {
                    all.insert(name, value);
                }
            }
        }
    }
    if !all.is_empty() {
        rest.insert(0, all);
    }
    rest
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
