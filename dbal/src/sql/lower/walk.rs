//! The first rows in the order of an index, for SQLite: see [`Walk`].

use crate::plan::operation::{Number, Sql, Walk};
use crate::query::ast::{Expr, Operand, Order, Select};
use crate::schema::{Entity, FieldId, FieldType, Index};
use crate::sql::dialect::Dialect;

/// What a walk orders its rows by.
pub(super) struct Way {
    /// Where the columns of the index stand in the row.
    by: Vec<usize>,
    /// Where the key's stand.
    keys: Vec<usize>,
}

impl Way {
    /// The way to the rows of a select; none where no index gives their order, or where who walks could not see whether
    /// two rows are equal in it, or which key comes first.
    pub fn of(entity: &Entity, select: &Select, dialect: Dialect) -> Option<Way> {
        if dialect != Dialect::Sqlite || select.limit.is_none() || select.link.is_some() {
            return None;
        }
        // Where the rows that meet a condition on related rows are few, to begin with those may be far better than any
        // walk, and only SQLite can tell; it does not where it has no limit to go by.
        if select.filter.conjuncts().iter().any(|part| matches!(part, Expr::Related { .. })) {
            return None;
        }
        let ordered_by = |order: &Order| match order.by {
            Operand::Field(field) => Some(field),
            _ => None,
        };
        let fields: Vec<FieldId> = select.order.iter().map(ordered_by).collect::<Option<_>>()?;
        let many = fields.len().checked_sub(entity.keys().count()).filter(|many| *many > 0)?;
        let (by, keys) = fields.split_at(many);
        let last = entity.keys().eq(keys.iter().copied()) && select.order[many..].iter().all(|order| !order.descending);
        let first = |index: &Index| index.filter.is_none() && index.fields.contains(&by[0]);
        if !last || !entity.indexes.iter().any(first) {
            return None;
        }
        let place = |field: &FieldId| select.columns.iter().position(|column| column == field);
        let seen = |field: &FieldId| place(field).filter(|_| is_compared(entity, *field));
        let key = |field: &FieldId| seen(field).filter(|_| is_ordered(&entity.field(*field).ty));
        Some(Way {
            by: by.iter().map(seen).collect::<Option<_>>()?,
            keys: keys.iter().map(key).collect::<Option<_>>()?,
        })
    }

    /// The orders that the index gives.
    pub fn orders<'s>(&self, select: &'s Select) -> &'s [Order] {
        &select.order[..self.by.len()]
    }

    /// With its statement.
    pub fn walk(self, select: &Select, sql: Sql) -> Option<Box<Walk>> {
        let Way { by, keys } = self;
        let limit = Number::of(select.limit.as_ref()?)?;
        let offset = match &select.offset {
            Some(offset) => Some(Number::of(offset)?),
            None => None,
        };
        let (text, params) = (sql.text, sql.params);
        Some(Box::new(Walk { text, params, by, keys, limit, offset, way: Default::default() }))
    }
}

/// Whether two values are equal where they are read as equal.
fn is_compared(entity: &Entity, field: FieldId) -> bool {
    let field = entity.field(field);
    let plain = !matches!(field.ty, FieldType::Float | FieldType::Decimal { .. } | FieldType::Json);
    plain && field.storage.is_none()
}

/// Whether the values of a type are ordered outside the database as in it.
fn is_ordered(ty: &FieldType) -> bool {
    matches!(ty, FieldType::Integer | FieldType::BigInt | FieldType::Uuid | FieldType::Text(_))
}
