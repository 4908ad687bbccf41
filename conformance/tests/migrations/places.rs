//! Empty databases of one test each.

use std::sync::Arc;

use dbal::adapter::mongodb::{MongoAdapter, MongoOptions};
use dbal::adapter::postgres::PostgresAdapter;
use dbal::adapter::{Adapter, Intent};
use dbal::{Client, Config, Schema};
use dbal_conformance::servers::{MONGODB_URL, POSTGRES_URL};

/// A database that goes with this.
pub struct Place {
    pub url: String,
    _folder: Option<tempfile::TempDir>,
    drop: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(drop) = &self.drop {
            drop();
        }
    }
}

pub fn sqlite() -> Option<Place> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("walk.db").display());
    Some(Place { url, _folder: Some(folder), drop: None })
}

pub fn postgres(name: &str) -> Option<Place> {
    let url = server(POSTGRES_URL)?;
    let name = format!("dbal_m_{name}_{}", std::process::id());
    let url = format!("{url}?schema={name}&pool_size=4");
    let at = url.clone();
    let drop = move || {
        if let Ok(adapter) = PostgresAdapter::open(schema(), &at) {
            let dropped = adapter
                .connect(Intent::Write, None)
                .and_then(|mut connection| connection.execute_ddl(&format!("DROP SCHEMA IF EXISTS {name} CASCADE")));
            let _ = dropped;
        }
    };
    Some(Place { url, _folder: None, drop: Some(Box::new(drop)) })
}

pub fn mongodb(name: &str) -> Option<Place> {
    let url = server(MONGODB_URL)?;
    let (place, options) = url.split_once('?').map_or((url.as_str(), ""), |(place, options)| (place, options));
    let (scheme, hosts) = place.split_once("://").unwrap_or(("mongodb", place));
    let hosts = hosts.split('/').next().unwrap_or(hosts);
    let options = if options.is_empty() { String::new() } else { format!("?{options}") };
    let url = format!("{scheme}://{hosts}/dbal_m_{name}_{}{options}", std::process::id());
    let at = url.clone();
    let drop = move || {
        if let Ok(adapter) = MongoAdapter::open(schema(), &MongoOptions::url(&at)) {
            let _ = adapter.drop_database();
        }
    };
    Some(Place { url, _folder: None, drop: Some(Box::new(drop)) })
}

fn server(variable: &str) -> Option<String> {
    let url = std::env::var(variable).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        eprintln!("LEFT OUT: {variable} is not set; see cargo xtask servers");
    }
    url
}

fn schema() -> Arc<Schema> {
    let text = "entity: Nothing\nfields:\n  id: { type: integer, primary: true }\n";
    Client::open(Config::memory().schema_text(text)).unwrap().schema().clone()
}
