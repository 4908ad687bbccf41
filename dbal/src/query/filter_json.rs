//! Conditions at a path inside a json field.

use crate::query::ast::{Comparison, Expr, JsonTest, Operand, PathStep, TextMatch};
use crate::query::cast::Cast;
use crate::query::filter::{Subject, counted, is_operators, json, unknown_operator};
use crate::query::validate::{Check, shown};
use crate::schema::{EntityId, FieldId, FieldType};
use crate::value::{Map, Value};

/// The most steps of one path: as deep as a document may be.
const MAX_STEPS: usize = 64;

/// `"field.a.b": value`: a path of plain names.
pub(super) fn dotted(
    check: &mut Check<'_>,
    _entity: EntityId,
    field: FieldId,
    steps: &str,
    value: &Value,
    at: &str,
    depth: usize,
) -> Expr {
    let path: Vec<PathStep> = steps.split('.').map(|step| PathStep::Key(step.to_owned())).collect();
    if path.len() > MAX_STEPS
        || path.iter().any(|step| matches!(step, PathStep::Key(key) if key.is_empty() || key.contains('\0')))
    {
        check.fault(at, format!("expected one to {MAX_STEPS} names separated by dots; use $path for other names"));
        return Expr::FALSE;
    }
    match value {
        Value::Map(map) if is_operators(map) => tests(check, field, &path, map, at, depth),
        value => equals(check, field, &path, value, at, Comparison::Eq),
    }
}

/// `field: {$path: [...], $op: ...}`.
pub(super) fn path(
    check: &mut Check<'_>,
    subject: &Subject<'_>,
    steps: &Value,
    map: &Map,
    at: &str,
    depth: usize,
) -> Expr {
    let (&Operand::Field(field), FieldType::Json) = (&subject.operand, subject.ty) else {
        check.fault(format!("{at}.$path"), format!("needs a json field, {} is {}", subject.name, subject.ty.as_str()));
        return Expr::FALSE;
    };
    let Some(path) = parse(check, steps, at) else { return Expr::FALSE };
    tests(check, field, &path, map, at, depth)
}

fn parse(check: &mut Check<'_>, steps: &Value, at: &str) -> Option<Vec<PathStep>> {
    let step = |value: &Value| match value {
        Value::Text(key) if !key.contains('\0') => Some(PathStep::Key(key.clone())),
        Value::Int(index) => u32::try_from(*index).ok().map(PathStep::Index),
        _ => None,
    };
    let path: Option<Vec<PathStep>> = match steps {
        Value::List(steps) if (1..=MAX_STEPS).contains(&steps.len()) => steps.iter().map(step).collect(),
        _ => None,
    };
    if path.is_none() {
        check.fault(format!("{at}.$path"), format!("expected a list of one to {MAX_STEPS} names and positions from 0"));
    }
    path
}

fn tests(check: &mut Check<'_>, field: FieldId, path: &[PathStep], map: &Map, at: &str, depth: usize) -> Expr {
    let limit = check.context.limits.filter_depth;
    if depth > limit {
        check.fault("filter", format!("nested deeper than {limit} levels (limit filter_depth)"));
        return Expr::FALSE;
    }
    if map.iter().all(|(name, _)| matches!(name, "$path" | "$mode")) {
        check.fault(at, "expected an operator beside $path, such as $eq");
    }
    let fold = match map.get("$mode") {
        None => false,
        Some(mode) if mode.as_str() == Some("insensitive") => true,
        Some(_) => {
            check.fault(format!("{at}.$mode"), "expected \"insensitive\"");
            true
        }
    };
    let mut all = Vec::new();
    for (name, value) in map.iter() {
        if !counted(check) {
            return Expr::FALSE;
        }
        let at = format!("{at}.{}", shown(name));
        all.push(match name {
            "$path" | "$mode" => continue,
            "$eq" | "$ne" | "$in" | "$nin" | "$gt" | "$gte" | "$lt" | "$lte" if fold => {
                check.fault(&at, "$mode applies to text operators at a path");
                continue;
            }
            "$eq" => equals(check, field, path, value, &at, Comparison::Eq),
            "$ne" => equals(check, field, path, value, &at, Comparison::Ne),
            "$gt" => order(check, field, path, value, &at, Comparison::Gt),
            "$gte" => order(check, field, path, value, &at, Comparison::Gte),
            "$lt" => order(check, field, path, value, &at, Comparison::Lt),
            "$lte" => order(check, field, path, value, &at, Comparison::Lte),
            "$between" => match value.as_list() {
                Some([low, high]) => Expr::And(vec![
                    order(check, field, path, low, &at, Comparison::Gte),
                    order(check, field, path, high, &at, Comparison::Lte),
                ]),
                _ => {
                    check.fault(&at, "expected a list of two values, the least and the greatest");
                    continue;
                }
            },
            "$in" => within(check, field, path, value, &at),
            "$nin" => Expr::Not(Box::new(within(check, field, path, value, &at))),
            "$exists" => match value {
                Value::Bool(true) => json(field, path, JsonTest::Exists),
                Value::Bool(false) => Expr::Not(Box::new(json(field, path, JsonTest::Exists))),
                other => {
                    check.fault(&at, format!("expected a boolean, got {}", other.kind()));
                    continue;
                }
            },
            "$contains" => text(check, field, path, value, &at, TextMatch::Contains, fold),
            "$startsWith" => text(check, field, path, value, &at, TextMatch::StartsWith, fold),
            "$endsWith" => text(check, field, path, value, &at, TextMatch::EndsWith, fold),
            "$like" => text(check, field, path, value, &at, TextMatch::Like, fold),
            "$icontains" => text(check, field, path, value, &at, TextMatch::Contains, true),
            "$istartsWith" => text(check, field, path, value, &at, TextMatch::StartsWith, true),
            "$iendsWith" => text(check, field, path, value, &at, TextMatch::EndsWith, true),
            "$not" => Expr::Not(Box::new(match value {
                Value::Map(map) if is_operators(map) => tests(check, field, path, map, &at, depth + 1),
                value => equals(check, field, path, value, &at, Comparison::Eq),
            })),
            "$ieq" => {
                check.fault(&at, "is not available at a path; use $icontains");
                continue;
            }
            _ => {
                check.fault(&at, unknown_operator(name));
                continue;
            }
        });
    }
    if all.len() == 1 { all.remove(0) } else { Expr::And(all) }
}

fn equals(check: &mut Check<'_>, field: FieldId, path: &[PathStep], value: &Value, at: &str, op: Comparison) -> Expr {
    match check.argument(value, Cast::Json, at) {
        Some(id) => json(field, path, JsonTest::Compare(op, id)),
        None => Expr::FALSE,
    }
}

fn order(check: &mut Check<'_>, field: FieldId, path: &[PathStep], value: &Value, at: &str, op: Comparison) -> Expr {
    if !matches!(value, Value::Int(_) | Value::Float(_) | Value::Text(_)) {
        check.fault(at, format!("expected a number or text, got {}", value.kind()));
        return Expr::FALSE;
    }
    equals(check, field, path, value, at, op)
}

fn within(check: &mut Check<'_>, field: FieldId, path: &[PathStep], value: &Value, at: &str) -> Expr {
    let limit = check.context.limits.in_values;
    if let Value::List(items) = value
        && items.len() > limit
    {
        check.fault(at, format!("{} values; at most {limit} (limit in_values)", items.len()));
        return Expr::FALSE;
    }
    match check.argument(value, Cast::JsonList, at) {
        Some(list) => json(field, path, JsonTest::In(list)),
        None => Expr::FALSE,
    }
}

fn text(
    check: &mut Check<'_>,
    field: FieldId,
    path: &[PathStep],
    value: &Value,
    at: &str,
    op: TextMatch,
    fold: bool,
) -> Expr {
    match check.argument(value, Cast::Pattern, at) {
        Some(pattern) => json(field, path, JsonTest::Text { op, pattern, fold }),
        None => Expr::FALSE,
    }
}
