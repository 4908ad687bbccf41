//! D: encrypted connections.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dbal_served::{Daemon, Options};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::{Believing, Http, PATIENCE, Served, runtime, settings};
use crate::world::{World, token, world};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key, as PEM.
fn certificate(issuer: &Issuer<'_, KeyPair>) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    (params.signed_by(&key, issuer).unwrap().pem(), key.serialize_pem())
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

fn yaml(folder: &Path, more: &str) -> String {
    let folder = folder.display();
    format!(
        "mode: production\nserver: {{ bind: '127.0.0.1:0', admin_bind: '127.0.0.1:0', tls: {{ enabled: true, \
         cert: '{folder}/cert.pem', key: '{folder}/key.pem'{more} }} }}"
    )
}

/// An encrypted connection.
type Encrypted = StreamOwned<ClientConnection, TcpStream>;

fn connect(
    address: SocketAddr,
    trusted: &Authority,
    own: Option<&(String, String)>,
    protocols: &[&str],
) -> Result<Encrypted, std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap(),
    };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(connection, socket))
}

/// The status of a request on a connection that stays open.
fn status(stream: &mut Encrypted) -> Result<u16, std::io::Error> {
    let token = token("ada", "user");
    let head = format!("GET /v1/accounts?limit=0 HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    while !text.ends_with(b"}") {
        match stream.read(&mut buffer)? {
            0 => break,
            read => text.extend_from_slice(&buffer[..read]),
        }
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or_default())
}

fn served(world: &World, more: &str) -> Served {
    Served::new(world.client.clone(), &yaml(world.folder.path(), more), Some(Arc::new(Believing)))
}

#[test]
fn d72_one_port_says_what_it_speaks_and_nothing_in_plain_text() {
    let world = world();
    let ours = authority();
    let (cert, key) = certificate(&ours);
    write(world.folder.path(), "cert.pem", &cert);
    write(world.folder.path(), "key.pem", &key);
    let served = served(&world, "");
    let mut stream = connect(served.address, &ours, None, &["http/1.1"]).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(status(&mut stream).unwrap(), 200);
    assert_eq!(status(&mut stream).unwrap(), 200, "the connection stays");
    let stream = connect(served.address, &ours, None, &["h2", "http/1.1"]).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
    assert!(connect(served.address, &authority(), None, &[]).is_err(), "another authority vouches for nothing here");
    let mut plain = Http::new(served.address);
    plain.send(b"GET /v1/accounts HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(plain.read().is_none());
}

#[test]
fn d72_callers_without_a_certificate_are_turned_away_where_one_is_asked_for() {
    let world = world();
    let (ours, others) = (authority(), authority());
    let (cert, key) = certificate(&ours);
    write(world.folder.path(), "cert.pem", &cert);
    write(world.folder.path(), "key.pem", &key);
    write(world.folder.path(), "ca.pem", &ours.pem());
    let served = served(&world, &format!(", client_ca: '{}/ca.pem'", world.folder.path().display()));
    let asked = |own: Option<&(String, String)>| {
        let mut stream = connect(served.address, &ours, own, &["http/1.1"])?;
        status(&mut stream)
    };
    assert_eq!(asked(Some(&certificate(&ours))).unwrap(), 200);
    assert!(asked(None).is_err());
    assert!(asked(Some(&certificate(&others))).is_err());
}

#[test]
fn d72_certificates_are_read_again_and_faulty_ones_change_nothing() {
    let world = world();
    let (first, second) = (authority(), authority());
    let (cert, key) = certificate(&first);
    write(world.folder.path(), "cert.pem", &cert);
    write(world.folder.path(), "key.pem", &key);
    let served = served(&world, "");
    let mut kept = connect(served.address, &first, None, &["http/1.1"]).unwrap();
    assert_eq!(status(&mut kept).unwrap(), 200);
    write(world.folder.path(), "cert.pem", "no certificate");
    served.reload();
    std::thread::sleep(Duration::from_millis(500));
    assert!(connect(served.address, &first, None, &[]).is_ok());
    let current = |expected: &str| {
        let end = Instant::now() + Duration::from_secs(8);
        while served.metric("dbal_certificates_current") != expected {
            assert!(Instant::now() < end, "the metric does not become {expected}");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!((served.metric("dbal_keys_current"), served.metric("dbal_rules_current")), ("1".into(), "1".into()));
    };
    current("0");
    let (cert, key) = certificate(&second);
    write(world.folder.path(), "key.pem", &key);
    write(world.folder.path(), "cert.pem", &cert);
    served.reload();
    let end = Instant::now() + Duration::from_secs(8);
    while connect(served.address, &second, None, &[]).is_err() {
        assert!(Instant::now() < end, "the new certificate is not taken");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(status(&mut kept).unwrap(), 200, "a connection that stands goes on");
    current("1");
    // A key of another certificate is told of before anything listens.
    write(world.folder.path(), "key.pem", &certificate(&first).1);
    let options = Options::new(settings(&yaml(world.folder.path(), ""))).client(world.client.clone());
    let refused = runtime().block_on(Daemon::start(options)).unwrap_err();
    assert_eq!(refused.code(), "VALIDATION_ERROR", "{refused}");
}
