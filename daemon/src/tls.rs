//! Encryption: what the configuration's certificate, key and authorities make of a connection. Read again when the files
//! change; connections that stand keep what they began with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use dbal::config::Tls;
use dbal::{Error, Result};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::failure::{sound, together};

/// What is said of a file that no configuration names, for whoever has said so already.
pub const MISSING: &str = "missing";

/// What connections are encrypted by.
pub struct Encryption {
    settings: Tls,
    now: ArcSwap<ServerConfig>,
}

impl Encryption {
    /// Reads the files; none where connections are not encrypted.
    ///
    /// # Errors
    /// VALIDATION_ERROR naming each file that something is wrong with.
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
    // Each file by itself, so that all faults come together.
    let mut faults = Vec::new();
    let chain = settings.cert.as_deref().map(|path| certificates("server.tls.cert", path));
    let private = settings.key.as_deref().map(|path| {
        let faulty = |error| Error::validation("server.tls.key", format!("{}: {error}", path.display()));
        PrivateKeyDer::from_pem_file(path).map_err(faulty)
    });
    let verifier = settings.client_ca.as_deref().map(verifier).transpose();
    let chain = sound(&mut faults, chain.unwrap_or_else(|| Err(Error::validation("server.tls.cert", MISSING))));
    let private = sound(&mut faults, private.unwrap_or_else(|| Err(Error::validation("server.tls.key", MISSING))));
    let verifier = sound(&mut faults, verifier);
    let (Some(chain), Some(private), Some(verifier)) = (chain, private, verifier) else {
        return Err(together(faults));
    };
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::internal(error.to_string()))?;
    let builder = match verifier {
        None => builder.with_no_client_auth(),
        Some(verifier) => builder.with_client_cert_verifier(verifier),
    };
    // A key that is not the certificate's is found here.
    let mut config = builder.with_single_cert(chain, private).map_err(|error| {
        let shown = |file: &Option<PathBuf>| file.as_deref().map(|file| file.display().to_string()).unwrap_or_default();
        let (key, cert) = (shown(&settings.key), shown(&settings.cert));
        Error::validation("server.tls.key", format!("{key} with {cert}: {error}"))
    })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What asks clients for a certificate of these authorities.
fn verifier(path: &Path) -> Result<Arc<dyn ClientCertVerifier>> {
    let faulty = |message: String| Error::validation("server.tls.client_ca", format!("{}: {message}", path.display()));
    let mut roots = RootCertStore::empty();
    for certificate in certificates("server.tls.client_ca", path)? {
        roots.add(certificate).map_err(|error| faulty(error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
    verifier.map_err(|error| faulty(error.to_string()))
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
