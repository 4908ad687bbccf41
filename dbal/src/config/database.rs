//! `database:`, what is opened.

use super::Secret;
use super::expand::UNKNOWN;
use super::reader::Reader;
use crate::yaml::{Block, Place};

/// What is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database {
    /// The kind of database, as it was named or as the URL's scheme says; none without a URL.
    pub adapter: Option<AdapterKind>,
    /// Its address.
    pub url: Option<Secret>,
    /// How many connections there may be.
    pub pool_size: Option<usize>,
    /// Addresses of copies that may be read instead.
    pub read_replicas: Vec<Secret>,
    /// What a commit in SQLite waits for.
    pub synchronous: SyncMode,
    /// How often rows past their time are removed, in seconds; 0 is never. None is the engine's own interval.
    pub sweep_interval: Option<u32>,
}

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdapterKind {
    /// A file, or memory, of SQLite.
    Sqlite,
    /// PostgreSQL, and what speaks its protocol.
    Postgres,
    /// MongoDB.
    Mongodb,
    /// The reference, which keeps nothing.
    Memory,
    /// A database whose tables Prisma made; the URL's scheme says of which kind.
    Prisma,
}

/// What a commit in SQLite waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncMode {
    /// The operating system.
    #[default]
    Normal,
    /// The disk.
    Full,
}

/// The adapters by the word that a configuration has for them.
pub(crate) const ADAPTERS: [(&str, AdapterKind); 5] = [
    ("sqlite", AdapterKind::Sqlite),
    ("postgres", AdapterKind::Postgres),
    ("mongodb", AdapterKind::Mongodb),
    ("memory", AdapterKind::Memory),
    ("prisma", AdapterKind::Prisma),
];

impl AdapterKind {
    /// The word that a configuration has for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            AdapterKind::Sqlite => "sqlite",
            AdapterKind::Postgres => "postgres",
            AdapterKind::Mongodb => "mongodb",
            AdapterKind::Memory => "memory",
            AdapterKind::Prisma => "prisma",
        }
    }

    /// The kind of this word, if it is one.
    pub fn of_name(name: &str) -> Option<Self> {
        ADAPTERS.iter().find(|(word, _)| *word == name).map(|(_, kind)| *kind)
    }

    /// The kind that a URL's scheme means.
    pub fn of_url(url: &str) -> Option<Self> {
        match url.split_once(':')?.0 {
            "sqlite" | "file" => Some(AdapterKind::Sqlite),
            "postgresql" | "postgres" => Some(AdapterKind::Postgres),
            "mongodb" | "mongodb+srv" => Some(AdapterKind::Mongodb),
            "memory" => Some(AdapterKind::Memory),
            _ => None,
        }
    }
}

impl Database {
    pub(super) fn read(reader: &Reader<'_>, file: &mut Block<'_>) -> Database {
        let mut database = Database::default();
        let mut place = file.place();
        let mut replicas = Vec::new();
        let mut named = false;
        if let Some(mut block) = reader.section(file, "database", "database") {
            place = block.place();
            database.adapter = block.word("adapter", &ADAPTERS);
            named = block.entry_or_null("url").is_some() || block.entry_or_null("url_file").is_some();
            database.url = reader.secret(&mut block, "url", "url_file");
            database.pool_size = block.integer("pool_size", 1, 10_000).map(|size| size as usize);
            replicas = reader.texts(&mut block, "read_replicas");
            let modes = [("normal", SyncMode::Normal), ("full", SyncMode::Full)];
            database.synchronous = block.word("synchronous", &modes).unwrap_or_default();
            database.sweep_interval = block.integer("sweep_interval", 0, 86_400).map(|seconds| seconds as u32);
            block.finish();
        }
        if !named {
            database.url = from_environment(reader, place);
        }
        if database.url.is_none() && database.adapter == Some(AdapterKind::Memory) {
            database.url = Some(Secret::new("memory:"));
        }
        if !named || database.url.is_some() {
            database.agree(reader, place);
        }
        database.read_replicas = replicas.into_iter().map(Secret::new).collect();
        for replica in &database.read_replicas {
            if AdapterKind::of_url(replica.expose())
                != database.url.as_ref().and_then(|url| AdapterKind::of_url(url.expose()))
            {
                let message = "read_replicas: a copy is of the same kind of database as `url`";
                reader.report.error(place, message);
            }
        }
        database
    }

    /// The adapter and the scheme of the URL say the same; without an adapter the scheme decides.
    fn agree(&mut self, reader: &Reader<'_>, place: Place) {
        let Some(url) = &self.url else {
            if let Some(adapter) = self.adapter {
                let message = format!(
                    "database: adapter {} has no url; say `url` or `url_file`, or set DATABASE_URL",
                    adapter.as_str()
                );
                reader.report.error(place, message);
            }
            return;
        };
        if url.expose() == UNKNOWN {
            return;
        }
        let scheme = AdapterKind::of_url(url.expose());
        let expected = "sqlite:, file:, postgresql:, mongodb: or memory:";
        match (self.adapter, scheme) {
            (_, None) => {
                reader.report.error(place, format!("database.url: expected a URL that begins with {expected}"));
            }
            (None, Some(scheme)) => self.adapter = Some(scheme),
            (Some(AdapterKind::Prisma), Some(AdapterKind::Sqlite | AdapterKind::Postgres)) => {}
            (Some(AdapterKind::Prisma), Some(scheme)) => {
                let message = format!(
                    "database: adapter prisma opens sqlite: and postgresql: URLs, and url is of {}",
                    scheme.as_str()
                );
                reader.report.error(place, message);
            }
            (Some(adapter), Some(scheme)) if adapter != scheme => {
                let (adapter, scheme) = (adapter.as_str(), scheme.as_str());
                reader.report.error(place, format!("database: adapter is {adapter}, and url is of {scheme}"));
            }
            (Some(_), Some(_)) => {}
        }
    }
}

/// `DATABASE_URL`, or what the file holds that `DATABASE_URL_FILE` names.
fn from_environment(reader: &Reader<'_>, place: Place) -> Option<Secret> {
    let url = reader.environment.filled("DATABASE_URL");
    match (url, reader.environment.filled("DATABASE_URL_FILE")) {
        (Some(_), Some(_)) => {
            reader.report.error(place, "DATABASE_URL and DATABASE_URL_FILE are both set; keep one");
            None
        }
        (Some(url), None) => Some(Secret::new(url)),
        (None, Some(file)) => match reader.secret_file(file.as_ref()) {
            Ok(url) => Some(url),
            Err(message) => {
                reader.report.error(place, format!("DATABASE_URL_FILE: {message}"));
                None
            }
        },
        (None, None) => None,
    }
}
