//! From a statement to SQL text and the order of its parameters.
//!
//! Fields of the row at hand are written without a table as long as there is one table; rows of other tables are read
//! in subqueries whose tables have aliases of ours (`"$1"`), so no declared name can capture them.

mod aggregate;
mod branches;
mod condition;
mod join;
mod json;
mod operand;
mod postgres;
mod select;
mod stored;
mod walk;
mod writer;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use sea_query::{
    DynIden, Expr as SqlExpr, Func, FunctionCall, IntoIden, OnConflict, PostgresQueryBuilder, Query,
    QueryStatementWriter, SqliteQueryBuilder,
};

use self::writer::Writer;
use super::dialect::Dialect;
use super::iden;
use crate::error::{Error, Result};
use crate::plan::operation::{Encoding, Sql, SqlParam};
use crate::query::ast::{Aggregate, Assign, Count, Delete, Expr, Insert, Operand, ParamId, Select, Statement, Update};
use crate::query::join::Join;
use crate::query::param::Params;
use crate::schema::{Entity, EntityId, Field, FieldId, FieldType, Schema};

pub use self::branches::{Branch, Parents, branches};

/// Rows, and what comes in the same rows.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'q> {
    /// The rows.
    pub select: &'q Select,
    /// Rows joined to them.
    pub joins: &'q [Join<'q>],
    /// Columns of the rows selected that nobody reads.
    pub unread: &'q [usize],
    /// How many there are beyond the limit: the last column.
    pub count: Option<&'q Count>,
}

/// Spells a statement in a dialect. Done once for each plan.
///
/// # Errors
/// INTERNAL_ERROR for what no plan asks for.
pub fn lower(schema: &Schema, statement: &Statement, params: &Params, dialect: Dialect) -> Result<Sql> {
    let lowering = Lowering::new(schema, params, dialect);
    let root = lowering.root(statement.entity());
    match statement {
        Statement::Select(select) => {
            rows(schema, &Rows { select, joins: &[], unread: &[], count: None }, params, dialect)
        }
        Statement::Count(count) => {
            let built = lowering.count(&root, count)?;
            Ok(lowering.finish(&built))
        }
        Statement::Aggregate(aggregate) => {
            let built = lowering.aggregate(&Scope { group: Some(aggregate), ..root }, aggregate)?;
            Ok(lowering.finish(&built))
        }
        Statement::Insert(insert) => lowering.insert(&root, insert),
        Statement::Update(update) => lowering.update(&root, update),
        Statement::Delete(delete) => lowering.delete(&root, delete),
    }
}

/// Spells a select with what comes in its rows.
///
/// # Errors
/// As [`lower`].
pub fn rows<'a>(schema: &'a Schema, rows: &Rows<'a>, params: &'a Params, dialect: Dialect) -> Result<Sql> {
    let lowering = Lowering { unread: rows.unread, ..Lowering::new(schema, params, dialect) };
    let built = lowering.counted(rows)?;
    let entity = schema.entity(rows.select.entity);
    let walk = match walk::Way::of(entity, rows.select, dialect) {
        Some(way) => {
            let along = Lowering { unread: rows.unread, ..Lowering::new(schema, params, dialect) };
            let built =
                along.rows(&along.root(rows.select.entity), rows.select, rows.joins, Some(way.orders(rows.select)))?;
            way.walk(rows.select, along.finish(&built))
        }
        None => None,
    };
    Ok(Sql { walk, ..lowering.finish(&built) })
}

/// What the lowering of one statement shares.
struct Lowering<'a> {
    dialect: Dialect,
    schema: &'a Schema,
    params: &'a Params,
    /// Columns of the rows selected that nobody reads.
    unread: &'a [usize],
    /// How many aliases were given.
    aliases: Cell<u32>,
    /// Parameters in the order in which placeholders were made; the writer finds their order in the text.
    slots: RefCell<Vec<SqlParam>>,
    /// Foreign keys that are set, and to what.
    references: RefCell<Vec<(FieldId, ParamId)>>,
    /// Where the values of a list of parents are, when other rows of the statement hold them.
    sources: RefCell<HashMap<ParamId, branches::Source>>,
}

/// The row that fields are read from.
struct Scope<'a> {
    entity: &'a Entity,
    dialect: Dialect,
    /// The table's alias; none for the table that the statement is about.
    alias: Option<DynIden>,
    /// The groups whose columns are read, where the row at hand is one.
    group: Option<&'a Aggregate>,
}

impl<'a> Lowering<'a> {
    fn new(schema: &'a Schema, params: &'a Params, dialect: Dialect) -> Self {
        let (slots, references, sources) = (RefCell::default(), RefCell::default(), RefCell::default());
        Lowering { dialect, schema, params, unread: &[], aliases: Cell::new(0), slots, references, sources }
    }

    /// The row of the table that a statement is about.
    fn root(&self, entity: EntityId) -> Scope<'a> {
        Scope { entity: self.schema.entity(entity), dialect: self.dialect, alias: None, group: None }
    }

    fn finish(self, built: &impl QueryStatementWriter) -> Sql {
        let mut writer = Writer::new(self.dialect, self.slots.into_inner());
        match self.dialect {
            Dialect::Sqlite => built.build_collect_into(SqliteQueryBuilder, &mut writer),
            Dialect::Postgres => built.build_collect_into(PostgresQueryBuilder, &mut writer),
        }
        let (text, params) = writer.into_parts();
        Sql { text: Arc::from(text), params, references: self.references.into_inner(), walk: None, rows: None }
    }

    /// Remembers what a foreign key is set to.
    fn refers(&self, declared: &Field, field: FieldId, operand: &Operand) {
        if let (Some(_), Operand::Param(id)) = (&declared.foreign_key, operand) {
            self.references.borrow_mut().push((field, *id));
        }
    }

    /// A placeholder for a parameter.
    fn placeholder(&self, id: ParamId, encoding: Encoding) -> SqlExpr {
        SqlExpr::Value(self.marker(id, encoding))
    }

    /// A value that the writer turns into a placeholder.
    fn marker(&self, id: ParamId, encoding: Encoding) -> sea_query::Value {
        let mut slots = self.slots.borrow_mut();
        slots.push(SqlParam { id, encoding });
        writer::marker(slots.len() - 1)
    }

    /// A row of another table, under an alias that nothing else has.
    fn nested(&self, entity: &'a Entity) -> Scope<'a> {
        let number = self.aliases.get() + 1;
        self.aliases.set(number);
        Scope { entity, dialect: self.dialect, alias: Some(iden(&format!("${number}"))), group: None }
    }

    fn insert(self, root: &Scope<'_>, insert: &Insert) -> Result<Sql> {
        let mut built = Query::insert();
        built.into_table(iden(&root.entity.table));
        if insert.values.is_empty() {
            built.or_default_values();
        } else {
            built.columns(insert.values.iter().map(|(field, _)| iden(&root.entity.field(*field).column)));
            let values = insert.values.iter().map(|(field, operand)| {
                let declared = root.entity.field(*field);
                self.refers(declared, *field, operand);
                Ok(self.written(declared, self.operand(root, operand, storing(&declared.ty))?))
            });
            let values = values.collect::<Result<Vec<SqlExpr>>>()?;
            built.values(values).map_err(|_| Error::internal("as many values as columns were given"))?;
        }
        if self.dialect == Dialect::Postgres && !insert.unless.is_empty() {
            let key = insert.unless.iter().map(|field| iden(&root.entity.field(*field).column));
            built.on_conflict(OnConflict::columns(key).do_nothing().to_owned());
        }
        let mut columns = self.returning(root, &insert.returning, insert.check.as_ref())?;
        if self.dialect == Dialect::Postgres {
            columns.extend(insert.values.iter().filter_map(|(field, _)| postgres::past_sequence(root.entity, *field)));
        }
        if !columns.is_empty() {
            built.returning(Query::returning().exprs(columns));
        }
        let rows = match self.dialect {
            Dialect::Postgres => postgres::rows(root.entity, insert).map(Box::new),
            Dialect::Sqlite => None,
        };
        Ok(Sql { rows, ..self.finish(&built) })
    }

    fn update(self, root: &Scope<'_>, update: &Update) -> Result<Sql> {
        let mut built = Query::update();
        built.table(iden(&root.entity.table));
        for (field, assign) in &update.set {
            let declared = root.entity.field(*field);
            let value = match assign {
                Assign::Set(operand) => {
                    self.refers(declared, *field, operand);
                    self.written(declared, self.operand(root, operand, storing(&declared.ty))?)
                }
                Assign::Increment(by) => {
                    let by = self.operand(root, by, Encoding::Plain)?;
                    let sum = match self.dialect {
                        Dialect::Sqlite => operand::increment(declared, root.column(*field), by)?,
                        Dialect::Postgres => postgres::increment(declared, &root.column(*field), &by)?,
                    };
                    self.written(declared, sum)
                }
            };
            built.value(iden(&declared.column), value);
        }
        if update.filter != Expr::TRUE {
            built.and_where(self.condition(root, &update.filter)?);
        }
        let columns = self.returning(root, &update.returning, update.check.as_ref())?;
        if !columns.is_empty() {
            built.returning(Query::returning().exprs(columns));
        }
        Ok(self.finish(&built))
    }

    fn delete(self, root: &Scope<'_>, delete: &Delete) -> Result<Sql> {
        let mut built = Query::delete();
        built.from_table(iden(&root.entity.table));
        if delete.filter != Expr::TRUE {
            built.and_where(self.condition(root, &delete.filter)?);
        }
        Ok(self.finish(&built))
    }

    /// The fields read back, then the check. A check that is unknown does not hold.
    fn returning(&self, root: &Scope<'_>, fields: &[FieldId], check: Option<&Expr>) -> Result<Vec<SqlExpr>> {
        let mut columns: Vec<SqlExpr> = fields.iter().map(|field| root.shown(*field)).collect();
        if let Some(check) = check {
            columns.push(condition::is_true(self.condition(root, check)?));
        }
        Ok(columns)
    }
}

/// How a parameter is written that is stored in, or compared with, a field of this type.
fn storing(ty: &FieldType) -> Encoding {
    match ty {
        FieldType::Json => Encoding::Json,
        _ => Encoding::Plain,
    }
}

/// A template over expressions, which stand at its `?` in order.
fn template(dialect: Dialect, text: &str, parts: impl IntoIterator<Item = SqlExpr>) -> SqlExpr {
    match dialect {
        Dialect::Sqlite => SqlExpr::cust_with_exprs(text.to_owned(), parts),
        // There the placeholders of a template are numbered.
        Dialect::Postgres => {
            let mut pieces = text.split('?');
            let mut numbered = pieces.next().unwrap_or_default().to_owned();
            for (number, piece) in (1..).zip(pieces) {
                numbered += &format!("${number}{piece}");
            }
            SqlExpr::cust_with_exprs(numbered, parts)
        }
    }
}

/// A call of a function; its name is written as it is.
fn call(name: &'static str, args: impl IntoIterator<Item = SqlExpr>) -> SqlExpr {
    let call: FunctionCall = Func::cust(name.into_iden()).args(args);
    call.into()
}

/// Text that is spelled into the statement.
fn text_literal(text: &str) -> Result<SqlExpr> {
    if text.contains('\0') {
        return Err(Error::internal("the NUL character cannot be spelled into a statement"));
    }
    Ok(SqlExpr::Constant(text.into()))
}
