//! What a database lacks of a schema.

use super::ddl::postgres::{self, FOLD, WORDS};
use super::ddl::{self, Snapshot};
use super::dialect::Dialect;
use super::quoted;
use super::words::Kept;
use crate::error::{Error, FieldFault, Result};
use crate::schema::index::OF_KEY;
use crate::schema::{EntityId, Field, Schema};

/// The statements that create what is missing: tables, columns that rows can do without, indexes, and what keeps the
/// words of searchable fields, those of rows that exist included. Nothing is ever
/// dropped or changed, and a second run finds nothing to do. Columns that cannot be added are reported together.
pub fn create_missing(schema: &Schema, existing: &Snapshot, dialect: Dialect) -> Result<Vec<String>> {
    let mut statements = Vec::new();
    let mut faults = Vec::new();
    // Indexes come last: they may be over columns that are only being added.
    let mut indexes = Vec::new();
    let mut words = Vec::new();
    // But for references, which need the unique indexes that they point to.
    let mut references = Vec::new();
    if dialect == Dialect::Postgres {
        statements.extend(existing.missing_schema.as_deref().map(|name| format!("CREATE SCHEMA {}", quoted(name))));
        // Columns of others fold without a function in their database.
        let folds = |field: &Field| field.ty.is_text() && field.storage.is_none();
        let folds = !schema.is_of_others() || schema.entities().any(|(_, entity)| entity.fields.iter().any(folds));
        if folds && !existing.functions.iter().any(|name| name == FOLD) {
            statements.push(postgres::fold_function());
        }
        let searches = schema.entities().any(|(_, entity)| !entity.searchable.is_empty());
        if searches && !existing.functions.iter().any(|name| name == WORDS) {
            statements.push(postgres::words_function());
        }
    }
    let same = |a: &str, b: &str| same(dialect, a, b);
    for (_, entity) in schema.entities() {
        let table = existing.tables.iter().find(|table| same(&table.name, &entity.table));
        match table {
            None => statements.push(match dialect {
                Dialect::Sqlite => ddl::create_table(schema, entity)?,
                Dialect::Postgres => postgres::create_table(entity)?,
            }),
            Some(table) => {
                for field in &entity.fields {
                    if table.columns.iter().any(|column| same(column, &field.column)) {
                        continue;
                    }
                    if schema.is_of_others() {
                        faults.push(FieldFault {
                            field: format!("{}.{}", entity.name, field.name),
                            message: format!("the table {} has no column {}", table.name, field.column),
                            index: None,
                        });
                        continue;
                    }
                    let added = match dialect {
                        Dialect::Sqlite => ddl::add_column(schema, entity, field),
                        Dialect::Postgres => postgres::add_column(entity, field),
                    };
                    match added {
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
        // What others made is theirs to change.
        if table.is_some() && schema.is_of_others() {
            continue;
        }
        for field in &entity.searchable {
            if dialect == Dialect::Postgres {
                let (name, statement) = postgres::words_index(entity, entity.field(*field))?;
                if !table.is_some_and(|table| table.indexes.iter().any(|known| same(known, &name))) {
                    words.push(statement);
                }
                continue;
            }
            let kept = Kept::of(entity, *field);
            if !existing.tables.iter().any(|table| same(&table.name, &kept.table)) {
                words.extend(kept.create(entity, *field));
            }
        }
        for index in &entity.indexes {
            let columns: Vec<&str> = index.fields.iter().map(|field| entity.field(*field).column.as_str()).collect();
            // Whatever others call the index of a key of several fields, it is there.
            let known = table.is_some_and(|table| {
                index.name.ends_with(OF_KEY) || table.index(&index.name, &columns, index.unique, same).is_some()
            });
            if !known && index.fields != [entity.key] {
                indexes.push(match dialect {
                    Dialect::Sqlite => ddl::create_index(entity, index),
                    Dialect::Postgres => postgres::create_index(entity, index)?,
                });
            }
        }
        if dialect == Dialect::Postgres {
            let known =
                |field: &Field| table.is_some_and(|table| table.references.contains(&vec![field.column.clone()]));
            let missing = entity.fields.iter().filter_map(|field| Some((field, field.foreign_key.as_ref()?)));
            let missing = missing.filter(|(field, _)| !known(field));
            references.extend(missing.map(|(field, key)| postgres::add_reference(schema, entity, field, key)));
        }
    }
    if !faults.is_empty() {
        return Err(Error::invalid(faults));
    }
    statements.append(&mut indexes);
    statements.append(&mut words);
    statements.append(&mut references);
    Ok(statements)
}

/// The statements that drop the tables of a schema, those first that refer to others.
pub fn drop_declared(schema: &Schema, existing: &Snapshot, dialect: Dialect) -> Vec<String> {
    let mut left: Vec<EntityId> = schema.entities().map(|(id, _)| id).collect();
    // Entities that refer to each other have no order: rows are counted when the transaction ends, or not at all.
    let (mut statements, cascade) = match dialect {
        Dialect::Sqlite => (vec!["PRAGMA defer_foreign_keys = ON".to_owned()], ""),
        Dialect::Postgres => (Vec::new(), " CASCADE"),
    };
    if existing.tables.iter().any(|known| known.name == "_dbal_migrations") {
        statements.push("DROP TABLE \"_dbal_migrations\"".to_owned());
    }
    while !left.is_empty() {
        let refers = |id: &EntityId, target: EntityId| {
            let keys = schema.entity(*id).fields.iter().filter_map(|field| field.foreign_key.as_ref());
            *id != target && keys.into_iter().any(|key| key.entity == target)
        };
        let free = left.iter().position(|id| !left.iter().any(|other| refers(other, *id))).unwrap_or(0);
        let entity = schema.entity(left.remove(free));
        let words = entity.searchable.iter().map(|field| Kept::of(entity, *field).table);
        for table in words.chain([entity.table.clone()]) {
            if existing.tables.iter().any(|known| same(dialect, &known.name, &table)) {
                statements.push(format!("DROP TABLE {}{cascade}", quoted(&table)));
            }
        }
    }
    statements
}

/// SQLite's names are equal without regard to ASCII case.
fn same(dialect: Dialect, a: &str, b: &str) -> bool {
    match dialect {
        Dialect::Sqlite => a.eq_ignore_ascii_case(b),
        Dialect::Postgres => a == b,
    }
}
