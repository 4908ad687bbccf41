//! The thread that keeps the connection: connects when there is something to ask, sends as much as the daemon takes at a
//! time, asks again what may be asked again, and gives up what takes too long.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::pending;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use rustls::ClientConfig;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;

use crate::error::{Error, ErrorKind, Outcome, Retry};
use crate::packed::Unpacker;
use crate::remote::answer::{self, Answer, Incoming};
use crate::remote::credentials::Credentials;
use crate::remote::endpoint::Endpoint;
use crate::remote::failure::{lost, told, unreachable};
use crate::remote::job::{Command, Job, Kind, Told};
use crate::remote::open::TRIES;
use crate::remote::socket::{self, Session, Socket, closed};
use crate::schema::Schema;
use crate::value::json;

/// The longest pause before something is asked again.
const LONGEST: Duration = Duration::from_secs(5);

/// How long a connection may take to be made.
const CONNECTING: Duration = Duration::from_secs(10);

/// How much later than the daemon a deadline is noticed here: its answer says more.
const GRACE: Duration = Duration::from_millis(500);

/// Batches of a stream that may be under way.
const CREDIT: u32 = 2;

/// The state of the thread.
pub(super) struct Link {
    endpoint: Endpoint,
    credentials: Credentials,
    tls: Option<Arc<ClientConfig>>,
    commands: UnboundedReceiver<Command>,
    schema: Arc<Schema>,
    learned: Receiver<Arc<Schema>>,
    /// To be asked as soon as the daemon takes it.
    queue: VecDeque<Job>,
    /// To be asked again, each not before its time.
    later: Vec<(Instant, Job)>,
    /// Asked and not answered.
    waiting: HashMap<u64, Job>,
    /// Cancelled, and not answered either.
    forgotten: HashSet<u64>,
    /// How many connections there were.
    connection: u64,
    /// Transactions that are open on this one.
    transactions: HashSet<u64>,
    /// Messages to send: cancellations and credit, which nothing holds up.
    urgent: Vec<String>,
    /// Nobody asks any more.
    left: bool,
}

impl Link {
    pub(super) fn new(
        endpoint: Endpoint,
        credentials: Credentials,
        tls: Option<Arc<ClientConfig>>,
        commands: UnboundedReceiver<Command>,
        learned: Receiver<Arc<Schema>>,
    ) -> Link {
        Link {
            endpoint,
            credentials,
            tls,
            commands,
            schema: Arc::new(Schema::new(Vec::new(), Vec::new())),
            learned,
            queue: VecDeque::new(),
            later: Vec::new(),
            waiting: HashMap::new(),
            forgotten: HashSet::new(),
            connection: 0,
            transactions: HashSet::new(),
            urgent: Vec::new(),
            left: false,
        }
    }

    /// Runs until nobody asks any more.
    pub(super) fn run(mut self) {
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(self.keep()),
            Err(error) => {
                while let Some(command) = self.commands.blocking_recv() {
                    if let Command::Ask(job) = command {
                        job.fail(Error::database("the connection's thread could not be set up", error.to_string()));
                    }
                }
            }
        }
    }

    async fn keep(&mut self) {
        loop {
            self.due();
            if self.queue.is_empty() {
                if self.left && self.later.is_empty() {
                    return;
                }
                self.idle().await;
                continue;
            }
            self.connection += 1;
            self.transactions.clear();
            self.forgotten.clear();
            self.urgent.clear();
            match self.connect().await {
                Ok((socket, session)) => {
                    let error = self.serve(socket, session).await;
                    self.ended(error);
                }
                Err(error) => self.refused(&error),
            }
        }
    }

    /// Waits for something to ask.
    async fn idle(&mut self) {
        let next = self.later.iter().map(|(at, _)| *at).min();
        let timer = async {
            match next {
                Some(at) => sleep_until(at.into()).await,
                None => pending().await,
            }
        };
        tokio::select! {
            command = self.commands.recv() => self.take(command),
            () = timer => {}
        }
    }

    async fn connect(&mut self) -> Result<(Socket, Session), Error> {
        let soonest = self.queue.iter().filter_map(|job| job.question.deadline).min();
        let within = soonest.map_or(CONNECTING, |at| at.saturating_duration_since(Instant::now()).min(CONNECTING));
        let opening = async {
            let token = self.credentials.token()?;
            socket::open(&self.endpoint, self.tls.as_ref(), token).await
        };
        timeout(within, opening)
            .await
            .unwrap_or_else(|_| Err(unreachable(&self.endpoint.authority(), &"it took too long to answer")))
    }

    /// Nothing that waits can be asked now.
    fn refused(&mut self, error: &Error) {
        for job in std::mem::take(&mut self.queue) {
            let outcome = Outcome::NotApplied;
            match job.question.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                true => job.fail(Error::timeout(outcome)),
                false => self.again_or_fail(job, error.clone()),
            }
        }
    }

    /// The connection has ended, and what was asked on it has no answer.
    fn ended(&mut self, error: Error) {
        let denied = error.kind() == ErrorKind::Unauthorized;
        for (_, job) in std::mem::take(&mut self.waiting) {
            if denied && !job.question.kind.repeats() {
                job.fail(error.clone());
                continue;
            }
            let why = lost(job.question.kind.outcome());
            match job.question.kind.repeats() && !job.begun {
                true => self.again_or_fail(job, if denied { error.clone() } else { why }),
                false => job.fail(why),
            }
        }
    }

    /// Asks again after a pause, if it may be asked again and there is time.
    fn again_or_fail(&mut self, mut job: Job, error: Error) {
        let outcome = error.outcome();
        let safe = match &job.question.kind {
            Kind::Keyed { .. } => true,
            Kind::Read | Kind::Begin => !job.begun,
            Kind::Write => outcome == Some(Outcome::NotApplied),
            Kind::Inside(_) | Kind::End(_) => false,
        };
        let kind = error.kind();
        let helps = error.retry() == Retry::Yes
            || outcome == Some(Outcome::Unknown) && matches!(kind, ErrorKind::DatabaseError | ErrorKind::Timeout);
        job.tries -= 1;
        if !safe || !helps || job.tries == 0 {
            return job.fail(error);
        }
        let pause = match error.retry_after() {
            Some(wait) => wait,
            None => job.longest.mul_f64(random()),
        };
        job.longest = (job.longest * 2).min(LONGEST);
        let at = Instant::now() + pause;
        if pause > LONGEST || job.question.deadline.is_some_and(|deadline| at >= deadline) {
            return job.fail(error);
        }
        self.later.push((at, job));
    }

    /// Puts what waited long enough into the queue.
    fn due(&mut self) {
        let now = Instant::now();
        let mut position = 0;
        while position < self.later.len() {
            match self.later[position].0 <= now {
                true => self.queue.push_back(self.later.swap_remove(position).1),
                false => position += 1,
            }
        }
    }

    fn take(&mut self, command: Option<Command>) {
        match command {
            None => self.left = true,
            Some(Command::Ask(job)) => self.queue.push_back(*job),
            Some(Command::Credit(id)) => {
                if self.waiting.contains_key(&id) {
                    self.urgent.push(notification("stream.credit", &format!("\"id\":{id},\"credit\":1")));
                }
            }
            Some(Command::Cancel(id)) => {
                self.queue.retain(|job| job.id != id);
                self.later.retain(|(_, job)| job.id != id);
                if self.waiting.remove(&id).is_some() {
                    self.forgotten.insert(id);
                    self.urgent.push(notification("$/cancel", &format!("\"id\":{id}")));
                }
            }
        }
    }

    /// Asks and answers until the connection ends, and says why it did.
    async fn serve(&mut self, socket: Socket, session: Session) -> Error {
        let (mut sink, mut stream) = socket.split();
        if let Ok(schema) = self.learned.try_recv() {
            self.schema = schema;
        }
        let mut unpacker = Unpacker::new(self.schema.clone());
        let mut heard = Instant::now();
        loop {
            if let Ok(schema) = self.learned.try_recv() {
                self.schema = schema.clone();
                unpacker.adopt(schema);
            }
            self.due();
            while let Some(text) = self.next_message(&session) {
                // A daemon that reads nothing must not keep the others' deadlines waiting.
                let silent = heard + session.heartbeat * 3;
                let until = self.next_timer().map_or(silent, |at| at.min(silent)).max(Instant::now() + GRACE);
                if !matches!(timeout_at(until.into(), sink.send(Message::text(text))).await, Ok(Ok(()))) {
                    return lost(Outcome::Unknown);
                }
            }
            if self.left && self.waiting.is_empty() && self.queue.is_empty() && self.later.is_empty() {
                let _ = sink.close().await;
                return lost(Outcome::Unknown);
            }
            let silent = heard + session.heartbeat * 3;
            let wake = self.next_timer().map_or(silent, |at| at.min(silent));
            tokio::select! {
                command = self.commands.recv(), if !self.left => self.take(command),
                message = stream.next() => {
                    heard = Instant::now();
                    let read = match message {
                        Some(Ok(Message::Text(text))) => answer::text(&text),
                        Some(Ok(Message::Binary(bytes))) => answer::binary(&bytes, &mut unpacker),
                        Some(Ok(Message::Close(frame))) => return closed(frame.as_ref()),
                        Some(Ok(_)) => Ok(Incoming::Other),
                        Some(Err(_)) | None => return lost(Outcome::Unknown),
                    };
                    match read {
                        Ok(incoming) => self.received(incoming),
                        // What cannot be read cannot be told to anybody either.
                        Err(error) => return error,
                    }
                }
                () = sleep_until(wake.into()) => {
                    if Instant::now() >= silent {
                        return lost(Outcome::Unknown);
                    }
                    self.expire();
                }
            }
        }
    }

    fn next_timer(&self) -> Option<Instant> {
        let deadlines = self.waiting.values().filter_map(|job| job.question.deadline).map(|deadline| deadline + GRACE);
        let queued = self.queue.iter().filter_map(|job| job.question.deadline);
        deadlines.chain(queued).chain(self.later.iter().map(|(at, _)| *at)).min()
    }

    /// Gives up what got no answer in time.
    fn expire(&mut self) {
        let now = Instant::now();
        let late = |job: &&Job| job.question.deadline.is_some_and(|deadline| deadline + GRACE <= now);
        let ids: Vec<u64> = self.waiting.values().filter(late).map(|job| job.id).collect();
        for id in ids {
            let Some(job) = self.waiting.remove(&id) else { continue };
            self.forgotten.insert(id);
            self.urgent.push(notification("$/cancel", &format!("\"id\":{id}")));
            let outcome = job.question.kind.outcome();
            self.closed_by(&job);
            job.fail(Error::timeout(outcome));
        }
        let (late, queue): (Vec<Job>, Vec<Job>) =
            self.queue.drain(..).partition(|job| job.question.deadline.is_some_and(|deadline| deadline <= now));
        self.queue = queue.into();
        for job in late {
            self.closed_by(&job);
            job.fail(Error::timeout(Outcome::NotApplied));
        }
    }

    /// The next message that the daemon takes now.
    fn next_message(&mut self, session: &Session) -> Option<String> {
        if let Some(text) = self.urgent.pop() {
            return Some(text);
        }
        loop {
            if self.waiting.len() + self.forgotten.len() >= session.in_flight {
                return None;
            }
            let streams = self.waiting.values().filter(|job| job.question.rows.is_some()).count();
            let begins = self.waiting.values().filter(|job| job.question.kind == Kind::Begin).count();
            let ready = self.queue.iter().position(|job| match &job.question.kind {
                Kind::Begin => self.transactions.len() + begins < session.transactions,
                _ => job.question.rows.is_none() || streams < session.streams,
            })?;
            let mut job = self.queue.remove(ready)?;
            let now = Instant::now();
            if job.question.deadline.is_some_and(|deadline| deadline <= now) {
                self.closed_by(&job);
                job.fail(Error::timeout(Outcome::NotApplied));
                continue;
            }
            if job.question.kind.transaction().is_some_and(|inside| inside.connection != self.connection) {
                // It went with the connection that it was on.
                job.fail(lost(Outcome::NotApplied).with_retry(Retry::No));
                continue;
            }
            if !session.keys && matches!(job.question.kind, Kind::Keyed { asked: false, .. }) {
                if job.tries < TRIES {
                    // It may have been sent already, and this daemon would do it twice.
                    job.fail(lost(Outcome::Unknown));
                    continue;
                }
                job.question.kind = Kind::Write;
            }
            let text = asked(&job, now);
            self.waiting.insert(job.id, job);
            return Some(text);
        }
    }

    fn received(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Answer(id, answer) => {
                self.forgotten.remove(&id);
                let Some(job) = self.waiting.remove(&id) else { return };
                match (&job.question.kind, &answer) {
                    (Kind::Begin, Answer::Plain(begun)) => {
                        let number = begun.as_map().and_then(|begun| begun.get("transaction")).and_then(|n| n.as_i64());
                        self.transactions.extend(number.and_then(|number| u64::try_from(number).ok()));
                    }
                    _ => self.closed_by(&job),
                }
                if let Some(rows) = &job.question.rows {
                    rows.end(Ok(()));
                }
                // Whoever asked may have stopped caring.
                let _ = job.reply.send(Ok(Told { connection: self.connection, answer }));
            }
            Incoming::Failed(id, why) => {
                self.forgotten.remove(&id);
                let Some(job) = self.waiting.remove(&id) else { return };
                self.closed_by(&job);
                self.again_or_fail(job, told(&why));
            }
            Incoming::Packed(id, records) => {
                if let Some(job) = self.waiting.get_mut(&id)
                    && let Some(rows) = &job.question.rows
                {
                    job.begun = true;
                    rows.packed(records);
                }
            }
            Incoming::Plain(id, list) => {
                if let Some(job) = self.waiting.get_mut(&id)
                    && let Some(rows) = &job.question.rows
                {
                    job.begun = true;
                    rows.plain(list);
                }
            }
            Incoming::Other => {}
        }
    }

    /// A transaction that was to end has ended, whatever was answered.
    fn closed_by(&mut self, job: &Job) {
        if matches!(job.question.method, "transaction.commit" | "transaction.rollback")
            && let Some(transaction) = job.question.kind.transaction()
        {
            self.transactions.remove(&transaction.number);
        }
    }
}

/// The message that asks a question.
fn asked(job: &Job, now: Instant) -> String {
    let question = &job.question;
    let mut params = question.params.clone();
    let mut member = |text: String| {
        if !params.is_empty() {
            params.push(',');
        }
        params.push_str(&text);
    };
    if let Some(deadline) = question.deadline {
        member(format!("\"deadline_ms\":{}", deadline.saturating_duration_since(now).as_millis().max(1)));
    }
    if question.packed {
        member("\"packed\":true".to_owned());
    }
    if let Kind::Keyed { key, .. } = &question.kind {
        member(format!("\"idempotency_key\":{}", json::to_text(&key.as_str().into())));
    }
    if question.rows.is_some() {
        member(format!("\"credit\":{CREDIT}"));
    }
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"{}\",\"params\":{{{params}}}}}", job.id, question.method)
}

fn notification(method: &str, params: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\",\"params\":{{{params}}}}}")
}

/// From 0 to 1: clients that were cut off together do not come back together.
fn random() -> f64 {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("an operating system without randomness opens no connections");
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}
