//! Reading rows.

use super::{Lowering, Scope, path_of};
use crate::error::{Error, Result};
use crate::plan::operation::document::{Condition, Path, Read, Side, SortKey, Stage};
use crate::query::ast::{Expr, Link, Operand, Order, Select};
use crate::schema::Entity;

impl<'a> Lowering<'a> {
    pub(super) fn select(&self, entity: &'a Entity, select: &Select) -> Result<Read> {
        let mut scope = Scope::of(entity);
        let mut collection = entity.table.clone();
        let mut parent = None;
        if let Some(link) = &select.link {
            let (from, each) = self.linked(&mut scope, link)?;
            collection = from.unwrap_or(collection);
            parent = Some(each);
        }
        self.filter(&mut scope, &select.filter)?;
        let (order, keys) = self.order(&mut scope, &select.order)?;
        let limit = select.limit.as_ref().map(|limit| self.amount(limit)).transpose()?;
        let skip = select.offset.as_ref().map(|offset| self.amount(offset)).transpose()?;
        match &parent {
            Some(parent) if limit.is_some() || skip.is_some() => {
                scope.stages.push(Stage::Each { of: parent.clone(), order: order.clone(), skip, limit });
                scope.stages.push(Stage::Sort(order));
            }
            _ => {
                if !order.is_empty() {
                    scope.stages.push(Stage::Sort(order));
                }
                scope.stages.extend(skip.map(Stage::Skip));
                scope.stages.extend(limit.map(Stage::Limit));
            }
        }
        let mut columns: Vec<Path> = select.columns.iter().map(|field| scope.path(*field)).collect();
        if select.beyond.is_some() {
            let added = select.order.iter().zip(keys).filter(|(key, _)| select.column_of(key).is_none());
            columns.extend(added.map(|(_, path)| path));
        }
        if select.link.as_ref().is_some_and(|link| link.through.is_some()) {
            columns.extend(parent);
        }
        Ok(Read { collection, stages: scope.stages, columns })
    }

    /// Only children of given parents: through which collection, and where a child holds its parent's value.
    fn linked(&self, scope: &mut Scope<'a>, link: &Link) -> Result<(Option<String>, Path)> {
        let one_of = |value: Side| Condition::In { value, list: link.parents, fold: false, wanted: true };
        let Some(between) = &link.through else {
            scope.stages.push(Stage::Match(one_of(scope.side(link.field))));
            return Ok((None, scope.path(link.field)));
        };
        let through = between.through;
        let meeting = self.schema.entity(through.entity);
        let mut meetings = Scope::of(meeting);
        let this = path_of(meeting, through.this);
        meetings.stages.push(Stage::Match(one_of(meetings.side(through.this))));
        if between.visible != Expr::TRUE {
            self.filter(&mut meetings, &between.visible)?;
        }
        let into = self.name();
        scope.stages = meetings.stages;
        scope.stages.push(Stage::Meet {
            this,
            other: path_of(meeting, through.other),
            collection: scope.entity.table.clone(),
            remote: scope.path(link.field),
            into: into.clone(),
        });
        Ok((Some(meeting.table.clone()), Path(into)))
    }

    /// The keys of a sort, and of each the value that it sorts by.
    fn order(&self, scope: &mut Scope<'a>, order: &[Order]) -> Result<(Vec<SortKey>, Vec<Path>)> {
        let mut keys = Vec::with_capacity(order.len());
        let mut values = Vec::with_capacity(order.len());
        for key in order {
            let Side::Path { path, .. } = self.operand(scope, &key.by)? else {
                return Err(Error::internal("rows are sorted by fields"));
            };
            let never_null = matches!(&key.by, Operand::Field(field) if !scope.entity.field(*field).nullable);
            // Null is the least: elsewhere it must be told to stand.
            if !never_null && key.nulls_first == key.descending {
                let into = self.name();
                scope.stages.push(Stage::Missing { of: path.clone(), into: into.clone() });
                keys.push(SortKey { path: Path(into), descending: key.nulls_first });
            }
            values.push(path.clone());
            // A field that was sorted by already decides nothing.
            if !keys.iter().any(|known| known.path == path) {
                keys.push(SortKey { path, descending: key.descending });
            }
        }
        Ok((keys, values))
    }
}
