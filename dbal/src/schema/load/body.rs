//! What operations do: their steps, with every name checked, or a handler; `infer` fills in what is left out.

use std::collections::HashMap;

use super::declare::OperationSource;
use super::infer;
use super::resolve::Derived;
use super::template::{Saved, Scope, hint};
use crate::error::ErrorKind;
use crate::schema::convert::convert;
use crate::schema::{Act, Body, Entity, EntityId, FieldType, OperationDecl, Requirement, Step, Template, Verb};
use crate::yaml::{Block, Entry, Node, Report, nearest};

/// The operations that a step may ask for, with the options of each.
const ASKS: [(&str, &[&str]); 15] = [
    ("create", &["data"]),
    ("read", &["id", "select", "include"]),
    ("update", &["id", "data", "if_version"]),
    ("delete", &["id", "if_version"]),
    ("list", &["filter", "sort", "page", "limit", "offset", "after", "before", "select", "include", "total"]),
    ("find_many", &["filter", "sort", "limit", "offset", "select", "include"]),
    ("first", &["filter", "sort", "offset", "select", "include"]),
    ("count", &["filter"]),
    ("distinct", &["field", "filter", "sort"]),
    (
        "aggregate",
        &["filter", "count", "sum", "avg", "min", "max", "count_distinct", "group_by", "having", "sort", "limit"],
    ),
    ("create_many", &["data", "returning"]),
    ("update_many", &["filter", "data", "all"]),
    ("delete_many", &["filter", "all"]),
    ("upsert", &["where", "create", "update", "if_version"]),
    ("upsert_many", &["data"]),
];

/// Gives every entity its operations, bodies read and checked.
pub(super) fn read_all(
    report: &Report,
    entities: &mut [Entity],
    sources: Vec<Vec<OperationSource>>,
    derived: &mut Vec<Derived>,
    lost: Vec<bool>,
    incomplete: bool,
) {
    for (at, sources) in sources.into_iter().enumerate() {
        let id = EntityId(at as u16);
        let mut operations = Vec::with_capacity(sources.len());
        for OperationSource { mut decl, entry } in sources {
            decl.requires = requires(report, &decl, &entry, entities);
            if !incomplete {
                validation(report, &mut decl, &entry);
                let scope = Scope { report, decl: &decl, entities: &*entities, saved: HashMap::new(), lost: &lost };
                let body = read(scope, id, &entry);
                decl.body = match body {
                    Some(body) => body,
                    None => infer::body(report, &decl, id, &*entities, &entry, derived),
                };
            }
            operations.push(decl);
        }
        entities[at].operations = operations;
    }
}

/// `entity:verb`, with any spelling of the entity's name, or a role.
fn requires(report: &Report, decl: &OperationDecl, entry: &Entry, entities: &[Entity]) -> Vec<Requirement> {
    let folded = |name: &str| -> String { name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect() };
    let read = |text: &String| {
        let Some((name, verb)) = text.split_once(':') else { return Requirement::Role(text.clone()) };
        let named = |entity: &Entity| folded(&entity.name) == folded(name) || folded(&entity.plural) == folded(name);
        match (entities.iter().position(named), Verb::parse(verb)) {
            (Some(at), Some(verb)) => Requirement::Verb(EntityId(at as u16), verb),
            _ => {
                let message = format!(
                    "acl_required of {}: {text} is no verb of an entity; only trusted code may call it",
                    decl.name
                );
                report.warning(entry.value.get("acl_required").map_or(entry.place, |node| node.place), message);
                Requirement::Unknown(text.clone())
            }
        }
    };
    decl.acl_required.iter().map(read).collect()
}

/// The conditions on inputs. `infer` reads those that belong to a move.
fn validation(report: &Report, decl: &mut OperationDecl, entry: &Entry) {
    for item in entry.value.get("validation").map(Node::items).unwrap_or_default() {
        for rule in item.entries() {
            match rule.key.as_str() {
                "exactly_one_of" => {
                    let names: Vec<String> =
                        rule.value.items().iter().filter_map(Node::as_str).map(str::to_owned).collect();
                    for name in names.iter().filter(|name| !decl.takes(name)) {
                        let near = hint(nearest(name, decl.inputs()));
                        report.error(rule.place, format!("{}: there is no input {name}{near}", decl.name));
                    }
                    if names.len() < 2 {
                        report.error(rule.place, format!("{}: exactly_one_of needs several inputs", decl.name));
                    }
                    decl.exactly_one_of = names;
                }
                "not_below_itself" | "same_as_parent" => {}
                other => {
                    let message = format!("{}: the validation {other} is not known and not checked", decl.name);
                    report.warning(rule.place, message);
                }
            }
        }
    }
}

/// What is written; none when nothing is.
fn read(mut scope: Scope<'_>, own: EntityId, entry: &Entry) -> Option<Body> {
    let node = &entry.value;
    let said: Vec<&str> =
        ["steps", "query", "handler", "body"].into_iter().filter(|key| node.get(key).is_some()).collect();
    if said.len() > 1 {
        scope.error(entry.place, format!("{} each say what it does; keep one", said.join(" and ")));
    }
    if let Some(handler) = node.get("handler") {
        match handler.as_str() {
            Some(name) if !name.is_empty() => return Some(Body::Handler(name.to_owned())),
            _ => scope.error(handler.place, format!("handler: expected a name, found {}", handler.describe())),
        }
        return Some(Body::Missing);
    }
    let written = node.get("steps").or_else(|| node.get("body")).or_else(|| node.get("query"))?;
    let nodes = match written.as_list() {
        Some(items) => items,
        None => std::slice::from_ref(written),
    };
    let mut steps: Vec<Step> = Vec::with_capacity(nodes.len());
    for node in nodes {
        if steps.iter().any(|step| matches!(step.act, Act::Return(_))) {
            scope.error(node.place, "a step after return never runs");
        }
        let Some((step, saved)) = read_step(&scope, own, node, &steps) else { continue };
        if let Some(name) = &step.save
            && scope.saved.insert(name.clone(), saved).is_some()
        {
            scope.error(node.place, format!("two steps save {name}"));
        }
        steps.push(step);
    }
    if steps.is_empty() && nodes.is_empty() {
        scope.error(entry.place, "expected at least one step");
    }
    Some(Body::Steps(steps))
}

fn read_step(scope: &Scope<'_>, own: EntityId, node: &Node, before: &[Step]) -> Option<(Step, Saved)> {
    let mut block = scope.report.strict(node, format!("a step of {}", scope.decl.name))?;
    let save = block.text("save").map(str::to_owned);
    let (act, saved) = if let Some(entry) = block.entry_or_null("return") {
        (Act::Return(scope.value(&entry.value, true)), Saved::Other)
    } else if let Some(entry) = block.entry("verify_secret") {
        if !before.iter().all(|step| matches!(step.act, Act::VerifySecret { .. })) {
            scope.error(
                entry.place,
                "verify_secret comes before all other steps: it works outside of their transaction",
            );
        }
        (verify_secret(scope, own, &entry.value)?, Saved::Other)
    } else if let Some(entry) = block.entry("delete_expired") {
        let mut inner = scope.report.strict(&entry.value, "delete_expired")?;
        let entity = entity(scope, own, &mut inner);
        inner.finish();
        let entity = entity?;
        if scope.entity(entity).ttl.is_none() {
            scope.error(entry.place, format!("delete_expired: rows of {} do not expire", scope.entity(entity).name));
        }
        (Act::DeleteExpired { entity }, Saved::Count)
    } else {
        ask(scope, own, &mut block)?
    };
    block.finish();
    Some((Step { act, save }, saved))
}

fn entity(scope: &Scope<'_>, own: EntityId, block: &mut Block<'_>) -> Option<EntityId> {
    let Some(entry) = block.entry("entity") else { return Some(own) };
    let name = entry.value.as_str().unwrap_or_default();
    let found = scope.entities.iter().position(|entity| entity.name == name || entity.plural == name);
    if found.is_none() {
        let hint = hint(nearest(name, scope.entities.iter().map(|entity| entity.name.as_str())));
        scope.error(entry.value.place, format!("there is no entity {name}{hint}"));
    }
    found.map(|at| EntityId(at as u16))
}

fn verify_secret(scope: &Scope<'_>, own: EntityId, node: &Node) -> Option<Act> {
    let mut block = scope.report.strict(node, "verify_secret")?;
    let target = entity(scope, own, &mut block);
    let (row, field, input) = (block.entry("where"), block.entry("field"), block.entry("input"));
    block.finish();
    let (Some(row), Some(field), Some(input), Some(target)) = (row, field, input, target) else {
        scope.error(node.place, "verify_secret needs where, field and input");
        return None;
    };
    let declared = scope.entity(target);
    let name = field.value.as_str().unwrap_or_default();
    let hashed = declared.field_by_name(name).filter(|id| declared.field(*id).stored_as.is_some());
    if hashed.is_none() {
        scope.error(
            field.value.place,
            format!("verify_secret: {name} is no field of {} that is stored as a hash", declared.name),
        );
    }
    let secret = input.value.as_str().unwrap_or_default();
    scope.input(secret, input.value.place);
    let mut key = Vec::new();
    for entry in row.value.entries() {
        let value = scope.value(&entry.value, true);
        match declared.field_by_name(&entry.key) {
            Some(field) => key.push((field, value)),
            None => scope.error(entry.place, format!("{} has no field {}", declared.name, entry.key)),
        }
    }
    let unique = match key[..] {
        [(field, _)] => declared.is_key(field) || declared.field(field).unique,
        _ => false,
    };
    if !unique {
        scope.error(row.place, "verify_secret: where names the primary key or one unique field");
    }
    Some(Act::VerifySecret { entity: target, key, field: hashed?, input: secret.to_owned() })
}

fn ask(scope: &Scope<'_>, own: EntityId, block: &mut Block<'_>) -> Option<(Act, Saved)> {
    let place = block.place();
    let Some(entry) = block.entry("operation") else {
        scope.error(place, "a step is one of operation, verify_secret, delete_expired and return");
        block.rest();
        return None;
    };
    let name = entry.value.as_str().unwrap_or_default();
    let Some((operation, options)) = ASKS.iter().find(|(known, _)| *known == name) else {
        let hint = hint(nearest(name, ASKS.iter().map(|(name, _)| *name)));
        scope.error(entry.value.place, format!("a step cannot be the operation {name}{hint}"));
        block.rest();
        return None;
    };
    let target = entity(scope, own, block);
    let when_missing = block.entry("when_missing").and_then(|entry| {
        let code = entry.value.as_str().unwrap_or_default();
        let kind = ErrorKind::ALL.iter().copied().find(|kind| kind.code() == code);
        if kind.is_none() || !["first", "read", "update", "delete"].contains(operation) {
            scope.error(entry.place, "when_missing is an error code, for first, read, update and delete");
        }
        kind
    });
    let rest = block.rest();
    let target = target?;
    let mut args = Vec::with_capacity(rest.len());
    for entry in rest {
        if !options.contains(&entry.key.as_str()) {
            let hint = hint(nearest(&entry.key, options.iter().copied()));
            scope.error(
                entry.place,
                format!("unknown option {} of {operation}; expected {}{hint}", entry.key, options.join(", ")),
            );
            continue;
        }
        let needed = matches!(entry.key.as_str(), "id" | "filter" | "where" | "if_version");
        let value = scope.value(&entry.value, needed);
        match entry.key.as_str() {
            "filter" => filter(scope, target, &entry.value),
            "data" | "create" | "update" | "where" | "id" => row(scope, target, &entry.value),
            _ => {}
        }
        args.push((entry.key.clone(), value));
    }
    let saved = match *operation {
        "create" | "read" | "update" | "first" | "upsert" => Saved::Row(target),
        "update_many" | "delete_many" => Saved::Count,
        _ => Saved::Other,
    };
    let has = |option: &str| args.iter().any(|(name, _): &(String, Template)| name == option);
    for needed in ["id", "data", "where", "create", "update", "field"] {
        if options.contains(&needed) && !has(needed) {
            scope.error(place, format!("{operation} needs {needed}"));
        }
    }
    Some((Act::Ask { operation: (*operation).to_owned(), entity: target, args, when_missing }, saved))
}

/// The names in values by field, or in a list of such.
fn row(scope: &Scope<'_>, entity: EntityId, node: &Node) {
    node.items().iter().for_each(|item| row(scope, entity, item));
    for entry in node.entries().iter().filter(|entry| !entry.key.starts_with('$')) {
        let Some(ty) = field(scope, entity, entry) else { continue };
        literal(scope, &ty, entry);
    }
}

/// The names in a filter, as far as they stand for fields.
fn filter(scope: &Scope<'_>, entity: EntityId, node: &Node) {
    for entry in node.entries() {
        match entry.key.as_str() {
            "$and" | "$or" => entry.value.items().iter().for_each(|item| filter(scope, entity, item)),
            "$not" => filter(scope, entity, &entry.value),
            key if key.starts_with('$') => {}
            _ if scope.entity(entity).relation_by_name(&entry.key).is_some() => {}
            _ => {
                let optional = entry.value.get("$input").and_then(Node::as_str);
                if let Some(name) = optional.filter(|name| scope.decl.optional.iter().any(|input| input == name)) {
                    let message = format!("$input: {name} may be left out; say $given to leave its condition out then");
                    scope.error(entry.value.place, message);
                }
                let Some(ty) = field(scope, entity, entry) else { continue };
                if entry.value.as_map().is_none() {
                    literal(scope, &ty, entry);
                }
            }
        }
    }
}

/// The type of the field that a key names, or a fault.
fn field(scope: &Scope<'_>, entity: EntityId, entry: &Entry) -> Option<FieldType> {
    let declared = scope.entity(entity);
    let name = entry.key.split('.').next().unwrap_or_default();
    let found = declared.field_by_name(name).map(|id| declared.field(id).ty.clone());
    if found.is_none() && !scope.lost[usize::from(entity.0)] {
        let hint = hint(nearest(name, declared.fields.iter().map(|field| field.name.as_str())));
        scope.error(entry.place, format!("{} has no field {name}{hint}", declared.name));
    }
    found
}

/// A value that stands in the file fits its field.
fn literal(scope: &Scope<'_>, ty: &FieldType, entry: &Entry) {
    let plain = entry.value.as_map().is_none() && entry.value.as_list().is_none();
    if plain
        && !entry.key.contains('.')
        && let Err(message) = convert(ty, &entry.value.to_value())
    {
        scope.error(entry.value.place, format!("{}: {message}", entry.key));
    }
}
