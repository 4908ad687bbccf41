//! Encryption: what the configuration's certificate, key and authorities make of a connection. Read again when the files
//! change; connections that stand keep what they began with.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use dbal::config::Tls;
use dbal::{Error, Result};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// What connections are encrypted by.
pub struct Encryption {
    settings: Tls,
    now: ArcSwap<ServerConfig>,
}

impl Encryption {
    /// Reads the files; none where connections are not encrypted.
    ///
    /// # Errors
    /// VALIDATION_ERROR naming the file and what is wrong with it.
    pub fn new(settings: &Tls) -> Result<Option<Encryption>> {
        if !settings.enabled {
            return Ok(None);
        }
        let now = ArcSwap::from(read(settings)?);
        Ok(Some(Encryption { settings: settings.clone(), now }))
    }

    /// What a connection that begins now is encrypted by.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.now.load_full())
    }

    /// Reads the files again.
    ///
    /// # Errors
    /// As [`Encryption::new`]; what was in use stays then.
    pub fn reload(&self) -> Result<()> {
        self.now.store(read(&self.settings)?);
        Ok(())
    }
}

fn read(settings: &Tls) -> Result<Arc<ServerConfig>> {
    let missing = |name: &str| Error::validation(format!("server.tls.{name}"), "missing");
    let cert = settings.cert.as_deref().ok_or_else(|| missing("cert"))?;
    let key = settings.key.as_deref().ok_or_else(|| missing("key"))?;
    let chain = certificates("server.tls.cert", cert)?;
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| Error::validation("server.tls.key", format!("{}: {error}", key.display())))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::internal(error.to_string()))?;
    let builder = match &settings.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let faulty =
                |message: String| Error::validation("server.tls.client_ca", format!("{}: {message}", path.display()));
            let mut roots = RootCertStore::empty();
            for certificate in certificates("server.tls.client_ca", path)? {
                roots.add(certificate).map_err(|error| faulty(error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| faulty(error.to_string()))?)
        }
    };
    // A key that is not the certificate's is found here.
    let mut config = builder.with_single_cert(chain, private).map_err(|error| {
        Error::validation("server.tls.key", format!("{} with {}: {error}", key.display(), cert.display()))
    })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(name: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let faulty = |message: String| Error::validation(name, format!("{}: {message}", path.display()));
    let all = CertificateDer::pem_file_iter(path).map_err(|error| faulty(error.to_string()))?;
    let all = all.collect::<Result<Vec<_>, _>>().map_err(|error| faulty(error.to_string()))?;
    match all.is_empty() {
        true => Err(faulty("no certificate in it".into())),
        false => Ok(all),
    }
}
