//! The data of a create and the patch of an update: every field checked, every absent one filled.

use crate::query::ast::{Assign, Expr, Insert, Literal, Operand, Query, Shape, Statement, Update};
use crate::query::cast::Cast;
use crate::query::form::is_operators;
use crate::query::output;
use crate::query::param::ParamSource;
use crate::query::validate::{Check, shown};
use crate::schema::{DefaultValue, EntityId, Field, FieldId, FieldRef, FieldType, Generator, Referential, Schema};
use crate::value::{Map, Value};

/// `create`.
pub(super) fn create(check: &mut Check<'_>, entity: EntityId, data: Option<&Value>) -> Option<Query> {
    let declared = check.entity(entity);
    let empty = Map::new();
    let data = match data {
        None => &empty,
        Some(Value::Map(map)) => map,
        Some(other) => {
            check.fault("data", format!("expected an object, got {}", other.kind()));
            return None;
        }
    };
    names(check, entity, data);
    let mut values = Vec::with_capacity(declared.fields.len());
    for (id, field) in declared.field_ids() {
        let given = data.get(&field.name).filter(|value| !matches!(value, Value::Undefined));
        let operand = match given {
            Some(value) => given_value(check, entity, id, value, true),
            None => absent(check, entity, id),
        };
        if let Some(operand) = operand {
            values.push((id, operand));
        }
    }
    let mut returning = output::visible(check, entity);
    for (id, field) in declared.field_ids() {
        if field.generated == Some(Generator::Token) && !returning.contains(&id) {
            returning.push(id);
        }
    }
    returning.sort_unstable();
    key_at_least(check, entity, &mut returning);
    let visible = returning.len();
    let insert = Insert { entity, values, returning, check: None, unless: Vec::new() };
    Some(Query {
        statement: Statement::Insert(insert),
        visible,
        includes: Vec::new(),
        shape: Shape::One,
        version: None,
        parents: Vec::new(),
    })
}

/// `update`: the new row comes back.
pub(super) fn update(
    check: &mut Check<'_>,
    entity: EntityId,
    filter: Option<Expr>,
    patch: Option<&Value>,
    version: Option<Expr>,
) -> Option<Query> {
    let set = assignments(check, entity, patch)?;
    let mut returning = output::visible(check, entity);
    key_at_least(check, entity, &mut returning);
    let visible = returning.len();
    let update = Update { entity, filter: filter?, set, returning, check: None };
    Some(Query {
        statement: Statement::Update(update),
        visible,
        includes: Vec::new(),
        shape: Shape::One,
        version,
        parents: Vec::new(),
    })
}

/// `update_many`: how many rows matched comes back.
pub(super) fn update_many(
    check: &mut Check<'_>,
    entity: EntityId,
    filter: Expr,
    patch: Option<&Value>,
) -> Option<Query> {
    let set = assignments(check, entity, patch)?;
    let declared = check.entity(entity);
    for (id, _) in set.iter().filter(|(_, assign)| matches!(assign, Assign::Increment(_))) {
        let field = declared.field(*id);
        // Backends that look at keys row by row would refuse it or not by the order in which they meet the rows.
        if field.unique || declared.indexes.iter().any(|index| index.unique && index.fields.contains(id)) {
            check.fault(&field.name, "is part of a unique key; $increment of many rows at once cannot change it");
        }
    }
    for (id, followed) in chased(check.context.schema, entity, &set) {
        let (name, followed) = (&declared.field(id).name, &declared.field(followed).name);
        let message = format!(
            "refers to rows that lose their `{followed}` in the same statement; set it in a statement of its own"
        );
        check.fault(name, message);
    }
    let update = Update { entity, filter, set, returning: Vec::new(), check: None };
    let statement = Statement::Update(update);
    Some(Query {
        statement,
        visible: 0,
        includes: Vec::new(),
        shape: Shape::Affected,
        version: None,
        parents: Vec::new(),
    })
}

/// References that would be set in many rows while rows of the same entity lose what they refer to, and references
/// follow: each with the field that is lost. A backend that carries out `on_update` row by row would change a reference
/// before it is set in one row and after it in another, by the order in which it meets the rows.
fn chased(schema: &Schema, entity: EntityId, set: &[(FieldId, Assign)]) -> Vec<(FieldId, FieldId)> {
    let none = Assign::Set(Operand::Const(Literal::Null));
    let mut found = Vec::new();
    // Of what many rows may have alike, only null is no unique value.
    for (lost, _) in set.iter().filter(|(_, assign)| *assign == none) {
        let mut changed = vec![(entity, *lost)];
        let mut at = 0;
        while let Some(target) = changed.get(at).copied() {
            at += 1;
            for (other, declared) in schema.entities() {
                for (id, field) in declared.field_ids() {
                    let follows = field
                        .foreign_key
                        .as_ref()
                        .is_some_and(|key| (key.entity, key.field) == target && key.on_update != Referential::Restrict);
                    if !follows || changed.contains(&(other, id)) {
                        continue;
                    }
                    changed.push((other, id));
                    if other == entity && set.iter().any(|(written, assign)| *written == id && *assign != none) {
                        found.push((id, *lost));
                    }
                }
            }
        }
    }
    found
}

/// What each field of a patch becomes, and those that every write changes.
fn assignments(check: &mut Check<'_>, entity: EntityId, patch: Option<&Value>) -> Option<Vec<(FieldId, Assign)>> {
    let declared = check.entity(entity);
    let patch = match patch {
        Some(Value::Map(map)) => map,
        other => {
            check.fault("data", format!("expected an object, got {}", other.map_or("nothing", Value::kind)));
            return None;
        }
    };
    names(check, entity, patch);
    let mut set = Vec::new();
    for (id, field) in declared.field_ids() {
        let Some(value) = patch.get(&field.name).filter(|value| !matches!(value, Value::Undefined)) else { continue };
        if !check.context.view.writable(entity, id) {
            continue;
        }
        if field.immutable || field.primary || field.version {
            let why = if field.primary {
                "the primary key"
            } else if field.version {
                "the version"
            } else {
                "immutable"
            };
            check.fault(&field.name, format!("is {why} and cannot be changed"));
            continue;
        }
        if let Value::Map(operators) = value
            && field.ty != FieldType::Json
            && is_operators(operators)
        {
            set.extend(increment(check, entity, id, operators).map(|by| (id, Assign::Increment(by))));
        } else if let Some(operand) = given_value(check, entity, id, value, false) {
            set.push((id, Assign::Set(operand)));
        }
    }
    if !set.is_empty() {
        for (id, field) in declared.field_ids() {
            if field.auto_update && !set.iter().any(|(named, _)| *named == id) {
                set.push((id, Assign::Set(Operand::Param(check.params.push(now(field))))));
            }
            if field.version {
                let one = check.params.push(ParamSource::Const(Value::Int(1)));
                set.push((id, Assign::Increment(Operand::Param(one))));
            }
        }
    }
    Some(set)
}

/// Whoever may write a row and read none of it learns its key.
fn key_at_least(check: &Check<'_>, entity: EntityId, returning: &mut Vec<FieldId>) {
    if returning.is_empty() {
        returning.push(check.entity(entity).key);
    }
}

/// Faults for every name that is no field, or none that the caller may write.
fn names(check: &mut Check<'_>, entity: EntityId, data: &Map) {
    let declared = check.entity(entity);
    let view = check.context.view;
    let most = 2 * declared.fields.len() + 16;
    if data.len() > most {
        check.fault("data", format!("{} fields; {} has {}", data.len(), declared.name, declared.fields.len()));
    }
    for (position, (name, value)) in data.0.iter().enumerate().take(most) {
        if data.0[..position].iter().any(|(other, _)| other == name) {
            check.fault(shown(name), "given twice");
            continue;
        }
        match declared.field_by_name(name) {
            Some(id) if view.writable(entity, id) => {}
            _ if matches!(value, Value::Undefined) => {}
            Some(id) if view.readable(entity, id) => check.fault(name.to_string(), "you may not write this field"),
            _ => {
                let message = check.unknown(entity, name, true);
                check.fault(shown(name), message);
            }
        }
    }
}

/// A value that the caller gave for a field.
fn given_value(check: &mut Check<'_>, entity: EntityId, id: FieldId, value: &Value, create: bool) -> Option<Operand> {
    let field = check.entity(entity).field(id);
    if !check.context.view.writable(entity, id) {
        // Reported by name; the statement that would need the value never runs.
        return None;
    }
    if !check.context.view.trusted() && (field.generated.is_some() || field.version || field.auto_update) {
        check.fault(&field.name, "is filled by the engine; only trusted code may give it");
        return None;
    }
    if value.is_null() {
        if create && field.generated == Some(Generator::Sequence) {
            check.fault(&field.name, "may not be null; leave it out to have it generated");
            return None;
        }
        if !field.nullable {
            check.fault(&field.name, format!("may not be null; expected {}", field.ty.as_str()));
            return None;
        }
        // Null is part of the form, so it is spelled; the text of the plan is one for each set of nulls.
        return Some(Operand::Const(Literal::Null));
    }
    let at = FieldRef { entity, field: id };
    check.argument(value, Cast::Store(at), &field.name.clone()).map(Operand::Param)
}

/// `{$increment: n}`. The result is checked against the field's bounds in the statement, where it is known.
fn increment(check: &mut Check<'_>, entity: EntityId, id: FieldId, operators: &Map) -> Option<Operand> {
    let field = check.entity(entity).field(id);
    let path = field.name.as_str();
    let by = match operators.0.as_slice() {
        [(name, by)] if name == "$increment" => by,
        _ => {
            let unknown = operators.iter().map(|(name, _)| name).find(|name| *name != "$increment");
            check.fault(path, format!("unknown operator {}; expected $increment", shown(unknown.unwrap_or_default())));
            return None;
        }
    };
    if !field.is_numeric() {
        check.fault(path, format!("$increment needs a number, {path} is {}", field.ty.as_str()));
        return None;
    }
    if !check.context.view.readable(entity, id) {
        check.fault(path, "$increment needs a field that you may read");
        return None;
    }
    if by.is_null() {
        check.fault(path, format!("expected {}, got null", field.ty.as_str()));
        return None;
    }
    check.argument(by, Cast::Compare(field.ty.clone()), path).map(Operand::Param)
}

/// What a field becomes that a create does not name; none when the backend makes it, or after a fault.
fn absent(check: &mut Check<'_>, entity: EntityId, id: FieldId) -> Option<Operand> {
    let field: &Field = check.entity(entity).field(id);
    let push = |check: &mut Check<'_>, source| Some(Operand::Param(check.params.push(source)));
    if field.version {
        return push(check, ParamSource::Const(Value::Int(1)));
    }
    match field.generated {
        Some(Generator::Sequence) => return None,
        Some(Generator::Now) => return push(check, now(field)),
        Some(Generator::Token) => {
            let raw = check.params.push(ParamSource::Generated(Generator::Token));
            return match field.stored_as {
                Some(how) => push(check, ParamSource::Hashed(raw, how)),
                None => Some(Operand::Param(raw)),
            };
        }
        Some(generator) => return push(check, ParamSource::Generated(generator)),
        None => {}
    }
    match &field.default {
        Some(DefaultValue::Now) => push(check, now(field)),
        Some(DefaultValue::Uuid) => push(check, ParamSource::Generated(Generator::Uuid)),
        Some(DefaultValue::Value(value)) => push(check, ParamSource::Const(value.clone())),
        None if field.auto_update => push(check, now(field)),
        None if field.required || !field.nullable => {
            let readable = check.context.view.writable(entity, id) || check.context.view.readable(entity, id);
            let name = if readable { field.name.clone() } else { "data".into() };
            check.fault(name, format!("is required; expected {}", field.ty.as_str()));
            None
        }
        None => Some(Operand::Const(Literal::Null)),
    }
}

/// The instant of the write for a field.
fn now(field: &Field) -> ParamSource {
    match field.ty {
        FieldType::DateTime => ParamSource::Now,
        ref other => ParamSource::NowAs(other.clone()),
    }
}
