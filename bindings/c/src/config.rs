//! From options to the engine's configuration. Unknown options are faults: a guess could open a door.

use std::sync::Arc;
use std::time::Duration;

use dbal::query::limits::Limits;
use dbal::remote::Endpoint;
use dbal::schema::load_value;
use dbal::value::{Map, Value};
use dbal::{Config, Error, FieldFault, Result};

/// Reads the options, and tells all faults at once.
pub fn read(url: &str, options: &Map) -> Result<Config> {
    let mut faults = Vec::new();
    if is_remote(url) {
        return remote(url, options);
    }
    let mut config = match options.get("adapter") {
        Some(Value::Text(name)) => Config::by_adapter(name, url).unwrap_or_else(|error| {
            faults.extend_from_slice(error.fields());
            Config::memory()
        }),
        _ => Config::url(url),
    };
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
            ("limits", Value::Map(map)) => {
                let mut limits = Limits::default();
                for (name, number) in map.iter() {
                    let lowered = limits.lower(name, number);
                    faults.extend(lowered.err().map(|message| fault(&format!("limits.{name}"), &message)));
                }
                config.limits(limits)
            }
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

/// Whether a URL is that of a daemon.
pub fn is_remote(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| Endpoint::is_scheme(scheme))
}

/// A daemon: its schema, its rules and its limits are its own.
fn remote(url: &str, options: &Map) -> Result<Config> {
    let mut faults = Vec::new();
    let mut config = Config::endpoint(url);
    let mut certificate = (None, None);
    for (name, value) in options.iter().filter(|(_, value)| is_given(value)) {
        config = match (name, value) {
            ("token", Value::Text(token)) => config.token(token.clone()),
            ("ca", Value::Text(path)) => config.authorities(path),
            ("cert", Value::Text(path)) => {
                certificate.0 = Some(path.clone());
                config
            }
            ("key", Value::Text(path)) => {
                certificate.1 = Some(path.clone());
                config
            }
            ("retry_writes", Value::Bool(retry)) => config.retry_writes(*retry),
            ("timeout", Value::Int(milliseconds @ 0..)) => {
                config.timeout(Duration::from_millis(milliseconds.unsigned_abs()))
            }
            (name, _) => {
                faults.push(fault(
                    name,
                    match name {
                        "timeout" => "expected milliseconds",
                        "token" | "ca" | "cert" | "key" => "expected text",
                        "retry_writes" => "expected true or false",
                        _ => "is none of a daemon's client; expected token, ca, cert, key, retry_writes or timeout",
                    },
                ));
                config
            }
        };
    }
    config = match certificate {
        (None, None) => config,
        (Some(cert), Some(key)) => config.certificate(cert, key),
        _ => {
            faults.push(fault("cert", "expected both cert and key, or neither"));
            config
        }
    };
    if faults.is_empty() { Ok(config) } else { Err(Error::invalid(faults)) }
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
