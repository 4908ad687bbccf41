//! MongoDB, by its official driver.
//!
//! A row is a document under its key; an entity is a collection. Reads are aggregations; whatever writes more than one
//! document, or looks before it writes, is a transaction, in which the references between rows are kept by this adapter.
//! Single statements outside a transaction that can only touch one document are one command.

#[cfg(feature = "async")]
mod awaited;
mod command;
mod connection;
mod ddl;
mod error;
mod group;
mod read;
mod references;
mod runtime;
mod sequence;
mod spell;
mod text;
mod value;
#[cfg(feature = "async")]
mod worker;
mod write;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use mongodb::bson::doc;
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use parking_lot::Mutex;

use self::connection::MongoConnection;
use super::{Adapter, Connection, Intent, Lowering};
use crate::capability::{Capabilities, Support};
use crate::error::{Error, Outcome, Result};
use crate::schema::{EntityId, FieldId, ForeignKey, Schema};

/// Where a database is and how it is opened.
///
/// ```
/// use dbal::adapter::mongodb::MongoOptions;
/// let options = MongoOptions::url("mongodb://db.example.org/shop?replicaSet=rs0");
/// assert_eq!(options.pool_size, 20);
/// ```
#[derive(Clone, Debug)]
pub struct MongoOptions {
    /// A connection string that names a database.
    pub url: String,
    /// The most connections at the same time.
    pub pool_size: u32,
    /// Whether a deployment without transactions is refused when it is opened.
    pub require_transactions: bool,
}

impl MongoOptions {
    /// The database that a connection string names.
    pub fn url(url: impl Into<String>) -> Self {
        MongoOptions { url: url.into(), pool_size: 20, require_transactions: false }
    }
}

/// A MongoDB database opened for a schema.
pub struct MongoAdapter {
    shared: Arc<Shared>,
    capabilities: Capabilities,
    #[cfg(feature = "async")]
    workers: worker::Workers,
    #[cfg(feature = "async")]
    driver: awaited::Driver,
}

/// What the adapter and its connections have in common.
struct Shared {
    schema: Arc<Schema>,
    /// For each entity, what refers to it.
    referrers: Vec<Vec<Referrer>>,
    database: Database,
    /// Keeps the client that others in this process share.
    client: Arc<Client>,
    /// Whether there are transactions.
    transactions: bool,
}

/// A field that points at an entity.
#[derive(Clone, Copy, Debug)]
struct Referrer {
    entity: EntityId,
    field: FieldId,
    key: ForeignKey,
}

/// How long a server may take to be found when no deadline says less.
const FOUND_WITHIN: Duration = Duration::from_secs(10);

impl MongoAdapter {
    /// What MongoDB can do on a replica set or a sharded cluster.
    pub const CAPABILITIES: Capabilities = Capabilities {
        transactions: Support::Native,
        nested_transactions: Support::Unsupported,
        statement_savepoints: Support::Unsupported,
        joins: Support::Native,
        ttl: Support::Emulated,
        full_text_search: Support::Native,
        json_queries: Support::Native,
        aggregations: Support::Native,
        relations: Support::Native,
        foreign_keys: Support::Emulated,
        unique_indexes: Support::Native,
        migrations: Support::Native,
        schema_introspection: Support::Native,
        connection_pooling: Support::Native,
        upsert: Support::Emulated,
        returning: Support::Emulated,
        case_insensitive_match: Support::Emulated,
        ordered_bytes: Support::Unsupported,
        query_timeout: Support::Native,
        max_parameters: u16::MAX as u32,
        max_identifier_length: 120,
        max_row_bytes: 16 * 1024 * 1024,
        ..Capabilities::NONE
    };

    /// What is left of it on a server alone: whatever needs a transaction is refused.
    pub const STANDALONE: Capabilities = Capabilities {
        transactions: Support::Unsupported,
        foreign_keys: Support::Unsupported,
        upsert: Support::Unsupported,
        ..Self::CAPABILITIES
    };

    /// Connects, and asks the deployment what it is.
    ///
    /// # Errors
    /// VALIDATION_ERROR for a connection string that names no database or is none; DATABASE_ERROR when no server
    /// answers; CAPABILITY_NOT_SUPPORTED for a server alone where transactions are required.
    pub fn open(schema: Arc<Schema>, options: &MongoOptions) -> Result<MongoAdapter> {
        for (_, entity) in schema.entities() {
            if let Some(field) = entity.fields.iter().find(|field| !field.primary && field.column == "_id") {
                let message = "MongoDB stores the key under `_id`; another field cannot have this column";
                return Err(Error::validation(format!("{}.{}", entity.name, field.name), message));
            }
        }
        let handle = runtime::handle()?;
        let (client, database) = runtime::block_on(handle, connect(options))?;
        let hello = runtime::block_on(handle, async {
            let asked = database.run_command(doc! { "hello": 1 });
            tokio::time::timeout(FOUND_WITHIN, asked).await
        });
        let hello = match hello {
            Ok(hello) => hello.map_err(|error| error::failed(&error, error::Asked::Nothing))?,
            Err(_) => return Err(Error::timeout(Outcome::NotApplied)),
        };
        let transactions = hello.contains_key("setName") || hello.get_str("msg").is_ok_and(|kind| kind == "isdbgrid");
        if options.require_transactions && !transactions {
            return Err(error::no_transactions());
        }
        let referrers = referrers(&schema);
        let shared = Arc::new(Shared { schema, referrers, database, client, transactions });
        Ok(MongoAdapter {
            #[cfg(feature = "async")]
            workers: worker::Workers::new(shared.clone(), handle, options.pool_size as usize),
            #[cfg(feature = "async")]
            driver: awaited::Driver::new(shared.clone(), handle, &runtime::INBOX, options.pool_size as usize),
            shared,
            capabilities: if transactions { Self::CAPABILITIES } else { Self::STANDALONE },
        })
    }

    /// Removes the database with all that is in it.
    ///
    /// # Errors
    /// DATABASE_ERROR.
    pub fn drop_database(&self) -> Result<()> {
        let dropped = runtime::block_on(runtime::handle()?, async { self.shared.database.drop().await });
        dropped.map_err(|error| error::failed(&error, error::Asked::Write))
    }
}

/// For each entity, the fields that point at it.
fn referrers(schema: &Schema) -> Vec<Vec<Referrer>> {
    let mut all: Vec<Vec<Referrer>> = schema.entities().map(|_| Vec::new()).collect();
    for (id, entity) in schema.entities() {
        for (field, declared) in entity.field_ids() {
            if let Some(key) = declared.foreign_key {
                all[usize::from(key.entity.0)].push(Referrer { entity: id, field, key });
            }
        }
    }
    all
}

/// A client of the driver for a connection string without its database; those that ask for the same share it.
async fn connect(options: &MongoOptions) -> Result<(Arc<Client>, Database)> {
    static CLIENTS: OnceLock<Mutex<HashMap<String, Weak<Client>>>> = OnceLock::new();
    let invalid = |error: mongodb::error::Error| {
        Error::validation("database.url", format!("not a connection string of MongoDB: {error}"))
    };
    let mut parsed = ClientOptions::parse(&options.url).await.map_err(invalid)?;
    let Some(name) = parsed.default_database.take() else {
        return Err(Error::validation("database.url", "names no database; expected mongodb://host/database"));
    };
    parsed.app_name.get_or_insert_with(|| "dbal".to_owned());
    parsed.max_pool_size.get_or_insert(options.pool_size);
    parsed.server_selection_timeout.get_or_insert(FOUND_WITHIN);
    // What is tried again is the engine's business.
    parsed.retry_writes = Some(false);
    parsed.retry_reads = Some(false);
    let place = options.url.replacen(&format!("/{name}"), "/", 1);
    let key = format!("{} {place}", options.pool_size);
    let clients = CLIENTS.get_or_init(Mutex::default);
    let known = clients.lock().get(&key).and_then(Weak::upgrade);
    let client = match known {
        Some(client) => client,
        None => {
            let client = Arc::new(Client::with_options(parsed).map_err(invalid)?);
            let mut clients = clients.lock();
            clients.retain(|_, client| client.strong_count() > 0);
            clients.insert(key, Arc::downgrade(&client));
            client
        }
    };
    let database = client.database(&name);
    Ok((client, database))
}

impl Adapter for MongoAdapter {
    fn name(&self) -> &'static str {
        "mongodb"
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn lowering(&self) -> Lowering {
        Lowering::Document
    }

    fn connect(&self, intent: Intent, _deadline: Option<Instant>) -> Result<Box<dyn Connection + '_>> {
        Ok(Box::new(MongoConnection::new(self.shared.clone(), runtime::handle()?, intent)))
    }

    fn contends(&self) -> bool {
        true
    }

    #[cfg(feature = "async")]
    fn offload(&self) -> Option<&dyn super::Offload> {
        Some(&self.workers)
    }

    #[cfg(feature = "async")]
    fn driver(&self) -> Option<&dyn super::Drive> {
        Some(&self.driver)
    }
}
