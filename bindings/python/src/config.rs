//! From the arguments of `dbal.Client(...)` to the engine's configuration. Unknown options are faults: a guess could open
//! a door.

use std::time::Duration;

use dbal::audit::{Audit, AuditFailure};
use dbal::query::limits::Limits;
use dbal::remote::Endpoint;
use dbal::schema::load_value;
use dbal::value::{Map, Value};
use dbal::{Config, Error, FieldFault, Result};

/// Reads the options, and tells all faults at once.
pub fn read(url: &str, options: &Map) -> Result<Config> {
    let mut faults = Vec::new();
    let endpoint = options.get("endpoint").filter(|endpoint| !endpoint.is_null());
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    if endpoint.is_some() || Endpoint::is_scheme(scheme) {
        return remote(url, options);
    }
    let failure = match options.get("audit_failure").and_then(Value::as_str) {
        Some("open") => AuditFailure::Open,
        _ => AuditFailure::Closed,
    };
    let mut config = match options.get("adapter") {
        Some(Value::Text(name)) => Config::by_adapter(name, url).unwrap_or_else(|error| {
            faults.extend_from_slice(error.fields());
            Config::memory()
        }),
        _ => Config::url(url),
    };
    let mut has_schema = false;
    for (name, value) in options.iter().filter(|(_, value)| !value.is_null()) {
        let mut fault = |message: &str| faults.push(fault(name, message));
        config = match (name, value) {
            ("schema", Value::Text(path)) => {
                has_schema = true;
                config.schema_dir(path)
            }
            ("schema", objects @ (Value::Map(_) | Value::List(_))) => {
                has_schema = true;
                match text_of(objects) {
                    Some(text) => config.schema_text(text),
                    None => config.schema(std::sync::Arc::new(load_value(objects)?.schema)),
                }
            }
            ("adapter", Value::Text(_)) => config,
            ("rules", Value::Text(text)) => config.rules_text(text),
            ("rules_file", Value::Text(path)) => config.rules_file(path),
            ("timeout", value) => match seconds(value) {
                Some(timeout) => config.timeout(timeout),
                None => {
                    fault("expected seconds");
                    config
                }
            },
            ("pool_size", Value::Int(size @ 1..=65_535)) => config.pool_size(*size as usize),
            ("cache_kib", Value::Int(kib @ 0..=0x7fff_ffff)) => config.cache_kib(*kib as u32),
            ("synchronous", Value::Text(word)) if word == "normal" => config,
            ("synchronous", Value::Text(word)) if word == "full" => config.synchronous_full(),
            ("sweep_interval", Value::Int(seconds @ 0..=86_400)) => {
                config.sweep_every((*seconds > 0).then(|| Duration::from_secs(seconds.unsigned_abs())))
            }
            ("audit_log", Value::Text(path)) => config.audit(Audit::file(path).on_failure(failure).chained()),
            ("audit_failure", Value::Text(word)) if word == "closed" || word == "open" => config,
            ("limits", Value::Map(map)) => {
                let mut limits = Limits::default();
                for (name, number) in map.iter() {
                    let lowered = limits.lower(name, number);
                    faults.extend(lowered.err().map(|message| self::fault(&format!("limits.{name}"), &message)));
                }
                config.limits(limits)
            }
            ("cursor_key", Value::Bytes(key)) if key.len() == 32 => {
                let mut bytes = [0; 32];
                bytes.copy_from_slice(key);
                config.cursor_key(bytes)
            }
            (name, _) => {
                fault(match name {
                    "schema" => "expected the path of a folder, entities as mappings, or {\"text\": ...}",
                    "adapter" => "expected a name, such as sqlite or prisma",
                    "rules" => "expected the text of a rules file",
                    "rules_file" => "expected the path of a rules file",
                    "pool_size" | "cache_kib" => "expected a whole number",
                    "synchronous" => "expected normal or full",
                    "sweep_interval" => "expected a whole number of seconds, 0 for never",
                    "audit_log" => "expected the path of a file",
                    "audit_failure" => "expected closed or open",
                    "limits" => "expected a mapping",
                    "cursor_key" => "expected 32 bytes",
                    _ => "unknown option",
                });
                config
            }
        };
    }
    if options.get("rules").is_some_and(|rules| !rules.is_null())
        && options.get("rules_file").is_some_and(|rules| !rules.is_null())
    {
        faults.push(fault("rules", "expected either rules or rules_file"));
    }
    if !has_schema && faults.is_empty() {
        faults.push(fault("schema", "expected the path of a folder, or entities as mappings"));
    }
    if faults.is_empty() { Ok(config) } else { Err(Error::invalid(faults)) }
}

/// A daemon: its schema, its rules and its limits are its own. `url` or `endpoint` say where it is.
fn remote(url: &str, options: &Map) -> Result<Config> {
    let mut faults = Vec::new();
    let endpoint = match options.get("endpoint") {
        None | Some(Value::Null) => url,
        Some(Value::Text(endpoint)) => endpoint,
        Some(_) => {
            faults.push(fault("endpoint", "expected text, such as localhost:50051"));
            url
        }
    };
    let mut config = Config::endpoint(endpoint);
    let mut certificate = (None, None);
    for (name, value) in options.iter().filter(|(name, value)| *name != "endpoint" && !value.is_null()) {
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
            ("timeout", value) if seconds(value).is_some() => config.timeout(seconds(value).unwrap_or_default()),
            (name, _) => {
                faults.push(fault(
                    name,
                    match name {
                        "timeout" => "expected seconds",
                        "token" | "ca" | "cert" | "key" => "expected text",
                        "retry_writes" => "expected True or False",
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

/// A number of seconds that is a time.
pub fn seconds(value: &Value) -> Option<Duration> {
    match value {
        Value::Int(seconds) => u64::try_from(*seconds).ok().map(Duration::from_secs),
        Value::Float(seconds) => Duration::try_from_secs_f64(*seconds).ok(),
        _ => None,
    }
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
