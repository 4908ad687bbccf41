//! Prepared requests: their form is read once, values are bound to positions, and rows take the memory of those before.

use std::ffi::c_char;
use std::ptr::null_mut;
use std::sync::Arc;

use dbal::value::{Date, DateTime, Map, Value};
use dbal::{Error, FieldFault, Request};

use crate::answer::On;
use crate::client::{dbal_client, mapped};
use crate::error::{dbal_error, done, misuse, quiet};
use crate::generated::status::dbal_status;
use crate::handle::{Out, Tag, give, handle, held, shared, take};
use crate::result::dbal_result;
use crate::run::request;
use crate::text::{self, TO_NUL};
use crate::value::{Place, dbal_value};

/// A request with places left open, prepared to run often. Free it with dbal_statement_free. One thread at a time.
#[repr(C)]
pub struct dbal_statement {
    tag: Tag,
    on: Arc<On>,
    request: Request,
    /// Where the values of each position go.
    params: Vec<Param>,
    result: Box<dbal_result>,
    faults: Vec<FieldFault>,
}

handle!(dbal_statement, "dbal_statement", b"dsta");

#[derive(Default)]
struct Param {
    places: Vec<Place>,
    bound: bool,
}

/// Prepares a request whose `args` have places that were left open with dbal_set_param. It runs on `client`, which may be a
/// transaction, and stays usable when that is closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_prepare(
    client: *const dbal_client,
    operation: *const c_char,
    entity: *const c_char,
    args: *const dbal_value,
    statement: *mut *mut dbal_statement,
    err: *mut *mut dbal_error,
) -> dbal_status {
    done(err, || {
        let out = Out::new(statement, "statement")?;
        let on = shared(client)?.on.clone();
        let mut found = Vec::new();
        let args = match args.is_null() {
            true => Map::new(),
            false => mapped(shared(args)?.checked(&mut found)?, "args")?,
        };
        let request = request(operation, entity, args)?;
        let most = found.iter().map(|(number, _)| number + 1).max().unwrap_or(0);
        if most > found.len() {
            let missing = (0..most).find(|wanted| found.iter().all(|(number, _)| number != wanted));
            return Err(misuse(format!("no place is left open for position {}", missing.unwrap_or(0))));
        }
        let mut params: Vec<Param> = (0..most).map(|_| Param::default()).collect();
        for (number, place) in found {
            params[number].places.push(place);
        }
        if let Some(missing) = params.iter().position(|param| param.places.is_empty()) {
            return Err(misuse(format!("no place is left open for position {missing}")));
        }
        out.set(give(dbal_statement {
            tag: Tag::new::<dbal_statement>(),
            on,
            request,
            params,
            result: dbal_result::part(),
            faults: Vec::new(),
        }));
        Ok(())
    })
}

/// Frees a statement with its answer. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_statement_free(statement: *mut dbal_statement) {
    quiet((), || take(statement).map(drop));
}

/// Runs it with what is bound. Its answer takes the place of the one before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_statement_run(statement: *mut dbal_statement, err: *mut *mut dbal_error) -> dbal_status {
    done(err, || {
        let mut statement = held(statement)?;
        let statement = &mut *statement;
        if !statement.faults.is_empty() {
            return Err(Error::invalid(std::mem::take(&mut statement.faults)).into());
        }
        if let Some(missing) = statement.params.iter().position(|param| !param.bound) {
            return Err(misuse(format!("nothing is bound at position {missing}")));
        }
        Ok(statement.on.run(&statement.request, &mut statement.result)?)
    })
}

/// The answer of the last run, the same pointer each time. It belongs to the statement.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_statement_result(statement: *mut dbal_statement) -> *mut dbal_result {
    quiet(null_mut(), || Some(held(statement).ok()?.result.as_mut() as *mut dbal_result))
}

/// Puts a value at all places of a position. What cannot be is told by the next run.
unsafe fn bind(statement: *mut dbal_statement, position: usize, mut put: impl FnMut(&mut Value) -> Result<(), String>) {
    quiet((), || {
        let mut statement = held(statement).ok()?;
        let statement = &mut *statement;
        let bound = match statement.params.get_mut(position) {
            None => Err("there is no such position".to_owned()),
            Some(param) => {
                let args = &mut statement.request.args;
                let done = param.places.iter().try_for_each(|place| match find(args, place) {
                    Some(value) => put(value),
                    None => Err("its place is gone".to_owned()),
                });
                // A run after the one that tells the fault must not take what was there before for what was meant.
                param.bound = done.is_ok();
                done
            }
        };
        if let Err(message) = bound {
            statement.faults.push(FieldFault { field: format!("position {position}"), message, index: None });
        }
        Some(())
    });
}

fn find<'v>(args: &'v mut Map, place: &[usize]) -> Option<&'v mut Value> {
    let (first, rest) = place.split_first()?;
    rest.iter().try_fold(&mut args.0.get_mut(*first)?.1, |value, step| match value {
        Value::Map(map) => map.0.get_mut(*step).map(|(_, value)| value),
        Value::List(items) => items.get_mut(*step),
        _ => None,
    })
}

/// Binds null. Positions are numbered from 0; what is bound stays for further runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_bind_null(statement: *mut dbal_statement, position: usize) {
    bind(statement, position, |value| {
        *value = Value::Null;
        Ok(())
    });
}

/// Binds true or false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_bind_bool(statement: *mut dbal_statement, position: usize, flag: bool) {
    bind(statement, position, |value| {
        *value = Value::Bool(flag);
        Ok(())
    });
}

/// Binds a whole number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_bind_int(statement: *mut dbal_statement, position: usize, number: i64) {
    bind(statement, position, |value| {
        *value = Value::Int(number);
        Ok(())
    });
}

/// Binds a number with a fraction.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_bind_float(statement: *mut dbal_statement, position: usize, number: f64) {
    bind(statement, position, |value| {
        *value = Value::Float(number);
        Ok(())
    });
}

/// Binds a text of `length` bytes, DBAL_NUL for up to the NUL; a UUID, a decimal, a date or an instant too. It is copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_bind_text(
    statement: *mut dbal_statement,
    position: usize,
    text: *const c_char,
    length: usize,
) {
    bind(statement, position, |value| {
        let given = text::given_of(text, length, "the text").map_err(crate::set::said)?;
        match value {
            // The memory of the text before.
            Value::Text(known) => {
                known.clear();
                known.push_str(given);
            }
            other => *other = Value::Text(given.to_owned()),
        }
        Ok(())
    });
}

/// Binds bytes. They are copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_bind_bytes(
    statement: *mut dbal_statement,
    position: usize,
    bytes: *const u8,
    length: usize,
) {
    bind(statement, position, |value| {
        if length == TO_NUL {
            return Err("bytes need a length".to_owned());
        }
        let given = text::bytes_of(bytes.cast(), length, "the bytes").map_err(crate::set::said)?;
        *value = Value::Bytes(given.to_vec());
        Ok(())
    });
}

/// Binds an instant, in milliseconds since 1970-01-01 in UTC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_bind_datetime(statement: *mut dbal_statement, position: usize, milliseconds: i64) {
    bind(statement, position, |value| {
        *value = DateTime::from_epoch_millis(milliseconds).ok_or("expected a year from 1 to 9999")?.into();
        Ok(())
    });
}

/// Binds a day, in days since 1970-01-01.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_bind_date(statement: *mut dbal_statement, position: usize, days: i32) {
    bind(statement, position, |value| {
        *value = Date::from_epoch_days(days).ok_or("expected a year from 1 to 9999")?.into();
        Ok(())
    });
}

/// Binds a copy of a value: a list for `$in`, a document.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_bind_value(statement: *mut dbal_statement, position: usize, given: *const dbal_value) {
    bind(statement, position, |value| {
        *value = shared(given).and_then(dbal_value::plain).map_err(crate::set::said)?;
        Ok(())
    });
}
