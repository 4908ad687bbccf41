//! Groups of rows and what is computed of them.
//!
//! Where SQL's own functions give the exact answer they are used. Sums of large integers, doubles and decimals are
//! functions of ours: SQL's would overflow on the way, round, or treat text as a number.

use sea_query::{Asterisk, Expr as SqlExpr, ExprTrait, Func, SelectStatement};

use super::operand::from;
use super::{Lowering, Scope, call, text_literal};
use crate::error::{Error, Result};
use crate::query::ast::{Aggregate, Aggregation, Expr, Measure};
use crate::schema::{FieldId, FieldType};
use crate::sql::dialect::Dialect;

/// The type of sums and means whose digits are not declared.
static DECIMAL: FieldType = FieldType::Decimal { precision: None, scale: None };

impl<'a> Lowering<'a> {
    /// One row for each group.
    pub(super) fn aggregate(&self, scope: &Scope<'a>, aggregate: &Aggregate) -> Result<SelectStatement> {
        let mut built = from(scope);
        let columns = aggregate.group_by.len() + aggregate.shown;
        for column in 0..columns {
            built.expr(match self.dialect {
                Dialect::Sqlite => self.group_column(scope, column as u16)?,
                Dialect::Postgres => self.shown_column(scope, column as u16)?,
            });
        }
        if aggregate.filter != Expr::TRUE {
            built.and_where(self.condition(scope, &aggregate.filter)?);
        }
        built.add_group_by(aggregate.group_by.iter().map(|field| scope.grouped(*field)));
        if aggregate.having != Expr::TRUE {
            built.and_having(self.condition(scope, &aggregate.having)?);
        }
        for order in &aggregate.order {
            let (by, direction, nulls) = self.order(scope, order)?;
            match nulls {
                Some(nulls) => built.order_by_expr_with_nulls(by, direction, nulls),
                None => built.order_by_expr(by, direction),
            };
        }
        if let Some(limit) = &aggregate.limit {
            built.limit(self.bound(limit)?);
        }
        Ok(built)
    }

    /// A column of a group, spelled whole wherever it is needed: not every database knows columns by their names in
    /// `HAVING`.
    pub(super) fn group_column(&self, scope: &Scope<'a>, column: u16) -> Result<SqlExpr> {
        match at(scope, column) {
            Some(Column::Field(field)) => Ok(scope.grouped(field)),
            Some(Column::Measure(measure)) => match self.dialect {
                Dialect::Sqlite => self.measure(scope, measure),
                Dialect::Postgres => self.exact_measure(scope, measure),
            },
            None => Err(Error::internal("a column of a group where there is none")),
        }
    }

    /// A column of a group as it is read.
    fn shown_column(&self, scope: &Scope<'a>, column: u16) -> Result<SqlExpr> {
        match at(scope, column) {
            Some(Column::Measure(measure)) => self.shown_measure(scope, measure),
            Some(Column::Field(_)) | None => self.group_column(scope, column),
        }
    }

    fn measure(&self, scope: &Scope<'a>, measure: Measure) -> Result<SqlExpr> {
        let Measure::Of(aggregation, field) = measure else {
            return Ok(Func::count(SqlExpr::col(Asterisk)).into());
        };
        let column = scope.column(field);
        let name = || text_literal(&measure.name(scope.entity));
        Ok(match (aggregation, &scope.entity.field(field).ty) {
            (Aggregation::CountDistinct, _) => column.count_distinct(),
            (Aggregation::Min, _) => column.min(),
            (Aggregation::Max, _) => column.max(),
            // As many 32-bit numbers as would overflow 64 bits fit on no disk.
            (Aggregation::Sum, FieldType::Integer) => column.sum(),
            (Aggregation::Avg, FieldType::Integer) => Func::avg(column).into(),
            (Aggregation::Sum, FieldType::BigInt) => call("dbal_sum_integer", [column, name()?]),
            (Aggregation::Avg, FieldType::BigInt) => call("dbal_avg_integer", [column, name()?]),
            (Aggregation::Sum, FieldType::Float) => call("dbal_sum_float", [column, name()?]),
            (Aggregation::Avg, FieldType::Float) => call("dbal_avg_float", [column, name()?]),
            (Aggregation::Sum, FieldType::Decimal { scale, .. }) => {
                let scale = scale.map_or_else(SqlExpr::null, |scale| SqlExpr::Constant(i64::from(scale).into()));
                call("dbal_sum_decimal", [column, name()?, scale])
            }
            (Aggregation::Avg, FieldType::Decimal { .. }) => call("dbal_avg_decimal", [column, name()?]),
            (Aggregation::Sum | Aggregation::Avg, _) => return Err(Error::internal("only numbers add up")),
        })
    }
}

enum Column {
    Field(FieldId),
    Measure(Measure),
}

fn at(scope: &Scope<'_>, column: u16) -> Option<Column> {
    let group = scope.group?;
    let column = usize::from(column);
    match group.group_by.get(column) {
        Some(field) => Some(Column::Field(*field)),
        None => group.measures.get(column - group.group_by.len()).copied().map(Column::Measure),
    }
}

/// The type of a group's column, as far as it changes how the column is compared.
pub(super) fn group_type<'a>(scope: &Scope<'a>, column: u16) -> Option<&'a FieldType> {
    match at(scope, column)? {
        Column::Field(field) => Some(&scope.entity.field(field).ty),
        Column::Measure(measure) => matches!(measure.ty(scope.entity), FieldType::Decimal { .. }).then_some(&DECIMAL),
    }
}
