//! A daemon on each backend, with what a caller may do there.

use std::sync::Arc;

use dbal::adapter::postgres::PostgresAdapter;
use dbal::adapter::{Adapter, Intent};
use dbal::{Client, Config, Principal, query};
use dbal_conformance::mongodb::Made;
use dbal_conformance::servers::{MONGODB_URL, POSTGRES_URL};
use tempfile::TempDir;

use crate::support::{Believing, Served, token_of};

const SCHEMA: &str = "
entity: Account
fields:
  id: { type: uuid, primary: true, generated: true }
  owner: { type: string, required: true }
  name: { type: string, unique: true, max_length: 40 }
  hits: { type: integer, default: 0 }
  price: { type: decimal, precision: 10, scale: 2 }
  big: { type: bigint }
  doc: { type: json }
  ticket: { type: string, generated: token, stored_as: sha256, sensitive: true }
  made: { type: datetime, generated: true, immutable: true }
operations:
  bump:
    input: { required: [id] }
    output: Account
    acl_required: ['account:update']
    steps:
      - { operation: update, id: { $input: id }, data: { hits: { $increment: 1 } }, save: bumped }
      - return: { $ref: bumped }
";

const RULES: &str = "
rules:
  - { entity: Account, role: [user], operations: [create, read, update, delete], row_level_filter: 'owner = $user.id' }
";

/// A daemon and the database beneath it.
pub struct Place {
    pub name: &'static str,
    pub served: Served,
    pub trusted: Client,
    _database: Box<dyn std::any::Any + Send + Sync>,
}

/// One on each backend whose server is there. `word` tells the tests of a program apart.
pub fn places(word: &str) -> Vec<Place> {
    let keeping = format!("idempotency: true\n---{SCHEMA}");
    let schema = || Client::open(Config::memory().schema_text(&keeping)).expect("the schema is sound").schema().clone();
    let named = |variable: &str| {
        let url = std::env::var(variable).ok().filter(|url| !url.is_empty());
        if url.is_none() {
            eprintln!("LEFT OUT: {variable} is not set; see cargo xtask servers");
        }
        url
    };
    let mut all = vec![sqlite(&keeping)];
    if let Some(url) = named(POSTGRES_URL) {
        let name = format!("dbal_keys_{word}_{}", std::process::id());
        let url = format!("{url}?schema={name}&pool_size=10");
        let adapter = Arc::new(PostgresAdapter::open(schema(), &url).expect("the server answers"));
        let config = Config::adapter(adapter.clone()).schema(schema());
        all.push(place("postgres", config, Box::new(Dropped(name, adapter))));
    }
    if named(MONGODB_URL).is_some() {
        let made = Made::new(schema()).expect("a database");
        let config = Config::adapter(made.adapter()).schema(schema());
        all.push(place("mongodb", config, Box::new(made)));
    }
    all
}

/// One that keeps no keys.
pub fn forgetful() -> Place {
    sqlite(SCHEMA)
}

fn sqlite(schema: &str) -> Place {
    let folder: TempDir = tempfile::tempdir().expect("a folder");
    let config = Config::sqlite(folder.path().join("app.db")).schema_text(schema);
    place("sqlite", config, Box::new(folder))
}

fn place(name: &'static str, config: Config, database: Box<dyn std::any::Any + Send + Sync>) -> Place {
    let trusted = Client::open(config.rules_text(RULES)).expect("a database");
    trusted.migrate().expect("tables");
    let served = Served::new(trusted.clone(), "mode: production", Some(Arc::new(Believing)));
    Place { name, served, trusted, _database: database }
}

/// A schema of PostgreSQL that goes with the test.
struct Dropped(String, Arc<PostgresAdapter>);

impl Drop for Dropped {
    fn drop(&mut self) {
        if let Ok(mut connection) = self.1.connect(Intent::Write, None) {
            let _ = connection.execute_ddl(&format!("DROP SCHEMA \"{}\" CASCADE", self.0));
        }
    }
}

impl Place {
    /// How many accounts there are.
    pub fn count(&self) -> i64 {
        self.trusted.entity("Account").unwrap().count(query()).unwrap()
    }

    /// The hits of all accounts together.
    pub fn hits(&self) -> i64 {
        let rows = self.trusted.entity("Account").unwrap().find_many(query()).unwrap();
        rows.iter().filter_map(|row| row.get("hits")?.as_i64()).sum()
    }

    /// How many keys are kept.
    pub fn keys(&self) -> i64 {
        self.trusted.entity("DbalIdempotencyKey").unwrap().count(query()).unwrap()
    }
}

pub fn token(id: &str) -> String {
    token_of(&Principal::new(id, "user"))
}
