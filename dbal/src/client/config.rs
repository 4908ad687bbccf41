//! What a client opens, and how.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::access::{Checks, Policy};
use crate::adapter::memory::MemoryAdapter;
use crate::adapter::{Adapter, Lowering};
use crate::audit::{Audit, Log};
use crate::client::Origin;
use crate::client::call::handler::{Handler, Inside};
use crate::client::copies::Copies;
use crate::client::failures::Tell;
use crate::config::{ADAPTERS, AdapterKind, Secret, Settings, SyncMode};
use crate::error::{Error, Result};
use crate::query::cursor::CursorKey;
use crate::query::limits::Limits;
use crate::schema::{Body, Entity, Loaded, Schema, StoredIn, load_dir, load_sources};
use crate::sql::dialect::Dialect;
use crate::value::{Map, Value};
use crate::yaml::{Fault, Severity};

/// How often rows past their time are removed, unless the configuration says otherwise.
const SWEEP: Duration = Duration::from_secs(60);

/// How to open a database.
///
/// ```no_run
/// use dbal::{Client, Config};
/// let db = Client::open(Config::sqlite("app.db").schema_dir("api/schema"))?;
/// # Ok::<(), dbal::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    backend: Backend,
    schema: Source,
    rules: Option<Rules>,
    /// Whether rules narrow rows.
    row_level: bool,
    limits: Limits,
    timeout: Option<Duration>,
    cursor_key: Option<CursorKey>,
    handlers: Handlers,
    failures: Tell,
    /// Tables are named and values stored as Prisma does.
    prisma: bool,
    audit: Option<Audit>,
    sweep: Option<Duration>,
    /// Copies of the database, by URL.
    copies: Vec<Secret>,
    #[cfg(feature = "sqlite")]
    sqlite: crate::adapter::sqlite::SqliteOptions,
}

/// Functions by the name that operations give them.
#[derive(Clone, Default)]
struct Handlers(HashMap<String, Handler>);

impl std::fmt::Debug for Handlers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[derive(Clone)]
enum Backend {
    Memory,
    Custom(Arc<dyn Adapter>),
    #[cfg(feature = "sqlite")]
    Sqlite,
    #[cfg(feature = "postgres")]
    Postgres(String),
    #[cfg(feature = "mongodb")]
    Mongodb(crate::adapter::mongodb::MongoOptions),
    #[cfg(feature = "remote")]
    Remote(Box<super::far::Place>),
    /// Refused when opened, so that all faults of a configuration come together.
    Unknown(String),
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Backend::Memory => "memory",
            Backend::Custom(adapter) => adapter.name(),
            #[cfg(feature = "sqlite")]
            Backend::Sqlite => "sqlite",
            #[cfg(feature = "postgres")]
            Backend::Postgres(_) => "postgres",
            #[cfg(feature = "mongodb")]
            Backend::Mongodb(_) => "mongodb",
            #[cfg(feature = "remote")]
            Backend::Remote(_) => "remote",
            Backend::Unknown(scheme) => scheme,
        })
    }
}

#[derive(Clone, Debug)]
enum Source {
    Missing,
    Dir(PathBuf),
    Text(String),
    /// The reference contract, which is compiled in.
    Reference,
    Loaded(Arc<Schema>),
}

#[derive(Clone, Debug)]
enum Rules {
    File(PathBuf),
    Text(String),
}

/// What [`Config::open`] made.
pub(super) struct Opened {
    pub schema: Arc<Schema>,
    pub adapter: Arc<dyn Adapter>,
    pub copies: Option<Arc<Copies>>,
    pub policy: Policy,
    pub warnings: Vec<Fault>,
    pub limits: Limits,
    pub timeout: Option<Duration>,
    pub cursor_key: CursorKey,
    pub handlers: HashMap<String, Handler>,
    pub failures: Tell,
    #[cfg(feature = "remote")]
    pub far: Option<Arc<crate::remote::Remote>>,
    pub audit: Option<Log>,
    pub sweep: Option<Duration>,
    /// The rules for each operation with a `row_level_check`.
    pub checks: Checks,
    /// The warnings of the schema alone.
    pub declared: Vec<Fault>,
    /// Whether rules narrow rows.
    pub row_level: bool,
}

impl Config {
    fn new(backend: Backend) -> Self {
        Config {
            backend,
            schema: Source::Missing,
            rules: None,
            row_level: true,
            limits: Limits::default(),
            timeout: None,
            cursor_key: None,
            handlers: Handlers::default(),
            failures: Tell::default(),
            prisma: false,
            audit: None,
            sweep: Some(SWEEP),
            copies: Vec::new(),
            #[cfg(feature = "sqlite")]
            sqlite: crate::adapter::sqlite::SqliteOptions::memory(),
        }
    }

    /// Rows in memory, gone with the client. The reference backend, for tests.
    pub fn memory() -> Self {
        Config::new(Backend::Memory)
    }

    /// An adapter of one's own, opened for the schema that the configuration names.
    pub fn adapter(adapter: Arc<dyn Adapter>) -> Self {
        Config::new(Backend::Custom(adapter))
    }

    /// A SQLite file, made if it does not exist; `:memory:` for one that is never written.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(path: impl AsRef<Path>) -> Self {
        let mut config = Config::new(Backend::Sqlite);
        let path = path.as_ref();
        if path != Path::new(":memory:") {
            config.sqlite = crate::adapter::sqlite::SqliteOptions::file(path);
        }
        config
    }

    /// A PostgreSQL database, by a URL such as `postgresql://ada:secret@db.example.org/app`. Beside what libpq knows
    /// there are `schema`, the PostgreSQL schema that holds the tables, and `pool_size`, the most connections at a
    /// time. Connections to other machines are encrypted and certificates checked unless `sslmode=disable`;
    /// `sslrootcert` names a file with an authority of one's own.
    #[cfg(feature = "postgres")]
    pub fn postgres(url: impl Into<String>) -> Self {
        Config::new(Backend::Postgres(url.into()))
    }

    /// The database of a MongoDB deployment that a connection string names. Built with feature `mongodb`.
    ///
    /// ```no_run
    /// use dbal::{Client, Config};
    /// let url = "mongodb://db.example.org/shop?replicaSet=rs0";
    /// let db = Client::open(Config::mongodb(url).schema_dir("api/schema"))?;
    /// # Ok::<(), dbal::Error>(())
    /// ```
    #[cfg(feature = "mongodb")]
    pub fn mongodb(url: impl Into<String>) -> Self {
        Config::new(Backend::Mongodb(crate::adapter::mongodb::MongoOptions::url(url)))
    }

    /// A MongoDB deployment without transactions is refused when it is opened, and not with the first request that
    /// needs one.
    #[cfg(feature = "mongodb")]
    pub fn require_transactions(mut self) -> Self {
        if let Backend::Mongodb(options) = &mut self.backend {
            options.require_transactions = true;
        }
        self
    }

    /// A daemon: `dbal://host:50051`, `dbals://` with TLS, `ws(s)://`, `http(s)://`, or `host:port`. Who the client is
    /// say [`Config::token`] and [`Config::certificate`]; the schema and the rules are the daemon's. Built with feature
    /// `remote`.
    ///
    /// ```no_run
    /// use dbal::{Client, Config, query};
    /// let db = Client::open(Config::endpoint("localhost:50051").token(std::env::var("DBAL_TOKEN").unwrap()))?;
    /// let page = db.entity("users")?.list(query().limit(10))?;
    /// # Ok::<(), dbal::Error>(())
    /// ```
    #[cfg(feature = "remote")]
    pub fn endpoint(url: impl Into<String>) -> Self {
        Config::new(Backend::Remote(Box::new(super::far::Place::new(url.into()))))
    }

    /// The token of a session, a JWT, or an API key, to show a daemon. Without one the client is anonymous.
    #[cfg(feature = "remote")]
    pub fn token(self, token: impl Into<String>) -> Self {
        let token = token.into();
        self.token_from(move || Ok(token.clone()))
    }

    /// The same of an API key, which a daemon tells from a token by itself.
    #[cfg(feature = "remote")]
    pub fn api_key(self, key: impl Into<String>) -> Self {
        self.token(key)
    }

    /// A source of tokens, asked each time that the client connects: for tokens that do not last.
    #[cfg(feature = "remote")]
    pub fn token_from(self, source: impl Fn() -> Result<String> + Send + Sync + 'static) -> Self {
        self.far(|place| place.credentials = std::mem::take(&mut place.credentials).token_from(source))
    }

    /// A client certificate and its key, PEM files, for a daemon that asks for one.
    #[cfg(feature = "remote")]
    pub fn certificate(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        let (certificate, key) = (certificate.into(), key.into());
        self.far(|place| place.credentials = std::mem::take(&mut place.credentials).certificate(certificate, key))
    }

    /// A PEM file with the authorities to check a daemon's certificate against; the system's unless set.
    #[cfg(feature = "remote")]
    pub fn authorities(self, file: impl Into<PathBuf>) -> Self {
        let file = file.into();
        self.far(|place| place.credentials = std::mem::take(&mut place.credentials).roots(file))
    }

    /// Whether writes outside transactions carry an idempotency key, so that one whose connection was lost is sent
    /// again and applied once. They do unless this says no; the daemon then keeps no answers for them, and such a write
    /// fails with the outcome `unknown`.
    #[cfg(feature = "remote")]
    pub fn retry_writes(self, retry: bool) -> Self {
        self.far(|place| place.keyed = retry)
    }

    #[cfg(feature = "remote")]
    fn far(mut self, change: impl FnOnce(&mut super::far::Place)) -> Self {
        if let Backend::Remote(place) = &mut self.backend {
            change(place);
        }
        self
    }

    /// The backend that a URL names: `sqlite:app.db`, `file:./app.db`, `postgresql://host/database`,
    /// `mongodb://host/database`, `memory:`.
    pub fn url(url: &str) -> Self {
        match url.split_once(':') {
            Some(("memory", _)) => Config::memory(),
            #[cfg(feature = "sqlite")]
            Some(("sqlite" | "file", path)) => Config::sqlite(path.strip_prefix("//").unwrap_or(path)),
            #[cfg(feature = "postgres")]
            Some(("postgresql" | "postgres", _)) => Config::postgres(url),
            #[cfg(feature = "mongodb")]
            Some(("mongodb" | "mongodb+srv", _)) => Config::mongodb(url),
            #[cfg(feature = "remote")]
            Some((scheme, _)) if crate::remote::Endpoint::is_scheme(scheme) => Config::endpoint(url),
            Some((scheme, _)) => Config::new(Backend::Unknown(scheme.to_owned())),
            None => Config::new(Backend::Unknown(String::new())),
        }
    }

    /// What a configuration file says of the database, its schema, access rules and limits. Without a schema it is that
    /// of `./api/schema` where there is such a folder, and else the reference contract.
    ///
    /// ```
    /// use dbal::config::{Environment, Settings};
    /// use dbal::{Client, Config};
    /// let environment = Environment::given([("DATABASE_URL", "memory:")]);
    /// let settings = Settings::from_text("dbal.yaml", "limits: { filter_depth: 8 }", &environment)?;
    /// let db = Client::open(Config::from_settings(&settings)?)?;
    /// # Ok::<(), dbal::Error>(())
    /// ```
    ///
    /// # Errors
    /// VALIDATION_ERROR without a database; CAPABILITY_NOT_SUPPORTED for what this build cannot open.
    pub fn from_settings(settings: &Settings) -> Result<Self> {
        let database = &settings.database;
        let Some(url) = &database.url else {
            let message = "no database is named; say `url` or `url_file`, or set DATABASE_URL";
            return Err(Error::validation("database.url", message));
        };
        let mut config = Config::url(url.expose()).limits(settings.limits);
        config = match settings.schema_folder() {
            Some(folder) => config.schema_dir(folder),
            None => config.reference_schema(),
        };
        if let Some(rules) = &settings.acl.rules_file {
            config = config.rules_file(rules);
        }
        config.copies.clone_from(&database.read_replicas);
        config.prisma = database.adapter == Some(AdapterKind::Prisma);
        config.row_level = settings.acl.enforce_row_level;
        config.timeout = settings.security.max_query_time;
        if let Some(path) = &settings.security.audit_log {
            let audit = Audit::file(path).on_failure(settings.security.audit_failure).chained();
            config = config.audit(audit.rotated(settings.security.audit_max_bytes, settings.security.audit_keep));
        }
        if let Some(seconds) = database.sweep_interval {
            config.sweep = Some(Duration::from_secs(seconds.into())).filter(|interval| !interval.is_zero());
        }
        if let Some(key) = &settings.security.cursor_key {
            config = config.cursor_key(key.expose());
        }
        Ok(config.tuned(database.pool_size, database.synchronous))
    }

    fn tuned(self, pool_size: Option<usize>, synchronous: SyncMode) -> Self {
        let config = match pool_size {
            Some(size) => self.pool_size(size),
            None => self,
        };
        match synchronous {
            #[cfg(feature = "sqlite")]
            SyncMode::Full => config.synchronous_full(),
            #[cfg(not(feature = "sqlite"))]
            SyncMode::Full => config,
            SyncMode::Normal => config,
        }
    }

    /// A database whose tables Prisma made, by a URL of SQLite or PostgreSQL: tables are called like their entities, and
    /// fields are stored as Prisma's client stores their types, where the schema says nothing else. What this writes,
    /// Prisma reads.
    ///
    /// ```no_run
    /// use dbal::{Client, Config};
    /// let db = Client::open(Config::prisma("file:./dev.db").schema_dir("api/schema"))?;
    /// # Ok::<(), dbal::Error>(())
    /// ```
    pub fn prisma(url: &str) -> Self {
        Config { prisma: true, ..Config::url(url) }
    }

    /// The database of a URL with the adapter of a name: `sqlite`, `postgres`, `mongodb` and `memory` have to be what the
    /// URL's scheme means, and `prisma` is [`Config::prisma`].
    ///
    /// ```
    /// use dbal::Config;
    /// assert!(Config::by_adapter("prisma", "file:./dev.db")?.is_prisma());
    /// let error = Config::by_adapter("postgres", "file:./dev.db").unwrap_err();
    /// assert_eq!(error.fields()[0].field, "adapter");
    /// # Ok::<(), dbal::Error>(())
    /// ```
    ///
    /// # Errors
    /// VALIDATION_ERROR of `adapter` where the two do not agree.
    pub fn by_adapter(name: &str, url: &str) -> Result<Self> {
        let config = Config::url(url);
        let scheme = AdapterKind::of_url(url);
        match (AdapterKind::of_name(name), scheme) {
            (None, _) => {
                let known = ADAPTERS.map(|(name, _)| name).join(", ");
                Err(Error::validation("adapter", format!("there is no adapter {name}; expected one of {known}")))
            }
            (Some(AdapterKind::Prisma), Some(AdapterKind::Sqlite | AdapterKind::Postgres)) => {
                Ok(Config { prisma: true, ..config })
            }
            (Some(AdapterKind::Prisma), Some(_)) => {
                Err(Error::validation("adapter", "prisma opens sqlite:, file: and postgresql: URLs"))
            }
            (Some(named), Some(scheme)) if named != scheme => Err(Error::validation(
                "adapter",
                format!("{name} does not open a {}: URL", url.split_once(':').map_or("", |(scheme, _)| scheme)),
            )),
            // What the scheme may be, opening says.
            (Some(_), _) => Ok(config),
        }
    }

    /// Whether it is for a database whose tables Prisma made.
    pub fn is_prisma(&self) -> bool {
        self.prisma
    }

    /// The database's file, where it is one.
    pub fn file(&self) -> Option<&Path> {
        match self.backend {
            #[cfg(feature = "sqlite")]
            Backend::Sqlite => match &self.sqlite.location {
                crate::adapter::sqlite::Location::File(path) => Some(path),
                crate::adapter::sqlite::Location::Memory => None,
            },
            #[cfg(feature = "postgres")]
            Backend::Postgres(_) => None,
            #[cfg(feature = "mongodb")]
            Backend::Mongodb(_) => None,
            #[cfg(feature = "remote")]
            Backend::Remote(_) => None,
            Backend::Memory | Backend::Custom(_) | Backend::Unknown(_) => None,
        }
    }

    /// A folder of entity and operations files, or the path of a single one; a schema.prisma counts as one.
    pub fn schema_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.schema = Source::Dir(path.into());
        self
    }

    /// Entity documents as YAML text.
    pub fn schema_text(mut self, text: impl Into<String>) -> Self {
        self.schema = Source::Text(text.into());
        self
    }

    /// The reference contract, which is compiled in.
    ///
    /// ```
    /// use dbal::{Client, Config};
    /// let db = Client::open(Config::memory().reference_schema())?;
    /// assert!(db.schema().by_name("PageView").is_some());
    /// # Ok::<(), dbal::Error>(())
    /// ```
    pub fn reference_schema(mut self) -> Self {
        self.schema = Source::Reference;
        self
    }

    /// A schema loaded before; clients may share one.
    pub fn schema(mut self, schema: Arc<Schema>) -> Self {
        self.schema = Source::Loaded(schema);
        self
    }

    /// A rules file that replaces the `acl` blocks of the entities.
    pub fn rules_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.rules = Some(Rules::File(path.into()));
        self
    }

    /// The text of a rules file.
    pub fn rules_text(mut self, text: impl Into<String>) -> Self {
        self.rules = Some(Rules::Text(text.into()));
        self
    }

    /// Lower limits than the defaults.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The longest a request may take; none by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The secret that seals the cursors of `list`; processes that share it take each other's cursors. Unset, each
    /// process makes its own.
    pub fn cursor_key(mut self, key: [u8; 32]) -> Self {
        self.cursor_key = Some(CursorKey::new(key));
        self
    }

    /// Carries out the operations whose `handler` has this name. It is given the transaction of the call, which is
    /// committed when it returns well, and the input; it runs on whatever thread has the connection.
    ///
    /// ```
    /// use dbal::{Client, Config, Value, value};
    /// let schema = "
    /// entity: Note
    /// fields: { id: { type: integer, primary: true }, text: { type: string } }
    /// operations:
    ///   shout: { input: { required: [id] }, output: Note, public: true, handler: shout }
    /// acl: { read: { public: true }, update: { public: true } }
    /// ";
    /// let config = Config::memory().schema_text(schema).handler("shout", |inside, input| {
    ///     let id = input.get("id").cloned().unwrap_or_default();
    ///     let note = inside.entity("Note")?.read(id.clone())?;
    ///     let text = note.get("text").and_then(|text| text.as_str()).unwrap_or_default().to_uppercase();
    ///     let note = inside.entity("Note")?.update(id, value!({ "text": text }))?;
    ///     Ok(Value::Record(Box::new(note)))
    /// });
    /// let db = Client::open(config)?;
    /// db.entity("Note")?.create(value!({ "id": 1, "text": "hush" }))?;
    /// let Value::Record(note) = db.call("Note.shout", value!({ "id": 1 }))?.into_value() else { panic!("not a Note") };
    /// assert_eq!(note.get("text"), Some(&"HUSH".into()));
    /// # Ok::<(), dbal::Error>(())
    /// ```
    pub fn handler(
        mut self,
        name: impl Into<String>,
        handler: impl Fn(&Inside<'_>, &Map) -> Result<Value> + Send + Sync + 'static,
    ) -> Self {
        self.handlers.0.insert(name.into(), Arc::new(handler));
        self
    }

    /// Calls a function with what went wrong inside (DATABASE_ERROR, INTERNAL_ERROR and the like, with the driver's own
    /// text in [`Error::detail`]) before a bound caller is told of it without that. It gets the request's origin where one
    /// was given ([`Client::with_origin`](crate::Client::with_origin)), and is called on the thread that asked.
    ///
    /// ```
    /// use dbal::{Client, Config, Principal, query};
    /// # let schema = "entity: Note\nfields: { id: { type: integer, primary: true } }\nacl: { read: { public: true } }\n";
    /// let (tell, told) = std::sync::mpsc::channel();
    /// let config = Config::sqlite(":memory:").schema_text(schema).on_failure(move |error, _| {
    ///     let _ = tell.send(error.detail().unwrap_or_default().to_owned());
    /// });
    /// let db = Client::open(config)?;
    /// // Nobody has made the table.
    /// let failed = db.as_principal(Principal::anonymous()).entity("Note")?.count(query()).unwrap_err();
    /// assert_eq!(failed.detail(), None);
    /// assert!(told.recv().unwrap().contains("no such table"));
    /// # Ok::<(), dbal::Error>(())
    /// ```
    pub fn on_failure(mut self, tell: impl Fn(&Error, Option<&Origin>) + Send + Sync + 'static) -> Self {
        self.failures = Tell::to(tell);
        self
    }

    /// Writes every attempt down; see [`Audit`].
    pub fn audit(mut self, audit: Audit) -> Self {
        self.audit = Some(audit);
        self
    }

    /// Copies of a PostgreSQL database (streaming standbys, say), by URL: what is read outside of a transaction goes to
    /// them in turn, and to the database itself while none can be reached. A copy is behind by as long as it takes a commit
    /// to arrive there: what was just written may be missed by the next read, except on a
    /// [`Client::newest`](crate::Client::newest). What writes, transactions, batches and declared operations never go to a
    /// copy.
    ///
    /// ```no_run
    /// use dbal::{Client, Config};
    /// let config = Config::url("postgresql://app@db.example.org/app?schema=app");
    /// let copies = ["postgresql://app@one.example.org/app?schema=app", "postgresql://app@two.example.org/app?schema=app"];
    /// let db = Client::open(config.read_replicas(copies).schema_dir("api/schema"))?;
    /// # Ok::<(), dbal::Error>(())
    /// ```
    ///
    /// Opening fails with CAPABILITY_NOT_SUPPORTED on another backend, and with VALIDATION_ERROR for a URL that cannot be
    /// understood or whose `schema` is another one than the database's; whether a copy answers shows when it is asked.
    pub fn read_replicas(mut self, urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.copies = urls.into_iter().map(Secret::new).collect();
        self
    }

    /// How often rows past their time are removed, with what refers to them, of entities whose `ttl` says
    /// `auto_delete`: every minute unless told otherwise, by a thread that ends with the last handle of the client;
    /// never for none. One program that sweeps is enough for a database that many open.
    pub fn sweep_every(mut self, interval: Option<Duration>) -> Self {
        self.sweep = interval;
        self
    }

    /// How many connections read at once; on PostgreSQL, unless the URL says it, and on MongoDB, how many there are.
    #[cfg_attr(
        not(any(feature = "sqlite", feature = "postgres", feature = "mongodb")),
        allow(unused_mut, unused_variables)
    )]
    pub fn pool_size(mut self, size: usize) -> Self {
        #[cfg(feature = "sqlite")]
        {
            self.sqlite.pool_size = size;
        }
        #[cfg(feature = "postgres")]
        if let Backend::Postgres(url) = &mut self.backend {
            let sized = |url: &str| match url.split_once('?') {
                Some((_, options)) if options.contains("pool_size=") => url.to_owned(),
                Some(_) => format!("{url}&pool_size={size}"),
                None => format!("{url}?pool_size={size}"),
            };
            *url = sized(url);
            self.copies.iter_mut().for_each(|copy| *copy = Secret::new(sized(copy.expose())));
        }
        #[cfg(feature = "mongodb")]
        if let Backend::Mongodb(options) = &mut self.backend {
            options.pool_size = u32::try_from(size).unwrap_or(u32::MAX);
        }
        self
    }

    /// The most memory that each SQLite connection keeps pages in, in KiB; 16 MiB unless set.
    #[cfg(feature = "sqlite")]
    pub fn cache_kib(mut self, kib: u32) -> Self {
        self.sqlite.cache_kib = kib;
        self
    }

    /// Every commit reaches the disk before it returns (`synchronous: full`).
    #[cfg(feature = "sqlite")]
    pub fn synchronous_full(mut self) -> Self {
        self.sqlite.synchronous = crate::adapter::sqlite::Synchronous::Full;
        self
    }

    /// Makes entities of what the database holds; the schema of the configuration is not asked for. Nothing is changed in
    /// the database.
    ///
    /// ```
    /// use dbal::introspect::Options;
    /// use dbal::{Client, Config};
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let file = folder.path().join("app.db");
    /// let schema = "entity: Note\nfields:\n  id: { type: integer, primary: true, generated: true }\n  text: { type: text }\n";
    /// Client::open(Config::sqlite(&file).schema_text(schema))?.migrate()?;
    ///
    /// let found = Config::sqlite(&file).introspect(&Options::default())?;
    /// assert_eq!(found.files[0].name, "note.yaml");
    /// assert!(found.files[0].text.contains("id: { type: integer, primary: true, generated: sequence }"));
    /// # Ok::<(), dbal::Error>(())
    /// ```
    ///
    /// # Errors
    /// CAPABILITY_NOT_SUPPORTED for a backend that holds nothing but what is declared; VALIDATION_ERROR for a table that is
    /// wanted and not there, or where nothing is; DATABASE_ERROR.
    pub fn introspect(self, options: &crate::introspect::Options) -> Result<crate::introspect::Introspection> {
        let schema = Arc::new(Schema::new(Vec::new(), Vec::new()));
        #[cfg(feature = "sqlite")]
        let adapter = {
            let memory = self.sqlite.location == crate::adapter::sqlite::Location::Memory;
            adapter(self.backend, crate::adapter::sqlite::SqliteOptions { read_only: !memory, ..self.sqlite }, schema)?
        };
        #[cfg(not(feature = "sqlite"))]
        let adapter = adapter(self.backend, schema)?;
        let deadline = self.timeout.map(|timeout| std::time::Instant::now() + timeout);
        let mut connection = adapter.connect(crate::adapter::Intent::Read, deadline)?;
        connection.begin(deadline)?;
        let found = crate::introspect::introspect(&mut *connection, adapter.lowering(), options);
        connection.rollback()?;
        found
    }

    pub(super) fn open(self) -> Result<Opened> {
        #[cfg(feature = "remote")]
        if let Backend::Remote(place) = self.backend {
            let none = matches!(self.schema, Source::Missing) && self.rules.is_none() && self.handlers.0.is_empty();
            let mut opened = place.open(none, self.limits, self.timeout)?;
            opened.audit = self.audit.map(Audit::open).transpose()?;
            return Ok(opened);
        }
        let (schema, mut warnings) = match self.schema {
            Source::Loaded(schema) => (schema, Vec::new()),
            Source::Dir(path) => shared(load_dir(&path)?),
            Source::Reference => {
                let files = crate::generated::reference::FILES.iter();
                let files = files.map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
                shared(load_sources(files.collect())?)
            }
            Source::Text(text) => shared(load_sources(vec![("schema".to_owned(), text)])?),
            Source::Missing => {
                return Err(Error::validation(
                    "schema",
                    "missing; expected a folder, a text, a loaded schema or the reference contract",
                ));
            }
        };
        if self.prisma {
            warnings.extend(unsearched(&schema));
        }
        let schema = stored(schema, &self.backend, self.prisma)?;
        let policy = match self.rules {
            None => Policy::from_acl(&schema).0,
            Some(Rules::Text(text)) => Policy::from_rules(&schema, &text, "acl.yaml")?,
            Some(Rules::File(path)) => {
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    Error::validation("acl.rules_file", format!("cannot be read ({}): {error}", path.display()))
                })?;
                Policy::from_rules(&schema, &text, &path.display().to_string())?
            }
        };
        let declared = warnings.clone();
        let (policy, checks, told) = enforced(policy, &schema, self.row_level);
        warnings.extend(told);
        let copies = copies(&self.backend, &self.copies, &schema)?;
        #[cfg(feature = "sqlite")]
        let adapter = adapter(self.backend, self.sqlite, schema.clone())?;
        #[cfg(not(feature = "sqlite"))]
        let adapter = adapter(self.backend, schema.clone())?;
        let (limits, timeout) = (self.limits, self.timeout);
        let cursor_key = self.cursor_key.unwrap_or_else(CursorKey::of_process);
        let handlers = self.handlers.0;
        let named = |name: &String| {
            let mut operations = schema.entities().flat_map(|(_, entity)| &entity.operations);
            operations.any(|decl| matches!(&decl.body, Body::Handler(handler) if handler == name))
        };
        if let Some(name) = handlers.keys().find(|name| !named(name)) {
            return Err(Error::validation(format!("handler.{name}"), "no operation of the schema names this handler"));
        }
        let audit = self.audit.map(Audit::open).transpose()?;
        let sweep = self.sweep;
        Ok(Opened {
            schema,
            adapter,
            copies: Copies::of(copies),
            policy,
            warnings,
            limits,
            timeout,
            cursor_key,
            handlers,
            failures: self.failures,
            audit,
            sweep,
            checks,
            declared,
            row_level: self.row_level,
            #[cfg(feature = "remote")]
            far: None,
        })
    }
}

/// What is said of entities that would be searched if Prisma's database had what that takes.
fn unsearched(schema: &Schema) -> Vec<Fault> {
    let searched = schema.entities().filter(|(_, entity)| !entity.searchable.is_empty());
    let fault = |entity: &Entity| Fault {
        file: "database.adapter".into(),
        line: 0,
        column: 0,
        message: format!(
            "{} is not searched: searchable needs tables or indexes of the engine's own beside those of Prisma",
            entity.name
        ),
        severity: Severity::Warning,
    };
    searched.map(|(_, entity)| fault(entity)).collect()
}

/// The rules as they are enforced, those of operations with a `row_level_check`, and what somebody should look at.
pub(super) fn enforced(policy: Policy, schema: &Schema, row_level: bool) -> (Policy, Checks, Vec<Fault>) {
    let (mut checks, mut told) = policy.row_level_checks(schema);
    let policy = match row_level {
        true => policy,
        false => {
            let open = Arc::new(policy.clone().without_row_filters());
            checks.values_mut().for_each(|check| *check = open.clone());
            policy.without_row_filters()
        }
    };
    told.extend_from_slice(policy.warnings());
    (policy, checks, told)
}

/// The schema over the columns of a backend, once all of its fields can be stored there.
fn stored(schema: Arc<Schema>, backend: &Backend, prisma: bool) -> Result<Arc<Schema>> {
    let database = match backend {
        // Values are kept as they are.
        Backend::Memory | Backend::Unknown(_) if !prisma => return Ok(schema),
        Backend::Memory | Backend::Unknown(_) => None,
        Backend::Custom(adapter) => match adapter.lowering() {
            Lowering::Ast => return Ok(schema),
            Lowering::Sql(Dialect::Sqlite) => Some(StoredIn::Sqlite),
            Lowering::Sql(Dialect::Postgres) => Some(StoredIn::Postgres),
            Lowering::Document => None,
        },
        #[cfg(feature = "sqlite")]
        Backend::Sqlite => Some(StoredIn::Sqlite),
        #[cfg(feature = "postgres")]
        Backend::Postgres(_) => Some(StoredIn::Postgres),
        #[cfg(feature = "mongodb")]
        Backend::Mongodb(_) => None,
        #[cfg(feature = "remote")]
        Backend::Remote(_) => return Ok(schema),
    };
    let schema = match (prisma, database) {
        (false, _) => schema,
        (true, Some(database)) => Arc::new(schema.of_prisma(database)),
        (true, None) => {
            let message = "adapter prisma opens databases of SQLite (file:) and PostgreSQL (postgresql:) only";
            return Err(Error::validation("database.url", message));
        }
    };
    if database.is_none()
        && let Some((_, entity)) = schema.entities().find(|(_, entity)| !entity.key_rest.is_empty())
    {
        let message = format!("{} has a key of several fields, which a document has not", entity.name);
        return Err(Error::validation(format!("schema.{}", entity.name), message));
    }
    match schema.storage_faults(database) {
        faults if faults.is_empty() => Ok(schema),
        faults => Err(Error::invalid(faults)),
    }
}

/// Copies of the backend, which are connected to when they are asked.
fn copies(backend: &Backend, urls: &[Secret], schema: &Arc<Schema>) -> Result<Vec<Arc<dyn Adapter>>> {
    match backend {
        _ if urls.is_empty() => Ok(Vec::new()),
        #[cfg(feature = "postgres")]
        Backend::Postgres(url) => {
            let open = |copy: &Secret| {
                let copy = crate::adapter::postgres::PostgresAdapter::copy(schema.clone(), url, copy.expose())?;
                Ok(Arc::new(copy) as Arc<dyn Adapter>)
            };
            urls.iter().map(open).collect()
        }
        _ => {
            let _ = schema;
            Err(Error::unsupported("read_replicas", format!("{backend:?} has no copies to read from; leave them out")))
        }
    }
}

/// The backend opened for a schema.
fn adapter(
    backend: Backend,
    #[cfg(feature = "sqlite")] sqlite: crate::adapter::sqlite::SqliteOptions,
    schema: Arc<Schema>,
) -> Result<Arc<dyn Adapter>> {
    Ok(match backend {
        Backend::Memory => Arc::new(MemoryAdapter::open(schema)?),
        Backend::Custom(adapter) => adapter,
        #[cfg(feature = "sqlite")]
        Backend::Sqlite => Arc::new(crate::adapter::sqlite::SqliteAdapter::open(schema, sqlite)?),
        #[cfg(feature = "postgres")]
        Backend::Postgres(url) => Arc::new(crate::adapter::postgres::PostgresAdapter::open(schema, &url)?),
        #[cfg(feature = "mongodb")]
        Backend::Mongodb(options) => Arc::new(crate::adapter::mongodb::MongoAdapter::open(schema, &options)?),
        #[cfg(feature = "remote")]
        Backend::Remote(_) => {
            return Err(Error::unsupported("schema_introspection", "a daemon is asked for what its schema declares"));
        }
        Backend::Unknown(scheme) => {
            let known = ["sqlite:", "file:", "postgresql:", "mongodb:", "memory:"];
            let built = known.iter().filter(|known| match **known {
                "postgresql:" => cfg!(feature = "postgres"),
                "mongodb:" => cfg!(feature = "mongodb"),
                _ => true,
            });
            let built: Vec<&str> = built.copied().collect();
            let message = format!("unknown scheme `{scheme}`; expected one of {}", built.join(", "));
            return Err(Error::validation("database.url", message));
        }
    })
}

fn shared(loaded: Loaded) -> (Arc<Schema>, Vec<Fault>) {
    (Arc::new(loaded.schema), loaded.warnings)
}
