//! The files that code is generated from, as types. Anything unknown or doubtful in them stops the generator.

use std::collections::HashMap;
use std::path::Path;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// `errors.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorFile {
    /// How long to wait between tries.
    pub backoff: Backoff,
    /// The codes in declared order.
    pub errors: IndexMap<String, ErrorDecl>,
}

/// How a request that may be tried again is spaced.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backoff {
    /// The longest first wait, in milliseconds.
    pub first_ms: u32,
    /// The longest wait at all, in milliseconds.
    pub max_ms: u32,
    /// How waits are spread; only `full` is known.
    pub jitter: String,
    /// Tries in all.
    pub tries: u32,
}

/// One error code.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorDecl {
    /// Its number in the C ABI.
    pub number: u32,
    /// Its HTTP status.
    pub http: u16,
    /// Its gRPC status.
    pub grpc: String,
    /// The exception of Python's DB-API 2.0 that it is.
    pub dbapi: String,
    /// The gRPC status where the reason decides.
    #[serde(default)]
    pub grpc_by_reason: IndexMap<String, String>,
    /// Whether trying again helps.
    pub retry: RetryClass,
    /// The same where the reason decides.
    #[serde(default)]
    pub retry_by_reason: IndexMap<String, RetryClass>,
    /// Whether it is audited as an incident.
    #[serde(default)]
    pub incident: bool,
    /// One sentence for people.
    pub meaning: String,
}

/// When the same request may be sent again.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum RetryClass {
    /// It would fail again.
    Never,
    /// The whole transaction may run again.
    Transaction,
    /// After the time that the error names.
    AfterDelay,
    /// A read, or a write that is known not to have been applied.
    WhenSafe,
}

impl RetryClass {
    /// For the table.
    pub fn words(self) -> &'static str {
        match self {
            RetryClass::Never => "no",
            RetryClass::Transaction => "the whole transaction closure",
            RetryClass::AfterDelay => "after `retry_after`",
            RetryClass::WhenSafe => "reads, and writes that were not applied",
        }
    }
}

impl ErrorFile {
    /// Reads and checks the file.
    pub fn load(path: &Path) -> Result<Self, String> {
        let file: ErrorFile = parse(path)?;
        let mut faults = Vec::new();
        let mut numbers: HashMap<u32, &str> = HashMap::new();
        for (code, decl) in &file.errors {
            if decl.number == 0 {
                faults.push(format!("{code}: number 0 means success in the C ABI; count from 1"));
            }
            if let Some(other) = numbers.insert(decl.number, code) {
                faults.push(format!("{code}: number {} belongs to {other}", decl.number));
            }
            if !(400..600).contains(&decl.http) {
                faults.push(format!("{code}: http {} is not the status of an error (400 to 599)", decl.http));
            }
            if code.chars().any(|letter| !letter.is_ascii_uppercase() && letter != '_') {
                faults.push(format!("{code}: a code is written in upper case with underscores"));
            }
        }
        if file.backoff.jitter != "full" {
            faults.push(format!("backoff.jitter: expected full, not {}", file.backoff.jitter));
        }
        finish(path, faults).map(|()| file)
    }
}

/// `capabilities.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapabilityFile {
    /// What a backend can do.
    pub capabilities: IndexMap<String, CapabilityDecl>,
    /// How much of something it takes.
    pub limits: IndexMap<String, LimitDecl>,
}

/// One capability.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapabilityDecl {
    /// One sentence for people.
    pub meaning: String,
    /// What happens where it is missing.
    pub missing: Missing,
}

/// What the engine does for a backend that lacks a capability.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The same result another way.
    Emulate,
    /// An error before any IO.
    Reject,
    /// What fails ends its transaction.
    Abort,
}

impl Missing {
    /// For the table.
    pub fn words(self) -> &'static str {
        match self {
            Missing::Emulate => "emulated",
            Missing::Reject => "rejected",
            Missing::Abort => "ends the transaction",
        }
    }
}

/// One limit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitDecl {
    /// The Rust type that holds it.
    #[serde(rename = "type")]
    pub ty: LimitType,
    /// One sentence for people.
    pub meaning: String,
}

/// The types a limit may have.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitType {
    /// `u32`.
    U32,
    /// `u64`.
    U64,
}

impl LimitType {
    /// As Rust spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            LimitType::U32 => "u32",
            LimitType::U64 => "u64",
        }
    }
}

impl CapabilityFile {
    /// Reads and checks the file.
    pub fn load(path: &Path) -> Result<Self, String> {
        let file: CapabilityFile = parse(path)?;
        let mut faults = Vec::new();
        for name in file.capabilities.keys().chain(file.limits.keys()) {
            if name.chars().any(|letter| !letter.is_ascii_lowercase() && letter != '_') {
                faults.push(format!("{name}: a name is written in lower case with underscores"));
            }
        }
        for name in file.limits.keys().filter(|name| file.capabilities.contains_key(*name)) {
            faults.push(format!("limits.{name}: a capability has the same name"));
        }
        finish(path, faults).map(|()| file)
    }
}

fn parse<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    serde_saphyr::from_str(&crate::read(path)?).map_err(|fault| format!("{}: {fault}", path.display()))
}

fn finish(path: &Path, faults: Vec<String>) -> Result<(), String> {
    if faults.is_empty() { Ok(()) } else { Err(format!("{}:\n  {}", path.display(), faults.join("\n  "))) }
}
