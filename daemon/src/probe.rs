//! Whether the database answers: asked by whoever looks after the daemon, and by callers of gRPC's health.

use std::time::{Duration, Instant};

use dbal::{ErrorKind, Operation, Value};
use parking_lot::Mutex;

use crate::service::Service;

/// How long a probe of the database may take, and how long its result counts.
const PROBE: Duration = Duration::from_secs(2);

/// How the database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// It answers.
    Yes,
    /// It answers, and lacks what the schema declares.
    Unmigrated,
    /// It does not answer.
    No,
}

/// When the database was last asked, and what came of it.
#[derive(Default)]
pub struct Probe(Mutex<Option<(Instant, Ready)>>);

impl Probe {
    /// Whether it answers now, or did a moment ago.
    pub async fn is_ready(&self, service: &Service) -> bool {
        self.ready(service).await == Ready::Yes
    }

    /// How it is now, or was a moment ago.
    pub async fn ready(&self, service: &Service) -> Ready {
        if let Some((at, ready)) = *self.0.lock()
            && at.elapsed() < PROBE
        {
            return ready;
        }
        let ready = look(service).await;
        *self.0.lock() = Some((Instant::now(), ready));
        ready
    }
}

async fn look(service: &Service) -> Ready {
    let client = service.trusted().with_timeout(Some(PROBE));
    // A row of some table: a database that was never migrated serves nobody.
    let Some((_, entity)) = client.blocking().schema().entities().next() else { return Ready::Yes };
    let key = Value::List(vec![entity.field(entity.key).name.as_str().into()]);
    let request = dbal::Request::new(Operation::First, entity.name.clone()).arg("select", key);
    if client.execute(&request).await.is_ok() {
        return Ready::Yes;
    }
    // Whoever looks after it is to know which of the two it is.
    let client = client.blocking().clone();
    match tokio::task::spawn_blocking(move || client.pending_migration()).await {
        Ok(Ok(pending)) if !pending.is_empty() => Ready::Unmigrated,
        Ok(Err(error)) if error.kind() == ErrorKind::ValidationError => Ready::Unmigrated,
        _ => Ready::No,
    }
}
