//! What exists in the database, and the questions of a migration.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::sql::ddl::{ColumnInfo, Snapshot, TableInfo};
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
