//! The one error type: what went wrong, where, whether trying again helps, and what is known of the outcome.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

pub use crate::generated::errors::ErrorKind;

/// A result with dbal's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What may be done after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Retry {
    /// The same request fails again.
    #[default]
    No,
    /// The same request may succeed, after [`Error::retry_after`] where that is set.
    Yes,
    /// The whole transaction may be run again, from its first statement.
    Transaction,
}

impl Retry {
    /// The word that goes over wires: `no`, `yes` or `transaction`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Retry::No => "no",
            Retry::Yes => "yes",
            Retry::Transaction => "transaction",
        }
    }
}

/// What is known of a write whose connection was lost or whose time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was written.
    NotApplied,
    /// It may or may not have been written.
    Unknown,
}

impl Outcome {
    /// The word that hosts and wires have for it: `not_applied` or `unknown`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::NotApplied => "not_applied",
            Outcome::Unknown => "unknown",
        }
    }
}

/// Why a write was refused with CONFLICT, or a value was out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Another row holds the same unique key.
    Unique,
    /// A reference points nowhere, or something still refers to the row.
    ForeignKey,
    /// The row has another version than `if_version` says.
    Version,
    /// Another transaction got there first.
    Serialization,
    /// The transaction ended earlier because a statement in it failed.
    Aborted,
    /// A number left its type's range.
    Overflow,
}

impl Reason {
    /// The word used in every host, such as `foreign_key`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Unique => "unique",
            Reason::ForeignKey => "foreign_key",
            Reason::Version => "version",
            Reason::Serialization => "serialization",
            Reason::Aborted => "aborted",
            Reason::Overflow => "overflow",
        }
    }
}

/// One fault of one field, or of one option of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// Dotted path of the field or option, such as `email` or `filter.age.$gt`.
    pub field: String,
    /// What is wrong and what was expected, as a sentence without the field's name.
    pub message: String,
    /// Which row of a many-row input, from 0.
    pub index: Option<usize>,
}

/// The parts of an error that another process reported.
#[cfg(feature = "remote")]
pub(crate) struct Parts {
    pub kind: ErrorKind,
    pub message: String,
    pub retry: Retry,
    pub reason: Option<Reason>,
    pub outcome: Option<Outcome>,
    pub operation: Option<&'static str>,
    pub entity: Option<String>,
    pub fields: Vec<FieldFault>,
    pub retry_after: Option<Duration>,
    pub entry: Option<usize>,
}

/// Everything that dbal reports when it cannot do what was asked.
///
/// ```
/// use dbal::{Error, ErrorKind};
/// let error = Error::validation("filter.agee", "unknown field; did you mean age?");
/// assert_eq!(error.kind(), ErrorKind::ValidationError);
/// assert_eq!(error.fields()[0].field, "filter.agee");
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    retry: Retry,
    reason: Option<Reason>,
    outcome: Option<Outcome>,
    operation: Option<&'static str>,
    entity: Option<String>,
    fields: Vec<FieldFault>,
    retry_after: Option<Duration>,
    detail: Option<String>,
    entry: Option<usize>,
    incident: Option<String>,
}

impl Error {
    /// An error of this kind with a message for people.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            retry: Retry::No,
            reason: None,
            outcome: None,
            operation: None,
            entity: None,
            fields: Vec::new(),
            retry_after: None,
            detail: None,
            entry: None,
            incident: None,
        }))
    }

    /// The error of these parts.
    #[cfg(feature = "remote")]
    pub(crate) fn from_parts(parts: Parts) -> Self {
        let Parts { kind, message, retry, reason, outcome, operation, entity, fields, retry_after, entry } = parts;
        let (message, detail) = (Cow::Owned(message), None);
        Error(Box::new(Inner {
            kind,
            message,
            retry,
            reason,
            outcome,
            operation,
            entity,
            fields,
            retry_after,
            detail,
            entry,
            incident: None,
        }))
    }

    /// The same error with another answer to whether trying again helps.
    #[cfg(feature = "remote")]
    pub(crate) fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// VALIDATION_ERROR with one fault.
    pub fn validation(field: impl Into<String>, message: impl Into<String>) -> Self {
        Error::invalid(vec![FieldFault { field: field.into(), message: message.into(), index: None }])
    }

    /// VALIDATION_ERROR with every fault of one input.
    pub fn invalid(fields: Vec<FieldFault>) -> Self {
        let mut message = String::new();
        for (position, fault) in fields.iter().enumerate() {
            if position > 0 {
                message.push_str("; ");
            }
            if let Some(index) = fault.index {
                message.push_str(&format!("row {index}: "));
            }
            message.push_str(&fault.field);
            message.push_str(": ");
            message.push_str(&fault.message);
        }
        let mut error = Error::new(ErrorKind::ValidationError, message);
        error.0.fields = fields;
        error
    }

    /// NOT_FOUND for an entity.
    pub fn not_found(entity: &str) -> Self {
        Error::new(ErrorKind::NotFound, format!("no {entity} with this key")).with_entity(entity)
    }

    /// FORBIDDEN, saying nothing about what exists.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorKind::Forbidden, message)
    }

    /// CONFLICT with its reason and the fields of the key.
    pub fn conflict(reason: Reason, fields: &[&str], message: impl Into<Cow<'static, str>>) -> Self {
        let mut error = Error::new(ErrorKind::Conflict, message);
        error.0.reason = Some(reason);
        error.0.fields = fields
            .iter()
            .map(|field| FieldFault { field: (*field).into(), message: reason.as_str().into(), index: None })
            .collect();
        if reason == Reason::Serialization {
            error.0.retry = Retry::Transaction;
        }
        error
    }

    /// CAPABILITY_NOT_SUPPORTED naming what is missing.
    pub fn unsupported(capability: &str, message: impl Into<Cow<'static, str>>) -> Self {
        let mut error = Error::new(ErrorKind::CapabilityNotSupported, message);
        error.0.fields = vec![FieldFault { field: capability.into(), message: "not supported".into(), index: None }];
        error
    }

    /// DATABASE_ERROR. `detail` is the driver's own text: for the log, never for a remote caller.
    pub fn database(message: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        let mut error = Error::new(ErrorKind::DatabaseError, message);
        error.0.detail = Some(detail.into());
        error
    }

    /// TIMEOUT, with what is known of a write.
    pub fn timeout(outcome: Outcome) -> Self {
        let mut error = Error::new(ErrorKind::Timeout, "the deadline passed before the database answered");
        error.0.outcome = Some(outcome);
        if outcome == Outcome::NotApplied {
            error.0.retry = Retry::Yes;
        }
        error
    }

    /// UNAUTHORIZED, the same for everybody: it does not say what was wrong.
    pub fn unauthorized() -> Self {
        Error::new(ErrorKind::Unauthorized, "not authorized")
    }

    /// RATE_LIMIT_EXCEEDED, with how long to wait.
    pub fn rate_limited(retry_after: Duration) -> Self {
        let mut error = Error::new(ErrorKind::RateLimitExceeded, "called too often; try again later");
        error.0.retry = Retry::Yes;
        error.0.retry_after = Some(retry_after);
        error
    }

    /// INTERNAL_ERROR: something that cannot happen did.
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorKind::InternalError, message)
    }

    /// The same error, said of this operation.
    pub fn with_operation(mut self, operation: &'static str) -> Self {
        self.0.operation.get_or_insert(operation);
        self
    }

    /// The same error, said of this entity.
    pub fn with_entity(mut self, entity: &str) -> Self {
        self.0.entity.get_or_insert_with(|| entity.to_owned());
        self
    }

    /// The same error, said of one row of a many-row input, if it is about what that row holds.
    pub fn of_row(mut self, index: usize) -> Self {
        match self.0.kind {
            ErrorKind::ValidationError
            | ErrorKind::Conflict
            | ErrorKind::Forbidden
            | ErrorKind::MaliciousCodeDetected => {}
            _ => return self,
        }
        if matches!(self.0.reason, Some(Reason::Serialization | Reason::Aborted)) {
            return self;
        }
        if self.0.fields.is_empty() {
            self.0.fields.push(FieldFault { field: "data".into(), message: "refused".into(), index: None });
        }
        self.0.fields.iter_mut().for_each(|fault| fault.index = Some(index));
        self.0.message = format!("row {index}: {}", self.0.message).into();
        self
    }

    /// The same error, said of one entry of a batch.
    pub fn of_entry(mut self, index: usize) -> Self {
        self.0.message = format!("entry {index}: {}", self.0.message).into();
        for fault in &mut self.0.fields {
            fault.field = format!("entries.{index}.{}", fault.field);
        }
        self.0.entry.get_or_insert(index);
        self
    }

    /// The same error with its fields named anew.
    pub fn with_fields(mut self, name: impl Fn(&str) -> String) -> Self {
        if self.0.kind != ErrorKind::ValidationError && self.0.kind != ErrorKind::Conflict {
            return self;
        }
        for fault in &mut self.0.fields {
            fault.field = name(&fault.field);
        }
        // The message of a validation repeats them.
        if self.0.kind == ErrorKind::ValidationError && self.0.entry.is_none() && !self.0.fields.is_empty() {
            self.0.message = Error::invalid(self.0.fields.clone()).0.message;
        }
        self
    }

    /// The same error as a bound caller may see it: no driver text, and nothing of what the database holds.
    pub fn without_detail(mut self) -> Self {
        self.0.detail = None;
        if self.0.kind == ErrorKind::DatabaseError {
            self.0.message = Cow::Borrowed("the database failed");
        }
        self
    }

    /// The same error with a reason.
    pub fn with_reason(mut self, reason: Reason) -> Self {
        self.0.reason = Some(reason);
        self
    }

    /// The same error with the driver's own text, for logs only.
    pub(crate) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// The same error with what is known of the write.
    pub fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.0.outcome = Some(outcome);
        self
    }

    /// The kind of error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The stable code, such as `NOT_FOUND`.
    pub fn code(&self) -> &'static str {
        self.0.kind.code()
    }

    /// The message for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether trying again helps.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// Why a write conflicted or a number was refused.
    pub fn reason(&self) -> Option<Reason> {
        self.0.reason
    }

    /// What is known of a write that got no answer.
    pub fn outcome(&self) -> Option<Outcome> {
        self.0.outcome
    }

    /// The operation it happened in.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The entity it happened to.
    pub fn entity(&self) -> Option<&str> {
        self.0.entity.as_deref()
    }

    /// Every fault, each with its field.
    pub fn fields(&self) -> &[FieldFault] {
        &self.0.fields
    }

    /// The entry of a batch that it is about, from 0; the first where several are at fault. The fields are then named
    /// from the batch on: `entries.1.email`.
    pub fn entry(&self) -> Option<usize> {
        self.0.entry
    }

    /// What the content scan or the sandbox met, by the name of its pattern or rule: for the audit, not for the caller.
    pub fn incident(&self) -> Option<&str> {
        self.0.incident.as_deref()
    }

    pub(crate) fn with_incident(mut self, incident: &str) -> Self {
        self.0.incident = Some(incident.to_owned());
        self
    }

    /// How long to wait before trying again.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The driver's own text, for logs only.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())?;
        if let Some(entity) = &self.0.entity {
            write!(f, " [{entity}")?;
            if let Some(operation) = self.0.operation {
                write!(f, ".{operation}")?;
            }
            f.write_str("]")?;
        }
        write!(f, ": {}", self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("code", &self.code())
            .field("message", &self.0.message)
            .field("reason", &self.0.reason)
            .field("outcome", &self.0.outcome)
            .field("operation", &self.0.operation)
            .field("entity", &self.0.entity)
            .field("fields", &self.0.fields)
            .field("detail", &self.0.detail)
            .finish()
    }
}

impl std::error::Error for Error {}
