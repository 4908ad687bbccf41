//! Typed values that several sections have.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Environment, Secret};
use crate::yaml::{Block, Entry, Report};

/// The longest file that holds a secret, in bytes.
const MOST_SECRET: u64 = 64 << 10;

/// What reads the sections of one file.
pub(super) struct Reader<'r> {
    pub report: &'r Report,
    pub environment: &'r Environment,
    /// Files that hold secrets, to be looked at by `dbal doctor`.
    pub secret_files: RefCell<Vec<PathBuf>>,
    /// A secret stands in the file itself.
    pub literal_secret: RefCell<bool>,
}

impl Reader<'_> {
    /// A section, named in messages by its whole path.
    pub fn section<'n>(&self, block: &mut Block<'n>, name: &'static str, path: &str) -> Option<Block<'n>> {
        block.block(name).map(|section| section.named(path))
    }

    /// Text, of whatever kind the scalar is.
    pub fn text(&self, block: &mut Block<'_>, name: &'static str) -> Option<String> {
        block.written(name).map(str::to_owned)
    }

    /// A path of a file or folder.
    pub fn path(&self, block: &mut Block<'_>, name: &'static str) -> Option<PathBuf> {
        block.written(name).map(PathBuf::from)
    }

    /// A time in seconds, more than none; `0.5` is half a second.
    pub fn seconds(&self, block: &mut Block<'_>, name: &'static str) -> Option<Duration> {
        let entry = block.entry(name)?;
        let seconds = entry.value.as_float().filter(|seconds| *seconds > 0.0 && *seconds <= 86_400.0 * 366.0);
        if seconds.is_none() {
            block.wrong(entry, "a number of seconds, more than 0 and at most a year");
        }
        seconds.map(Duration::from_secs_f64)
    }

    /// A secret that stands here under one name, or in a file under the other.
    pub fn secret(&self, block: &mut Block<'_>, name: &'static str, file: &'static str) -> Option<Secret> {
        let here = block.entry(name).map(|entry| self.entry_text(block, entry));
        let elsewhere = block.entry(file);
        match (here, elsewhere) {
            (Some(_), Some(entry)) => {
                self.report.error(entry.place, format!("says {file} and {name}; keep one"));
                None
            }
            (Some(text), None) => text.map(Secret::new),
            (None, Some(entry)) => {
                let path = PathBuf::from(self.entry_text(block, entry)?);
                match self.secret_file(&path) {
                    Ok(secret) => Some(secret),
                    Err(message) => {
                        self.report.error(entry.value.place, format!("{file}: {message}"));
                        None
                    }
                }
            }
            (None, None) => None,
        }
    }

    fn entry_text(&self, block: &Block<'_>, entry: &Entry) -> Option<String> {
        let Some(text) = entry.value.written() else {
            block.wrong(entry, "text");
            return None;
        };
        // The address of a file is no secret.
        let secret = Secret::new(text).masked() != text;
        *self.literal_secret.borrow_mut() |= secret && !entry.value.is_hidden() && !entry.key.ends_with("_file");
        Some(text.to_owned())
    }

    /// A secret from a file, without the line break that ends it.
    pub fn secret_file(&self, path: &Path) -> Result<Secret, String> {
        let shown = path.display();
        let about = std::fs::metadata(path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
        if about.len() > MOST_SECRET {
            return Err(format!("{shown} has more than the {MOST_SECRET} bytes that a secret may have"));
        }
        let text = std::fs::read_to_string(path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
        self.secret_files.borrow_mut().push(path.to_path_buf());
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(format!("{shown} is empty")),
            secret => Ok(Secret::new(secret)),
        }
    }

    /// Texts of which none is empty.
    pub fn texts(&self, block: &mut Block<'_>, name: &'static str) -> Vec<String> {
        let Some(entry) = block.entry(name) else { return Vec::new() };
        let items = entry.value.as_list().unwrap_or(std::slice::from_ref(&entry.value));
        let text = |item: &crate::yaml::Node| match item.written() {
            Some(text) if !text.is_empty() => Some(text.to_owned()),
            _ => {
                let message = format!("{name}: expected a list of texts, found {}", item.describe());
                self.report.error(item.place, message);
                None
            }
        };
        items.iter().filter_map(text).collect()
    }
}
