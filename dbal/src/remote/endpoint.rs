//! Where a daemon is.

use crate::error::{Error, Result};

/// The port of a daemon that names none.
const PORT: u16 = 50_051;

/// Where a daemon is, and whether the way there is encrypted.
///
/// ```
/// use dbal::remote::Endpoint;
/// let endpoint = Endpoint::parse("localhost:50051")?;
/// assert_eq!(endpoint, Endpoint::parse("dbal://localhost")?);
/// assert!(Endpoint::parse("dbals://db.example.org")?.secure);
/// assert!(Endpoint::parse("dbal://token@localhost").is_err(), "secrets do not stand in addresses");
/// # Ok::<(), dbal::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether TLS is spoken.
    pub secure: bool,
    /// The host: a name, or an address, one of IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What stands before the daemon's own paths, where a proxy puts it below a path; no slash at its end.
    pub path: String,
}

impl Endpoint {
    /// Reads `dbal://host:port`, `dbals://`, `ws://`, `wss://`, `http://`, `https://` or `host:port`, all of which lead
    /// to the same port of a daemon.
    ///
    /// # Errors
    /// VALIDATION_ERROR for anything else.
    pub fn parse(text: &str) -> Result<Endpoint> {
        let fault = |message: &str| Error::validation("endpoint", message.to_owned());
        let (scheme, rest) = text.split_once("://").unwrap_or(("dbal", text));
        let (secure, usual) = match scheme {
            "dbal" => (false, PORT),
            "dbals" => (true, PORT),
            "ws" | "http" => (false, 80),
            "wss" | "https" => (true, 443),
            _ => return Err(fault("unknown scheme; expected dbal, dbals, ws, wss, http, https, or host:port")),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') || rest.contains(['?', '#']) {
            return Err(fault("expected a host and maybe a port and a path; credentials have options of their own"));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(bracketed) => {
                let (host, after) = bracketed.split_once(']').ok_or_else(|| fault("a bracket without its end"))?;
                (host, after.strip_prefix(':').or_else(|| after.is_empty().then_some("")))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, Some("")),
            },
        };
        let port = match port {
            Some("") => usual,
            Some(digits) => digits.parse().map_err(|_| fault("expected a port between 1 and 65535"))?,
            None => return Err(fault("expected a port behind the bracket")),
        };
        if host.is_empty() {
            return Err(fault("the host is missing; expected something like localhost:50051"));
        }
        Ok(Endpoint { secure, host: host.to_owned(), port, path: path.trim_end_matches('/').to_owned() })
    }

    /// Whether a text is one of the schemes that name a daemon.
    pub fn is_scheme(scheme: &str) -> bool {
        matches!(scheme, "dbal" | "dbals" | "ws" | "wss" | "http" | "https")
    }

    /// Host and port as they stand in a URL.
    pub(super) fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (bool, String, u16, String) {
        let Endpoint { secure, host, port, path } = Endpoint::parse(text).expect("an endpoint");
        (secure, host, port, path)
    }

    #[test]
    fn each_spelling_means_a_place() {
        assert_eq!(parsed("db:9"), (false, "db".into(), 9, "".into()));
        assert_eq!(parsed("db"), (false, "db".into(), 50_051, "".into()));
        assert_eq!(parsed("wss://db/"), (true, "db".into(), 443, "".into()));
        assert_eq!(parsed("https://db:8443/data/"), (true, "db".into(), 8443, "/data".into()));
        assert_eq!(parsed("dbals://[::1]"), (true, "::1".into(), 50_051, "".into()));
        assert_eq!(parsed("[::1]:80"), (false, "::1".into(), 80, "".into()));
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in ["", "dbal://", ":50051", "db:0x1", "db:70000", "ftp://db", "db?x=1", "a@db:1", "[::1", "[::1]x"] {
            assert!(Endpoint::parse(text).is_err(), "{text:?} was taken");
        }
    }
}
