//! A MongoDB database for one case: made empty, and gone with the case.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use dbal::adapter::mongodb::{MongoAdapter, MongoOptions};
use dbal::{Error, Schema};

use crate::servers::MONGODB_URL;

/// A database that is dropped with this.
pub struct Made(Arc<MongoAdapter>);

impl Made {
    /// A database of a name that no other has.
    ///
    /// # Errors
    /// When there is no server, or it does not answer.
    pub fn new(schema: Arc<Schema>) -> Result<Made, Error> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let url = std::env::var(MONGODB_URL).ok().filter(|url| !url.is_empty());
        let url = url.ok_or_else(|| Error::validation(MONGODB_URL, "not set"))?;
        let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("dbal_{}_{number}_{:x}", std::process::id(), started & 0xff_ffff);
        MongoAdapter::open(schema, &MongoOptions::url(named(&url, &name))).map(|adapter| Made(Arc::new(adapter)))
    }

    /// The adapter on it.
    pub fn adapter(&self) -> Arc<MongoAdapter> {
        self.0.clone()
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // What cannot be dropped is left to whoever runs the server.
        let _ = self.0.drop_database();
    }
}

/// The URL with another database in it.
fn named(url: &str, name: &str) -> String {
    let (place, options) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, hosts) = place.split_once("://").unwrap_or(("mongodb", place));
    let hosts = hosts.split('/').next().unwrap_or(hosts);
    let options = if options.is_empty() { String::new() } else { format!("?{options}") };
    format!("{scheme}://{hosts}/{name}{options}")
}
