//! From the options of `new DBALClient(...)` to the engine's configuration. Unknown options are faults: a guess could
//! open a door.

use std::sync::Arc;
use std::time::Duration;

use dbal::audit::{Audit, AuditFailure};
use dbal::query::limits::Limits;
use dbal::schema::load_value;
use dbal::value::{Map, Value};
use dbal::{Config, Error, FieldFault, Principal, Result};

/// What is opened, and for whom; no principal: trusted code.
pub struct Opening {
    /// The engine's configuration.
    pub config: Config,
    /// On whose behalf.
    pub principal: Option<Principal>,
}

/// Reads the options, and tells all faults at once.
pub fn read(options: &Value) -> Result<Opening> {
    let mut faults = Faults(Vec::new());
    let top = faults.section(options, "config", OPTIONS);
    let endpoint = top("endpoint");
    match top("mode").map(|mode| mode.as_str()) {
        None | Some(Some("development")) => {}
        Some(Some("production")) if endpoint.is_some() => {}
        Some(Some("production")) => faults.add("mode", "production needs an endpoint, such as localhost:50051"),
        Some(_) => faults.add("mode", "expected development or production"),
    }
    if let Some(endpoint) = endpoint {
        let config = faults.remote(endpoint, &top);
        faults.done()?;
        return Ok(Opening { config, principal: None });
    }
    for option in ["tls", "retryWrites"].into_iter().filter(|option| top(option).is_some()) {
        faults.add(option, "is for an endpoint, and there is none");
    }
    let database = top("database").cloned().unwrap_or_default();
    let database = faults.section(&database, "database", DATABASE);
    let url = database("url").and_then(Value::as_str).map(str::to_owned);
    let mut config = faults.backend(top("adapter"), url);
    if let Some(size) = database("poolSize").and_then(|value| faults.whole("database.poolSize", value)) {
        config = config.pool_size(size as usize);
    }
    if let Some(kib) = database("cacheKib").and_then(|value| faults.whole("database.cacheKib", value)) {
        config = config.cache_kib(kib);
    }
    if let Some(seconds) = database("sweepInterval").and_then(|value| faults.whole("database.sweepInterval", value)) {
        config = config.sweep_every((seconds > 0).then(|| Duration::from_secs(seconds.into())));
    }
    match database("synchronous").map(Value::as_str) {
        None | Some(Some("normal")) => {}
        Some(Some("full")) => config = config.synchronous_full(),
        Some(_) => faults.add("database.synchronous", "expected normal or full"),
    }
    config = match top("schema") {
        Some(Value::Text(path)) => config.schema_dir(path),
        Some(objects @ (Value::Map(_) | Value::List(_))) => match text_of(objects) {
            Some(text) => config.schema_text(text),
            None => config.schema(Arc::new(load_value(objects)?.schema)),
        },
        _ => {
            faults.add("schema", "expected the path of a folder, or entities as objects");
            config
        }
    };
    let acl = top("acl").cloned().unwrap_or_default();
    let acl = faults.section(&acl, "acl", &["rules", "rulesFile"]);
    config = match (acl("rules"), acl("rulesFile")) {
        (None, None) => config,
        (Some(Value::Text(text)), None) => config.rules_text(text),
        (None, Some(Value::Text(path))) => config.rules_file(path),
        _ => {
            faults.add("acl", "expected either rules, the text of a rules file, or rulesFile, its path");
            config
        }
    };
    if let Some(limits) = top("limits") {
        config = config.limits(faults.limits(limits));
    }
    if let Some(value) = top("timeout")
        && let Some(millis) = faults.whole("timeout", value)
    {
        config = config.timeout(Duration::from_millis(millis.into()));
    }
    let security = top("security").cloned().unwrap_or_default();
    let security = faults.section(&security, "security", &["cursorKey", "auditLog", "auditFailure"]);
    match security("cursorKey") {
        None => {}
        Some(Value::Bytes(key)) if key.len() == 32 => {
            let mut bytes = [0; 32];
            bytes.copy_from_slice(key);
            config = config.cursor_key(bytes);
        }
        Some(_) => faults.add("security.cursorKey", "expected a Uint8Array of 32 bytes"),
    }
    let failure = match security("auditFailure").map(Value::as_str) {
        None | Some(Some("closed")) => AuditFailure::Closed,
        Some(Some("open")) => AuditFailure::Open,
        Some(_) => {
            faults.add("security.auditFailure", "expected closed or open");
            AuditFailure::Closed
        }
    };
    match security("auditLog") {
        None => {}
        Some(Value::Text(path)) => config = config.audit(Audit::file(path).on_failure(failure).chained()),
        Some(_) => faults.add("security.auditLog", "expected the path of a file"),
    }
    let principal = match top("auth") {
        None => None,
        Some(auth) => faults.principal(auth, "auth"),
    };
    faults.done()?;
    Ok(Opening { config, principal })
}

/// Reads a principal: `{ user, session, roles }`.
pub fn principal(value: &Value) -> Result<Principal> {
    let mut faults = Faults(Vec::new());
    let principal = faults.principal(value, "principal");
    faults.done()?;
    principal.ok_or_else(|| Error::internal("a principal without a fault could not be read"))
}

const OPTIONS: &[&str] = &[
    "mode",
    "adapter",
    "database",
    "endpoint",
    "schema",
    "acl",
    "auth",
    "limits",
    "security",
    "timeout",
    "tls",
    "retryWrites",
];
const DATABASE: &[&str] = &["url", "poolSize", "cacheKib", "synchronous", "sweepInterval"];

struct Faults(Vec<FieldFault>);

impl Faults {
    fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldFault { field: field.into(), message: message.into(), index: None });
    }

    fn done(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::invalid(self.0)) }
    }

    /// The options of an object; what is null or undefined is not given.
    fn section<'v>(
        &mut self,
        value: &'v Value,
        at: &str,
        known: &[&str],
    ) -> impl Fn(&str) -> Option<&'v Value> + use<'v> {
        let map = match value {
            Value::Map(map) => Some(map),
            Value::Null | Value::Undefined => None,
            other => {
                self.add(at, format!("expected an object, not {}", other.kind()));
                None
            }
        };
        for (name, _) in map.into_iter().flat_map(Map::iter).filter(|(name, _)| !known.contains(name)) {
            let path = if at == "config" { name.to_owned() } else { format!("{at}.{name}") };
            self.add(path, format!("unknown option; expected one of {}", known.join(", ")));
        }
        move |name| map?.get(name).filter(|value| !matches!(value, Value::Null | Value::Undefined))
    }

    /// A daemon. Of `auth` the token alone is for it: who that is, it finds out by itself. `adapter`, `database`,
    /// `schema` and limits are its own; a file for both ways may name them.
    fn remote<'v>(&mut self, endpoint: &Value, top: &impl Fn(&str) -> Option<&'v Value>) -> Config {
        let Some(url) = endpoint.as_str() else {
            self.add("endpoint", "expected text, such as localhost:50051");
            return Config::memory();
        };
        let mut config = Config::endpoint(url);
        if top("acl").is_some() {
            self.add("acl", "the rules of a daemon are its own");
        }
        let auth = top("auth").cloned().unwrap_or_default();
        let auth = self.section(&auth, "auth", &["user", "session", "roles", "token"]);
        let session = match auth("session") {
            Some(Value::Map(session)) => session.get("token"),
            _ => None,
        };
        match auth("token").or(session) {
            None | Some(Value::Undefined | Value::Null) => {}
            Some(Value::Text(token)) => config = config.token(token.clone()),
            Some(_) => self.add("auth.session.token", "expected text"),
        }
        let tls = top("tls").cloned().unwrap_or_default();
        let tls = self.section(&tls, "tls", &["ca", "cert", "key"]);
        let mut file = |name: &str| match tls(name) {
            None => None,
            Some(Value::Text(path)) => Some(path.clone()),
            Some(_) => {
                self.add(format!("tls.{name}"), "expected the path of a PEM file");
                None
            }
        };
        if let Some(ca) = file("ca") {
            config = config.authorities(ca);
        }
        match (file("cert"), file("key")) {
            (None, None) => {}
            (Some(cert), Some(key)) => config = config.certificate(cert, key),
            _ => self.add("tls", "expected both cert and key, or neither"),
        }
        match top("retryWrites") {
            None => {}
            Some(Value::Bool(retry)) => config = config.retry_writes(*retry),
            Some(_) => self.add("retryWrites", "expected true or false"),
        }
        if let Some(value) = top("timeout")
            && let Some(millis) = self.whole("timeout", value)
        {
            config = config.timeout(Duration::from_millis(millis.into()));
        }
        config
    }

    fn whole(&mut self, at: &str, value: &Value) -> Option<u32> {
        let number = value.as_i64().and_then(|number| u32::try_from(number).ok());
        if number.is_none() {
            self.add(at, "expected a whole number");
        }
        number
    }

    fn backend(&mut self, adapter: Option<&Value>, url: Option<String>) -> Config {
        let adapter = match adapter {
            None => None,
            Some(Value::Text(name)) => Some(name.as_str()),
            Some(_) => {
                self.add("adapter", "expected a name, such as sqlite");
                None
            }
        };
        match (adapter, url) {
            (Some("memory"), None) => Config::memory(),
            (None, None) => {
                self.add("database.url", "missing; expected something like file:./app.db");
                Config::memory()
            }
            (Some(name), None) => {
                self.add("database.url", format!("missing; {name} needs one"));
                Config::memory()
            }
            (None, Some(url)) => Config::url(&url),
            (Some(name), Some(url)) => Config::by_adapter(name, &url).unwrap_or_else(|error| {
                self.0.extend_from_slice(error.fields());
                Config::memory()
            }),
        }
    }

    fn limits(&mut self, value: &Value) -> Limits {
        let mut limits = Limits::default();
        let Value::Map(map) = value else {
            self.add("limits", "expected an object");
            return limits;
        };
        for (name, value) in map.iter().filter(|(_, value)| !matches!(value, Value::Undefined)) {
            let known = limits.list().into_iter().find(|(known, _)| camel(known) == name);
            let lowered = limits.lower(known.map_or(name, |(known, _)| known), value);
            if let Err(message) = lowered {
                self.add(format!("limits.{name}"), message);
            }
        }
        limits
    }

    fn principal(&mut self, value: &Value, at: &str) -> Option<Principal> {
        let Value::Map(map) = value else {
            self.add(at, "expected { user, session, roles }; {} is a caller without id and role");
            return None;
        };
        let told = Principal::from_map(map);
        told.map_err(|error| {
            let faults = error.fields().iter();
            faults.for_each(|fault| self.add(format!("{at}.{}", fault.field), fault.message.as_str()));
        })
        .ok()
    }
}

/// A name of the engine's as JavaScript writes it.
fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut camel, part| {
        let (initial, rest) = part.split_at(1);
        camel.push_str(&initial.to_uppercase());
        camel.push_str(rest);
        camel
    })
}

/// `{ text }` is entity documents as YAML.
fn text_of(objects: &Value) -> Option<&str> {
    match objects {
        Value::Map(map) if map.len() == 1 => map.get("text")?.as_str(),
        _ => None,
    }
}
