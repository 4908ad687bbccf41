//! A small world with hidden rows and hidden fields, on SQLite.

use dbal::value::json;
use dbal::{Client, Config, Map, Principal, Value, value};
use tempfile::TempDir;

use crate::support::socket::Socket;
use crate::support::{Answer, Believing, Http, Served, token_of};
use std::sync::Arc;

pub const SCHEMA: &str = r#"
entity: Account
fields:
  id: { type: integer, primary: true }
  name: { type: string, required: true, unique: true, max_length: 200 }
  owner: { type: string, required: true }
  level: { type: integer, default: 1 }
  big: { type: bigint }
  price: { type: decimal, precision: 20, scale: 2 }
  doc: { type: json }
  secret: { type: string, acl: { read: [admin], write: [admin] } }
  pin: { type: string, sensitive: true, stored_as: sha256 }
  version: { type: integer, version: true }
  created_at: { type: datetime, generated: true, immutable: true }
---
entity: Note
fields:
  id: { type: integer, primary: true }
  account_id: { type: integer, required: true, foreign_key: { entity: Account, on_delete: cascade } }
  text: { type: text }
---
entity: Hidden
fields:
  id: { type: integer, primary: true }
  word: { type: string }
"#;

pub const RULES: &str = r#"
rules:
  - { id: own-accounts, entity: Account, role: [user], operations: [create, read, update, delete], row_level_filter: "owner = $user.id" }
  - { id: own-notes, entity: Note, role: [user], operations: [create, read, update, delete], row_level_filter: "account.owner = $user.id" }
  - { id: admins, entity: Account, role: [admin], operations: [create, read, update, delete] }
  - { id: admins-notes, entity: Note, role: [admin], operations: [create, read, update, delete] }
"#;

/// The daemon with its database.
pub struct World {
    pub served: Served,
    pub client: Client,
    pub folder: TempDir,
}

/// A world with accounts of ada (1, 2) and bob (3, 4), a note of each.
pub fn world() -> World {
    world_with("mode: production")
}

pub fn world_with(yaml: &str) -> World {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config::sqlite(folder.path().join("app.db")).schema_text(SCHEMA).rules_text(RULES);
    let client = Client::open(config).expect("a database");
    client.migrate().expect("tables");
    let accounts = client.entity("Account").expect("an entity");
    for (id, name, owner) in [(1, "ada-1", "ada"), (2, "ada-2", "ada"), (3, "bob-1", "bob"), (4, "bob-2", "bob")] {
        let row = value!({ "id": id, "name": name, "owner": owner, "level": id, "secret": "s3cret-canary", "pin": "pin-canary" });
        accounts.create(row).expect("a row");
        let note = value!({ "id": id, "account_id": id, "text": (format!("note of {name}")) });
        client.entity("Note").expect("an entity").create(note).expect("a row");
    }
    client.entity("Hidden").expect("an entity").create(value!({ "id": 1, "word": "hidden-canary" })).expect("a row");
    let served = Served::new(client.clone(), yaml, Some(Arc::new(Believing)));
    World { served, client, folder }
}

pub fn token(id: &str, role: &str) -> String {
    token_of(&Principal::new(id, role))
}

impl World {
    pub fn ada(&self) -> Http {
        Http::with_token(self.served.address, token("ada", "user"))
    }

    pub fn bob(&self) -> Http {
        Http::with_token(self.served.address, token("bob", "user"))
    }

    pub fn admin(&self) -> Http {
        Http::with_token(self.served.address, token("root", "admin"))
    }

    pub fn anonymous(&self) -> Http {
        Http::new(self.served.address)
    }

    pub fn socket(&self) -> Socket {
        Socket::open(self.served.address, Some(&token("ada", "user")))
    }

    /// All accounts as trusted code sees them.
    pub fn accounts(&self) -> Vec<dbal::Record> {
        self.client.entity("Account").expect("an entity").find_many(dbal::query()).expect("rows")
    }
}

/// The ids of the rows in an answer.
pub fn ids(answer: &Value) -> Vec<i64> {
    let rows = match answer {
        Value::List(rows) => rows.as_slice(),
        Value::Map(page) => page.get("data").and_then(Value::as_list).unwrap_or_default(),
        _ => &[],
    };
    rows.iter().filter_map(|row| row.as_map()?.get("id")?.as_i64()).collect()
}

/// Status and code of an answer, without what names the request.
pub fn told(answer: &Answer) -> (u16, String) {
    let mut body = answer.json();
    if let Value::Map(map) = &mut body
        && let Some((_, Value::Map(error))) = map.0.iter_mut().find(|(name, _)| name == "error")
    {
        error.0.retain(|(name, _)| name != "request_id");
    }
    (answer.status, json::to_text(&body))
}

/// An object of these members.
pub fn object<const N: usize>(members: [(&'static str, Value); N]) -> Map {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
