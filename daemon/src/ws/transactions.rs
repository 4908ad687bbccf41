//! Transactions of a connection. Each has a task of its own, which does what it is given one after the other; those
//! begun inside it share the task. Without a commit everything is rolled back, whatever ends first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dbal::client::nonblocking::AsyncTransaction;
use dbal::client::wire;
use dbal::schema::EntityId;
use dbal::{Error, Reason, Request, Result};
use foldhash::HashMap;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::message::Id;
use super::session::{Reply, Shared, cancelled, reply};
use crate::accept::TRANSACTIONS;
use crate::body::Held;
use crate::caller::Caller;
use crate::metrics::Counted;

/// Steps of a transaction that wait for their turn.
const WAITING: usize = 64;

/// One thing to do in a transaction.
pub enum Work {
    /// Run a request.
    Request {
        /// What is asked.
        request: Request,
        /// How long its caller waits.
        deadline: Option<Duration>,
        /// Whether packed rows will do.
        packed: bool,
        /// On whose behalf it is counted.
        caller: Arc<Caller>,
        /// The room that its message takes.
        held: Held,
    },
    /// Begin one inside it.
    Begin,
    /// Keep it.
    Commit,
    /// Undo it.
    Rollback,
}

struct Step {
    number: u64,
    id: Id,
    request_id: String,
    cancel: Arc<Notify>,
    work: Work,
}

/// The transactions of one connection.
pub struct Transactions {
    shared: Arc<Shared>,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    last: u64,
    /// The task of each that is open.
    open: HashMap<u64, Sender<Step>>,
    /// How many tasks there are.
    tasks: usize,
    /// The connection is gone.
    closed: bool,
}

impl Transactions {
    /// None.
    pub fn new(shared: Arc<Shared>) -> Self {
        Transactions { shared, known: Arc::default() }
    }

    /// Begins one, and answers with its number.
    ///
    /// # Errors
    /// RATE_LIMIT_EXCEEDED when the connection has too many.
    pub fn begin(
        &self,
        id: &Id,
        caller: Arc<Caller>,
        deadline: Option<Duration>,
        cancel: Arc<Notify>,
        request_id: String,
    ) -> Result<()> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let number = {
            let mut known = self.known.lock();
            if known.tasks >= TRANSACTIONS {
                return Err(Error::rate_limited(Duration::from_secs(1)));
            }
            known.tasks += 1;
            known.last += 1;
            known.last
        };
        let (shared, known, id) = (self.shared.clone(), self.known.clone(), id.clone());
        tokio::spawn(async move {
            let _counted = Counted::new(&shared.service.metrics.transactions);
            let within = shared.service.within(deadline);
            let (until, client) = (Instant::now() + within, shared.ask(&request_id, deadline).client(&caller, within));
            let begun = tokio::select! {
                biased;
                begun = client.begin_until(Some(until)) => begun,
                () = cancel.notified() => Err(cancelled(false)),
            };
            match begun {
                Ok(transaction) => {
                    let closed = {
                        let mut known = known.lock();
                        if !known.closed {
                            known.open.insert(number, sender);
                        }
                        known.closed
                    };
                    if closed {
                        // Nobody would ever end it. Whatever its rollback says, there is nobody to hear it either.
                        let _ = transaction.rollback().await;
                        known.lock().tasks -= 1;
                        return;
                    }
                    let task = Task { shared: &shared, known: &known, open: vec![(number, transaction)] };
                    reply(&shared, &id, Ok(numbered(number)), &request_id).await;
                    task.run(receiver, until).await;
                }
                Err(error) => reply(&shared, &id, Err(error), &request_id).await,
            }
            let mut known = known.lock();
            known.tasks -= 1;
        });
        Ok(())
    }

    /// Gives a transaction something to do; its task answers.
    ///
    /// # Errors
    /// CONFLICT with reason `aborted` for one that is not open.
    pub async fn give(&self, number: u64, id: &Id, work: Work, cancel: Arc<Notify>, request_id: String) -> Result<()> {
        let sender = self.known.lock().open.get(&number).cloned();
        let step = Step { number, id: id.clone(), request_id, cancel, work };
        match sender {
            Some(sender) => sender.send(step).await.map_err(|_| ended()),
            None => Err(ended()),
        }
    }
}

impl Drop for Transactions {
    fn drop(&mut self) {
        // Their tasks end with their queues.
        let mut known = self.known.lock();
        known.closed = true;
        known.open.clear();
    }
}

fn ended() -> Error {
    Error::conflict(Reason::Aborted, &[], "the transaction has ended")
}

fn numbered(number: u64) -> Reply {
    Reply::Json(format!("{{\"transaction\":{number}}}"))
}

/// The task of an outermost transaction, with those begun inside it, in the order that they were.
struct Task<'t> {
    shared: &'t Arc<Shared>,
    known: &'t Mutex<Known>,
    open: Vec<(u64, AsyncTransaction)>,
}

impl Task<'_> {
    async fn run(mut self, mut steps: Receiver<Step>, until: Instant) {
        while !self.open.is_empty() {
            let step = match tokio::time::timeout_at(until.into(), steps.recv()).await {
                Ok(Some(step)) => step,
                // The connection is gone, or its time is over: what is open is dropped, and so rolled back.
                Ok(None) | Err(_) => break,
            };
            let Step { number, id, request_id, cancel, work } = step;
            let done = self.step(number, work, &cancel, &request_id).await;
            reply(self.shared, &id, done, &request_id).await;
        }
        self.forget(0);
        // Steps that were given meanwhile are answered too.
        steps.close();
        while let Some(step) = steps.recv().await {
            reply(self.shared, &step.id, Err(ended()), &step.request_id).await;
        }
    }

    async fn step(&mut self, number: u64, work: Work, cancel: &Notify, request_id: &str) -> Result<Reply> {
        let place = self.open.iter().position(|(known, _)| *known == number).ok_or_else(ended)?;
        match work {
            Work::Request { request, deadline, packed, caller, held: _held } => {
                let ask = self.shared.ask(request_id, deadline);
                let transaction = &self.open[place].1;
                let running = self.shared.service.run_inside(&caller, transaction, &request, &ask);
                let response = tokio::select! {
                    biased;
                    done = running => done?,
                    () = cancel.notified() => return Err(cancelled(false)),
                };
                let schema = caller.client.blocking().schema();
                let entity = schema.find(&request.entity).unwrap_or(EntityId(0));
                if packed && !matches!(response, dbal::Response::Batch(_)) {
                    let answered = dbal::client::Answered { entity, response };
                    let (pieces, envelope) = dbal::client::packed::gathered(&self.shared.service.layouts, answered)?;
                    return Ok(Reply::Packed(dbal::client::packed::head(&envelope), pieces));
                }
                Ok(Reply::Json(wire::response(schema, entity, &response)))
            }
            Work::Begin => {
                let inner = self.open[place].1.begin().await?;
                let mut known = self.known.lock();
                known.last += 1;
                let (inside, outermost) = (known.last, self.open[0].0);
                let sender = known.open.get(&outermost).cloned().ok_or_else(ended)?;
                known.open.insert(inside, sender);
                drop(known);
                self.open.push((inside, inner));
                Ok(numbered(inside))
            }
            Work::Commit => {
                let transaction = self.end(place);
                transaction.commit().await.map(|()| Reply::Json("true".into()))
            }
            Work::Rollback => {
                let transaction = self.end(place);
                transaction.rollback().await.map(|()| Reply::Json("true".into()))
            }
        }
    }

    /// Takes a transaction out of those that are open. Those inside it go with it: they are undone.
    fn end(&mut self, place: usize) -> AsyncTransaction {
        self.forget(place);
        let mut ended = self.open.split_off(place);
        let (_, transaction) = ended.remove(0);
        transaction
    }

    fn forget(&self, from: usize) {
        let mut known = self.known.lock();
        for (number, _) in self.open.iter().skip(from) {
            known.open.remove(number);
        }
    }
}
