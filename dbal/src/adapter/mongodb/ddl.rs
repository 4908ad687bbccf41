//! What exists in the database, and the commands of a migration.

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, doc};

use super::command::Session;
use super::error::{Asked, failed};
use crate::error::{Error, Result};
use crate::sql::ddl::{Snapshot, TableInfo};
use crate::value::{Value, json};

/// More than any schema has.
const ALL: i32 = 100_000;

impl Session {
    /// Collections, the fields that their validators know, and their indexes.
    pub(super) async fn inspect(&mut self) -> Result<Snapshot> {
        let mut tables = Vec::new();
        for collection in self.listed(doc! { "listCollections": 1, "cursor": { "batchSize": ALL } }).await? {
            if collection.get_str("type").is_ok_and(|kind| kind != "collection") {
                continue;
            }
            let Ok(name) = collection.get_str("name") else { continue };
            let properties = ["options", "validator", "$jsonSchema", "properties"];
            let properties = properties.iter().try_fold(&collection, |inside, name| inside.get_document(name).ok());
            let columns = properties.map(|known| known.keys().cloned().collect()).unwrap_or_default();
            let indexes = self.listed(doc! { "listIndexes": name, "cursor": { "batchSize": ALL } }).await?;
            let indexes = indexes.iter().filter_map(|index| index.get_str("name").ok()).map(str::to_owned).collect();
            tables.push(TableInfo { name: name.to_owned(), columns, indexes, ..TableInfo::default() });
        }
        Ok(Snapshot { tables, ..Snapshot::default() })
    }

    async fn listed(&mut self, command: Document) -> Result<Vec<Document>> {
        let reply = self.shared.database.run_command(command).await;
        let reply = reply.map_err(|error| failed(&error, Asked::Nothing))?;
        let batch = reply.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
        let batch = batch.map_err(|error| Error::database("the database gave no list", error.to_string()))?;
        Ok(batch.iter().filter_map(Bson::as_document).cloned().collect())
    }

    /// Runs one command of a migration. The database takes them outside of transactions only.
    pub(super) async fn execute_ddl(&mut self, text: &str) -> Result<()> {
        let Bson::Document(command) = extended(&json::parse(text.as_bytes())?) else {
            return Err(Error::internal("a command of a migration is a document"));
        };
        let reply = self.shared.database.run_command(command).await;
        let reply = reply.map_err(|error| failed(&error, Asked::Write))?;
        match reply.get_array("writeErrors") {
            Ok(faults) if !faults.is_empty() => {
                Err(Error::database("the database refused a part of the migration", format!("{faults:?}")))
            }
            _ => Ok(()),
        }
    }
}

/// Extended JSON, as far as migrations use it.
fn extended(value: &Value) -> Bson {
    match value {
        Value::Null => Bson::Null,
        Value::Bool(truth) => Bson::Boolean(*truth),
        Value::Int(number) => i32::try_from(*number).map_or(Bson::Int64(*number), Bson::Int32),
        Value::Float(number) => Bson::Double(*number),
        Value::Text(text) => Bson::String(text.clone()),
        Value::List(items) => Bson::Array(items.iter().map(extended).collect()),
        Value::Map(map) => match map.iter().next() {
            Some(("$numberDouble", _)) => Bson::Double(f64::NEG_INFINITY),
            Some(("$date", _)) => Bson::DateTime(DateTime::MIN),
            Some(("$binary", _)) => Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: Vec::new() }),
            Some(("$minKey", _)) => Bson::MinKey,
            _ => Bson::Document(map.iter().map(|(name, value)| (name.to_owned(), extended(value))).collect()),
        },
        _ => Bson::Null,
    }
}
