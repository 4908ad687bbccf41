//! `dbal.yaml`: one file that says what is opened, who may do what, and how a daemon listens.
//!
//! A daemon, the command line and a program of one's own read the same file with [`Settings`]. Every fault has its
//! place, and all come at once; a key that nobody knows is a fault, and so is a variable that is not set. What the file
//! leaves out is looked for in the environment (`DATABASE_URL`, `DATABASE_URL_FILE`, `DBAL_SCHEMA`, `DBAL_BIND`,
//! `DBAL_MODE`, `DBAL_SANDBOX`, `DBAL_INSECURE`), so that a program can do without a file.
//!
//! ```
//! use dbal::config::{AdapterKind, Environment, Settings};
//!
//! let environment = Environment::given([("DATABASE_URL", "postgresql://ada:hunter2@db.example.org/app")]);
//! let text = "
//! mode: production
//! database: { url: '${DATABASE_URL}', pool_size: '${POOL:-20}' }
//! acl: { rules_file: ./acl.yaml }
//! ";
//! let settings = Settings::from_text("dbal.yaml", text, &environment)?;
//! assert_eq!(settings.database.adapter, Some(AdapterKind::Postgres));
//! assert_eq!(settings.database.pool_size, Some(20));
//! assert!(!format!("{settings:?}{}", settings.to_yaml()).contains("hunter2"));
//!
//! let faults = Settings::from_text("dbal.yaml", "databse: {}\nlogging: { level: loud }", &environment).unwrap_err();
//! assert_eq!(faults.0.len(), 2);
//! # Ok::<(), dbal::yaml::Faults>(())
//! ```

mod auth;
mod database;
mod environment;
mod expand;
mod limits;
mod logging;
mod reader;
mod secret;
mod security;
mod server;
mod show;

use std::cell::RefCell;
use std::path::{Path, PathBuf};

pub use auth::{Auth, Jwt, JwtKey};
pub(crate) use database::ADAPTERS;
pub use database::{AdapterKind, Database, SyncMode};
pub use environment::Environment;
pub use logging::{Level, LogFormat, Logging};
pub use secret::Secret;
pub use security::{Acl, AuditFailure, CursorSecret, RequestRate, Sandbox, Security};
pub use server::{Server, Tls, is_loopback};

use crate::query::limits::Limits;
use crate::yaml::{Fault, Faults, Kind, MAX_BYTES, Node, Place, Report, Severity};
use reader::Reader;

/// A configuration that was read, whole and without faults.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether what is convenient may be unsafe.
    pub mode: Mode,
    /// Where a daemon listens.
    pub server: Server,
    /// What is opened.
    pub database: Database,
    /// The folder of entity files; none: `./api/schema` where there is one, else the reference contract.
    pub schema: Option<PathBuf>,
    /// The kinds of database that the program is to run on: generated clients have what all of them support.
    pub targets: Vec<AdapterKind>,
    /// The greatest request that is served.
    pub limits: Limits,
    /// What is refused, counted and written down.
    pub security: Security,
    /// Access rules beside those of the entities.
    pub acl: Acl,
    /// How a daemon knows who is asking.
    pub auth: Auth,
    /// What a daemon tells of its work.
    pub logging: Logging,
    /// What is odd without being wrong, to be said at every start.
    pub warnings: Vec<Fault>,
    /// Files that hold secrets, this one too where it does: nobody else should be able to read them.
    pub secret_files: Vec<PathBuf>,
}

/// Whether what is convenient may be unsafe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It may not.
    #[default]
    Production,
    /// It may.
    Development,
}

/// The words for [`Mode`].
const MODES: [(&str, Mode); 2] = [("production", Mode::Production), ("development", Mode::Development)];

impl Settings {
    /// Reads a file, with the variables of this process.
    ///
    /// # Errors
    /// Every fault with its line and column.
    pub fn load(path: impl AsRef<Path>) -> Result<Settings, Faults> {
        whole(Settings::look(path))
    }

    /// What can be read of a file, and its faults and warnings: for whoever tells what else is wrong, in the files that a
    /// configuration names, before the first faults are mended. What had a fault is as if it had not been said, so nothing
    /// is to be opened by settings that have one. None where the file cannot be read at all.
    pub fn look(path: impl AsRef<Path>) -> (Option<Settings>, Vec<Fault>) {
        let path = path.as_ref();
        let name = path.display().to_string();
        let unreadable = |message: String| {
            let report = Report::new();
            let file = report.file(&name);
            report.error(Place { file, line: 0, column: 0 }, message);
            (None, report.into_faults())
        };
        let about = match std::fs::metadata(path) {
            Ok(about) => about,
            Err(error) => return unreadable(format!("cannot read this file: {error}")),
        };
        if about.len() > MAX_BYTES as u64 {
            return unreadable(format!("the file has more than the {MAX_BYTES} bytes allowed"));
        }
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return unreadable(format!("cannot read this file: {error}")),
        };
        let (mut settings, literal, faults) = read(&name, Some(&text), &Environment::process());
        if let (true, Some(settings)) = (literal, &mut settings) {
            settings.secret_files.insert(0, path.to_path_buf());
        }
        (settings, faults)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn from_text(file: &str, text: &str, environment: &Environment) -> Result<Settings, Faults> {
        let (settings, _, faults) = read(file, Some(text), environment);
        whole((settings, faults))
    }

    /// What variables alone say.
    ///
    /// # Errors
    /// As [`Settings::load`]; the faults have no line.
    ///
    /// ```
    /// use dbal::config::{Environment, Mode, Settings};
    /// let environment = Environment::given([("DATABASE_URL", "sqlite:app.db"), ("DBAL_MODE", "development")]);
    /// let settings = Settings::from_environment(&environment)?;
    /// assert_eq!(settings.mode, Mode::Development);
    /// assert_eq!(settings.server.bind, "127.0.0.1:50051");
    /// # Ok::<(), dbal::yaml::Faults>(())
    /// ```
    pub fn from_environment(environment: &Environment) -> Result<Settings, Faults> {
        whole(Settings::look_at(environment))
    }

    /// The same as [`Settings::look`] of what variables alone say.
    pub fn look_at(environment: &Environment) -> (Option<Settings>, Vec<Fault>) {
        let (settings, _, faults) = read("environment", None, environment);
        (settings, faults)
    }

    /// The folder of entity files to use, as things are on this disk; none is the reference contract.
    pub fn schema_folder(&self) -> Option<PathBuf> {
        self.schema.clone().or_else(|| {
            let usual = PathBuf::from("./api/schema");
            usual.is_dir().then_some(usual)
        })
    }
}

/// The settings, if none of the faults is an error.
fn whole((settings, faults): (Option<Settings>, Vec<Fault>)) -> Result<Settings, Faults> {
    match settings.filter(|_| !faults.iter().any(|fault| fault.severity == Severity::Error)) {
        Some(settings) => Ok(settings),
        None => Err(Faults(faults)),
    }
}

/// The settings as far as they can be read, whether a secret stands in the file itself, and what is wrong or odd.
fn read(name: &str, text: Option<&str>, environment: &Environment) -> (Option<Settings>, bool, Vec<Fault>) {
    let report = Report::new();
    let document = match text {
        Some(text) => report.read_one(name, text),
        None => {
            let file = report.file(name);
            Node::new(Kind::Map(Vec::new()), Place { file, line: 0, column: 0 })
        }
    };
    // An empty file says nothing, which is enough for all that has a default.
    let document = match document.is_null() {
        true => Node::new(Kind::Map(Vec::new()), document.place),
        false => expand::expand(&report, environment, document),
    };
    let reader = Reader {
        report: &report,
        environment,
        secret_files: RefCell::new(Vec::new()),
        literal_secret: RefCell::new(false),
    };
    let mut settings = sections(&reader, &document);
    let literal = *reader.literal_secret.borrow();
    let secret_files = reader.secret_files.take();
    let faults = report.into_faults();
    if let Some(settings) = &mut settings {
        settings.warnings = faults.iter().filter(|fault| fault.severity == Severity::Warning).cloned().collect();
        settings.secret_files = secret_files;
    }
    (settings, literal, faults)
}

fn sections(reader: &Reader<'_>, document: &Node) -> Option<Settings> {
    let mut file = reader.report.strict(document, "the configuration")?;
    let asked = file.entry_or_null("mode").is_some();
    let mode = file.word("mode", &MODES).or(asked.then_some(Mode::Production));
    let said = mode.or_else(|| word_of(reader, file.place(), "DBAL_MODE", &MODES));
    let mut server = Server::read(reader, &mut file);
    let place_of_server = file.entry_or_null("server").map_or(file.place(), |entry| entry.value.place);
    if file.entry_or_null("server").is_none_or(|entry| entry.value.get("bind").is_none())
        && let Some(bind) = reader.environment.filled("DBAL_BIND")
    {
        match server::is_address(&bind) {
            true => server.bind = bind,
            false => {
                let message =
                    format!("DBAL_BIND: expected an address and a port such as 127.0.0.1:50051, found {bind:?}");
                reader.report.error(file.place(), message);
            }
        }
    }
    let mode = said.unwrap_or_else(|| concluded(reader, document, &server));
    if server.meets() {
        let message = "server.admin_bind is where server.bind listens; health and metrics have an address of their own";
        reader.report.error(place_of_server, message);
    }
    let settings = Settings {
        mode,
        server,
        database: Database::read(reader, &mut file),
        schema: reader
            .path(&mut file, "schema")
            .or_else(|| reader.environment.filled("DBAL_SCHEMA").map(PathBuf::from)),
        targets: targets(reader, &mut file),
        limits: limits::read(reader, &mut file),
        security: Security::read(reader, &mut file),
        acl: Acl::read(reader, &mut file, mode),
        auth: Auth::read(reader, &mut file),
        logging: Logging::read(reader, &mut file),
        warnings: Vec::new(),
        secret_files: Vec::new(),
    };
    file.finish();
    Some(settings)
}

/// The mode where nothing says it: a daemon that only this machine reaches, and that is told not to be strict, is one to
/// develop with.
fn concluded(reader: &Reader<'_>, document: &Node, server: &Server) -> Mode {
    let sandbox = document.get("security").and_then(|security| security.get("sandbox"));
    match sandbox {
        Some(sandbox) if sandbox.written() == Some("permissive") && is_loopback(&server.bind) => {
            let message = "mode: nothing says it, and a permissive sandbox on a loopback address is taken for \
                development; say `mode: production` if it is not";
            reader.report.warning(sandbox.place, message);
            Mode::Development
        }
        _ => Mode::Production,
    }
}

/// One of several words, from a variable.
fn word_of<T: Copy>(reader: &Reader<'_>, place: Place, name: &str, words: &[(&str, T)]) -> Option<T> {
    let given = reader.environment.filled(name)?;
    let found = words.iter().find(|(word, _)| *word == given).map(|(_, meaning)| *meaning);
    if found.is_none() {
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        reader.report.error(place, format!("{name}: expected one of {}, found {given:?}", all.join(", ")));
    }
    found
}

fn targets(reader: &Reader<'_>, file: &mut crate::yaml::Block<'_>) -> Vec<AdapterKind> {
    let mut targets = Vec::new();
    let Some(entry) = file.entry("targets") else { return targets };
    let items = entry.value.as_list().unwrap_or(std::slice::from_ref(&entry.value));
    let known = ADAPTERS.iter().filter(|(_, kind)| *kind != AdapterKind::Prisma);
    for item in items {
        let found = known.clone().find(|(word, _)| item.written() == Some(word));
        match found {
            Some((_, kind)) if targets.contains(kind) => {
                reader.report.error(item.place, format!("targets: {} comes twice", kind.as_str()));
            }
            Some((_, kind)) => targets.push(*kind),
            None => {
                let message =
                    format!("targets: expected sqlite, postgres, mongodb or memory, found {}", item.describe());
                reader.report.error(item.place, message);
            }
        }
    }
    targets
}
