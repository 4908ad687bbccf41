//! `dbal token`

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use dbal::schema::convert::hash_stored;
use dbal::schema::generate::generate;
use dbal::schema::{Generator, StoredAs};
use dbal::value::json;
use dbal::{Client, DateTime, Error, ErrorKind, Map, Operation, Record, Request, Response, Value};

use crate::failure::Failure;
use crate::input;
use crate::options::{Absent, Database};
use crate::print::Done;

/// Make and revoke tokens that a daemon takes
#[derive(Args, Debug)]
#[command(after_help = "\
A token is a session of a user in the database. With --keys it is an API key instead: a line in the file that
auth.api_keys_file names, which holds the key's hash. Either is shown once, and a revoked one stops counting within
seconds, on open connections too.

Examples:
  dbal token issue ada --for 12h --url sqlite:app.db
  dbal token issue 01890a5d-ac96-774b-bcce-b302099a8057 --keys keys.yaml --name nightly-import --role admin
  dbal token revoke --user ada --url sqlite:app.db
  dbal token revoke --token-file token.txt --url sqlite:app.db")]
pub struct Token {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Make a token and write it to standard output
    Issue(Issue),
    /// End the sessions of a user, or one session
    Revoke(Revoke),
}

#[derive(Args, Debug)]
struct Issue {
    /// Whose it is: the id of a user, or with a database the username
    user: String,
    /// How long it counts, such as 30m, 12h or 90d; an API key without it counts until it is taken out of the file
    #[arg(long = "for", value_name = "TIME", value_parser = milliseconds)]
    lifetime: Option<i64>,
    /// Append an API key to this file instead
    #[arg(long, value_name = "FILE", requires = "name")]
    keys: Option<PathBuf>,
    /// What the API key is called
    #[arg(long, requires = "keys")]
    name: Option<String>,
    /// The role of an API key whose user has no row in the database
    #[arg(long, requires = "keys")]
    role: Option<String>,
    #[command(flatten)]
    database: Database,
}

#[derive(Args, Debug)]
#[group(skip)]
struct Revoke {
    /// All sessions of this user: an id or a username
    #[arg(long, required_unless_present_any = ["session", "token_file"])]
    user: Option<String>,
    /// The session with this id
    #[arg(long, value_name = "ID", conflicts_with = "user")]
    session: Option<String>,
    /// The session whose token this file holds: on a command line everybody could read it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["user", "session"])]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    database: Database,
}

/// A session counts so long where nothing is said.
const LIFETIME: i64 = 12 * 3_600_000;

/// With what every API key begins.
const KEY: &str = "dbal_";

impl Token {
    pub fn run(&self, out: &mut dyn Write) -> Done {
        match &self.action {
            Action::Issue(issue) => issue.run(out),
            Action::Revoke(revoke) => revoke.run(out),
        }
    }
}

impl Issue {
    fn run(&self, out: &mut dyn Write) -> Done {
        if let Some(file) = &self.keys {
            return self.key(file, out);
        }
        let client = self.database.open(Absent::Refuse)?;
        let user = user_id(&client, &self.user)?;
        let expires = after(self.lifetime.unwrap_or(LIFETIME))?;
        let data = Map(vec![("user_id".into(), user), ("expires_at".into(), Value::DateTime(expires))]);
        let request = Request::new(Operation::Call, "Session").arg("name", "create").arg("input", data);
        let Response::Row(session) = client.execute(&request)?.uncalled() else {
            return Err(Error::internal("Session.create answers with no session").into());
        };
        let token = session.get("token").and_then(Value::as_str).unwrap_or_default();
        writeln!(out, "{token}")?;
        let id = session.get("id").map(json::to_wire).unwrap_or_default();
        eprintln!("session {} of {}, until {expires}", id.trim_matches('"'), self.user);
        Ok(())
    }

    fn key(&self, file: &PathBuf, out: &mut dyn Write) -> Done {
        let secret = generate(Generator::Token);
        let key = format!("{KEY}{}", secret.as_str().unwrap_or_default());
        let text = |value: &str| json::to_text(&Value::from(value));
        let mut line = format!(
            "  - {{ name: {}, sha256: \"{}\", user: {}",
            text(self.name.as_deref().unwrap_or("key")),
            hash_stored(StoredAs::Sha256, &key)?,
            text(&self.user)
        );
        if let Some(role) = &self.role {
            line += &format!(", role: {}", text(role));
        }
        if let Some(lifetime) = self.lifetime {
            line += &format!(", expires_at: \"{}\"", after(lifetime)?);
        }
        line += " }\n";
        let unwritable = |error: std::io::Error| Failure::Unreadable(format!("{}: {error}", file.display()));
        let known = match std::fs::read_to_string(file) {
            Ok(known) => known,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(unwritable(error)),
        };
        let begins = known.lines().any(|line| line.trim_end() == "keys:");
        if !begins && !known.trim().is_empty() {
            let message = format!("{}: expected a file of API keys, with a line `keys:`", file.display());
            return Err(Failure::Unreadable(message));
        }
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut opened = options.open(file).map_err(unwritable)?;
        let before = match (begins, known.is_empty() || known.ends_with('\n')) {
            (false, _) => "keys:\n",
            (true, false) => "\n",
            (true, true) => "",
        };
        opened.write_all(format!("{before}{line}").as_bytes()).map_err(unwritable)?;
        writeln!(out, "{key}")?;
        Ok(())
    }
}

impl Revoke {
    fn run(&self, out: &mut dyn Write) -> Done {
        let client = self.database.open(Absent::Refuse)?;
        let filter = match (&self.user, &self.session, &self.token_file) {
            (Some(user), _, _) => ("user_id", user_id(&client, user)?),
            (_, Some(session), _) => ("id", session.as_str().into()),
            (_, _, Some(file)) => {
                let token = std::fs::read_to_string(file)
                    .map_err(|error| Failure::Unreadable(format!("{}: {error}", file.display())))?;
                ("token", token.trim().into())
            }
            (None, None, None) => return Err(Failure::Usage("whose? give --user, --session or --token-file".into())),
        };
        let filter = Map(vec![(filter.0.into(), filter.1)]);
        let removed = client.entity("Session")?.delete_many(filter)?;
        writeln!(out, "{removed} sessions ended")?;
        Ok(())
    }
}

/// The id of a user who is named by it or by their username.
fn user_id(client: &Client, user: &str) -> Result<Value, Failure> {
    let users = client.entity("User")?;
    let found = |read: dbal::Result<Record>| match read {
        Ok(row) => Ok(row.get("id").cloned()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ValidationError) => Ok(None),
        Err(error) => Err(error),
    };
    let id = client.entity_id("User")?;
    if let Some(id) = found(users.read(input::key(client.schema(), id, user)?))? {
        return Ok(id);
    }
    let by_name = Map(vec![("username".into(), user.into())]);
    let missing = || Error::new(ErrorKind::NotFound, "no User with this id or username");
    Ok(found(users.read(by_name))?.ok_or_else(missing)?)
}

fn after(millis: i64) -> Result<DateTime, Failure> {
    let then = DateTime::from_epoch_millis(DateTime::now().epoch_millis().saturating_add(millis));
    then.ok_or_else(|| Failure::Usage("--for: ends after the year 9999".into()))
}

fn milliseconds(text: &str) -> Result<i64, String> {
    let wrong = || "expected a number with s, m, h or d, such as 12h".to_owned();
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let unit: i64 = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    let number: i64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).filter(|millis| *millis > 0).ok_or_else(wrong)
}
