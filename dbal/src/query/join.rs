//! Related rows that come with the rows that they belong to, in one statement; which do is the planner's choice.

use super::ast::{Expr, Include, Quantifier};
use crate::schema::{Entity, FieldId};

/// An include whose rows come with those that they belong to.
#[derive(Clone, Debug)]
pub struct Join<'q> {
    /// Which join gives the row that it is joined to; none for the row selected.
    pub to: Option<usize>,
    /// The field of that row that leads to it.
    pub local: FieldId,
    /// The rows joined.
    pub include: &'q Include,
    /// A condition has joined it already, so that every row comes with one.
    pub given: bool,
    /// Columns of it that nobody reads.
    pub unread: Vec<usize>,
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
