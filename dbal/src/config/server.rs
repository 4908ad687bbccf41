//! `server:`, where a daemon listens.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use super::reader::Reader;
use crate::yaml::{Block, Node};

/// Where a daemon listens, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// `host:port` of the service.
    pub bind: String,
    /// `host:port` of health and metrics.
    pub admin_bind: String,
    /// Encryption.
    pub tls: Tls,
    /// Origins of browsers that may connect; none: no browser.
    pub origins: Vec<String>,
    /// Names in `Host` that are answered; none: those of `bind` and of this machine's loopback.
    pub hosts: Vec<String>,
    /// Whether gRPC tells its services to whoever asks.
    pub reflection: bool,
    /// Listening beyond this machine without encryption was asked for: `tls.allow_insecure`, or `DBAL_INSECURE=1`.
    pub allow_insecure: bool,
}

/// Encryption of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Whether connections are encrypted.
    pub enabled: bool,
    /// The certificate with those that lead to its authority, in PEM.
    pub cert: Option<PathBuf>,
    /// Its private key, in PEM.
    pub key: Option<PathBuf>,
    /// Authorities of clients: where they are given, a client without a certificate of theirs is turned away.
    pub client_ca: Option<PathBuf>,
}

impl Default for Server {
    fn default() -> Self {
        Server {
            bind: "127.0.0.1:50051".into(),
            admin_bind: "127.0.0.1:50052".into(),
            tls: Tls::default(),
            origins: Vec::new(),
            hosts: Vec::new(),
            reflection: false,
            allow_insecure: false,
        }
    }
}

impl Server {
    /// Why a daemon may not listen so: plain text would leave this machine, and nobody said that this is meant.
    pub fn refusal(&self) -> Option<String> {
        let exposed = !self.tls.enabled && !self.allow_insecure && !is_loopback(&self.bind);
        exposed.then(|| {
            format!(
                "server.bind: {} is reached from other machines, and server.tls is not enabled; enable it, bind to \
                 127.0.0.1, or say server.tls.allow_insecure: true (DBAL_INSECURE=1) where something in front encrypts",
                self.bind
            )
        })
    }

    /// Whether health and metrics would be on the address of the service. Port 0 is any that is free.
    pub(super) fn meets(&self) -> bool {
        let (bind, admin) = (&self.bind, &self.admin_bind);
        match (bind.parse::<SocketAddr>(), admin.parse::<SocketAddr>()) {
            (Ok(bind), Ok(admin)) => {
                let all = |one: SocketAddr, other: SocketAddr| {
                    one.ip().is_unspecified() && (one.is_ipv6() || one.is_ipv4() == other.is_ipv4())
                };
                bind.port() != 0
                    && bind.port() == admin.port()
                    && (bind.ip() == admin.ip() || all(bind, admin) || all(admin, bind))
            }
            // Where names lead is known when it listens.
            _ => bind.eq_ignore_ascii_case(admin) && !bind.ends_with(":0"),
        }
    }

    pub(super) fn read(reader: &Reader<'_>, file: &mut Block<'_>) -> Server {
        let mut server = Server::default();
        let mut insecure = None;
        if let Some(mut block) = reader.section(file, "server", "server") {
            if let Some(bind) = address(&mut block, "bind") {
                server.bind = bind;
            }
            if let Some(bind) = address(&mut block, "admin_bind") {
                server.admin_bind = bind;
            }
            (server.tls, insecure) = Tls::read(reader, &mut block);
            server.origins = origins(reader, &mut block);
            server.hosts = reader.texts(&mut block, "hosts");
            server.reflection = block.boolean("reflection").unwrap_or(false);
            block.finish();
        }
        server.allow_insecure =
            insecure.unwrap_or_else(|| reader.environment.get("DBAL_INSECURE").as_deref() == Some("1"));
        server
    }
}

impl Tls {
    /// The section, and what it says of doing without.
    fn read(reader: &Reader<'_>, server: &mut Block<'_>) -> (Tls, Option<bool>) {
        let Some(mut block) = reader.section(server, "tls", "server.tls") else { return (Tls::default(), None) };
        let enabled = block.boolean("enabled");
        let tls = Tls {
            enabled: enabled.unwrap_or(false),
            cert: reader.path(&mut block, "cert"),
            key: reader.path(&mut block, "key"),
            client_ca: reader.path(&mut block, "client_ca"),
        };
        if enabled.is_none() && tls.cert.is_some() {
            let message =
                "server.tls names a certificate and does not say `enabled`; expected `enabled: true` or false";
            reader.report.error(block.place(), message);
        }
        for (name, file) in [("cert", &tls.cert), ("key", &tls.key)] {
            if tls.enabled && file.is_none() {
                reader.report.error(block.place(), format!("server.tls is enabled and has no `{name}`"));
            }
        }
        reader.secret_files.borrow_mut().extend(tls.key.clone());
        let insecure = block.boolean("allow_insecure");
        block.finish();
        (tls, insecure)
    }
}

/// Whether only programs on this machine reach an address.
pub fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Origins as browsers write them: one that no browser can send would let nobody in, and seem to.
fn origins(reader: &Reader<'_>, block: &mut Block<'_>) -> Vec<String> {
    let Some(entry) = block.entry("origins") else { return Vec::new() };
    let items = entry.value.as_list().unwrap_or(std::slice::from_ref(&entry.value));
    let origin = |item: &Node| match item.written() {
        Some(text) if is_origin(text) => Some(text.to_owned()),
        _ => {
            let message = format!(
                "origins: expected an origin as browsers send it, scheme, host and a port that is not the scheme's own, in \
                 small letters and without a path or `*`, such as https://app.example.org or http://localhost:5173; \
                 found {}",
                item.describe()
            );
            reader.report.error(item.place, message);
            None
        }
    };
    items.iter().filter_map(origin).collect()
}

/// Whether a browser can send this as `Origin` (RFC 6454, section 6.2). Apps and extensions have schemes of their own.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| named(byte) || matches!(byte, b'+' | b'-' | b'.'));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(ip) => ip.parse::<Ipv6Addr>().is_ok_and(|read| read.to_string() == ip),
        None => !host.is_empty() && host.bytes().all(|byte| named(byte) || matches!(byte, b'-' | b'.' | b'_')),
    };
    let is_port = port.is_none_or(|port| {
        let own = matches!((scheme, port), ("http", "80") | ("https", "443"));
        !own && port.parse::<u16>().is_ok_and(|read| read.to_string() == port)
    });
    is_scheme && is_host && is_port
}

/// Whether a text is `host:port`.
pub(super) fn is_address(text: &str) -> bool {
    if text.parse::<SocketAddr>().is_ok() {
        return true;
    }
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let name = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    name && !host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && port.parse::<u16>().is_ok()
}

fn address(block: &mut Block<'_>, name: &'static str) -> Option<String> {
    let entry = block.entry(name)?;
    match entry.value.written().filter(|text| is_address(text)) {
        Some(text) => Some(text.to_owned()),
        None => {
            block.wrong(entry, "an address and a port such as 127.0.0.1:50051");
            None
        }
    }
}
