//! Functions and a collation of ours in SQL. They call the code that `query::eval` calls, so both mean the same.

use std::cmp::Ordering;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, Result};

use crate::value::decimal::MAX_DIGITS;
use crate::value::json::{self, PathStep, Test};
use crate::value::text;
use crate::value::words::words;
use crate::value::{Decimal, Value};

/// What the message of a refused number begins with; a word and the field's name follow.
const REFUSED: &str = "dbal refused: ";

/// Why an increment or a sum was refused.
#[derive(Clone, Copy)]
pub(super) enum Refused {
    /// The sum is not of the field's type.
    Overflow,
    /// It is less than the least value.
    Least,
    /// It is more than the greatest value.
    Greatest,
    /// A stored value is not of its field's type.
    Misfit,
    /// The column cannot hold the value exactly.
    Inexact,
}

impl Refused {
    fn word(self) -> &'static str {
        match self {
            Refused::Overflow => "overflow",
            Refused::Least => "least",
            Refused::Greatest => "greatest",
            Refused::Misfit => "misfit",
            Refused::Inexact => "inexact",
        }
    }

    /// The error that says so of a field.
    pub(super) fn error(self, field: &str) -> Error {
        Error::UserFunctionError(format!("{REFUSED}{} {field}", self.word()).into())
    }

    /// Finds out from SQLite's message, which is all that comes back, and of which field.
    pub(super) fn parse(message: &str) -> Option<(Refused, &str)> {
        let (word, field) = message.strip_prefix(REFUSED)?.split_once(' ')?;
        let all = [Refused::Overflow, Refused::Least, Refused::Greatest, Refused::Misfit, Refused::Inexact];
        Some((all.into_iter().find(|refused| refused.word() == word)?, field))
    }
}

/// Makes them known to a connection. Each gives null for a null argument, and for one that is not what it takes: what
/// is stored wrongly in a column matches nothing.
pub(super) fn register(sqlite: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    rusqlite::vtab::array::load_module(sqlite)?;
    sqlite.create_collation("dbal_decimal", compare_decimals)?;
    sqlite.create_scalar_function("dbal_fold", 1, flags, |context| {
        Ok(text_at(context, 0).map(|text| text::fold(text).into_owned()))
    })?;
    sqlite.create_scalar_function("dbal_words", 1, flags, |context| Ok(text_at(context, 0).map(words_as_json)))?;
    sqlite.create_scalar_function("dbal_like", 2, flags, |context| {
        Ok(both(context).map(|(text, pattern)| text::like(text, pattern)))
    })?;
    sqlite.create_scalar_function("dbal_ends_with", 2, flags, |context| {
        Ok(both(context).map(|(text, suffix)| text.ends_with(suffix)))
    })?;
    sqlite.create_scalar_function("dbal_json", 4, flags, json_test)?;
    sqlite.create_scalar_function("dbal_json_equal", 2, flags, |context| {
        Ok(both(context).and_then(|(a, b)| json_equal(a, b)))
    })?;
    sqlite.create_scalar_function("dbal_add_integer", 6, flags, add_integer)?;
    sqlite.create_scalar_function("dbal_add_float", 5, flags, add_float)?;
    sqlite.create_scalar_function("dbal_add_decimal", 7, flags, add_decimal)?;
    super::stored::register(sqlite, flags)?;
    super::aggregate::register(sqlite, flags)
}

pub(super) fn text_at<'c>(context: &'c Context<'_>, at: usize) -> Option<&'c str> {
    match context.get_raw(at) {
        ValueRef::Text(text) => std::str::from_utf8(text).ok(),
        _ => None,
    }
}

fn both<'c>(context: &'c Context<'_>) -> Option<(&'c str, &'c str)> {
    text_at(context, 0).zip(text_at(context, 1))
}

/// The different words of a text as a json array. They are letters, digits and marks, which json takes as they are.
fn words_as_json(text: &str) -> String {
    let mut different: Vec<_> = words(text).collect();
    different.sort_unstable();
    different.dedup();
    let mut json = String::with_capacity(text.len() + 3 * different.len() + 2);
    json.push('[');
    for (at, word) in different.iter().enumerate() {
        json.push_str(if at == 0 { "\"" } else { ",\"" });
        json.push_str(word);
        json.push('"');
    }
    json.push(']');
    json
}

/// By value. Text that is no decimal stands after all that is, by its bytes, so that the order is total.
fn compare_decimals(a: &str, b: &str) -> Ordering {
    match (a.parse::<Decimal>(), b.parse::<Decimal>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    }
}

/// An operand may be a list of whole documents.
const OPERAND: json::Limits = json::Limits { depth: json::MAX_DEPTH + 1, keep_floats: false };

/// `dbal_json(document, path, test, operand)`. Everything but the document is the same for all rows and read once.
fn json_test(context: &mut Context<'_>) -> Result<Option<bool>> {
    let path = context.get_or_create_aux(1, |raw| {
        let path = raw.as_str().ok().and_then(json::parse_path);
        path.ok_or("dbal_json: not a path")
    })?;
    let test = context.get_or_create_aux(2, |raw| {
        let test = raw.as_str().ok().and_then(Test::parse);
        test.ok_or("dbal_json: not a test")
    })?;
    let operand = context.get_or_create_aux(3, |raw| match raw {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Text(text) => json::parse_with(text, &OPERAND).map_err(|_| "dbal_json: not JSON"),
        _ => Err("dbal_json: not JSON"),
    })?;
    let path: &Vec<PathStep> = &path;
    let Some(document) = text_at(context, 0) else { return Ok(None) };
    // What is stored and is not JSON has no paths.
    let Ok(found) = json::find(document.as_bytes(), path) else { return Ok(None) };
    Ok(json::test(found.as_ref(), *test, &operand))
}

fn json_equal(a: &str, b: &str) -> Option<bool> {
    if a == b {
        return Some(true);
    }
    Some(json::equal(&json::parse(a.as_bytes()).ok()?, &json::parse(b.as_bytes()).ok()?))
}

/// `dbal_add_integer(old, by, bits, least, greatest, field)`; bounds may be null.
fn add_integer(context: &mut Context<'_>) -> Result<Option<i64>> {
    let number = |at: usize| context.get::<Option<i64>>(at);
    let (Some(old), Some(by)) = (number(0)?, number(1)?) else { return Ok(None) };
    let fits = |sum: &i64| number(2) != Ok(Some(32)) || i32::try_from(*sum).is_ok();
    let sum = old.checked_add(by).filter(fits);
    within(context, sum, (number(3)?, number(4)?), 5)
}

/// `dbal_add_float(old, by, least, greatest, field)`; bounds are text or null.
fn add_float(context: &mut Context<'_>) -> Result<Option<f64>> {
    let number = |at: usize| match context.get_raw(at) {
        ValueRef::Real(number) => Some(number),
        ValueRef::Integer(number) => Some(number as f64),
        _ => None,
    };
    let (Some(old), Some(by)) = (number(0), number(1)) else { return Ok(None) };
    let bound = |at: usize| text_at(context, at).and_then(|text| text.parse::<f64>().ok());
    let sum = Some(old + by).filter(|sum| sum.is_finite());
    within(context, sum, (bound(2), bound(3)), 4)
}

/// `dbal_add_decimal(old, by, precision, scale, least, greatest, field)`; bounds are text or null, digits may be null.
fn add_decimal(context: &mut Context<'_>) -> Result<Option<String>> {
    let number = |at: usize| match context.get_raw(at) {
        ValueRef::Integer(number) => Some(Decimal::from(number)),
        _ => text_at(context, at)?.parse::<Decimal>().ok(),
    };
    let (Some(old), Some(by)) = (number(0), number(1)) else { return Ok(None) };
    let (precision, scale) = (context.get::<Option<u32>>(2)?, context.get::<Option<u32>>(3)?);
    let sum = old.checked_add(by).and_then(|sum| match scale {
        Some(scale) => sum.with_scale(scale).ok(),
        None => Some(sum.normalized()),
    });
    let sum = sum.filter(|sum| sum.digits() <= precision.unwrap_or(MAX_DIGITS));
    Ok(within(context, sum, (number(4), number(5)), 6)?.map(|sum| sum.to_string()))
}

/// The sum, unless it left its type (then there is none) or its bounds.
fn within<T: PartialOrd>(
    context: &Context<'_>,
    sum: Option<T>,
    bounds: (Option<T>, Option<T>),
    field: usize,
) -> Result<Option<T>> {
    let refused = match &sum {
        None => Refused::Overflow,
        Some(sum) if bounds.0.is_some_and(|least| *sum < least) => Refused::Least,
        Some(sum) if bounds.1.is_some_and(|greatest| *sum > greatest) => Refused::Greatest,
        Some(_) => return Ok(sum),
    };
    Err(refused.error(text_at(context, field).unwrap_or_default()))
}
