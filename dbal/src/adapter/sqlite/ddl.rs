//! What exists in the database, and the questions of a migration.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::adapter::{Look, Sampled};
use crate::sql::ddl::{ColumnInfo, IndexInfo, Snapshot, TableInfo};
use crate::sql::quoted;
use crate::value::{Map, Value};

/// Tables with their columns, indexes and triggers.
pub(super) fn inspect(sqlite: &Connection) -> rusqlite::Result<Snapshot> {
    let names = |text: &str, table: &str| -> rusqlite::Result<Vec<String>> {
        sqlite.prepare(text)?.query_map([table], |row| row.get(0))?.collect()
    };
    let ours = "SELECT name FROM sqlite_schema WHERE type = ? AND name NOT GLOB 'sqlite_*' ORDER BY name";
    let tables = names(ours, "table")?;
    let info = |name: String| -> rusqlite::Result<TableInfo> {
        let refers = names("SELECT \"from\" FROM pragma_foreign_key_list(?)", &name)?;
        let mut info = TableInfo {
            indexes: names("SELECT name FROM pragma_index_list(?) WHERE origin = 'c' ORDER BY name", &name)?,
            ..TableInfo::default()
        };
        info.over = plain_indexes(sqlite, &name)?;
        let mut columns = sqlite.prepare("SELECT name, type, \"notnull\" FROM pragma_table_info(?) ORDER BY cid")?;
        let mut rows = columns.query([&name])?;
        while let Some(row) = rows.next()? {
            let (column, stored, filled): (String, String, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let refers = refers.iter().any(|from| from.eq_ignore_ascii_case(&column));
            info.details.push(ColumnInfo { stored, nullable: !filled, refers });
            info.columns.push(column);
        }
        let attached = "SELECT name, sql FROM sqlite_schema WHERE tbl_name = ? COLLATE NOCASE AND type IN ('index', 'trigger') \
            AND sql IS NOT NULL ORDER BY type, name";
        let mut statement = sqlite.prepare(attached)?;
        let attached: rusqlite::Result<Vec<(String, String)>> =
            statement.query_map([&name], |row| Ok((row.get(0)?, row.get(1)?)))?.collect();
        Ok(TableInfo { attached: attached?, name, ..info })
    };
    Ok(Snapshot { tables: tables.into_iter().map(info).collect::<rusqlite::Result<_>>()?, ..Snapshot::default() })
}

/// Indexes and unique keys over columns and every row; those of constraints have names of SQLite's own.
fn plain_indexes(sqlite: &Connection, table: &str) -> rusqlite::Result<Vec<IndexInfo>> {
    let text = "SELECT l.name, l.\"unique\", l.origin <> 'c', x.cid, x.name FROM pragma_index_list(?) AS l, \
        pragma_index_xinfo(l.name) AS x WHERE l.partial = 0 AND l.origin <> 'pk' AND x.key = 1 ORDER BY l.seq, x.seqno";
    let mut statement = sqlite.prepare(text)?;
    let mut rows = statement.query([table])?;
    let (mut found, mut odd): (Vec<IndexInfo>, Vec<String>) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let (name, column): (String, Option<String>) = (row.get(0)?, row.get(4)?);
        let Some(column) = column else {
            odd.push(name);
            continue;
        };
        if found.last().is_none_or(|last| last.name != name) {
            found.push(IndexInfo { name, columns: Vec::new(), unique: row.get(1)?, constraint: row.get(2)? });
        }
        if let Some(last) = found.last_mut() {
            last.columns.push(column);
        }
    }
    found.retain(|index| !odd.contains(&index.name));
    Ok(found)
}

/// The rows of a question, by name.
pub(super) fn ask(sqlite: &Connection, text: &str) -> rusqlite::Result<Vec<Map>> {
    let mut statement = sqlite.prepare(text)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let mut map = Map::new();
        for (at, name) in names.iter().enumerate() {
            let value = match row.get_ref(at)? {
                ValueRef::Integer(number) => Value::Int(number),
                ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => Value::Null,
            };
            map.insert(name.clone(), value);
        }
        found.push(map);
    }
    Ok(found)
}

/// Looks at rows of a table. Where there are more than asked for, the first and the last ones are looked at.
pub(super) fn sample(
    sqlite: &Connection,
    table: &str,
    most: Option<u64>,
    look: &mut Look<'_>,
) -> rusqlite::Result<Sampled> {
    let from = quoted(table);
    let rows: i64 = sqlite.query_row(&format!("SELECT count(*) FROM {from}"), [], |row| row.get(0))?;
    let whole = most.is_none_or(|most| rows.unsigned_abs() <= most);
    let without_rowid: bool =
        sqlite.query_row("SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?", [table], |row| {
            row.get(0)
        })?;
    let text = match most {
        Some(most) if !whole && without_rowid => format!("SELECT * FROM {from} LIMIT {most}"),
        Some(most) if !whole => {
            let (first, last) = (most.div_ceil(2), most / 2);
            format!(
                "SELECT * FROM (SELECT * FROM {from} ORDER BY rowid LIMIT {first}) \
                 UNION ALL SELECT * FROM (SELECT * FROM {from} ORDER BY rowid DESC LIMIT {last})"
            )
        }
        _ => format!("SELECT * FROM {from}"),
    };
    let mut statement = sqlite.prepare(&text)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([])?;
    let mut looked = 0;
    while let Some(row) = rows.next()? {
        for (at, name) in names.iter().enumerate() {
            match row.get_ref(at)? {
                ValueRef::Null => look(name, "null", &Value::Null),
                ValueRef::Integer(number) => look(name, "integer", &Value::Int(number)),
                ValueRef::Real(number) => look(name, "real", &Value::Float(number)),
                ValueRef::Text(text) => match std::str::from_utf8(text) {
                    Ok(text) => look(name, "text", &Value::from(text)),
                    Err(_) => look(name, "text that is not UTF-8", &Value::Null),
                },
                ValueRef::Blob(_) => look(name, "blob", &Value::Null),
            }
        }
        looked += 1;
    }
    Ok(Sampled { rows: looked, whole })
}
