//! A configuration as it counts, defaults included and secrets masked.

use std::fmt::Write;
use std::path::Path;

use super::{AuditFailure, JwtKey, Level, LogFormat, Mode, Sandbox, Settings, SyncMode};
use crate::value::json;
use crate::value::{Map, Value};

impl Settings {
    /// What counts, as YAML in the order of the file. Secrets are masked, so what is written is not for reading back.
    pub fn to_yaml(&self) -> String {
        let mut out = String::new();
        block(&mut out, &self.to_value(), 0);
        out
    }

    /// What counts, as data. Secrets are masked.
    pub fn to_value(&self) -> Map {
        let mode = match self.mode {
            Mode::Production => "production",
            Mode::Development => "development",
        };
        let targets = self.targets.iter().map(|target| Value::from(target.as_str()));
        let schema = self.schema_folder();
        entries([
            ("mode", text(mode)),
            ("server", Value::Map(self.server())),
            ("database", Value::Map(self.database())),
            ("schema", schema.map_or_else(|| text("(the reference contract)"), |folder| path(&folder))),
            ("targets", Value::List(targets.collect())),
            ("limits", Value::Map(self.limits())),
            ("security", Value::Map(self.security())),
            (
                "acl",
                Value::Map(entries([
                    ("rules_file", optional(self.acl.rules_file.as_deref())),
                    ("enforce_row_level", Value::Bool(self.acl.enforce_row_level)),
                ])),
            ),
            ("auth", Value::Map(self.auth())),
            ("logging", Value::Map(self.logging())),
        ])
    }

    fn server(&self) -> Map {
        let server = &self.server;
        let tls = entries([
            ("enabled", Value::Bool(server.tls.enabled)),
            ("cert", optional(server.tls.cert.as_deref())),
            ("key", optional(server.tls.key.as_deref())),
            ("client_ca", optional(server.tls.client_ca.as_deref())),
            ("allow_insecure", Value::Bool(server.allow_insecure)),
        ]);
        entries([
            ("bind", text(&server.bind)),
            ("admin_bind", text(&server.admin_bind)),
            ("tls", Value::Map(tls)),
            ("origins", texts(&server.origins)),
            ("hosts", texts(&server.hosts)),
            ("reflection", Value::Bool(server.reflection)),
        ])
    }

    fn database(&self) -> Map {
        let database = &self.database;
        let replicas = database.read_replicas.iter().map(|url| Value::from(url.masked()));
        let synchronous = match database.synchronous {
            SyncMode::Normal => "normal",
            SyncMode::Full => "full",
        };
        entries([
            ("adapter", database.adapter.map_or(Value::Null, |adapter| text(adapter.as_str()))),
            ("url", database.url.as_ref().map_or(Value::Null, |url| Value::from(url.masked()))),
            ("pool_size", database.pool_size.map_or(Value::Null, |size| Value::Int(size as i64))),
            ("read_replicas", Value::List(replicas.collect())),
            ("synchronous", text(synchronous)),
            ("sweep_interval", database.sweep_interval.map_or(Value::Null, |seconds| Value::Int(seconds.into()))),
        ])
    }

    fn limits(&self) -> Map {
        entries(self.limits.list().map(|(name, number)| (name, Value::Int(number as i64))))
    }

    fn security(&self) -> Map {
        let security = &self.security;
        let sandbox = match security.sandbox {
            Sandbox::Strict => "strict",
            Sandbox::Permissive => "permissive",
            Sandbox::Disabled => "disabled",
        };
        let failure = match security.audit_failure {
            AuditFailure::Closed => "closed",
            AuditFailure::Open => "open",
        };
        let rate = security.rate_limit.map(|rate| {
            Value::Map(entries([
                ("requests_per_minute", Value::Int(rate.requests_per_minute.into())),
                ("burst", Value::Int(rate.burst.into())),
            ]))
        });
        entries([
            ("sandbox", text(sandbox)),
            ("audit_log", optional(security.audit_log.as_deref())),
            ("audit_failure", text(failure)),
            ("audit_max_mib", Value::Int((security.audit_max_bytes >> 20) as i64)),
            ("audit_keep", Value::Int(security.audit_keep.into())),
            ("max_query_time", security.max_query_time.map_or(Value::Null, |time| Value::Float(time.as_secs_f64()))),
            ("cursor_key", security.cursor_key.as_ref().map_or(Value::Null, |_| text("***"))),
            ("rate_limit", rate.unwrap_or(Value::Null)),
        ])
    }

    fn auth(&self) -> Map {
        let jwt = self.auth.jwt.as_ref().map(|jwt| {
            let key = match &jwt.key {
                JwtKey::JwksFile(file) => ("jwks_file", path(file)),
                JwtKey::Secret(secret) => ("secret", Value::from(secret.masked())),
            };
            Value::Map(entries([
                key,
                ("issuer", jwt.issuer.as_deref().map_or(Value::Null, text)),
                ("audience", texts(&jwt.audience)),
                ("role_claim", text(&jwt.role_claim)),
                ("leeway", Value::Int(jwt.leeway.into())),
            ]))
        });
        entries([
            ("sessions", Value::Bool(self.auth.sessions)),
            ("jwt", jwt.unwrap_or(Value::Null)),
            ("api_keys_file", optional(self.auth.api_keys_file.as_deref())),
        ])
    }

    fn logging(&self) -> Map {
        let level = match self.logging.level {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        };
        let format = match self.logging.format {
            LogFormat::Json => "json",
            LogFormat::Pretty => "pretty",
        };
        let slow = self.logging.slow_query.map_or(Value::Null, |time| Value::Int(time.as_millis() as i64));
        entries([("level", text(level)), ("format", text(format)), ("slow_query_threshold_ms", slow)])
    }
}

fn entries<const N: usize>(entries: [(&str, Value); N]) -> Map {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn text(text: &str) -> Value {
    Value::from(text)
}

fn texts(texts: &[String]) -> Value {
    Value::List(texts.iter().map(|text| Value::from(text.as_str())).collect())
}

fn path(path: &Path) -> Value {
    Value::from(path.display().to_string())
}

fn optional(file: Option<&Path>) -> Value {
    file.map_or(Value::Null, path)
}

/// A mapping as lines; what is nothing is left out.
fn block(out: &mut String, map: &Map, depth: usize) {
    for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
        let indent = "  ".repeat(depth);
        match value {
            Value::Map(inner) => {
                writeln!(out, "{indent}{name}:").expect("writing to a String cannot fail");
                block(out, inner, depth + 1);
            }
            // JSON is YAML, and its texts are always quoted.
            other => {
                writeln!(out, "{indent}{name}: {}", json::to_wire(other)).expect("writing to a String cannot fail");
            }
        }
    }
}
