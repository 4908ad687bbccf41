//! Requests that write row by row: taken apart into parts, each of which is checked and planned like a request of its
//! own. So rows that name the same fields share a plan, and there are never more plans than sets of named fields.

use crate::error::{FieldFault, Result};
use crate::query::data;
use crate::query::form::Form;
use crate::query::validate::{Check, Context, Validated};
use crate::request::{Operation, Request};
use crate::schema::EntityId;
use crate::value::Value;

/// What is done with one row.
#[derive(Clone, Copy, Debug)]
pub enum Part<'r> {
    /// It is made.
    Create {
        /// Its values by field.
        data: &'r Value,
    },
}

impl<'r> Part<'r> {
    /// The operation whose plan serves it.
    pub fn operation(&self) -> Operation {
        match self {
            Part::Create { .. } => Operation::Create,
        }
    }

    /// Its form; see [`Form`].
    pub fn form(&self, entity: &str, caller: u32) -> Form<'r> {
        match *self {
            Part::Create { data } => Form::of_args(self.operation(), entity, [("data", data)], caller),
        }
    }

    /// Checks it whole.
    ///
    /// # Errors
    /// As [`validate`](crate::query::validate::validate).
    pub fn validate(&self, context: Context<'_>, entity: EntityId, form: &Form<'_>) -> Result<Validated> {
        let mut check = Check::new(context, &form.slots, form.too_deep);
        let query = match *self {
            Part::Create { data } => data::create(&mut check, entity, Some(data)),
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

fn rows<'r>(check: &mut Check<'_>, data: Option<&'r Value>) -> &'r [Value] {
    match data {
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
