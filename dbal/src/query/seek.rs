//! Paging by cursor: the rows beyond a row, told by the values of all its sort keys.

use crate::query::ast::{Comparison, Expr, Operand, Order, Seek};
use crate::query::cast::Cast;
use crate::query::cursor::{Side, asked_in};
use crate::query::param::ParamSource;
use crate::query::validate::Check;
use crate::schema::EntityId;
use crate::value::{Map, Value};

/// What a list by cursor adds: the condition for rows beyond the cursor, and how its page is read. To read backwards,
/// the order is turned; the page is turned back when it is whole.
pub(super) fn seek(check: &mut Check<'_>, entity: EntityId, args: &Map, order: &mut [Order]) -> Option<(Expr, Seek)> {
    let (side, value) = asked_in(args)?;
    let (name, other) = match side {
        Side::After => ("after", "before"),
        Side::Before => ("before", "after"),
    };
    for excluded in [other, "page", "offset"] {
        if args.get(excluded).is_some_and(|value| !matches!(value, Value::Undefined)) {
            check.fault(excluded, format!("cannot be given beside {name}"));
        }
    }
    let backwards = side == Side::Before;
    if backwards {
        for key in order.iter_mut() {
            key.descending = !key.descending;
            key.nulls_first = !key.nulls_first;
        }
    }
    let page = Seek { backwards, placed: !value.is_null() };
    let keys = match value {
        Value::Null => return Some((Expr::TRUE, page)),
        Value::Text(_) => check.context.cursor.filter(|keys| fit(check, entity, order, keys)),
        other => {
            check.fault(name, format!("expected a cursor or null, got {}", other.kind()));
            return None;
        }
    };
    let Some(keys) = keys else {
        check.fault(name, "is no cursor of this list; it belongs to one entity, filter, sort and caller");
        return None;
    };
    Some((beyond(check, entity, order, keys), page))
}

/// Whether there is a value of the right type for each sort key: processes that share a key may differ in the schema.
fn fit(check: &Check<'_>, entity: EntityId, order: &[Order], keys: &[Value]) -> bool {
    let schema = check.context.schema;
    let ty = |by: &Operand| match by {
        Operand::Field(field) => Some(schema.entity(entity).field(*field).ty.clone()),
        Operand::Related { path, field, .. } => {
            let last = path.iter().fold(entity, |at, relation| schema.entity(at).relation(*relation).target);
            Some(schema.entity(last).field(*field).ty.clone())
        }
        Operand::Column(_) | Operand::Param(_) | Operand::Const(_) | Operand::Rank { .. } => None,
    };
    let fits = |(key, value): (&Order, &Value)| {
        value.is_null() || ty(&key.by).is_some_and(|ty| Cast::Compare(ty).apply(schema, value).is_ok())
    };
    keys.len() == order.len() && order.iter().zip(keys).all(fits)
}

/// Beyond a row is what the first key puts there, or, where that is equal, the next one. From the last key to the first.
fn beyond(check: &mut Check<'_>, entity: EntityId, order: &[Order], keys: &[Value]) -> Expr {
    let params: Vec<Operand> =
        (0..keys.len()).map(|at| Operand::Param(check.params.push(ParamSource::Cursor(at as u16)))).collect();
    let mut all = Expr::FALSE;
    for ((key, value), param) in order.iter().zip(keys).zip(&params).rev() {
        let by = || key.by.clone();
        let compare = |op| Expr::Compare { left: by(), op, right: param.clone(), fold: false };
        let nullable = match &key.by {
            Operand::Field(field) => check.entity(entity).field(*field).nullable,
            _ => true,
        };
        let further = if key.descending { Comparison::Lt } else { Comparison::Gt };
        let past = match (value.is_null(), key.nulls_first) {
            (true, true) => Expr::Not(Box::new(Expr::IsNull(by()))),
            (true, false) => Expr::FALSE,
            (false, false) if nullable => Expr::Or(vec![compare(further), Expr::IsNull(by())]),
            (false, _) => compare(further),
        };
        if all == Expr::FALSE {
            all = past;
            continue;
        }
        let equal = if value.is_null() { Expr::IsNull(by()) } else { compare(Comparison::Eq) };
        let rest = Expr::Or(vec![past, equal.and(all)]);
        all = match value.is_null() || !key.nulls_first && nullable {
            true => rest,
            // Says nothing new, but a range is what an index can be entered by.
            false => {
                let least = if key.descending { Comparison::Lte } else { Comparison::Gte };
                compare(least).and(rest)
            }
        };
    }
    all
}
