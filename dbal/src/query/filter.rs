//! The filter language: data in, a three-valued expression over ids out.

use crate::query::ast::{Comparison, Expr, JsonTest, Literal, Operand, Quantifier, TextMatch};
use crate::query::cast::Cast;
use crate::query::filter_json;
use crate::query::search;
use crate::query::validate::{Check, nearest, shown};
use crate::schema::{Entity, EntityId, FieldId, FieldType, RelationId, StoredAs};
use crate::value::{Map, Value};

/// The operators that stand beside a field.
pub(super) const OPERATORS: &[&str] = &[
    "$eq",
    "$ne",
    "$gt",
    "$gte",
    "$lt",
    "$lte",
    "$in",
    "$nin",
    "$between",
    "$exists",
    "$contains",
    "$startsWith",
    "$endsWith",
    "$like",
    "$icontains",
    "$istartsWith",
    "$iendsWith",
    "$ieq",
    "$mode",
    "$not",
    "$path",
];

/// The operators that stand where a field could.
const FILTER_OPERATORS: [&str; 4] = ["$and", "$or", "$not", "$search"];

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
    let Some(map) = conditions(check, value, path, depth) else { return Expr::FALSE };
    let mut all = Vec::with_capacity(map.len());
    for (name, value) in map.iter() {
        if !counted(check) {
            return Expr::FALSE;
        }
        let path = format!("{path}.{}", shown(name));
        all.push(match name {
            "$and" => Expr::And(list(check, entity, value, &path, depth)),
            "$or" => Expr::Or(list(check, entity, value, &path, depth)),
            "$not" => Expr::Not(Box::new(object(check, entity, value, &path, depth + 1))),
            "$search" => search::search(check, entity, value, &path),
            _ if name.starts_with('$') => {
                let known = FILTER_OPERATORS;
                check.fault(
                    &path,
                    format!("unknown operator{}; expected {}", nearest(name, known.into_iter()), known.join(", ")),
                );
                Expr::FALSE
            }
            _ => named(check, entity, name, value, &path, depth),
        });
    }
    if all.len() == 1 { all.remove(0) } else { Expr::And(all) }
}

/// The keys of a filter that is not too deep.
pub(super) fn conditions<'v>(check: &mut Check<'_>, value: &'v Value, path: &str, depth: usize) -> Option<&'v Map> {
    let limit = check.context.limits.filter_depth;
    if depth > limit {
        check.fault("filter", format!("nested deeper than {limit} levels (limit filter_depth)"));
        return None;
    }
    let map = value.as_map();
    if map.is_none() {
        check.fault(path, format!("expected a filter object, got {}", value.kind()));
    }
    map
}

/// Counts one condition; false when there are too many.
pub(super) fn counted(check: &mut Check<'_>) -> bool {
    check.nodes += 1;
    let limit = check.context.limits.filter_nodes;
    let message = format!("more than {limit} conditions (limit filter_nodes)");
    if check.nodes > limit && check.faults.iter().all(|fault| fault.message != message) {
        check.fault("filter", message);
    }
    check.nodes <= limit
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
    about(check, &Subject::field(declared, field), value, path, depth)
}

/// What stands beside a field, or beside something computed: a value or operators.
pub(super) fn about(check: &mut Check<'_>, subject: &Subject<'_>, value: &Value, path: &str, depth: usize) -> Expr {
    match value {
        Value::Map(map) if *subject.ty == FieldType::Json && !is_operators(map) => {
            compare(check, subject, Comparison::Eq, value, path, false)
        }
        Value::Map(map) => operators(check, subject, map, path, depth),
        value => equality(check, subject, value, path, false),
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
        // A plain object means `$is`, also where its first key is one of a filter.
        Value::Map(map) if is_operators(map) && !(to_one && FILTER_OPERATORS.contains(&map.0[0].0.as_ref())) => {
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
                        check.fault(
                            &path,
                            format!(
                                "unknown operator{}; expected {}",
                                nearest(name, known),
                                RELATION_OPERATORS.join(", ")
                            ),
                        );
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

/// What a condition is about: a field, or a column of a group.
pub(super) struct Subject<'a> {
    pub operand: Operand,
    pub name: &'a str,
    pub ty: &'a FieldType,
    pub stored_as: Option<StoredAs>,
}

impl<'a> Subject<'a> {
    fn field(entity: &'a Entity, id: FieldId) -> Self {
        let field = entity.field(id);
        Subject { operand: Operand::Field(id), name: &field.name, ty: &field.ty, stored_as: field.stored_as }
    }
}

/// All operators beside one field.
pub(super) fn operators(check: &mut Check<'_>, subject: &Subject<'_>, map: &Map, path: &str, depth: usize) -> Expr {
    let limit = check.context.limits.filter_depth;
    if depth > limit {
        check.fault("filter", format!("nested deeper than {limit} levels (limit filter_depth)"));
        return Expr::FALSE;
    }
    if let Some(steps) = map.get("$path") {
        return filter_json::path(check, subject, steps, map, path, depth);
    }
    let insensitive = insensitive(check, map, path);
    let mut all = Vec::with_capacity(map.len());
    if map.iter().all(|(name, _)| name == "$mode") {
        check.fault(path, format!("expected a value or operators such as {}", OPERATORS[..6].join(", ")));
    }
    for (name, value) in map.iter() {
        let path = format!("{path}.{}", shown(name));
        if !counted(check) {
            return Expr::FALSE;
        }
        let fold = insensitive;
        all.push(match name {
            "$eq" => equality(check, subject, value, &path, fold),
            "$ne" => match value {
                Value::Null => Expr::Not(Box::new(Expr::IsNull(subject.operand.clone()))),
                value => compare(check, subject, Comparison::Ne, value, &path, fold),
            },
            "$gt" => range(check, subject, Comparison::Gt, value, &path),
            "$gte" => range(check, subject, Comparison::Gte, value, &path),
            "$lt" => range(check, subject, Comparison::Lt, value, &path),
            "$lte" => range(check, subject, Comparison::Lte, value, &path),
            "$between" => between(check, subject, value, &path),
            "$in" => within(check, subject, value, &path, fold, false),
            "$nin" => within(check, subject, value, &path, fold, true),
            "$exists" => exists(check, subject, value, &path),
            "$contains" => text(check, subject, TextMatch::Contains, value, &path, fold),
            "$startsWith" => text(check, subject, TextMatch::StartsWith, value, &path, fold),
            "$endsWith" => text(check, subject, TextMatch::EndsWith, value, &path, fold),
            "$like" => text(check, subject, TextMatch::Like, value, &path, fold),
            "$icontains" => text(check, subject, TextMatch::Contains, value, &path, true),
            "$istartsWith" => text(check, subject, TextMatch::StartsWith, value, &path, true),
            "$iendsWith" => text(check, subject, TextMatch::EndsWith, value, &path, true),
            "$ieq" => compare(check, subject, Comparison::Eq, value, &path, true),
            "$not" => Expr::Not(Box::new(match value {
                Value::Map(map) if is_operators(map) || *subject.ty != FieldType::Json => {
                    operators(check, subject, map, &path, depth + 1)
                }
                value => equality(check, subject, value, &path, fold),
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
    } else if let Some((other, _)) =
        map.iter().find(|(name, _)| matches!(*name, "$gt" | "$gte" | "$lt" | "$lte" | "$between" | "$exists"))
    {
        check.fault(path, format!("does not apply to {other}"));
    }
    true
}

fn equality(check: &mut Check<'_>, subject: &Subject<'_>, value: &Value, path: &str, fold: bool) -> Expr {
    match value {
        Value::Null => Expr::IsNull(subject.operand.clone()),
        value => compare(check, subject, Comparison::Eq, value, path, fold),
    }
}

/// How a value is compared with a field: by type, or by hash where only the hash is stored.
fn cast(check: &mut Check<'_>, subject: &Subject<'_>, path: &str) -> Option<Cast> {
    match subject.stored_as {
        None => Some(Cast::Compare(subject.ty.clone())),
        Some(StoredAs::Sha256) => Some(Cast::CompareHashed(StoredAs::Sha256)),
        Some(StoredAs::Argon2id) => {
            check.fault(path, "is stored as an argon2id hash and cannot be compared");
            None
        }
    }
}

fn compare(
    check: &mut Check<'_>,
    subject: &Subject<'_>,
    op: Comparison,
    value: &Value,
    path: &str,
    fold: bool,
) -> Expr {
    if matches!(value, Value::Null | Value::Undefined) {
        check.fault(path, format!("expected {}, got {}", subject.ty.as_str(), value.kind()));
        return Expr::FALSE;
    }
    if matches!(value, Value::List(_)) && *subject.ty != FieldType::Json {
        check.fault(path, format!("expected {}, got a list; use $in for several values", subject.ty.as_str()));
        return Expr::FALSE;
    }
    if fold && !subject.ty.is_text() {
        check.fault(
            path,
            format!("case-insensitive comparison needs a text field, {} is {}", subject.name, subject.ty.as_str()),
        );
        return Expr::FALSE;
    }
    let Some(cast) = cast(check, subject, path) else { return Expr::FALSE };
    // Folded comparison is of text with text: a word the enum does not declare may still fold to one that it does.
    let cast = if fold { Cast::Pattern } else { cast };
    let right = match value {
        Value::Bool(value) if *subject.ty == FieldType::Boolean => Operand::Const(Literal::Bool(*value)),
        value if !fold && op == Comparison::Eq && matches!(subject.ty, FieldType::Enum(_)) => {
            check.word(value, cast, path)
        }
        value => check.operand(value, cast, path),
    };
    Expr::Compare { left: subject.operand.clone(), op, right, fold }
}

fn range(check: &mut Check<'_>, subject: &Subject<'_>, op: Comparison, value: &Value, path: &str) -> Expr {
    if subject.stored_as.is_some() || matches!(subject.ty, FieldType::Boolean | FieldType::Json) {
        check.fault(path, format!("{} has no order", subject.ty.as_str()));
        return Expr::FALSE;
    }
    compare(check, subject, op, value, path, false)
}

fn between(check: &mut Check<'_>, subject: &Subject<'_>, value: &Value, path: &str) -> Expr {
    match value.as_list() {
        Some([low, high]) => {
            let low = range(check, subject, Comparison::Gte, low, &format!("{path}.0"));
            let high = range(check, subject, Comparison::Lte, high, &format!("{path}.1"));
            Expr::And(vec![low, high])
        }
        _ => {
            check.fault(path, "expected a list of two values, the least and the greatest");
            Expr::FALSE
        }
    }
}

fn exists(check: &mut Check<'_>, subject: &Subject<'_>, value: &Value, path: &str) -> Expr {
    match value {
        Value::Bool(true) => Expr::Not(Box::new(Expr::IsNull(subject.operand.clone()))),
        Value::Bool(false) => Expr::IsNull(subject.operand.clone()),
        other => {
            check.fault(path, format!("expected a boolean, got {}", other.kind()));
            Expr::FALSE
        }
    }
}

/// `$in` and `$nin`, where null in the list is a value.
fn within(check: &mut Check<'_>, subject: &Subject<'_>, value: &Value, path: &str, fold: bool, negated: bool) -> Expr {
    let Value::List(items) = value else {
        check.fault(path, format!("expected a list, got {}", value.kind()));
        return Expr::FALSE;
    };
    let limit = check.context.limits.in_values;
    if items.len() > limit {
        check.fault(path, format!("{} values; at most {limit} (limit in_values)", items.len()));
        return Expr::FALSE;
    }
    if fold && !subject.ty.is_text() {
        check.fault(
            path,
            format!("case-insensitive comparison needs a text field, {} is {}", subject.name, subject.ty.as_str()),
        );
        return Expr::FALSE;
    }
    let nulls = items.iter().any(Value::is_null);
    let found = if *subject.ty == FieldType::Json {
        // Documents are equal by content, which no list of stored texts can tell.
        let given = items.iter().enumerate().filter(|(_, item)| !item.is_null());
        let one = |(index, item): (usize, &Value)| match counted(check) {
            true => compare(check, subject, Comparison::Eq, item, &format!("{path}.{index}"), false),
            false => Expr::FALSE,
        };
        Expr::Or(given.map(one).collect())
    } else if items.iter().all(Value::is_null) {
        Expr::FALSE
    } else {
        let Some(one) = cast(check, subject, path) else { return Expr::FALSE };
        let cast = match one {
            _ if fold => Cast::List(FieldType::Text(crate::schema::TextKind::Text)),
            Cast::CompareHashed(how) => Cast::ListHashed(how),
            _ => Cast::List(subject.ty.clone()),
        };
        match check.argument(value, cast, path) {
            Some(list) => Expr::In { value: subject.operand.clone(), list, fold },
            None => return Expr::FALSE,
        }
    };
    let null = Expr::IsNull(subject.operand.clone());
    match (negated, nulls) {
        (false, false) => found,
        (false, true) => Expr::Or(vec![found, null]),
        (true, false) => Expr::Not(Box::new(found)),
        (true, true) => Expr::And(vec![Expr::Not(Box::new(found)), Expr::Not(Box::new(null))]),
    }
}

fn text(check: &mut Check<'_>, subject: &Subject<'_>, op: TextMatch, value: &Value, path: &str, fold: bool) -> Expr {
    if !subject.ty.is_text() || subject.stored_as.is_some() {
        check.fault(path, format!("needs a text field, {} is {}", subject.name, subject.ty.as_str()));
        return Expr::FALSE;
    }
    let pattern = check.operand(value, Cast::Pattern, path);
    Expr::Text { value: subject.operand.clone(), op, pattern, fold }
}

/// A test of the value at a path, for [`filter_json`].
pub(super) fn json(field: FieldId, path: &[crate::query::ast::PathStep], test: JsonTest) -> Expr {
    Expr::Json { field, path: path.to_vec(), test }
}
