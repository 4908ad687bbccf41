//! Where a database is: the URLs of libpq, with two words of our own.

use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Arc;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::tls::Tls;
use crate::error::{Error, Result};
use crate::sql::quoted;

/// Connections that are open at the same time, unless the URL says otherwise.
const POOL_SIZE: usize = 10;

#[derive(Clone)]
pub(super) struct Target {
    pub config: Config,
    pub tls: Tls,
    /// The PostgreSQL schema that holds the tables; none is where the server looks by itself.
    pub schema: Option<Arc<str>>,
    pub pool_size: usize,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Target> {
        let (mut schema, mut pool_size, mut mode, mut roots) = (None, POOL_SIZE, None, None);
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = decoded(value).ok_or_else(|| fault(format!("{name} is not encoded as in a URL")))?;
            match name {
                "schema" if decoded.is_empty() => return Err(fault("schema is empty; expected a name".into())),
                "schema" => schema = Some(Arc::from(decoded)),
                "pool_size" => {
                    let size = decoded.parse().ok().filter(|size| *size > 0);
                    pool_size = size.ok_or_else(|| fault("pool_size is no number from 1".into()))?;
                }
                "sslmode" => mode = Some(decoded),
                "sslrootcert" => roots = Some(PathBuf::from(decoded)),
                _ => kept.push(pair),
            }
        }
        let plain = if kept.is_empty() { address.to_owned() } else { format!("{address}?{}", kept.join("&")) };
        // The driver's message may quote the URL, which holds a password.
        let mut config = Config::from_str(&plain).map_err(|error| {
            let why = std::error::Error::source(&error).map_or(String::new(), |cause| format!(": {cause}"));
            fault(format!("is no URL of a PostgreSQL database{why}"))
        })?;
        if config.get_application_name().is_none() {
            config.application_name("dbal");
        }
        let local = config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
            #[allow(unreachable_patterns, reason = "there are sockets in the file system on Unix only")]
            _ => true,
        });
        let tls = match (mode.as_deref(), local) {
            (Some("disable"), _) | (None, true) => Tls::None,
            (Some("require" | "verify-full"), _) | (None, false) => Tls::checked(roots.as_deref())?,
            (Some(other), _) => {
                let message = format!(
                    "sslmode `{other}` is not known; expected disable, or verify-full (require means the same here)"
                );
                return Err(fault(message));
            }
        };
        config.ssl_mode(if matches!(tls, Tls::None) { SslMode::Disable } else { SslMode::Require });
        Ok(Target { config, tls, schema, pool_size })
    }

    /// What every connection is told before its first request: nothing that is computed may depend on the defaults of
    /// a server, a database or a user.
    pub(super) fn settings(&self) -> String {
        let mut text = "SET standard_conforming_strings = on; SET default_transaction_isolation = 'read committed'; \
                        SET default_transaction_read_only = off; SET statement_timeout = 0; \
                        SET row_security = on; SET timezone = 'UTC'"
            .to_owned();
        if let Some(schema) = &self.schema {
            text += &format!("; SET search_path = {}", quoted(schema));
        }
        text
    }
}

fn fault(message: String) -> Error {
    Error::validation("database.url", message)
}

/// `%41` is `A`.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, more) = rest.split_at_checked(2)?;
        rest = more;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_how() {
        let target = Target::parse("postgresql://ada:s%2Fx@localhost:5433/app?schema=my%20own&pool_size=3").unwrap();
        assert_eq!(target.schema.as_deref(), Some("my own"));
        assert_eq!(target.pool_size, 3);
        assert_eq!(target.config.get_password(), Some(b"s/x".as_slice()));
        assert!(target.settings().contains("SET search_path = \"my own\""));
        assert!(matches!(target.tls, Tls::None));
    }

    #[test]
    fn what_is_wrong_is_named_without_the_password() {
        for url in [
            "postgresql://ada:secret@localhost/app?sslmode=prefer",
            "postgresql://ada:secret@localhost/app?schema=",
            "postgresql://ada:secret@localhost/app?pool_size=0",
            "postgresql://ada:secret@localhost/app?colour=red",
            "postgresql://ada:secret@localhost:port/app",
        ] {
            let error = Target::parse(url).err().unwrap();
            assert_eq!(error.code(), "VALIDATION_ERROR", "{url}");
            assert!(!error.message().contains("secret"), "{error}");
        }
    }
}
