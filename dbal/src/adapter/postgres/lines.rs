//! The connections of awaited requests. All of it is on one thread.
//!
//! A task has a connection to itself, unless it reads with a single statement: then it is sent behind the statements of
//! others like it, where these were quick of late or all connections are in use, and nobody waits for an answer before the
//! next statement leaves. Tasks that need a connection to themselves are not passed by those that do not.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::answers::Answers;
use super::bounds::within;
use super::error;
use super::inbox::Inbox;
use super::line::Line;
use super::pool::Pool;
use crate::adapter::{Cancel, PATIENCE, Wanted};
use crate::error::{Error, Outcome, Result};

/// Statements on their way over one connection: as many as it answers in this time, within these bounds.
const TURN: Duration = Duration::from_millis(1);
const LEAST_DEPTH: usize = 4;
const MOST_DEPTH: usize = 64;

/// How many where all connections are in use.
const DEPTH: usize = 16;

/// Statements that take less than this are sent behind each other though there are other connections: to wake one server
/// process for many costs less than to wake many. So does a connection that answered no longer ago.
const QUICK: Duration = Duration::from_micros(250);
const LIVELY: Duration = Duration::from_millis(1);

pub(super) struct Lines {
    pool: Arc<Pool>,
    inbox: Arc<Inbox>,
    state: RefCell<State>,
    /// Whose turn it is, where tasks and threads both wait.
    threads: Cell<bool>,
    /// What a brief task's statement took of late, those before it apart.
    taking: Cell<Duration>,
    pub(super) answers: Rc<Answers>,
}

#[derive(Default)]
struct State {
    idle: Vec<Rc<Entry>>,
    /// Those that further brief tasks may use.
    shared: Vec<Rc<Entry>>,
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    brief: bool,
    tell: oneshot::Sender<Given>,
}

/// A connection that stands.
struct Entry {
    line: Arc<Line>,
    /// Carries the bytes.
    io: AbortHandle,
    /// When it last answered, or was asked with nothing under way.
    lively: Cell<Instant>,
}

/// What somebody is given who waited.
enum Given {
    Place(Place),
    /// Leave to make one.
    Leave(Leave),
}

/// Leave to make a connection, which goes back unless one is made.
struct Leave(Option<Rc<Lines>>);

impl Drop for Leave {
    fn drop(&mut self) {
        if let Some(lines) = self.0.take() {
            lines.pool.release();
        }
    }
}

/// A connection in a task's hands. Dropped, it goes back, or away if it is in doubt.
pub(super) struct Place {
    lines: Rc<Lines>,
    entry: Rc<Entry>,
    brief: bool,
    since: Instant,
    /// Statements under way when it came, its own with them.
    depth: u32,
}

impl Place {
    fn new(lines: Rc<Lines>, entry: Rc<Entry>, brief: bool) -> Place {
        entry.line.joined();
        let (since, depth) = (Instant::now(), u32::try_from(entry.line.users()).unwrap_or(1).max(1));
        if depth == 1 {
            entry.lively.set(since);
        }
        Place { lines, entry, brief, since, depth }
    }

    pub(super) fn line(&self) -> &Arc<Line> {
        &self.entry.line
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let users = self.entry.line.left();
        let lines = self.lines.clone();
        if self.brief {
            let now = Instant::now();
            self.entry.lively.set(now);
            let took = now.saturating_duration_since(self.since) / self.depth;
            lines.taking.set((lines.taking.get() * 7 + took) / 8);
        }
        if self.entry.line.is_closed() {
            lines.forget(&self.entry);
        } else if users == 0 {
            lines.give_back(&self.entry);
        } else {
            lines.settle();
        }
    }
}

impl Lines {
    pub(super) fn new(pool: Arc<Pool>, inbox: Arc<Inbox>) -> Rc<Lines> {
        Rc::new(Lines {
            pool,
            inbox,
            state: RefCell::default(),
            threads: Cell::new(false),
            taking: Cell::new(LIVELY),
            answers: Rc::default(),
        })
    }

    /// A connection by the deadline; there is no more use in one when it is cancelled.
    pub(super) async fn take(self: &Rc<Self>, wanted: &Wanted) -> Result<Place> {
        let late = || Error::timeout(Outcome::NotApplied);
        if wanted.cancel.is_cancelled() || wanted.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(late());
        }
        let given = match self.find(wanted.brief) {
            Some(given) => given,
            None => {
                let (tell, told) = oneshot::channel();
                self.state.borrow_mut().waiting.push_back(Waiting { brief: wanted.brief, tell });
                self.count();
                let told = within(wanted.deadline, until_cancelled(&wanted.cancel, told)).await.flatten();
                self.count();
                match told {
                    Some(Ok(given)) => given,
                    Some(Err(_)) => return Err(Error::internal("the client was closed")),
                    None => {
                        // Those behind it may be able to go on.
                        self.settle();
                        return Err(late());
                    }
                }
            }
        };
        match given {
            Given::Place(place) => Ok(place),
            Given::Leave(leave) => self.connect(leave, wanted).await,
        }
    }

    /// What can be had without waiting by somebody whom nobody comes before.
    fn find(self: &Rc<Self>, brief: bool) -> Option<Given> {
        let first = self.state.borrow().waiting.is_empty();
        if first { self.free(brief) } else { None }
    }

    fn free(self: &Rc<Self>, brief: bool) -> Option<Given> {
        if brief && self.taking.get() < QUICK {
            let now = Instant::now();
            let quick = |entry: &Entry| now.saturating_duration_since(entry.lively.get()) < LIVELY;
            // The fullest: the others are idle the sooner.
            if let Some(entry) = self.usable(self.depth(), quick, |entry| MOST_DEPTH - entry.line.users()) {
                return Some(Given::Place(Place::new(self.clone(), entry, true)));
            }
        }
        loop {
            let Some(entry) = self.state.borrow_mut().idle.pop() else { break };
            if entry.line.is_closed() {
                self.closed(&entry);
                continue;
            }
            return Some(Given::Place(self.placed(entry, brief)));
        }
        if self.pool.reserve() {
            return Some(Given::Leave(Leave(Some(self.clone()))));
        }
        if !brief {
            return None;
        }
        let entry = self.usable(DEPTH, |_| true, |entry| entry.line.users())?;
        Some(Given::Place(Place::new(self.clone(), entry, true)))
    }

    /// How many statements a connection takes: one process of the server works them off, while others may stand idle.
    fn depth(&self) -> usize {
        let depth = TURN.as_nanos() / self.taking.get().as_nanos().max(1);
        usize::try_from(depth).unwrap_or(MOST_DEPTH).clamp(LEAST_DEPTH, MOST_DEPTH)
    }

    /// A connection that a brief task may share.
    fn usable(&self, depth: usize, may: impl Fn(&Entry) -> bool, order: impl Fn(&Entry) -> usize) -> Option<Rc<Entry>> {
        let state = self.state.borrow();
        let fits = |entry: &&Rc<Entry>| !entry.line.is_closed() && entry.line.users() < depth && may(entry);
        state.shared.iter().filter(fits).min_by_key(|entry| order(entry)).cloned()
    }

    /// The first to use it.
    fn placed(self: &Rc<Self>, entry: Rc<Entry>, brief: bool) -> Place {
        if brief {
            self.state.borrow_mut().shared.push(entry.clone());
        }
        Place::new(self.clone(), entry, brief)
    }

    async fn connect(self: &Rc<Self>, mut leave: Leave, wanted: &Wanted) -> Result<Place> {
        let target = &self.pool.target;
        let patience = wanted.deadline.unwrap_or_else(|| Instant::now() + PATIENCE);
        let made = target.tls.connect(&target.config);
        let made = within(Some(patience), until_cancelled(&wanted.cancel, made)).await.flatten();
        let (client, driver) = match made {
            None => return Err(Error::timeout(Outcome::NotApplied)),
            Some(Err(error)) => return Err(error::connecting(&error)),
            Some(Ok(made)) => made,
        };
        let line = Line::new(client, target.tls.clone(), self.pool.schema.clone(), target.schema.clone());
        let io = tokio::task::spawn_local(driver).abort_handle();
        let entry = Rc::new(Entry { line: Arc::new(line), io, lively: Cell::new(Instant::now()) });
        match entry.line.set_up(&target.settings(), patience).await {
            Ok(()) => {
                leave.0 = None;
                Ok(self.placed(entry, wanted.brief))
            }
            Err(error) => {
                entry.io.abort();
                Err(error)
            }
        }
    }

    fn give_back(self: &Rc<Self>, entry: &Rc<Entry>) {
        let mut state = self.state.borrow_mut();
        state.shared.retain(|shared| !Rc::ptr_eq(shared, entry));
        let waits = !state.waiting.is_empty();
        if self.pool.is_wanted() && (!waits || self.threads.replace(!self.threads.get())) {
            drop(state);
            return self.closed(entry);
        }
        state.idle.push(entry.clone());
        drop(state);
        if waits {
            self.settle();
        }
    }

    /// A connection that is broken, or in doubt. Who else is on it is told by its end.
    fn forget(self: &Rc<Self>, entry: &Rc<Entry>) {
        self.state.borrow_mut().shared.retain(|shared| !Rc::ptr_eq(shared, entry));
        if entry.line.is_doubtful() && !entry.io.is_finished() {
            // What runs on it is stopped as well, as far as the server listens: nobody waits for it any more.
            let line = entry.line.clone();
            tokio::task::spawn_local(async move { line.stop().await });
        }
        entry.io.abort();
        if entry.line.users() == 0 {
            self.pool.release();
            self.settle();
        }
    }

    fn closed(&self, entry: &Entry) {
        entry.io.abort();
        self.pool.release();
    }

    /// Gives those who wait what there is, first come, first served; then threads that wait what is left.
    pub(super) fn settle(self: &Rc<Self>) {
        loop {
            let front = self.state.borrow().waiting.front().map(|waiting| (waiting.brief, waiting.tell.is_closed()));
            let Some((brief, gone)) = front else { break };
            let given = if gone { None } else { self.free(brief) };
            if given.is_none() && !gone {
                return;
            }
            let waiting = self.state.borrow_mut().waiting.pop_front();
            if let (Some(waiting), Some(given)) = (waiting, given)
                // Whoever left meanwhile gives it back by dropping it, which settles the rest.
                && let Err(unused) = waiting.tell.send(given)
            {
                drop(unused);
                return;
            }
        }
        while self.pool.is_wanted() {
            let Some(entry) = self.state.borrow_mut().idle.pop() else { break };
            self.closed(&entry);
        }
    }

    fn count(&self) {
        self.inbox.set_waiting(self.state.borrow().waiting.len());
    }
}

/// None when it is cancelled first.
pub(super) async fn until_cancelled<F: Future>(cancel: &Cancel, work: F) -> Option<F::Output> {
    let cancelled = std::future::poll_fn(|context| cancel.poll_cancelled(context));
    match select(std::pin::pin!(work), cancelled).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}
