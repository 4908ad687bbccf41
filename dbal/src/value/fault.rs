//! What goes wrong between values and Rust types, and where.

use std::fmt;

use crate::error::{Error, ErrorKind};

/// A fault that learns its path on the way up, from the innermost step outward.
#[derive(Debug)]
pub(super) struct Fault {
    message: String,
    steps: Vec<String>,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Fault { message: message.into(), steps: Vec::new() }
    }

    /// The same fault, seen from the value that holds it under this name or position.
    pub(super) fn below(mut self, step: impl ToString) -> Self {
        self.steps.push(step.to_string());
        self
    }

    pub(super) fn into_error(self) -> Error {
        match self.path() {
            path if path.is_empty() => Error::new(ErrorKind::ValidationError, self.message),
            path => Error::validation(path, self.message),
        }
    }

    fn path(&self) -> String {
        let outward: Vec<&str> = self.steps.iter().rev().map(String::as_str).collect();
        outward.join(".")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}
