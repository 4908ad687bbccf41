//! `dbal doctor`

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use clap::Args;
use dbal::capability::Support;
use dbal::config::Settings;
use dbal::migrate::Model;
use dbal::migrate::diff::diff;
use dbal::yaml::Severity;
use dbal::{Client, DateTime, ErrorKind, Value, value, value::json};

use crate::failure::Failure;
use crate::options::{Absent, Database, Report};
use crate::print::{Done, count, plain};

/// Look at everything that a program needs of its database, and say what is wrong and how it is mended
#[derive(Args, Debug)]
#[command(after_help = "\
It looks at the configuration, at who may read files with secrets, at the schema and the rules, opens the database, and
tells what it can do and which migrations are pending. Nothing is changed.

Exit codes: 0 nothing is wrong, 1 something is, 2 the command line makes no sense. What is only odd is no fault.

Examples:
  dbal doctor --config dbal.yaml
  dbal doctor --url postgresql://ada@db.example.org/app --schema api/schema
  dbal doctor --config dbal.yaml --format json")]
pub struct Doctor {
    #[command(flatten)]
    database: Database,
    /// How findings are written
    #[arg(long, value_enum, default_value_t)]
    pub format: Report,
}

/// How a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ok,
    Odd,
    Wrong,
}

/// One thing that was looked at.
#[derive(Debug)]
struct Finding {
    state: State,
    about: &'static str,
    message: String,
    /// What to do; none where nothing is wrong.
    cure: Option<String>,
}

#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, about: &'static str, message: impl Into<String>) {
        self.0.push(Finding { state: State::Ok, about, message: message.into(), cure: None });
    }

    fn odd(&mut self, about: &'static str, message: impl Into<String>, cure: impl Into<String>) {
        self.0.push(Finding { state: State::Odd, about, message: message.into(), cure: Some(cure.into()) });
    }

    fn wrong(&mut self, about: &'static str, message: impl Into<String>, cure: impl Into<String>) {
        self.0.push(Finding { state: State::Wrong, about, message: message.into(), cure: Some(cure.into()) });
    }
}

impl Doctor {
    pub fn run(&self, out: &mut dyn Write) -> Done {
        let mut found = Findings::default();
        found.ok("version", format!("dbal {}", env!("CARGO_PKG_VERSION")));
        let settings = self.configuration(&mut found);
        if let Some(settings) = &settings {
            secrets(settings, &mut found);
            server(settings, &mut found);
            audit(settings, &mut found);
        }
        clock(&mut found);
        if settings.is_some() {
            self.database(settings.as_ref(), &mut found);
        }
        let wrong = found.0.iter().any(|finding| finding.state == State::Wrong);
        match self.format {
            Report::Json => {
                let findings: Vec<Value> = found.0.iter().map(as_value).collect();
                writeln!(out, "{}", json::to_wire(&value!({ "ok": (!wrong), "findings": findings })))?;
            }
            Report::Text => {
                for finding in &found.0 {
                    let state = match finding.state {
                        State::Ok => "ok",
                        State::Odd => "odd",
                        State::Wrong => "WRONG",
                    };
                    writeln!(out, "{state:<6}{:<14}{}", finding.about, plain(&finding.message))?;
                    if let Some(cure) = &finding.cure {
                        writeln!(out, "{:20}cure: {}", "", plain(cure))?;
                    }
                }
            }
        }
        if wrong { Err(Failure::Told) } else { Ok(()) }
    }

    /// What the file or the variables say; none when they cannot be read.
    fn configuration(&self, found: &mut Findings) -> Option<Settings> {
        let settings = match self.database.settings() {
            Ok(settings) => settings,
            Err(faults) => {
                for fault in &faults.0 {
                    if fault.severity == Severity::Error {
                        let place = match fault.line {
                            0 => fault.file.to_string(),
                            line => format!("{}:{line}:{}", fault.file, fault.column),
                        };
                        let cure = "mend the file there; docs/configuration.md has every key";
                        found.wrong("configuration", format!("{place}: {}", fault.message), cure);
                    }
                }
                return None;
            }
        };
        let from = self.database.config.as_deref().map_or("the environment".into(), |file| file.display().to_string());
        found.ok("configuration", from);
        for warning in &settings.warnings {
            found.odd("configuration", warning.to_string(), "mend it before this is used for more than trying");
        }
        Some(settings)
    }

    fn database(&self, settings: Option<&Settings>, found: &mut Findings) {
        let began = Instant::now();
        let client = match self.database.open(Absent::Refuse) {
            Ok(client) => client,
            Err(failure) => return refused(&failure, found),
        };
        let opened = began.elapsed().as_millis();
        found.ok("schema", count(client.schema().entities().count() as u64, "entity").replace("entitys", "entities"));
        for warning in client.warnings() {
            found.odd("schema", warning.to_string(), "`dbal check` has the whole list");
        }
        let began = Instant::now();
        let looked = look(&client);
        let answered = began.elapsed().as_millis();
        match looked {
            Ok(migrations) => {
                found.ok("database", format!("opened in {opened} ms, looked at in {answered} ms"));
                server_of(&client, found);
                found.0.extend(migrations.0);
            }
            Err(error) => {
                let cure = "see that the server runs, that its address and port are those of the URL, and that nothing \
                            between here and there stands in the way";
                return found.wrong("database", error.to_string(), cure);
            }
        }
        capabilities(&client, found);
        if let Some(settings) = settings {
            let pool = settings.database.pool_size.map_or("as many as the engine thinks fit".into(), |n| n.to_string());
            found.ok("pool", format!("connections: {pool}"));
        }
    }
}

/// What the database lacks of the schema, or has beside it.
///
/// # Errors
/// Those of a database that does not answer.
fn look(client: &Client) -> dbal::Result<Findings> {
    let mut found = Findings::default();
    match client.schema().is_of_others() {
        true => of_prisma(client.pending_migration(), &mut found)?,
        false => pending(client, &client.migrations()?.survey()?, &mut found),
    }
    Ok(found)
}

/// With the adapter `prisma` tables that are missing are made, and those that are there are Prisma's to change: no history
/// is looked for.
fn of_prisma(pending: dbal::Result<Vec<String>>, found: &mut Findings) -> dbal::Result<()> {
    match pending {
        Ok(pending) if pending.is_empty() => {
            found.ok("migrations", "nothing pending; what changes a table that is there is for Prisma to do");
        }
        Ok(pending) => {
            let message = format!("pending: {}", count(pending.len() as u64, "statement"));
            let cure = "let Prisma migrate; where Prisma has no part in it, `dbal migrate --dry-run` shows them, and `dbal \
                        migrate` makes the tables";
            found.wrong("migrations", message, cure);
        }
        Err(error) if error.kind() == ErrorKind::ValidationError => {
            for fault in error.fields() {
                let cure = "let Prisma migrate and import the changed schema.prisma, or take the field out: dbal changes no \
                            table of Prisma's";
                found.wrong("migrations", format!("{}: {}", fault.field, fault.message), cure);
            }
        }
        Err(error) if error.kind() == ErrorKind::CapabilityNotSupported => {
            let message =
                "the database has a history of dbal's migrations, and the adapter prisma leaves them to Prisma";
            let cure = "take `adapter: prisma` out: the URL says which database it is";
            found.wrong("migrations", message, cure);
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Why the database could not be opened.
fn refused(failure: &Failure, found: &mut Findings) {
    let message = failure.told().join("; ");
    let cure = match failure {
        Failure::Usage(_) => "say --url or --config, or set DATABASE_URL",
        Failure::Engine(error) if error.code() == "NOT_FOUND" => "see that the path is right; `dbal migrate` makes it",
        Failure::Engine(error) if error.code() == "VALIDATION_ERROR" => {
            "`dbal check` tells all faults of schema and rules with their places"
        }
        Failure::Engine(_) => {
            "see that the server runs, that user and password are right, and that the database is there"
        }
        Failure::Faulty { .. } | Failure::Unreadable(_) | Failure::Output(_) | Failure::Told => "mend the file",
    };
    found.wrong("database", message, cure);
}

/// The least versions that the tests run against.
const POSTGRES: u32 = 15;

/// Milliseconds by which two clocks may differ: rows expire by ours, and the database writes its own times.
const ODD_SKEW: i64 = 2_000;
const WRONG_SKEW: i64 = 60_000;

/// Which server it is, and whether its clock is ours.
fn server_of(client: &Client, found: &mut Findings) {
    let before = DateTime::now().epoch_millis();
    let server = match client.server() {
        Ok(Some(server)) => server,
        Ok(None) => return,
        Err(error) => {
            let cure = "see that the user may ask for the server's version and time";
            return found.odd("server", error.to_string(), cure);
        }
    };
    let after = DateTime::now().epoch_millis();
    let name = client.backend();
    let major: Option<u32> =
        server.version.split(|letter: char| !letter.is_ascii_digit()).next().and_then(|text| text.parse().ok());
    match major {
        Some(major) if name == "postgres" && major < POSTGRES => {
            let message = format!("{name} {}, older than what this is tested with", server.version);
            found.odd("server", message, format!("use PostgreSQL {POSTGRES} or newer"));
        }
        _ => found.ok("server", format!("{name} {}", server.version)),
    }
    let Some(theirs) = server.now.map(DateTime::epoch_millis) else { return };
    skew(theirs, (before, after), found);
}

/// How far a server's clock is from ours, which was so before and after it was asked.
fn skew(theirs: i64, (before, after): (i64, i64), found: &mut Findings) {
    let apart = (before - theirs).max(theirs - after).max(0);
    let message = format!("the server's differs from this machine's by {apart} ms");
    let cure = "let both machines take the time by NTP";
    match apart {
        ..ODD_SKEW => found.ok("clock", message),
        ODD_SKEW..WRONG_SKEW => found.odd("clock", message, cure),
        _ => found.wrong("clock", message, cure),
    }
}

fn pending(client: &Client, survey: &dbal::migrate::Survey, found: &mut Findings) {
    for what in &survey.drift {
        let cure = "somebody changed the database beside its migrations: undo that, or declare it and migrate";
        found.wrong("drift", what.clone(), cure);
    }
    let changes = diff(&survey.model, &Model::of(client.schema()));
    for change in &changes {
        found.wrong(
            "migrations",
            format!("pending: {change}"),
            "`dbal migrate plan` shows it, `dbal migrate apply` does it",
        );
    }
    if changes.is_empty() && survey.drift.is_empty() {
        found.ok("migrations", "nothing pending");
    }
}

fn capabilities(client: &Client, found: &mut Findings) {
    let mut lacking = Vec::new();
    let mut emulated = Vec::new();
    for (name, support) in client.capabilities().list() {
        match support {
            Support::Native => {}
            Support::Emulated => emulated.push(name),
            Support::Unsupported => lacking.push(name),
        }
    }
    let shown = |names: Vec<&str>| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    found.ok("capabilities", format!("emulated: {}; lacking: {}", shown(emulated), shown(lacking)));
}

/// Files with secrets are nobody else's to read.
fn secrets(settings: &Settings, found: &mut Findings) {
    for file in &settings.secret_files {
        match readable_by_others(file) {
            Ok(true) => {
                let message = format!("{} holds a secret, and others on this machine may read it", file.display());
                found.wrong("secrets", message, format!("chmod 600 {}", file.display()));
            }
            Ok(false) => found.ok("secrets", format!("{} is its owner's alone", file.display())),
            Err(error) => {
                let message = format!("{} cannot be looked at: {error}", file.display());
                found.wrong("secrets", message, "see that it is there, and that you may read it");
            }
        }
    }
}

#[cfg(unix)]
fn readable_by_others(file: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::metadata(file)?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn readable_by_others(file: &Path) -> std::io::Result<bool> {
    std::fs::metadata(file).map(|_| false)
}

fn server(settings: &Settings, found: &mut Findings) {
    if let Some(refusal) = settings.server.refusal() {
        found.wrong("server", refusal, "a daemon does not start so");
    }
    let tls = &settings.server.tls;
    for file in [&tls.cert, &tls.key, &tls.client_ca].into_iter().flatten().filter(|_| tls.enabled) {
        if let Err(error) = std::fs::File::open(file) {
            let message = format!("server.tls: {} cannot be read: {error}", file.display());
            found.wrong("server", message, "give the path of a PEM file that this user may read");
        }
    }
}

/// The folder of audit lines has to be there, or to be makeable.
fn audit(settings: &Settings, found: &mut Findings) {
    let Some(file) = &settings.security.audit_log else { return };
    let folder = file.ancestors().skip(1).find(|folder| folder.as_os_str().is_empty() || folder.exists());
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match std::fs::metadata(folder) {
        Ok(about) if about.is_dir() && !about.permissions().readonly() => {
            found.ok("audit", format!("lines go to {}", file.display()));
        }
        Ok(_) | Err(_) => {
            let message =
                format!("{} cannot be written: {} is no folder that takes files", file.display(), folder.display());
            found.wrong("audit", message, "make the folder, and give it to the user that the program runs as");
        }
    }
}

/// Times are compared with the clock: rows expire by it, and so do sessions.
fn clock(found: &mut Findings) {
    let now = DateTime::now();
    // The first of January 2025: no machine that runs this is older.
    match now.epoch_millis() > 1_735_689_600_000 {
        true => found.ok("clock", now.to_string()),
        false => {
            found.wrong("clock", format!("this machine thinks that it is {now}"), "set its clock, by NTP for good")
        }
    }
}

fn as_value(finding: &Finding) -> Value {
    let state = match finding.state {
        State::Ok => "ok",
        State::Odd => "odd",
        State::Wrong => "wrong",
    };
    value!({
        "state": state,
        "about": (finding.about),
        "message": (finding.message.as_str()),
        "cure": (finding.cure.as_deref()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_a_little() {
        for (theirs, state) in [
            (1_000_000, State::Ok),
            (998_500, State::Ok),
            (1_001_999, State::Ok),
            (1_002_100, State::Odd),
            (997_000, State::Odd),
            (1_070_000, State::Wrong),
            (100, State::Wrong),
        ] {
            let mut found = Findings::default();
            skew(theirs, (1_000_000, 1_000_050), &mut found);
            assert_eq!(found.0[0].state, state, "{theirs}: {}", found.0[0].message);
            assert_eq!(found.0[0].cure.is_some(), state != State::Ok);
        }
    }
}
