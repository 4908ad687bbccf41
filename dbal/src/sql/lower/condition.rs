//! Conditions. SQL has the same three values as SEMANTICS.md, so most forms are spelled as they are.

use sea_query::{BinOper, Expr as SqlExpr, ExprTrait, Query, UnionType};

use super::operand::{collated, from};
use super::stored::linked;
use super::{Lowering, Scope, call, storing};
use crate::error::{Error, Result};
use crate::plan::operation::Encoding;
use crate::query::ast::{Comparison, Expr, Operand, ParamId, Quantifier, TextMatch};
use crate::schema::{FieldId, FieldType, RelationId};
use crate::sql::dialect::Dialect;
use crate::sql::{iden, words};

/// `AND` and `OR` of more than this are written as halves, or SQLite's limit of depth 1,000 would be met.
const CHAIN: usize = 32;

pub(super) fn operator(op: Comparison) -> BinOper {
    match op {
        Comparison::Eq => BinOper::Equal,
        Comparison::Ne => BinOper::NotEqual,
        Comparison::Lt => BinOper::SmallerThan,
        Comparison::Lte => BinOper::SmallerThanOrEqual,
        Comparison::Gt => BinOper::GreaterThan,
        Comparison::Gte => BinOper::GreaterThanOrEqual,
    }
}

impl<'a> Lowering<'a> {
    pub(super) fn condition(&self, scope: &Scope<'a>, expr: &Expr) -> Result<SqlExpr> {
        Ok(match expr {
            Expr::Const(Some(value)) => SqlExpr::Constant((*value).into()),
            Expr::Const(None) => SqlExpr::null(),
            Expr::And(parts) => chain(BinOper::And, self.conditions(scope, parts)?),
            Expr::Or(parts) => chain(BinOper::Or, self.conditions(scope, parts)?),
            Expr::Not(inner) => self.condition(scope, inner)?.not(),
            Expr::Compare { left, op, right, fold } => self.compare(scope, left, *op, right, *fold)?,
            Expr::In { value, list, fold } => {
                if let Operand::Field(field) = value
                    && !*fold
                {
                    return Ok(self.in_values(scope, *field, *list));
                }
                let encoding = if *fold { Encoding::FoldedList } else { Encoding::List };
                let ty = self.operand_type(scope, value);
                let typed = matches!(value, Operand::Param(_)).then(|| self.value_type(scope, value)).flatten();
                let value = collated(self.dialect, self.text_operand(scope, value, *fold)?, value, ty);
                self.in_list(self.cast(value, typed), *list, encoding)
            }
            Expr::IsNull(operand) => {
                let typed = matches!(operand, Operand::Param(_)).then(|| self.value_type(scope, operand)).flatten();
                self.cast(self.operand(scope, operand, Encoding::Plain)?, typed).is_null()
            }
            Expr::Text { value, op, pattern, fold } => self.text_match(scope, value, *op, pattern, *fold)?,
            Expr::Word { fields, word, prefix } => self.word(scope, fields, *word, *prefix)?,
            Expr::Json { field, path, test } => match self.dialect {
                Dialect::Sqlite => self.json(scope.column(*field), path, test)?,
                Dialect::Postgres => self.jsonb(&scope.column(*field), path, test)?,
            },
            Expr::Related { relation, quantifier, between, visible, filter } => {
                self.related_rows(scope, *relation, *quantifier, between, visible, filter)?
            }
        })
    }

    fn conditions(&self, scope: &Scope<'a>, parts: &[Expr]) -> Result<Vec<SqlExpr>> {
        parts.iter().map(|part| self.condition(scope, part)).collect()
    }

    fn compare(
        &self,
        scope: &Scope<'a>,
        left: &Operand,
        op: Comparison,
        right: &Operand,
        fold: bool,
    ) -> Result<SqlExpr> {
        if let Some(compared) = self.compare_stored(scope, left, op, right, fold)? {
            return Ok(compared);
        }
        let ty = self.operand_type(scope, left).or_else(|| self.operand_type(scope, right));
        if self.dialect == Dialect::Postgres {
            return self.compare_typed(scope, left, op, right, fold);
        }
        if let (Some(ty @ FieldType::Json), Comparison::Eq | Comparison::Ne) = (ty, op) {
            let sides = [self.operand(scope, left, storing(ty))?, self.operand(scope, right, storing(ty))?];
            let equal = call("dbal_json_equal", sides);
            return Ok(if op == Comparison::Eq { equal } else { equal.not() });
        }
        let op = operator(op);
        let mut lowered = self.text_operand(scope, left, fold)?;
        // The left side's collation counts first, then the right side's; a bare column has its own.
        if !matches!(right, Operand::Field(_)) {
            lowered = collated(self.dialect, lowered, left, ty);
        }
        Ok(lowered.binary(op, self.text_operand(scope, right, fold)?))
    }

    /// An operand, case-folded if asked: parameters when they are bound, everything else by a function.
    pub(super) fn text_operand(&self, scope: &Scope<'a>, operand: &Operand, fold: bool) -> Result<SqlExpr> {
        match operand {
            _ if !fold => self.operand(scope, operand, Encoding::Plain),
            Operand::Param(id) => Ok(self.placeholder(*id, Encoding::Folded)),
            Operand::Field(field) if self.folds_inline(scope, *field) => Ok(self.folded(scope, *field)),
            other => Ok(call(self.fold(), [self.operand(scope, other, Encoding::Plain)?])),
        }
    }

    fn text_match(
        &self,
        scope: &Scope<'a>,
        value: &Operand,
        op: TextMatch,
        pattern: &Operand,
        fold: bool,
    ) -> Result<SqlExpr> {
        if self.dialect == Dialect::Postgres {
            let text = self.text_operand(scope, value, fold)?;
            return self.matched(
                text,
                op,
                |encoding| match (pattern, encoding) {
                    (Operand::Param(id), encoding) => Ok(self.placeholder(*id, encoding)),
                    (other, _) => self.text_operand(scope, other, fold),
                },
                fold,
            );
        }
        let text = self.text_operand(scope, value, fold)?;
        let needle = self.text_operand(scope, pattern, fold)?;
        Ok(match op {
            TextMatch::Contains => call("instr", [text, needle]).gt(SqlExpr::Constant(0i64.into())),
            TextMatch::StartsWith => {
                // A range, so that an index serves it.
                let again = self.text_operand(scope, pattern, fold)?;
                text.clone().gte(needle).and(text.lt(after(again)))
            }
            TextMatch::EndsWith => call("dbal_ends_with", [text, needle]),
            TextMatch::Like => call("dbal_like", [text, needle]),
        })
    }

    /// The keys of the rows that have a word, from the tables that keep the words of each field. `UNION ALL` of few keys
    /// is a list that SQLite may drive the query by; a test of each row would read them all.
    fn word(&self, scope: &Scope<'a>, fields: &[FieldId], word: ParamId, prefix: bool) -> Result<SqlExpr> {
        if self.dialect == Dialect::Postgres {
            return self.has_word(scope, fields, word, prefix);
        }
        let keys = fields.iter().map(|field| {
            let kept = words::Kept::of(scope.entity, *field);
            let found = SqlExpr::col(iden(words::WORD));
            let word = || self.placeholder(word, Encoding::Plain);
            let found = match prefix {
                false => found.eq(word()),
                true => found.clone().gte(word()).and(found.lt(after(word()))),
            };
            let mut select = Query::select();
            select.column(iden(words::KEY)).from(iden(&kept.table)).and_where(found);
            select
        });
        let joined = keys.reduce(|mut all, one| {
            all.union(UnionType::All, one);
            all
        });
        let joined = joined.ok_or_else(|| Error::internal("a search looks in some field"))?;
        Ok(scope.stored(scope.entity.key).in_subquery(joined))
    }

    /// A test of related rows. In a `WHERE`, unknown counts as no match by itself; `Every` asks for a row that does not
    /// match, so there unknown must be made false first.
    fn related_rows(
        &self,
        scope: &Scope<'a>,
        relation: RelationId,
        quantifier: Quantifier,
        meeting: &Expr,
        visible: &Expr,
        filter: &Expr,
    ) -> Result<SqlExpr> {
        let relation = scope.entity.relation(relation);
        let target = self.nested(self.schema.entity(relation.target));
        let mut select = from(&target);
        select.expr(SqlExpr::Constant(1i64.into()));
        match relation.through {
            None => {
                select.and_where(linked((&target, relation.remote), (scope, relation.local)));
            }
            Some(through) => {
                let between = self.nested(self.schema.entity(through.entity));
                let alias = between.alias.clone().ok_or_else(|| Error::internal("a nested row has an alias"))?;
                select
                    .from_as(iden(&between.entity.table), alias)
                    .and_where(linked((&between, through.this), (scope, relation.local)))
                    .and_where(linked((&target, relation.remote), (&between, through.other)));
                if *meeting != Expr::TRUE {
                    select.and_where(self.condition(&between, meeting)?);
                }
            }
        }
        if *visible != Expr::TRUE {
            select.and_where(self.condition(&target, visible)?);
        }
        match quantifier {
            Quantifier::Every => {
                select.and_where(self.condition(&target, filter)?.is_not(true));
            }
            Quantifier::Some | Quantifier::None if *filter != Expr::TRUE => {
                select.and_where(self.condition(&target, filter)?);
            }
            Quantifier::Some | Quantifier::None => {}
        }
        Ok(match quantifier {
            Quantifier::Some => SqlExpr::exists(select),
            Quantifier::Every | Quantifier::None => SqlExpr::not_exists(select),
        })
    }
}

/// Where the texts that begin so end. No character's encoding has the byte FF: this is exact.
fn after(beginning: SqlExpr) -> SqlExpr {
    SqlExpr::cust_with_exprs("? || CAST(X'FF' AS TEXT)", [beginning])
}

/// True or false, where unknown is false.
pub(super) fn is_true(expr: SqlExpr) -> SqlExpr {
    expr.is(true)
}

/// All parts with one operator between them.
fn chain(op: BinOper, mut parts: Vec<SqlExpr>) -> SqlExpr {
    if parts.len() > CHAIN {
        let right = parts.split_off(parts.len() / 2);
        return chain(op, parts).binary(op, chain(op, right));
    }
    let joined = parts.into_iter().reduce(|left, right| left.binary(op, right));
    joined.unwrap_or_else(|| SqlExpr::Constant((op == BinOper::And).into()))
}
