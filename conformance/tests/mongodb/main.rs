//! What only shows on MongoDB: requests that meet, statements that are stopped, and a server that goes away.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod batches;
mod meeting;
mod outage;
mod plans;
mod stopping;
mod wire;

use std::sync::Arc;

use dbal::{Client, Config};
use dbal_conformance::mongodb::Made;
use dbal_conformance::servers::MONGODB_URL;

const SCHEMA: &str = "
entity: Author
fields:
  id: { type: integer, primary: true }
  name: { type: string, required: true, unique: true }
  posts: { type: integer, default: 0 }
  data: { type: json }
---
entity: Post
fields:
  id: { type: uuid, primary: true, generated: true }
  author_id: { type: integer, required: true, foreign_key: { entity: Author, field: id } }
";

/// A client on an empty database that goes with it; none without a server.
fn open() -> Option<(Client, Made)> {
    if std::env::var_os(MONGODB_URL).is_none_or(|url| url.is_empty()) {
        eprintln!("LEFT OUT: {MONGODB_URL} is not set; see cargo xtask servers");
        return None;
    }
    let schema = Client::open(Config::memory().schema_text(SCHEMA)).unwrap().schema().clone();
    let made = Made::new(Arc::clone(&schema)).unwrap();
    let client = Client::open(Config::adapter(made.adapter()).schema(schema)).unwrap();
    client.migrate().unwrap();
    Some((client, made))
}
