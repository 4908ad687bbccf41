//! Reading rows and counting them.

use sea_query::{
    Asterisk, Expr as SqlExpr, ExprTrait, Func, JoinType, NullOrdering, Order as Direction, Query, SelectStatement,
    SubQueryStatement,
};

use super::join::{qualified, shown};
use super::operand::{collated, from};
use super::stored::both;
use super::{Lowering, Scope, text_literal, writer};
use crate::error::{Error, Result};
use crate::plan::operation::Encoding;
use crate::query::ast::{Comparison, Count, Expr, Link, Literal, Operand, Order, Select};
use crate::query::join::{Join, condition_on};
use crate::schema::{Entity, FieldId, FieldType, Index};
use crate::sql::dialect::Dialect;
use crate::sql::iden;

/// The parents' values where children are limited for each.
const PARENTS: &str = "$0";
/// Their only column; the name cannot be one of the children's.
pub(super) const PARENT: &str = "$parent";

/// Conditions that are written one by one; more of them would nest too deeply.
const PARTS: usize = 64;

/// Whether an index gives the rows asked for in their order, and only some of them are wanted.
fn in_order_of_an_index(entity: &Entity, select: &Select, parts: &[Expr]) -> bool {
    let (Some(_), Some(Order { by: Operand::Field(first), .. })) = (&select.limit, select.order.first()) else {
        return false;
    };
    let fixed = |field: &FieldId| {
        parts.iter().any(|part| match part {
            Expr::Compare { left: Operand::Field(one), op: Comparison::Eq, fold: false, .. } => one == field,
            Expr::IsNull(Operand::Field(one)) => one == field,
            _ => false,
        })
    };
    let ordered = |index: &Index| index.fields.iter().find(|field| !fixed(field)) == Some(first);
    let ranged = |part: &Expr| matches!(part, Expr::Compare { left: Operand::Field(one), op, .. } if is_range(*op) && one != first);
    parts.len() <= PARTS
        && entity.indexes.iter().any(|index| index.filter.is_none() && ordered(index))
        && parts.iter().any(ranged)
}

/// The field whose index gives the rows in the order asked for, but for the key that comes last; none where that is of
/// no use: nothing is limited, or the conditions themselves lead into an index.
fn entered_by_order(entity: &Entity, select: &Select, parts: &[Expr]) -> Option<FieldId> {
    let (Some(Operand::Const(_)), [Order { by: Operand::Field(first), .. }, _, ..]) =
        (&select.limit, select.order.as_slice())
    else {
        return None;
    };
    let indexed = |field: FieldId| {
        let begins = |index: &Index| index.filter.is_none() && index.fields.first() == Some(&field);
        entity.indexes.iter().any(begins)
    };
    let leads = |part: &Expr| match part {
        Expr::Compare { left: Operand::Field(field), op: Comparison::Eq, fold: false, .. }
        | Expr::In { value: Operand::Field(field), fold: false, .. }
        | Expr::IsNull(Operand::Field(field)) => {
            entity.is_key(*field) || entity.field(*field).unique || indexed(*field)
        }
        Expr::Compare { left: Operand::Field(field), .. } => field == first,
        _ => false,
    };
    let wanted = !entity.field(*first).nullable && indexed(*first) && !parts.iter().any(leads);
    wanted.then_some(*first)
}

/// What no stored value of a type is less than, where there is such a thing to spell.
fn least(ty: &FieldType) -> Result<Option<SqlExpr>> {
    Ok(match ty {
        FieldType::Integer | FieldType::BigInt | FieldType::DateTime => Some(SqlExpr::Constant(i64::MIN.into())),
        FieldType::Uuid | FieldType::Text(_) | FieldType::Enum(_) | FieldType::Date => Some(text_literal("")?),
        FieldType::Float | FieldType::Decimal { .. } | FieldType::Boolean | FieldType::Json | FieldType::Bytes => None,
    })
}

fn is_range(op: Comparison) -> bool {
    matches!(op, Comparison::Lt | Comparison::Lte | Comparison::Gt | Comparison::Gte)
}

impl<'a> Lowering<'a> {
    pub(super) fn select(&self, root: &Scope<'a>, select: &Select, joins: &[Join<'_>]) -> Result<SelectStatement> {
        let limited = select.limit.is_some() || select.offset.is_some();
        match &select.link {
            Some(link) if limited || link.through.is_some() => match self.dialect {
                Dialect::Sqlite => self.children(root, select, link),
                Dialect::Postgres => self.lateral_children(root, select, link, joins),
            },
            None if limited && !joins.is_empty() && self.dialect == Dialect::Postgres => {
                self.limited_and_joined(root, select, joins)
            }
            _ => self.rows(root, select, joins, None),
        }
    }

    pub(super) fn count(&self, root: &Scope<'a>, count: &Count) -> Result<SelectStatement> {
        let mut built = from(root);
        built.expr(Func::count(SqlExpr::col(Asterisk)));
        if count.filter != Expr::TRUE {
            built.and_where(self.condition(root, &count.filter)?);
        }
        Ok(built)
    }

    /// Rows in order, of all parents together if there is a link. `walked`: all rows, in this order.
    pub(super) fn rows(
        &self,
        root: &Scope<'a>,
        select: &Select,
        joins: &[Join<'_>],
        walked: Option<&[Order]>,
    ) -> Result<SelectStatement> {
        let mut built = from(root);
        let parts = select.filter.conjuncts();
        let related = select.link.is_none() && parts.iter().any(|part| self.joined(root, part).is_some());
        let qualified = qualified(root);
        let scope = if related || !joins.is_empty() { &qualified } else { root };
        self.columns(scope, select, &mut built)?;
        if let Some(link) = &select.link {
            built.and_where(match self.source(link.parents) {
                Some(source) => scope.column(link.field).in_subquery(source.values()),
                None => self.in_values(scope, link.field, link.parents),
            });
        }
        let mut others = Vec::with_capacity(parts.len());
        // The includes that a condition has joined already.
        let mut given = Vec::new();
        for part in parts {
            match self.joined(root, part).filter(|_| related) {
                Some((relation, visible, filter)) => {
                    let target = self.join(scope, relation, [visible, filter], &mut built)?;
                    let meant = |join: &&Join<'_>| {
                        let met = condition_on(root.entity, &select.filter, join.include, join.local);
                        met.is_some_and(|met| std::ptr::eq(met, part))
                    };
                    given.extend(joins.iter().filter(meant).map(|join| (join.include, target.alias.clone())));
                }
                None => others.push(part.clone()),
            }
        }
        self.join_includes(scope, joins, &given, &mut built)?;
        self.filter(scope, select, &others, &mut built)?;
        if select.link.is_none() {
            self.enter_by_order(scope, select, &others, &mut built)?;
        }
        match walked {
            Some(orders) => self.sort_by(scope, orders, &mut built)?,
            None => {
                self.sort(scope, select, &mut built)?;
                self.cut(select, &mut built)?;
            }
        }
        Ok(built)
    }

    /// SQLite counts on a limit to end a walk along an index only if the index gives the order whole, and it never does
    /// here: the key comes last in each order. It would rather read and sort the whole table. A condition that every row
    /// meets, and of which SQLite cannot know that, lets it enter the index, and it then stops at the limit.
    fn enter_by_order(
        &self,
        scope: &Scope<'a>,
        select: &Select,
        parts: &[Expr],
        built: &mut SelectStatement,
    ) -> Result<()> {
        if self.dialect != Dialect::Sqlite {
            return Ok(());
        }
        let Some(field) = entered_by_order(scope.entity, select, parts) else { return Ok(()) };
        if scope.entity.field(field).storage.is_some() {
            return Ok(());
        }
        let Some(least) = least(&scope.entity.field(field).ty)? else { return Ok(()) };
        let mut least_of_all = Query::select();
        least_of_all.expr(least);
        let least_of_all = SubQueryStatement::SelectStatement(least_of_all);
        built.and_where(scope.column(field).gte(SqlExpr::SubQuery(None, Box::new(least_of_all))));
        Ok(())
    }

    /// So many rows of each parent. For every parent the keys of its first rows are sought, which an index in the order
    /// of the rows makes cheap however many there are; numbering all children took 5 to 50 times as long.
    fn children(&self, root: &Scope<'a>, select: &Select, link: &Link) -> Result<SelectStatement> {
        let list = Func::cust("rarray").arg(self.placeholder(link.parents, Encoding::List));
        let mut parents = Query::select();
        // The machine gives each parent once, where one value is written in one way.
        if matches!(root.entity.field(link.field).ty, FieldType::Float | FieldType::Decimal { .. }) {
            parents.distinct();
        }
        parents.expr_as(SqlExpr::col(iden("value")), iden(PARENT)).from_function(list, iden("$list"));

        let child = self.nested(root.entity);
        let mut first = from(&child);
        first.exprs(root.entity.keys().map(|key| child.stored(key)));
        self.first_children(&child, select, link, &mut first)?;

        let mut built = Query::select();
        self.columns(root, select, &mut built)?;
        if link.through.is_some() {
            built.expr(SqlExpr::col((iden(PARENTS), iden(PARENT))));
        }
        built.from_subquery(parents, iden(PARENTS)).cross_join(iden(&root.entity.table));
        let keys: Vec<SqlExpr> = root.entity.keys().map(|key| root.stored(key)).collect();
        built.and_where(match <[SqlExpr; 1]>::try_from(keys) {
            Ok([key]) => key.in_subquery(first),
            Err(keys) => SqlExpr::tuple(keys).in_subquery(first),
        });
        self.sort(root, select, &mut built)?;
        Ok(built)
    }

    /// The same where a join can look at the row on its left.
    fn lateral_children(
        &self,
        root: &Scope<'a>,
        select: &Select,
        link: &Link,
        joins: &[Join<'_>],
    ) -> Result<SelectStatement> {
        let parents = match self.source(link.parents) {
            Some(source) => source.values(),
            None => {
                let list_alias = iden("$list");
                let mut parents = Query::select();
                let list = Func::cust("unnest").arg(self.typed_list(link.parents)?);
                parents.distinct().expr_as(SqlExpr::col(list_alias.clone()), iden(PARENT));
                parents.from_function(list, list_alias).to_owned()
            }
        };

        let child = self.nested(root.entity);
        let alias = child.alias.clone().ok_or_else(|| Error::internal("a nested row has an alias"))?;
        let mut first = from(&child);
        first.expr(SqlExpr::col((alias, Asterisk)));
        self.first_children(&child, select, link, &mut first)?;

        // Under the table's own name, which is how the columns of the row at hand are called.
        let qualified = qualified(root);
        let root = if joins.is_empty() { root } else { &qualified };
        let mut related = Query::select();
        self.columns(root, select, &mut related)?;
        if link.through.is_some() {
            related.expr(SqlExpr::col((iden(PARENTS), iden(PARENT))));
        }
        related.from_subquery(first, iden(&root.entity.table));
        self.join_includes(root, joins, &[], &mut related)?;
        // Each parent's rows in order, which is all that is asked for; to sort those of all parents costs more.
        self.sort(root, select, &mut related)?;
        let mut built = Query::select();
        let (alias, always) = (iden("$related"), SqlExpr::Constant(true.into()));
        built.expr(SqlExpr::col((alias.clone(), Asterisk))).from_subquery(parents, iden(PARENTS));
        built.join_lateral(JoinType::InnerJoin, related, alias, always);
        Ok(built)
    }

    /// The first children of the parent at hand, in order.
    fn first_children(
        &self,
        child: &Scope<'a>,
        select: &Select,
        link: &Link,
        first: &mut SelectStatement,
    ) -> Result<()> {
        let parent = SqlExpr::col((iden(PARENTS), iden(PARENT)));
        match &link.through {
            None => first.and_where(self.equals_value(child, link.field, parent)),
            Some(link_rows) => {
                // As a list of values, so that two rows in between that say the same give their child once.
                let through = link_rows.through;
                let between = self.nested(self.schema.entity(through.entity));
                let mut meetings = from(&between);
                let (met, wanted) = both((&between, through.other), (child, link.field));
                meetings.expr(met).and_where(self.equals_value(&between, through.this, parent));
                if link_rows.visible != Expr::TRUE {
                    meetings.and_where(self.condition(&between, &link_rows.visible)?);
                }
                first.and_where(wanted.in_subquery(meetings))
            }
        };
        self.filter(child, select, select.filter.conjuncts(), first)?;
        self.sort(child, select, first)?;
        self.cut(select, first)
    }

    pub(super) fn columns(&self, root: &Scope<'a>, select: &Select, built: &mut SelectStatement) -> Result<()> {
        match select.columns.is_empty() {
            true => built.expr(SqlExpr::Constant(1i64.into())),
            false => built.exprs(shown(root, select, self.unread)),
        };
        if select.beyond.is_some() {
            let keys = select.added_keys().map(|key| self.operand(root, &key.by, Encoding::Plain));
            built.exprs(keys.collect::<Result<Vec<SqlExpr>>>()?);
        }
        Ok(())
    }

    pub(super) fn filter(
        &self,
        scope: &Scope<'a>,
        select: &Select,
        parts: &[Expr],
        built: &mut SelectStatement,
    ) -> Result<()> {
        if self.dialect != Dialect::Sqlite || !in_order_of_an_index(scope.entity, select, parts) {
            match parts {
                [] => {}
                [one] => drop(built.and_where(self.condition(scope, one)?)),
                // As one condition, which is written so that however many parts do not nest deeply.
                all => drop(built.and_where(self.condition(scope, &Expr::And(all.to_vec()))?)),
            }
            return Ok(());
        }
        // SQLite does not know that the first rows of the index are the first rows wanted as soon as the key comes
        // last in the sort, and prefers an index on the range, whose rows it then has to sort all. A unary plus keeps a
        // condition from choosing the index; it changes nothing else.
        for part in parts {
            built.and_where(match part {
                Expr::Compare { left: Operand::Field(field), op, right, fold: false }
                    if is_range(*op)
                        && scope.entity.field(*field).storage.is_none()
                        && select.order.first().is_none_or(|order| order.by != Operand::Field(*field)) =>
                {
                    let column = SqlExpr::cust_with_exprs("+ ?", [scope.column(*field)]);
                    let column =
                        collated(self.dialect, column, &Operand::Field(*field), Some(&scope.entity.field(*field).ty));
                    column.binary(super::condition::operator(*op), self.operand(scope, right, Encoding::Plain)?)
                }
                other => self.condition(scope, other)?,
            });
        }
        Ok(())
    }

    pub(super) fn sort(&self, scope: &Scope<'a>, select: &Select, built: &mut SelectStatement) -> Result<()> {
        self.sort_by(scope, &select.order, built)
    }

    fn sort_by(&self, scope: &Scope<'a>, orders: &[Order], built: &mut SelectStatement) -> Result<()> {
        for order in orders {
            let (by, direction, nulls) = self.order(scope, order)?;
            match nulls {
                Some(nulls) => built.order_by_expr_with_nulls(by, direction, nulls),
                None => built.order_by_expr(by, direction),
            };
        }
        Ok(())
    }

    pub(super) fn cut(&self, select: &Select, built: &mut SelectStatement) -> Result<()> {
        match (&select.limit, &select.offset) {
            (None, None) => {}
            (Some(limit), None) => {
                built.limit(self.bound(limit)?);
            }
            (None, Some(offset)) if self.dialect == Dialect::Postgres => {
                built.offset(self.bound(offset)?);
            }
            // SQLite has no OFFSET without LIMIT.
            (limit, Some(offset)) => {
                let limit = limit.as_ref().map_or(Ok(i64::MAX as u64), |limit| self.bound(limit))?;
                built.limit(limit).offset(self.bound(offset)?);
            }
        }
        Ok(())
    }

    /// One key of a sort. Where nulls stand is said only if the database would place them elsewhere: said, it keeps an
    /// index of SQLite from being used. To SQLite nulls are the smallest, to PostgreSQL the greatest.
    pub(super) fn order(&self, scope: &Scope<'a>, order: &Order) -> Result<(SqlExpr, Direction, Option<NullOrdering>)> {
        let by = match &order.by {
            Operand::Field(field) => self.sorted(scope, *field),
            by => self.operand(scope, by, Encoding::Plain)?,
        };
        let by = collated(self.dialect, by, &order.by, self.operand_type(scope, &order.by));
        let never_null = matches!(&order.by, Operand::Field(field) if !scope.entity.field(*field).nullable);
        let unsaid = match self.dialect {
            Dialect::Sqlite => !order.descending,
            Dialect::Postgres => order.descending,
        };
        let nulls = match order.nulls_first {
            _ if never_null => None,
            first if first == unsaid => None,
            true => Some(NullOrdering::First),
            false => Some(NullOrdering::Last),
        };
        Ok((by, if order.descending { Direction::Desc } else { Direction::Asc }, nulls))
    }

    /// A limit or an offset in the only form that sea-query takes.
    pub(super) fn bound(&self, operand: &Operand) -> Result<u64> {
        match operand {
            Operand::Param(id) => Ok(writer::number(&self.marker(*id, Encoding::Plain))),
            Operand::Const(Literal::Int(number)) => {
                u64::try_from(*number).map_err(|_| Error::internal("a limit or an offset is negative"))
            }
            _ => Err(Error::internal("a limit or an offset is a number")),
        }
    }
}
