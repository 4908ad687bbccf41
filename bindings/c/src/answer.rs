//! Who is asked, and answers becoming results.

use std::sync::Arc;

use dbal::client::Envelope;
use dbal::client::held::{HeldTransaction, Savepoint};
use dbal::row::RowSink as _;
use dbal::value::Name;
use dbal::{Client, Columns, Error, Operation, Reason, Record, Request, Response, Result, Value};
use parking_lot::Mutex;

use crate::result::{Page, dbal_kind, dbal_result};
use crate::rows::Rows;

/// Who is asked.
pub enum On {
    /// A client.
    Client(Client),
    /// A transaction, or one inside it.
    Transaction(Held),
}

/// A transaction under way.
pub struct Held {
    /// Shared with those inside it; none when it has ended.
    transaction: Arc<Mutex<Option<HeldTransaction>>>,
    savepoint: Option<Savepoint>,
    /// It was committed or rolled back.
    over: Mutex<bool>,
}

impl Held {
    /// One that has begun.
    pub fn new(transaction: HeldTransaction) -> Self {
        Held { transaction: Arc::new(Mutex::new(Some(transaction))), savepoint: None, over: Mutex::new(false) }
    }

    /// Begins one inside it.
    ///
    /// # Errors
    /// CONFLICT with reason `aborted` when it has ended; CAPABILITY_NOT_SUPPORTED.
    pub fn inside(&self) -> Result<Held> {
        let savepoint = Some(self.with(HeldTransaction::savepoint)?);
        Ok(Held { transaction: self.transaction.clone(), savepoint, over: Mutex::new(false) })
    }

    /// Does something in it.
    ///
    /// # Errors
    /// CONFLICT with reason `aborted` when it has ended, and what is done says.
    pub fn with<T>(&self, work: impl FnOnce(&mut HeldTransaction) -> Result<T>) -> Result<T> {
        if *self.over.lock() {
            return Err(ended());
        }
        let mut held = self.transaction.try_lock().ok_or_else(busy)?;
        work(held.as_mut().ok_or_else(ended)?)
    }

    /// Commits it, or rolls it back.
    ///
    /// # Errors
    /// CONFLICT with reason `aborted` when it has ended; what the database says.
    pub fn end(&self, commit: bool) -> Result<()> {
        let mut held = self.transaction.try_lock().ok_or_else(busy)?;
        if std::mem::replace(&mut *self.over.lock(), true) {
            return Err(ended());
        }
        match self.savepoint {
            Some(savepoint) => {
                let held = held.as_mut().ok_or_else(ended)?;
                if commit { held.release(savepoint) } else { held.rollback_to(savepoint) }
            }
            None => {
                let held = held.take().ok_or_else(ended)?;
                if commit { held.commit() } else { held.rollback() }
            }
        }
    }

    /// Whether it lost against another one, and may be run again.
    pub fn is_lost(&self) -> bool {
        self.transaction.try_lock().is_some_and(|held| held.as_ref().is_some_and(HeldTransaction::is_lost))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // One inside another that was let go of without an end is undone.
        if self.savepoint.is_some() && !*self.over.lock() {
            let _ = self.end(false);
        }
    }
}

fn ended() -> Error {
    Error::conflict(Reason::Aborted, &[], "the transaction has ended")
}

fn busy() -> Error {
    Error::internal("a transaction runs one request at a time")
}

impl On {
    /// Runs a request; its answer takes the place of what the result held.
    ///
    /// # Errors
    /// What the engine says.
    pub fn run(&self, request: &Request, result: &mut dbal_result) -> Result<()> {
        result.forget();
        match request.operation {
            Operation::Batch | Operation::Call => {
                let response = match self {
                    On::Client(client) => client.execute(request),
                    On::Transaction(held) => held.with(|held| held.execute(request)),
                };
                answered(result, response?)
            }
            Operation::Stream => match self {
                On::Client(client) => {
                    result.kind = dbal_kind::DBAL_KIND_ROWS;
                    result.stream = Some(Box::new(client.stream_of(request.clone())?));
                    Ok(())
                }
                On::Transaction(_) => {
                    Err(Error::unsupported("stream", "a stream inside a transaction; use find_many, or dbal_each"))
                }
            },
            _ => {
                let envelope = match self {
                    On::Client(client) => client.execute_into(request, &mut result.rows),
                    On::Transaction(held) => held.with(|held| held.execute_into(request, &mut result.rows)),
                };
                match envelope {
                    Ok(envelope) => {
                        enveloped(result, envelope);
                        Ok(())
                    }
                    Err(error) => {
                        result.forget();
                        Err(error)
                    }
                }
            }
        }
    }
}

fn enveloped(result: &mut dbal_result, envelope: Envelope) {
    result.kind = match envelope {
        Envelope::Row | Envelope::Group | Envelope::Value => dbal_kind::DBAL_KIND_ROW,
        Envelope::Maybe if result.rows.count() == 0 => dbal_kind::DBAL_KIND_NOTHING,
        Envelope::Maybe => dbal_kind::DBAL_KIND_ROW,
        Envelope::Rows | Envelope::Groups => dbal_kind::DBAL_KIND_ROWS,
        Envelope::Values => dbal_kind::DBAL_KIND_VALUES,
        Envelope::Done => dbal_kind::DBAL_KIND_DONE,
        Envelope::Count(count) | Envelope::Affected(count) => {
            result.number = count;
            match envelope {
                Envelope::Count(_) => dbal_kind::DBAL_KIND_COUNT,
                _ => dbal_kind::DBAL_KIND_AFFECTED,
            }
        }
        Envelope::Page(page) => {
            result.page = Some(Box::new(Page::new(&page)));
            dbal_kind::DBAL_KIND_PAGE
        }
    };
    result.rewind();
}

/// An answer that was gathered.
fn answered(result: &mut dbal_result, response: Response) -> Result<()> {
    let envelope = match response {
        Response::Called(answered_by) => return answered(result, answered_by.response),
        Response::Batch(all) => {
            result.kind = dbal_kind::DBAL_KIND_BATCH;
            for one in all {
                let mut part = dbal_result::part();
                answered(&mut part, one.response)?;
                result.parts.push(part);
            }
            return Ok(());
        }
        Response::Row(record) => {
            result.rows.record(record)?;
            Envelope::Row
        }
        Response::Maybe(record) => {
            record.into_iter().try_for_each(|record| result.rows.record(record))?;
            Envelope::Maybe
        }
        Response::Rows(records) => {
            records.into_iter().try_for_each(|record| result.rows.record(record))?;
            Envelope::Rows
        }
        Response::Page(mut page) => {
            std::mem::take(&mut page.data).into_iter().try_for_each(|record| result.rows.record(record))?;
            Envelope::Page(Box::new(page))
        }
        Response::Count(count) => Envelope::Count(count),
        Response::Affected(count) => Envelope::Affected(count),
        Response::Done => Envelope::Done,
        Response::Values { field, values } => {
            let columns = Arc::new(Columns { names: vec![field] });
            result.rows.start(&columns)?;
            values.into_iter().try_for_each(|value| result.rows.own_row(vec![value]))?;
            Envelope::Values
        }
        Response::Value(value) => {
            result.rows.start(&Arc::new(Columns { names: vec![Name::Borrowed("value")] }))?;
            result.rows.own_row(vec![value])?;
            Envelope::Value
        }
        Response::Group(group) => {
            grouped(&mut result.rows, group)?;
            Envelope::Group
        }
        Response::Groups(groups) => {
            groups.into_iter().try_for_each(|group| grouped(&mut result.rows, group))?;
            Envelope::Groups
        }
    };
    enveloped(result, envelope);
    Ok(())
}

/// A group as rows have it: `price` inside `sum` is the column `sum.price`.
fn grouped(rows: &mut Rows, group: dbal::Map) -> Result<()> {
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for (name, value) in group.0 {
        match value {
            Value::Map(inner) => {
                for (field, value) in inner.0 {
                    names.push(Name::Owned(format!("{name}.{field}")));
                    values.push(value);
                }
            }
            other => {
                names.push(name);
                values.push(other);
            }
        }
    }
    rows.record(Record::new(Arc::new(Columns { names }), values))
}
