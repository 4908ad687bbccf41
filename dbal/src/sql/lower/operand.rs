//! What statements read and compare.

use sea_query::{CaseStatement, Expr as SqlExpr, ExprTrait, Query, SelectStatement, SubQueryStatement};

use super::aggregate::group_type;
use super::stored::linked;
use super::{Lowering, Scope, call, text_literal};
use crate::error::{Error, Result};
use crate::plan::operation::Encoding;
use crate::query::ast::{Expr, Literal, Operand, ParamId};
use crate::query::param::{Cast, ParamSource};
use crate::schema::field::Bound;
use crate::schema::{Entity, Field, FieldId, FieldRef, FieldType, Generator, RelationId, TextKind};
use crate::sql::dialect::Dialect;
use crate::sql::iden;

impl<'a> Lowering<'a> {
    /// An operand over a row; `encoding` is for parameters.
    pub(super) fn operand(&self, scope: &Scope<'a>, operand: &Operand, encoding: Encoding) -> Result<SqlExpr> {
        Ok(match operand {
            Operand::Field(field) => scope.column(*field),
            Operand::Column(column) => self.group_column(scope, *column)?,
            Operand::Related { path, field, visible } => self.related(scope, path, *field, visible)?,
            Operand::Param(id) => self.placeholder(*id, encoding),
            Operand::Const(literal) => constant(literal)?,
            Operand::Rank { of, values } => {
                let of = self.operand(scope, of, Encoding::Plain)?;
                let mut case = CaseStatement::new();
                for (rank, word) in (0i64..).zip(values) {
                    case = case.case(of.clone().eq(text_literal(word)?), SqlExpr::Constant(rank.into()));
                }
                case.into()
            }
        })
    }

    /// The field at the end of a path of to-one relations: one scalar subquery inside another.
    fn related(&self, scope: &Scope<'a>, path: &[RelationId], field: FieldId, visible: &[Expr]) -> Result<SqlExpr> {
        let Some((first, rest)) = path.split_first() else {
            return Ok(scope.column(field));
        };
        let relation = scope.entity.relation(*first);
        if !relation.kind.is_to_one() || relation.through.is_some() {
            return Err(Error::internal("a path of an operand leads through a to-many relation"));
        }
        let inner = self.nested(self.schema.entity(relation.target));
        let value = self.related(&inner, rest, field, visible.get(1..).unwrap_or_default())?;
        let mut select = from(&inner);
        select.expr(value).and_where(linked((&inner, relation.remote), (scope, relation.local)));
        if let Some(visible) = visible.first().filter(|visible| **visible != Expr::TRUE) {
            select.and_where(self.condition(&inner, visible)?);
        }
        Ok(SqlExpr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(select))))
    }

    /// The type of an operand, as far as it is known.
    pub(super) fn operand_type(&self, scope: &Scope<'a>, operand: &Operand) -> Option<&'a FieldType> {
        match operand {
            Operand::Field(field) => Some(&scope.entity.field(*field).ty),
            Operand::Column(column) => group_type(scope, *column),
            Operand::Related { path, field, .. } => {
                let step = |entity: &'a Entity, id: &RelationId| self.schema.entity(entity.relation(*id).target);
                Some(&path.iter().fold(scope.entity, step).field(*field).ty)
            }
            Operand::Param(id) => match self.params.get(*id) {
                ParamSource::Claim { ty, rank: false, .. } => Some(ty),
                _ => None,
            },
            Operand::Const(_) | Operand::Rank { .. } => None,
        }
    }

    /// The type of an operand; that of a parameter as the query knows it.
    pub(super) fn value_type(&self, scope: &Scope<'a>, operand: &Operand) -> Option<&'a FieldType> {
        match operand {
            Operand::Param(id) => self.param_type(*id),
            other => self.operand_type(scope, other),
        }
    }

    /// The type of a parameter's value, or of those in its list.
    pub(super) fn param_type(&self, id: ParamId) -> Option<&'a FieldType> {
        static TEXT: FieldType = FieldType::Text(TextKind::Text);
        static WHOLE: FieldType = FieldType::BigInt;
        static INSTANT: FieldType = FieldType::DateTime;
        static JSON: FieldType = FieldType::Json;
        static UUID: FieldType = FieldType::Uuid;
        let stored = |at: &FieldRef| &self.schema.entity(at.entity).field(at.field).ty;
        Some(match self.params.get(id) {
            ParamSource::Argument { cast, .. } => match cast {
                Cast::Compare(ty) | Cast::List(ty) => ty,
                Cast::CompareHashed(_) | Cast::ListHashed(_) | Cast::Pattern | Cast::Word(_) => &TEXT,
                Cast::Json | Cast::JsonList => &JSON,
                Cast::Store(at) => stored(at),
            },
            ParamSource::Claim { rank: true, .. } | ParamSource::Limit { .. } | ParamSource::Offset => &WHOLE,
            ParamSource::Claim { ty, rank: false, .. } | ParamSource::NowAs(ty) | ParamSource::Parents(ty) => ty,
            ParamSource::Now => &INSTANT,
            ParamSource::Generated(Generator::Uuid) => &UUID,
            ParamSource::Generated(Generator::Now) => &INSTANT,
            ParamSource::Generated(Generator::Sequence) => &WHOLE,
            ParamSource::Generated(Generator::Cuid | Generator::Token) | ParamSource::Hashed(..) => &TEXT,
            ParamSource::Const(_) | ParamSource::Cursor(_) => return None,
        })
    }
}

/// `SELECT` from a nested row's table under its alias, still without columns.
pub(super) fn from(scope: &Scope<'_>) -> SelectStatement {
    let mut select = Query::select();
    match &scope.alias {
        Some(alias) => select.from_as(iden(&scope.entity.table), alias.clone()),
        None => select.from(iden(&scope.entity.table)),
    };
    select
}

fn constant(literal: &Literal) -> Result<SqlExpr> {
    Ok(match literal {
        Literal::Null => SqlExpr::null(),
        Literal::Bool(value) => SqlExpr::Constant((*value).into()),
        Literal::Int(value) => SqlExpr::Constant((*value).into()),
        Literal::Word(word) => text_literal(word)?,
    })
}

/// In SQLite a decimal that is not a bare column has lost its column's collation. Compared or ordered, it needs it back.
pub(super) fn collated(dialect: Dialect, expr: SqlExpr, operand: &Operand, ty: Option<&FieldType>) -> SqlExpr {
    match (ty, operand) {
        (Some(FieldType::Decimal { .. }), Operand::Related { .. } | Operand::Column(_) | Operand::Param(_))
            if dialect == Dialect::Sqlite =>
        {
            SqlExpr::cust_with_exprs("? COLLATE dbal_decimal", [expr])
        }
        _ => expr,
    }
}

/// The old value plus a number. The function refuses a sum that leaves the field's type or bounds; SQLite itself would
/// go on in floating point.
pub(super) fn increment(field: &Field, old: SqlExpr, by: SqlExpr) -> Result<SqlExpr> {
    let name = text_literal(&field.name)?;
    let (least, greatest) = (bound(&field.min)?, bound(&field.max)?);
    let number = |number: u32| SqlExpr::Constant(i64::from(number).into());
    let digits = |digits: Option<u32>| digits.map_or_else(SqlExpr::null, number);
    Ok(match &field.ty {
        FieldType::Integer => call("dbal_add_integer", [old, by, number(32), least, greatest, name]),
        FieldType::BigInt => call("dbal_add_integer", [old, by, number(64), least, greatest, name]),
        FieldType::Float => call("dbal_add_float", [old, by, least, greatest, name]),
        FieldType::Decimal { precision, scale } => {
            call("dbal_add_decimal", [old, by, digits(*precision), digits(*scale), least, greatest, name])
        }
        _ => return Err(Error::internal("only numbers can be incremented")),
    })
}

/// A bound for such a function: a whole number, or text that the function parses exactly.
fn bound(bound: &Option<Bound>) -> Result<SqlExpr> {
    match bound {
        None => Ok(SqlExpr::null()),
        Some(Bound::Int(bound)) => Ok(SqlExpr::Constant((*bound).into())),
        Some(Bound::Float(bound)) => text_literal(&bound.to_string()),
        Some(Bound::Decimal(bound)) => text_literal(&bound.to_string()),
    }
}
