//! From options to the engine's configuration. Unknown options are faults: a guess could open a door.

use std::sync::Arc;
use std::time::Duration;

use dbal::query::limits::Limits;
use dbal::schema::load_value;
use dbal::value::{Map, Value};
use dbal::{Config, Error, FieldFault, Principal, Result};

/// Reads the options, and tells all faults at once.
pub fn read(url: &str, options: &Map) -> Result<Config> {
    let mut faults = Vec::new();
    let mut config = match options.get("adapter") {
        Some(Value::Text(name)) => Config::by_adapter(name, url).unwrap_or_else(|error| {
            faults.extend_from_slice(error.fields());
            Config::memory()
        }),
        _ => Config::url(url),
    };
    if ["dbal:", "dbals:", "ws:", "wss:", "http:", "https:"].iter().any(|scheme| url.starts_with(scheme)) {
        let message = format!("{url}: C programs ask no daemon yet; give the URL of a database");
        return Err(Error::unsupported("endpoint", message));
    }
    let mut has_schema = false;
    for (name, value) in options.iter().filter(|(_, value)| is_given(value)) {
        config = match (name, value) {
            ("schema", Value::Text(path)) => {
                has_schema = true;
                config.schema_dir(path)
            }
            ("schema", objects @ (Value::Map(_) | Value::List(_))) => {
                has_schema = true;
                match text_of(objects) {
                    Some(text) => config.schema_text(text),
                    None => config.schema(Arc::new(load_value(objects)?.schema)),
                }
            }
            ("adapter", Value::Text(_)) => config,
            ("rules", Value::Text(text)) => config.rules_text(text),
            ("rules_file", Value::Text(path)) => config.rules_file(path),
            ("timeout", Value::Int(milliseconds @ 0..)) => {
                config.timeout(Duration::from_millis(milliseconds.unsigned_abs()))
            }
            ("pool_size", Value::Int(size @ 1..=65_535)) => config.pool_size(*size as usize),
            ("cache_kib", Value::Int(kib @ 0..=0x7fff_ffff)) => config.cache_kib(*kib as u32),
            ("synchronous", Value::Text(word)) if word == "normal" => config,
            ("synchronous", Value::Text(word)) if word == "full" => config.synchronous_full(),
            ("limits", Value::Map(map)) => config.limits(limits(map, &mut faults)),
            ("cursor_key", Value::Bytes(key)) if key.len() == 32 => {
                let mut bytes = [0; 32];
                bytes.copy_from_slice(key);
                config.cursor_key(bytes)
            }
            (name, _) => {
                faults.push(fault(
                    name,
                    match name {
                        "schema" => "expected the path of a folder, entities as names with values, or {\"text\": ...}",
                        "adapter" => "expected a name, such as sqlite or prisma",
                        "rules" => "expected the text of a rules file",
                        "rules_file" => "expected the path of a rules file",
                        "timeout" => "expected milliseconds",
                        "pool_size" | "cache_kib" => "expected a whole number",
                        "synchronous" => "expected normal or full",
                        "limits" => "expected names with whole numbers",
                        "cursor_key" => "expected 32 bytes",
                        _ => "unknown option",
                    },
                ));
                config
            }
        };
    }
    let both = ["rules", "rules_file"].iter().all(|name| options.get(name).is_some_and(is_given));
    if both {
        faults.push(fault("rules", "expected either rules or rules_file"));
    }
    if !has_schema && faults.is_empty() {
        faults.push(fault("schema", "expected the path of a folder, or entities as names with values"));
    }
    if faults.is_empty() { Ok(config) } else { Err(Error::invalid(faults)) }
}

/// Reads a principal: `{ user, session, roles }`.
pub fn principal(map: &Map) -> Result<Principal> {
    let mut faults = Vec::new();
    let mut principal = Principal::anonymous();
    let mut roles = None;
    for (name, value) in map.iter().filter(|(_, value)| is_given(value)) {
        match (name, value) {
            ("user", Value::Map(user)) => principal.user = user.clone(),
            ("session", Value::Map(session)) => principal.session = session.clone(),
            ("roles", Value::List(names)) if names.iter().all(|name| name.as_str().is_some()) => {
                roles = Some(names.iter().filter_map(Value::as_str).map(str::to_owned).collect());
            }
            ("user" | "session", _) => faults.push(fault(name, "expected names with values")),
            ("roles", _) => faults.push(fault(name, "expected a list of names")),
            _ => faults.push(fault(name, "unknown; expected user, session or roles")),
        }
    }
    principal.roles = roles
        .unwrap_or_else(|| principal.user.get("role").and_then(Value::as_str).into_iter().map(str::to_owned).collect());
    if faults.is_empty() { Ok(principal) } else { Err(Error::invalid(faults)) }
}

fn is_given(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Undefined)
}

fn fault(field: &str, message: &str) -> FieldFault {
    FieldFault { field: field.to_owned(), message: message.to_owned(), index: None }
}

/// `{ text }` is entity documents as YAML.
fn text_of(objects: &Value) -> Option<&str> {
    match objects {
        Value::Map(map) if map.len() == 1 => map.get("text")?.as_str(),
        _ => None,
    }
}

/// Limits by name, each no higher than the engine's own.
fn limits(map: &Map, faults: &mut Vec<FieldFault>) -> Limits {
    let mut limits = Limits::default();
    for (name, value) in map.iter() {
        let Some(number) = value.as_i64().and_then(|number| u32::try_from(number).ok()) else {
            faults.push(fault(&format!("limits.{name}"), "expected a whole number"));
            continue;
        };
        let limit = match name {
            "filter_depth" => &mut limits.filter_depth,
            "filter_nodes" => &mut limits.filter_nodes,
            "in_values" => &mut limits.in_values,
            "include_depth" => &mut limits.include_depth,
            "include_relations" => &mut limits.include_relations,
            "included_rows" => &mut limits.included_rows,
            "row_bytes" => &mut limits.row_bytes,
            "index_bytes" => &mut limits.index_bytes,
            "request_bytes" => &mut limits.request_bytes,
            "many_rows" => &mut limits.many_rows,
            "batch_entries" => &mut limits.batch_entries,
            "bound_rows" => {
                limits.bound_rows = number.min(limits.bound_rows);
                continue;
            }
            _ => {
                faults.push(fault(&format!("limits.{name}"), "unknown limit"));
                continue;
            }
        };
        *limit = (number as usize).min(*limit);
    }
    limits
}
