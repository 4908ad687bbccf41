//! What exists in the database, and the commands of a migration.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, RawBsonRef, RawDocument, doc};

use super::command::Session;
use super::error::{Asked, failed, whole};
use super::value::{document, one};
use super::write::words_of;
use crate::adapter::{Look, Sampled};
use crate::error::{Error, Result};
use crate::plan::operation::document::{KEY, SEQUENCES, WORDS};
use crate::sql::ddl::{ColumnInfo, IndexInfo, Snapshot, TableInfo};
use crate::value::{Map, Uuid, Value, json};

/// More than any schema has.
const ALL: i32 = 100_000;

/// Documents that are read and written at a time.
const BATCH: i32 = 1_000;

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
            let indexes = self.listed(doc! { "listIndexes": name, "cursor": { "batchSize": ALL } }).await?;
            let over = indexes.iter().filter_map(plain_index).collect();
            let indexes = indexes.iter().filter_map(|index| index.get_str("name").ok()).map(str::to_owned).collect();
            let mut info = TableInfo { name: name.to_owned(), indexes, over, ..TableInfo::default() };
            for (column, rule) in properties.into_iter().flatten() {
                info.columns.push(column.clone());
                info.details.push(detail(rule));
            }
            tables.push(info);
        }
        Ok(Snapshot { tables, ..Snapshot::default() })
    }

    async fn listed(&mut self, command: Document) -> Result<Vec<Document>> {
        let reply = self.told(command).await?;
        let batch = reply.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
        let batch = batch.map_err(|error| Error::database("the database gave no list", error.to_string()))?;
        Ok(batch.iter().filter_map(Bson::as_document).cloned().collect())
    }

    async fn told(&mut self, command: Document) -> Result<Document> {
        let reply = self.shared.database.run_command(command).await;
        reply.map_err(|error| failed(&error, Asked::Nothing))
    }

    /// The documents that a command finds, or the one that it changed.
    pub(super) async fn ask(&mut self, text: &str) -> Result<Vec<Map>> {
        let reply = self.told(command(text)?).await?;
        let found: Vec<Document> = match (reply.get_document("cursor"), reply.get_document("value")) {
            (Ok(cursor), _) => {
                let batch = cursor.get_array("firstBatch").cloned().unwrap_or_default();
                batch.iter().filter_map(Bson::as_document).cloned().collect()
            }
            (Err(_), Ok(value)) => vec![value.clone()],
            // What was looked for is not there.
            (Err(_), Err(_)) if reply.contains_key("value") => Vec::new(),
            (Err(_), Err(_)) => vec![reply],
        };
        Ok(found.iter().map(|row| row.iter().map(|(name, value)| (name.clone(), cell(value))).collect()).collect())
    }

    /// Looks at documents of a collection, at random where there are more than asked for.
    pub(super) async fn sample(&mut self, collection: &str, most: Option<u64>, look: &mut Look<'_>) -> Result<Sampled> {
        let all = self.counted(collection, Vec::new()).await?;
        let most = most.and_then(|most| i64::try_from(most).ok()).filter(|most| *most < all);
        let pipeline: Vec<Bson> =
            most.map(|size| Bson::from(doc! { "$sample": { "size": size } })).into_iter().collect();
        let mut rows = 0;
        self.each(collection, pipeline, |row: &RawDocument| {
            rows += 1;
            for pair in row {
                let (name, value) =
                    pair.map_err(|error| Error::database("a document cannot be read", error.to_string()))?;
                let name: &str = name.as_ref();
                match value {
                    RawBsonRef::String(text) => look(name, "string", &Value::from(text)),
                    RawBsonRef::Int32(number) => look(name, "int", &Value::Int(number.into())),
                    RawBsonRef::Int64(number) => look(name, "long", &Value::Int(number)),
                    RawBsonRef::Double(number) => look(name, "double", &Value::Float(number)),
                    RawBsonRef::ObjectId(id) => look(name, "objectId", &Value::from(id.to_hex())),
                    other => look(name, alias(other), &Value::Null),
                }
            }
            Ok(())
        })
        .await?;
        Ok(Sampled { rows, whole: most.is_none() })
    }

    /// Runs one command of a migration. The database takes them outside of transactions only, so each may be run again.
    pub(super) async fn execute_ddl(&mut self, text: &str) -> Result<()> {
        let mut command = command(text)?;
        let name = command.keys().next().cloned().unwrap_or_default();
        let database = match name.as_str() {
            "_dbal_fill" => return self.fill(&command).await,
            "_dbal_sequence" => return self.rename_sequence(&command).await,
            "renameCollection" => {
                // It is for whole servers, and so are the names in it.
                let place = self.shared.database.name().to_owned();
                for key in ["renameCollection", "to"] {
                    let collection = command.get_str(key).unwrap_or_default().to_owned();
                    command.insert(key, format!("{place}.{collection}"));
                }
                self.shared.client.database("admin")
            }
            _ => self.shared.database.clone(),
        };
        let reply = match database.run_command(command).await {
            Ok(reply) => reply,
            Err(error) if done_before(&name, &error) => return Ok(()),
            Err(error) => return Err(failed(&error, Asked::Write)),
        };
        match reply.get_array("writeErrors") {
            Ok(faults) if !faults.is_empty() => {
                Err(Error::database("the database refused a part of the migration", format!("{faults:?}")))
            }
            _ => Ok(()),
        }
    }

    /// Gives each document that has none what only this side can make: the words of a text, or a UUID of its own.
    async fn fill(&mut self, command: &Document) -> Result<()> {
        let collection = command.get_str("_dbal_fill").unwrap_or_default();
        let words = command.get_str("words").ok();
        let source = words.or(command.get_str("uuid").ok()).unwrap_or_default();
        let target = words.map_or_else(|| source.to_owned(), |column| format!("{WORDS}.{column}"));
        loop {
            let find = doc! {
                "find": collection,
                "filter": one(&target, doc! { "$exists": false }),
                "projection": one(source, 1),
                "limit": BATCH,
                "batchSize": BATCH,
                "singleBatch": true,
            };
            let found = self.listed(find).await?;
            if found.is_empty() {
                return Ok(());
            }
            let value = |row: &Document| match words {
                Some(column) => words_of(row.get(column).unwrap_or(&Bson::Null)),
                None => Bson::String(Uuid::now_v7().hyphenated().to_string()),
            };
            let update = |row: &Document| {
                let key = row.get(KEY).cloned().unwrap_or(Bson::Null);
                Bson::Document(doc! { "q": one(KEY, key), "u": { "$set": one(&target, value(row)) } })
            };
            let updates: Vec<Bson> = found.iter().map(update).collect();
            let reply = self.told(doc! { "update": collection, "updates": updates }).await?;
            if reply.get_array("writeErrors").is_ok_and(|faults| !faults.is_empty()) {
                return Err(Error::database("the database refused a part of the migration", format!("{reply:?}")));
            }
        }
    }

    /// Numbers go on under another name.
    async fn rename_sequence(&mut self, command: &Document) -> Result<()> {
        let name = |key: &str| command.get_str(key).unwrap_or_default().to_owned();
        let (from, to) = (name("_dbal_sequence"), name("to"));
        let find = doc! { "find": SEQUENCES, "filter": one(KEY, &from), "singleBatch": true };
        let Some(last) = self.listed(find).await?.first().and_then(|row| row.get("n")).and_then(whole) else {
            return Ok(());
        };
        let raise = doc! { "q": one(KEY, &to), "u": { "$max": { "n": last } }, "upsert": true };
        self.told(doc! { "update": SEQUENCES, "updates": [raise] }).await?;
        let forget = doc! { "q": one(KEY, &from), "limit": 1 };
        self.told(doc! { "delete": SEQUENCES, "deletes": [forget] }).await.map(drop)
    }
}

/// An index over fields in their order and over all documents; one that leaves documents without a value out is one too.
fn plain_index(index: &Document) -> Option<IndexInfo> {
    let keys = index.get_document("key").ok()?;
    let ascending = keys.values().all(|how| whole(how).is_some());
    let partial = index.get_document("partialFilterExpression").ok();
    let whole = partial.is_none_or(|filter| {
        let least = |rule: &Bson| rule.as_document().is_some_and(|rule| rule.keys().eq(["$gte"]));
        filter.len() == keys.len() && filter.iter().all(|(name, rule)| keys.contains_key(name) && least(rule))
    });
    let unique = index.get_bool("unique").unwrap_or(false);
    let columns = keys.keys().cloned().collect();
    let name = index.get_str("name").ok()?.to_owned();
    // One of the engine's own is not what a schema declares.
    let ours = name.starts_with("_dbal_reference_");
    (ascending && whole && !ours).then_some(IndexInfo { name, columns, unique, constraint: false })
}

/// What a question finds, as far as JSON has words for it.
fn cell(value: &Bson) -> Value {
    match value {
        Bson::String(text) => Value::from(text.as_str()),
        Bson::Boolean(truth) => Value::Bool(*truth),
        Bson::Double(number) => whole(value).map_or(Value::Float(*number), Value::Int),
        Bson::Array(items) => Value::List(items.iter().map(cell).collect()),
        Bson::Document(document) => {
            Value::Map(document.iter().map(|(name, value)| (name.clone(), cell(value))).collect())
        }
        Bson::DateTime(instant) => Value::Int(instant.timestamp_millis()),
        Bson::Null => Value::Null,
        // Nothing that is asked for.
        other => whole(other).map_or(Value::Undefined, Value::Int),
    }
}

/// The database's word for a kind of value.
fn alias(value: RawBsonRef<'_>) -> &'static str {
    match value {
        RawBsonRef::Double(_) => "double",
        RawBsonRef::String(_) => "string",
        RawBsonRef::Document(_) => "object",
        RawBsonRef::Array(_) => "array",
        RawBsonRef::Binary(_) => "binData",
        RawBsonRef::Undefined => "undefined",
        RawBsonRef::ObjectId(_) => "objectId",
        RawBsonRef::Boolean(_) => "bool",
        RawBsonRef::DateTime(_) => "date",
        RawBsonRef::Null => "null",
        RawBsonRef::RegularExpression(_) => "regex",
        RawBsonRef::DbPointer(_) => "dbPointer",
        RawBsonRef::JavaScriptCode(_) => "javascript",
        RawBsonRef::Symbol(_) => "symbol",
        RawBsonRef::JavaScriptCodeWithScope(_) => "javascriptWithScope",
        RawBsonRef::Int32(_) => "int",
        RawBsonRef::Timestamp(_) => "timestamp",
        RawBsonRef::Int64(_) => "long",
        RawBsonRef::Decimal128(_) => "decimal",
        RawBsonRef::MinKey => "minKey",
        RawBsonRef::MaxKey => "maxKey",
    }
}

/// What a validator says of one field.
fn detail(rule: &Bson) -> ColumnInfo {
    let kinds: Vec<&str> = match rule.as_document().and_then(|rule| rule.get("bsonType")) {
        Some(Bson::String(kind)) => vec![kind],
        Some(Bson::Array(kinds)) => kinds.iter().filter_map(Bson::as_str).collect(),
        _ => Vec::new(),
    };
    let stored = kinds.iter().find(|kind| **kind != "null").copied().unwrap_or_default();
    let nullable = kinds.is_empty() || kinds.contains(&"null");
    ColumnInfo { stored: stored.to_owned(), nullable, refers: false }
}

/// Whether a command failed because it was run before: what it drops or renames is not there any more, or what it makes
/// is.
fn done_before(name: &str, error: &mongodb::error::Error) -> bool {
    let mongodb::error::ErrorKind::Command(fault) = error.kind.as_ref() else { return false };
    // NamespaceNotFound, IndexNotFound, NamespaceExists.
    match name {
        "dropIndexes" => matches!(fault.code, 26 | 27),
        "drop" | "renameCollection" => fault.code == 26,
        "create" => fault.code == 48,
        _ => false,
    }
}

fn command(text: &str) -> Result<Document> {
    match extended(&json::parse(text.as_bytes())?) {
        Bson::Document(command) => Ok(command),
        _ => Err(Error::internal("a command of a migration is a document")),
    }
}

/// Extended JSON, as far as migrations use it, and one word more: `$dbalJson` is a json value as fields store it.
fn extended(value: &Value) -> Bson {
    match value {
        Value::Null => Bson::Null,
        Value::Bool(truth) => Bson::Boolean(*truth),
        Value::Int(number) => i32::try_from(*number).map_or(Bson::Int64(*number), Bson::Int32),
        Value::Float(number) => Bson::Double(*number),
        Value::Text(text) => Bson::String(text.clone()),
        Value::List(items) => Bson::Array(items.iter().map(extended).collect()),
        Value::Map(map) => spelled(map).unwrap_or_else(|| {
            Bson::Document(map.iter().map(|(name, value)| (name.to_owned(), extended(value))).collect())
        }),
        _ => Bson::Null,
    }
}

fn spelled(map: &Map) -> Option<Bson> {
    let (word, value) = map.iter().next()?;
    Some(match (word, value) {
        ("$numberDouble", Value::Text(number)) if number == "-Infinity" => Bson::Double(f64::NEG_INFINITY),
        ("$numberDouble", Value::Text(number)) => Bson::Double(number.parse().ok()?),
        ("$numberLong", Value::Text(number)) => Bson::Int64(number.parse().ok()?),
        ("$numberDecimal", Value::Text(number)) => Bson::Decimal128(number.parse().ok()?),
        ("$date", Value::Map(millis)) => {
            let millis = millis.get("$numberLong")?.as_str()?.parse().ok()?;
            Bson::DateTime(DateTime::from_millis(millis))
        }
        ("$binary", Value::Map(binary)) => {
            let bytes = STANDARD.decode(binary.get("base64")?.as_str()?).ok()?;
            Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes })
        }
        ("$oid", Value::Text(id)) => Bson::ObjectId(ObjectId::parse_str(id).ok()?),
        ("$minKey", _) => Bson::MinKey,
        ("$dbalJson", Value::Text(text)) => document(&json::parse(text.as_bytes()).ok()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::value;
    use super::*;
    use crate::document::migrate;

    #[test]
    fn what_is_asked_of_a_unique_key_is_what_its_index_holds() {
        let schema = "
entity: All
fields:
  id: { type: integer, primary: true }
  a: { type: uuid }
  b: { type: string }
  c: { type: enum, values: [x] }
  d: { type: date }
  e: { type: bigint }
  f: { type: float }
  g: { type: decimal }
  h: { type: boolean }
  i: { type: datetime }
  j: { type: bytes }
  k: { type: json }
";
        let client = crate::Client::open(crate::Config::memory().schema_text(schema)).expect("opens");
        for (_, entity) in client.schema().entities() {
            for field in &entity.fields {
                let held = json::parse(migrate::least(&field.ty).as_bytes()).expect("is JSON");
                assert_eq!(extended(&held), value::least(&field.ty), "{}", field.name);
            }
        }
    }
}
