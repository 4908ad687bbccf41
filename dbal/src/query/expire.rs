//! Hides rows past their time: what has expired does not exist, for anybody.

use crate::query::ast::{Comparison, Expr, Include, Operand, ParamId, Query, Statement};
use crate::query::param::{ParamSource, Params};
use crate::schema::{EntityId, Schema};

/// Adds the condition to every entity that a query touches.
pub fn hide(schema: &Schema, query: &mut Query, params: &mut Params) {
    let mut hide = Hide { schema, params, now: None };
    match &mut query.statement {
        Statement::Select(select) => {
            hide.rows(select.entity, &mut select.filter);
            select.beyond.iter_mut().for_each(|beyond| hide.related(select.entity, beyond));
        }
        Statement::Count(count) => hide.rows(count.entity, &mut count.filter),
        Statement::Aggregate(aggregate) => hide.rows(aggregate.entity, &mut aggregate.filter),
        Statement::Update(update) => {
            hide.rows(update.entity, &mut update.filter);
            // Not the row itself: a write may be what ends it.
            update.check.iter_mut().for_each(|check| hide.related(update.entity, check));
        }
        Statement::Delete(delete) => hide.rows(delete.entity, &mut delete.filter),
        Statement::Insert(insert) => insert.check.iter_mut().for_each(|check| hide.related(insert.entity, check)),
    }
    hide.includes(&mut query.includes);
}

struct Hide<'a> {
    schema: &'a Schema,
    params: &'a mut Params,
    now: Option<ParamId>,
}

impl Hide<'_> {
    fn includes(&mut self, includes: &mut [Include]) {
        for include in includes {
            self.rows(include.select.entity, &mut include.select.filter);
            if let Some(between) = include.select.link.as_mut().and_then(|link| link.through.as_mut()) {
                self.rows(between.through.entity, &mut between.visible);
            }
            self.includes(&mut include.includes);
        }
    }

    fn rows(&mut self, entity: EntityId, filter: &mut Expr) {
        self.related(entity, filter);
        if let Some(alive) = self.alive(entity) {
            *filter = std::mem::replace(filter, Expr::TRUE).and(alive);
        }
    }

    /// A row without a time never expires.
    fn alive(&mut self, entity: EntityId) -> Option<Expr> {
        let ttl = self.schema.entity(entity).ttl?;
        let now = *self.now.get_or_insert_with(|| self.params.push(ParamSource::Now));
        let field = Operand::Field(ttl.field);
        let later = Expr::Compare { left: field.clone(), op: Comparison::Gt, right: Operand::Param(now), fold: false };
        let nullable = self.schema.entity(entity).field(ttl.field).nullable;
        Some(if nullable { Expr::Or(vec![later, Expr::IsNull(field)]) } else { later })
    }

    fn related(&mut self, entity: EntityId, filter: &mut Expr) {
        match filter {
            Expr::And(all) | Expr::Or(all) => all.iter_mut().for_each(|one| self.related(entity, one)),
            Expr::Not(inner) => self.related(entity, inner),
            Expr::Related { relation, between, visible, filter, .. } => {
                let relation = self.schema.entity(entity).relation(*relation);
                let target = relation.target;
                if let Some(through) = relation.through {
                    self.rows(through.entity, between);
                }
                self.related(target, filter);
                if let Some(alive) = self.alive(target) {
                    **visible = std::mem::replace(&mut **visible, Expr::TRUE).and(alive);
                }
            }
            Expr::Const(_)
            | Expr::Compare { .. }
            | Expr::In { .. }
            | Expr::IsNull(_)
            | Expr::Text { .. }
            | Expr::Json { .. } => {}
        }
    }
}
