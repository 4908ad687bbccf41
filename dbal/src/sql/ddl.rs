//! What exists in a database, and how tables, columns and indexes are spelled.

pub(crate) mod condition;
pub(crate) mod postgres;

use sea_query::{
    ColumnDef, Expr as SqlExpr, ForeignKey as SqlForeignKey, ForeignKeyAction, ForeignKeyCreateStatement,
    Index as SqlIndex, SqliteQueryBuilder, Table,
};

use super::dialect::Dialect;
use super::storage::{self, column_type};
use super::{iden, quoted};
use crate::error::{Error, Result};
use crate::schema::{DefaultValue, Entity, Field, FieldType, ForeignKey, Generator, Index, Referential, Schema};
use crate::value::{Value, json};

/// What exists in a database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Its tables.
    pub tables: Vec<TableInfo>,
    /// Names of its functions, where a database keeps them.
    pub functions: Vec<String>,
    /// The schema that everything is to be in, if it is not there.
    pub missing_schema: Option<String>,
}

/// A table that exists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableInfo {
    /// Its name.
    pub name: String,
    /// Names of its columns.
    pub columns: Vec<String>,
    /// Names of its indexes.
    pub indexes: Vec<String>,
    /// What is known of them and of unique keys, as far as they are over columns and over every row.
    pub over: Vec<IndexInfo>,
    /// The columns of each of its foreign keys, where they can be added later.
    pub references: Vec<Vec<String>>,
    /// What each of these foreign keys is called.
    pub reference_names: Vec<String>,
    /// What is known of each column, in the order of their names.
    pub details: Vec<ColumnInfo>,
    /// Names and statements of its triggers and indexes, where they go with the table.
    pub attached: Vec<(String, String)>,
}

/// An index or a unique key that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexInfo {
    /// Its name.
    pub name: String,
    /// Its columns in order.
    pub columns: Vec<String>,
    /// Whether they are unique together.
    pub unique: bool,
    /// Whether it is there for a constraint of the table, and goes with it alone.
    pub constraint: bool,
}

impl TableInfo {
    /// Whether a collection has a validator of the engine's, which always knows the key.
    pub fn is_validated(&self) -> bool {
        self.columns.iter().any(|column| column == "_id")
    }

    /// The index of this name, or one of another name over the same columns: who made it does not matter. An index that
    /// is not plain is known by its name alone.
    pub fn index(
        &self,
        name: &str,
        columns: &[&str],
        unique: bool,
        same: impl Fn(&str, &str) -> bool,
    ) -> Option<IndexInfo> {
        if self.indexes.iter().any(|known| same(known, name)) {
            let found = self.over.iter().find(|known| same(&known.name, name)).cloned();
            return Some(found.unwrap_or_else(|| IndexInfo { name: name.to_owned(), ..IndexInfo::default() }));
        }
        let alike = |known: &&IndexInfo| {
            known.unique == unique
                && known.columns.len() == columns.len()
                && known.columns.iter().zip(columns).all(|(known, column)| same(known, column))
        };
        self.over.iter().find(alike).cloned()
    }
}

/// A column that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its type in the database's own words.
    pub stored: String,
    /// Whether null is allowed.
    pub nullable: bool,
    /// Whether it refers to another table.
    pub refers: bool,
}

/// `CREATE TABLE` with its key and its foreign keys. STRICT, so that no column can hold another type.
pub(crate) fn create_table(schema: &Schema, entity: &Entity) -> Result<String> {
    create_table_called(schema, entity, &entity.table)
}

/// The same under another name.
pub(crate) fn create_table_called(schema: &Schema, entity: &Entity, name: &str) -> Result<String> {
    let mut table = Table::create();
    table.table(iden(name));
    for field in &entity.fields {
        let mut column = column(field);
        if field.primary {
            column.primary_key();
        }
        if field.generated == Some(Generator::Sequence) {
            let whole = matches!(field.ty, FieldType::Integer | FieldType::BigInt);
            if !field.primary || !whole {
                let name = format!("{}.{}", entity.name, field.name);
                let message = format!("{name}: a sequence can only make the values of an integer key");
                return Err(Error::unsupported("migrations", message));
            }
            // Without AUTOINCREMENT the numbers of deleted rows would come back.
            column.auto_increment();
        }
        table.col(column);
    }
    for field in &entity.fields {
        if let Some(key) = &field.foreign_key {
            table.foreign_key(&mut foreign_key(schema, name, field, key));
        }
    }
    // The types that other tools know their values by are none of those of a strict table.
    if entity.fields.iter().all(|field| column_type(Dialect::Sqlite, field).is_none()) {
        table.extra("STRICT");
    }
    Ok(table.to_string(SqliteQueryBuilder))
}

/// `ALTER TABLE ADD COLUMN`, or why rows that exist cannot get the column.
pub(crate) fn add_column(schema: &Schema, entity: &Entity, field: &Field) -> Result<String, &'static str> {
    if field.primary {
        return Err("is the primary key and cannot be added to a table that exists");
    }
    let mut definition = column(field);
    let default = match &field.default {
        Some(DefaultValue::Value(value)) => Some(stored_literal(field, value)),
        _ if field.version => Some(SqlExpr::Constant(1i64.into())),
        _ => None,
    };
    match default {
        None if !field.nullable => {
            return Err("cannot be added to a table that exists: it allows no null and has no fixed default");
        }
        Some(_) if field.foreign_key.is_some() => {
            return Err("cannot be added to a table that exists: it points to another entity and has a default");
        }
        Some(default) => {
            definition.default(default);
        }
        None => {}
    }
    if let Some(key) = &field.foreign_key {
        let target = schema.entity(key.entity);
        let (table, column) = (quoted(&target.table), quoted(&target.field(key.field).column));
        let mut reference = format!("REFERENCES {table} ({column})");
        for (event, rule) in [("DELETE", key.on_delete), ("UPDATE", key.on_update)] {
            match rule {
                Referential::Restrict => {}
                Referential::Cascade => reference += &format!(" ON {event} CASCADE"),
                Referential::SetNull => reference += &format!(" ON {event} SET NULL"),
            }
        }
        let collation = collation(field).map_or(String::new(), |collation| format!("{collation} "));
        definition.extra(collation + &reference);
    }
    Ok(Table::alter().table(iden(&entity.table)).add_column(definition).to_string(SqliteQueryBuilder))
}

/// `CREATE INDEX`.
pub(crate) fn create_index(entity: &Entity, index: &Index) -> String {
    let mut built = SqlIndex::create();
    // sea-query writes an index's name between quotes as it is, so quotes in it are doubled here.
    built.name(index.name.replace('"', "\"\"")).table(iden(&entity.table));
    for field in &index.fields {
        built.col(iden(&entity.field(*field).column));
    }
    if index.unique {
        built.unique();
    }
    let built = built.to_string(SqliteQueryBuilder);
    match &index.filter {
        None => built,
        Some(filter) => format!("{built} WHERE {}", condition::spell(entity, &filter.condition, Dialect::Sqlite)),
    }
}

/// Name, type, and whether null is allowed.
fn column(field: &Field) -> ColumnDef {
    column_called(&field.column, field)
}

/// The same under another name.
pub(super) fn column_called(name: &str, field: &Field) -> ColumnDef {
    let mut column = ColumnDef::new(iden(name));
    column.custom(column_type(Dialect::Sqlite, field).unwrap_or_else(|| sqlite_type(&field.ty)));
    if !field.nullable {
        column.not_null();
    }
    if let Some(collation) = collation(field) {
        column.extra(collation);
    }
    column
}

/// The type of a field's column.
pub(crate) fn sqlite_type(ty: &FieldType) -> &'static str {
    match ty {
        FieldType::Integer | FieldType::BigInt | FieldType::Boolean | FieldType::DateTime => "INTEGER",
        FieldType::Float => "REAL",
        FieldType::Bytes => "BLOB",
        FieldType::Uuid
        | FieldType::Text(_)
        | FieldType::Enum(_)
        | FieldType::Decimal { .. }
        | FieldType::Date
        | FieldType::Json => "TEXT",
    }
}

/// Decimals are text, compared by value.
fn collation(field: &Field) -> Option<&'static str> {
    let ours = field.storage.is_none() && matches!(field.ty, FieldType::Decimal { .. });
    ours.then_some("COLLATE dbal_decimal")
}

/// Restrict is spelled as NO ACTION, the default: it is checked when the statement ends. RESTRICT would be checked row
/// by row, and deleting a whole tree would depend on the order in which its rows are met.
fn foreign_key(schema: &Schema, table: &str, field: &Field, key: &ForeignKey) -> ForeignKeyCreateStatement {
    let target = schema.entity(key.entity);
    let mut built = SqlForeignKey::create();
    built.from(iden(table), iden(&field.column)).to(iden(&target.table), iden(&target.field(key.field).column));
    if let Some(action) = action(key.on_delete) {
        built.on_delete(action);
    }
    if let Some(action) = action(key.on_update) {
        built.on_update(action);
    }
    built
}

fn action(rule: Referential) -> Option<ForeignKeyAction> {
    match rule {
        Referential::Restrict => None,
        Referential::Cascade => Some(ForeignKeyAction::Cascade),
        Referential::SetNull => Some(ForeignKeyAction::SetNull),
    }
}

/// The same in the form of the field's column.
fn stored_literal(field: &Field, value: &Value) -> SqlExpr {
    let plain = literal(&field.ty, value);
    match storage::form(Dialect::Sqlite, field).and_then(|form| form.write) {
        None => plain,
        // A default must be constant; in brackets it may be computed, by functions that others do not have.
        Some(write) => {
            SqlExpr::cust_with_exprs(format!("({write})"), std::iter::repeat_n(plain, write.matches('?').count()))
        }
    }
}

/// A value as SQLite stores it, spelled into the statement.
fn literal(ty: &FieldType, value: &Value) -> SqlExpr {
    let constant = match value {
        Value::Null | Value::Undefined => return SqlExpr::null(),
        document if *ty == FieldType::Json => json::to_text(document).into(),
        Value::Bool(v) => i64::from(*v).into(),
        Value::Int(v) => (*v).into(),
        Value::Float(v) => (*v).into(),
        Value::Text(v) => v.as_str().into(),
        Value::Bytes(v) => v.clone().into(),
        Value::Decimal(v) => v.to_string().into(),
        Value::Uuid(v) => v.to_string().into(),
        Value::DateTime(v) => v.epoch_millis().into(),
        Value::Date(v) => v.to_string().into(),
        Value::List(_) | Value::Map(_) | Value::Json(_) | Value::Record(_) | Value::Records(_) => {
            json::to_text(value).into()
        }
    };
    SqlExpr::Constant(constant)
}
