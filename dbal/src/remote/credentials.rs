//! Who a remote client is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::error::{Error, Result};

/// Gives the token to connect with.
type Source = Arc<dyn Fn() -> Result<String> + Send + Sync>;

/// What a client shows of itself: a token, a certificate, both, or nothing, which makes it anonymous.
#[derive(Clone, Default)]
pub struct Credentials {
    token: Option<Source>,
    /// A certificate and its key, PEM files.
    certificate: Option<(PathBuf, PathBuf)>,
    /// Authorities to trust in place of the system's.
    roots: Option<PathBuf>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("token", &self.token.is_some())
            .field("certificate", &self.certificate.is_some())
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// The same with a source of tokens, which is asked each time that the client connects.
    pub fn token_from(mut self, source: impl Fn() -> Result<String> + Send + Sync + 'static) -> Self {
        self.token = Some(Arc::new(source));
        self
    }

    /// The same with a certificate and its key, both PEM files.
    pub fn certificate(mut self, certificate: PathBuf, key: PathBuf) -> Self {
        self.certificate = Some((certificate, key));
        self
    }

    /// The same with the authorities of a PEM file to check the daemon's certificate against.
    pub fn roots(mut self, roots: PathBuf) -> Self {
        self.roots = Some(roots);
        self
    }

    /// The token to connect with now.
    pub(super) fn token(&self) -> Result<Option<String>> {
        self.token.as_ref().map(|source| source()).transpose()
    }

    /// What TLS needs.
    pub(super) fn tls(&self) -> Result<Arc<ClientConfig>> {
        let mut store = RootCertStore::empty();
        match &self.roots {
            Some(path) => {
                for authority in certificates("tls.ca", path)? {
                    store.add(authority).map_err(|error| unreadable("tls.ca", path, error))?;
                }
            }
            None => drop(store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
        }
        if store.is_empty() {
            return Err(Error::validation("tls.ca", "no certificate of an authority was found; name a file with some"));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let internal = |error: rustls::Error| Error::internal(format!("TLS cannot be set up: {error}"));
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(internal)?
            .with_root_certificates(store);
        let mut config = match &self.certificate {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates("tls.cert", certificate)?;
                let read = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("tls.key", key, error))?;
                config.with_client_auth_cert(chain, read).map_err(|error| unreadable("tls.cert", certificate, error))?
            }
        };
        // A WebSocket begins as HTTP 1.1.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn certificates(option: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(option, path, error))?;
    all.collect::<Result<_, _>>().map_err(|error| unreadable(option, path, error))
}

fn unreadable(option: &str, path: &Path, error: impl fmt::Display) -> Error {
    Error::validation(option, format!("{} cannot be used: {error}", path.display()))
}
