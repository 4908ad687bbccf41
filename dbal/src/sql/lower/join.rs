//! Rows of other tables beside those selected.

use sea_query::{Asterisk, DynIden, Expr as SqlExpr, ExprTrait, JoinType, Query, SelectStatement};

use super::stored::linked;
use super::{Lowering, Scope};
use crate::error::{Error, Result};
use crate::query::ast::{Expr, Include, Quantifier, Select};
use crate::query::join::Join;
use crate::schema::{FieldId, Relation};
use crate::sql::dialect::Dialect;
use crate::sql::iden;

/// The columns of a row, null in place of those that nobody reads.
pub(super) fn shown<'s>(
    scope: &'s Scope<'_>,
    select: &'s Select,
    unread: &'s [usize],
) -> impl Iterator<Item = SqlExpr> + 's {
    let column = |(at, field): (usize, &FieldId)| match unread.contains(&at) {
        true => SqlExpr::null(),
        false => scope.shown(*field),
    };
    select.columns.iter().enumerate().map(column)
}

/// The same row with its table's name before each column, as it must be beside another table.
pub(super) fn qualified<'a>(root: &Scope<'a>) -> Scope<'a> {
    Scope { alias: Some(iden(&root.entity.table)), group: None, ..*root }
}

impl<'a> Lowering<'a> {
    /// The first rows in order, and only then what is joined to them: the database would join all rows before it sorts.
    pub(super) fn limited_and_joined(
        &self,
        root: &Scope<'a>,
        select: &Select,
        joins: &[Join<'_>],
    ) -> Result<SelectStatement> {
        let mut first = Query::select();
        first.column(Asterisk).from(iden(&root.entity.table));
        self.filter(root, select, select.filter.conjuncts(), &mut first)?;
        self.sort(root, select, &mut first)?;
        self.cut(select, &mut first)?;
        let scope = qualified(root);
        let mut built = Query::select();
        self.columns(&scope, select, &mut built)?;
        built.from_subquery(first, iden(&root.entity.table));
        self.join_includes(&scope, joins, &[], &mut built)?;
        self.sort(&scope, select, &mut built)?;
        Ok(built)
    }

    /// Adds the columns of the rows that includes lead to; those of `given` are joined already, under these aliases.
    pub(super) fn join_includes(
        &self,
        scope: &Scope<'a>,
        joins: &[Join<'_>],
        given: &[(&Include, Option<DynIden>)],
        built: &mut SelectStatement,
    ) -> Result<()> {
        let mut joined: Vec<Scope<'a>> = Vec::with_capacity(joins.len());
        for Join { to, local, include, unread, .. } in joins {
            let select = &include.select;
            let entity = self.schema.entity(select.entity);
            let target = match given.iter().find(|(given, _)| std::ptr::eq(*given, *include)) {
                Some((_, alias)) => Scope { entity, dialect: self.dialect, alias: alias.clone(), group: None },
                None => {
                    let link = select.link.as_ref().ok_or_else(|| Error::internal("an include is linked"))?;
                    let target = self.nested(entity);
                    let alias = target.alias.clone().ok_or_else(|| Error::internal("a nested row has an alias"))?;
                    let from = to.map_or(scope, |at| &joined[at]);
                    let mut on = linked((&target, link.field), (from, *local));
                    if select.filter != Expr::TRUE {
                        on = on.and(self.condition(&target, &select.filter)?);
                    }
                    built.join_as(JoinType::LeftJoin, iden(&entity.table), alias, on);
                    target
                }
            };
            built.exprs(shown(&target, select, unread));
            joined.push(target);
        }
        Ok(())
    }

    /// A condition on the one row that a relation leads to, by that row's primary key. As a join it means the same, and
    /// SQLite may begin with the related rows where they are few, which it never does with `EXISTS`.
    pub(super) fn joined<'e>(&self, root: &Scope<'a>, part: &'e Expr) -> Option<(&'a Relation, &'e Expr, &'e Expr)> {
        let Expr::Related { relation, quantifier: Quantifier::Some, visible, filter, .. } = part else { return None };
        if self.dialect != Dialect::Sqlite {
            return None;
        }
        let relation = root.entity.relation(*relation);
        let by_key = relation.through.is_none() && self.schema.entity(relation.target).is_key(relation.remote);
        by_key.then_some((relation, visible, filter))
    }

    pub(super) fn join(
        &self,
        root: &Scope<'a>,
        relation: &Relation,
        conditions: [&Expr; 2],
        built: &mut SelectStatement,
    ) -> Result<Scope<'a>> {
        let target = self.nested(self.schema.entity(relation.target));
        let alias = target.alias.clone().ok_or_else(|| Error::internal("a nested row has an alias"))?;
        built.from_as(iden(&target.entity.table), alias);
        built.and_where(linked((&target, relation.remote), (root, relation.local)));
        for condition in conditions {
            if *condition != Expr::TRUE {
                built.and_where(self.condition(&target, condition)?);
            }
        }
        Ok(target)
    }
}
