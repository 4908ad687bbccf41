//! The catalogue of SQLite: its pragmas, and the statements that made its tables.

use super::{flag, sample, text, whole};
use crate::adapter::Connection;
use crate::error::Result;
use crate::introspect::catalogue::{Action, Catalogue, Column, Default_, Index, Reference, Rows, Table};
use crate::introspect::sql::{checked, collations, comment_of, condition_of, default, has_word};
use crate::introspect::{Options, wanted};
use crate::sql::ddl::Snapshot;
use crate::value::Value;

/// Reads everything that is wanted.
pub(super) fn read(connection: &mut dyn Connection, existing: &Snapshot, options: &Options) -> Result<Catalogue> {
    let mut catalogue = Catalogue::default();
    let all = connection.ask(
        "SELECT l.name AS name, l.type AS type, l.wr AS without_rowid, s.sql AS sql FROM pragma_table_list AS l \
         LEFT JOIN sqlite_schema AS s ON s.name = l.name AND s.type IN ('table', 'view') \
         WHERE l.schema = 'main' AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY l.name",
    )?;
    for row in &all {
        let (name, kind) = (text(row, "name"), text(row, "type"));
        if !wanted(options, &name) || super::ours(&name, existing) {
            continue;
        }
        match kind.as_str() {
            "view" => catalogue.others.push((name, "a view".into())),
            "virtual" => catalogue.others.push((name, "a virtual table".into())),
            "shadow" => {}
            _ => {
                let sql = text(row, "sql");
                let mut table = one(connection, &name, &sql, flag(row, "without_rowid"))?;
                let words = |column: &Column| {
                    let kept = format!("{name}${}$words", column.name);
                    existing.tables.iter().any(|known| known.name == kept)
                };
                table.searched =
                    table.columns.iter().filter(|column| words(column)).map(|one| one.name.clone()).collect();
                sample(connection, &mut table, options)?;
                catalogue.tables.push(table);
            }
        }
    }
    Ok(catalogue)
}

fn one(connection: &mut dyn Connection, name: &str, sql: &str, without_rowid: bool) -> Result<Table> {
    let quoted = name.replace('\'', "''");
    let mut table = Table { name: name.to_owned(), ..Table::default() };
    table.comment = comment_of(sql);
    let columns = connection.ask(&format!(
        "SELECT name, type, \"notnull\" AS filled, dflt_value, pk, hidden FROM pragma_table_xinfo('{quoted}') ORDER BY cid"
    ))?;
    let mut key: Vec<(i64, String)> = Vec::new();
    for row in &columns {
        let (name, place) = (text(row, "name"), whole(row, "pk"));
        if place > 0 {
            key.push((place, name.clone()));
        }
        let written = row.get("dflt_value").and_then(Value::as_str);
        table.columns.push(Column {
            stored: text(row, "type"),
            nullable: !flag(row, "filled") && place == 0,
            default: written.and_then(default),
            read_only: (whole(row, "hidden") > 1).then_some("computed by the database"),
            words: None,
            name,
            ..Column::default()
        });
    }
    key.sort();
    table.key = key.into_iter().map(|(_, name)| name).collect();
    if let ([only], false) = (&table.key[..], without_rowid)
        && let Some(column) = table.columns.iter_mut().find(|column| column.name == *only)
        && column.stored.eq_ignore_ascii_case("INTEGER")
    {
        // The number of the row: SQLite counts it where nobody gives one.
        column.default = Some(Default_::Sequence);
        if !has_word(sql, "AUTOINCREMENT") {
            table.remarks.push(format!("{only}: numbers of deleted rows may come back (no AUTOINCREMENT)"));
        }
    }
    indexes(connection, &quoted, &mut table)?;
    let references = connection.ask(&format!(
        "SELECT id, \"table\" AS target, \"from\" AS source, \"to\" AS field, on_update, on_delete \
         FROM pragma_foreign_key_list('{quoted}') ORDER BY id, seq"
    ))?;
    let mut last = None;
    for row in &references {
        let (id, field) = (whole(row, "id"), text(row, "field"));
        if last != Some(id) {
            last = Some(id);
            table.references.push(Reference {
                columns: Vec::new(),
                table: text(row, "target"),
                targets: Vec::new(),
                on_delete: Action::of(&text(row, "on_delete")),
                on_update: Action::of(&text(row, "on_update")),
            });
        }
        if let Some(reference) = table.references.last_mut() {
            reference.columns.push(text(row, "source"));
            reference.targets.extend((!field.is_empty()).then_some(field));
        }
    }
    // They are listed in the reverse of their order.
    table.references.reverse();
    for (name, collation) in collations(sql) {
        let column = table.columns.iter_mut().find(|column| column.name.eq_ignore_ascii_case(&name));
        if let Some(column) = column.filter(|_| !collation.eq_ignore_ascii_case("BINARY")) {
            column.collation = Some(collation.to_ascii_lowercase());
        }
    }
    for check in checked(sql) {
        match check.words {
            Some((column, words)) => {
                let found = table.columns.iter_mut().find(|known| known.name.eq_ignore_ascii_case(&column));
                match found {
                    Some(found) => found.words = Some(words),
                    None => table.remarks.push(format!("CHECK ({})", check.text)),
                }
            }
            None => table.remarks.push(format!("CHECK ({})", check.text)),
        }
    }
    let triggers = connection.ask(&format!(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = '{quoted}' ORDER BY name"
    ))?;
    for trigger in triggers.iter().map(|row| text(row, "name")).filter(|name| !name.contains("$words$")) {
        table.remarks.push(format!("trigger {trigger}"));
    }
    Ok(table)
}

fn indexes(connection: &mut dyn Connection, quoted: &str, table: &mut Table) -> Result<()> {
    let all = connection.ask(&format!(
        "SELECT l.name AS name, l.\"unique\" AS is_unique, l.partial AS partial, x.cid AS cid, x.name AS field, \
         x.\"desc\" AS descending, x.coll AS collation, s.sql AS sql \
         FROM pragma_index_list('{quoted}') AS l, pragma_index_xinfo(l.name) AS x \
         LEFT JOIN sqlite_schema AS s ON s.type = 'index' AND s.name = l.name \
         WHERE l.origin <> 'pk' AND x.key = 1 ORDER BY l.seq DESC, x.seqno"
    ))?;
    for row in &all {
        let name = text(row, "name");
        if table.indexes.last().is_none_or(|last| last.name != name) {
            table.indexes.push(Index { name, unique: flag(row, "is_unique"), ..Index::default() });
        }
        let Some(index) = table.indexes.last_mut() else { continue };
        let sql = || text(row, "sql").split_whitespace().collect::<Vec<_>>().join(" ");
        if flag(row, "partial") && index.odd.is_none() {
            index.rows = condition_of(&text(row, "sql")).map(Rows::Sql);
            index.odd = Some(format!("is over some rows only: {}", sql()));
        }
        if whole(row, "cid") < 0 {
            index.rows = None;
            index.odd = Some(format!("is over an expression: {}", sql()));
        } else if index.unique && text(row, "collation").eq_ignore_ascii_case("NOCASE") {
            index.rows = None;
            index.odd = Some("is unique without regard to case".into());
        }
        index.columns.push(text(row, "field"));
    }
    for index in table.indexes.iter_mut().filter(|index| index.odd.is_some() && index.rows.is_none()) {
        index.columns.clear();
    }
    Ok(())
}
