//! Groups of rows.

use super::{Lowering, Scope, path_of};
use crate::error::{Error, Result};
use crate::plan::operation::document::Group;
use crate::query::ast::{Aggregate, Measure, Operand};
use crate::schema::Entity;

impl<'a> Lowering<'a> {
    pub(super) fn aggregate(&self, entity: &'a Entity, aggregate: &Aggregate) -> Result<Group> {
        let measure = |measure: &Measure| match measure {
            Measure::Count => (*measure, None),
            Measure::Of(_, field) => (*measure, Some(path_of(entity, *field))),
        };
        let mut groups = Scope::of(entity);
        let having = self.condition(&mut groups, &aggregate.having, true)?;
        let mut order = Vec::with_capacity(aggregate.order.len());
        for key in &aggregate.order {
            match key.by {
                Operand::Column(column) => order.push((column, key.descending, key.nulls_first)),
                _ => return Err(Error::internal("groups are sorted by their columns")),
            }
        }
        Ok(Group {
            collection: entity.table.clone(),
            stages: self.filtered(entity, &aggregate.filter)?,
            by: aggregate.group_by.iter().map(|field| path_of(entity, *field)).collect(),
            measures: aggregate.measures.iter().map(measure).collect(),
            shown: aggregate.shown,
            having,
            order,
            limit: aggregate.limit.as_ref().map(|limit| self.amount(limit)).transpose()?,
        })
    }
}
