//! From a configuration to a daemon that listens, and to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dbal::config::{Mode, Sandbox, Settings};
use dbal::{AsyncClient, Client, Config, Error, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::failure::{sound, together};
use crate::identity::{Configured, Identify};
use crate::reload::Reloading;
use crate::service::Service;
use crate::tls::Encryption;
use crate::{accept, admin};

/// How long connections have to end when the daemon stops.
const DRAIN: Duration = Duration::from_secs(25);

/// What a daemon is made of.
pub struct Options {
    settings: Settings,
    client: Option<Client>,
    identify: Option<Arc<dyn Identify>>,
}

impl Options {
    /// What a configuration says.
    pub fn new(settings: Settings) -> Self {
        Options { settings, client: None, identify: None }
    }

    /// A database that is open already, in place of the one that the configuration names.
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Another way to verify tokens than those of the configuration: for a host that knows its callers by other means.
    pub fn identify(mut self, identify: Arc<dyn Identify>) -> Self {
        self.identify = Some(identify);
        self
    }
}

/// A daemon that listens. Dropped, it takes no more connections; [`Daemon::stop`] waits for what is under way.
///
/// ```
/// use dbal::config::{Environment, Settings};
/// use dbal_served::{Daemon, Options};
///
/// let text = "
/// mode: development
/// server: { bind: '127.0.0.1:0', admin_bind: '127.0.0.1:0' }
/// database: { url: 'memory:' }
/// ";
/// let settings = Settings::from_text("dbal.yaml", text, &Environment::process())?;
/// let runtime = tokio::runtime::Runtime::new().unwrap();
/// runtime.block_on(async {
///     let daemon = Daemon::start(Options::new(settings)).await?;
///     println!("listening on {}", daemon.address());
///     daemon.stop().await;
///     Ok::<(), dbal::Error>(())
/// })?;
/// # Ok::<(), dbal::Error>(())
/// ```
#[derive(Debug)]
pub struct Daemon {
    address: SocketAddr,
    admin_address: SocketAddr,
    stop: watch::Sender<bool>,
    stopped: watch::Sender<bool>,
    hangup: watch::Sender<u64>,
    serving: JoinHandle<()>,
    others: Vec<JoinHandle<()>>,
}

impl Daemon {
    /// Opens the database and listens.
    ///
    /// # Errors
    /// What is wrong with the configuration, the schema, the rules, keys and certificates; what the database says; an
    /// address that cannot be listened on.
    pub async fn start(options: Options) -> Result<Daemon> {
        let Options { settings, client, identify } = options;
        if let Some(refusal) = settings.server.refusal() {
            return Err(Error::validation("server.bind", refusal.trim_start_matches("server.bind: ").to_owned()));
        }
        let mut faults = Vec::new();
        let identify: Option<Arc<dyn Identify>> = match identify {
            Some(identify) => Some(identify),
            None => sound(&mut faults, Configured::new(&settings.auth)).map(|configured| Arc::new(configured) as _),
        };
        let encryption = sound(&mut faults, Encryption::new(&settings.server.tls));
        let (Some(identify), Some(encryption)) = (identify, encryption) else { return Err(together(faults)) };
        let encryption = encryption.map(Arc::new);
        let client = match client {
            Some(client) => client,
            None => open(&settings).await?,
        };
        warn(&settings, &client);
        let listener = listen("server.bind", &settings.server.bind).await?;
        let admin_listener = listen("server.admin_bind", &settings.server.admin_bind).await?;
        let (stop, stopping) = watch::channel(false);
        let (stopped, has_stopped) = watch::channel(false);
        let (hangup, hung_up) = watch::channel(0);
        let here = |listener: &TcpListener| {
            listener.local_addr().map_err(|error| Error::internal(format!("a socket without an address: {error}")))
        };
        let (address, admin_address) = (here(&listener)?, here(&admin_listener)?);
        let service = Arc::new(Service::new(settings, AsyncClient::from(client), identify, stopping.clone()));
        let reloading = Reloading::new(service.clone(), encryption.clone());
        let serving = accept::serve(service.clone(), listener, encryption, stopping.clone(), DRAIN);
        Ok(Daemon {
            address,
            admin_address,
            stop,
            stopped,
            hangup,
            serving: tokio::spawn(serving),
            others: vec![
                tokio::spawn(admin::serve(service, admin_listener, has_stopped)),
                tokio::spawn(reloading.run(stopping, hung_up)),
            ],
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where health and metrics are.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Looks at once whether rules, keys and certificates changed.
    pub fn reload(&self) {
        self.hangup.send_modify(|count| *count += 1);
    }

    /// Accepts no more connections, answers what is under way, and ends.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // A task that panicked has ended, which is all that is asked for.
        let _ = self.serving.await;
        self.stopped.send_replace(true);
        for task in self.others {
            let _ = task.await;
        }
    }
}

/// Opens the database of a configuration. In development what is missing there is made; in production that is somebody's
/// decision.
async fn open(settings: &Settings) -> Result<Client> {
    let config = Config::from_settings(settings)?.on_failure(|error, origin| {
        let request_id = origin.and_then(|origin| origin.request_id.as_deref()).unwrap_or_default();
        let (code, error, detail) = (error.code(), error.message(), error.detail().unwrap_or_default());
        tracing::error!(request_id, code, error, detail, "a request failed inside");
    });
    let client = AsyncClient::open(config).await?;
    if settings.mode == Mode::Development {
        let made = client.migrate().await?;
        if !made.is_empty() {
            tracing::info!(statements = made.len(), "the database was brought to the schema");
        }
    } else {
        let blocking = client.blocking().clone();
        let pending = tokio::task::spawn_blocking(move || blocking.pending_migration()).await;
        match pending {
            Ok(Ok(pending)) if !pending.is_empty() => {
                let message = "the database lacks what the schema declares; `dbal migrate` makes it";
                tracing::error!(statements = pending.len(), "{message}");
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the database could not be compared with the schema"),
            Err(_) => return Err(Error::internal("the database could not be compared with the schema")),
        }
    }
    Ok(client.blocking().clone())
}

/// What an operator should know at every start.
fn warn(settings: &Settings, client: &Client) {
    for warning in settings.warnings.iter().chain(client.warnings()) {
        tracing::warn!("{warning}");
    }
    if settings.security.sandbox == Sandbox::Strict {
        tracing::warn!(
            "security.sandbox is strict: the engine's own checks are in force; the operating system does not hold this \
             build back"
        );
    }
    if settings.server.allow_insecure && !settings.server.tls.enabled {
        let bind = &settings.server.bind;
        tracing::warn!(%bind, "WITHOUT ENCRYPTION: tokens and rows cross the network in plain text unless something in front encrypts");
    }
    if !settings.acl.enforce_row_level {
        tracing::warn!("acl.enforce_row_level is false: row filters of the access rules are IGNORED");
    }
}

async fn listen(name: &str, address: &str) -> Result<TcpListener> {
    let failed = |error: std::io::Error| Error::validation(name, format!("cannot listen on {address}: {error}"));
    TcpListener::bind(address).await.map_err(failed)
}
