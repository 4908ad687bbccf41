//! What a database lacks of a schema.

use super::ddl::{self, Snapshot};
use super::dialect::Dialect;
use super::words::Kept;
use crate::error::{Error, FieldFault, Result};
use crate::schema::Schema;

/// The statements that create what is missing: tables, columns that rows can do without, indexes, and what keeps the
/// words of searchable fields, those of rows that exist included. Nothing is ever
/// dropped or changed, and a second run finds nothing to do. Columns that cannot be added are reported together.
pub fn create_missing(schema: &Schema, existing: &Snapshot, dialect: Dialect) -> Result<Vec<String>> {
    let Dialect::Sqlite = dialect;
    let mut statements = Vec::new();
    let mut faults = Vec::new();
    // Indexes come last: they may be over columns that are only being added.
    let mut indexes = Vec::new();
    let mut words = Vec::new();
    for (_, entity) in schema.entities() {
        let table = existing.tables.iter().find(|table| same(&table.name, &entity.table));
        match table {
            None => statements.push(ddl::create_table(schema, entity)?),
            Some(table) => {
                for field in &entity.fields {
                    if table.columns.iter().any(|column| same(column, &field.column)) {
                        continue;
                    }
                    match ddl::add_column(schema, entity, field) {
                        Ok(statement) => statements.push(statement),
                        Err(why) => faults.push(FieldFault {
                            field: format!("{}.{}", entity.name, field.name),
                            message: why.to_owned(),
                            index: None,
                        }),
                    }
                }
            }
        }
        for field in &entity.searchable {
            let kept = Kept::of(entity, *field);
            if !existing.tables.iter().any(|table| same(&table.name, &kept.table)) {
                words.extend(kept.create(entity, *field));
            }
        }
        for index in &entity.indexes {
            let known = table.is_some_and(|table| table.indexes.iter().any(|name| same(name, &index.name)));
            if !known && index.fields != [entity.key] {
                indexes.push(ddl::create_index(entity, index)?);
            }
        }
    }
    if !faults.is_empty() {
        return Err(Error::invalid(faults));
    }
    statements.append(&mut indexes);
    statements.append(&mut words);
    Ok(statements)
}

/// SQLite's names are equal without regard to ASCII case.
fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}
