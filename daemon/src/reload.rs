//! Files that are read again when they change: access rules, keys, certificates. What is faulty changes nothing, is told,
//! and is counted; a file that is gone is faulty too.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dbal::access::Policy;
use dbal::{AsyncClient, Error, Result};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::service::{Service, has_stopped};
use crate::tls::Encryption;

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What is watched.
pub struct Reloading {
    service: Arc<Service>,
    encryption: Option<Arc<Encryption>>,
    rules: Option<PathBuf>,
    rules_seen: Option<[u8; 32]>,
    keys: Vec<PathBuf>,
    keys_seen: Option<[u8; 32]>,
    certificates: Vec<PathBuf>,
    certificates_seen: Option<[u8; 32]>,
}

impl Reloading {
    /// As the files are now.
    pub fn new(service: Arc<Service>, encryption: Option<Arc<Encryption>>) -> Self {
        let settings = &service.settings;
        let rules = settings.acl.rules_file.clone();
        let tls = &settings.server.tls;
        let certificates = match encryption {
            None => Vec::new(),
            Some(_) => [&tls.cert, &tls.key, &tls.client_ca].into_iter().flatten().cloned().collect(),
        };
        let keys = service.identities.identify().files();
        Reloading {
            rules_seen: rules.as_deref().and_then(|rules| fingerprint([rules])),
            keys_seen: fingerprint(keys.iter().map(PathBuf::as_path)),
            certificates_seen: fingerprint(certificates.iter().map(PathBuf::as_path)),
            service,
            encryption,
            rules,
            keys,
            certificates,
        }
    }

    /// Looks at the files until the daemon stops, and at once when `hangup` says so.
    pub async fn run(mut self, mut stopping: watch::Receiver<bool>, mut hangup: watch::Receiver<u64>) {
        if self.rules.is_none() && self.keys.is_empty() && self.certificates.is_empty() {
            return;
        }
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = hangup.changed() => {}
                () = has_stopped(&mut stopping) => return,
            }
            // Reading and typing rules takes a moment that requests should not wait for.
            let looked = tokio::task::spawn_blocking(move || {
                self.look();
                self
            });
            match looked.await {
                Ok(same) => self = same,
                Err(_) => return tracing::error!("files are no longer watched"),
            }
        }
    }

    /// Takes what changed.
    fn look(&mut self) {
        if let Some(rules) = &self.rules {
            let now = fingerprint([rules.as_path()]);
            if now != self.rules_seen {
                self.rules_seen = now;
                self.take_rules(rules);
            }
        }
        let now = fingerprint(self.keys.iter().map(PathBuf::as_path));
        if now != self.keys_seen {
            self.keys_seen = now;
            match self.service.identities.identify().reload() {
                Ok(()) => {
                    self.service.identities.forget();
                    self.service.metrics.keys_current.set(1);
                    tracing::info!("keys were read again");
                }
                Err(error) => {
                    self.service.metrics.keys_current.set(0);
                    tracing::error!(%error, "keys are faulty; those from before stay in use");
                }
            }
        }
        let now = fingerprint(self.certificates.iter().map(PathBuf::as_path));
        if let (Some(encryption), true) = (&self.encryption, now != self.certificates_seen) {
            self.certificates_seen = now;
            match encryption.reload() {
                Ok(()) => {
                    self.service.metrics.certificates_current.set(1);
                    tracing::info!("certificates were read again");
                }
                Err(error) => {
                    self.service.metrics.certificates_current.set(0);
                    tracing::error!(%error, "certificates are faulty; those from before stay in use");
                }
            }
        }
    }

    fn take_rules(&self, rules: &Path) {
        let metrics = &self.service.metrics;
        match with_rules(&self.service, rules) {
            Ok(client) => {
                self.service.replace(client);
                metrics.reloads.inc();
                metrics.rules_current.set(1);
                tracing::info!(file = %rules.display(), "access rules were read again");
            }
            Err(error) => {
                metrics.reload_faults.inc();
                metrics.rules_current.set(0);
                tracing::error!(file = %rules.display(), %error, "access rules are faulty; those from before stay in force");
            }
        }
    }
}

fn with_rules(service: &Service, rules: &Path) -> Result<AsyncClient> {
    let text = std::fs::read_to_string(rules)
        .map_err(|error| Error::validation("acl.rules_file", format!("cannot be read: {error}")))?;
    let trusted = service.trusted();
    let client = trusted.blocking();
    let policy = Policy::from_rules(client.schema(), &text, &rules.display().to_string())?;
    Ok(AsyncClient::from(client.with_policy(policy)?))
}

/// Of the content of files: times and names are no help where a folder is swapped whole. None when one cannot be read.
fn fingerprint<'p>(files: impl IntoIterator<Item = &'p Path>) -> Option<[u8; 32]> {
    let mut hash = Sha256::new();
    for file in files {
        let content = std::fs::read(file).ok()?;
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    Some(hash.finalize().into())
}
