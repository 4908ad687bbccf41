//! The catalogue of MongoDB: collections, validators and indexes, and documents, which alone say what most hold.

use super::{flag, sample, text};
use crate::adapter::Connection;
use crate::document::migrate::object;
use crate::error::Result;
use crate::introspect::catalogue::{Catalogue, Column, Index, Rows, Table};
use crate::introspect::{Options, wanted};
use crate::plan::operation::document::{KEY, WORDS};
use crate::sql::ddl::Snapshot;
use crate::value::{Map, Value, json};

/// What a field holds of which a validator knows and says nothing.
pub(in crate::introspect) const ANYTHING: &str = "anything";

/// Reads everything that is wanted.
pub(super) fn read(connection: &mut dyn Connection, existing: &Snapshot, options: &Options) -> Result<Catalogue> {
    let mut catalogue = Catalogue::default();
    let cursor = object(&[("batchSize", "100000")]);
    let mut all = connection.ask(&object(&[("listCollections", "1"), ("cursor", &cursor)]))?;
    all.sort_by_key(|row| text(row, "name"));
    for row in &all {
        let (name, kind) = (text(row, "name"), text(row, "type"));
        if !wanted(options, &name) || super::ours(&name, existing) || name.starts_with("system.") {
            continue;
        }
        match kind.as_str() {
            "view" => catalogue.others.push((name, "a view".into())),
            "timeseries" => catalogue.others.push((name, "a time series, which takes no changes".into())),
            _ => {
                let mut table = Table { name, key: vec![KEY.into()], ..Table::default() };
                validated(row, &mut table);
                sample(connection, &mut table, options)?;
                indexes(connection, &mut table)?;
                tidy(&mut table);
                catalogue.tables.push(table);
            }
        }
    }
    Ok(catalogue)
}

fn at<'m>(map: &'m Map, path: &[&str]) -> Option<&'m Map> {
    path.iter().try_fold(map, |map, name| map.get(name)?.as_map())
}

/// What a validator says of the fields.
fn validated(row: &Map, table: &mut Table) {
    let Some(schema) = at(row, &["options", "validator", "$jsonSchema"]) else {
        if at(row, &["options", "validator"]).is_some_and(|validator| !validator.0.is_empty()) {
            table.remarks.push("its validator is no $jsonSchema".into());
        }
        return;
    };
    table.comment = schema.get("description").and_then(Value::as_str).map(str::to_owned);
    let texts = |value: Option<&Value>| -> Vec<String> {
        match value {
            Some(Value::Text(text)) => vec![text.clone()],
            Some(Value::List(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    };
    let required = texts(schema.get("required"));
    let properties = at(schema, &["properties"]).into_iter().flat_map(Map::iter);
    for (name, rule) in properties {
        let Some(rule) = rule.as_map() else { continue };
        let kinds = texts(rule.get("bsonType"));
        let listed = rule.get("enum").and_then(Value::as_list).unwrap_or_default();
        let words = texts(rule.get("enum"));
        let stored: Vec<&str> = kinds.iter().map(String::as_str).filter(|kind| *kind != "null").collect();
        let nulls = kinds.iter().any(|kind| kind == "null") || listed.contains(&Value::Null);
        table.columns.push(Column {
            name: name.to_owned(),
            stored: if rule.0.is_empty() { ANYTHING.into() } else { stored.join(" or ") },
            // A field that may be missing is null where it is.
            nullable: nulls || kinds.is_empty() || !(required.iter().any(|known| known == name)),
            words: (!words.is_empty() && words.len() + usize::from(listed.contains(&Value::Null)) == listed.len())
                .then_some(words),
            comment: rule.get("description").and_then(Value::as_str).map(str::to_owned),
            ..Column::default()
        });
    }
    // The engine's own validators allow null by naming it, and ask for no field.
    if required.is_empty() {
        for (column, rule) in table.columns.iter_mut().zip(at(schema, &["properties"]).into_iter().flat_map(Map::iter))
        {
            let kinds = texts(rule.1.as_map().and_then(|rule| rule.get("bsonType")));
            column.nullable = kinds.is_empty() || kinds.iter().any(|kind| kind == "null");
        }
    }
}

fn indexes(connection: &mut dyn Connection, table: &mut Table) -> Result<()> {
    let cursor = object(&[("batchSize", "100000")]);
    let name = json::to_text(&Value::from(table.name.as_str()));
    for row in connection.ask(&object(&[("listIndexes", &name), ("cursor", &cursor)]))? {
        let Some(keys) = row.get("key").and_then(Value::as_map) else { continue };
        let name = text(&row, "name");
        if keys.iter().map(|(name, _)| name).eq([KEY]) {
            continue;
        }
        let mut index = Index { name, unique: flag(&row, "unique"), ..Index::default() };
        let plain = keys.iter().all(|(_, how)| matches!(how, Value::Int(_) | Value::Float(_)));
        let spelled = || json::to_text(&Value::Map(keys.clone()));
        if !plain {
            index.odd = Some(format!("is of another kind: {}", spelled()));
        } else if let Some(filter) = row.get("partialFilterExpression") {
            // The engine's own unique indexes leave nulls out so.
            let ours = filter.as_map().is_some_and(|filter| {
                filter.0.len() == keys.0.len()
                    && filter.iter().all(|(name, rule)| keys.get(name).is_some() && at_least(rule))
            });
            index.ours = ours && index.unique;
            if !index.ours {
                let whole = !keys.iter().any(|(name, _)| name.contains('.'));
                index.rows = filter.as_map().filter(|_| whole).cloned().map(Rows::Documents);
                index.odd = Some(format!("is over some documents only: {}", json::to_text(filter)));
            }
        } else if keys.iter().any(|(name, _)| name.contains('.')) {
            index.odd = Some(format!("is over what is inside of documents: {}", spelled()));
        }
        if index.odd.is_none() || index.rows.is_some() || index.name.starts_with("_dbal") {
            index.columns = keys.iter().map(|(name, _)| name.to_owned()).collect();
        }
        table.indexes.push(index);
    }
    Ok(())
}

fn at_least(rule: &Value) -> bool {
    rule.as_map().is_some_and(|rule| rule.iter().map(|(name, _)| name).eq(["$gte"]))
}

/// What the engine keeps beside the fields goes; the key comes first.
fn tidy(table: &mut Table) {
    table.columns.retain(|column| column.name != WORDS && !column.name.starts_with('~'));
    if let Some(at) = table.columns.iter().position(|column| column.name == KEY) {
        let mut key = table.columns.remove(at);
        key.nullable = false;
        table.columns.insert(0, key);
    } else {
        table.columns.insert(0, Column { name: KEY.into(), ..Column::default() });
    }
    for column in &mut table.columns {
        let Some(seen) = &column.seen else { continue };
        if column.stored.is_empty()
            && let Some((kind, _)) = seen.kinds.first()
        {
            column.stored.clone_from(kind);
            // Nobody says that it has to be there.
            column.nullable = column.name != KEY;
        }
    }
}
