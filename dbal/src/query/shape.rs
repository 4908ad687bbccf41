//! The shape of a query: its parameters renumbered in the order of first use, so that queries that differ only in how
//! they were written down, or in their values, are equal.

use crate::query::ast::{Assign, Expr, Include, Operand, ParamId, Query, Select, Statement};
use crate::query::param::{ParamSource, Params};

/// Renumbers the parameters of a query, and drops unused ones. Values of the request stay: one whose condition was
/// decided without it must still be checked when the plan serves another request.
pub fn shape(query: &mut Query, params: Params) -> Params {
    let mut order = Order { old: params, new: Params::default(), map: Vec::new() };
    order.map.resize(order.old.0.len(), None);
    order.query(query);
    for at in 0..order.old.0.len() {
        if matches!(order.old.0[at], ParamSource::Argument { .. }) {
            order.moved(ParamId(at as u16));
        }
    }
    order.new
}

struct Order {
    old: Params,
    new: Params,
    map: Vec<Option<ParamId>>,
}

impl Order {
    fn id(&mut self, id: &mut ParamId) {
        *id = self.moved(*id);
    }

    fn moved(&mut self, id: ParamId) -> ParamId {
        let at = usize::from(id.0);
        if let Some(moved) = self.map[at] {
            return moved;
        }
        let source = match self.old.0[at].clone() {
            // What is hashed comes first, so that values can be made in the order of their ids.
            ParamSource::Hashed(raw, how) => ParamSource::Hashed(self.moved(raw), how),
            other => other,
        };
        let moved = self.new.push(source);
        self.map[at] = Some(moved);
        moved
    }

    fn query(&mut self, query: &mut Query) {
        match &mut query.statement {
            Statement::Select(select) => self.select(select),
            Statement::Count(count) => self.expr(&mut count.filter),
            Statement::Aggregate(aggregate) => {
                self.expr(&mut aggregate.filter);
                self.expr(&mut aggregate.having);
                aggregate.order.iter_mut().for_each(|order| self.operand(&mut order.by));
                aggregate.limit.iter_mut().for_each(|limit| self.operand(limit));
            }
            Statement::Insert(insert) => {
                insert.values.iter_mut().for_each(|(_, operand)| self.operand(operand));
                insert.check.iter_mut().for_each(|check| self.expr(check));
            }
            Statement::Update(update) => {
                for (_, assign) in &mut update.set {
                    match assign {
                        Assign::Set(operand) | Assign::Increment(operand) => self.operand(operand),
                    }
                }
                self.expr(&mut update.filter);
                update.check.iter_mut().for_each(|check| self.expr(check));
            }
            Statement::Delete(delete) => self.expr(&mut delete.filter),
        }
        for parent in &mut query.parents {
            self.expr(&mut parent.count.filter);
            if let Some((value, own)) = &mut parent.itself {
                self.id(value);
                self.id(own);
            }
        }
        query.version.iter_mut().for_each(|version| self.expr(version));
        self.includes(&mut query.includes);
    }

    fn includes(&mut self, includes: &mut [Include]) {
        for include in includes {
            self.select(&mut include.select);
            self.includes(&mut include.includes);
        }
    }

    fn select(&mut self, select: &mut Select) {
        if let Some(link) = &mut select.link {
            self.id(&mut link.parents);
            link.through.iter_mut().for_each(|between| self.expr(&mut between.visible));
        }
        self.expr(&mut select.filter);
        select.beyond.iter_mut().for_each(|beyond| self.expr(beyond));
        select.order.iter_mut().for_each(|order| self.operand(&mut order.by));
        select.limit.iter_mut().chain(&mut select.offset).for_each(|operand| self.operand(operand));
    }

    fn operand(&mut self, operand: &mut Operand) {
        operand.each_param(&mut |id| self.id(id));
    }

    fn expr(&mut self, expr: &mut Expr) {
        expr.each_param(&mut |id| self.id(id));
    }
}
