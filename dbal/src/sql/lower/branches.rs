//! Rows of several kinds in one statement of PostgreSQL: a union, in which each kind has columns of its own.

use sea_query::{
    CommonTableExpression, DynIden, Expr as SqlExpr, ExprTrait, Query, SelectStatement, SubQueryStatement, UnionType,
    WithClause,
};

use super::select::PARENT;
use super::{Lowering, Rows};
use crate::error::{Error, Result};
use crate::plan::operation::Sql;
use crate::query::ast::ParamId;
use crate::query::param::Params;
use crate::schema::{FieldType, Schema};
use crate::sql::ddl::postgres::postgres_type;
use crate::sql::dialect::Dialect;
use crate::sql::iden;

/// One kind of rows.
#[derive(Clone, Debug)]
pub struct Branch<'q> {
    /// The rows.
    pub rows: Rows<'q>,
    /// The types of its columns.
    pub types: Vec<FieldType>,
    /// The rows that these are related to.
    pub parents: Option<Parents>,
}

/// Rows that others are related to.
#[derive(Clone, Copy, Debug)]
pub struct Parents {
    /// An earlier branch.
    pub branch: usize,
    /// Which of its columns holds the link.
    pub column: usize,
    /// No two of them have the same value there.
    pub unique: bool,
}

/// The column of a branch that rows of another one are linked by.
#[derive(Clone, Debug)]
pub(super) struct Source {
    branch: DynIden,
    column: DynIden,
    unique: bool,
}

impl Source {
    /// The different values.
    pub(super) fn values(&self) -> SelectStatement {
        let column = || SqlExpr::col(self.column.clone());
        let mut values = Query::select();
        if !self.unique {
            values.distinct();
        }
        values.expr_as(column(), iden(PARENT)).from(self.branch.clone()).and_where(column().is_not_null());
        values
    }
}

/// Spells branches as one statement. After the columns of all of them comes one that is null except in the rows of the
/// first.
///
/// # Errors
/// As [`lower`](super::lower).
pub fn branches(schema: &Schema, branches: &[Branch<'_>], params: &Params) -> Result<Sql> {
    let lowering = Lowering::new(schema, params, Dialect::Postgres);
    let mut with = WithClause::new();
    for (number, branch) in branches.iter().enumerate() {
        if let Some((Parents { branch, column, unique }, link)) = branch.parents.zip(branch.rows.select.link.as_ref()) {
            let source = Source { branch: name(branch), column: column_name(column), unique };
            lowering.sources.borrow_mut().insert(link.parents, source);
        }
        // Named here, and not where its rows are needed, so that it is read once however many branches need it.
        let mut named = CommonTableExpression::new();
        named.table_name(name(number)).columns((0..branch.types.len()).map(column_name));
        named.query(lowering.counted(&branch.rows)?);
        with.cte(named);
    }
    let mut all = branches.iter().enumerate().map(|(number, _)| given(branches, number));
    let mut union = all.next().ok_or_else(|| Error::internal("a statement without rows"))?;
    union.unions(all.map(|branch| (UnionType::All, branch)));
    Ok(lowering.finish(&union.with(with)))
}

/// The rows of a branch with nulls in the columns of the others.
fn given(branches: &[Branch<'_>], number: usize) -> SelectStatement {
    let mut rows = Query::select();
    for (other, branch) in branches.iter().enumerate() {
        rows.exprs(branch.types.iter().enumerate().map(|(column, ty)| match other == number {
            true => SqlExpr::col(column_name(column)),
            false => SqlExpr::Custom(format!("CAST(NULL AS {})", postgres_type(ty)).into()),
        }));
    }
    let mark = if number == 0 { "TRUE" } else { "CAST(NULL AS boolean)" };
    rows.expr(SqlExpr::Custom(mark.into())).from(name(number));
    rows
}

fn name(branch: usize) -> DynIden {
    iden(&format!("$rows{branch}"))
}

fn column_name(column: usize) -> DynIden {
    iden(&format!("${column}"))
}

impl<'a> Lowering<'a> {
    /// Where the values of a list of parents are; none where they are a parameter.
    pub(super) fn source(&self, parents: ParamId) -> Option<Source> {
        self.sources.borrow().get(&parents).cloned()
    }

    /// Rows with what comes in the same rows.
    pub(super) fn counted(&self, rows: &Rows<'_>) -> Result<SelectStatement> {
        let root = self.root(rows.select.entity);
        let mut built = self.select(&root, rows.select, rows.joins)?;
        if let Some(count) = rows.count {
            let count = SubQueryStatement::SelectStatement(self.count(&root, count)?);
            built.expr(SqlExpr::SubQuery(None, Box::new(count)));
        }
        Ok(built)
    }
}
