//! A daemon where an adapter is expected: its transactions are those of the daemon, and nothing else of it is a
//! backend's. A step never gets here, because a remote client plans nothing.

use std::sync::Arc;
use std::time::Instant;

use crate::adapter::{Adapter, Cancel, Connection, Far, Intent, Lowering};
use crate::capability::Capabilities;
use crate::error::{Error, Reason, Result};
use crate::plan::operation::Step;
use crate::remote::answer::Answer;
use crate::remote::failure::senseless;
use crate::remote::job::{Kind, Question, Transaction};
use crate::remote::open::Remote;
use crate::row::RowSink;
use crate::sql::ddl::Snapshot;
use crate::value::Value;

/// Lends transactions of a daemon.
#[derive(Debug)]
pub(crate) struct RemoteAdapter(pub(crate) Arc<Remote>);

impl Adapter for RemoteAdapter {
    fn name(&self) -> &'static str {
        "remote"
    }

    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }

    fn lowering(&self) -> Lowering {
        Lowering::Ast
    }

    fn connect(&self, _intent: Intent, deadline: Option<Instant>) -> Result<Box<dyn Connection + '_>> {
        Ok(Box::new(Session { remote: self.0.clone(), deadline, open: Vec::new(), cancel: Cancel::default() }))
    }
}

/// One transaction, with those inside it.
#[derive(Debug)]
struct Session {
    remote: Arc<Remote>,
    deadline: Option<Instant>,
    /// Those that are open, by the number of their savepoint; each inside the one before it.
    open: Vec<(u32, Transaction)>,
    cancel: Cancel,
}

impl Session {
    fn begin_in(&mut self, number: u32, deadline: Option<Instant>) -> Result<()> {
        let (kind, params) = match self.open.last() {
            None => (Kind::Begin, String::new()),
            Some((_, outer)) => (Kind::Inside(*outer), format!("\"in\":{}", outer.number)),
        };
        let question = Question { method: "transaction.begin", params, kind, packed: false, deadline, rows: None };
        let told = self.remote.ask(question).wait_told()?;
        let Answer::Plain(Value::Map(begun)) = told.answer else { return Err(senseless()) };
        let begun = begun.get("transaction").and_then(Value::as_i64).and_then(|number| u64::try_from(number).ok());
        let transaction = Transaction { connection: told.connection, number: begun.ok_or_else(senseless)? };
        self.open.push((number, transaction));
        Ok(())
    }

    /// Ends a savepoint with those inside it, or with none the transaction.
    fn end(&mut self, number: u32, method: &'static str) -> Result<()> {
        let at = self.open.iter().position(|(one, _)| *one == number);
        let at = at.ok_or_else(|| Error::conflict(Reason::Aborted, &[], "the transaction has ended"))?;
        let (_, transaction) = self.open[at];
        self.open.truncate(at);
        let params = format!("\"transaction\":{}", transaction.number);
        let kind = match method {
            "transaction.commit" if at == 0 => Kind::End(transaction),
            _ => Kind::Inside(transaction),
        };
        self.remote
            .ask(Question { method, params, kind, packed: false, deadline: self.deadline, rows: None })
            .wait()
            .map(drop)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some((_, transaction)) = self.open.first() {
            let params = format!("\"transaction\":{}", transaction.number);
            let kind = Kind::Inside(*transaction);
            let question =
                Question { method: "transaction.rollback", params, kind, packed: false, deadline: None, rows: None };
            // Nobody waits for it, and it is not to be cancelled.
            self.remote.ask(question).leave();
        }
    }
}

impl Connection for Session {
    fn begin(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.begin_in(0, deadline)
    }

    fn commit(&mut self) -> Result<()> {
        self.end(0, "transaction.commit")
    }

    fn rollback(&mut self) -> Result<()> {
        self.end(0, "transaction.rollback")
    }

    fn savepoint(&mut self, depth: u32) -> Result<()> {
        self.begin_in(depth, self.deadline)
    }

    fn release(&mut self, depth: u32) -> Result<()> {
        self.end(depth, "transaction.commit")
    }

    fn rollback_to(&mut self, depth: u32) -> Result<()> {
        self.end(depth, "transaction.rollback")
    }

    fn run(&mut self, _: &Step, _: &[Value], _: Option<Instant>, _: &mut dyn RowSink) -> Result<u64> {
        Err(Error::internal("a request was planned for a daemon, which plans itself"))
    }

    fn inspect(&mut self) -> Result<Snapshot> {
        Err(Error::forbidden("the tables of a daemon are for trusted code beside it"))
    }

    fn execute_ddl(&mut self, _: &str) -> Result<()> {
        Err(Error::forbidden("the tables of a daemon are for trusted code beside it"))
    }

    fn watch(&mut self, cancel: Option<&Cancel>) {
        self.cancel = cancel.cloned().unwrap_or_default();
    }

    fn far(&self) -> Option<Far> {
        let (_, Transaction { connection, number }) = *self.open.last()?;
        Some(Far { connection, number, cancel: self.cancel.clone() })
    }
}
