//! A database that is walked through the versions of a schema, up and down, and looked at in each; with processes that
//! are killed at every statement on the way.

mod versions;

use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use dbal::migrate::Options;
use dbal::value::json;
use dbal::{Client, Config, Error, ErrorKind, Reason, Value, query, value};
pub use versions::{LAST, entity, lost, name, row, schema};

/// Where a job of another process is told.
pub const JOB: &str = "DBAL_WALK";

/// A walk over one database.
pub struct Walk {
    url: String,
    rows: i64,
    /// The greatest number that a key ever had.
    last: i64,
    /// Whether the nulls of `note` were filled.
    filled: bool,
}

/// One migration that another process is to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The database.
    pub url: String,
    /// The version to go to, or to go back from.
    pub version: usize,
    /// Back instead of forth.
    pub back: bool,
    /// The process kills itself in front of the statement of this number.
    pub kill: usize,
}

impl Job {
    /// In one text.
    pub fn to_text(&self) -> String {
        format!("{} {} {} {}", self.version, self.back, self.kill, self.url)
    }

    /// The job of a text.
    pub fn parse(text: &str) -> Option<Job> {
        let mut words = text.splitn(4, ' ');
        Some(Job {
            version: words.next()?.parse().ok()?,
            back: words.next()?.parse().ok()?,
            kill: words.next()?.parse().ok()?,
            url: words.next()?.to_owned(),
        })
    }

    /// Does it, or dies.
    ///
    /// # Errors
    /// Those of the migration.
    pub fn run(&self) -> Result<(), Error> {
        let client = open(&self.url, self.version)?;
        let options = options(self.version, self.back);
        let mut die = |done: usize, _: usize, _: &str| {
            if done == self.kill {
                let _ = Command::new("kill").args(["-9", &std::process::id().to_string()]).status();
                std::thread::sleep(Duration::from_secs(60));
            }
        };
        let migrations = client.migrations()?;
        match self.back {
            true => migrations.rollback_with(&options, &mut die).map(drop),
            false => migrations.apply_with(&options, &mut die).map(drop),
        }
    }
}

/// A client of a database with the schema of a version.
///
/// # Errors
/// As [`Client::open`].
pub fn open(url: &str, version: usize) -> Result<Client, Error> {
    Client::open(Config::url(url).schema_text(schema(version)))
}

/// How the versions are gone through.
pub fn options(version: usize, back: bool) -> Options {
    Options { drop: lost(version, back), lease: Duration::from_millis(600), ..Options::default() }
}

impl Walk {
    /// Fills a database that is empty with rows of the first version. It may have no history.
    ///
    /// # Errors
    /// Those of the database.
    pub fn begin(url: &str, rows: i64, history: bool) -> Result<Walk, Error> {
        let client = open(url, 1)?;
        match history {
            true => drop(client.migrations()?.apply(&options(1, false))?),
            false => drop(client.migrate()?),
        }
        let teams: Vec<Value> = (1..=5i64).map(|id| value!({ "id": id, "title": (format!("team {id}")) })).collect();
        client.entity("Team")?.create_many(teams)?;
        let mut next = 1;
        while next <= rows {
            let end = (next + 1_000).min(rows + 1);
            client.entity("Person")?.create_many((next..end).map(versions::first).collect::<Vec<_>>())?;
            next = end;
        }
        Ok(Walk { url: url.to_owned(), rows, last: rows, filled: false })
    }

    /// Goes to a version from the one before it; says how long that took, without the look at it.
    ///
    /// # Errors
    /// Those of the migration, and what the database should hold and does not.
    pub fn up(&mut self, version: usize) -> Result<Duration, Error> {
        let start = Instant::now();
        open(&self.url, version)?.migrations()?.apply(&options(version, false))?;
        let took = start.elapsed();
        self.look(version).map(|()| took)
    }

    /// Goes back from a version to the one before it; says how long that took.
    ///
    /// # Errors
    /// As [`Walk::up`].
    pub fn down(&mut self, version: usize) -> Result<Duration, Error> {
        let start = Instant::now();
        open(&self.url, version)?.migrations()?.rollback(&options(version, true))?;
        let took = start.elapsed();
        self.look(version - 1).map(|()| took)
    }

    /// Does the same by processes, each of which is killed in front of another statement, until one is left alive. Says
    /// how many died.
    ///
    /// # Errors
    /// As [`Walk::up`], and a process that ends otherwise.
    pub fn killed(
        &mut self,
        version: usize,
        back: bool,
        spawn: &dyn Fn(&Job) -> std::io::Result<ExitStatus>,
    ) -> Result<usize, Error> {
        for kill in 0.. {
            let job = Job { url: self.url.clone(), version, back, kill };
            let status = spawn(&job).map_err(|why| Error::internal(format!("no process: {why}")))?;
            if status.success() {
                self.look(if back { version - 1 } else { version })?;
                return Ok(kill);
            }
            if std::os::unix::process::ExitStatusExt::signal(&status) != Some(9) {
                return Err(Error::internal(format!("version {version}, back {back}: a process failed: {status}")));
            }
        }
        Ok(0)
    }

    /// Looks at every row and at what keeps wrong ones out.
    ///
    /// # Errors
    /// What is not as it should be.
    pub fn look(&mut self, version: usize) -> Result<(), Error> {
        self.filled |= version >= 14;
        let wrong = |what: String| Error::internal(format!("version {version} of {}: {what}", self.url));
        let client = open(&self.url, version)?;
        let plan = client.migrations()?.plan(&Options::default())?;
        if !plan.changes.is_empty() {
            return Err(wrong(format!("there is more to do: {:?}", plan.changes)));
        }
        let people = client.entity(entity(version))?;
        let mut id = 0;
        for found in client.stream(entity(version), query().sort("id", "asc"))? {
            let found = found?;
            id += 1;
            for (field, expected) in row(version, self.filled, id) {
                let held = found.get(field).map(json::to_wire);
                if held.as_ref() != Some(&expected) {
                    return Err(wrong(format!("{field} of {id} is {held:?}, not {expected}")));
                }
            }
            if version >= 20 && ["joined", "uid"].iter().any(|field| found.get(field).is_none_or(Value::is_null)) {
                return Err(wrong(format!("{id} has no time or no uid")));
            }
        }
        if id != self.rows {
            return Err(wrong(format!("{id} rows")));
        }
        if (7..19).contains(&version) {
            let found = people.count(query().filter(value!({ "$search": "word3" })))?;
            let expected = (1..=self.rows).filter(|id| id % 10 == 3).count() as i64;
            if found != expected {
                return Err(wrong(format!("a search finds {found} rows, not {expected}")));
            }
        }
        let mut new = value!({ "email": "p1@example.org", "note": "n", "team_id": 1 });
        if let Value::Map(map) = &mut new {
            map.insert(name(version), "new");
            if version >= 3 {
                map.insert("level", 1i64);
            }
        }
        let with = |field: &'static str, value: Value| {
            let mut row = new.clone();
            if let Value::Map(map) = &mut row {
                map.insert("email", "free@example.org");
                map.insert(field, value);
            }
            row
        };
        let refused = |row: Value, reason: Reason| match people.create(row) {
            Err(error) if error.kind() == ErrorKind::Conflict && error.reason() == Some(reason) => Ok(()),
            other => Err(wrong(format!("{reason:?} is not kept: {other:?}"))),
        };
        refused(new.clone(), Reason::Unique)?;
        refused(with("team_id", Value::Int(99)), Reason::ForeignKey)?;
        // What fits is made, and goes again; its number never comes back.
        let made = people.create(with("team_id", Value::Int(2)))?;
        let number = made.get("id").and_then(Value::as_i64).unwrap_or_default();
        people.delete(number)?;
        if number <= self.last {
            return Err(wrong(format!("the number {number} comes again after {}", self.last)));
        }
        self.last = number;
        let team = client.transaction(|tx| {
            let gone = tx.entity("Team")?.delete(1);
            let left = tx.entity(entity(version))?.count(query())?;
            Err::<(), Tried>(Tried::Done(gone.is_ok(), left))
        });
        match team {
            Err(Tried::Done(true, left)) if version >= 15 && left < self.rows => Ok(()),
            Err(Tried::Done(false, _) | Tried::Failed(_)) if version < 15 => Ok(()),
            other => Err(wrong(format!("deleting a team: {other:?}"))),
        }
    }
}

/// What became of a transaction that is always rolled back.
#[derive(Debug)]
enum Tried {
    Done(bool, i64),
    Failed(#[allow(dead_code, reason = "shown in a message")] Error),
}

impl From<Error> for Tried {
    fn from(error: Error) -> Self {
        Tried::Failed(error)
    }
}
