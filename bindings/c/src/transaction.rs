//! Transactions: begun and ended by the program, or around a callback that is run again when another one got there first.

use std::ffi::c_void;
use std::ptr::null_mut;
use std::time::Duration;

use dbal::Reason;
use dbal::client::{TransactionOptions, Tries};

use crate::answer::{Held, On};
use crate::client::{dbal_client, whole};
use crate::error::{Fault, dbal_error, done, entry, misuse};
use crate::generated::status::dbal_status;
use crate::handle::{Out, give, shared, take};

/// What is done in a transaction. 0 commits; anything else rolls back, and the error that it may leave in `err` is handed on.
pub type dbal_work =
    Option<unsafe extern "C" fn(tx: *mut dbal_client, user: *mut c_void, err: *mut *mut dbal_error) -> i32>;

/// Begins a transaction, or one inside a transaction: a client whose requests happen together or not at all. End it with
/// dbal_commit or dbal_rollback, and close it with dbal_close.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_begin(
    client: *const dbal_client,
    transaction: *mut *mut dbal_client,
    err: *mut *mut dbal_error,
) -> dbal_status {
    done(err, || {
        let out = Out::new(transaction, "transaction")?;
        let held = match shared(client)?.on.as_ref() {
            On::Client(client) => Held::new(client.begin()?),
            On::Transaction(outer) => outer.inside()?,
        };
        out.set(give(dbal_client::of(On::Transaction(held))));
        Ok(())
    })
}

/// Commits. Whether it worked or not, the transaction has ended; close it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_commit(transaction: *mut dbal_client, err: *mut *mut dbal_error) -> dbal_status {
    done(err, || Ok(inside(shared(transaction)?)?.end(true)?))
}

/// Rolls back. The transaction has ended; close it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_rollback(transaction: *mut dbal_client, err: *mut *mut dbal_error) -> dbal_status {
    done(err, || Ok(inside(shared(transaction)?)?.end(false)?))
}

fn inside(client: &dbal_client) -> Result<&Held, Fault> {
    match client.on.as_ref() {
        On::Transaction(held) => Ok(held),
        On::Client(_) => Err(misuse("this is no transaction: dbal_begin makes one")),
    }
}

/// Does `work` in one transaction, and again from its start when another transaction got there first: `retries` times at
/// most, 2 if that is negative, with pauses between. All of it takes `milliseconds` at most, the client's own time if that is
/// negative. The transaction is closed when `work` returns, which MUST NOT throw or jump over this call. In a transaction,
/// one inside it is begun, and not run again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_transaction(
    client: *const dbal_client,
    retries: i32,
    milliseconds: i64,
    work: dbal_work,
    user: *mut c_void,
    err: *mut *mut dbal_error,
) -> dbal_status {
    // What the callback left is handed on as it is.
    let mut left: *mut dbal_error = null_mut();
    let status = entry(err, || {
        let work = work.ok_or_else(|| misuse("work is NULL"))?;
        let client = shared(client)?;
        let mut tries = match client.on.as_ref() {
            On::Transaction(_) => None,
            On::Client(client) => {
                let defaults = TransactionOptions::default();
                let options = TransactionOptions {
                    retries: u32::try_from(retries).unwrap_or(defaults.retries),
                    timeout: u64::try_from(milliseconds).ok().map(Duration::from_millis),
                };
                Some(Tries::of(client, options))
            }
        };
        loop {
            let held = match client.on.as_ref() {
                On::Transaction(outer) => outer.inside()?,
                On::Client(_) => Held::new(whole(client)?.begin_until(tries.as_ref().and_then(Tries::deadline))?),
            };
            // A part of this call: the callback cannot close it.
            let mut tx = Box::new(dbal_client::lent(On::Transaction(held)));
            let mut told: *mut dbal_error = null_mut();
            let wants = work(tx.as_mut(), user, &mut told);
            let held = inside(&tx)?;
            let lost = held.is_lost();
            let ended = held.end(wants == 0);
            let again = match &ended {
                Err(error) if wants == 0 => error.reason() == Some(Reason::Serialization),
                _ => wants != 0 && lost,
            };
            if again && let Some(pause) = tries.as_mut().and_then(Tries::next) {
                drop(take(told));
                std::thread::sleep(pause);
                continue;
            }
            if wants == 0 {
                drop(take(told));
                return Ok(ended.map(|()| dbal_status::DBAL_OK)?);
            }
            left = told;
            return Err(Fault::Stopped);
        }
    });
    if left.is_null() || status != dbal_status::DBAL_STOPPED {
        drop(take(left));
        return status;
    }
    // A callback that ended with something else than 0 was not OK, whatever it made of its error.
    let status = match crate::error::dbal_error_status(left) {
        dbal_status::DBAL_OK => dbal_status::DBAL_STOPPED,
        status => status,
    };
    match err.is_null() {
        true => drop(take(left)),
        false => {
            drop(take(err.read()));
            err.write(left);
        }
    }
    status
}

/// Whether a transaction met another one that got there first: rolled back and run again from its start, it may succeed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_transaction_is_lost(transaction: *const dbal_client) -> bool {
    crate::error::quiet(false, || Some(inside(shared(transaction).ok()?).ok()?.is_lost()))
}
