//! SQLite changes little of a table in place, so a table is made anew beside the old one, filled from it, and takes its
//! name. References are not enforced meanwhile, and all of them are looked at in the end.

use super::checks::checks;
use super::{Step, Work};
use crate::error::{Error, Result};
use crate::migrate::change::Change;
use crate::migrate::convert::{Conversion, between};
use crate::migrate::model::{Column, Fill, Table};
use crate::schema::{EntityId, FieldType, Schema};
use crate::sql::ddl::{self, Snapshot, TableInfo};
use crate::sql::dialect::Dialect;
use crate::sql::quoted;
use crate::sql::words::Kept;
use crate::value::{Value, json};

/// Where a table is made anew.
const ANEW: &str = "_dbal_anew";

pub(super) fn lower(work: &Work<'_>, existing: &Snapshot) -> Result<Vec<Step>> {
    let mut steps = checks(work, Dialect::Sqlite);
    let schema = work.new.to_schema();
    let mut run = Vec::new();
    let tables: Vec<Staying<'_>> =
        work.staying().map(|(before, after)| Staying::of(work, &schema, existing, before, after)).collect();
    let words = |table: &Table, field: &str| {
        let column = &table.column(field)?.column;
        Some(format!("{}${column}$words", table.table))
    };
    // Words stand under the names of table and column: what is renamed gets them anew.
    for (before, after) in work.staying() {
        let Some(old) = work.table_before(&after.entity) else { continue };
        for field in &old.searchable {
            let Some(kept) = words(old, field) else { continue };
            let stays = before.searchable.iter().zip(&old.searchable).find(|(_, was)| *was == field);
            let stays =
                stays.filter(|(now, _)| after.searchable.contains(now) && words(after, now) == Some(kept.clone()));
            if stays.is_none() || key_column(old) != key_column(after) {
                forget(&kept, &mut run);
            }
        }
    }
    for change in work.changes {
        if let Change::DropIndex { index, .. } = change {
            run.push(format!("DROP INDEX IF EXISTS {}", quoted(&index.name)));
        }
    }
    for table in work.gone() {
        let kept = table.searchable.iter().filter_map(|field| words(table, field));
        run.extend(kept.map(|kept| format!("DROP TABLE IF EXISTS {}", quoted(&kept))));
        run.push(format!("DROP TABLE {}", quoted(&table.table)));
    }
    for (from, to) in work.table_renamings() {
        run.push(format!("ALTER TABLE {} RENAME TO {}", quoted(&from), quoted(&to)));
    }
    // A column whose name another one takes has to go first; its table is made anew anyway.
    for table in &tables {
        let renamings = work.renamings(&table.after.entity);
        let taken = |name: &str| renamings.iter().any(|(_, to)| to.eq_ignore_ascii_case(name));
        let away = work.dropped(&table.after.entity).filter(|column| taken(&column.column)).enumerate();
        let away: Vec<_> = away.map(|(at, gone)| (gone.column.clone(), format!("_dbal_gone_{at}"))).collect();
        for (from, to) in away.into_iter().chain(renamings) {
            let renamed = format!("RENAME COLUMN {} TO {}", quoted(&from), quoted(&to));
            run.push(format!("ALTER TABLE {} {renamed}", quoted(&table.after.table)));
        }
    }
    for table in work.created() {
        run.push(ddl::create_table(&schema, schema.entity(id(&schema, table)?))?);
    }
    for table in &tables {
        if table.anew { table.make_anew(work, &schema, &mut run)? } else { table.in_place(work, &schema, &mut run)? }
    }
    for table in &work.new.tables {
        let entity = schema.entity(id(&schema, table)?);
        let staying = tables.iter().find(|staying| staying.after.entity == table.entity);
        let fresh = staying.is_none_or(|staying| staying.anew);
        for index in entity.indexes.iter() {
            let added = work.changes.iter().any(
                |change| matches!(change, Change::AddIndex { entity, index: new } if *entity == table.entity && new.name == index.name),
            );
            if fresh || added {
                run.push(ddl::create_index(entity, index));
            }
        }
        run.extend(staying.iter().filter(|staying| staying.anew).flat_map(|staying| staying.foreign.clone()));
        for field in &entity.searchable {
            let kept = Kept::of(entity, *field);
            let there = existing.tables.iter().any(|known| known.name.eq_ignore_ascii_case(&kept.table));
            let forgotten = run.iter().any(|text| *text == format!("DROP TABLE IF EXISTS {}", quoted(&kept.table)));
            match (there && !forgotten, fresh) {
                (false, _) => run.extend(kept.create(entity, *field)),
                // The table of words is right; the triggers went with the old table of rows.
                (true, true) => run.extend(kept.triggers(entity, *field)),
                (true, false) => {}
            }
        }
    }
    let looks = tables.iter().any(|table| table.anew) || work.gone().next().is_some();
    steps.extend(run.into_iter().map(Step::Run));
    if looks {
        let ask =
            "SELECT \"table\", \"parent\", count(*) AS \"rows\" FROM pragma_foreign_key_check GROUP BY 1, 2".to_owned();
        let message = "rows would refer to rows that do not exist".to_owned();
        steps.push(Step::Check { ask, message });
    }
    Ok(steps)
}

fn id(schema: &Schema, table: &Table) -> Result<EntityId> {
    schema.by_name(&table.entity).ok_or_else(|| Error::internal("an entity got lost in a migration"))
}

fn key_column(table: &Table) -> Option<&str> {
    table.column(&table.key).map(|column| column.column.as_str())
}

/// Drops what keeps the words of a field.
fn forget(kept: &str, run: &mut Vec<String>) {
    for event in ["insert", "update", "delete"] {
        run.push(format!("DROP TRIGGER IF EXISTS {}", quoted(&format!("{kept}${event}"))));
    }
    run.push(format!("DROP TABLE IF EXISTS {}", quoted(kept)));
}

/// A table that stays.
struct Staying<'w> {
    before: &'w Table,
    after: &'w Table,
    /// Whether it is made anew.
    anew: bool,
    /// Triggers and indexes that somebody else made; they go with the old table and come back.
    foreign: Vec<String>,
    /// Columns that nothing declares.
    unknown: Vec<String>,
}

impl<'w> Staying<'w> {
    fn of(work: &Work<'w>, schema: &Schema, existing: &Snapshot, before: &'w Table, after: &'w Table) -> Self {
        let entity = &after.entity;
        let altered = work.altered(entity).any(|(from, to)| {
            let kept = between(&from.ty, &to.ty).is_ok_and(|conversion| !rewrites(&conversion));
            !kept || (from.nullable, &from.reference, from.counted) != (to.nullable, &to.reference, to.counted)
        });
        let in_place = |column: &Column| {
            let field = schema.by_name(entity).map(|id| schema.entity(id)).and_then(|entity| {
                let field = entity.field_by_name(&column.field)?;
                Some(ddl::add_column(schema, entity, entity.field(field)).is_ok())
            });
            let plain = matches!(column.fill, None | Some(Fill::Value(_))) || column.nullable;
            plain && field == Some(true)
        };
        let anew = altered || work.dropped(entity).next().is_some() || !work.added(entity).all(in_place);
        let old = work.table_before(entity).unwrap_or(after);
        let info = existing.tables.iter().find(|known| known.name.eq_ignore_ascii_case(&old.table));
        let unknown = info.map(|info| unknown(info, old)).unwrap_or_default();
        let foreign = info.map(|info| foreign(info, old)).unwrap_or_default();
        Staying { before, after, anew, foreign, unknown }
    }

    /// What is known of each column, under its new name.
    fn source(&self, column: &Column) -> Option<&Column> {
        self.before.column(&column.field)
    }

    fn in_place(&self, work: &Work<'_>, schema: &Schema, run: &mut Vec<String>) -> Result<()> {
        let entity = schema.entity(id(schema, self.after)?);
        for column in work.added(&self.after.entity) {
            let Some(field) = entity.field_by_name(&column.field) else { continue };
            let added = ddl::add_column(schema, entity, entity.field(field));
            run.push(added.map_err(|why| Error::validation(format!("{}.{}", entity.name, column.field), why))?);
            // A constant comes with the column.
            if let Some(fill) = column.fill.as_ref().filter(|fill| !matches!(fill, Fill::Value(_))) {
                let (table, name) = (quoted(&self.after.table), quoted(&column.column));
                run.push(format!("UPDATE {table} SET {name} = {}", self.filled(column, fill)));
            }
        }
        Ok(())
    }

    fn make_anew(&self, work: &Work<'_>, schema: &Schema, run: &mut Vec<String>) -> Result<()> {
        let entity = schema.entity(id(schema, self.after)?);
        if !self.unknown.is_empty() {
            let columns = self.unknown.join(", ");
            let message = format!("has columns that nothing declares ({columns}): made anew, it would lose them");
            return Err(Error::validation(&entity.name, message));
        }
        let moved = work.dropped(&entity.name).next().is_some() || !work.renamings(&entity.name).is_empty();
        let called = work.table_before(&entity.name).is_some_and(|old| old.table != self.after.table);
        if !self.foreign.is_empty() && (moved || called) {
            let message = "has triggers or indexes that nothing declares, which may name what changes: drop them first";
            return Err(Error::validation(&entity.name, message));
        }
        let (table, anew) = (quoted(&self.after.table), quoted(ANEW));
        run.push(ddl::create_table_called(schema, entity, ANEW)?);
        let names: Vec<String> = self.after.columns.iter().map(|column| quoted(&column.column)).collect();
        let values: Vec<String> = self.after.columns.iter().map(|column| self.value(column)).collect();
        let (names, values) = (names.join(", "), values.join(", "));
        run.push(format!("INSERT INTO {anew} ({names}) SELECT {values} FROM {table}"));
        let counts = |table: &Table| table.columns.iter().any(|column| column.counted);
        if counts(self.before) && counts(self.after) {
            // Numbers of rows that are gone must not come back.
            let named = self.after.table.replace('\'', "''");
            run.push(format!("DELETE FROM sqlite_sequence WHERE name = '{ANEW}'"));
            run.push(format!(
                "INSERT INTO sqlite_sequence (name, seq) SELECT '{ANEW}', seq FROM sqlite_sequence WHERE name = '{named}'"
            ));
        }
        run.push(format!("DROP TABLE {table}"));
        // References of other tables are by name, and are to stay so.
        run.push("PRAGMA legacy_alter_table = ON".to_owned());
        run.push(format!("ALTER TABLE {anew} RENAME TO {table}"));
        run.push("PRAGMA legacy_alter_table = OFF".to_owned());
        Ok(())
    }

    /// What the new table gets from the old one.
    fn value(&self, column: &Column) -> String {
        let fill = column.fill.as_ref();
        let Some(source) = self.source(column) else {
            return fill.map_or("NULL".to_owned(), |fill| self.filled(column, fill));
        };
        let conversion = between(&source.ty, &column.ty).unwrap_or(Conversion::None);
        let value = converted(&conversion, &quoted(&source.column));
        match fill.filter(|_| source.nullable && !column.nullable) {
            Some(fill) => format!("coalesce({value}, {})", self.filled(column, fill)),
            None => value,
        }
    }

    fn filled(&self, column: &Column, fill: &Fill) -> String {
        match fill {
            Fill::Value(value) => literal(&column.ty, value),
            Fill::Now => now(&column.ty),
            Fill::Uuid => UUID.to_owned(),
            Fill::Copy(field) => self.before.column(field).map_or("NULL".to_owned(), |source| {
                let conversion = between(&source.ty, &column.ty).unwrap_or(Conversion::None);
                converted(&conversion, &quoted(&source.column))
            }),
        }
    }
}

/// Columns that exist and that nothing declares.
fn unknown(info: &TableInfo, old: &Table) -> Vec<String> {
    let declared = |name: &String| old.columns.iter().any(|column| column.column.eq_ignore_ascii_case(name));
    info.columns.iter().filter(|name| !declared(name)).cloned().collect()
}

/// Statements of triggers and indexes that are not ours.
fn foreign(info: &TableInfo, old: &Table) -> Vec<String> {
    let ours = |name: &str| {
        let words = old.searchable.iter().filter_map(|field| old.column(field));
        old.indexes.iter().any(|index| index.name.eq_ignore_ascii_case(name))
            || words.into_iter().any(|column| name.starts_with(&format!("{}${}$words$", old.table, column.column)))
    };
    info.attached.iter().filter(|(name, _)| !ours(name)).map(|(_, text)| text.clone()).collect()
}

/// Whether a value is stored otherwise here.
fn rewrites(conversion: &Conversion) -> bool {
    match conversion {
        Conversion::IntToFloat
        | Conversion::FloatToInt(_)
        | Conversion::IntToDecimal(_)
        | Conversion::DecimalToInt(_) => true,
        Conversion::None
        | Conversion::Words(_)
        | Conversion::UuidToText
        | Conversion::TextToUuid
        | Conversion::Widen
        | Conversion::Narrow => false,
    }
}

fn converted(conversion: &Conversion, column: &str) -> String {
    match conversion {
        Conversion::IntToFloat => format!("CAST({column} AS REAL)"),
        Conversion::FloatToInt(_) | Conversion::DecimalToInt(_) => format!("CAST({column} AS INTEGER)"),
        Conversion::IntToDecimal(0) => format!("CAST({column} AS TEXT)"),
        Conversion::IntToDecimal(scale) => {
            format!("CAST({column} AS TEXT) || '.{}'", "0".repeat(*scale as usize))
        }
        _ => column.to_owned(),
    }
}

/// A random UUID.
const UUID: &str = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' \
    || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))";

/// The time of the migration, as a field of the type holds it.
fn now(ty: &FieldType) -> String {
    match ty {
        FieldType::Date => "date('now')".to_owned(),
        FieldType::Float => "CAST(CAST(unixepoch('subsec') * 1000 AS INTEGER) AS REAL)".to_owned(),
        _ => "CAST(unixepoch('subsec') * 1000 AS INTEGER)".to_owned(),
    }
}

/// A value as it is stored.
fn literal(ty: &FieldType, value: &Value) -> String {
    let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
    match value {
        Value::Null | Value::Undefined => "NULL".to_owned(),
        document if *ty == FieldType::Json => text(&json::to_text(document)),
        Value::Bool(v) => i64::from(*v).to_string(),
        Value::Int(v) if *ty == FieldType::Float => format!("{:?}", *v as f64),
        Value::Int(v) => v.to_string(),
        Value::Float(v) => format!("{v:?}"),
        Value::Text(v) => text(v),
        Value::Bytes(v) => v.iter().fold("x'".to_owned(), |hex, byte| hex + &format!("{byte:02x}")) + "'",
        Value::Decimal(v) => text(&v.to_string()),
        Value::Uuid(v) => text(&v.to_string()),
        Value::DateTime(v) => v.epoch_millis().to_string(),
        Value::Date(v) => text(&v.to_string()),
        Value::List(_) | Value::Map(_) | Value::Json(_) | Value::Record(_) | Value::Records(_) => {
            text(&json::to_text(value))
        }
    }
}
