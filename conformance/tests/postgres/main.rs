//! What only a server can show: callers that meet, statements that are stopped, and a server that dies.

mod crash;
mod meeting;
mod panics;
mod replicas;
mod stopping;
mod trips;
mod waiting;

use std::sync::Arc;

use dbal::adapter::postgres::PostgresAdapter;
use dbal::adapter::{Adapter, Intent};
use dbal::{Client, Config, Schema};
use dbal_conformance::servers::POSTGRES_URL;

const SCHEMA: &str = "
entity: Account
fields:
  id: { type: integer, primary: true }
  owner: { type: string, unique: true }
  balance: { type: integer, default: 0 }
";

/// A PostgreSQL schema of one test, dropped with it; none where no server is named.
struct Place {
    url: String,
    name: String,
    adapter: Arc<PostgresAdapter>,
    schema: Arc<Schema>,
}

impl Place {
    fn new(name: &str) -> Option<Place> {
        let url = std::env::var(POSTGRES_URL).ok().filter(|url| !url.is_empty());
        let Some(url) = url else {
            eprintln!("LEFT OUT: {POSTGRES_URL} is not set; see cargo xtask servers");
            return None;
        };
        Some(Place::at(&url, name))
    }

    fn at(url: &str, name: &str) -> Place {
        Place::of(url, name, SCHEMA, 8)
    }

    fn of(url: &str, name: &str, schema: &str, pool_size: usize) -> Place {
        let loaded = Client::open(Config::memory().schema_text(schema)).expect("the schema is sound");
        let schema = loaded.schema().clone();
        let name = format!("dbal_{name}_{}", std::process::id());
        let url = format!("{url}?schema={name}&pool_size={pool_size}");
        let adapter = Arc::new(PostgresAdapter::open(schema.clone(), &url).expect("the server answers"));
        let place = Place { url, name, adapter, schema };
        place.client().migrate().expect("the tables are made, and the schema that they are in");
        place
    }

    /// Another client on the same tables, with these parameters in its URL.
    fn beside(&self, parameters: &str) -> Client {
        let url = format!("{}&{parameters}", self.url.replace("&pool_size=8", ""));
        Client::open(Config::postgres(url).schema(self.schema.clone())).expect("opens")
    }

    fn client(&self) -> Client {
        Client::open(Config::adapter(self.adapter.clone()).schema(self.schema.clone())).expect("opens")
    }

    /// Runs SQL of the test's own.
    fn execute(&self, text: &str) -> dbal::Result<()> {
        self.adapter.connect(Intent::Write, None)?.execute_ddl(text)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.execute(&format!("DROP SCHEMA IF EXISTS {} CASCADE", self.name));
    }
}
