//! What goes wrong, and how it is told: text with one line a fault, or JSON, always on standard error.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use dbal::schema::Verb;
use dbal::{Error, ErrorKind, Map, Operation, Outcome, Value, value, value::json};

use crate::print::plain;

/// Why a command did not do what it was told to.
#[derive(Debug)]
pub enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// The engine refused or failed.
    Engine(Error),
    /// A file holds faults.
    Faulty { message: String, faults: Vec<InputFault> },
    /// A file cannot be read.
    Unreadable(String),
    /// Standard output cannot be written.
    Output(io::Error),
    /// Everything was said on standard output already.
    Told,
}

/// One fault of a file that somebody wrote.
#[derive(Clone, Debug)]
pub struct InputFault {
    pub file: Arc<str>,
    /// From 1; 0 when there is none.
    pub line: u32,
    /// What it is about, such as `User.email`.
    pub about: String,
    pub message: String,
}

/// The most faults that are listed; the message counts all of them.
const MOST_FAULTS: usize = 100;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Engine(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}

impl std::fmt::Display for InputFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}: ", self.file)?,
            line => write!(f, "{}:{line}: ", self.file)?,
        }
        match self.about.as_str() {
            "" => f.write_str(&self.message),
            about => write!(f, "{about}: {}", self.message),
        }
    }
}

impl Failure {
    /// Tells it, and gives the exit code.
    pub fn report(self, as_json: bool) -> ExitCode {
        let code = match &self {
            // Whoever read the output has seen enough.
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
            Failure::Told => return ExitCode::from(1),
            Failure::Usage(_) => 2,
            Failure::Engine(_) | Failure::Faulty { .. } | Failure::Unreadable(_) | Failure::Output(_) => 1,
        };
        match as_json {
            true => eprintln!("{}", json::to_wire(&value!({ "error": (self.as_value()) }))),
            false => self.lines().iter().for_each(|line| eprintln!("{}", plain(line))),
        }
        ExitCode::from(code)
    }

    /// What it says, a line for each part.
    pub fn told(&self) -> Vec<String> {
        self.lines()
    }

    fn lines(&self) -> Vec<String> {
        match self {
            Failure::Usage(message) => vec![format!("error: {message}"), "For more information, try '--help'.".into()],
            Failure::Engine(error) => engine_lines(error),
            Failure::Faulty { message, faults } => {
                let mut lines: Vec<String> = faults.iter().take(MOST_FAULTS).map(InputFault::to_string).collect();
                if faults.len() > MOST_FAULTS {
                    lines.push(format!("... and {} more", faults.len() - MOST_FAULTS));
                }
                lines.push(format!("error: VALIDATION_ERROR: {message}"));
                lines
            }
            Failure::Unreadable(message) => vec![format!("error: NOT_FOUND: {message}")],
            Failure::Output(error) => vec![format!("error: the output cannot be written: {error}")],
            Failure::Told => Vec::new(),
        }
    }

    fn as_value(&self) -> Value {
        let simple = |code: &str, message: &str| value!({ "code": code, "message": message });
        match self {
            Failure::Usage(message) => simple("USAGE", message),
            Failure::Engine(error) => engine_value(error),
            Failure::Unreadable(message) => simple("NOT_FOUND", message),
            Failure::Output(error) => simple("OUTPUT", &error.to_string()),
            Failure::Told => Value::Null,
            Failure::Faulty { message, faults } => {
                let faults = faults.iter().map(|fault| {
                    value!({
                        "file": (&*fault.file),
                        "line": (i64::from(fault.line)),
                        "about": (fault.about.as_str()),
                        "message": (fault.message.as_str()),
                    })
                });
                let faults: Vec<Value> = faults.collect();
                value!({ "code": "VALIDATION_ERROR", "message": (message.as_str()), "faults": faults })
            }
        }
    }
}

/// `error: CODE: what happened where`, then a line for each field.
fn engine_lines(error: &Error) -> Vec<String> {
    let subject = match (error.entity(), error.operation()) {
        (Some(entity), Some(operation)) => format!("{entity}.{operation}: "),
        (Some(entity), None) => format!("{entity}: "),
        (None, _) => String::new(),
    };
    // The message of invalid input is its faults in a row, which come line by line below.
    let message = match (error.kind(), error.fields().len()) {
        (ErrorKind::ValidationError, 1) => "1 fault".to_owned(),
        (ErrorKind::ValidationError, count @ 2..) => format!("{count} faults"),
        _ => error.message().to_owned(),
    };
    let mut lines = vec![format!("error: {}: {subject}{message}", error.code())];
    for fault in error.fields() {
        let row = fault.index.map(|index| format!("row {index}: ")).unwrap_or_default();
        lines.push(format!("  {row}{}: {}", fault.field, fault.message));
    }
    if let Some(detail) = error.detail() {
        lines.push(format!("  the database says: {detail}"));
    }
    let verb = error.operation().and_then(Operation::parse).and_then(Operation::verb);
    let writes = verb.is_some_and(|verb| verb != Verb::Read);
    match error.outcome() {
        Some(Outcome::NotApplied) if writes => lines.push("  nothing was written".into()),
        Some(Outcome::Unknown) => lines.push("  it may or may not have been written".into()),
        Some(Outcome::NotApplied) | None => {}
    }
    lines
}

fn engine_value(error: &Error) -> Value {
    let fields = error.fields().iter().map(|fault| {
        let mut map = Map::new();
        map.insert("field", fault.field.as_str());
        map.insert("message", fault.message.as_str());
        if let Some(index) = fault.index {
            map.insert("index", index as i64);
        }
        Value::Map(map)
    });
    let fields: Vec<Value> = fields.collect();
    let (retry, outcome) = (error.retry().as_str(), error.outcome().map(Outcome::as_str));
    value!({
        "code": (error.code()),
        "message": (error.message()),
        "entity": (error.entity()),
        "operation": (error.operation()),
        "reason": (error.reason().map(|reason| reason.as_str())),
        "retry": retry,
        "outcome": outcome,
        "fields": fields,
        "detail": (error.detail()),
    })
}
