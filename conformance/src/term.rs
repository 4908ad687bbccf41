//! Values as a case writes them: literals, typed escapes, references to saved results, matchers.

use std::collections::HashMap;

use dbal::value::Uuid;
use dbal::yaml::{Kind, Node, Report};
use dbal::{Decimal, Map, Name, Value};

use crate::spell;

/// A value of a request or of an expectation, before references are resolved.
#[derive(Clone, Debug)]
pub enum Term {
    /// This value.
    Value(Value),
    /// A list of terms.
    List(Vec<Term>),
    /// Names and terms.
    Map(Vec<(Name, Term)>),
    /// Part of a saved result, such as `a.id`.
    Ref(String),
    /// In expectations: any value of this kind.
    Any(AnyOf),
    /// In expectations: a greater number, a later instant or a greater text.
    After(Box<Term>),
    /// In expectations: anything else.
    Differs(Box<Term>),
    /// In expectations: a map with exactly these names, a list with exactly these items, all the way down.
    Exact(Box<Term>),
}

/// What `{ $any: kind }` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the kind of value of its name")]
pub enum AnyOf {
    Value,
    Text,
    Uuid,
    Integer,
    Float,
    Decimal,
    Boolean,
    DateTime,
    Date,
    Bytes,
    List,
    Map,
    Token,
}

impl AnyOf {
    const WORDS: [(&'static str, AnyOf); 13] = [
        ("value", AnyOf::Value),
        ("text", AnyOf::Text),
        ("uuid", AnyOf::Uuid),
        ("integer", AnyOf::Integer),
        ("float", AnyOf::Float),
        ("decimal", AnyOf::Decimal),
        ("boolean", AnyOf::Boolean),
        ("datetime", AnyOf::DateTime),
        ("date", AnyOf::Date),
        ("bytes", AnyOf::Bytes),
        ("list", AnyOf::List),
        ("map", AnyOf::Map),
        ("token", AnyOf::Token),
    ];

    /// Whether a value is of this kind.
    pub fn takes(self, value: &Value) -> bool {
        match (self, value) {
            (AnyOf::Value, value) => !matches!(value, Value::Null | Value::Undefined),
            // 256 bits in base64url without padding.
            (AnyOf::Token, Value::Text(text)) => {
                text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            }
            (AnyOf::Text, Value::Text(_))
            | (AnyOf::Uuid, Value::Uuid(_))
            | (AnyOf::Integer, Value::Int(_))
            | (AnyOf::Float, Value::Float(_))
            | (AnyOf::Decimal, Value::Decimal(_))
            | (AnyOf::Boolean, Value::Bool(_))
            | (AnyOf::DateTime, Value::DateTime(_))
            | (AnyOf::Date, Value::Date(_))
            | (AnyOf::Bytes, Value::Bytes(_))
            | (AnyOf::List, Value::List(_))
            | (AnyOf::Map, Value::Map(_)) => true,
            _ => false,
        }
    }
}

/// Whether matchers may stand here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// In a request.
    Given,
    /// In an expectation.
    Expected,
}

/// Reads a term; faults go to the report, and null stands in for what could not be read.
pub fn read(node: &Node, side: Side, report: &Report) -> Term {
    match &node.kind {
        Kind::List(items) => Term::List(items.iter().map(|item| read(item, side, report)).collect()),
        Kind::Map(entries) => {
            if let [only] = &entries[..]
                && let Some(term) = escape(&only.key, &only.value, side, report)
            {
                return term;
            }
            Term::Map(entries.iter().map(|e| (Name::from(e.key.clone()), read(&e.value, side, report))).collect())
        }
        Kind::Null => Term::Value(Value::Null),
        Kind::Bool(flag) => Term::Value(Value::Bool(*flag)),
        Kind::Text(text) => Term::Value(Value::Text(text.clone())),
        Kind::Int(number) => {
            if number.unsigned_abs() > 1 << 53 {
                report.error(node.place, "a number that JavaScript cannot hold: write { $bigint: \"...\" }");
            }
            Term::Value(Value::Int(*number))
        }
        Kind::Float(number) => {
            if node.written().is_some_and(|text| !text.contains(['.', 'e', 'E'])) {
                report.error(node.place, "an integer beyond 64 bits: quote it if text is meant");
            }
            Term::Value(Value::Float(*number))
        }
    }
}

/// `{ $name: operand }` where the name is one of ours; the operators of the filter language are none of ours.
fn escape(name: &str, operand: &Node, side: Side, report: &Report) -> Option<Term> {
    let text = operand.written();
    let wrong = |expected: &str| {
        report.error(operand.place, format!("{name} takes {expected}, not {}", operand.describe()));
        Some(Term::Value(Value::Null))
    };
    let typed = |value: Option<Value>| value.map(Term::Value);
    match name {
        "$bigint" => {
            typed(text.and_then(|t| t.parse().ok()).map(Value::Int)).or_else(|| wrong("a 64-bit integer as text"))
        }
        "$float" => {
            typed(text.and_then(float).map(Value::Float)).or_else(|| wrong("a number, NaN, Infinity or -Infinity"))
        }
        "$decimal" => {
            typed(text.and_then(|t| t.parse::<Decimal>().ok()).map(Value::from)).or_else(|| wrong("a decimal as text"))
        }
        "$bytes" => typed(text.and_then(spell::bytes).map(Value::Bytes)).or_else(|| wrong("base64")),
        "$uuid" => typed(text.and_then(|t| Uuid::parse_str(t).ok()).map(Value::Uuid)).or_else(|| wrong("a uuid")),
        "$date" => typed(text.and_then(spell::date).map(Value::Date)).or_else(|| wrong("YYYY-MM-DD")),
        "$datetime" => {
            typed(text.and_then(spell::datetime).map(Value::DateTime)).or_else(|| wrong("YYYY-MM-DDTHH:MM:SS.mmmZ"))
        }
        "$undefined" => Some(Term::Value(Value::Undefined)),
        // A saved name never begins with a digit; the number of a batch's entry does.
        "$ref" if text.is_some_and(|text| text.starts_with(|c: char| c.is_ascii_digit())) => None,
        "$ref" => text.map(|t| Term::Ref(t.to_owned())).or_else(|| wrong("a saved name and a path, such as \"a.id\"")),
        "$repeat" => repeat(operand, side, report),
        "$nest" => nest(operand, side, report),
        "$range" => range(operand).or_else(|| wrong("[first, last]")),
        "$any" | "$after" | "$differs" | "$exact" if side == Side::Given => wrong("part in expectations only"),
        "$any" => AnyOf::WORDS
            .iter()
            .find(|(word, _)| Some(*word) == text)
            .map(|(_, kind)| Term::Any(*kind))
            .or_else(|| wrong(&AnyOf::WORDS.map(|(word, _)| word).join(", "))),
        "$after" => Some(Term::After(Box::new(read(operand, side, report)))),
        "$differs" => Some(Term::Differs(Box::new(read(operand, side, report)))),
        "$exact" => Some(Term::Exact(Box::new(read(operand, side, report)))),
        _ => None,
    }
}

fn float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok(),
    }
}

/// `{ $repeat: { value, times } }`: a list of copies, or one long text when the value is text and `join` is true.
fn repeat(operand: &Node, side: Side, report: &Report) -> Option<Term> {
    let (Some(value), Some(times)) = (operand.get("value"), count(operand)) else {
        report.error(operand.place, "$repeat takes { value, times } and maybe join: true");
        return Some(Term::Value(Value::Null));
    };
    if operand.get("join").and_then(Node::as_bool) == Some(true) {
        return Some(Term::Value(Value::Text(value.written().unwrap_or_default().repeat(times))));
    }
    let item = read(value, side, report);
    Some(Term::List(vec![item; times]))
}

/// `{ $nest: { key, times, value, list } }`: `{key: {key: … value}}`; with `list: true` each level is `{key: [ … ]}`.
fn nest(operand: &Node, side: Side, report: &Report) -> Option<Term> {
    let (Some(key), Some(value), Some(times)) =
        (operand.get("key").and_then(Node::as_str), operand.get("value"), count(operand))
    else {
        report.error(operand.place, "$nest takes { key, times, value } and maybe list: true");
        return Some(Term::Value(Value::Null));
    };
    let list = operand.get("list").and_then(Node::as_bool) == Some(true);
    let mut term = read(value, side, report);
    for _ in 0..times {
        let inner = if list { Term::List(vec![term]) } else { term };
        term = Term::Map(vec![(Name::from(key.to_owned()), inner)]);
    }
    Some(term)
}

fn count(operand: &Node) -> Option<usize> {
    operand.get("times").and_then(Node::as_int).and_then(|times| usize::try_from(times).ok()).filter(|n| *n <= 100_000)
}

fn range(operand: &Node) -> Option<Term> {
    let [first, last] = operand.as_list()? else { return None };
    let (first, last) = (first.as_int()?, last.as_int()?);
    (last - first <= 100_000).then(|| Term::List((first..=last).map(|n| Term::Value(Value::Int(n))).collect()))
}

/// Results kept by `save`, by name.
pub type Saved = HashMap<String, Value>;

impl Term {
    /// The value, references filled in; an error names what is missing.
    pub fn resolve(&self, saved: &Saved) -> Result<Value, String> {
        match self {
            Term::Value(value) => Ok(value.clone()),
            Term::List(items) => {
                items.iter().map(|item| item.resolve(saved)).collect::<Result<_, _>>().map(Value::List)
            }
            Term::Map(entries) => {
                let pairs = entries.iter().map(|(name, term)| Ok((name.clone(), term.resolve(saved)?)));
                pairs.collect::<Result<Vec<_>, String>>().map(|pairs| Value::Map(Map(pairs)))
            }
            Term::Ref(path) => look_up(path, saved).cloned(),
            Term::Any(_) | Term::After(_) | Term::Differs(_) | Term::Exact(_) => {
                Err("a matcher has no value of its own".into())
            }
        }
    }
}

/// The part of a saved result that a path such as `a.data.0.id` leads to.
pub fn look_up<'s>(path: &str, saved: &'s Saved) -> Result<&'s Value, String> {
    let mut steps = path.split('.');
    let name = steps.next().unwrap_or_default();
    let mut value = saved.get(name).ok_or_else(|| format!("$ref {path}: nothing was saved as `{name}`"))?;
    for step in steps {
        let next = match value {
            Value::Map(map) => map.get(step),
            Value::List(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => None,
        };
        value = next.ok_or_else(|| format!("$ref {path}: there is no `{step}`"))?;
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dbal::value;

    fn given(text: &str) -> Result<Value, String> {
        let report = Report::new();
        let term = read(&report.read_one("case.yaml", text), Side::Given, &report);
        report.finish(()).map_err(|faults| faults.to_string())?;
        term.resolve(&Saved::new())
    }

    #[test]
    fn plain_scalars_are_json_and_quoted_ones_text() {
        assert_eq!(
            given("[null, true, 3, -1.5, '3', abc, 2024-01-01, 1e3, e3]").expect("a list"),
            value!([null, true, 3, (-1.5), "3", "abc", "2024-01-01", 1000.0, "e3"])
        );
    }

    #[test]
    fn escapes_make_what_yaml_cannot_say_and_operators_stay() {
        assert_eq!(given("{ $bigint: '9007199254740993' }"), Ok(Value::Int(9_007_199_254_740_993)));
        assert_eq!(given("{ $undefined: true }"), Ok(Value::Undefined));
        assert_eq!(given("{ $bytes: AAEC }"), Ok(Value::Bytes(vec![0, 1, 2])));
        assert_eq!(given("{ $not: { $eq: 1 } }"), Ok(value!({ "$not": { "$eq": 1 } })));
        assert_eq!(given("{ $nest: { key: $not, times: 2, value: 1 } }"), Ok(value!({ "$not": { "$not": 1 } })));
        assert_eq!(given("{ $repeat: { value: ab, times: 2, join: true } }"), Ok(value!("abab")));
        assert_eq!(given("{ $range: [1, 3] }"), Ok(value!([1, 2, 3])));
    }

    #[test]
    fn what_cannot_be_meant_is_a_fault() {
        for text in [
            "9007199254740993",
            "12345678901234567890",
            "{ $any: uuid }",
            "{ $uuid: x }",
            "{ $date: 2024-02-30 }",
            "{ $repeat: 3 }",
        ] {
            assert!(given(text).is_err(), "{text}");
        }
    }
}
