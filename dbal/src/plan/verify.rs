//! Refuses, before any IO, what a backend cannot do.

use crate::capability::{Capabilities, Support};
use crate::error::{Error, Result};
use crate::query::ast::{Expr, Include, Operand, Order, Query, Shape, Statement};
use crate::schema::{EntityId, FieldId, FieldType, Schema};

/// Looks at every part of a query for a capability that the backend lacks.
///
/// # Errors
/// CAPABILITY_NOT_SUPPORTED naming the capability.
pub fn verify(schema: &Schema, capabilities: &Capabilities, query: &Query) -> Result<()> {
    let verify = Verify { schema, capabilities };
    match &query.statement {
        Statement::Select(select) => {
            verify.expr(select.entity, &select.filter)?;
            select.beyond.iter().try_for_each(|beyond| verify.expr(select.entity, beyond))?;
            verify.order(select.entity, &select.order)?;
        }
        Statement::Count(count) => verify.expr(count.entity, &count.filter)?,
        Statement::Aggregate(aggregate) => {
            if !matches!(query.shape, Shape::Values { .. }) {
                need(capabilities.aggregations, "aggregations")?;
            }
            verify.expr(aggregate.entity, &aggregate.filter)?;
            verify.expr(aggregate.entity, &aggregate.having)?;
            // Groups come in the order of their fields.
            aggregate.group_by.iter().try_for_each(|field| verify.ordered(aggregate.entity, *field))?;
        }
        Statement::Insert(insert) => verify.write(insert.entity, insert.check.as_ref())?,
        Statement::Update(update) => {
            verify.expr(update.entity, &update.filter)?;
            verify.write(update.entity, update.check.as_ref())?;
        }
        Statement::Delete(delete) => verify.expr(delete.entity, &delete.filter)?,
    }
    for parent in &query.parents {
        // What was written is undone when the parent is not there.
        need(capabilities.transactions, "transactions")?;
        verify.expr(parent.count.entity, &parent.count.filter)?;
    }
    verify.includes(&query.includes)
}

/// Refuses a transaction inside a transaction where there are no savepoints.
///
/// # Errors
/// CAPABILITY_NOT_SUPPORTED naming `nested_transactions`.
pub fn nested(capabilities: &Capabilities) -> Result<()> {
    need(capabilities.nested_transactions, "nested_transactions")
}

fn need(support: Support, name: &str) -> Result<()> {
    match support {
        Support::Native | Support::Emulated => Ok(()),
        Support::Unsupported => Err(Error::unsupported(name, format!("this backend has no {name}"))),
    }
}

struct Verify<'a> {
    schema: &'a Schema,
    capabilities: &'a Capabilities,
}

impl Verify<'_> {
    /// A write that is checked after the fact must be able to be undone.
    fn write(&self, entity: EntityId, check: Option<&Expr>) -> Result<()> {
        match check {
            Some(check) => {
                need(self.capabilities.transactions, "transactions")?;
                self.expr(entity, check)
            }
            None => Ok(()),
        }
    }

    fn includes(&self, includes: &[Include]) -> Result<()> {
        for include in includes {
            need(self.capabilities.relations, "relations")?;
            self.expr(include.select.entity, &include.select.filter)?;
            if let Some(between) = include.select.link.as_ref().and_then(|link| link.through.as_ref()) {
                self.expr(between.through.entity, &between.visible)?;
            }
            self.order(include.select.entity, &include.select.order)?;
            self.includes(&include.includes)?;
        }
        Ok(())
    }

    fn order(&self, entity: EntityId, order: &[Order]) -> Result<()> {
        for key in order {
            match &key.by {
                Operand::Field(field) => self.ordered(entity, *field)?,
                Operand::Related { .. } => need(self.capabilities.relations, "relations")?,
                Operand::Column(_) | Operand::Param(_) | Operand::Const(_) | Operand::Rank { .. } => {}
            }
        }
        Ok(())
    }

    fn ordered(&self, entity: EntityId, field: FieldId) -> Result<()> {
        match self.schema.entity(entity).field(field).ty {
            FieldType::Bytes => need(self.capabilities.ordered_bytes, "ordered_bytes"),
            _ => Ok(()),
        }
    }

    fn expr(&self, entity: EntityId, expr: &Expr) -> Result<()> {
        match expr {
            Expr::Const(_) | Expr::IsNull(_) => Ok(()),
            Expr::And(all) | Expr::Or(all) => all.iter().try_for_each(|one| self.expr(entity, one)),
            Expr::Not(inner) => self.expr(entity, inner),
            Expr::Compare { left, op, fold, .. } => {
                use crate::query::ast::Comparison::{Eq, Ne};
                if *fold {
                    need(self.capabilities.case_insensitive_match, "case_insensitive_match")?;
                }
                match left {
                    Operand::Field(field) if !matches!(op, Eq | Ne) => self.ordered(entity, *field),
                    _ => Ok(()),
                }
            }
            Expr::In { fold, .. } | Expr::Text { fold, .. } => match fold {
                true => need(self.capabilities.case_insensitive_match, "case_insensitive_match"),
                false => Ok(()),
            },
            Expr::Word { .. } => need(self.capabilities.full_text_search, "full_text_search"),
            Expr::Json { .. } => need(self.capabilities.json_queries, "json_queries"),
            Expr::Related { relation, between, visible, filter, .. } => {
                need(self.capabilities.relations, "relations")?;
                let relation = self.schema.entity(entity).relation(*relation);
                let target = relation.target;
                if let Some(through) = relation.through {
                    self.expr(through.entity, between)?;
                }
                self.expr(target, visible)?;
                self.expr(target, filter)
            }
        }
    }
}
