//! Transactions: by number for promises, lent to a callback for the synchronous face.

use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;

use dbal::client::TransactionOptions;
use dbal::client::nonblocking::AsyncTransaction;
use dbal::client::transaction::Transaction;
use dbal::packed::Layouts;
use dbal::{AsyncClient, Error, Reason, Result};
use napi::bindgen_prelude::Function;
use napi::{Env, JsString};
use napi_derive::napi;

use crate::client::{Database, is_gathered, packer, thrown, whole};
use crate::port::{Answer, Port, Shared};

#[napi]
impl Database {
    /// Begins a transaction; the answer is its number.
    #[napi(catch_unwind)]
    pub fn begin<'e>(&self, env: &'e Env, timeout: f64) -> napi::Result<JsString<'e>> {
        let shared = self.shared.clone();
        let begin = |client: AsyncClient| async move { Ok(Answer::Handle(kept(&shared, client.begin().await?))) };
        self.start(env, self.within(timeout).map(begin))
    }

    /// Starts the request in the input buffer inside a transaction.
    #[napi(catch_unwind)]
    pub fn submit_in<'e>(&self, env: &'e Env, transaction: u32, length: u32) -> napi::Result<JsString<'e>> {
        let work = held(&self.shared, transaction).and_then(|transaction| {
            let request = self.shared.read(length, |reader| reader.request())?;
            let (packer, layouts) = (packer(&self.shared, &self.layouts, &request), self.layouts.clone());
            Ok(async move {
                if is_gathered(&request) {
                    return whole(&layouts, &request, transaction.execute(&request).await?);
                }
                let (envelope, packer) = transaction.execute_into(&request, packer).await?;
                Ok(Answer::Rows(packer.finish(), envelope))
            })
        });
        self.start(env, work)
    }

    /// Runs a callback in a transaction: true commits, anything else rolls back.
    #[napi(catch_unwind)]
    pub fn transaction(&self, callback: Function<'_, u32, bool>, timeout: f64, retries: u32) -> napi::Result<()> {
        let client = self.within(timeout).map_err(thrown)?;
        let (shared, layouts) = (&self.shared, &self.layouts);
        let options = TransactionOptions { retries, timeout: None };
        let work = |transaction: &Transaction<'_>| lend(transaction, shared, layouts, &callback);
        ended(client.blocking().transaction_with(options, work))
    }
}

#[napi]
impl Port {
    /// Begins a transaction inside another.
    #[napi(catch_unwind)]
    pub fn begin_in<'e>(&self, env: &'e Env, transaction: u32) -> napi::Result<JsString<'e>> {
        let shared = self.shared.clone();
        let work = async move {
            let outer = held(&shared, transaction)?;
            Ok(Answer::Handle(kept(&shared, outer.begin().await?)))
        };
        self.shared.start(env, Box::pin(work))
    }

    /// Ends a transaction: commits it, or rolls it back.
    #[napi(catch_unwind)]
    pub fn end<'e>(&self, env: &'e Env, transaction: u32, commit: bool) -> napi::Result<JsString<'e>> {
        let taken = self.shared.transactions.borrow_mut().take(transaction);
        let work = async move {
            // JavaScript waits for the requests inside before it ends a transaction, so nobody else holds it.
            let transaction = taken.and_then(Rc::into_inner).ok_or_else(over)?;
            if commit {
                transaction.commit().await?
            } else {
                transaction.rollback().await?
            }
            Ok(Answer::Nothing)
        };
        self.shared.start(env, Box::pin(work))
    }
}

fn kept(shared: &Shared, transaction: AsyncTransaction) -> u32 {
    shared.transactions.borrow_mut().keep(Rc::new(transaction))
}

fn held(shared: &Shared, number: u32) -> Result<Rc<AsyncTransaction>> {
    shared.transactions.borrow_mut().get(number).cloned().ok_or_else(over)
}

fn over() -> Error {
    Error::conflict(Reason::Aborted, &[], "the transaction has ended")
}

/// Transactions in the hands of callbacks, the innermost last. JavaScript knows them by number: an object for each would
/// live until its environment has time to collect it, which a loop that never waits does not give it.
#[derive(Default)]
pub struct Lent {
    next: u32,
    open: Vec<(u32, NonNull<Transaction<'static>>, Arc<Layouts>)>,
}

#[napi]
impl Port {
    /// Runs the request in the input buffer inside the transaction that a callback has.
    #[napi(catch_unwind)]
    pub fn execute_lent<'e>(&self, env: &'e Env, transaction: u32, length: u32) -> napi::Result<JsString<'e>> {
        let outcome = self.lent(transaction).and_then(|(transaction, layouts)| {
            let request = self.shared.read(length, |reader| reader.request())?;
            if is_gathered(&request) {
                return whole(&layouts, &request, transaction.execute(&request)?);
            }
            let mut packer = packer(&self.shared, &layouts, &request);
            let envelope = transaction.execute_into(&request, &mut packer)?;
            Ok(Answer::Rows(packer.finish(), envelope))
        });
        self.shared.answer(env, outcome)
    }

    /// Runs a callback in a transaction inside the one that a callback has.
    #[napi(catch_unwind)]
    pub fn transaction_lent(&self, transaction: u32, callback: Function<'_, u32, bool>) -> napi::Result<()> {
        let (outer, layouts) = self.lent(transaction).map_err(thrown)?;
        ended(outer.transaction(|inner| lend(inner, &self.shared, &layouts, &callback)))
    }

    fn lent(&self, number: u32) -> Result<(&Transaction<'static>, Arc<Layouts>)> {
        let lent = self.shared.lent.borrow();
        let (_, place, layouts) = lent.open.iter().rfind(|(known, ..)| *known == number).ok_or_else(over)?;
        // SAFETY: `lend` borrows the transaction for as long as it is in the list, and takes it out before it returns.
        // Everything happens on one thread: this is called by the callback that `lend` runs, and ends before it does.
        Ok((unsafe { place.as_ref() }, layouts.clone()))
    }
}

/// Why a callback's transaction was not committed.
enum Stop {
    RolledBack,
    Engine(Error),
    Callback(napi::Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Engine(error)
    }
}

fn ended(result: Result<(), Stop>) -> napi::Result<()> {
    match result {
        Ok(()) | Err(Stop::RolledBack) => Ok(()),
        Err(Stop::Engine(error)) => Err(thrown(error)),
        Err(Stop::Callback(error)) => Err(error),
    }
}

/// Runs the callback with the transaction in its hands, and takes it away again.
fn lend(
    transaction: &Transaction<'_>,
    shared: &Rc<Shared>,
    layouts: &Arc<Layouts>,
    callback: &Function<'_, u32, bool>,
) -> Result<(), Stop> {
    /// Takes the transaction away, whatever happens.
    struct Taken<'s>(&'s Shared);
    impl Drop for Taken<'_> {
        fn drop(&mut self) {
            self.0.lent.borrow_mut().open.pop();
        }
    }
    let number = {
        let mut lent = shared.lent.borrow_mut();
        lent.next = lent.next.wrapping_add(1);
        let number = lent.next;
        lent.open.push((number, NonNull::from(transaction).cast(), layouts.clone()));
        number
    };
    let taken = Taken(shared);
    let commit = callback.call(number);
    drop(taken);
    match commit {
        Ok(true) => Ok(()),
        Ok(false) => Err(Stop::RolledBack),
        Err(error) => Err(Stop::Callback(error)),
    }
}
