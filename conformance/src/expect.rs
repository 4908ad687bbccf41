//! Comparing what came back with what a case expects. Every disagreement is told, not the first alone.

use dbal::{Map, Value};

use crate::host::Failure;
use crate::spell::spelled;
use crate::term::{Saved, Term};

/// What must come back; empty: anything but an error.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// The `id` of each row, in order.
    pub ids: Option<Term>,
    /// One row.
    pub row: Option<Term>,
    /// Rows in order.
    pub rows: Option<Term>,
    /// The whole result.
    pub value: Option<Term>,
    /// A page.
    pub page: Option<ExpectPage>,
    /// Nothing was found.
    pub null: bool,
    /// Names that no row of the result has.
    pub absent: Vec<String>,
    /// Rows have exactly the names given.
    pub exact: bool,
    /// The request fails.
    pub error: Option<ExpectError>,
}

/// What must be in a page; what is not said may be anything.
#[derive(Clone, Debug, Default)]
pub struct ExpectPage {
    /// The `id` of each row, in order.
    pub ids: Option<Term>,
    /// Rows in order.
    pub data: Option<Term>,
    /// `total`, `page`, `limit`, `has_more` and cursors.
    pub envelope: Vec<(&'static str, Term)>,
}

/// How a request must fail.
#[derive(Clone, Debug, Default)]
pub struct ExpectError {
    /// The code.
    pub code: String,
    /// The reason.
    pub reason: Option<String>,
    /// The fields at fault: these and no others, in any order.
    pub fields: Option<Vec<String>>,
    /// Each stands in the message, or in a field's name or message.
    pub contains: Vec<String>,
    /// None of these stands there.
    pub lacks: Vec<String>,
    /// The row of a many-row input.
    pub index: Option<usize>,
    /// The name of a saved error that this one equals but for the names of fields.
    pub same_as: Option<String>,
}

impl Expect {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        let Expect { ids, row, rows, value, page, null, absent, exact, error } = self;
        let terms = [ids, row, rows, value].iter().any(|term| term.is_some());
        !(terms || page.is_some() || *null || !absent.is_empty() || *exact || error.is_some())
    }

    /// Tells every disagreement with an answer.
    pub fn check(&self, answer: &Result<Value, Failure>, saved: &Saved) -> Vec<String> {
        let mut told = Vec::new();
        match (&self.error, answer) {
            (Some(error), Err(failure)) => error.check(failure, saved, &mut told),
            (Some(error), Ok(value)) => told.push(format!("expected {}, got {}", error.code, show(value))),
            (None, Err(failure)) => told.push(format!("failed: {}", tell(failure))),
            (None, Ok(value)) => self.check_value(value, saved, &mut told),
        }
        told
    }

    fn check_value(&self, value: &Value, saved: &Saved, told: &mut Vec<String>) {
        let mut comparison = Comparison { saved, exact: self.exact, told };
        if let Some(ids) = &self.ids {
            comparison.ids(ids, value);
        }
        if let Some(row) = &self.row {
            match value {
                Value::Map(_) => comparison.compare("row", row, value),
                other => comparison.say("row", "expected a row", other),
            }
        }
        if let Some(rows) = &self.rows {
            comparison.compare("rows", rows, value);
        }
        if let Some(whole) = &self.value {
            comparison.exact = true;
            comparison.compare("value", whole, value);
            comparison.exact = self.exact;
        }
        if self.null && *value != Value::Null {
            comparison.say("result", "expected null", value);
        }
        if let Some(page) = &self.page {
            let Value::Map(envelope) = value else {
                return comparison.say("page", "expected a page", value);
            };
            let null = Value::Null;
            let data = envelope.get("data").unwrap_or(&null);
            if let Some(ids) = &page.ids {
                comparison.ids(ids, data);
            }
            if let Some(rows) = &page.data {
                comparison.compare("data", rows, data);
            }
            comparison.exact = true;
            for (name, term) in &page.envelope {
                match envelope.get(name) {
                    Some(value) => comparison.compare(name, term, value),
                    None => comparison.told.push(format!("{name}: missing from the page")),
                }
            }
        }
        for name in &self.absent {
            if rows_of(value).into_iter().any(|row| row.get(name).is_some()) {
                told.push(format!("{name}: must not be in the answer"));
            }
        }
    }
}

/// The rows of any answer: one, many, or those of a page.
fn rows_of(value: &Value) -> Vec<&Map> {
    match value {
        Value::Map(map) => match map.get("data") {
            Some(Value::List(rows)) => rows.iter().filter_map(Value::as_map).collect(),
            _ => vec![map],
        },
        Value::List(rows) => rows.iter().filter_map(Value::as_map).collect(),
        _ => Vec::new(),
    }
}

struct Comparison<'a> {
    saved: &'a Saved,
    exact: bool,
    told: &'a mut Vec<String>,
}

impl Comparison<'_> {
    fn say(&mut self, at: &str, expected: &str, got: &Value) {
        self.told.push(format!("{at}: {expected}, got {}", show(got)));
    }

    fn ids(&mut self, expected: &Term, rows: &Value) {
        let Value::List(rows) = rows else {
            return self.say("ids", "expected rows", rows);
        };
        let ids = rows.iter().map(|row| match row {
            Value::Map(row) => row.get("id").cloned().unwrap_or(Value::Undefined),
            _ => Value::Undefined,
        });
        let ids = Value::List(ids.collect());
        let mut quiet = Vec::new();
        Comparison { saved: self.saved, exact: true, told: &mut quiet }.compare("ids", expected, &ids);
        if !quiet.is_empty() {
            let expected = expected.resolve(self.saved).map_or_else(|fault| fault, |value| show(&value));
            self.say("ids", &format!("expected {expected}"), &ids);
        }
    }

    fn compare(&mut self, at: &str, expected: &Term, got: &Value) {
        match expected {
            Term::Value(value) => self.equal(at, value, got),
            Term::Ref(_) => match expected.resolve(self.saved) {
                Ok(value) => self.equal(at, &value, got),
                Err(fault) => self.told.push(format!("{at}: {fault}")),
            },
            Term::Any(kind) => {
                if !kind.takes(got) {
                    self.say(at, &format!("expected any {kind:?}"), got);
                }
            }
            Term::After(bound) => match bound.resolve(self.saved) {
                Ok(bound) if after(got, &bound) => {}
                Ok(bound) => self.say(at, &format!("expected after {}", show(&bound)), got),
                Err(fault) => self.told.push(format!("{at}: {fault}")),
            },
            Term::Differs(other) => match other.resolve(self.saved) {
                Ok(other) if !same(&other, got) => {}
                Ok(other) => self.say(at, &format!("expected anything but {}", show(&other)), got),
                Err(fault) => self.told.push(format!("{at}: {fault}")),
            },
            Term::Exact(inner) => {
                let before = std::mem::replace(&mut self.exact, true);
                self.compare(at, inner, got);
                self.exact = before;
            }
            Term::List(items) => match got {
                Value::List(values) if values.len() == items.len() => {
                    for (index, (item, value)) in items.iter().zip(values).enumerate() {
                        self.compare(&format!("{at}[{index}]"), item, value);
                    }
                }
                other => self.say(at, &format!("expected {} items", items.len()), other),
            },
            Term::Map(entries) => {
                let Value::Map(map) = got else {
                    return self.say(at, "expected a row or an object", got);
                };
                for (name, term) in entries {
                    match map.get(name) {
                        Some(value) => self.compare(&format!("{at}.{name}"), term, value),
                        None => self.told.push(format!("{at}.{name}: missing")),
                    }
                }
                for (name, value) in map.iter() {
                    if self.exact && !entries.iter().any(|(known, _)| known == name) {
                        self.say(&format!("{at}.{name}"), "must not be there", value);
                    }
                }
            }
        }
    }

    fn equal(&mut self, at: &str, expected: &Value, got: &Value) {
        if !same(expected, got) {
            self.say(at, &format!("expected {}", show(expected)), got);
        }
    }
}

/// Equal, or the text that is written for the value in JSON.
fn same(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::Text(text), got) => *got == *expected || spelled(got).is_some_and(|spelling| spelling == *text),
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| same(value, other)))
        }
        _ => expected == got,
    }
}

fn after(got: &Value, bound: &Value) -> bool {
    match (got, bound) {
        (Value::Int(a), Value::Int(b)) => a > b,
        (Value::Float(a), Value::Float(b)) => a > b,
        _ => {
            let text = |value: &Value| spelled(value).or_else(|| value.as_str().map(str::to_owned));
            matches!((text(got), text(bound)), (Some(a), Some(b)) if a > b)
        }
    }
}

impl ExpectError {
    /// Tells every disagreement with an error.
    pub fn check(&self, failure: &Failure, saved: &Saved, told: &mut Vec<String>) {
        if failure.code != self.code {
            told.push(format!("expected {}, got {}", self.code, tell(failure)));
            return;
        }
        if self.reason.is_some() && self.reason != failure.reason {
            told.push(format!("reason: expected {:?}, got {}", self.reason.as_deref(), tell(failure)));
        }
        if let Some(fields) = &self.fields {
            let missing: Vec<_> =
                fields.iter().filter(|field| !failure.fields.iter().any(|f| names(&f.field, field))).collect();
            let extra: Vec<_> =
                failure.fields.iter().filter(|f| !fields.iter().any(|field| names(&f.field, field))).collect();
            if !missing.is_empty() || !extra.is_empty() {
                told.push(format!("fields: expected {fields:?}, got {}", tell(failure)));
            }
        }
        let everything = tell(failure);
        for text in &self.contains {
            if !everything.contains(text.as_str()) {
                told.push(format!("expected the error to say {text:?}, got {everything}"));
            }
        }
        for text in &self.lacks {
            if everything.contains(text.as_str()) {
                told.push(format!("the error must not say {text:?}, got {everything}"));
            }
        }
        if self.index.is_some() && !failure.fields.iter().any(|field| field.index == self.index) {
            told.push(format!("index: expected {:?}, got {everything}", self.index));
        }
        if let Some(name) = &self.same_as {
            match saved.get(name) {
                Some(Value::Text(other)) if *other == masked(failure) => {}
                Some(other) => {
                    told.push(format!("expected the error of `{name}`, {}, got {:?}", show(other), masked(failure)))
                }
                None => told.push(format!("no error was saved as `{name}`")),
            }
        }
    }
}

/// Whether a dotted path names a field: as a whole, or as a run of its segments.
fn names(path: &str, field: &str) -> bool {
    format!(".{path}.").contains(&format!(".{field}."))
}

/// An error in one line, the names of its fields replaced: what is left must not tell one field from another.
pub fn masked(failure: &Failure) -> String {
    failure.fields.iter().fold(tell(failure), |line, fault| {
        let name = fault.field.rsplit('.').find(|part| !part.starts_with('$')).unwrap_or(&fault.field);
        line.replace(name, "<field>")
    })
}

/// An error in one line.
pub fn tell(failure: &Failure) -> String {
    let mut line = format!("{}: {}", failure.code, failure.message);
    if let Some(reason) = &failure.reason {
        line.push_str(&format!(" (reason {reason})"));
    }
    for fault in &failure.fields {
        line.push_str(&format!(
            " [{}{}: {}]",
            fault.field,
            fault.index.map_or(String::new(), |i| format!(" of row {i}")),
            fault.message
        ));
    }
    line
}

/// A value in one line, cut where it is long.
pub fn show(value: &Value) -> String {
    let mut line = String::new();
    write(value, &mut line);
    if let Some((cut, _)) = line.char_indices().nth(1500) {
        line.truncate(cut);
        line.push('…');
    }
    line
}

fn write(value: &Value, line: &mut String) {
    let list = |items: &[Value], line: &mut String| {
        line.push('[');
        for (index, item) in items.iter().enumerate() {
            line.push_str(if index > 0 { ", " } else { "" });
            write(item, line);
        }
        line.push(']');
    };
    match value {
        Value::Null => line.push_str("null"),
        Value::Undefined => line.push_str("undefined"),
        Value::Bool(v) => line.push_str(&v.to_string()),
        Value::Int(v) => line.push_str(&v.to_string()),
        Value::Float(v) => line.push_str(&format!("{v:?}")),
        Value::Text(v) => line.push_str(&format!("{v:?}")),
        Value::List(items) => list(items, line),
        Value::Map(map) => {
            line.push('{');
            for (index, (name, value)) in map.iter().enumerate() {
                line.push_str(if index > 0 { ", " } else { "" });
                line.push_str(name);
                line.push_str(": ");
                write(value, line);
            }
            line.push('}');
        }
        other => line.push_str(&format!("{}({})", other.kind(), spelled(other).unwrap_or_default())),
    }
}

/// Related rows as maps and lists: every host's results look alike from here on.
pub fn plain(value: Value) -> Value {
    match value {
        Value::Record(row) => plain(Value::Map(row.into_map())),
        Value::Records(rows) => Value::List(rows.into_iter().map(|row| plain(Value::Map(row.into_map()))).collect()),
        Value::List(items) => Value::List(items.into_iter().map(plain).collect()),
        Value::Map(map) => Value::Map(Map(map.0.into_iter().map(|(name, value)| (name, plain(value))).collect())),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::{self, Side};
    use dbal::value;
    use dbal::value::Uuid;
    use dbal::yaml::Report;

    fn disagreements(expected: &str, exact: bool, got: Value) -> usize {
        let report = Report::new();
        let term = term::read(&report.read_one("case.yaml", expected), Side::Expected, &report);
        report.finish(()).expect("no faults");
        let expect = Expect { rows: Some(term), exact, ..Expect::default() };
        expect.check(&Ok(got), &Saved::new()).len()
    }

    #[test]
    fn rows_compare_the_names_given_and_exact_rows_all() {
        let got = || value!([{ "id": 1, "name": "a" }]);
        assert_eq!(disagreements("[{ id: 1 }]", false, got()), 0);
        assert_eq!(disagreements("[{ id: 1 }]", true, got()), 1);
        assert_eq!(disagreements("[{ id: 1.0, other: 1 }]", false, got()), 2);
        assert_eq!(disagreements("[]", false, got()), 1);
    }

    #[test]
    fn text_stands_for_the_values_that_json_has_no_form_for() {
        let id = Uuid::from_u128(7);
        assert_eq!(disagreements("['00000000-0000-0000-0000-000000000007']", false, Value::List(vec![id.into()])), 0);
        assert_eq!(disagreements("[AAEC]", false, Value::List(vec![vec![0u8, 1, 2].into()])), 0);
        assert_eq!(disagreements("['1']", false, value!([1])), 1);
        assert_eq!(disagreements("[{ $any: uuid }, { $after: 3 }]", false, Value::List(vec![id.into(), 4.into()])), 0);
        assert_eq!(disagreements("[{ $any: text }]", false, value!([1])), 1);
    }

    #[test]
    fn an_error_names_its_fields_and_no_others() {
        let fault = |field: &str| crate::host::FieldFailure { field: field.into(), ..Default::default() };
        let failure = Failure {
            code: "VALIDATION_ERROR".into(),
            fields: vec![fault("filter.age.$gt"), fault("name")],
            ..Failure::default()
        };
        let told = |fields: &[&str]| {
            let mut told = Vec::new();
            let fields = Some(fields.iter().map(|field| (*field).to_owned()).collect());
            ExpectError { code: failure.code.clone(), fields, ..ExpectError::default() }.check(
                &failure,
                &Saved::new(),
                &mut told,
            );
            told.len()
        };
        assert_eq!(told(&["age", "name"]), 0);
        assert_eq!(told(&["filter.age", "name"]), 0);
        assert_eq!(told(&["age"]), 1);
        assert_eq!(told(&["age", "name", "other"]), 1);
        assert_eq!(told(&["ag", "name"]), 1);
    }
}
