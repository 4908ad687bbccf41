//! Which related rows come with the rows that they belong to, in one statement.
//!
//! An include that leads to one row can be a join. For PostgreSQL it always is, as each statement less is a round trip
//! less. For SQLite a statement costs next to nothing and a join is no faster than a list of keys, except where a
//! condition has joined the very row already.

use super::Target;
use super::operation::Lowering;
use crate::query::ast::{Expr, Include, Quantifier, Statement};
use crate::schema::{Entity, FieldId};
use crate::sql::dialect::Dialect;

/// An include whose rows come with those that they belong to.
#[derive(Clone, Copy, Debug)]
pub struct Join<'q> {
    /// Which join gives the row that it is joined to; none for the row selected.
    pub to: Option<usize>,
    /// The field of that row that leads to it.
    pub local: FieldId,
    /// The rows joined.
    pub include: &'q Include,
}

/// The includes that are joined to a select, each after the one that it is joined to.
pub fn joins<'q>(target: Target<'_>, statement: &Statement, includes: &'q [Include]) -> Vec<Join<'q>> {
    let mut found = Vec::new();
    if let (Lowering::Sql(dialect), Statement::Select(select)) = (target.lowering, statement) {
        let entity = target.schema.entity(select.entity);
        let wanted = |include: &Include, local: FieldId| match dialect {
            Dialect::Postgres => true,
            Dialect::Sqlite => {
                let by_key = include.select.link.as_ref().is_some_and(|link| {
                    link.field == target.schema.entity(include.select.entity).key && select.link.is_none()
                });
                by_key && condition_on(entity, &select.filter, include, local).is_some()
            }
        };
        for include in includes {
            let local = select.columns[include.parent_column];
            if to_one(target, include) && wanted(include, local) {
                found.push(Join { to: None, local, include });
                if dialect == Dialect::Postgres {
                    below(target, found.len() - 1, &mut found);
                }
            }
        }
    }
    found
}

/// Joins the includes of a joined row as well.
fn below(target: Target<'_>, to: usize, found: &mut Vec<Join<'_>>) {
    let above = found[to].include;
    for include in above.includes.iter().filter(|include| to_one(target, include)) {
        found.push(Join { to: Some(to), local: above.select.columns[include.parent_column], include });
        below(target, found.len() - 1, found);
    }
}

/// Whether an include finds one row at most, whatever is stored.
fn to_one(target: Target<'_>, include: &Include) -> bool {
    let select = &include.select;
    let Some(link) = select.link.as_ref().filter(|link| link.through.is_none()) else { return false };
    let entity = target.schema.entity(select.entity);
    let unique = link.field == entity.key || entity.field(link.field).unique;
    include.to_one && unique && select.limit.is_none() && select.offset.is_none() && select.beyond.is_none()
}

/// The condition of a select that is met by the one row that an include leads to, and by which it is in the include too.
pub fn condition_on<'e>(entity: &Entity, filter: &'e Expr, include: &Include, local: FieldId) -> Option<&'e Expr> {
    let link = include.select.link.as_ref()?;
    filter.conjuncts().iter().find(|part| match part {
        Expr::Related { relation, quantifier: Quantifier::Some, visible, .. } => {
            let relation = entity.relation(*relation);
            let same = relation.target == include.select.entity && relation.through.is_none();
            let seen = include.select.filter == Expr::TRUE || include.select.filter == **visible;
            same && relation.local == local && relation.remote == link.field && seen
        }
        _ => false,
    })
}
