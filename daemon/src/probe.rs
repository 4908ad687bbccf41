//! Whether the database answers: asked by whoever looks after the daemon, and by callers of gRPC's health.

use std::time::{Duration, Instant};

use dbal::{Operation, Value};
use parking_lot::Mutex;

use crate::service::Service;

/// How long a probe of the database may take, and how long its result counts.
const PROBE: Duration = Duration::from_secs(2);

/// When the database last answered, and whether.
#[derive(Default)]
pub struct Probe(Mutex<Option<(Instant, bool)>>);

impl Probe {
    /// Whether it answers now, or did a moment ago.
    pub async fn is_ready(&self, service: &Service) -> bool {
        if let Some((at, ready)) = *self.0.lock()
            && at.elapsed() < PROBE
        {
            return ready;
        }
        let client = service.trusted().with_timeout(Some(PROBE));
        // A row of some table: a database that was never migrated serves nobody.
        let ready = match client.blocking().schema().entities().next() {
            None => true,
            Some((_, entity)) => {
                let key = Value::List(vec![entity.field(entity.key).name.as_str().into()]);
                let request = dbal::Request::new(Operation::First, entity.name.clone()).arg("select", key);
                client.execute(&request).await.is_ok()
            }
        };
        *self.0.lock() = Some((Instant::now(), ready));
        ready
    }
}
