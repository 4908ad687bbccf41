//! What is read or compared: a path, or a value known when the statement runs.

use super::{Lowering, Scope, path_of};
use crate::error::{Error, Result};
use crate::plan::operation::document::{Amount, Join, Path, Side, Stage};
use crate::query::ast::{Expr, Literal, Operand};
use crate::schema::{FieldId, FieldType, RelationId};

impl<'a> Lowering<'a> {
    /// An operand, with the stages that it needs put before.
    pub(super) fn operand(&self, scope: &mut Scope<'a>, operand: &Operand) -> Result<Side> {
        Ok(match operand {
            Operand::Field(field) => scope.side(*field),
            Operand::Related { path, field, visible } => self.related(scope, path, *field, visible)?,
            Operand::Column(column) => Side::Column(*column),
            Operand::Param(id) => Side::Param(*id),
            Operand::Const(literal) => Side::Literal(literal.clone()),
            Operand::Rank { of, values } => match self.operand(scope, of)? {
                Side::Path { path, .. } => {
                    let into = self.name();
                    scope.stages.push(Stage::Rank { of: path, values: values.clone(), into: into.clone() });
                    Side::Path { path: Path(into), ty: FieldType::BigInt, keyed: false }
                }
                Side::Param(id) => Side::Rank(id, values.clone()),
                Side::Literal(Literal::Word(word)) => {
                    let rank = values.iter().position(|value| *value == word);
                    Side::Literal(rank.map_or(Literal::Null, |rank| Literal::Int(rank as i64)))
                }
                Side::Literal(_) | Side::Rank(..) => Side::Literal(Literal::Null),
                Side::Column(_) => return Err(Error::internal("a column of a group is not ranked")),
            },
        })
    }

    /// The field at the end of a path of to-one relations: the row of each step is joined to the document.
    fn related(&self, scope: &mut Scope<'a>, path: &[RelationId], field: FieldId, visible: &[Expr]) -> Result<Side> {
        let mut entity = scope.entity;
        let mut prefix = String::new();
        for (step, relation) in path.iter().enumerate() {
            let relation = entity.relation(*relation);
            if !relation.kind.is_to_one() || relation.through.is_some() {
                return Err(Error::internal("a path of an operand leads through a to-many relation"));
            }
            let target = self.schema.entity(relation.target);
            let mut stages = match visible.get(step) {
                Some(visible) => self.filtered(target, visible)?,
                None => Vec::new(),
            };
            stages.push(Stage::Limit(Amount::Fixed(1)));
            let into = self.name();
            scope.stages.push(Stage::Join(Join {
                collection: target.table.clone(),
                local: Path(format!("{prefix}{}", path_of(entity, relation.local).0)),
                foreign: path_of(target, relation.remote),
                stages,
                into: into.clone(),
            }));
            prefix = format!("{into}.");
            scope.stages.push(Stage::First(into));
            entity = target;
        }
        Ok(Side::Path {
            path: Path(format!("{prefix}{}", path_of(entity, field).0)),
            ty: entity.field(field).ty.clone(),
            keyed: false,
        })
    }

    /// A limit or an offset.
    pub(super) fn amount(&self, operand: &Operand) -> Result<Amount> {
        match operand {
            Operand::Param(id) => Ok(Amount::Param(*id)),
            Operand::Const(Literal::Int(number)) => u64::try_from(*number)
                .map(Amount::Fixed)
                .map_err(|_| Error::internal("a limit or an offset is negative")),
            _ => Err(Error::internal("a limit or an offset is a number")),
        }
    }
}
