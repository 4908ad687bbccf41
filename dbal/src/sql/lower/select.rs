//! Reading rows and counting them.

use sea_query::{
    Asterisk, BinOper, Expr as SqlExpr, ExprTrait, Func, NullOrdering, Order as Direction, Query,
    SelectStatement, WindowStatement,
};

use super::operand::{collated, from};
use super::{Lowering, Scope, call, writer};
use crate::error::{Error, Result};
use crate::plan::operation::Encoding;
use crate::query::ast::{Count, Expr, Link, Literal, Operand, Order, Select};
use crate::sql::iden;

/// The column that numbers a parent's children.
const RANK: &str = "$rank";

impl<'a> Lowering<'a> {
    pub(super) fn select(&self, root: &Scope<'a>, select: &Select) -> Result<SelectStatement> {
        match &select.link {
            Some(link) if select.limit.is_some() || select.offset.is_some() => self.children(root, select, link),
            _ => self.rows(root, select),
        }
    }

    pub(super) fn count(&self, root: &Scope<'a>, count: &Count) -> Result<SelectStatement> {
        let mut built = from(root);
        built.expr(Func::count(SqlExpr::col(Asterisk)));
        if count.filter != Expr::TRUE {
            built.and_where(self.condition(root, &count.filter)?);
        }
        Ok(built)
    }

    /// Rows in order, of all parents together if there is a link.
    fn rows(&self, root: &Scope<'a>, select: &Select) -> Result<SelectStatement> {
        let mut built = self.filtered(root, select)?;
        for order in &select.order {
            let (by, direction, nulls) = self.order(root, order)?;
            match nulls {
                Some(nulls) => built.order_by_expr_with_nulls(by, direction, nulls),
                None => built.order_by_expr(by, direction),
            };
        }
        match (&select.limit, &select.offset) {
            (None, None) => {}
            (Some(limit), None) => {
                built.limit(self.bound(limit)?);
            }
            // SQLite has no OFFSET without LIMIT.
            (limit, Some(offset)) => {
                let limit = limit.as_ref().map_or(Ok(i64::MAX as u64), |limit| self.bound(limit))?;
                built.limit(limit).offset(self.bound(offset)?);
            }
        }
        Ok(built)
    }

    /// So many rows of each parent: they are numbered within their parent, and those within the bounds are kept.
    fn children(&self, root: &Scope<'a>, select: &Select, link: &Link) -> Result<SelectStatement> {
        let mut numbered = self.filtered(root, select)?;
        let mut window = WindowStatement::partition_by(iden(&root.entity.field(link.field).column));
        for order in &select.order {
            let (by, direction, nulls) = self.order(root, order)?;
            match nulls {
                Some(nulls) => window.order_by_expr_with_nulls(by, direction, nulls),
                None => window.order_by_expr(by, direction),
            };
        }
        numbered.expr_window_as(call("ROW_NUMBER", []), window, iden(RANK));

        let mut built = Query::select();
        built.columns(select.columns.iter().map(|field| iden(&root.entity.field(*field).column)));
        built.from_subquery(numbered, iden("$0"));
        let rank = || SqlExpr::col(iden(RANK));
        let end = match (&select.limit, &select.offset) {
            (Some(limit), None) => Some(self.operand(root, limit, Encoding::Plain)?),
            (Some(limit), Some(offset)) => {
                let offset = self.operand(root, offset, Encoding::Plain)?;
                Some(self.operand(root, limit, Encoding::Plain)?.binary(BinOper::Add, offset))
            }
            (None, _) => None,
        };
        if let Some(end) = end {
            built.and_where(rank().lte(end));
        }
        if let Some(offset) = &select.offset {
            built.and_where(rank().gt(self.operand(root, offset, Encoding::Plain)?));
        }
        built.order_by_expr(rank(), Direction::Asc);
        Ok(built)
    }

    /// The columns of the rows that pass, still without order.
    fn filtered(&self, root: &Scope<'a>, select: &Select) -> Result<SelectStatement> {
        let mut built = from(root);
        match select.columns.is_empty() {
            true => built.expr(SqlExpr::Constant(1i64.into())),
            false => built.exprs(select.columns.iter().map(|field| root.column(*field))),
        };
        if let Some(link) = &select.link {
            let parents = call("rarray", [self.placeholder(link.parents, Encoding::List)]);
            built.and_where(root.column(link.field).binary(BinOper::In, parents));
        }
        if select.filter != Expr::TRUE {
            built.and_where(self.condition(root, &select.filter)?);
        }
        Ok(built)
    }

    /// One key of a sort. Where nulls stand is said only if SQLite would place them elsewhere: said, it keeps an index
    /// from being used.
    fn order(&self, root: &Scope<'a>, order: &Order) -> Result<(SqlExpr, Direction, Option<NullOrdering>)> {
        let by = self.operand(root, &order.by, Encoding::Plain)?;
        let by = collated(by, &order.by, self.operand_type(root, &order.by));
        let never_null = matches!(&order.by, Operand::Field(field) if !root.entity.field(*field).nullable);
        let nulls = match (order.nulls_first, order.descending) {
            _ if never_null => None,
            (true, true) => Some(NullOrdering::First),
            (false, false) => Some(NullOrdering::Last),
            _ => None,
        };
        Ok((by, if order.descending { Direction::Desc } else { Direction::Asc }, nulls))
    }

    /// A limit or an offset in the only form that sea-query takes.
    fn bound(&self, operand: &Operand) -> Result<u64> {
        match operand {
            Operand::Param(id) => Ok(writer::number(&self.marker(*id, Encoding::Plain))),
            Operand::Const(Literal::Int(number)) => {
                u64::try_from(*number).map_err(|_| Error::internal("a limit or an offset is negative"))
            }
            _ => Err(Error::internal("a limit or an offset is a number")),
        }
    }
}
