//! Trees: rows that refer to a row of the same entity.

use std::collections::HashMap;

use super::steps::Running;
use crate::client::Response;
use crate::error::{Error, ErrorKind, Result};
use crate::request::{Operation, Request};
use crate::row::Record;
use crate::schema::convert::convert;
use crate::schema::{EntityId, FieldId, Move};
use crate::value::{Map, Value};

/// How far up a move looks for itself. Each level is one read.
const DEEPEST: usize = 256;

/// The rows of one tree, parents before their children, children in their order.
pub(super) fn read(
    running: &mut Running<'_>,
    entity: EntityId,
    (parent, key): (FieldId, FieldId),
    scope: FieldId,
    order: Option<FieldId>,
) -> Result<Response> {
    let call = running.call;
    let schema = call.client.engine.schema.clone();
    let declared = schema.entity(entity);
    let name = |field: FieldId| declared.field(field).name.as_str();
    let wanted = call.input.get(name(scope)).cloned().unwrap_or(Value::Null);
    let filter = Map(vec![(name(scope).to_owned().into(), wanted.clone())]);
    let mut request = Request::new(Operation::FindMany, declared.name.clone()).arg("filter", filter);
    let readable = |field: FieldId| {
        let principal = call.body.caller.principal();
        principal.is_none_or(|principal| {
            crate::query::view::View::readable(
                &call.client.engine.policy_for(&call.body.caller).view(principal),
                entity,
                field,
            )
        })
    };
    // Siblings come in an order that the caller may see, or in that of their keys.
    if let Some(order) = order.filter(|order| readable(*order)) {
        request = request.arg("sort", Map(vec![(name(order).to_owned().into(), "asc".into())]));
    }
    let inputs = vec![("filter".to_owned(), template(name(scope)))];
    let rows = running.ask(&request).map_err(|error| super::input::by_input(error, &inputs))?.rows()?;
    if let (true, Some(target)) = (rows.is_empty(), declared.field(scope).foreign_key) {
        // No rows, or nothing for there to be rows of: as far as the caller may see.
        let other = schema.entity(target.entity);
        let id = Map(vec![(other.field(target.field).name.clone().into(), wanted)]);
        let there = running.ask(&Request::new(Operation::Read, other.name.clone()).arg("id", id));
        if let Err(error) = there
            && error.kind() != ErrorKind::Forbidden
        {
            return Err(error);
        }
    }
    Ok(Response::Rows(arranged(rows, name(parent), name(key))))
}

fn template(input: &str) -> crate::schema::Template {
    crate::schema::Template::Map(vec![(input.to_owned(), crate::schema::Template::Input(input.to_owned()))])
}

/// Parents before their children. A row whose parent is not among them stands at the top, one in a circle at the end.
fn arranged(rows: Vec<Record>, parent: &str, key: &str) -> Vec<Record> {
    let spelled = |row: &Record, field: &str| row.get(field).filter(|value| !value.is_null()).map(spell);
    let at: HashMap<String, usize> =
        rows.iter().enumerate().filter_map(|(index, row)| Some((spelled(row, key)?, index))).collect();
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); rows.len()];
    let mut tops = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        match spelled(row, parent).and_then(|parent| at.get(&parent).copied()) {
            Some(parent) => below[parent].push(index),
            None => tops.push(index),
        }
    }
    let mut sequence = Vec::with_capacity(rows.len());
    let mut waiting: Vec<usize> = tops.into_iter().rev().collect();
    while let Some(index) = waiting.pop() {
        sequence.push(index);
        waiting.extend(below[index].iter().rev());
    }
    let mut left: Vec<Option<Record>> = rows.into_iter().map(Some).collect();
    let mut all: Vec<Record> = sequence.into_iter().filter_map(|index| left[index].take()).collect();
    all.extend(left.into_iter().flatten());
    all
}

/// A key as text that two equal keys share.
fn spell(value: &Value) -> String {
    format!("{value:?}")
}

/// Puts a row under another one. The way up from the new parent is read row by row with the caller's own eyes: where it
/// leads to what the caller cannot see, the answer is the same whatever is there. Moves take turns: two at the same
/// moment could each find the other's row where it is no longer, and put two rows below each other.
pub(super) fn move_row(running: &mut Running<'_>, move_: &Move) -> Result<Response> {
    let call = running.call;
    let schema = call.client.engine.schema.clone();
    let declared = schema.entity(move_.entity);
    let name = |field: FieldId| declared.field(field).name.as_str();
    let (parent, key) = (name(move_.parent.0), name(move_.parent.1));
    let input = |name: &str| call.input.get(name).cloned().unwrap_or(Value::Null);
    let at = format!("input.{}", move_.under);
    let under = convert(&declared.field(move_.parent.1).ty, &input(&move_.under))
        .map_err(|message| Error::validation(at.clone(), message))?;
    let find = |running: &mut Running<'_>, field: &str, value: &Value, from: &str| {
        let id = Map(vec![(field.to_owned().into(), value.clone())]);
        let found = running.ask(&Request::new(Operation::Read, declared.name.clone()).arg("id", id));
        found.map_err(|error| error.with_fields(|_| format!("input.{from}")))?.row()
    };
    running.take_turn(move_.entity)?;
    let row = find(running, &move_.row, &input(&move_.row), &move_.row)?;
    let own = row.get(key).cloned();
    let refused = |message: &str| Err(Error::validation(at.clone(), message.to_owned()));
    let mut next = under.clone();
    let mut steps = 0;
    while !next.is_null() {
        if own.as_ref() == Some(&next) {
            return refused("is the row itself or stands below it");
        }
        let above = match find(running, key, &next, &move_.under) {
            Ok(above) => above,
            Err(error) if error.kind() == ErrorKind::NotFound && steps > 0 => {
                return refused("stands below a row that this caller cannot see");
            }
            Err(error) => return Err(error),
        };
        if steps == 0 {
            let others = move_.same.iter().map(|field| name(*field)).find(|field| above.get(field) != row.get(field));
            if let Some(field) = others {
                return refused(&format!("has another {field}"));
            }
        }
        steps += 1;
        if steps > DEEPEST {
            return refused(&format!("stands more than {DEEPEST} rows deep"));
        }
        let Some(up) = above.get(parent) else {
            return refused("stands in a tree whose references this caller cannot see");
        };
        next = up.clone();
    }
    let mut data = Map(vec![(parent.to_owned().into(), under)]);
    for (field, from) in &move_.set {
        if let Some(value) = call.input.get(from) {
            data.0.push((name(*field).to_owned().into(), value.clone()));
        }
    }
    let id = Map(vec![(move_.row.clone().into(), input(&move_.row))]);
    let request = Request::new(Operation::Update, declared.name.clone()).arg("id", id).arg("data", data);
    running.ask(&request).map_err(|error| {
        error.with_fields(|field| match field {
            field if field == parent => at.clone(),
            field => format!("input.{field}"),
        })
    })
}
