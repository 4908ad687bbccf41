//! Encryption: none, or with a certificate that is checked. There is nothing in between, since encryption with whoever
//! answers protects from nobody who can be in the middle.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::{CancelToken, Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Error, Result};

/// What carries a connection: runs until the connection ends.
pub(super) type Driver = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Clone)]
pub(super) enum Tls {
    None,
    Checked(MakeRustlsConnect),
}

impl Tls {
    /// Certificates are checked against those that the system trusts, or against those of a file.
    pub(super) fn checked(roots: Option<&Path>) -> Result<Tls> {
        let mut store = RootCertStore::empty();
        let fault = |message: String| Error::validation("database.url", message);
        match roots {
            Some(path) => {
                let cannot = |why: String| fault(format!("sslrootcert {} {why}", path.display()));
                let all =
                    CertificateDer::pem_file_iter(path).map_err(|error| cannot(format!("cannot be read: {error}")))?;
                for certificate in all {
                    let certificate = certificate.map_err(|error| cannot(format!("cannot be read: {error}")))?;
                    store.add(certificate).map_err(|error| cannot(format!("holds no authority: {error}")))?;
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                store.add_parsable_certificates(found.certs);
            }
        }
        if store.is_empty() {
            return Err(fault("no certificate of an authority was found; name a file with sslrootcert".into()));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::internal(format!("TLS cannot be set up: {error}")))?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Tls::Checked(MakeRustlsConnect::new(config)))
    }

    pub(super) async fn connect(&self, config: &Config) -> Result<(Client, Driver), tokio_postgres::Error> {
        // How the connection ended is told to those who wait for it.
        match self {
            Tls::None => {
                let (client, connection) = config.connect(NoTls).await?;
                Ok((client, Box::pin(async move { drop(connection.await) })))
            }
            Tls::Checked(tls) => {
                let (client, connection) = config.connect(tls.clone()).await?;
                Ok((client, Box::pin(async move { drop(connection.await) })))
            }
        }
    }

    /// Asks the server, over a connection of its own, to stop what runs.
    pub(super) async fn cancel(&self, token: &CancelToken) -> Result<(), tokio_postgres::Error> {
        match self {
            Tls::None => token.cancel_query(NoTls).await,
            Tls::Checked(tls) => token.cancel_query(tls.clone()).await,
        }
    }
}
