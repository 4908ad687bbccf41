//! Hides rows past their time: what has expired does not exist, for anybody.

use crate::query::ast::{Comparison, Expr, Include, Operand, Order, ParamId, Query, Statement};
use crate::query::param::{ParamSource, Params};
use crate::schema::{EntityId, Schema};

/// Adds the condition to every entity that a query touches.
pub fn hide(schema: &Schema, query: &mut Query, params: &mut Params) {
    let mut hide = Hide { schema, params, now: None };
    match &mut query.statement {
        Statement::Select(select) => {
            hide.rows(select.entity, &mut select.filter);
            hide.order(select.entity, &mut select.order);
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
    query.parents.iter_mut().for_each(|parent| hide.rows(parent.count.entity, &mut parent.count.filter));
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
            self.order(include.select.entity, &mut include.select.order);
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
            Expr::Compare { left, right, .. } => {
                self.operand(entity, left);
                self.operand(entity, right);
            }
            Expr::Text { value, pattern, .. } => {
                self.operand(entity, value);
                self.operand(entity, pattern);
            }
            Expr::In { value, .. } | Expr::IsNull(value) => self.operand(entity, value),
            Expr::Const(_) | Expr::Word { .. } | Expr::Json { .. } => {}
        }
    }

    fn order(&mut self, entity: EntityId, order: &mut [Order]) {
        order.iter_mut().for_each(|key| self.operand(entity, &mut key.by));
    }

    /// A related row past its time is as a missing one.
    fn operand(&mut self, entity: EntityId, operand: &mut Operand) {
        match operand {
            Operand::Rank { of, .. } => self.operand(entity, of),
            Operand::Related { path, visible, .. } => {
                visible.resize(path.len(), Expr::TRUE);
                let mut at = entity;
                for (step, rows) in path.iter().zip(visible) {
                    at = self.schema.entity(at).relation(*step).target;
                    self.rows(at, rows);
                }
            }
            Operand::Field(_) | Operand::Column(_) | Operand::Param(_) | Operand::Const(_) => {}
        }
    }
}
