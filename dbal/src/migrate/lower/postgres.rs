//! PostgreSQL changes tables in place, and takes all of it back when the transaction is rolled back.

use super::checks::checks;
use super::{Step, Work};
use crate::error::{Error, Result};
use crate::migrate::change::Change;
use crate::migrate::convert::{Conversion, between};
use crate::migrate::model::{Column, Fill, Table};
use crate::schema::{Entity, Field, FieldType};
use crate::sql::ddl::postgres::{self, FOLD, WORDS};
use crate::sql::ddl::{Snapshot, TableInfo};
use crate::sql::dialect::Dialect;
use crate::sql::quoted;

pub(super) fn lower(work: &Work<'_>, existing: &Snapshot) -> Result<Vec<Step>> {
    let mut steps = checks(work, Dialect::Postgres);
    let schema = work.new.to_schema();
    let entity = |table: &Table| {
        let id = schema.by_name(&table.entity);
        id.map(|id| schema.entity(id)).ok_or_else(|| Error::internal("an entity got lost in a migration"))
    };
    let mut run = prepared(work, existing);
    leave(work, existing, &mut run);
    for (from, to) in work.table_renamings() {
        run.push(format!("ALTER TABLE {} RENAME TO {}", quoted(&from), quoted(&to)));
    }
    for (_, after) in work.staying() {
        let table = quoted(&after.table);
        let first = work.dropped(&after.entity).filter(|column| in_the_way(after, column));
        run.extend(first.map(|column| drop_column(after, column)));
        for (from, to) in work.renamings(&after.entity) {
            run.push(format!("ALTER TABLE {table} RENAME COLUMN {} TO {}", quoted(&from), quoted(&to)));
        }
    }
    for table in work.created() {
        run.push(postgres::create_table(entity(table)?)?);
    }
    for (before, after) in work.staying() {
        let entity = entity(after)?;
        for column in work.added(&after.entity) {
            add(before, after, entity, column, &mut run)?;
        }
        for (from, to) in work.altered(&after.entity) {
            alter(before, after, from, to, &mut run);
        }
    }
    come(work, &entity, &mut run)?;
    for table in &work.new.tables {
        let declared = entity(table)?;
        let fresh = work.created().any(|new| new.entity == table.entity);
        for column in &table.columns {
            let field = declared.field_by_name(&column.field).map(|id| declared.field(id));
            let Some((field, key)) = field.and_then(|field| Some((field, field.foreign_key.as_ref()?))) else {
                continue;
            };
            let altered = work.altered(&table.entity).any(|(from, to)| to == column && from.reference != to.reference);
            if fresh || altered || work.added(&table.entity).any(|added| added == column) {
                run.push(postgres::add_reference(&schema, declared, field, key));
            }
        }
    }
    for (_, after) in work.staying() {
        let last = work.dropped(&after.entity).filter(|column| !in_the_way(after, column));
        run.extend(last.map(|column| drop_column(after, column)));
    }
    steps.extend(run.into_iter().map(Step::Run));
    Ok(steps)
}

fn drop_column(table: &Table, column: &Column) -> String {
    format!("ALTER TABLE {} DROP COLUMN {}", quoted(&table.table), quoted(&column.column))
}

/// Whether a column that goes has the name of one that comes; all others go last, when nothing is copied from them.
pub(super) fn in_the_way(after: &Table, column: &Column) -> bool {
    after.columns.iter().any(|new| new.column.eq_ignore_ascii_case(&column.column))
}

/// What everything else stands on.
fn prepared(work: &Work<'_>, existing: &Snapshot) -> Vec<String> {
    let mut run = Vec::new();
    run.extend(existing.missing_schema.as_deref().map(|name| format!("CREATE SCHEMA {}", quoted(name))));
    let lacks = |function: &str| !existing.functions.iter().any(|name| name == function);
    if lacks(FOLD) {
        run.push(postgres::fold_function());
    }
    if work.new.tables.iter().any(|table| !table.searchable.is_empty()) && lacks(WORDS) {
        run.push(postgres::words_function());
    }
    run
}

/// References, indexes and tables that go.
fn leave(work: &Work<'_>, existing: &Snapshot, run: &mut Vec<String>) {
    let info = |table: &Table| existing.tables.iter().find(|known| known.name == table.table);
    for (from, to) in work.new.tables.iter().flat_map(|table| work.altered(&table.entity)) {
        if from.reference.is_none() || from.reference == to.reference {
            continue;
        }
        let owner = work.new.tables.iter().find(|table| work.altered(&table.entity).any(|(_, known)| known == to));
        let Some((old, was)) = owner
            .and_then(|table| Some((work.table_before(&table.entity)?, work.column_before(&table.entity, &to.field)?)))
        else {
            continue;
        };
        run.extend(info(old).into_iter().flat_map(|info| drop_references(info, &was.column)));
    }
    for change in work.changes {
        match change {
            Change::DropIndex { index, .. } => run.push(format!("DROP INDEX IF EXISTS {}", quoted(&index.name))),
            Change::DropSearch { entity, field } => {
                // By the names of now: the index was made for these.
                if let (Some(table), Some(column)) = (work.table_before(entity), work.column_before(entity, field)) {
                    run.push(format!("DROP INDEX IF EXISTS {}", quoted(&words_name(table, column))));
                }
            }
            _ => {}
        }
    }
    for (_, after) in work.staying() {
        for (name, now) in renamed_words(work, after) {
            run.push(format!("ALTER INDEX IF EXISTS {} RENAME TO {}", quoted(&name), quoted(&now)));
        }
    }
    for table in work.gone() {
        run.push(format!("DROP TABLE {} CASCADE", quoted(&table.table)));
    }
}

fn drop_references(info: &TableInfo, column: &str) -> Vec<String> {
    let names = info.references.iter().zip(&info.reference_names);
    let of_column = names.filter(|(columns, _)| columns.iter().eq([column]));
    of_column.map(|(_, name)| format!("ALTER TABLE {} DROP CONSTRAINT {}", quoted(&info.name), quoted(name))).collect()
}

/// What the index of a field's words is called.
fn words_name(table: &Table, column: &Column) -> String {
    format!("{}${}$words", table.table, column.column)
}

/// Indexes of words whose names have an old name in them.
fn renamed_words(work: &Work<'_>, after: &Table) -> Vec<(String, String)> {
    let stays = after.searchable.iter().filter(|field| {
        !work.changes.iter().any(|change| {
            matches!(change, Change::AddSearch { entity, field: new } if *entity == after.entity && new == *field)
        })
    });
    let pairs = stays.filter_map(|field| {
        let old = words_name(work.table_before(&after.entity)?, work.column_before(&after.entity, field)?);
        Some((old, words_name(after, after.column(field)?)))
    });
    pairs.filter(|(old, new)| old != new).collect()
}

fn add(before: &Table, after: &Table, entity: &Entity, column: &Column, run: &mut Vec<String>) -> Result<()> {
    let Some(field) = entity.field_by_name(&column.field).map(|id| entity.field(id)) else { return Ok(()) };
    let (table, name) = (quoted(&after.table), quoted(&column.column));
    let definition = postgres::column(entity, field)?;
    match &column.fill {
        // A constant costs nothing, and stays no longer than for the rows that exist.
        Some(Fill::Value(value)) => {
            let value = postgres::literal(&column.ty, value);
            run.push(format!("ALTER TABLE {table} ADD COLUMN {definition} DEFAULT {value}"));
            run.push(format!("ALTER TABLE {table} ALTER COLUMN {name} DROP DEFAULT"));
        }
        Some(fill) => {
            run.push(format!("ALTER TABLE {table} ADD COLUMN {}", postgres::column(entity, &nullable(field))?));
            run.push(format!("UPDATE {table} SET {name} = {}", filled(before, column, fill)));
            if !column.nullable {
                run.push(format!("ALTER TABLE {table} ALTER COLUMN {name} SET NOT NULL"));
            }
        }
        None => run.push(format!("ALTER TABLE {table} ADD COLUMN {definition}")),
    }
    if column.counted {
        count(after, column, run);
    }
    Ok(())
}

fn nullable(field: &Field) -> Field {
    let column = field.column.clone();
    Field { nullable: true, ..crate::migrate::model::bare(&field.name, column, field.ty.clone()) }
}

fn alter(before: &Table, after: &Table, from: &Column, to: &Column, run: &mut Vec<String>) {
    let (table, name) = (quoted(&after.table), quoted(&to.column));
    let conversion = between(&from.ty, &to.ty).unwrap_or(Conversion::None);
    if let Some(value) = converted(&conversion, &name, &to.ty) {
        let collation = if to.ty.is_text() { " COLLATE \"C\"" } else { "" };
        let ty = postgres::postgres_type(&to.ty);
        run.push(format!("ALTER TABLE {table} ALTER COLUMN {name} TYPE {ty}{collation} USING {value}"));
    }
    match (from.nullable, to.nullable) {
        (true, false) => {
            if let Some(fill) = &to.fill {
                let value = filled(before, to, fill);
                run.push(format!("UPDATE {table} SET {name} = {value} WHERE {name} IS NULL"));
            }
            run.push(format!("ALTER TABLE {table} ALTER COLUMN {name} SET NOT NULL"));
        }
        (false, true) => run.push(format!("ALTER TABLE {table} ALTER COLUMN {name} DROP NOT NULL")),
        _ => {}
    }
    match (from.counted, to.counted) {
        (false, true) => count(after, to, run),
        (true, false) => run.push(format!("ALTER TABLE {table} ALTER COLUMN {name} DROP IDENTITY IF EXISTS")),
        _ => {}
    }
}

/// Numbers go on after the greatest one.
fn count(table: &Table, column: &Column, run: &mut Vec<String>) {
    let (rows, name) = (quoted(&table.table), quoted(&column.column));
    run.push(format!("ALTER TABLE {rows} ALTER COLUMN {name} ADD GENERATED BY DEFAULT AS IDENTITY"));
    let (text, plain) = (rows.replace('\'', "''"), column.column.replace('\'', "''"));
    run.push(format!(
        "SELECT setval(pg_get_serial_sequence('{text}', '{plain}'), greatest(max({name}), 1), max({name}) >= 1) FROM {rows} \
         HAVING max({name}) IS NOT NULL"
    ));
}

/// Indexes that come.
fn come<'e>(work: &Work<'_>, entity: &dyn Fn(&Table) -> Result<&'e Entity>, run: &mut Vec<String>) -> Result<()> {
    for table in &work.new.tables {
        let declared = entity(table)?;
        let fresh = work.created().any(|new| new.entity == table.entity);
        let added = |name: &str| {
            work.changes.iter().any(|change| {
                matches!(change, Change::AddIndex { entity, index } if *entity == table.entity && index.name == name)
            })
        };
        for index in declared.indexes.iter().filter(|index| fresh || added(&index.name)) {
            run.push(postgres::create_index(declared, index)?);
        }
        for id in &declared.searchable {
            let field = declared.field(*id);
            let new = work.changes.iter().any(|change| {
                matches!(change, Change::AddSearch { entity, field: name } if *entity == table.entity && *name == field.name)
            });
            if fresh || new {
                run.push(postgres::words_index(declared, field)?.1);
            }
        }
    }
    Ok(())
}

fn filled(before: &Table, column: &Column, fill: &Fill) -> String {
    match fill {
        Fill::Value(value) => postgres::literal(&column.ty, value),
        Fill::Now => now(&column.ty),
        Fill::Uuid => match column.ty {
            FieldType::Uuid => "gen_random_uuid()".to_owned(),
            _ => "CAST(gen_random_uuid() AS text)".to_owned(),
        },
        Fill::Copy(field) => before.column(field).map_or("NULL".to_owned(), |source| {
            let name = quoted(&source.column);
            let conversion = between(&source.ty, &column.ty).unwrap_or(Conversion::None);
            converted(&conversion, &name, &column.ty).unwrap_or(name)
        }),
    }
}

fn now(ty: &FieldType) -> String {
    let millis = "floor(extract(epoch FROM now()) * 1000)";
    match ty {
        FieldType::BigInt => format!("CAST({millis} AS bigint)"),
        FieldType::Float => format!("CAST({millis} AS double precision)"),
        FieldType::Date => "CAST(now() AT TIME ZONE 'UTC' AS date)".to_owned(),
        _ => "date_trunc('milliseconds', now())".to_owned(),
    }
}

/// The value in the other type; none where it is stored alike.
fn converted(conversion: &Conversion, column: &str, ty: &FieldType) -> Option<String> {
    match conversion {
        Conversion::None | Conversion::Words(_) => None,
        Conversion::IntToDecimal(scale) => Some(format!("round(CAST({column} AS numeric), {scale})")),
        Conversion::UuidToText
        | Conversion::TextToUuid
        | Conversion::Widen
        | Conversion::Narrow
        | Conversion::IntToFloat
        | Conversion::FloatToInt(_)
        | Conversion::DecimalToInt(_) => Some(format!("CAST({column} AS {})", postgres::postgres_type(ty))),
    }
}
