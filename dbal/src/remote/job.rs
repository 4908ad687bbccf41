//! One question on its way, and who waits for its answer.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use futures_channel::oneshot;
use tokio::sync::mpsc::UnboundedSender;

use crate::adapter::Cancel;
use crate::error::{Error, Outcome, Result};
use crate::remote::answer::Answer;
use crate::remote::failure::lost;
use crate::row::Record;
use crate::value::Value;

/// How often it is looked whether an answer is still wanted.
const LOOKOUT: Duration = Duration::from_millis(20);

/// The transaction that a question is part of: on which connection, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub(super) connection: u64,
    pub(super) number: u64,
}

impl Transaction {
    /// The transaction of this number on this connection.
    pub fn new(connection: u64, number: u64) -> Self {
        Transaction { connection, number }
    }
}

/// What may be done when the answer does not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It changes nothing and is asked again.
    Read,
    /// It is asked again only where it is known not to have been applied.
    Write,
    /// It is asked again with the same key, under which it is applied once.
    Keyed {
        /// The key.
        key: String,
        /// The program gave it: a daemon that keeps none has to say so. Others are left out there.
        asked: bool,
    },
    /// It is part of a transaction and stands or falls with it.
    Inside(Transaction),
    /// It begins a transaction.
    Begin,
    /// It ends one: whether it was applied is not known without an answer.
    End(Transaction),
}

impl Kind {
    /// What is known of it when no answer came.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            // What was done in a transaction goes with it.
            Kind::Read | Kind::Inside(_) | Kind::Begin => Outcome::NotApplied,
            Kind::Write | Kind::Keyed { .. } | Kind::End(_) => Outcome::Unknown,
        }
    }

    pub(super) fn transaction(&self) -> Option<Transaction> {
        match self {
            Kind::Inside(transaction) | Kind::End(transaction) => Some(*transaction),
            Kind::Read | Kind::Write | Kind::Keyed { .. } | Kind::Begin => None,
        }
    }

    /// Whether it may be asked again after its connection was lost.
    pub(super) fn repeats(&self) -> bool {
        match self {
            Kind::Read | Kind::Keyed { .. } | Kind::Begin => true,
            Kind::Write | Kind::Inside(_) | Kind::End(_) => false,
        }
    }
}

/// Something to ask.
#[derive(Debug)]
pub struct Question {
    /// The method, such as `request`.
    pub method: &'static str,
    /// The members of its params, as JSON without braces.
    pub params: String,
    /// What may be done when the answer does not come.
    pub kind: Kind,
    /// Whether its rows are wanted packed; what has no rows is not asked so.
    pub packed: bool,
    /// When it is given up.
    pub deadline: Option<Instant>,
    /// Where the rows of a stream go; none for anything else.
    pub rows: Option<Arc<dyn Batches>>,
}

/// Takes the rows of a stream.
pub trait Batches: Send + Sync + std::fmt::Debug {
    /// Some rows that came packed.
    fn packed(&self, rows: Vec<Record>);
    /// Some rows that came as JSON.
    fn plain(&self, rows: Value);
    /// That was all, or why there is no more.
    fn end(&self, done: Result<()>);
}

/// A question with all that is known of it.
#[derive(Debug)]
pub(super) struct Job {
    pub id: u64,
    pub question: Question,
    pub reply: oneshot::Sender<Result<Told>>,
    /// How often it may still be asked after this time.
    pub tries: u32,
    pub longest: Duration,
    /// Some of its rows were handed over: it cannot be asked again.
    pub begun: bool,
}

/// An answer, and the connection that it came on.
#[derive(Debug)]
pub(super) struct Told {
    pub connection: u64,
    pub answer: Answer,
}

/// What the thread of a client is told.
#[derive(Debug)]
pub(super) enum Command {
    Ask(Box<Job>),
    Cancel(u64),
    Credit(u64),
}

/// The answer to come. Dropped before, the question is cancelled.
#[derive(Debug)]
pub struct Reply {
    pub(super) id: u64,
    pub(super) told: oneshot::Receiver<Result<Told>>,
    pub(super) commands: UnboundedSender<Command>,
    pub(super) answered: bool,
    pub(super) outcome: Outcome,
}

impl Drop for Reply {
    fn drop(&mut self) {
        if !self.answered {
            // Without its thread there is nothing to cancel.
            let _ = self.commands.send(Command::Cancel(self.id));
        }
    }
}

impl Future for Reply {
    type Output = Result<Answer>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_told(context).map(|told| told.map(|told| told.answer))
    }
}

impl Reply {
    fn poll_told(&mut self, context: &mut Context<'_>) -> Poll<Result<Told>> {
        let Poll::Ready(told) = Pin::new(&mut self.told).poll(context) else { return Poll::Pending };
        self.answered = true;
        Poll::Ready(told.unwrap_or_else(|_| Err(lost(self.outcome))))
    }

    /// Waits for it.
    ///
    /// # Errors
    /// What the daemon says, or why it says nothing.
    pub fn wait(self) -> Result<Answer> {
        self.wait_told().map(|told| told.answer)
    }

    /// The same, and gives it up when this is cancelled.
    ///
    /// # Errors
    /// As [`Reply::wait`]; TIMEOUT when it was cancelled.
    pub fn wait_unless(mut self, cancel: &Cancel) -> Result<Answer> {
        loop {
            let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
            match self.poll_told(&mut Context::from_waker(&waker)) {
                Poll::Ready(told) => return told.map(|told| told.answer),
                Poll::Pending if cancel.is_cancelled() => return Err(Error::timeout(Outcome::Unknown)),
                // Nobody is woken by a cancellation.
                Poll::Pending => std::thread::park_timeout(LOOKOUT),
            }
        }
    }

    /// Does not wait for it, and does not cancel it either.
    pub(super) fn leave(mut self) {
        self.answered = true;
    }

    pub(super) fn wait_told(mut self) -> Result<Told> {
        block_on(std::future::poll_fn(move |context| self.poll_told(context)))
    }
}

/// Wakes a thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park(),
        }
    }
}

impl Job {
    pub fn fail(self, error: Error) {
        if let Some(rows) = &self.question.rows {
            rows.end(Err(error.clone()));
        }
        // Whoever asked may have stopped caring.
        let _ = self.reply.send(Err(error));
    }
}
