//! Which related rows come with the rows that they belong to, in one statement.
//!
//! An include that leads to one row can be a join. For PostgreSQL it always is, as each statement less is a round trip
//! less. For SQLite a statement costs next to nothing and a join is no faster than a list of keys, except where a
//! condition has joined the very row already.

use super::Target;
use super::operation::Lowering;
use crate::query::ast::{Include, Select};
use crate::query::join::{Join, condition_on};
use crate::schema::FieldId;
use crate::sql::dialect::Dialect;

/// The includes that are joined to a select, each after the one that it is joined to.
pub fn joins<'q>(target: Target<'_>, select: &Select, includes: &'q [Include]) -> Vec<Join<'q>> {
    let mut found = Vec::new();
    if let Lowering::Sql(dialect) = target.lowering {
        let entity = target.schema.entity(select.entity);
        let wanted = |include: &Include, local: FieldId| match dialect {
            Dialect::Postgres => true,
            Dialect::Sqlite => {
                let by_key = include.select.link.as_ref().is_some_and(|link| {
                    target.schema.entity(include.select.entity).is_key(link.field) && select.link.is_none()
                });
                by_key && condition_on(entity, &select.filter, include, local).is_some()
            }
        };
        for include in includes {
            let local = select.columns[include.parent_column];
            if to_one(target, include) && wanted(include, local) {
                let given = dialect == Dialect::Sqlite;
                let below_it = &include.includes;
                let unread = if given { unread(&include.select, include.visible, below_it, &[]) } else { Vec::new() };
                found.push(Join { to: None, local, include, given, unread });
                if dialect == Dialect::Postgres {
                    below(target, found.len() - 1, &mut found);
                }
            }
        }
    }
    found
}

/// The columns of a select that are neither in the result nor lead to rows that another statement reads, where a
/// condition has joined rows to it: a database that sorts carries along what it is asked for.
pub fn unread(select: &Select, visible: usize, includes: &[Include], joined: &[Join<'_>]) -> Vec<usize> {
    let comes_along = |include: &Include| joined.iter().any(|join| join.given && std::ptr::eq(join.include, include));
    let sealed = if select.beyond.is_some() { select.key_positions() } else { Vec::new() };
    let leads = |at: usize| includes.iter().any(|include| include.parent_column == at && !comes_along(include));
    (visible..select.columns.len()).filter(|at| !leads(*at) && !sealed.contains(at)).collect()
}

/// Joins the includes of a joined row as well.
fn below(target: Target<'_>, to: usize, found: &mut Vec<Join<'_>>) {
    let above = found[to].include;
    for include in above.includes.iter().filter(|include| to_one(target, include)) {
        let local = above.select.columns[include.parent_column];
        found.push(Join { to: Some(to), local, include, given: false, unread: Vec::new() });
        below(target, found.len() - 1, found);
    }
}

/// Whether an include finds one row at most, whatever is stored.
fn to_one(target: Target<'_>, include: &Include) -> bool {
    let select = &include.select;
    let Some(link) = select.link.as_ref().filter(|link| link.through.is_none()) else { return false };
    let entity = target.schema.entity(select.entity);
    let unique = entity.is_key(link.field) || entity.field(link.field).unique;
    include.to_one && unique && select.limit.is_none() && select.offset.is_none() && select.beyond.is_none()
}
