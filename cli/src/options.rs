//! Options that several commands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dbal::config::{AdapterKind, Environment, Secret, Settings};
use dbal::yaml::Faults;
use dbal::{Client, Config, Error, ErrorKind, Principal, Value};

use crate::failure::Failure;
use crate::input;

/// Which database, and what is declared of it.
#[derive(Args, Debug)]
pub struct Database {
    /// The database: sqlite:app.db, postgresql://host/database, mongodb://host/database or memory: (empty each time)
    /// [else: the file of --config, DATABASE_URL, DATABASE_URL_FILE]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Whose tables they are: `prisma` for those that Prisma made
    #[arg(long, value_enum, value_name = "ADAPTER")]
    pub adapter: Option<Adapter>,
    /// The folder of entity files [else: the file of --config, DBAL_SCHEMA, ./api/schema]
    #[arg(long, value_name = "FOLDER")]
    pub schema: Option<PathBuf>,
    /// A configuration file, dbal.yaml: database, schema, rules, limits and audit are as it says
    #[arg(long, value_name = "FILE", env = "DBAL_CONFIG")]
    pub config: Option<PathBuf>,
    /// A rules file that replaces the entities' own access rules
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
}

/// By which conventions tables are named and values stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Adapter {
    /// Prisma's, on SQLite and PostgreSQL
    Prisma,
}

/// What becomes of a database that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// It is made.
    Make,
    /// That is an error: a slip in its name would otherwise leave an empty file and a riddle.
    Refuse,
    /// An empty one in memory takes its place.
    Imagine,
}

impl Database {
    /// Opens it as trusted code.
    pub fn open(&self, absent: Absent) -> Result<Client, Failure> {
        let settings = self.settings().map_err(Error::from)?;
        if settings.database.url.is_none() {
            let message = "which database? give --url sqlite:app.db or --config dbal.yaml, or set DATABASE_URL";
            return Err(Failure::Usage(message.into()));
        }
        let mut config = Config::from_settings(&settings)?;
        if let Some(path) = config.file().filter(|path| !path.exists()) {
            match absent {
                Absent::Make => {}
                Absent::Imagine => config = self.imagined(&settings),
                Absent::Refuse => {
                    let message = format!("there is no database {}; `dbal migrate` makes it", path.display());
                    return Err(Error::new(ErrorKind::NotFound, message).into());
                }
            }
        }
        Ok(Client::open(config)?)
    }

    /// Opens a database of the same kind in memory: enough for plans, and nothing on the disk is touched.
    pub fn imagine(&self) -> Result<Client, Failure> {
        let settings = self.settings().map_err(Error::from)?;
        let config = match &settings.database.url {
            Some(_) => Some(Config::from_settings(&settings)?).filter(|config| config.file().is_none()),
            None => None,
        };
        Ok(Client::open(config.unwrap_or_else(|| self.imagined(&settings)))?)
    }

    /// An empty database in memory with the same schema and rules.
    fn imagined(&self, settings: &Settings) -> Config {
        let config = match settings.database.adapter {
            Some(AdapterKind::Prisma) => Config::prisma("sqlite::memory:"),
            _ => Config::sqlite(":memory:"),
        };
        let mut config = config.limits(settings.limits);
        config = match settings.schema_folder() {
            Some(folder) => config.schema_dir(folder),
            None => config.reference_schema(),
        };
        match &settings.acl.rules_file {
            Some(rules) => config.rules_file(rules),
            None => config,
        }
    }

    /// What the file and the variables say, with what the command line says in their place.
    pub fn settings(&self) -> Result<Settings, Faults> {
        let mut settings = match &self.config {
            Some(file) => Settings::load(file)?,
            None => Settings::from_environment(&Environment::process())?,
        };
        if let Some(url) = &self.url {
            let prisma = settings.database.adapter == Some(AdapterKind::Prisma);
            settings.database.adapter = if prisma { settings.database.adapter } else { AdapterKind::of_url(url) };
            settings.database.url = Some(Secret::new(url.as_str()));
        }
        if let Some(Adapter::Prisma) = self.adapter {
            settings.database.adapter = Some(AdapterKind::Prisma);
        }
        if let Some(folder) = &self.schema {
            settings.schema = Some(folder.clone());
        }
        if self.config.is_none() && settings.schema.is_none() {
            // A slip in a folder's name is not answered with another schema.
            settings.schema = Some(PathBuf::from("./api/schema"));
        }
        if let Some(rules) = &self.rules {
            settings.acl.rules_file = Some(rules.clone());
        }
        Ok(settings)
    }
}

/// On whose behalf; trusted code when nothing is said.
#[derive(Args, Debug)]
pub struct Caller {
    /// Ask as this caller, under all access rules; as `user:ID`, as the row of User with this id
    #[arg(long = "as", value_name = "ID[:ROLE]", conflicts_with = "anonymous")]
    caller: Option<String>,
    /// Ask as somebody unknown, who may only do what is public
    #[arg(long)]
    anonymous: bool,
    /// What else is known of the caller as $user.NAME; the value is JSON, or else text
    #[arg(long = "claim", value_name = "NAME=VALUE", requires = "caller")]
    claims: Vec<String>,
}

/// In front of the id of a user whom the database knows.
const KNOWN: &str = "user:";

/// The entity whose rows are users.
const USER: &str = "User";

impl Caller {
    /// Whether the database says who it is.
    pub fn is_known(&self) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.starts_with(KNOWN))
    }

    /// The caller; none for trusted code.
    pub fn principal(&self, client: &Client) -> Result<Option<Principal>, Failure> {
        if self.anonymous {
            return Ok(Some(Principal::anonymous()));
        }
        let Some(caller) = &self.caller else { return Ok(None) };
        // A role has no colon; an id may.
        let mut principal = match (caller.strip_prefix(KNOWN), caller.rsplit_once(':')) {
            (Some(id), _) if !id.is_empty() => user(client, id)?,
            (_, Some((id, role))) if !id.is_empty() && !role.is_empty() => Principal::new(id, role),
            (_, None) if !caller.is_empty() => Principal::anonymous().claim("id", caller.as_str()),
            _ => return Err(Failure::Usage("--as: expected ID, ID:ROLE such as ada:admin, or user:ID".into())),
        };
        for claim in &self.claims {
            let Some((name, text)) = claim.split_once('=').filter(|(name, _)| !name.is_empty()) else {
                return Err(Failure::Usage(format!("--claim {claim}: expected NAME=VALUE, such as level=3")));
            };
            let value = input::json("--claim", text).unwrap_or_else(|_| Value::from(text));
            principal = principal.claim(name, value);
        }
        Ok(Some(principal))
    }

    /// The client that asks on the caller's behalf.
    pub fn bind(&self, client: Client) -> Result<Client, Failure> {
        Ok(match self.principal(&client)? {
            Some(principal) => client.as_principal(principal),
            None => client,
        })
    }
}

/// The caller that a row of User describes, as the daemon sees whoever has a token of that user.
fn user(client: &Client, id: &str) -> Result<Principal, Failure> {
    let nobody = |why: String| {
        let message = format!("--as {KNOWN}{id}: {why}; a caller whom the database does not know is ID:ROLE");
        Failure::from(Error::new(ErrorKind::NotFound, message))
    };
    let Some(entity) = client.schema().by_name(USER) else {
        return Err(nobody(format!("the schema has no entity {USER}")));
    };
    match client.entity(USER)?.read(input::key(client.schema(), entity, id)?) {
        Ok(row) => Ok(Principal::of_user(row.into_map())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ValidationError) => {
            Err(nobody(format!("there is no {USER} with this id")))
        }
        Err(error) => Err(error.into()),
    }
}

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns for people; long values are cut
    #[default]
    Table,
    /// One JSON text, every value exact
    Json,
    /// Comma-separated values with a header; null is empty
    Csv,
}

/// How everything that is not rows is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Report {
    /// Lines for people
    #[default]
    #[value(alias = "table")]
    Text,
    /// One JSON text
    Json,
}
