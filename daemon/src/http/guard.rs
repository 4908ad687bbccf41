//! Which pages of which hosts a browser may speak to the daemon from. No cookie stands for a caller, so these checks
//! keep away what is anonymous at most; they are made all the same, before anything else.

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HOST, ORIGIN, VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, Version};
use dbal::config::{Mode, Settings, is_loopback};
use dbal::{Error, Result};

/// Whether a request says once for which host it is (RFC 9112, section 3.2): of two, what stands in front may have looked at
/// the other one.
///
/// # Errors
/// VALIDATION_ERROR, for which HTTP has the status 400.
pub fn names_one_host(head: &Parts) -> Result<()> {
    match head.headers.get_all(HOST).iter().count() {
        0 if head.version == Version::HTTP_11 => Err(Error::validation("Host", "missing")),
        0 | 1 => Ok(()),
        _ => Err(Error::validation("Host", "given twice")),
    }
}

/// The origins and hosts of a configuration.
pub struct Guard<'s> {
    settings: &'s Settings,
}

impl<'s> Guard<'s> {
    /// Those of this one.
    pub fn new(settings: &'s Settings) -> Self {
        Guard { settings }
    }

    /// The origin of the page that asks, if a page of another host does.
    ///
    /// # Errors
    /// FORBIDDEN for a host name that is not the daemon's, and for a page that may not ask.
    pub fn check(&self, head: &Parts) -> Result<Option<HeaderValue>> {
        // HTTP/2 has it in the address.
        let authority = head.uri.authority().map(|authority| authority.as_str());
        let host = authority.or_else(|| head.headers.get(HOST).and_then(|host| host.to_str().ok()));
        let Some(host) = host else { return Err(Error::forbidden("the request names no host")) };
        if !self.is_own(host) {
            return Err(Error::forbidden("the host that the request names is not served; see server.hosts"));
        }
        let Some(origin) = head.headers.get(ORIGIN) else { return Ok(None) };
        let refused = || Error::forbidden("pages of this origin may not ask; see server.origins");
        let text = origin.to_str().map_err(|_| refused())?;
        // `null`, of sandboxed frames and files, has no scheme.
        let (_, page) = text.split_once("://").ok_or_else(refused)?;
        if page.eq_ignore_ascii_case(host) {
            return Ok(None);
        }
        let listed = self.settings.server.origins.iter().any(|known| known == text);
        let local = self.settings.mode == Mode::Development && is_loopback(&with_port(page));
        if listed || local { Ok(Some(origin.clone())) } else { Err(refused()) }
    }

    /// Whether the daemon is meant. On a loopback address a name of somebody else's is a page that had its name
    /// resolved anew.
    fn is_own(&self, host: &str) -> bool {
        let server = &self.settings.server;
        let name = without_port(host);
        if !server.hosts.is_empty() {
            return server
                .hosts
                .iter()
                .any(|known| known.eq_ignore_ascii_case(host) || known.eq_ignore_ascii_case(name));
        }
        !is_loopback(&server.bind) || is_loopback(&with_port(host))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn with_port(host: &str) -> String {
    if without_port(host) == host { format!("{host}:0") } else { host.to_owned() }
}

/// What a page of an allowed origin may send.
pub fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    let sent = "authorization, content-type, idempotency-key, dbal-timeout-ms, if-match, if-none-match";
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(sent));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// Lets the page read the response.
pub fn allow(origin: &HeaderValue, response: &mut Response<Body>) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("dbal-request-id, etag, retry-after"));
    headers.insert(VARY, HeaderValue::from_static("origin"));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use axum::http::Request;
    use dbal::config::Environment;

    use super::*;

    fn check(yaml: &str, host: &str, origin: Option<&str>) -> Result<bool> {
        let settings =
            Settings::from_text("dbal.yaml", yaml, &Environment::given([("DATABASE_URL", "memory:")])).unwrap();
        let mut request = Request::builder().uri("/v1/users").header(HOST, host);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        Guard::new(&settings).check(&head).map(|origin| origin.is_some())
    }

    #[test]
    fn a_page_may_ask_if_its_origin_is_listed_whole() {
        let listed = "server: { origins: ['https://app.example.org'] }";
        assert!(check(listed, "localhost:50051", Some("https://app.example.org")).unwrap());
        assert!(!check(listed, "localhost:50051", Some("http://localhost:50051")).unwrap());
        assert!(!check(listed, "localhost:50051", None).unwrap());
        for origin in [
            "null",
            "",
            "https://app.example.org.evil.org",
            "https://evil.org",
            "http://app.example.org",
            "https://app.example.org:444",
            "http://localhost:5173",
            "https://APP.example.org",
        ] {
            assert_eq!(check(listed, "localhost:50051", Some(origin)).unwrap_err().code(), "FORBIDDEN", "{origin}");
        }
        let development = "mode: development";
        assert!(check(development, "localhost:50051", Some("http://localhost:5173")).unwrap());
        assert!(check(development, "localhost:50051", Some("http://localhost.evil.org:5173")).is_err());
    }

    #[test]
    fn on_loopback_only_names_of_loopback_are_meant() {
        for host in ["localhost", "localhost:50051", "127.0.0.1:50051", "[::1]:50051"] {
            assert!(check("mode: production", host, None).is_ok(), "{host}");
        }
        for host in ["evil.org", "evil.org:50051", "localhost.evil.org", "192.168.0.1:50051"] {
            assert!(check("mode: production", host, None).is_err(), "{host}");
        }
        let named = "server: { hosts: [dbal.example.org] }";
        assert!(check(named, "dbal.example.org:443", None).is_ok());
        assert!(check(named, "localhost", None).is_err());
        let open = "server: { bind: '0.0.0.0:50051', tls: { allow_insecure: true } }";
        assert!(check(open, "dbal:50051", None).is_ok());
    }
}
