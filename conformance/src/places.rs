//! A PostgreSQL schema for each case, used again by the next one: to empty and fill a few tables takes a few
//! milliseconds, to make them many.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dbal::Schema;
use dbal::adapter::postgres::PostgresAdapter;
use dbal::adapter::{Adapter, Intent};

use crate::host::Failure;
use crate::servers::POSTGRES_URL;

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// The database that the environment names.
pub(crate) fn url() -> Result<String, Failure> {
    let url = std::env::var(POSTGRES_URL).ok().filter(|url| !url.is_empty());
    url.ok_or_else(|| Failure {
        code: "DATABASE_ERROR".into(),
        message: format!("{POSTGRES_URL} is not set; see cargo xtask servers"),
        ..Failure::default()
    })
}

/// The schemas that hold the rows of one fixture.
pub(crate) struct Places {
    shared: Arc<Shared>,
}

struct Shared {
    schema: Arc<Schema>,
    /// Keeps the rows that each case begins with.
    template: Schematic,
    free: Mutex<Vec<Schematic>>,
}

/// A PostgreSQL schema, dropped with its tables when nobody needs it any more.
struct Schematic {
    name: String,
    adapter: Arc<PostgresAdapter>,
}

/// A schema in the hands of one case.
pub(crate) struct Place {
    shared: Arc<Shared>,
    /// None only while it is being given back.
    schematic: Option<Schematic>,
}

impl Places {
    /// Makes the schema that the others are copied from, and lets `fill` migrate and fill it.
    pub(crate) fn prepare(
        schema: &Arc<Schema>,
        fill: impl FnOnce(Arc<dyn Adapter>) -> Result<(), Failure>,
    ) -> Result<Places, Failure> {
        let template = Schematic::make(schema)?;
        fill(template.adapter.clone())?;
        let shared = Shared { schema: schema.clone(), template, free: Mutex::default() };
        Ok(Places { shared: Arc::new(shared) })
    }

    /// A schema that holds the rows of the fixture and nothing else.
    pub(crate) fn take(&self) -> Result<Place, Failure> {
        let shared = &self.shared;
        let free = shared.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let schematic = match free {
            Some(schematic) => schematic,
            None => {
                let made = Schematic::make(&shared.schema)?;
                let client =
                    dbal::Client::open(dbal::Config::adapter(made.adapter.clone()).schema(shared.schema.clone()))?;
                client.migrate()?;
                made
            }
        };
        schematic.execute(&shared.refill())?;
        Ok(Place { shared: shared.clone(), schematic: Some(schematic) })
    }
}

impl Shared {
    /// Empties every table and copies the template's rows, with foreign keys asleep, and puts the sequences back.
    fn refill(&self) -> String {
        let mut text = "SET session_replication_role = replica;".to_owned();
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        for (_, entity) in self.schema.entities() {
            let (table, template) = (quoted(&entity.table), quoted(&self.template.name));
            text += &format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM {template}.{table};");
            let key = entity.field(entity.key);
            if key.generated == Some(dbal::schema::Generator::Sequence) {
                let sequence = |prefix: &str| format!("pg_get_serial_sequence('{prefix}{table}', '{}')", key.column);
                text += &format!(
                    "SELECT setval({}, s.last, s.called) FROM (SELECT (pg_sequence_last_value({1})) IS NOT NULL AS called, \
                     coalesce(pg_sequence_last_value({1}), 1) AS last) s;",
                    sequence(""),
                    sequence(&format!("{template}."))
                );
            }
        }
        text + "SET session_replication_role = DEFAULT;"
    }
}

impl Schematic {
    fn make(schema: &Arc<Schema>) -> Result<Schematic, Failure> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("dbal_case_{}_{number}", std::process::id());
        let url = url()?;
        let separator = if url.contains('?') { '&' } else { '?' };
        let adapter = PostgresAdapter::open(schema.clone(), &format!("{url}{separator}schema={name}&pool_size=4"))?;
        let schematic = Schematic { name, adapter: Arc::new(adapter) };
        schematic.execute(&format!("CREATE SCHEMA {}", schematic.name))?;
        Ok(schematic)
    }

    fn execute(&self, text: &str) -> Result<(), Failure> {
        Ok(self.adapter.connect(Intent::Write, None)?.execute_ddl(text)?)
    }
}

impl Drop for Schematic {
    fn drop(&mut self) {
        // The tests' own server goes away with everything in it; one that was named has to be cleaned.
        let _ = self.execute(&format!("DROP SCHEMA {} CASCADE", self.name));
    }
}

impl Place {
    pub(crate) fn adapter(&self) -> Arc<dyn Adapter> {
        let schematic = self.schematic.as_ref().expect("a place is given back when it is dropped");
        schematic.adapter.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut free = self.shared.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.extend(self.schematic.take());
    }
}
