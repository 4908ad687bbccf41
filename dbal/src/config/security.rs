//! `security:` and `acl:`, what is refused, counted and written down.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;

use super::reader::Reader;
use super::{Mode, Secret};
use crate::yaml::Block;

/// What is refused, counted and written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Security {
    /// How far the operating system holds the process back.
    pub sandbox: Sandbox,
    /// The file of audit lines; none writes none.
    pub audit_log: Option<PathBuf>,
    /// What becomes of a request whose line cannot be written.
    pub audit_failure: AuditFailure,
    /// The size at which the file of audit lines is put aside, in bytes.
    pub audit_max_bytes: u64,
    /// How many files that were put aside are kept.
    pub audit_keep: u32,
    /// The longest a request may take.
    pub max_query_time: Option<Duration>,
    /// What seals cursors; none: each process has its own.
    pub cursor_key: Option<CursorSecret>,
    /// How many requests a caller may make.
    pub rate_limit: Option<RequestRate>,
}

/// How far the operating system holds a daemon back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sandbox {
    /// All the way, or it does not start.
    #[default]
    Strict,
    /// As far as it goes.
    Permissive,
    /// Not at all.
    Disabled,
}

/// What becomes of a request whose audit line cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditFailure {
    /// It fails, and a write is not committed where that can still be helped.
    #[default]
    Closed,
    /// It is served all the same.
    Open,
}

/// The 32 bytes that seal cursors.
#[derive(Clone, PartialEq, Eq)]
pub struct CursorSecret(pub(crate) [u8; 32]);

impl std::fmt::Debug for CursorSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl CursorSecret {
    /// The bytes themselves.
    pub fn expose(&self) -> [u8; 32] {
        self.0
    }
}

/// How many requests a caller may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRate {
    /// In a minute, on average.
    pub requests_per_minute: u32,
    /// At once, after a pause.
    pub burst: u32,
}

/// Access rules beside those of the entities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acl {
    /// The rules file that takes the place of the entities' own rules.
    pub rules_file: Option<PathBuf>,
    /// Whether rules narrow the rows that a caller reaches; false is for development alone.
    pub enforce_row_level: bool,
}

impl Default for Security {
    fn default() -> Self {
        Security {
            sandbox: Sandbox::Strict,
            audit_log: None,
            audit_failure: AuditFailure::Closed,
            audit_max_bytes: 100 << 20,
            audit_keep: 10,
            max_query_time: None,
            cursor_key: None,
            rate_limit: None,
        }
    }
}

/// The words for [`Sandbox`].
pub(super) const SANDBOXES: [(&str, Sandbox); 3] =
    [("strict", Sandbox::Strict), ("permissive", Sandbox::Permissive), ("disabled", Sandbox::Disabled)];

impl Security {
    pub(super) fn read(reader: &Reader<'_>, file: &mut Block<'_>) -> Security {
        let mut security = Security::default();
        let mut sandbox = None;
        if let Some(mut block) = reader.section(file, "security", "security") {
            let asked = block.entry_or_null("sandbox").is_some();
            sandbox = block.word("sandbox", &SANDBOXES).or(asked.then_some(Sandbox::Strict));
            security.audit_log = reader.path(&mut block, "audit_log");
            let failures = [("closed", AuditFailure::Closed), ("open", AuditFailure::Open)];
            security.audit_failure = block.word("audit_failure", &failures).unwrap_or_default();
            if let Some(mib) = block.integer("audit_max_mib", 1, 1 << 20) {
                security.audit_max_bytes = (mib as u64) << 20;
            }
            if let Some(keep) = block.integer("audit_keep", 0, 10_000) {
                security.audit_keep = keep as u32;
            }
            security.max_query_time = reader.seconds(&mut block, "max_query_time");
            security.cursor_key = cursor_key(reader, &mut block);
            if let Some(mut rate) = reader.section(&mut block, "rate_limit", "security.rate_limit") {
                let per_minute = rate.integer("requests_per_minute", 1, 1_000_000_000);
                let burst = rate.integer("burst", 1, 1_000_000_000);
                if rate.entry_or_null("requests_per_minute").is_none() {
                    reader.report.error(rate.place(), "security.rate_limit has no `requests_per_minute`");
                }
                security.rate_limit = per_minute.map(|per_minute| RequestRate {
                    requests_per_minute: per_minute as u32,
                    // A tenth of a minute's worth at once, where nothing is said.
                    burst: burst.unwrap_or((per_minute / 10).max(1)) as u32,
                });
                rate.finish();
            }
            block.finish();
        }
        security.sandbox = match sandbox {
            Some(sandbox) => sandbox,
            None => super::word_of(reader, file.place(), "DBAL_SANDBOX", &SANDBOXES).unwrap_or_default(),
        };
        security
    }
}

/// 32 bytes, in base64 or as 64 hexadecimal digits.
fn cursor_key(reader: &Reader<'_>, block: &mut Block<'_>) -> Option<CursorSecret> {
    let place = block.place();
    let secret: Secret = reader.secret(block, "cursor_key", "cursor_key_file")?;
    let text = secret.expose().trim();
    let hex = || -> Option<Vec<u8>> {
        (text.len() == 64 && text.is_ascii())
            .then(|| (0..64).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect())
            .flatten()
    };
    let plain = || base64::engine::general_purpose::STANDARD.decode(text).ok();
    let url_safe = || base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
    let key = hex().or_else(plain).or_else(url_safe).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    if key.is_none() {
        let message = "security.cursor_key: expected 32 bytes in base64 or 64 hexadecimal digits, such as `openssl rand \
                       -base64 32` gives";
        reader.report.error(place, message);
    }
    key.map(CursorSecret)
}

impl Acl {
    pub(super) fn read(reader: &Reader<'_>, file: &mut Block<'_>, mode: Mode) -> Acl {
        let mut acl = Acl { rules_file: None, enforce_row_level: true };
        let Some(mut block) = reader.section(file, "acl", "acl") else { return acl };
        acl.rules_file = reader.path(&mut block, "rules_file");
        if let Some(entry) = block.entry("enforce_row_level") {
            match (entry.value.as_bool(), mode) {
                (Some(true), _) => {}
                (Some(false), Mode::Development) => {
                    acl.enforce_row_level = false;
                    let message = "enforce_row_level: false: whoever may read an entity reads all of its rows";
                    reader.report.warning(entry.value.place, message);
                }
                (Some(false), Mode::Production) => {
                    let message = "enforce_row_level: false is refused in production mode; say `mode: development` \
                                   where rows may be read by anybody";
                    reader.report.error(entry.value.place, message);
                }
                (None, _) => block.wrong(entry, "true or false"),
            }
        }
        block.finish();
        acl
    }
}
