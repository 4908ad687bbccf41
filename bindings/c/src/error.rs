//! Errors on their way to C, and the boundary that no panic crosses.

use std::any::Any;
use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null;

use dbal::{Error, Outcome, Retry};

use crate::generated::status::{dbal_status, status_of};
use crate::handle::{Handle as _, Tag, give, glance, handle, take};
use crate::text::Text;

/// What goes wrong in a call.
pub enum Fault {
    /// The engine says so.
    Engine(Error),
    /// The program used the library in a way that it is not to be used.
    Misuse(String),
    /// A callback wanted no more.
    Stopped,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Engine(error)
    }
}

/// DBAL_MISUSE.
pub fn misuse(message: impl Into<String>) -> Fault {
    Fault::Misuse(message.into())
}

/// What went wrong, with everything that is known of it. Free it with dbal_error_free.
#[repr(C)]
pub struct dbal_error {
    tag: Tag,
    status: dbal_status,
    code: &'static str,
    message: Text,
    reason: Option<Text>,
    outcome: Option<&'static str>,
    operation: Option<Text>,
    entity: Option<Text>,
    detail: Option<Text>,
    fields: Vec<Field>,
    entry: i64,
    retryable: bool,
    retry_after: i64,
}

handle!(dbal_error, "dbal_error", b"derr");

struct Field {
    name: Text,
    message: Text,
    index: i64,
}

impl dbal_error {
    fn new(fault: Fault) -> Self {
        let plain = |status, code, message: &str| dbal_error {
            tag: Tag::new::<dbal_error>(),
            status,
            code,
            message: Text::new(message),
            reason: None,
            outcome: None,
            operation: None,
            entity: None,
            detail: None,
            fields: Vec::new(),
            entry: -1,
            retryable: false,
            retry_after: -1,
        };
        let number = |index: usize| i64::try_from(index).unwrap_or(i64::MAX);
        match fault {
            Fault::Misuse(message) => plain(dbal_status::DBAL_MISUSE, "MISUSE\0", &message),
            Fault::Stopped => plain(dbal_status::DBAL_STOPPED, "STOPPED\0", "the callback wanted no more"),
            Fault::Engine(error) => {
                let (status, code) = status_of(error.kind());
                dbal_error {
                    reason: error.reason().map(|reason| Text::new(reason.as_str())),
                    outcome: error.outcome().map(|outcome| match outcome {
                        Outcome::NotApplied => "not_applied\0",
                        Outcome::Unknown => "unknown\0",
                    }),
                    operation: error.operation().map(Text::new),
                    entity: error.entity().map(Text::new),
                    detail: error.detail().map(Text::new),
                    fields: error
                        .fields()
                        .iter()
                        .map(|fault| Field {
                            name: Text::new(&fault.field),
                            message: Text::new(&fault.message),
                            index: fault.index.map_or(-1, number),
                        })
                        .collect(),
                    entry: error.entry().map_or(-1, number),
                    retryable: error.retry() != Retry::No,
                    retry_after: error
                        .retry_after()
                        .map_or(-1, |wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)),
                    ..plain(status, code, error.message())
                }
            }
        }
    }
}

/// Runs what an entry does. A panic is its error; an error is told by the status, and in `err` where that is wanted.
///
/// # Safety
/// `err` is null, or a pointer may be written there.
pub unsafe fn entry(err: *mut *mut dbal_error, work: impl FnOnce() -> Result<dbal_status, Fault>) -> dbal_status {
    if !err.is_null() {
        err.write(std::ptr::null_mut());
    }
    match guarded(work) {
        Ok(status) => status,
        Err(fault) => {
            let error = dbal_error::new(fault);
            let status = error.status;
            if !err.is_null() {
                err.write(give(error));
            }
            status
        }
    }
}

/// The same for what gives nothing but that it is done.
///
/// # Safety
/// As [`entry`].
pub unsafe fn done(err: *mut *mut dbal_error, work: impl FnOnce() -> Result<(), Fault>) -> dbal_status {
    entry(err, || work().map(|()| dbal_status::DBAL_OK))
}

/// Runs something; a panic is its error.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(&*panic).into()))
}

/// Runs a getter, which has nobody to tell what goes wrong in it.
pub fn quiet<T>(otherwise: T, work: impl FnOnce() -> Option<T>) -> T {
    catch_unwind(AssertUnwindSafe(work)).ok().flatten().unwrap_or(otherwise)
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Error::internal(format!("the call could not be finished: a bug in dbal: {text}"))
}

/// Reads an error; NULL is none.
unsafe fn read<T>(err: *const dbal_error, otherwise: T, what: impl FnOnce(&dbal_error) -> Option<T>) -> T {
    quiet(otherwise, || what(glance(err)?))
}

/// Frees an error. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_error_free(err: *mut dbal_error) {
    drop(take(err));
}

/// Its status; DBAL_OK of NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_error_status(err: *const dbal_error) -> dbal_status {
    read(err, dbal_status::DBAL_OK, |err| Some(err.status))
}

/// Its code, such as "NOT_FOUND", as every host of dbal spells it. Never NULL. As everything that is read from an error it
/// lasts until the error is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_error_code(err: *const dbal_error) -> *const c_char {
    read(err, c"OK".as_ptr(), |err| Some(err.code.as_ptr().cast()))
}

/// What went wrong, in words. Never NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_error_message(err: *const dbal_error) -> *const c_char {
    read(err, c"".as_ptr(), |err| Some(err.message.pointer()))
}

/// Why a write was refused: "unique", "foreign_key", "version", "serialization", "aborted" or "overflow"; NULL otherwise.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_error_reason(err: *const dbal_error) -> *const c_char {
    read(err, null(), |err| err.reason.as_ref().map(Text::pointer))
}

/// What is known of a write whose connection was lost or whose time ran out: "not_applied" or "unknown"; NULL otherwise.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_error_outcome(err: *const dbal_error) -> *const c_char {
    read(err, null(), |err| Some(err.outcome?.as_ptr().cast()))
}

/// The operation, such as "find_many"; NULL where none is known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_error_operation(err: *const dbal_error) -> *const c_char {
    read(err, null(), |err| err.operation.as_ref().map(Text::pointer))
}

/// The entity; NULL where none is known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_error_entity(err: *const dbal_error) -> *const c_char {
    read(err, null(), |err| err.entity.as_ref().map(Text::pointer))
}

/// The database's own words, for a log; NULL where there are none, and for callers that rules apply to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_error_detail(err: *const dbal_error) -> *const c_char {
    read(err, null(), |err| err.detail.as_ref().map(Text::pointer))
}

/// Whether the same request, or the whole transaction, may succeed when it is tried again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_error_retryable(err: *const dbal_error) -> bool {
    read(err, false, |err| Some(err.retryable))
}

/// After how many milliseconds it may; -1 where that is not known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_error_retry_after(err: *const dbal_error) -> i64 {
    read(err, -1, |err| Some(err.retry_after))
}

/// Which entry of a batch failed, from 0; -1 otherwise.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_error_entry(err: *const dbal_error) -> i64 {
    read(err, -1, |err| Some(err.entry))
}

/// How many faults the error lists. All that is wrong with an input is told at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_error_field_count(err: *const dbal_error) -> usize {
    read(err, 0, |err| Some(err.fields.len()))
}

/// Where fault `index` is: a field, or a place such as "filter.age.$gt". NULL past the last one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_error_field(err: *const dbal_error, index: usize) -> *const c_char {
    read(err, null(), |err| Some(err.fields.get(index)?.name.pointer()))
}

/// What is wrong there and what was expected. NULL past the last one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_error_field_message(err: *const dbal_error, index: usize) -> *const c_char {
    read(err, null(), |err| Some(err.fields.get(index)?.message.pointer()))
}

/// In which row of an input of many rows, from 0; -1 otherwise.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_error_field_row(err: *const dbal_error, index: usize) -> i64 {
    read(err, -1, |err| Some(err.fields.get(index)?.index))
}

const _: () = assert!(dbal_error::KIND != 0);
