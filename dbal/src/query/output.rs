//! What rows look like and in which order they come: `select`, `sort`, `include`.

use crate::query::ast::{Between, Expr, Include, Link, Literal, Most, Operand, Order, Select};
use crate::query::filter::{self, relation_visible};
use crate::query::paging;
use crate::query::param::ParamSource;
use crate::query::validate::{Check, nearest, shown};
use crate::schema::{EntityId, FieldId, FieldType};
use crate::value::Value;

/// The most keys of one sort; more can change nothing that anybody looks at.
const MAX_SORT_KEYS: usize = 32;

/// The fields of the result: those named, or all that the caller may see.
pub(super) fn select(check: &mut Check<'_>, entity: EntityId, value: Option<&Value>, path: &str) -> Vec<FieldId> {
    let names = match value {
        None | Some(Value::Undefined) => return visible(check, entity),
        Some(Value::List(names)) if !names.is_empty() => names,
        Some(Value::List(_)) => {
            check.fault(path, "expected at least one field");
            return Vec::new();
        }
        Some(other) => {
            check.fault(path, format!("expected a list of field names, got {}", other.kind()));
            return Vec::new();
        }
    };
    let mut columns = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        let path = format!("{path}.{index}");
        let Some(name) = name.as_str() else {
            check.fault(path, format!("expected a field name, got {}", name.kind()));
            continue;
        };
        if let Some(relation) = check.entity(entity).relation_by_name(name)
            && relation_visible(check, entity, relation)
        {
            check.fault(path, format!("`{name}` is a relation; use include"));
            continue;
        }
        let Some(field) = check.readable(entity, name, &path) else { continue };
        if check.entity(entity).field(field).sensitive {
            check.fault(path, format!("`{name}` is sensitive and never returned"));
        } else if columns.contains(&field) {
            check.fault(path, format!("`{name}` is named twice"));
        } else {
            columns.push(field);
        }
    }
    columns
}

/// All fields that the caller may see.
pub(super) fn visible(check: &Check<'_>, entity: EntityId) -> Vec<FieldId> {
    let view = check.context.view;
    let fields = check.entity(entity).field_ids();
    fields.filter(|(id, field)| !field.sensitive && view.readable(entity, *id)).map(|(id, _)| id).collect()
}

/// The order of rows. The primary key is always the last key, so that paging neither repeats nor skips.
pub(super) fn sort(
    check: &mut Check<'_>,
    entity: EntityId,
    value: Option<&Value>,
    path: &str,
    many: bool,
) -> Vec<Order> {
    let mut order = sort_keys(check, value, path, |check, name, path| sort_operand(check, entity, name, path));
    for key in check.entity(entity).keys().map(Operand::Field).filter(|_| many) {
        if !order.iter().any(|one| one.by == key) {
            order.push(Order { by: key, descending: false, nulls_first: true });
        }
    }
    order
}

/// The keys of a sort as they are written; `operand` says what each name stands for.
pub(super) fn sort_keys<'c>(
    check: &mut Check<'c>,
    value: Option<&Value>,
    path: &str,
    mut operand: impl FnMut(&mut Check<'c>, &str, &str) -> Option<Operand>,
) -> Vec<Order> {
    let mut order: Vec<Order> = Vec::new();
    let mut key = |check: &mut Check<'c>, name: &str, direction: &Value, path: &str| {
        let path = format!("{path}.{}", shown(name));
        let by = operand(check, name, &path);
        sort_key(check, by, direction, &path)
    };
    match value {
        None | Some(Value::Undefined) => {}
        Some(Value::Map(map)) => {
            for (name, direction) in map.iter() {
                order.extend(key(check, name, direction, path));
            }
        }
        Some(Value::List(items)) => {
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}.{index}");
                match item.as_map().map(|map| map.0.as_slice()) {
                    Some([(name, direction)]) => {
                        order.extend(key(check, name, direction, &path));
                    }
                    _ => check.fault(path, "expected an object with one field"),
                }
            }
        }
        Some(other) => check.fault(path, format!("expected an object or a list of objects, got {}", other.kind())),
    }
    if order.len() > MAX_SORT_KEYS {
        check.fault(path, format!("{} keys; at most {MAX_SORT_KEYS}", order.len()));
        return Vec::new();
    }
    for (index, key) in order.iter().enumerate() {
        if order[..index].iter().any(|before| before.by == key.by) {
            check.fault(path, "names a field twice");
            break;
        }
    }
    order
}

fn sort_key(check: &mut Check<'_>, by: Option<Operand>, value: &Value, path: &str) -> Option<Order> {
    let word = |value: &Value| match value.as_str() {
        Some("asc") => Some(false),
        Some("desc") => Some(true),
        _ => None,
    };
    let (descending, nulls_first) = match value {
        Value::Map(map) => {
            for (option, _) in map.iter().filter(|(option, _)| !matches!(*option, "order" | "nulls")) {
                let known = ["order", "nulls"];
                check.fault(
                    path,
                    format!(
                        "unknown option `{}`{}; expected order, nulls",
                        shown(option),
                        nearest(option, known.into_iter())
                    ),
                );
            }
            let descending = map.get("order").map_or(Some(false), word);
            let nulls = match map.get("nulls").map(Value::as_str) {
                None => descending.map(|descending| !descending),
                Some(Some("first")) => Some(true),
                Some(Some("last")) => Some(false),
                Some(_) => {
                    check.fault(format!("{path}.nulls"), "expected \"first\" or \"last\"");
                    Some(true)
                }
            };
            (descending, nulls)
        }
        value => (word(value), word(value).map(|descending| !descending)),
    };
    let Some(descending) = descending else {
        check.fault(path, "expected \"asc\", \"desc\" or an object with order and nulls");
        return None;
    };
    Some(Order { by: by?, descending, nulls_first: nulls_first.unwrap_or(true) })
}

/// A field, or a field reached through to-one relations such as `author.name`.
fn sort_operand(check: &mut Check<'_>, entity: EntityId, name: &str, path: &str) -> Option<Operand> {
    let mut at = entity;
    let mut relations = Vec::new();
    let mut rest = name;
    while let Some((head, tail)) = rest.split_once('.') {
        let relation = check.entity(at).relation_by_name(head).filter(|id| relation_visible(check, at, *id));
        let Some(id) = relation else { break };
        let relation = check.entity(at).relation(id);
        if !relation.kind.is_to_one() {
            check.fault(path, format!("`{head}` leads to many rows; sort only through relations to one"));
            return None;
        }
        let limit = check.context.limits.include_depth;
        if relations.len() == limit {
            check.fault(path, format!("leads through more than {limit} relations (limit include_depth)"));
            return None;
        }
        relations.push(id);
        at = relation.target;
        rest = tail;
    }
    let field = check.readable(at, rest, path)?;
    let declared = check.entity(at).field(field);
    if declared.ty == FieldType::Json {
        check.fault(path, "json has no order");
        return None;
    }
    if declared.stored_as.is_some() {
        check.fault(path, "only its hash is stored, which has no order");
        return None;
    }
    Some(if relations.is_empty() {
        Operand::Field(field)
    } else {
        Operand::Related { path: relations, field, visible: Vec::new() }
    })
}

/// Related rows to read along. Adds the fields that link them to `columns`, behind the visible ones.
pub(super) fn includes(
    check: &mut Check<'_>,
    entity: EntityId,
    columns: &mut Vec<FieldId>,
    value: Option<&Value>,
    path: &str,
    depth: usize,
) -> Vec<Include> {
    let map = match value {
        None | Some(Value::Undefined) => return Vec::new(),
        Some(Value::Map(map)) => map,
        Some(other) => {
            check.fault(path, format!("expected an object of relations, got {}", other.kind()));
            return Vec::new();
        }
    };
    let limits = check.context.limits;
    if depth > limits.include_depth {
        check.fault(path, format!("nested deeper than {} levels (limit include_depth)", limits.include_depth));
        return Vec::new();
    }
    let mut includes = Vec::new();
    for (name, value) in map.iter() {
        let path = format!("{path}.{}", shown(name));
        if matches!(value, Value::Bool(false) | Value::Undefined) {
            continue;
        }
        check.relations += 1;
        if check.relations > limits.include_relations {
            check.fault(&path, format!("more than {} relations (limit include_relations)", limits.include_relations));
            return includes;
        }
        includes.extend(include(check, entity, columns, name, value, &path, depth));
    }
    includes
}

fn include(
    check: &mut Check<'_>,
    entity: EntityId,
    columns: &mut Vec<FieldId>,
    name: &str,
    value: &Value,
    path: &str,
    depth: usize,
) -> Option<Include> {
    let declared = check.entity(entity);
    let Some(id) = declared.relation_by_name(name).filter(|id| relation_visible(check, entity, *id)) else {
        let visible: Vec<&str> = (0..)
            .map(crate::schema::RelationId)
            .zip(&declared.relations)
            .filter(|(id, _)| relation_visible(check, entity, *id))
            .map(|(_, relation)| relation.name.as_str())
            .collect();
        check.fault(path, format!("unknown relation of {}{}", declared.name, nearest(name, visible.into_iter())));
        return None;
    };
    let relation = declared.relation(id);
    let (target, to_one) = (relation.target, relation.kind.is_to_one());
    let options = match value {
        Value::Map(map) => Some(map),
        Value::Bool(true) => None,
        other => {
            check.fault(path, format!("expected true or an object, got {}", other.kind()));
            return None;
        }
    };
    let option = |name: &str| options.and_then(|map| map.get(name)).filter(|value| !matches!(value, Value::Undefined));
    let known: &[&str] =
        if to_one { &["filter", "select", "include"] } else { &["filter", "sort", "limit", "select", "include"] };
    for (name, _) in options.into_iter().flat_map(|map| map.iter()).filter(|(name, _)| !known.contains(name)) {
        let message = format!("unknown option{}; expected {}", nearest(name, known.iter().copied()), known.join(", "));
        check.fault(format!("{path}.{}", shown(name)), message);
    }
    let filter = match options.and_then(|map| map.get("filter")) {
        Some(value) => filter::object(check, target, value, &format!("{path}.filter"), 1),
        None => Expr::TRUE,
    };
    let order = sort(check, target, option("sort"), &format!("{path}.sort"), !to_one);
    let limit = match option("limit") {
        None => None,
        Some(Value::Int(limit)) if *limit >= 0 => {
            paging::capped_at(check, target, Some(*limit), &format!("{path}.limit"));
            Some(Operand::Const(Literal::Int(*limit)))
        }
        Some(other) => {
            check.fault(format!("{path}.limit"), format!("expected a whole number from 0, got {}", other.kind()));
            None
        }
    };
    let most = most(check, target, path, !to_one && limit.is_none());
    // One row more than there may be shows that there are more.
    let probe = most.as_ref().and_then(|most| most.each).map(|each| Operand::Const(Literal::Int(i64::from(each) + 1)));
    let limit = limit.or(probe);
    let mut below = select(check, target, option("select"), &format!("{path}.select"));
    let visible = below.len();
    let own_link = relation.through.is_none().then(|| position(&mut below, relation.remote));
    let includes = includes(check, target, &mut below, option("include"), &format!("{path}.include"), depth + 1);
    let parents = check.params.push(ParamSource::Parents(declared.field(relation.local).ty.clone()));
    // The parent's value follows the columns, links of deeper rows included.
    let child_column = own_link.unwrap_or(below.len());
    let through = relation.through.map(|through| Box::new(Between { through, visible: Expr::TRUE }));
    Some(Include {
        name: relation.name.clone().into(),
        to_one,
        parent_column: position(columns, relation.local),
        child_column,
        visible,
        select: Select {
            entity: target,
            columns: below,
            filter,
            order,
            limit,
            offset: None,
            link: Some(Link { field: relation.remote, parents, through }),
            beyond: None,
        },
        most,
        includes,
    })
}

/// How many related rows a bound caller may have.
fn most(check: &Check<'_>, target: EntityId, path: &str, unlimited: bool) -> Option<Most> {
    let each = unlimited.then(|| paging::bound_cap(check, target));
    let together = check.context.limits.included_rows as u64;
    (!check.context.view.trusted()).then(|| Most { path: path.to_owned().into(), each, together })
}

/// Where a field stands among columns, appended if it does not.
fn position(columns: &mut Vec<FieldId>, field: FieldId) -> usize {
    columns.iter().position(|column| *column == field).unwrap_or_else(|| {
        columns.push(field);
        columns.len() - 1
    })
}
