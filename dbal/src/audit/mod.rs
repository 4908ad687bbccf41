//! Who did what, when, and whether it was done: one line for each attempt, refused ones too.
//!
//! A client writes them where [`Config::audit`](crate::Config::audit) says: to a file that is put aside when it has
//! grown, or to a function of the host's. A line has no values but ids, so that none of a sensitive field is in it.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use dbal::audit::Audit;
//! use dbal::{Client, Config, Principal, value};
//!
//! let lines = Arc::new(Mutex::new(Vec::new()));
//! let kept = lines.clone();
//! let audit = Audit::to(move |line| {
//!     kept.lock().map_err(|_| "poisoned")?.push(line.to_json());
//!     Ok(())
//! });
//! let schema = "entity: Note\nfields: { id: { type: integer, primary: true } }\nacl: { create: { role: [admin] } }\n";
//! let db = Client::open(Config::memory().schema_text(schema).audit(audit))?;
//! let refused = db.as_principal(Principal::new("bob", "user")).entity("Note")?.create(value!({ "id": 1 }));
//! assert!(refused.is_err());
//! let line = lines.lock().unwrap()[0].clone();
//! assert!(line.contains(r#""user":"bob","role":"user","operation":"create","entity":"Note","id":null,"success":false"#));
//! assert!(line.contains(r#""error":"FORBIDDEN""#));
//! # Ok::<(), dbal::Error>(())
//! ```

mod chain;
mod file;
mod line;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use crate::config::AuditFailure;
pub use chain::{Verified, verify};
pub use line::Line;

use crate::error::{Error, Outcome, Result};
use file::AuditFile;

/// A function that keeps a line, or says why it could not.
type Keep = Arc<dyn Fn(&Line) -> Result<(), String> + Send + Sync>;

/// Where lines go, and what becomes of a request whose line cannot be written.
#[derive(Clone)]
pub struct Audit {
    sink: Sink,
    failure: AuditFailure,
    flagged: bool,
    max_bytes: u64,
    keep: u32,
    chained: bool,
}

#[derive(Clone)]
enum Sink {
    File(PathBuf),
    Function(Keep),
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let to = match &self.sink {
            Sink::File(path) => path.display().to_string(),
            Sink::Function(_) => "a function".into(),
        };
        f.debug_struct("Audit").field("to", &to).field("failure", &self.failure).finish_non_exhaustive()
    }
}

impl Audit {
    fn new(sink: Sink) -> Self {
        Audit { sink, failure: AuditFailure::Closed, flagged: false, max_bytes: 100 << 20, keep: 10, chained: false }
    }

    /// To a file, a line of JSON for each attempt. It is made where it is not there, readable by its owner alone, and
    /// its folder with it.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Audit::new(Sink::File(path.into()))
    }

    /// To a function, on the thread that makes the attempt. What it says when it fails is in the error's detail.
    pub fn to(keep: impl Fn(&Line) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Audit::new(Sink::Function(Arc::new(keep)))
    }

    /// What becomes of a request whose line cannot be written. [`AuditFailure::Closed`], unless said otherwise: it
    /// fails, and so does whatever comes after it, before anything is done, until a line can be written again.
    pub fn on_failure(mut self, failure: AuditFailure) -> Self {
        self.failure = failure;
        self
    }

    /// Lines for nothing but entities that say `audit_all_access`, operations that say `audit`, and what was refused
    /// by the content scan or the sandbox.
    pub fn flagged_only(mut self) -> Self {
        self.flagged = true;
        self
    }

    /// A file that would grow beyond so many bytes is put aside first, as `NAME.1`, and older ones as `NAME.2` and so
    /// on, of which `keep` are kept. 100 MiB and 10, unless said otherwise.
    pub fn rotated(mut self, max_bytes: u64, keep: u32) -> Self {
        (self.max_bytes, self.keep) = (max_bytes, keep);
        self
    }

    /// Lines of a file get `seq`, `prev_hash` and `hash`: one that is changed or taken out later is found by [`verify`].
    /// One process at a time writes such a file; another one meanwhile takes `NAME-2.log` beside `NAME.log`, and so on, each
    /// with a chain of its own.
    pub fn chained(mut self) -> Self {
        self.chained = true;
        self
    }

    /// Opens what is written to.
    ///
    /// # Errors
    /// VALIDATION_ERROR for a file that cannot be written.
    pub(crate) fn open(self) -> Result<Log> {
        let keep: Keep = match self.sink {
            Sink::Function(keep) => keep,
            Sink::File(path) => {
                let shown = path.display().to_string();
                let file = AuditFile::open(path, self.max_bytes, self.keep, self.chained).map_err(|error| {
                    Error::validation("security.audit_log", format!("{shown} cannot be written: {error}"))
                })?;
                Arc::new(move |line| file.write(&line.to_json()).map_err(|error| error.to_string()))
            }
        };
        Ok(Log {
            keep,
            closed: self.failure == AuditFailure::Closed,
            flagged: self.flagged,
            broken: AtomicBool::new(false),
        })
    }
}

/// An audit that is open.
pub(crate) struct Log {
    keep: Keep,
    closed: bool,
    pub flagged: bool,
    /// The last line could not be written.
    broken: AtomicBool,
}

impl Log {
    /// Refuses what could not be written down, before it is done: after a line failed, a probe has to succeed.
    pub fn ready(&self, probe: impl FnOnce() -> Line) -> Result<()> {
        if !self.closed || !self.broken.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.write(&probe()).map_err(|error| error.with_outcome(Outcome::NotApplied))
    }

    /// Writes a line. Where that fails and must not, the attempt fails as well; it may have been done by now.
    pub fn write(&self, line: &Line) -> Result<()> {
        match (self.keep)(line) {
            Ok(()) => {
                self.broken.store(false, Ordering::Relaxed);
                Ok(())
            }
            Err(why) => {
                self.broken.store(true, Ordering::Relaxed);
                match self.closed {
                    true => {
                        let error = Error::internal("the audit line could not be written").with_detail(why);
                        Err(error.with_outcome(Outcome::Unknown))
                    }
                    false => Ok(()),
                }
            }
        }
    }
}
