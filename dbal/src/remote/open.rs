//! A daemon, opened: its thread, and what it says of itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_channel::oneshot;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::capability::Capabilities;
use crate::error::{Error, Result};
use crate::remote::answer::Answer;
use crate::remote::catalogue;
use crate::remote::credentials::Credentials;
use crate::remote::endpoint::Endpoint;
use crate::remote::failure::senseless;
use crate::remote::job::{Command, Job, Kind, Question, Reply};
use crate::remote::link::Link;
use crate::schema::Schema;
use crate::value::Value;

/// Tries of a question that may be asked again, the first included, and the longest first pause.
pub(super) const TRIES: u32 = 3;
pub(super) const FIRST: Duration = Duration::from_millis(100);

/// How long it may take to open a client.
const OPENING: Duration = Duration::from_secs(15);

/// A daemon, as a client sees it.
#[derive(Debug)]
pub struct Remote {
    commands: UnboundedSender<Command>,
    next: AtomicU64,
    schema: Arc<Schema>,
    capabilities: Capabilities,
    /// Whether writes carry keys, so that they can be asked again.
    keyed: bool,
}

impl Remote {
    /// Connects, and reads what the caller may see. `keyed`: writes carry keys under which they are applied once.
    ///
    /// # Errors
    /// VALIDATION_ERROR for credentials that cannot be read; UNAUTHORIZED; DATABASE_ERROR where nobody answers.
    pub fn open(
        endpoint: Endpoint,
        credentials: Credentials,
        keyed: bool,
        timeout: Option<Duration>,
    ) -> Result<Remote> {
        let tls = endpoint.secure.then(|| credentials.tls()).transpose()?;
        let (commands, queue) = unbounded_channel();
        let (learn, learned) = std::sync::mpsc::channel();
        let link = Link::new(endpoint, credentials, tls, queue, learned);
        std::thread::Builder::new()
            .name("dbal-remote".into())
            .spawn(move || link.run())
            .map_err(|error| Error::database("no thread could be started for the connection", error.to_string()))?;
        let empty = Arc::new(Schema::new(Vec::new(), Vec::new()));
        let mut remote =
            Remote { commands, next: AtomicU64::new(1), schema: empty, capabilities: Capabilities::NONE, keyed };
        let deadline = Instant::now().checked_add(timeout.unwrap_or(OPENING));
        let told = |method| match remote.ask(Question::plain(method, deadline)).wait()? {
            Answer::Plain(Value::Map(told)) => Ok(told),
            _ => Err(senseless()),
        };
        let (schema, capabilities) = (told("schema")?, told("capabilities")?);
        remote.schema = Arc::new(catalogue::schema(&schema).ok_or_else(senseless)?);
        remote.capabilities = catalogue::capabilities(&capabilities);
        // The thread reads rows by it from here on.
        let _ = learn.send(remote.schema.clone());
        Ok(remote)
    }

    /// What the caller may see of the schema.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// What the daemon's backend can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// How a write by itself is asked.
    pub fn write(&self) -> Kind {
        match self.keyed {
            true => Kind::Keyed { key: uuid::Uuid::now_v7().to_string(), asked: false },
            false => Kind::Write,
        }
    }

    /// Asks something.
    pub fn ask(&self, question: Question) -> Reply {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (reply, told) = oneshot::channel();
        let outcome = question.kind.outcome();
        let job = Job { id, question, reply, tries: TRIES, longest: FIRST, begun: false };
        // Without its thread the answer says that it is lost.
        let _ = self.commands.send(Command::Ask(Box::new(job)));
        Reply { id, told, commands: self.commands.clone(), answered: false, outcome }
    }
}

impl Reply {
    /// Lets the stream send one more batch.
    pub fn credit(&self) {
        let _ = self.commands.send(Command::Credit(self.id));
    }
}

impl Question {
    /// One without params that changes nothing.
    pub(super) fn plain(method: &'static str, deadline: Option<Instant>) -> Question {
        Question { method, params: String::new(), kind: Kind::Read, packed: false, deadline, rows: None }
    }
}
