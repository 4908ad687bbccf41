//! Conditions. Documents are asked in two values, so each condition is made for what it must be: true or false.
//! Where it is unknown, neither holds.

use super::{Lowering, Scope, path_of};
use crate::error::Result;
use crate::plan::operation::document::{Amount, Condition, Join, Path, Stage, WORDS, column};
use crate::query::ast::{Comparison, Expr, Quantifier};
use crate::schema::RelationId;

impl<'a> Lowering<'a> {
    /// When a condition is `wanted`.
    pub(super) fn condition(&self, scope: &mut Scope<'a>, expr: &Expr, wanted: bool) -> Result<Condition> {
        Ok(match expr {
            Expr::Const(truth) => Condition::Const(*truth == Some(wanted)),
            Expr::And(parts) if wanted => Condition::All(self.conditions(scope, parts, wanted)?),
            Expr::And(parts) => Condition::Any(self.conditions(scope, parts, wanted)?),
            Expr::Or(parts) if wanted => Condition::Any(self.conditions(scope, parts, wanted)?),
            Expr::Or(parts) => Condition::All(self.conditions(scope, parts, wanted)?),
            Expr::Not(inner) => self.condition(scope, inner, !wanted)?,
            Expr::Compare { left, op, right, fold } => {
                let (left, right) = (self.operand(scope, left)?, self.operand(scope, right)?);
                let op = if wanted { *op } else { opposite(*op) };
                Condition::Compare { left, op, right, fold: *fold }
            }
            Expr::In { value, list, fold } => {
                Condition::In { value: self.operand(scope, value)?, list: *list, fold: *fold, wanted }
            }
            Expr::IsNull(operand) => truth(Condition::Null(self.operand(scope, operand)?), wanted),
            Expr::Text { value, op, pattern, fold } => {
                let (value, pattern) = (self.operand(scope, value)?, self.operand(scope, pattern)?);
                Condition::Text { value, op: *op, pattern, fold: *fold, wanted }
            }
            Expr::Word { fields, word, prefix } => {
                let list = |field| Path(format!("{WORDS}.{}", column(scope.entity.field(field))));
                let paths = fields.iter().copied().map(list).collect();
                Condition::Word { paths, word: *word, prefix: *prefix, wanted }
            }
            Expr::Json { field, path, test } => {
                Condition::Json { document: scope.path(*field), path: path.clone(), test: test.clone(), wanted }
            }
            Expr::Related { relation, quantifier, between, visible, filter } => {
                let joined = self.related_rows(scope, *relation, *quantifier, [between, visible, filter])?;
                let none = Condition::Empty(joined);
                match quantifier {
                    Quantifier::Some => truth(none, !wanted),
                    Quantifier::Every | Quantifier::None => truth(none, wanted),
                }
            }
        })
    }

    fn conditions(&self, scope: &mut Scope<'a>, parts: &[Expr], wanted: bool) -> Result<Vec<Condition>> {
        parts.iter().map(|part| self.condition(scope, part, wanted)).collect()
    }

    /// Joins one related row that decides a quantifier: one that matches, or for `Every` one that does not.
    fn related_rows(
        &self,
        scope: &mut Scope<'a>,
        relation: RelationId,
        quantifier: Quantifier,
        [between, visible, filter]: [&Expr; 3],
    ) -> Result<String> {
        let relation = scope.entity.relation(relation);
        let target = self.schema.entity(relation.target);
        let mut inner = Scope::of(target);
        self.filter(&mut inner, visible)?;
        match quantifier {
            Quantifier::Some | Quantifier::None => self.filter(&mut inner, filter)?,
            Quantifier::Every => {
                let matches = self.condition(&mut inner, filter, true)?;
                inner.stages.push(Stage::Match(Condition::Not(Box::new(matches))));
            }
        }
        inner.stages.push(Stage::Limit(Amount::Fixed(1)));
        let into = self.name();
        let join = match relation.through {
            None => Join {
                collection: target.table.clone(),
                local: scope.path(relation.local),
                foreign: path_of(target, relation.remote),
                stages: inner.stages,
                into: into.clone(),
            },
            Some(through) => {
                let meeting = self.schema.entity(through.entity);
                let mut meetings = Scope::of(meeting);
                self.filter(&mut meetings, between)?;
                let found = self.name();
                meetings.stages.push(Stage::Join(Join {
                    collection: target.table.clone(),
                    local: path_of(meeting, through.other),
                    foreign: path_of(target, relation.remote),
                    stages: inner.stages,
                    into: found.clone(),
                }));
                let met = Condition::Not(Box::new(Condition::Empty(found)));
                meetings.stages.extend([Stage::Match(met), Stage::Limit(Amount::Fixed(1))]);
                Join {
                    collection: meeting.table.clone(),
                    local: scope.path(relation.local),
                    foreign: path_of(meeting, through.this),
                    stages: meetings.stages,
                    into: into.clone(),
                }
            }
        };
        scope.stages.push(Stage::Join(join));
        Ok(into)
    }
}

/// A condition that is never unknown, or its opposite.
fn truth(condition: Condition, wanted: bool) -> Condition {
    if wanted { condition } else { Condition::Not(Box::new(condition)) }
}

fn opposite(op: Comparison) -> Comparison {
    match op {
        Comparison::Eq => Comparison::Ne,
        Comparison::Ne => Comparison::Eq,
        Comparison::Lt => Comparison::Gte,
        Comparison::Lte => Comparison::Gt,
        Comparison::Gt => Comparison::Lte,
        Comparison::Gte => Comparison::Lt,
    }
}
