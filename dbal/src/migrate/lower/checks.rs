//! What the rows that exist must not hold, asked before anything is changed. Each question counts, and gives no row
//! where there is nothing to count.

use super::{Step, Work};
use crate::migrate::change::Change;
use crate::migrate::convert::{Conversion, between};
use crate::migrate::model::{Column, Fill, Indexed};
use crate::schema::{Condition, Entity, Field, FieldType, IndexFilter};
use crate::sql::ddl::condition::spell;
use crate::sql::dialect::Dialect;
use crate::sql::quoted;
use crate::syntax::renamed;

/// The questions, for a database that speaks SQL. They name what there is as it is called now.
pub(super) fn checks(work: &Work<'_>, dialect: Dialect) -> Vec<Step> {
    let mut steps = Vec::new();
    for change in work.changes {
        match change {
            Change::AddField { entity, column } if !column.nullable && column.fill.is_none() => {
                let Some(table) = work.table_before(entity) else { continue };
                let message = format!(
                    "{entity}.{} is new and never null, and the rows that exist have no value for it: give it a \
                     default or a backfill",
                    column.field
                );
                steps.push(count(&quoted(&table.table), None, message));
            }
            Change::AlterField { entity, from, to } => of_field(work, dialect, entity, from, to, &mut steps),
            Change::AddIndex { entity, index } if index.unique => {
                steps.extend(unique(work, dialect, entity, index));
            }
            _ => {}
        }
    }
    steps
}

fn of_field(work: &Work<'_>, dialect: Dialect, entity: &str, from: &Column, to: &Column, steps: &mut Vec<Step>) {
    let (Some(table), Some(before)) = (work.table_before(entity), work.column_before(entity, &to.field)) else {
        return;
    };
    let (rows, column, field) = (quoted(&table.table), quoted(&before.column), &to.field);
    if from.nullable && !to.nullable && to.fill.is_none() {
        let message = format!("{entity}.{field} is null in rows that exist: give it a default or a backfill");
        steps.push(count(&rows, Some(&format!("{column} IS NULL")), message));
    }
    let conversion = between(&from.ty, &to.ty).unwrap_or(Conversion::None);
    if let Some(condition) = misfit(&conversion, &column, dialect) {
        let message = format!("{entity}.{field} holds values that are no {}", worded(&to.ty));
        steps.push(count(&rows, Some(&condition), message));
    }
    if let Some(key) = to.reference.as_ref().filter(|_| to.reference != from.reference) {
        let target = work.table_before(&key.entity).zip(work.column_before(&key.entity, &key.field));
        let condition = match target {
            Some((target, remote)) => {
                let (target, remote) = (quoted(&target.table), quoted(&remote.column));
                format!(
                    "{column} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {target} AS \"there\" WHERE \"there\".{remote} = \
                     \"here\".{column})"
                )
            }
            None => format!("{column} IS NOT NULL"),
        };
        let message = format!("{entity}.{field} points to rows of {} that do not exist", key.entity);
        steps.push(count(&format!("{rows} AS \"here\""), Some(&condition), message));
    }
}

/// A type as a message says it.
pub(super) fn worded(ty: &FieldType) -> String {
    match ty {
        FieldType::Enum(words) => format!("words of it ({})", words.values.join(", ")),
        ty => ty.as_str().to_owned(),
    }
}

/// Rows that would share a unique key. What is added is the same in all rows, null, or a UUID.
fn unique(work: &Work<'_>, dialect: Dialect, entity: &str, index: &Indexed) -> Option<Step> {
    let fields = &index.fields;
    let table = work.table_before(entity)?;
    let Grouped { columns, alone } = grouped(work, entity, fields)?;
    let message = format!("{entity}: rows that exist share the same {}, which is to be unique", fields.join(", "));
    let rows = quoted(&table.table);
    let within = match &index.filter {
        None => None,
        Some(text) => {
            let (entity, condition) = condition(work, entity, text)?;
            Some(spell(&entity, &condition, dialect))
        }
    };
    if alone {
        let within = within.map_or_else(String::new, |within| format!(" WHERE {within}"));
        let ask = format!("SELECT count(*) AS \"rows\" FROM {rows}{within} HAVING count(*) > 1");
        return Some(Step::Check { ask, message });
    }
    let columns: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
    let known = columns.iter().map(|column| format!("{column} IS NOT NULL"));
    let known: Vec<String> = known.chain(within.map(|within| format!("({within})"))).collect();
    let (columns, known) = (columns.join(", "), known.join(" AND "));
    let ask = format!(
        "SELECT count(*) AS \"rows\" FROM (SELECT 1 AS \"one\" FROM {rows} WHERE {known} GROUP BY {columns} HAVING count(*) \
         > 1) AS \"shared\" HAVING count(*) > 0"
    );
    Some(Step::Check { ask, message })
}

/// The condition of an index on rows as they are now, with the entity that they are of; none where it looks at what
/// these rows do not have yet, or have as another type.
pub(super) fn condition(work: &Work<'_>, entity: &str, text: &str) -> Option<(Entity, Condition)> {
    let table = work.table_before(entity)?;
    let called = |field: &String| work.column_before(entity, field).map(|before| before.field.clone());
    let later = work.new.table(entity)?.columns.iter().map(|column| column.field.clone());
    let pairs: Vec<(String, String)> = later.filter_map(|field| Some((field.clone(), called(&field)?))).collect();
    let text =
        pairs.iter().filter(|(to, from)| to != from).fold(text.to_owned(), |text, (to, from)| renamed(&text, to, from));
    let entity = table.to_entity(&|_| None);
    let fields: Vec<&Field> = entity.fields.iter().collect();
    let condition = IndexFilter::read(&entity.name, &fields, &text).ok()?.condition;
    Some((entity, condition))
}

/// What decides whether rows that exist would share a key.
pub(super) struct Grouped {
    /// Columns as they are called now.
    pub columns: Vec<String>,
    /// There are none: all rows get the same.
    pub alone: bool,
}

/// None where rows cannot share the key.
pub(super) fn grouped(work: &Work<'_>, entity: &str, fields: &[String]) -> Option<Grouped> {
    let mut columns = Vec::new();
    for field in fields {
        match work.column_before(entity, field) {
            Some(before) => columns.push(before.column.clone()),
            None => match &work.new.table(entity)?.column(field)?.fill {
                None | Some(Fill::Uuid) => return None,
                Some(Fill::Copy(other)) => columns.push(work.column_before(entity, other)?.column.clone()),
                Some(Fill::Value(_) | Fill::Now) => {}
            },
        }
    }
    Some(Grouped { alone: columns.is_empty(), columns })
}

fn count(rows: &str, condition: Option<&str>, message: String) -> Step {
    let condition = condition.map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
    let ask = format!("SELECT count(*) AS \"rows\" FROM {rows}{condition} HAVING count(*) > 0");
    Step::Check { ask, message }
}

/// The condition under which a stored value has no place in the other type; none where all have.
fn misfit(conversion: &Conversion, column: &str, dialect: Dialect) -> Option<String> {
    let outside = |bits: u8, value: &str| {
        let (least, greatest) = range(bits);
        format!("{value} NOT BETWEEN {least} AND {greatest}")
    };
    Some(match (conversion, dialect) {
        (Conversion::None | Conversion::Widen | Conversion::UuidToText | Conversion::IntToDecimal(_), _) => {
            return None;
        }
        (Conversion::Words(words), _) => {
            let words: Vec<String> = words.iter().map(|word| format!("'{}'", word.replace('\'', "''"))).collect();
            format!("{column} NOT IN ({})", words.join(", "))
        }
        (Conversion::TextToUuid, Dialect::Sqlite) => {
            let groups = [8, 4, 4, 4, 12].map(|count| "[0-9a-f]".repeat(count));
            format!("{column} NOT GLOB '{}'", groups.join("-"))
        }
        (Conversion::TextToUuid, Dialect::Postgres) => {
            format!("{column} !~ '^[0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{12}}$'")
        }
        (Conversion::Narrow, _) => outside(32, column),
        (Conversion::IntToFloat, _) => outside(53, column),
        (Conversion::FloatToInt(bits), _) => format!("{column} <> round({column}) OR {}", outside(*bits, column)),
        (Conversion::DecimalToInt(bits), Dialect::Sqlite) => {
            let whole = format!("CAST({column} AS INTEGER)");
            let written =
                format!("CASE WHEN instr({column}, '.') > 0 THEN rtrim(rtrim({column}, '0'), '.') ELSE {column} END");
            // The collation of decimals would find 1.5 and 2 different as well, but it is for decimals alone.
            format!("CAST({whole} AS TEXT) <> ({written}) COLLATE BINARY OR {}", outside(*bits, &whole))
        }
        (Conversion::DecimalToInt(bits), Dialect::Postgres) => {
            format!("{column} <> trunc({column}) OR {}", outside(*bits, column))
        }
    })
}

/// The least and the greatest whole number of so many bits; of 53, of those that a float tells apart.
pub(super) fn range(bits: u8) -> (i64, i64) {
    match bits {
        32 => (i32::MIN.into(), i32::MAX.into()),
        53 => (-(1 << 53), 1 << 53),
        _ => (i64::MIN, i64::MAX),
    }
}
