//! Faults with their places, and the report that gathers them.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use super::block::Block;
use super::node::{Kind, Node};
use super::parse;
use crate::error::{Error, FieldFault};
use crate::value::Value;

/// Whether a fault stops the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used; somebody should look at it.
    Warning,
}

/// One thing that is wrong, where, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file as it was named to the reader.
    pub file: Arc<str>,
    /// The line from 1; 0 when the place has none.
    pub line: u32,
    /// The column from 1, in characters; 0 when the place has none.
    pub column: u32,
    /// What is wrong and what was expected.
    pub message: String,
    /// Whether it stops the load.
    pub severity: Severity,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        if self.line == 0 {
            write!(f, "{}: {severity}: {}", self.file, self.message)
        } else {
            write!(f, "{}:{}:{}: {severity}: {}", self.file, self.line, self.column, self.message)
        }
    }
}

/// Every fault of a load, in order of file and place. At least one of them is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, fault) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// VALIDATION_ERROR with every error; the field of each is its `file:line:column`.
impl From<Faults> for Error {
    fn from(faults: Faults) -> Error {
        let field = |fault: &Fault| match fault.line {
            0 => fault.file.to_string(),
            line => format!("{}:{line}:{}", fault.file, fault.column),
        };
        let errors = faults.0.iter().filter(|fault| fault.severity == Severity::Error);
        let fields =
            errors.map(|fault| FieldFault { field: field(fault), message: fault.message.clone(), index: None });
        Error::invalid(fields.collect())
    }
}

/// Which file of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// Where something stands. Line and column count from 1, columns in characters; both are 0 where there is no text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file.
    pub file: FileId,
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// Gathers the faults of a load. It is shared by reference while nodes are read; one thread uses it.
#[derive(Debug, Default)]
pub struct Report {
    files: RefCell<Vec<Arc<str>>>,
    faults: RefCell<Vec<(Place, Severity, String)>>,
}

impl Report {
    /// A report without files and faults.
    pub fn new() -> Self {
        Report::default()
    }

    /// Names a file; places in it carry the id.
    pub fn file(&self, name: &str) -> FileId {
        let mut files = self.files.borrow_mut();
        files.push(name.into());
        FileId(u32::try_from(files.len() - 1).unwrap_or(u32::MAX))
    }

    /// The name of a file.
    pub fn file_name(&self, id: FileId) -> Arc<str> {
        self.files.borrow().get(id.0 as usize).cloned().unwrap_or_else(|| "schema".into())
    }

    /// Reads the documents of one file. Where the text has faults, what could be read up to there is returned.
    pub fn read(&self, file: &str, text: &str) -> Vec<Node> {
        parse::documents(self, self.file(file), text)
    }

    /// Reads a file that holds one document; an empty file is null.
    pub fn read_one(&self, file: &str, text: &str) -> Node {
        let file = self.file(file);
        let mut documents = parse::documents(self, file, text).into_iter();
        let first = documents.next().unwrap_or_else(|| Node::new(Kind::Null, Place { file, line: 1, column: 1 }));
        if let Some(second) = documents.next() {
            self.error(second.place, "expected one document in this file, found another one here");
        }
        first
    }

    /// Takes an object that a host gave in place of a file; its faults carry the name and no position.
    pub fn value(&self, name: &str, value: &Value) -> Node {
        let file = self.file(name);
        let place = Place { file, line: 0, column: 0 };
        Node::from_value_in(file, value).unwrap_or_else(|message| {
            self.error(place, message);
            Node::new(Kind::Null, place)
        })
    }

    /// Adds an error.
    pub fn error(&self, place: Place, message: impl Into<String>) {
        self.add(place, Severity::Error, message);
    }

    /// Adds a warning.
    pub fn warning(&self, place: Place, message: impl Into<String>) {
        self.add(place, Severity::Warning, message);
    }

    /// Adds a fault of either severity.
    pub fn add(&self, place: Place, severity: Severity, message: impl Into<String>) {
        self.faults.borrow_mut().push((place, severity, message.into()));
    }

    /// Whether there is an error so far.
    pub fn has_errors(&self) -> bool {
        self.faults.borrow().iter().any(|(_, severity, _)| *severity == Severity::Error)
    }

    /// Opens a mapping in which an unknown key or a key without a value is an error: access rules, configuration.
    /// `what` names the mapping in messages, such as `the configuration`. Anything but a mapping is a fault.
    pub fn strict<'n>(&'n self, node: &'n Node, what: impl Into<String>) -> Option<Block<'n>> {
        Block::open(self, node, what.into(), Severity::Error)
    }

    /// Opens a mapping as people write them in the wild: an unknown key is a warning, a key without a value counts as
    /// absent, and `maxLength` is `max_length`.
    pub fn lenient<'n>(&'n self, node: &'n Node, what: impl Into<String>) -> Option<Block<'n>> {
        Block::open(self, node, what.into(), Severity::Warning)
    }

    /// The result with the warnings, or every fault when one of them is an error.
    pub fn finish<T>(self, result: T) -> Result<(T, Vec<Fault>), Faults> {
        let faults = self.into_faults();
        let failed = faults.iter().any(|fault| fault.severity == Severity::Error);
        if failed { Err(Faults(faults)) } else { Ok((result, faults)) }
    }

    /// Everything that was gathered, in order of file and place.
    pub fn into_faults(self) -> Vec<Fault> {
        let files = self.files.into_inner();
        let mut gathered = self.faults.into_inner();
        gathered.sort_by_key(|(place, severity, _)| (*place, *severity));
        gathered.dedup();
        let name = |place: Place| files.get(place.file.0 as usize).cloned().unwrap_or_else(|| "schema".into());
        let fault = |(place, severity, message): (Place, Severity, String)| Fault {
            file: name(place),
            line: place.line,
            column: place.column,
            message,
            severity,
        };
        gathered.into_iter().map(fault).collect()
    }
}

/// The name that was probably meant, if one of the valid names is near.
///
/// ```
/// assert_eq!(dbal::yaml::nearest("usernam", ["email", "username"]), Some("username"));
/// assert_eq!(dbal::yaml::nearest("zzz", ["email", "username"]), None);
/// ```
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters may differ; the comparison is quadratic, so absurdly long words are left alone.
    let length = word.chars().count();
    if length > 100 {
        return None;
    }
    let most = if length < 2 { 0 } else { (length / 3).max(1) };
    let folded = word.to_lowercase();
    names
        .into_iter()
        .filter(|name| name.len() <= 200 && !name.is_empty())
        .map(|name| (strsim::damerau_levenshtein(&folded, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= most || abbreviates(&folded, &name.to_lowercase()))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Whether a word leaves the end of a name away, or says a little more than it.
fn abbreviates(word: &str, name: &str) -> bool {
    let rest = name.strip_prefix(word).filter(|_| word.len() > 3);
    let more = word.strip_prefix(name).filter(|_| name.len() > 3);
    rest.is_some_and(|rest| rest.starts_with('_') || rest.len() <= word.len())
        || more.is_some_and(|more| more.len() < name.len())
}
