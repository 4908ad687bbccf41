//! `--check-config`: everything that a start reads is read, and every fault of it is told at once. Nothing is made: no
//! database, no folder, no file.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Arc;

use dbal::access::Policy;
use dbal::config::{Database, Secret, Security, Settings};
use dbal::schema::load_dir;
use dbal::yaml::{Fault, Severity};
use dbal::{AsyncClient, Client, Config, Error};
use rustix::fs::{Access, access};

use crate::identity::Configured;
use crate::tls::{self, Encryption};

/// What was found.
#[derive(Debug, Default)]
pub struct Checked {
    /// With any of these it does not start.
    pub faults: Vec<String>,
    /// Odd without being wrong.
    pub warnings: Vec<String>,
}

impl Checked {
    fn add(&mut self, error: &Error) {
        if error.fields().is_empty() {
            self.faults.push(format!("{error}"));
            self.faults.extend(error.detail().map(str::to_owned));
        }
        // What the configuration itself lacks is told with its place there.
        let fields = error.fields().iter().filter(|fault| fault.message != tls::MISSING);
        self.faults.extend(fields.map(|fault| format!("{}: {}", fault.field, fault.message)));
    }

    fn warn(&mut self, warnings: &[impl Display]) {
        self.warnings.extend(warnings.iter().map(ToString::to_string));
    }
}

/// Looks at settings as far as they could be read, and at the files that they name. `told` are the faults and warnings of
/// the configuration itself.
pub async fn check(settings: Option<&Settings>, told: &[Fault]) -> Checked {
    let (faults, warnings): (Vec<&Fault>, Vec<&Fault>) =
        told.iter().partition(|fault| fault.severity == Severity::Error);
    let whole = faults.is_empty();
    let mut found = Checked::default();
    found.faults.extend(faults.iter().map(ToString::to_string));
    found.warn(&warnings);
    let Some(settings) = settings else { return found };
    found.faults.extend(settings.server.refusal());
    let keys = Configured::new(&settings.auth).err();
    let certificates = Encryption::new(&settings.server.tls).err();
    keys.iter().chain(&certificates).for_each(|error| found.add(error));
    if let Some(Err(message)) = settings.security.audit_log.as_deref().map(writable) {
        found.faults.push(format!("security.audit_log: {message}"));
    }
    match whole {
        true => opened(settings, &mut found).await,
        // Which database is meant is not known for certain: none is opened.
        false => declared(settings, &mut found),
    }
    found
}

/// The schema, the rules and the database.
async fn opened(settings: &Settings, found: &mut Checked) {
    let mut settings = settings.clone();
    // Its lines would make the file.
    settings.security = Security { audit_log: None, ..settings.security };
    // A rules file that cannot be read must not hide what is wrong with the schema.
    let rules = settings.acl.rules_file.take_if(|file| std::fs::read(file).is_err());
    if let Some(file) = rules {
        found.faults.extend(rules_of(&file).err());
    }
    let config =
        Config::from_settings(&settings).and_then(|config| match config.file().is_some_and(|at| !at.exists()) {
            false => Ok(config),
            true => {
                let url = Some(Secret::new("sqlite::memory:"));
                let database = Database { url, ..settings.database.clone() };
                Config::from_settings(&Settings { database, ..settings.clone() })
            }
        });
    let client = match config {
        Ok(config) => AsyncClient::open(config).await,
        Err(error) => Err(error),
    };
    match client {
        Ok(client) => found.warn(client.blocking().warnings()),
        Err(error) => found.add(&error),
    }
}

/// The schema and the rules alone.
fn declared(settings: &Settings, found: &mut Checked) {
    let schema = match settings.schema_folder() {
        Some(folder) => load_dir(folder).map(|loaded| Arc::new(loaded.schema)).map_err(Error::from),
        None => Client::open(Config::memory().reference_schema()).map(|client| client.schema().clone()),
    };
    let text = settings.acl.rules_file.as_deref().map(|file| rules_of(file).map(|text| (file, text)));
    match (schema, text) {
        (Ok(schema), Some(Ok((file, text)))) => {
            if let Err(faults) = Policy::from_rules(&schema, &text, &file.display().to_string()) {
                found.add(&faults.into());
            }
        }
        (schema, text) => {
            found.faults.extend(text.and_then(Result::err));
            schema.err().iter().for_each(|error| found.add(error));
        }
    }
}

fn rules_of(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| format!("acl.rules_file: {} cannot be read: {error}", file.display()))
}

/// Whether lines can be added to a file, or the file with its folder be made.
fn writable(file: &Path) -> Result<(), String> {
    let shown = file.display();
    if file.exists() {
        let opened = OpenOptions::new().append(true).open(file);
        return opened.map(drop).map_err(|error| format!("{shown} cannot be written: {error}"));
    }
    let folder = file.ancestors().skip(1).find(|folder| folder.as_os_str().is_empty() || folder.exists());
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(format!("{shown} cannot be made: {} is no folder", folder.display()));
    }
    access(folder, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| format!("{shown} cannot be made: nothing may be added to {}: {error}", folder.display()))
}
