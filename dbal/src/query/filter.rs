//! The filter language: data in, a three-valued expression over ids out.

use crate::query::ast::{Comparison, Expr, JsonTest, Literal, Operand, Quantifier, TextMatch};
use crate::query::cast::Cast;
use crate::query::validate::{Check, nearest, shown};
use crate::query::filter_json;
use crate::schema::{EntityId, FieldId, FieldType, RelationId};
use crate::value::{Map, Value};

/// The operators that stand beside a field.
pub(super) const OPERATORS: &[&str] = &[
    "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$between", "$exists", "$contains", "$startsWith",
    "$endsWith", "$like", "$icontains", "$istartsWith", "$iendsWith", "$ieq", "$mode", "$not", "$path",
];

/// The operators that stand beside a relation.
const RELATION_OPERATORS: &[&str] = &["$is", "$isNot", "$some", "$every", "$none"];

/// The `filter` of a request; everything when absent.
pub(super) fn filter(check: &mut Check<'_>, entity: EntityId, value: Option<&Value>) -> Expr {
    match value {
        None => Expr::TRUE,
        Some(value) => object(check, entity, value, "filter", 1),
    }
}

/// A filter on rows of an entity: all of its keys.
pub(super) fn object(check: &mut Check<'_>, entity: EntityId, value: &Value, path: &str, depth: usize) -> Expr {
    let limit = check.context.limits.filter_depth;
    if depth > limit {
        check.fault("filter", format!("nested deeper than {limit} levels (limit filter_depth)"));
        return Expr::FALSE;
    }
    let Value::Map(map) = value else {
        check.fault(path, format!("expected a filter object, got {}", value.kind()));
        return Expr::FALSE;
    };
    let mut all = Vec::with_capacity(map.len());
    for (name, value) in map.iter() {
        check.nodes += 1;
        let limit = check.context.limits.filter_nodes;
        if check.nodes > limit {
            if check.nodes == limit + 1 {
                check.fault("filter", format!("more than {limit} conditions (limit filter_nodes)"));
            }
            return Expr::FALSE;
        }
        let path = format!("{path}.{}", shown(name));
        all.push(match name {
            "$and" => Expr::And(list(check, entity, value, &path, depth)),
            "$or" => Expr::Or(list(check, entity, value, &path, depth)),
            "$not" => Expr::Not(Box::new(object(check, entity, value, &path, depth + 1))),
            "$search" => {
                check.not_built("full_text_search", "$search is not built yet".into());
                Expr::FALSE
            }
            _ if name.starts_with('$') => {
                let known = ["$and", "$or", "$not", "$search"];
                check.fault(&path, format!("unknown operator{}; expected {}", nearest(name, known.into_iter()), known.join(", ")));
                Expr::FALSE
            }
            _ => named(check, entity, name, value, &path, depth),
        });
    }
    if all.len() == 1 { all.remove(0) } else { Expr::And(all) }
}

fn list(check: &mut Check<'_>, entity: EntityId, value: &Value, path: &str, depth: usize) -> Vec<Expr> {
    let Value::List(items) = value else {
        check.fault(path, format!("expected a list of filters, got {}", value.kind()));
        return Vec::new();
    };
    let one = |(index, item)| object(check, entity, item, &format!("{path}.{index}"), depth + 1);
    items.iter().enumerate().map(one).collect()
}

/// A key that is a field, a path into a json field, or a relation.
fn named(check: &mut Check<'_>, entity: EntityId, name: &str, value: &Value, path: &str, depth: usize) -> Expr {
    let declared = check.entity(entity);
    if let Some(relation) = declared.relation_by_name(name)
        && relation_visible(check, entity, relation)
    {
        return related(check, entity, relation, value, path, depth);
    }
    if declared.field_by_name(name).is_none()
        && let Some((field, steps)) = name.split_once('.')
        && let Some(id) = declared.field_by_name(field)
        && declared.field(id).ty == FieldType::Json
        && check.context.view.readable(entity, id)
    {
        return filter_json::dotted(check, entity, id, steps, value, path, depth);
    }
    let Some(field) = check.readable(entity, name, path) else { return Expr::FALSE };
    let ty = &declared.field(field).ty;
    match value {
        Value::Map(map) if *ty == FieldType::Json && !is_operators(map) => compare(check, entity, field, Comparison::Eq, value, path, false),
        Value::Map(map) => operators(check, entity, field, map, path, depth),
        value => equality(check, entity, field, value, path, false),
    }
}

pub(super) fn is_operators(map: &Map) -> bool {
    crate::query::form::is_operators(map)
}

/// Whether a relation exists for the caller: some field of its target does, and the field that leads to it.
pub(super) fn relation_visible(check: &Check<'_>, entity: EntityId, relation: RelationId) -> bool {
    let view = check.context.view;
    let relation = check.entity(entity).relation(relation);
    view.trusted()
        || check.entity(relation.target).field_ids().any(|(id, _)| view.readable(relation.target, id))
            && view.readable(entity, relation.local)
            && view.readable(relation.target, relation.remote)
            && relation.through.is_none_or(|through| {
                view.readable(through.entity, through.this) && view.readable(through.entity, through.other)
            })
}

fn related(check: &mut Check<'_>, entity: EntityId, id: RelationId, value: &Value, path: &str, depth: usize) -> Expr {
    let relation = check.entity(entity).relation(id);
    let (target, to_one) = (relation.target, relation.kind.is_to_one());
    let make = |quantifier, filter| Expr::Related {
        relation: id,
        quantifier,
        between: Box::new(Expr::TRUE),
        visible: Box::new(Expr::TRUE),
        filter: Box::new(filter),
    };
    match value {
        Value::Null if to_one => make(Quantifier::None, Expr::TRUE),
        Value::Map(map) if is_operators(map) => {
            let mut all = Vec::new();
            for (name, value) in map.iter() {
                let path = format!("{path}.{}", shown(name));
                let quantifier = match (name, to_one) {
                    ("$is", true) | ("$some", false) => Quantifier::Some,
                    ("$isNot", true) | ("$none", false) => Quantifier::None,
                    ("$every", false) => Quantifier::Every,
                    _ if RELATION_OPERATORS.contains(&name) => {
                        let fitting = if to_one { "$is, $isNot" } else { "$some, $every, $none" };
                        check.fault(&path, format!("does not fit this relation; expected {fitting}"));
                        continue;
                    }
                    _ => {
                        let known = RELATION_OPERATORS.iter().copied();
                        check.fault(&path, format!("unknown operator{}; expected {}", nearest(name, known), RELATION_OPERATORS.join(", ")));
                        continue;
                    }
                };
                all.push(match (value, name) {
                    (Value::Null, "$is") => make(Quantifier::None, Expr::TRUE),
                    (Value::Null, "$isNot") => make(Quantifier::Some, Expr::TRUE),
                    _ => make(quantifier, object(check, target, value, &path, depth + 1)),
                });
            }
            Expr::And(all)
        }
        Value::Map(_) if to_one => make(Quantifier::Some, object(check, target, value, path, depth + 1)),
        other => {
            let expected = if to_one { "null or a filter" } else { "$some, $every or $none" };
            check.fault(path, format!("is a relation; expected {expected}, got {}", other.kind()));
            Expr::FALSE
        }
    }
}

/// All operators beside one field.
pub(super) fn operators(
    check: &mut Check<'_>,
    entity: EntityId,
    field: FieldId,
    map: &Map,
    path: &str,
    depth: usize,
) -> Expr {
    let limit = check.context.limits.filter_depth;
    if depth > limit {
        check.fault("filter", format!("nested deeper than {limit} levels (limit filter_depth)"));
        return Expr::FALSE;
    }
    if let Some(steps) = map.get("$path") {
        return filter_json::path(check, entity, field, steps, map, path, depth);
    }
    let insensitive = insensitive(check, map, path);
    let mut all = Vec::with_capacity(map.len());
    if map.iter().all(|(name, _)| name == "$mode") {
        check.fault(path, format!("expected a value or operators such as {}", OPERATORS[..6].join(", ")));
    }
    for (name, value) in map.iter() {
        let path = format!("{path}.{}", shown(name));
        check.nodes += usize::from(map.len() > 1);
        let fold = insensitive;
        all.push(match name {
            "$eq" => equality(check, entity, field, value, &path, fold),
            "$ne" => match value {
                Value::Null => Expr::Not(Box::new(Expr::IsNull(Operand::Field(field)))),
                value => compare(check, entity, field, Comparison::Ne, value, &path, fold),
            },
            "$gt" => range(check, entity, field, Comparison::Gt, value, &path),
            "$gte" => range(check, entity, field, Comparison::Gte, value, &path),
            "$lt" => range(check, entity, field, Comparison::Lt, value, &path),
            "$lte" => range(check, entity, field, Comparison::Lte, value, &path),
            "$between" => between(check, entity, field, value, &path),
            "$in" => within(check, entity, field, value, &path, fold, false),
            "$nin" => within(check, entity, field, value, &path, fold, true),
            "$exists" => exists(check, field, value, &path),
            "$contains" => text(check, entity, field, TextMatch::Contains, value, &path, fold),
            "$startsWith" => text(check, entity, field, TextMatch::StartsWith, value, &path, fold),
            "$endsWith" => text(check, entity, field, TextMatch::EndsWith, value, &path, fold),
            "$like" => text(check, entity, field, TextMatch::Like, value, &path, fold),
            "$icontains" => text(check, entity, field, TextMatch::Contains, value, &path, true),
            "$istartsWith" => text(check, entity, field, TextMatch::StartsWith, value, &path, true),
            "$iendsWith" => text(check, entity, field, TextMatch::EndsWith, value, &path, true),
            "$ieq" => compare(check, entity, field, Comparison::Eq, value, &path, true),
            "$not" => Expr::Not(Box::new(match value {
                Value::Map(map) if is_operators(map) || check.entity(entity).field(field).ty != FieldType::Json => {
                    operators(check, entity, field, map, &path, depth + 1)
                }
                value => equality(check, entity, field, value, &path, fold),
            })),
            "$mode" => continue,
            _ => {
                check.fault(&path, unknown_operator(name));
                continue;
            }
        });
    }
    if all.len() == 1 { all.remove(0) } else { Expr::And(all) }
}

pub(super) fn unknown_operator(name: &str) -> String {
    format!("unknown operator{}; expected {}", nearest(name, OPERATORS.iter().copied()), OPERATORS.join(", "))
}

/// `$mode: "insensitive"`, which needs a text operator, `$eq`, `$ne` or `$in` beside it.
fn insensitive(check: &mut Check<'_>, map: &Map, path: &str) -> bool {
    let Some(mode) = map.get("$mode") else { return false };
    let path = format!("{path}.$mode");
    if mode.as_str() != Some("insensitive") {
        check.fault(path, "expected \"insensitive\"");
    } else if let Some((other, _)) = map.iter().find(|(name, _)| matches!(*name, "$gt" | "$gte" | "$lt" | "$lte" | "$between" | "$exists")) {
        check.fault(path, format!("does not apply to {other}"));
    }
    true
}

fn equality(check: &mut Check<'_>, entity: EntityId, field: FieldId, value: &Value, path: &str, fold: bool) -> Expr {
    match value {
        Value::Null => Expr::IsNull(Operand::Field(field)),
        value => compare(check, entity, field, Comparison::Eq, value, path, fold),
    }
}

/// How a value is compared with a field: by type, or by hash where only the hash is stored.
fn cast(check: &mut Check<'_>, entity: EntityId, field: FieldId, path: &str) -> Option<Cast> {
    let declared = check.entity(entity).field(field);
    match declared.stored_as {
        None => Some(Cast::Compare(declared.ty.clone())),
        Some(crate::schema::StoredAs::Sha256) => Some(Cast::CompareHashed(crate::schema::StoredAs::Sha256)),
        Some(crate::schema::StoredAs::Argon2id) => {
            check.fault(path, "is stored as an argon2id hash and cannot be compared");
            None
        }
    }
}

fn compare(
    check: &mut Check<'_>,
    entity: EntityId,
    field: FieldId,
    op: Comparison,
    value: &Value,
    path: &str,
    fold: bool,
) -> Expr {
    let declared = check.entity(entity).field(field);
    if matches!(value, Value::Null | Value::Undefined) {
        check.fault(path, format!("expected {}, got {}", declared.ty.as_str(), value.kind()));
        return Expr::FALSE;
    }
    if matches!(value, Value::List(_)) && declared.ty != FieldType::Json {
        check.fault(path, format!("expected {}, got a list; use $in for several values", declared.ty.as_str()));
        return Expr::FALSE;
    }
    if fold && !declared.ty.is_text() {
        check.fault(path, format!("case-insensitive comparison needs a text field, {} is {}", declared.name, declared.ty.as_str()));
        return Expr::FALSE;
    }
    let Some(cast) = cast(check, entity, field, path) else { return Expr::FALSE };
    // Folded comparison is of text with text: a word the enum does not declare may still fold to one that it does.
    let cast = if fold { Cast::Pattern } else { cast };
    let right = match value {
        Value::Bool(value) if declared.ty == FieldType::Boolean => Operand::Const(Literal::Bool(*value)),
        value => check.operand(value, cast, path),
    };
    Expr::Compare { left: Operand::Field(field), op, right, fold }
}

fn range(check: &mut Check<'_>, entity: EntityId, field: FieldId, op: Comparison, value: &Value, path: &str) -> Expr {
    let declared = check.entity(entity).field(field);
    if declared.stored_as.is_some() || matches!(declared.ty, FieldType::Boolean | FieldType::Json) {
        check.fault(path, format!("{} has no order", declared.ty.as_str()));
        return Expr::FALSE;
    }
    compare(check, entity, field, op, value, path, false)
}

fn between(check: &mut Check<'_>, entity: EntityId, field: FieldId, value: &Value, path: &str) -> Expr {
    match value.as_list() {
        Some([low, high]) => {
            let low = range(check, entity, field, Comparison::Gte, low, &format!("{path}.0"));
            let high = range(check, entity, field, Comparison::Lte, high, &format!("{path}.1"));
            Expr::And(vec![low, high])
        }
        _ => {
            check.fault(path, "expected a list of two values, the least and the greatest");
            Expr::FALSE
        }
    }
}

fn exists(check: &mut Check<'_>, field: FieldId, value: &Value, path: &str) -> Expr {
    match value {
        Value::Bool(true) => Expr::Not(Box::new(Expr::IsNull(Operand::Field(field)))),
        Value::Bool(false) => Expr::IsNull(Operand::Field(field)),
        other => {
            check.fault(path, format!("expected a boolean, got {}", other.kind()));
            Expr::FALSE
        }
    }
}

/// `$in` and `$nin`, where null in the list is a value.
fn within(
    check: &mut Check<'_>,
    entity: EntityId,
    field: FieldId,
    value: &Value,
    path: &str,
    fold: bool,
    negated: bool,
) -> Expr {
    let declared = check.entity(entity).field(field);
    let Value::List(items) = value else {
        check.fault(path, format!("expected a list, got {}", value.kind()));
        return Expr::FALSE;
    };
    let limit = check.context.limits.in_values;
    if items.len() > limit {
        check.fault(path, format!("{} values; at most {limit} (limit in_values)", items.len()));
        return Expr::FALSE;
    }
    if fold && !declared.ty.is_text() {
        check.fault(path, format!("case-insensitive comparison needs a text field, {} is {}", declared.name, declared.ty.as_str()));
        return Expr::FALSE;
    }
    let nulls = items.iter().any(Value::is_null);
    let found = if items.iter().all(Value::is_null) {
        Expr::FALSE
    } else {
        let Some(one) = cast(check, entity, field, path) else { return Expr::FALSE };
        let cast = match one {
            _ if fold => Cast::List(FieldType::Text(crate::schema::TextKind::Text)),
            Cast::CompareHashed(how) => Cast::ListHashed(how),
            _ => Cast::List(declared.ty.clone()),
        };
        match check.argument(value, cast, path) {
            Some(list) => Expr::In { value: Operand::Field(field), list, fold },
            None => return Expr::FALSE,
        }
    };
    let null = Expr::IsNull(Operand::Field(field));
    match (negated, nulls) {
        (false, false) => found,
        (false, true) => Expr::Or(vec![found, null]),
        (true, false) => Expr::Not(Box::new(found)),
        (true, true) => Expr::And(vec![Expr::Not(Box::new(found)), Expr::Not(Box::new(null))]),
    }
}

fn text(
    check: &mut Check<'_>,
    entity: EntityId,
    field: FieldId,
    op: TextMatch,
    value: &Value,
    path: &str,
    fold: bool,
) -> Expr {
    let declared = check.entity(entity).field(field);
    if !declared.ty.is_text() || declared.stored_as.is_some() {
        check.fault(path, format!("needs a text field, {} is {}", declared.name, declared.ty.as_str()));
        return Expr::FALSE;
    }
    let pattern = check.operand(value, Cast::Pattern, path);
    Expr::Text { value: Operand::Field(field), op, pattern, fold }
}

/// A test of the value at a path, for [`filter_json`].
pub(super) fn json(field: FieldId, path: &[crate::query::ast::PathStep], test: JsonTest) -> Expr {
    Expr::Json { field, path: path.to_vec(), test }
}

