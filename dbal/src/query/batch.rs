//! Requests that apply together: reading the entries of a batch, and putting values of earlier results in place of
//! `{"$ref": "0.id"}`.
//!
//! What can be known before anything runs is checked before anything runs: the form of every entry, and that each
//! reference is spelled well and points back. What it finds there is known when its entry's turn comes.

use crate::error::{Error, FieldFault, Result};
use crate::query::limits::Limits;
use crate::query::validate::{self, nearest, shown};
use crate::request::{Operation, Request};
use crate::schema::{Entity, FieldType, Schema};
use crate::value::{Map, Value};

/// Deeper values are refused when their entry is checked; this keeps the walk off the end of the stack.
const MAX_DEPTH: usize = 96;

/// One entry that was understood.
#[derive(Debug)]
pub struct Entry {
    /// What it asks, references still in it.
    pub request: Request,
    /// The references in it, in the order of the walk.
    pub references: Vec<Reference>,
    /// Bytes of the texts in it.
    pub bytes: usize,
}

/// A value of an earlier result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Where it stands, such as `data.author_id`.
    pub at: String,
    /// The entry whose result it is.
    pub entry: usize,
    /// Names and list positions inside that result.
    pub path: Vec<String>,
}

/// The name that a fault of an entry's option goes by.
pub fn fault_of(index: usize, field: &str) -> String {
    if field.is_empty() { format!("entries.{index}") } else { format!("entries.{index}.{field}") }
}

/// The entries of a request in its data form: a list of `{entity, operation, ...}`.
///
/// # Errors
/// VALIDATION_ERROR with every entry that is none.
pub fn entries(limits: &Limits, request: &Request) -> Result<Vec<Request>> {
    let mut faults = Vec::new();
    let mut given = None;
    for (name, value) in request.args.iter() {
        match (name, value) {
            ("entries", Value::List(entries)) if given.is_none() => given = Some(entries),
            ("entries", Value::List(_)) => faults.push(fault("entries", "given twice".into())),
            ("entries", other) => {
                faults.push(fault("entries", format!("expected a list of requests, got {}", other.kind())));
            }
            (other, _) => {
                let message = format!("unknown option{}; expected entries", nearest(other, ["entries"].into_iter()));
                faults.push(fault(&shown(other), message));
            }
        }
    }
    let Some(given) = given else {
        if faults.is_empty() {
            faults.push(fault("entries", "missing; expected a list of requests".into()));
        }
        return Err(Error::invalid(faults));
    };
    count(limits, given.len())?;
    let mut requests = Vec::with_capacity(given.len());
    for (index, entry) in given.iter().enumerate() {
        requests.extend(entry_of(index, entry, &mut faults));
    }
    if faults.is_empty() { Ok(requests) } else { Err(Error::invalid(faults)) }
}

/// Refuses more entries than the limit.
///
/// # Errors
/// VALIDATION_ERROR naming the limit.
pub fn count(limits: &Limits, entries: usize) -> Result<()> {
    let limit = limits.batch_entries;
    if entries <= limit {
        return Ok(());
    }
    Err(Error::validation("entries", format!("{entries} entries; at most {limit} (limit batch_entries)")))
}

/// An entry in its data form as a request; none where it is none.
pub fn entry(entry: &Value) -> Option<Request> {
    entry_of(0, entry, &mut Vec::new())
}

fn entry_of(index: usize, entry: &Value, faults: &mut Vec<FieldFault>) -> Option<Request> {
    let Value::Map(map) = entry else {
        let message = format!("expected an object with entity and operation, got {}", entry.kind());
        faults.push(fault(&fault_of(index, ""), message));
        return None;
    };
    let mut text = |name: &str, expected: &str| match map.get(name) {
        Some(Value::Text(text)) => Some(text.clone()),
        other => {
            let got = other.map_or("nothing", Value::kind);
            faults.push(fault(&fault_of(index, name), format!("expected {expected}, got {got}")));
            None
        }
    };
    let (operation, entity) = (text("operation", "the name of an operation"), text("entity", "the name of an entity"));
    let operation = operation.and_then(|name| {
        let known = Operation::parse(&name);
        if known.is_none() {
            let names = Operation::ALL.into_iter().filter(|one| *one != Operation::Batch).map(Operation::as_str);
            let message = format!("unknown operation `{}`{}", shown(&name), nearest(&name, names));
            faults.push(fault(&fault_of(index, "operation"), message));
        }
        known
    });
    let args = map.0.iter().filter(|(name, _)| name != "operation" && name != "entity").cloned().collect();
    Some(Request { operation: operation?, entity: entity?.into(), args: Map(args) })
}

/// The entries with the references in them.
///
/// # Errors
/// VALIDATION_ERROR with every reference that cannot be one, naming its entry; or naming the limit that was passed.
pub fn references(schema: &Schema, limits: &Limits, requests: Vec<Request>) -> Result<Vec<Entry>> {
    count(limits, requests.len())?;
    let (mut faults, mut bytes) = (Vec::new(), 0);
    let mut entries = Vec::with_capacity(requests.len());
    for (index, request) in requests.into_iter().enumerate() {
        if request.operation == Operation::Batch {
            faults.push(fault(&fault_of(index, "operation"), "a batch cannot hold a batch".into()));
        }
        let entity = schema.find(&request.entity).map(|id| schema.entity(id));
        let mut walk = Walk { index, entity, upserts: request.operation == Operation::UpsertMany, bytes: 0 };
        let mut found = Vec::new();
        for (name, value) in request.args.iter() {
            walk.value(value, Part::of_option(name), name.to_owned(), &mut found, &mut faults, 0);
        }
        bytes += walk.bytes;
        entries.push(Entry { request, references: found, bytes: walk.bytes });
    }
    if !faults.is_empty() {
        return Err(Error::invalid(faults));
    }
    validate::bytes(limits, bytes)?;
    Ok(entries)
}

impl Entry {
    /// The request with the values in place of its references; `values` are theirs, in order.
    pub fn filled(&self, values: Vec<Value>) -> Request {
        let mut values = self.references.iter().map(|reference| reference.at.as_str()).zip(values);
        let mut next = values.next();
        let args = self.request.args.0.iter().map(|(name, value)| {
            let filled = fill(value, &mut name.to_string(), &mut next, &mut values);
            (name.clone(), filled)
        });
        let args = Map(args.collect());
        Request { operation: self.request.operation, entity: self.request.entity.clone(), args }
    }
}

/// Copies a value; what stands where the next reference stands is taken from the values.
fn fill<'r>(
    value: &Value,
    at: &mut String,
    next: &mut Option<(&'r str, Value)>,
    values: &mut impl Iterator<Item = (&'r str, Value)>,
) -> Value {
    let stands_here = |place: &str| place == at && matches!(value, Value::Map(map) if map.get("$ref").is_some());
    if let Some((_, value)) = next.take_if(|(place, _)| stands_here(place)) {
        *next = values.next();
        return value;
    }
    let mut below = |name: &str, value: &Value| {
        let length = at.len();
        at.push('.');
        at.push_str(name);
        let filled = fill(value, at, next, values);
        at.truncate(length);
        filled
    };
    match value {
        Value::List(items) => {
            Value::List(items.iter().enumerate().map(|(at, item)| below(&at.to_string(), item)).collect())
        }
        Value::Map(map) => {
            Value::Map(Map(map.0.iter().map(|(name, value)| (name.clone(), below(name, value))).collect()))
        }
        other => other.clone(),
    }
}

/// The value of a reference in the result of its entry.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub fn look_up<'v>(result: &'v Value, reference: &Reference) -> Result<&'v Value, String> {
    let Reference { entry, path, .. } = reference;
    let mut at = Found::Value(result);
    for name in path {
        at =
            at.below(name).ok_or_else(|| format!("the result of entry {entry} has no `{}`", shown(&path.join("."))))?;
    }
    let what = match at {
        Found::Value(Value::List(_) | Value::Records(_)) => "a list",
        Found::Value(Value::Map(_) | Value::Record(_)) | Found::Record(_) => "an object",
        Found::Value(value) => return Ok(value),
    };
    let place = if path.is_empty() { String::new() } else { format!(", `{}`", shown(&path.join("."))) };
    Err(format!("the result of entry {entry}{place} is {what}; expected one value"))
}

#[derive(Clone, Copy)]
enum Found<'v> {
    Value(&'v Value),
    Record(&'v crate::row::Record),
}

impl<'v> Found<'v> {
    fn below(self, name: &str) -> Option<Found<'v>> {
        let position = || name.parse::<usize>().ok();
        match self {
            Found::Record(record) => record.get(name).map(Found::Value),
            Found::Value(Value::Record(record)) => record.get(name).map(Found::Value),
            Found::Value(Value::Map(map)) => map.get(name).map(Found::Value),
            Found::Value(Value::List(items)) => items.get(position()?).map(Found::Value),
            Found::Value(Value::Records(records)) => records.get(position()?).map(Found::Record),
            Found::Value(_) => None,
        }
    }
}

/// What the names in a map are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Fields: the values of json fields are documents, in which `$ref` is a name like any other.
    Row,
    /// Anything else.
    Other,
}

impl Part {
    fn of_option(name: &str) -> Part {
        if matches!(name, "data" | "create" | "update" | "input") { Part::Row } else { Part::Other }
    }
}

/// One entry being looked through.
struct Walk<'s> {
    index: usize,
    entity: Option<&'s Entity>,
    /// Its rows are upserts, each with options of its own.
    upserts: bool,
    bytes: usize,
}

impl Walk<'_> {
    fn value(
        &mut self,
        value: &Value,
        part: Part,
        at: String,
        found: &mut Vec<Reference>,
        faults: &mut Vec<FieldFault>,
        depth: usize,
    ) {
        match value {
            Value::Text(text) => self.bytes += text.len(),
            Value::Bytes(bytes) => self.bytes += bytes.len(),
            Value::List(items) if depth < MAX_DEPTH => {
                for (index, item) in items.iter().enumerate() {
                    self.value(item, part, format!("{at}.{index}"), found, faults, depth + 1);
                }
            }
            Value::Map(map) if depth < MAX_DEPTH => {
                if let [(name, reference)] = &map.0[..]
                    && name == "$ref"
                {
                    match self.reference(reference, &at) {
                        Ok(reference) => found.push(reference),
                        Err(message) => faults.push(fault(&fault_of(self.index, &at), message)),
                    }
                    return;
                }
                let upsert = self.upserts && part == Part::Row && depth == 1;
                for (name, value) in map.iter() {
                    self.bytes += name.len();
                    let document = part == Part::Row && !upsert && self.is_json(name);
                    if document {
                        self.bytes += bytes_of(value, depth);
                        continue;
                    }
                    let inner = if upsert { Part::of_option(name) } else { Part::Other };
                    self.value(value, inner, format!("{at}.{name}"), found, faults, depth + 1);
                }
            }
            _ => {}
        }
    }

    fn is_json(&self, name: &str) -> bool {
        self.entity.is_some_and(|entity| {
            entity.field_by_name(name).is_some_and(|field| entity.field(field).ty == FieldType::Json)
        })
    }

    fn reference(&self, written: &Value, at: &str) -> Result<Reference, String> {
        let expected = "expected the number of an earlier entry and a path in its result, such as \"0.id\"";
        let Value::Text(text) = written else { return Err(format!("$ref: {expected}, got {}", written.kind())) };
        let mut steps = text.split('.');
        let number = steps.next().filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
        let path: Vec<String> = steps.map(str::to_owned).collect();
        let entry = number.and_then(|number| number.parse::<usize>().ok());
        match entry {
            Some(entry) if entry < self.index && path.iter().all(|name| !name.is_empty()) => {
                Ok(Reference { at: at.to_owned(), entry, path })
            }
            Some(entry) if entry >= self.index => {
                Err(format!("$ref: entry {entry} does not come before entry {}; {expected}", self.index))
            }
            _ => Err(format!("$ref: `{}` is no reference; {expected}", shown(text))),
        }
    }
}

/// Bytes of the texts in a document.
fn bytes_of(value: &Value, depth: usize) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) if depth < MAX_DEPTH => items.iter().map(|item| bytes_of(item, depth + 1)).sum(),
        Value::Map(map) if depth < MAX_DEPTH => {
            map.iter().map(|(name, value)| name.len() + bytes_of(value, depth + 1)).sum()
        }
        _ => 0,
    }
}

fn fault(field: &str, message: String) -> FieldFault {
    FieldFault { field: field.into(), message, index: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_replaced_where_it_stands() {
        let request = Request::new(Operation::FindMany, "Post")
            .arg("filter", crate::value!({ "id": { "$in": [1, { "$ref": "0.id" }] }, "a": { "$ref": "1.0.b" } }));
        let schema = Schema::new(Vec::new(), Vec::new());
        let first = || Request::new(Operation::Count, "Post");
        let entries =
            references(&schema, &Limits::default(), vec![first(), first(), request]).expect("they are well spelled");
        let found: Vec<_> = entries[2].references.iter().map(|one| (one.at.as_str(), one.entry)).collect();
        assert_eq!(found, [("filter.id.$in.1", 0), ("filter.a", 1)]);
        let filled = entries[2].filled(vec![Value::Int(7), Value::Null]);
        let expected = crate::value!({ "id": { "$in": [1, 7] }, "a": null });
        assert_eq!(filled.args.get("filter"), Some(&expected));
    }

    #[test]
    fn a_field_whose_name_has_a_dot_cannot_stand_for_another_place() {
        // Two names that give one path: the first in the walk is the one that was found first.
        let request = Request::new(Operation::FindMany, "Post")
            .arg("filter", crate::value!({ "a.b": { "$ref": "0" }, "a": { "b": { "$ref": "0.id" } } }));
        let schema = Schema::new(Vec::new(), Vec::new());
        let entries = references(&schema, &Limits::default(), vec![Request::new(Operation::Count, "P"), request]);
        let filled = entries.expect("they are well spelled")[1].filled(vec![Value::Int(1), Value::Int(2)]);
        assert_eq!(filled.args.get("filter"), Some(&crate::value!({ "a.b": 1, "a": { "b": 2 } })));
    }
}
