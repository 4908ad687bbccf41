//! `id`, or `where` of an upsert: the row meant, by its primary key or by a unique key.

use crate::query::ast::{Comparison, Expr, Operand};
use crate::query::cast::Cast;
use crate::query::validate::{Check, shown};
use crate::schema::{EntityId, FieldId};
use crate::value::Value;

/// The condition that finds the row.
pub(super) fn filter(check: &mut Check<'_>, entity: EntityId, id: Option<&Value>, option: &str) -> Option<Expr> {
    let declared = check.entity(entity);
    let Some(id) = id else {
        check.fault(option, "missing; expected the primary key, or an object with a unique key");
        return None;
    };
    let Value::Map(map) = id else {
        if !declared.key_rest.is_empty() {
            let names: Vec<&str> = declared.keys().map(|key| declared.field(key).name.as_str()).collect();
            check.fault(option, format!("expected an object with the fields of the key: {}", names.join(", ")));
            return None;
        }
        return equals(check, entity, declared.key, id, option);
    };
    let mut fields = Vec::new();
    let mut all = Some(Expr::TRUE);
    for (name, value) in map.iter() {
        let path = format!("{option}.{}", shown(name));
        let Some(field) = check.readable(entity, name, &path) else {
            all = None;
            continue;
        };
        fields.push(field);
        let condition = equals(check, entity, field, value, &path);
        all = match (all, condition) {
            (Some(all), Some(condition)) => Some(all.and(condition)),
            _ => None,
        };
    }
    let condition = all?;
    let mut sorted = fields.clone();
    sorted.sort_unstable();
    let is_key = |key: &[FieldId]| {
        let mut key = key.to_vec();
        key.sort_unstable();
        key == sorted
    };
    let unique = is_key(&declared.keys().collect::<Vec<_>>())
        || fields.len() == 1 && declared.field(fields[0]).unique
        || declared.indexes.iter().any(|index| index.unique && index.filter.is_none() && is_key(&index.fields));
    if !unique {
        check.fault(option, "these fields are not a unique key; use first or find_many with a filter");
        return None;
    }
    Some(condition)
}

/// The condition of `if_version`.
pub(super) fn version(check: &mut Check<'_>, entity: EntityId, value: Option<&Value>) -> Option<Expr> {
    let value = value?;
    let declared = check.entity(entity);
    match declared.field_ids().find(|(id, field)| field.version && check.context.view.readable(entity, *id)) {
        Some((field, _)) => equals(check, entity, field, value, "if_version"),
        None => {
            check.fault("if_version", format!("{} has no version field", declared.name));
            None
        }
    }
}

fn equals(check: &mut Check<'_>, entity: EntityId, field: FieldId, value: &Value, path: &str) -> Option<Expr> {
    let declared = check.entity(entity).field(field);
    if matches!(value, Value::Null | Value::Undefined | Value::Map(_)) {
        check.fault(
            path,
            format!("expected {} {}, got {}", article(declared.ty.as_str()), declared.ty.as_str(), value.kind()),
        );
        return None;
    }
    let cast = match declared.stored_as {
        Some(how) => Cast::CompareHashed(how),
        None => Cast::Compare(declared.ty.clone()),
    };
    let right = Operand::Param(check.argument(value, cast, path)?);
    Some(Expr::Compare { left: Operand::Field(field), op: Comparison::Eq, right, fold: false })
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" }
}
