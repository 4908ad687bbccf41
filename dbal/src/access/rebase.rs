//! Conditions of a policy carried over into a query, whose parameters they join.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::query::ast::{Expr, JsonTest, Operand, ParamId};
use crate::query::param::{ParamSource, Params};

/// The most parameters a query may have after this stage: the 16 bits of an id, less room for what later stages add.
const MAX_PARAMS: usize = 65_000;

/// Moves expressions from one set of parameters into another; each parameter once.
pub(super) struct Rebase<'p> {
    from: &'p Params,
    into: &'p mut Params,
    moved: HashMap<ParamId, ParamId>,
}

impl<'p> Rebase<'p> {
    pub fn new(from: &'p Params, into: &'p mut Params) -> Self {
        Rebase { from, into, moved: HashMap::new() }
    }

    /// The parameters of the query so far.
    pub fn params(&self) -> &Params {
        self.into
    }

    /// A parameter of the query.
    ///
    /// # Errors
    /// VALIDATION_ERROR when there are more than an id can tell apart: a wrapped id would compare with another value.
    pub fn push(&mut self, source: ParamSource) -> Result<ParamId> {
        if self.into.0.len() >= MAX_PARAMS {
            return Err(Error::validation("filter", "the request and its access rules have too many values together"));
        }
        Ok(self.into.push(source))
    }

    /// The same expression over the query's parameters.
    pub fn expr(&mut self, expr: &Expr) -> Result<Expr> {
        Ok(match expr {
            Expr::Const(value) => Expr::Const(*value),
            Expr::And(parts) => Expr::And(self.exprs(parts)?),
            Expr::Or(parts) => Expr::Or(self.exprs(parts)?),
            Expr::Not(inner) => Expr::Not(Box::new(self.expr(inner)?)),
            Expr::Compare { left, op, right, fold } => {
                Expr::Compare { left: self.operand(left)?, op: *op, right: self.operand(right)?, fold: *fold }
            }
            Expr::In { value, list, fold } => {
                Expr::In { value: self.operand(value)?, list: self.param(*list)?, fold: *fold }
            }
            Expr::IsNull(operand) => Expr::IsNull(self.operand(operand)?),
            Expr::Text { value, op, pattern, fold } => {
                Expr::Text { value: self.operand(value)?, op: *op, pattern: self.operand(pattern)?, fold: *fold }
            }
            Expr::Word { fields, word, prefix } => {
                Expr::Word { fields: fields.clone(), word: self.param(*word)?, prefix: *prefix }
            }
            Expr::Json { field, path, test } => {
                Expr::Json { field: *field, path: path.clone(), test: self.json(test)? }
            }
            Expr::Related { relation, quantifier, between, visible, filter } => Expr::Related {
                relation: *relation,
                quantifier: *quantifier,
                between: Box::new(self.expr(between)?),
                visible: Box::new(self.expr(visible)?),
                filter: Box::new(self.expr(filter)?),
            },
        })
    }

    fn exprs(&mut self, parts: &[Expr]) -> Result<Vec<Expr>> {
        parts.iter().map(|part| self.expr(part)).collect()
    }

    fn json(&mut self, test: &JsonTest) -> Result<JsonTest> {
        Ok(match test {
            JsonTest::Compare(op, id) => JsonTest::Compare(*op, self.param(*id)?),
            JsonTest::In(id) => JsonTest::In(self.param(*id)?),
            JsonTest::Exists => JsonTest::Exists,
            JsonTest::Text { op, pattern, fold } => {
                JsonTest::Text { op: *op, pattern: self.param(*pattern)?, fold: *fold }
            }
        })
    }

    fn operand(&mut self, operand: &Operand) -> Result<Operand> {
        Ok(match operand {
            Operand::Param(id) => Operand::Param(self.param(*id)?),
            Operand::Rank { of, values } => Operand::Rank { of: Box::new(self.operand(of)?), values: values.clone() },
            Operand::Related { path, field, visible } => {
                Operand::Related { path: path.clone(), field: *field, visible: self.exprs(visible)? }
            }
            Operand::Field(_) | Operand::Column(_) | Operand::Const(_) => operand.clone(),
        })
    }

    fn param(&mut self, id: ParamId) -> Result<ParamId> {
        if let Some(moved) = self.moved.get(&id) {
            return Ok(*moved);
        }
        let moved = self.push(self.from.get(id).clone())?;
        self.moved.insert(id, moved);
        Ok(moved)
    }
}
