//! What a database without a history holds of a schema: what is there by name, with its type as the database knows it.
//! Tables and columns that nothing declares are left alone.

use super::model::{Column, Model, Table};
use crate::document::migrate::bson_type;
use crate::plan::operation::Lowering;
use crate::plan::operation::document::KEY;
use crate::schema::index::OF_KEY;
use crate::schema::{FieldType, TextKind, plural};
use crate::sql::ddl::{ColumnInfo, Snapshot, TableInfo, postgres, sqlite_type};
use crate::sql::dialect::Dialect;
use crate::syntax::renamed;

/// What is there of what is declared.
pub fn adopt(target: &Model, existing: &Snapshot, how: Lowering) -> Model {
    let found = |name: &str| existing.tables.iter().find(|table| same(how, &table.name, name));
    let mut tables = Vec::new();
    for declared in &target.tables {
        if let Some(info) = found(&declared.table) {
            tables.push(of_table(declared.clone(), info, existing, how));
            continue;
        }
        let earlier = declared.renamed_from.as_ref().filter(|from| target.table(from).is_none());
        if let Some((entity, info)) = earlier.and_then(|entity| Some((entity, found(&plural(entity))?))) {
            let before = Table { entity: entity.clone(), table: info.name.clone(), ..declared.clone() };
            tables.push(of_table(before, info, existing, how));
        }
    }
    let mut model = Model { tables };
    // What points to an entity that is renamed does so under its old name.
    let renamed: Vec<(String, String)> = target
        .tables
        .iter()
        .filter(|table| model.table(&table.entity).is_none())
        .filter_map(|table| Some((table.entity.clone(), table.renamed_from.clone()?)))
        .collect();
    for reference in model.tables.iter_mut().flat_map(|t| &mut t.columns).filter_map(|c| c.reference.as_mut()) {
        if let Some((_, from)) = renamed.iter().find(|(to, _)| *to == reference.entity) {
            reference.entity.clone_from(from);
        }
    }
    model
}

fn of_table(declared: Table, info: &TableInfo, existing: &Snapshot, how: Lowering) -> Table {
    let mut columns: Vec<Column> = Vec::new();
    let mut names: Vec<(String, String)> = Vec::new();
    for column in &declared.columns {
        let key = declared.key == column.field;
        let hint = column.renamed_from.as_ref().filter(|from| declared.column(from).is_none());
        let stored = if key && how == Lowering::Document { KEY } else { column.column.as_str() };
        // A collection whose validator is not ours holds whatever is put into it.
        let anything = how == Lowering::Document && !info.is_validated();
        if anything {
            columns.push(Column { renamed_from: None, ..column.clone() });
        } else if let Some(at) = position(info, stored, how) {
            columns.push(of_column(column.clone(), key, info, at, how));
        } else if let Some((field, at)) = hint.and_then(|from| Some((from, position(info, from, how)?))) {
            names.push((column.field.clone(), field.clone()));
            let before = Column { field: field.clone(), column: info.columns[at].clone(), ..column.clone() };
            columns.push(of_column(before, key, info, at, how));
        }
    }
    let called = |field: &String| names.iter().find(|(to, _)| to == field).map_or(field, |(_, from)| from).clone();
    let has = |name: &str| info.indexes.iter().any(|index| same(how, index, name));
    let there = |field: &String| columns.iter().any(|column| column.field == *field);
    let stored = |field: &String| {
        let column = columns.iter().find(|column| column.field == *field)?;
        Some(if how == Lowering::Document && *field == called(&declared.key) { KEY } else { column.column.as_str() })
    };
    let made = |index: &&super::model::Indexed| {
        let over: Option<Vec<&str>> = index.fields.iter().map(|field| stored(&called(field))).collect();
        // Which rows a filter leaves out, no database says in our words.
        let over = over.filter(|_| index.filter.is_none()).unwrap_or_default();
        index.name.ends_with(OF_KEY) || info.index(&index.name, &over, index.unique, |a, b| same(how, a, b)).is_some()
    };
    let indexes = declared.indexes.iter().filter(made).map(|index| {
        let fields = index.fields.iter().map(called).collect();
        let filter = index
            .filter
            .as_ref()
            .map(|filter| names.iter().fold(filter.clone(), |filter, (to, from)| renamed(&filter, to, from)));
        super::model::Indexed { fields, filter, ..index.clone() }
    });
    let indexes = indexes.filter(|index| index.fields.iter().all(there)).collect();
    let searched = |field: &String| {
        let Some(column) = columns.iter().find(|column| column.field == *field) else { return false };
        let words = format!("{}${}$words", declared.table, column.column);
        match how {
            Lowering::Sql(Dialect::Sqlite) => existing.tables.iter().any(|table| same(how, &table.name, &words)),
            Lowering::Sql(Dialect::Postgres) => has(&words),
            // The key is stored as `_id`, whatever it is called.
            Lowering::Document | Lowering::Ast => {
                has(&format!("_dbal_words_{}", column.column))
                    || (called(&declared.key) == *field && has("_dbal_words__id"))
            }
        }
    };
    let searchable = declared.searchable.iter().map(called).filter(searched).collect();
    let expires = |field: &String| match how {
        Lowering::Document => columns
            .iter()
            .find(|column| column.field == *field)
            .is_some_and(|column| has(&format!("_dbal_expiry_{}", column.column))),
        Lowering::Sql(_) | Lowering::Ast => true,
    };
    let expiry = declared.expiry.as_ref().map(called).filter(expires);
    Table { key: called(&declared.key), indexes, searchable, expiry, columns, renamed_from: None, ..declared }
}

fn of_column(mut column: Column, key: bool, info: &TableInfo, at: usize, how: Lowering) -> Column {
    column.renamed_from = None;
    let Some(detail) = info.details.get(at) else { return column };
    column.nullable = detail.nullable && !key;
    if !detail.refers && matches!(how, Lowering::Sql(_)) {
        column.reference = None;
    }
    // A storage says what others made, in whatever words they have for its type.
    if column.storage.is_some() {
        return column;
    }
    if let Some(ty) = stored_as(&column.ty, detail, how) {
        column.ty = ty;
    }
    column
}

fn position(info: &TableInfo, name: &str, how: Lowering) -> Option<usize> {
    info.columns.iter().position(|column| same(how, column, name))
}

/// The type of a column that is stored otherwise than declared; none where it is as declared, or nobody can tell.
fn stored_as(declared: &FieldType, detail: &ColumnInfo, how: Lowering) -> Option<FieldType> {
    let spelled = |ty: &FieldType| match how {
        Lowering::Sql(Dialect::Sqlite) => sqlite_type(ty),
        Lowering::Sql(Dialect::Postgres) => postgres::postgres_type(ty),
        Lowering::Document | Lowering::Ast => bson_type(ty).unwrap_or_default(),
    };
    if detail.stored.is_empty() || spelled(declared).eq_ignore_ascii_case(&detail.stored) {
        return None;
    }
    let all = [
        FieldType::Text(TextKind::Text),
        FieldType::BigInt,
        FieldType::Integer,
        FieldType::Float,
        FieldType::Decimal { precision: None, scale: None },
        FieldType::Boolean,
        FieldType::DateTime,
        FieldType::Date,
        FieldType::Json,
        FieldType::Bytes,
        FieldType::Uuid,
    ];
    all.into_iter().find(|ty| spelled(ty).eq_ignore_ascii_case(&detail.stored))
}

/// SQLite's names are equal without regard to ASCII case.
fn same(how: Lowering, a: &str, b: &str) -> bool {
    if how == Lowering::Sql(Dialect::Sqlite) { a.eq_ignore_ascii_case(b) } else { a == b }
}

/// What a database lacks of what its history says.
pub fn drift(model: &Model, existing: &Snapshot, how: Lowering) -> Vec<String> {
    let mut lacks = Vec::new();
    for table in &model.tables {
        let Some(info) = existing.tables.iter().find(|known| same(how, &known.name, &table.table)) else {
            lacks.push(format!("{}: there is no {}", table.entity, table.table));
            continue;
        };
        if how == Lowering::Document && !info.is_validated() {
            continue;
        }
        for column in &table.columns {
            let key = table.key == column.field && how == Lowering::Document;
            let name = if key { KEY } else { column.column.as_str() };
            if position(info, name, how).is_none() {
                lacks.push(format!("{}.{}: {} has no {name}", table.entity, column.field, table.table));
            }
        }
    }
    lacks
}
