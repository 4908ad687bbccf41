//! `limit`, `offset`, `page` and `total`.

use crate::error::{Error, Result};
use crate::query::ast::{Literal, Operand};
use crate::query::cursor::asked_in;
use crate::query::form::SPELLED_LIMIT;
use crate::query::param::ParamSource;
use crate::query::validate::Check;
use crate::request::{Operation, Request};
use crate::schema::{Entity, EntityId};
use crate::value::{Map, Value};

/// Rows in a page when neither the request nor the entity says.
const DEFAULT_PAGE: u32 = 20;

/// The bounds of a select.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    pub limit: Option<Operand>,
    pub offset: Option<Operand>,
}

/// Where a page stands, as numbers; recomputed for every request of a cached form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// The page, from 1; with `offset` the page its first row is on.
    pub page: i64,
    /// Rows in a page.
    pub limit: i64,
    /// Rows passed over.
    pub offset: i64,
}

impl Paging {
    /// The numbers of a request that has been validated.
    ///
    /// # Errors
    /// VALIDATION_ERROR when a number is not one that was validated: the caller validates again and reports it all.
    pub fn of(entity: &Entity, request: &Request) -> Result<Paging> {
        let number = |name: &'static str, least: i64| match request.args.get(name) {
            None | Some(Value::Undefined) => Ok(None),
            Some(Value::Int(number)) if *number >= least => Ok(Some(*number)),
            Some(_) => Err(Error::validation(name, format!("expected a whole number from {least}"))),
        };
        let limit = match request.operation {
            Operation::List => number("limit", 0)?.unwrap_or_else(|| default_limit(entity).into()),
            Operation::First => 1,
            _ => number("limit", 0)?.unwrap_or(i64::MAX),
        };
        let page = number("page", 1)?;
        let offset = match (page, number("offset", 0)?) {
            // So far past the end that it does not matter how far.
            (Some(page), _) => (page - 1).saturating_mul(limit),
            (None, Some(offset)) => offset,
            (None, None) => 0,
        };
        let page = page.unwrap_or(if limit > 0 { offset / limit.max(1) + 1 } else { 1 });
        Ok(Paging { page, limit, offset })
    }
}

fn default_limit(entity: &Entity) -> u32 {
    let declared = entity.operation("list");
    let default = declared.and_then(|operation| operation.default_limit).unwrap_or(DEFAULT_PAGE);
    declared.and_then(|operation| operation.max_limit).map_or(default, |max| default.min(max))
}

/// The most rows one answer may hold for a bound caller.
pub(super) fn bound_cap(check: &Check<'_>, entity: EntityId) -> u32 {
    let declared = check.entity(entity).operation("list").and_then(|operation| operation.max_limit);
    check.context.cap.or(declared).unwrap_or(check.context.limits.bound_rows)
}

/// Checks one number; none when absent or wrong.
fn number(check: &mut Check<'_>, args: &Map, name: &str, least: i64) -> Option<i64> {
    match args.get(name)? {
        Value::Undefined => None,
        Value::Int(number) if *number >= least => Some(*number),
        Value::Int(number) => {
            check.fault(name, format!("expected a whole number from {least}, got {number}"));
            None
        }
        other => {
            check.fault(name, format!("expected a whole number from {least}, got {}", other.kind()));
            None
        }
    }
}

fn limit_operand(check: &mut Check<'_>, entity: EntityId, limit: i64, extra: i64) -> Operand {
    if limit <= SPELLED_LIMIT {
        Operand::Const(Literal::Int(limit + extra))
    } else {
        let cap = (!check.context.view.trusted()).then(|| bound_cap(check, entity));
        Operand::Param(check.params.push(ParamSource::Limit { cap }))
    }
}

fn capped(check: &mut Check<'_>, entity: EntityId, limit: Option<i64>) {
    capped_at(check, entity, limit, "limit");
}

/// Refuses a bound caller more rows than an answer may hold.
pub(super) fn capped_at(check: &mut Check<'_>, entity: EntityId, limit: Option<i64>, path: &str) {
    let cap = bound_cap(check, entity);
    if let Some(limit) = limit
        && !check.context.view.trusted()
        && limit > i64::from(cap)
    {
        check.fault(path, format!("at most {cap} rows may be asked for at once, got {limit}"));
    }
}

/// `list`: whether the total is asked for, and the bounds.
pub(super) fn page(check: &mut Check<'_>, entity: EntityId, args: &Map) -> (bool, Bounds) {
    let total = match args.get("total") {
        None | Some(Value::Undefined) => true,
        Some(Value::Bool(total)) => *total,
        Some(other) => {
            check.fault("total", format!("expected a boolean, got {}", other.kind()));
            true
        }
    };
    let asked = number(check, args, "limit", 0);
    capped(check, entity, asked);
    let limit = asked.unwrap_or_else(|| default_limit(check.entity(entity)).into());
    let page = number(check, args, "page", 1);
    let offset = number(check, args, "offset", 0);
    if page.is_some() && offset.is_some() && asked_in(args).is_none() {
        check.fault("offset", "give page or offset, not both");
    }
    let moved = page.is_some_and(|page| page > 1) || offset.is_some_and(|offset| offset > 0);
    let offset = moved.then(|| Operand::Param(check.params.push(ParamSource::Offset)));
    let probe = !total || asked_in(args).is_some();
    let limit = limit_operand(check, entity, limit, i64::from(probe));
    (total, Bounds { limit: Some(limit), offset })
}

/// `find_many`: the cap of a bound caller who gives no limit, and the bounds.
pub(super) fn find_many(check: &mut Check<'_>, entity: EntityId, args: &Map) -> (Option<u32>, Bounds) {
    let limit = number(check, args, "limit", 0);
    capped(check, entity, limit);
    let offset = offset(check, args);
    match limit {
        Some(limit) => (None, Bounds { limit: Some(limit_operand(check, entity, limit, 0)), offset }),
        None if check.context.view.trusted() => (None, Bounds { limit: None, offset }),
        None => {
            let cap = bound_cap(check, entity);
            let limit = Operand::Const(Literal::Int(i64::from(cap) + 1));
            (Some(cap), Bounds { limit: Some(limit), offset })
        }
    }
}

/// `first`: one row, perhaps not the very first.
pub(super) fn first(check: &mut Check<'_>, args: &Map) -> Bounds {
    Bounds { limit: Some(Operand::Const(Literal::Int(1))), offset: offset(check, args) }
}

fn offset(check: &mut Check<'_>, args: &Map) -> Option<Operand> {
    let offset = number(check, args, "offset", 0)?;
    (offset > 0).then(|| Operand::Param(check.params.push(ParamSource::Offset)))
}
