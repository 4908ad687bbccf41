//! Requests that write row by row: taken apart into parts, each of which is checked and planned like a request of its
//! own. So rows that name the same fields share a plan, and there are never more plans than sets of named fields.

use std::borrow::Cow;

use crate::error::{FieldFault, Result};
use crate::query::ast::Statement;
use crate::query::form::Form;
use crate::query::validate::{Check, Context, Validated};
use crate::query::{data, key};
use crate::request::{Operation, Request};
use crate::schema::convert::convert;
use crate::schema::{EntityId, FieldId};
use crate::value::{Map, Value};

/// What is done with one row.
#[derive(Clone, Copy, Debug)]
pub enum Part<'r> {
    /// It is made.
    Create {
        /// Its values by field.
        data: &'r Value,
        /// The option that holds them, where faults are named by it.
        under: Option<&'static str>,
        /// Unless another row has this key by now, by which an upsert has just found none.
        unless: Option<&'r Value>,
    },
    /// The row that an upsert finds is changed.
    Update {
        /// Which row.
        key: &'r Value,
        /// The patch.
        data: &'r Value,
        /// The version that it must have.
        version: Option<&'r Value>,
    },
}

impl<'r> Part<'r> {
    /// The operation whose plan serves it.
    pub fn operation(&self) -> Operation {
        match self {
            Part::Create { .. } => Operation::Create,
            Part::Update { .. } => Operation::Upsert,
        }
    }

    /// Its form; see [`Form`].
    pub fn form(&self, entity: &str, caller: u32) -> Form<'r> {
        match *self {
            Part::Create { data, unless: None, .. } => {
                Form::of_args(self.operation(), entity, [("data", data)], caller)
            }
            Part::Create { data, unless: Some(key), .. } => {
                // Which key it is decides the statement, so its names are part of the form; its values are in the data.
                let names: Vec<&str> = key.as_map().into_iter().flat_map(Map::iter).map(|(name, _)| name).collect();
                let names = format!("unless {names:?}");
                let args = [("data", data), (names.as_str(), &Value::Null)];
                Form::of_args(self.operation(), entity, args, caller)
            }
            Part::Update { key, data, version } => {
                let args =
                    [("id", key), ("data", data)].into_iter().chain(version.map(|version| ("if_version", version)));
                Form::of_args(self.operation(), entity, args, caller)
            }
        }
    }

    /// Checks it whole.
    ///
    /// # Errors
    /// As [`validate`](crate::query::validate::validate).
    pub fn validate(&self, context: Context<'_>, entity: EntityId, form: &Form<'_>) -> Result<Validated> {
        let mut check = Check::new(context, &form.slots, form.too_deep);
        let query = match *self {
            Part::Create { data, under, unless } => {
                let mut query = data::create(&mut check, entity, Some(data));
                named_under(&mut check.faults, under);
                if let (Some(key), Some(Statement::Insert(insert))) =
                    (unless, query.as_mut().map(|query| &mut query.statement))
                {
                    let declared = check.entity(entity);
                    insert.unless = match key.as_map() {
                        Some(map) => map.iter().filter_map(|(name, _)| declared.field_by_name(name)).collect(),
                        None => vec![declared.key],
                    };
                }
                query
            }
            Part::Update { key, data, version } => {
                let version = key::version(&mut check, entity, version);
                let filter = key::filter(&mut check, entity, Some(key), "where");
                let from = check.faults.len();
                let query = data::update(&mut check, entity, filter, Some(data), version);
                named_under(&mut check.faults[from..], Some("update"));
                query
            }
        };
        check.done(entity, query)
    }
}

/// A `create_many` taken apart.
#[derive(Debug)]
pub struct CreateMany<'r> {
    /// The rows in input order.
    pub rows: &'r [Value],
    /// Whether they come back; otherwise how many there are.
    pub returning: bool,
    /// What is wrong beside the rows.
    pub faults: Vec<FieldFault>,
}

/// The options of a `create_many`.
pub fn create_many<'r>(context: Context<'_>, request: &'r Request) -> CreateMany<'r> {
    let mut check = Check::new(context, &[], false);
    let get = check.arguments(&request.args, &["data", "returning"]);
    let rows = rows(&mut check, get("data"));
    let returning = flag(&mut check, get("returning"), "returning", true);
    CreateMany { rows, returning, faults: check.faults }
}

/// One upsert: what is done with the row of a key, found or not.
#[derive(Debug)]
pub struct Upsert<'r> {
    /// The unique key.
    pub key: &'r Value,
    /// The row to be made, with the fields of the key in it.
    pub create: Cow<'r, Value>,
    /// The patch.
    pub update: &'r Value,
    /// The version that a row found must have.
    pub version: Option<&'r Value>,
}

/// The options of one upsert; none after a fault, and all faults.
pub fn upsert<'r>(context: Context<'_>, entity: EntityId, args: &'r Map) -> (Option<Upsert<'r>>, Vec<FieldFault>) {
    let mut check = Check::new(context, &[], false);
    let get = check.arguments(args, &["where", "create", "update", "if_version"]);
    let mut object = |name: &str| match get(name) {
        Some(value @ Value::Map(map)) => Some((value, map)),
        other => {
            check.fault(name, format!("expected an object, got {}", other.map_or("nothing", Value::kind)));
            None
        }
    };
    let (create, update) = (object("create"), object("update"));
    let key = get("where");
    if key.is_none() {
        check.fault("where", "missing; expected the primary key, or an object with a unique key");
    }
    let asked = match (key, create, update) {
        (Some(key), Some((value, map)), Some((update, _))) => {
            let create = with_key(&mut check, entity, key, map).map_or(Cow::Borrowed(value), Cow::Owned);
            Some(Upsert { key, create, update, version: get("if_version") })
        }
        _ => None,
    };
    (asked, check.faults)
}

/// The upserts of an `upsert_many`, and what is wrong beside them.
pub fn upsert_many<'r>(context: Context<'_>, request: &'r Request) -> (&'r [Value], Vec<FieldFault>) {
    let mut check = Check::new(context, &[], false);
    let get = check.arguments(&request.args, &["data"]);
    (rows(&mut check, get("data")), check.faults)
}

/// The row to be made, if it does not hold its key already. A row with another key than the one looked for would be
/// made again by each upsert, or never be found.
fn with_key(check: &mut Check<'_>, entity: EntityId, key: &Value, create: &Map) -> Option<Value> {
    let declared = check.entity(entity);
    let mut all = create.clone();
    let mut filled = false;
    let primary = declared.field(declared.key).name.as_str();
    let pairs: Vec<(&str, &Value)> = match key {
        Value::Map(map) => map.iter().collect(),
        other => vec![(primary, other)],
    };
    for (name, value) in pairs {
        let readable = |id: &FieldId| check.context.view.readable(entity, *id);
        let Some(id) = declared.field_by_name(name).filter(readable) else { continue };
        match create.get(name) {
            None | Some(Value::Undefined) => {
                all.0.retain(|(given, _)| given != name);
                all.0.push((name.to_owned().into(), value.clone()));
                filled = true;
            }
            Some(given) => {
                let ty = &declared.field(id).ty;
                if let (Ok(given), Ok(looked_for)) = (convert(ty, given), convert(ty, value))
                    && given != looked_for
                {
                    check.fault(format!("create.{name}"), format!("must equal where.{name}, or be left out"));
                }
            }
        }
    }
    filled.then_some(Value::Map(all))
}

/// Names faults of data by the option that holds it.
fn named_under(faults: &mut [FieldFault], under: Option<&str>) {
    let Some(under) = under else { return };
    for fault in faults {
        fault.field = if fault.field == "data" { under.to_owned() } else { format!("{under}.{}", fault.field) };
    }
}

fn rows<'r>(check: &mut Check<'_>, data: Option<&'r Value>) -> &'r [Value] {
    match data {
        Some(Value::List(rows)) if rows.len() > check.context.limits.many_rows => {
            let limit = check.context.limits.many_rows;
            check.fault("data", format!("{} rows; at most {limit} (limit many_rows)", rows.len()));
            &[]
        }
        Some(Value::List(rows)) => rows,
        other => {
            let got = other.map_or("nothing", Value::kind);
            check.fault("data", format!("expected a list of objects, got {got}"));
            &[]
        }
    }
}

/// An option that is true or false.
pub(super) fn flag(check: &mut Check<'_>, value: Option<&Value>, name: &str, absent: bool) -> bool {
    match value {
        None => absent,
        Some(Value::Bool(flag)) => *flag,
        Some(other) => {
            check.fault(name, format!("expected true or false, got {}", other.kind()));
            absent
        }
    }
}
