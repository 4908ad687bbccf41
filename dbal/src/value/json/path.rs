//! Paths into documents, and what a test at a path means. `query::eval` and the SQLite adapter's function both ask here.

use super::parse::Parser;
use super::write::write_text;
use super::{Limits, compare, equal, parse};
use crate::error::Result;
use crate::value::text::TextMatch;
use crate::value::{Comparison, Value};

/// One step into a json document.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathStep {
    /// A member of an object; nothing in an array.
    Key(String),
    /// An element of an array from 0; nothing in an object.
    Index(u32),
}

/// What is asked of the value at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// Typed comparison with the operand: 1 is not "1". Order only between numbers or between texts.
    Compare(Comparison),
    /// Equal to an item of the operand, a list without nulls.
    In,
    /// Something is there, JSON null included. The operand is not looked at.
    Exists,
    /// The operand matches as a pattern; unknown where the value is not text.
    Text {
        /// How it is matched.
        op: TextMatch,
        /// Case-insensitive.
        fold: bool,
    },
}

impl Test {
    const WORDS: [(&'static str, Test); 16] = [
        ("eq", Test::Compare(Comparison::Eq)),
        ("ne", Test::Compare(Comparison::Ne)),
        ("lt", Test::Compare(Comparison::Lt)),
        ("lte", Test::Compare(Comparison::Lte)),
        ("gt", Test::Compare(Comparison::Gt)),
        ("gte", Test::Compare(Comparison::Gte)),
        ("in", Test::In),
        ("exists", Test::Exists),
        ("contains", Test::Text { op: TextMatch::Contains, fold: false }),
        ("starts_with", Test::Text { op: TextMatch::StartsWith, fold: false }),
        ("ends_with", Test::Text { op: TextMatch::EndsWith, fold: false }),
        ("like", Test::Text { op: TextMatch::Like, fold: false }),
        ("icontains", Test::Text { op: TextMatch::Contains, fold: true }),
        ("istarts_with", Test::Text { op: TextMatch::StartsWith, fold: true }),
        ("iends_with", Test::Text { op: TextMatch::EndsWith, fold: true }),
        ("ilike", Test::Text { op: TextMatch::Like, fold: true }),
    ];

    /// The word for it in lowered statements.
    pub fn as_str(self) -> &'static str {
        let known = Test::WORDS.iter().find(|(_, test)| *test == self);
        known.map(|(word, _)| *word).expect("WORDS has every test, as a unit test proves")
    }

    /// The test of a word.
    pub fn parse(word: &str) -> Option<Test> {
        Test::WORDS.iter().find(|(known, _)| *known == word).map(|(_, test)| *test)
    }
}

/// The value at a path; none where a step finds nothing.
///
/// ```
/// use dbal::{value, value::json::{at_path, PathStep}};
/// let document = value!({ "tags": ["a", "b"] });
/// let path = [PathStep::Key("tags".into()), PathStep::Index(1)];
/// assert_eq!(at_path(&document, &path).unwrap().as_str(), Some("b"));
/// ```
pub fn at_path<'v>(document: &'v Value, path: &[PathStep]) -> Option<&'v Value> {
    path.iter().try_fold(document, |value, step| match (step, value) {
        (PathStep::Key(key), Value::Map(map)) => map.get(key),
        (PathStep::Index(index), Value::List(list)) => list.get(usize::try_from(*index).ok()?),
        _ => None,
    })
}

/// [`at_path`] in the text of a document: only the value found is built. The text must be JSON; what lies behind the
/// value is not looked at.
pub fn find(document: &[u8], path: &[PathStep]) -> Result<Option<Value>> {
    let limits = Limits::default();
    let mut parser = Parser::new(document, &limits);
    let mut peek = parser.peek()?;
    for step in path {
        let found = match step {
            PathStep::Key(key) if peek == jiter::Peek::Object => find_key(&mut parser, key)?,
            PathStep::Index(index) if peek == jiter::Peek::Array => find_index(&mut parser, *index)?,
            _ => None,
        };
        match found {
            Some(next) => peek = next,
            None => return Ok(None),
        }
    }
    parser.value(peek, limits.depth).map(Some)
}

fn find_key(parser: &mut Parser<'_>, wanted: &str) -> Result<Option<jiter::Peek>> {
    let mut next = parser.first_key()?;
    while let Some(key) = next {
        let peek = parser.peek()?;
        if key == wanted {
            return Ok(Some(peek));
        }
        parser.skip(peek)?;
        next = parser.next_key()?;
    }
    Ok(None)
}

fn find_index(parser: &mut Parser<'_>, wanted: u32) -> Result<Option<jiter::Peek>> {
    let mut next = parser.first_item()?;
    for _ in 0..wanted {
        let Some(peek) = next else { break };
        parser.skip(peek)?;
        next = parser.next_item()?;
    }
    Ok(next)
}

/// The answer of a test on what [`at_path`] or [`find`] found in a document. It has three values; `None` is unknown.
///
/// A missing path is unknown to every test but three: `$exists` is false there, and `$eq: null` and `$ne: null` treat it
/// as null. A column that is null as a whole has no paths: do not ask, the answer is unknown. Nothing is in an
/// empty list, found or not.
///
/// ```
/// use dbal::{value::json::{test, Test}, value::Comparison, Value};
/// let ne = Test::Compare(Comparison::Ne);
/// assert_eq!(test(Some(&Value::Null), ne, &Value::Int(1)), Some(true));
/// assert_eq!(test(None, ne, &Value::Int(1)), None);
/// ```
pub fn test(found: Option<&Value>, test: Test, operand: &Value) -> Option<bool> {
    match test {
        Test::Exists => Some(found.is_some()),
        Test::Compare(Comparison::Eq) if operand.is_null() => Some(found.is_none_or(Value::is_null)),
        Test::Compare(Comparison::Ne) if operand.is_null() => Some(!found.is_none_or(Value::is_null)),
        Test::Compare(Comparison::Eq) => found.map(|value| equal(value, operand)),
        Test::Compare(Comparison::Ne) => found.map(|value| !equal(value, operand)),
        Test::Compare(op) => match (found?, operand) {
            (value @ (Value::Int(_) | Value::Float(_) | Value::Text(_)), operand) => {
                compare(value, operand).map(|order| op.holds(order))
            }
            _ => None,
        },
        Test::In => match operand {
            Value::List(list) if list.is_empty() => Some(false),
            Value::List(list) => found.map(|value| list.iter().any(|item| equal(value, item))),
            _ => None,
        },
        Test::Text { op, fold } => match (found?, operand) {
            (Value::Text(text), Value::Text(pattern)) if fold => Some(op.holds_folded(text, pattern)),
            (Value::Text(text), Value::Text(pattern)) => Some(op.holds(text, pattern)),
            _ => None,
        },
    }
}

/// The canonical text of a path: a JSON array of keys and indexes.
///
/// ```
/// use dbal::value::json::{parse_path, path_text, PathStep};
/// let path = vec![PathStep::Key("a".into()), PathStep::Index(0)];
/// assert_eq!(path_text(&path), r#"["a",0]"#);
/// assert_eq!(parse_path(r#"["a",0]"#), Some(path));
/// ```
pub fn path_text(path: &[PathStep]) -> String {
    let mut text = String::from("[");
    for (position, step) in path.iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        match step {
            PathStep::Key(key) => write_text(key, &mut text),
            PathStep::Index(index) => text.push_str(&index.to_string()),
        }
    }
    text.push(']');
    text
}

/// The path of such a text.
pub fn parse_path(text: &str) -> Option<Vec<PathStep>> {
    let Value::List(steps) = parse(text.as_bytes()).ok()? else {
        return None;
    };
    let step = |step| match step {
        Value::Text(key) => Some(PathStep::Key(key)),
        Value::Int(index) => u32::try_from(index).ok().map(PathStep::Index),
        _ => None,
    };
    steps.into_iter().map(step).collect()
}
