//! `dbal migrate`

use std::io::Write;
use std::time::Duration;

use clap::{Args, Subcommand};
use dbal::migrate::change::apply;
use dbal::migrate::diff::{diff, impossible};
use dbal::migrate::{Change, Model, Options, Plan, Step};
use dbal::schema::load_dir;
use dbal::{Error, Value, value, value::json};

use crate::failure::Failure;
use crate::options::{Absent, Database, Report};
use crate::print::{Done, count, plain};

/// Bring a database to its schema, and back; alone it creates what the database lacks and writes no history
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Without a subcommand nothing is dropped, changed or written down: enough for tests and first steps. A database that has
a history gets another migration in it instead.

A field that is called otherwise says `renamed_from: old_name`, and so does an entity. Rows that exist get the default
of a field that comes to be required, or its `backfill: value`, or `backfill: { from: other_field }`. What would be lost
has to be named with --drop.

Examples:
  dbal migrate --url sqlite:app.db
  dbal migrate plan --url sqlite:app.db
  dbal migrate apply --drop User.nickname --url sqlite:app.db
  dbal migrate rollback --to 3 --drop User.stars --url sqlite:app.db
  dbal migrate diff --from old/schema --schema api/schema")]
pub struct Migrate {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    simple: Simple,
}

/// What to do about the difference.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Show exactly what `apply` would run, and what stands against it; nothing is changed
    Plan(Planned),
    /// Bring the database to the schema, and write it down
    Apply(Planned),
    /// Show what was done to the database and what is still to do
    Status(Simple),
    /// Take the last migration back, or all down to a number
    Rollback(Back),
    /// Show what changes in words: from the database, or from another folder of entity files
    Diff(Difference),
}

#[derive(Args, Debug)]
struct Simple {
    /// Show the statements without running them
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    database: Database,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Report,
}

#[derive(Args, Debug)]
struct Planned {
    /// What the migration is called in the history
    #[arg(long)]
    name: Option<String>,
    /// What may be lost: an entity (User) or a field (User.nickname); as often as needed
    #[arg(long = "drop", value_name = "NAME")]
    drop: Vec<String>,
    /// Show what would run without running it
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    database: Database,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Report,
}

#[derive(Args, Debug)]
struct Back {
    /// The number of the migration that is to be the last one; one less than the last by default
    #[arg(long, value_name = "NUMBER")]
    to: Option<i64>,
    #[command(flatten)]
    planned: Planned,
}

#[derive(Args, Debug)]
struct Difference {
    /// A folder of entity files to compare with, instead of the database
    #[arg(long, value_name = "FOLDER")]
    from: Option<std::path::PathBuf>,
    #[command(flatten)]
    simple: Simple,
}

impl Migrate {
    pub fn run(&self, out: &mut dyn Write) -> Done {
        match &self.verb {
            None => self.simple.run(out),
            Some(Verb::Plan(planned)) => planned.plan(out),
            Some(Verb::Apply(planned)) if planned.dry_run => planned.plan(out),
            Some(Verb::Apply(planned)) => planned.apply(out),
            Some(Verb::Status(simple)) => simple.status(out),
            Some(Verb::Rollback(back)) => back.run(out),
            Some(Verb::Diff(difference)) => difference.run(out),
        }
    }

    /// How everything is written.
    pub fn format(&self) -> Report {
        match &self.verb {
            None => self.simple.format,
            Some(Verb::Plan(planned) | Verb::Apply(planned)) => planned.format,
            Some(Verb::Status(simple)) => simple.format,
            Some(Verb::Rollback(back)) => back.planned.format,
            Some(Verb::Diff(difference)) => difference.simple.format,
        }
    }
}

impl Simple {
    /// Creates what is missing.
    fn run(&self, out: &mut dyn Write) -> Done {
        let statements = match self.dry_run {
            true => self.database.open(Absent::Imagine)?.pending_migration()?,
            false => self.database.open(Absent::Make)?.migrate()?,
        };
        if self.format == Report::Json {
            let texts: Vec<Value> = statements.into_iter().map(Value::from).collect();
            let answer = value!({ "applied": (!self.dry_run), "statements": texts });
            writeln!(out, "{}", json::to_wire(&answer))?;
            return Ok(());
        }
        for statement in &statements {
            writeln!(out, "{};", plain(statement))?;
        }
        // Beside the statements, which may go to a file.
        let number = count(statements.len() as u64, "statement");
        match (statements.is_empty(), self.dry_run) {
            (true, _) => eprintln!("nothing to do: the database has everything that the schema declares"),
            (false, false) => eprintln!("ran {number}"),
            (false, true) => eprintln!("{number} would run; nothing was changed"),
        }
        Ok(())
    }

    fn status(&self, out: &mut dyn Write) -> Done {
        let client = self.database.open(Absent::Refuse)?;
        let survey = client.migrations()?.survey()?;
        let pending = diff(&survey.model, &Model::of(client.schema()));
        if self.format == Report::Json {
            let entries = survey.entries.iter().map(|entry| {
                value!({
                    "number": (entry.number),
                    "name": (entry.name.as_str()),
                    "state": (entry.state.as_str()),
                    "at": (entry.at.as_str()),
                    "checksum": (entry.checksum.as_str()),
                    "done": (entry.done as i64),
                    "of": (entry.statements.len() as i64),
                })
            });
            let entries: Vec<Value> = entries.collect();
            let drift: Vec<Value> = survey.drift.iter().map(|what| Value::from(what.as_str())).collect();
            let answer = value!({ "history": entries, "pending": (changes(&pending)), "drift": drift });
            writeln!(out, "{}", json::to_wire(&answer))?;
            return Ok(());
        }
        for entry in &survey.entries {
            let state = match entry.state.as_str() {
                "applied" => String::new(),
                state => format!("  [{state}: {} of {}]", entry.done, entry.statements.len()),
            };
            writeln!(out, "{:>4}  {}  {}{state}", entry.number, entry.at, plain(&entry.name))?;
        }
        if survey.entries.is_empty() {
            writeln!(out, "no history: the first `dbal migrate apply` begins it")?;
        }
        for what in &survey.drift {
            writeln!(out, "not as its history says: {}", plain(what))?;
        }
        for change in &pending {
            writeln!(out, "pending: {}", plain(&change.to_string()))?;
        }
        if pending.is_empty() {
            writeln!(out, "nothing pending")?;
        }
        Ok(())
    }
}

impl Planned {
    fn options(&self) -> Options {
        Options { name: self.name.clone(), drop: self.drop.clone(), ..Options::default() }
    }

    fn plan(&self, out: &mut dyn Write) -> Done {
        let client = self.database.open(Absent::Imagine)?;
        let plan = client.migrations()?.plan(&self.options())?;
        self.show(&plan, false, out)?;
        refused(plan)
    }

    fn apply(&self, out: &mut dyn Write) -> Done {
        let client = self.database.open(Absent::Make)?;
        let mut told = progress();
        let done = client.migrations()?.apply_with(&self.options(), &mut told)?;
        self.show(&done.unwrap_or_default(), true, out)
    }

    /// What runs, each statement with a semicolon; what changes stands before it as a remark.
    fn show(&self, plan: &Plan, ran: bool, out: &mut dyn Write) -> Done {
        if self.format == Report::Json {
            let step = |step: &Step| match step {
                Step::Check { ask, message } => value!({ "check": (ask.as_str()), "message": (message.as_str()) }),
                Step::Run(text) => value!({ "run": (text.as_str()) }),
            };
            let steps: Vec<Value> = plan.steps.iter().map(step).collect();
            let faults: Vec<Value> = plan
                .faults
                .iter()
                .map(|one| value!({ "field": (one.field.as_str()), "message": (one.message.as_str()) }))
                .collect();
            let answer = value!({
                "applied": ran,
                "number": (plan.number),
                "name": (plan.name.as_str()),
                "changes": (changes(&plan.changes)),
                "steps": steps,
                "faults": faults,
            });
            writeln!(out, "{}", json::to_wire(&answer))?;
            return Ok(());
        }
        for change in &plan.changes {
            writeln!(out, "-- {}", plain(&change.to_string()))?;
        }
        for step in &plan.steps {
            match step {
                Step::Check { ask, .. } => writeln!(out, "{}; -- must find nothing", plain(ask))?,
                Step::Run(text) => writeln!(out, "{};", plain(text))?,
            }
        }
        match (plan.changes.is_empty(), ran) {
            (true, true) if plan.steps.is_empty() => eprintln!("nothing to do"),
            (true, false) => eprintln!("nothing to do: the database is as the schema declares"),
            (_, true) => {
                eprintln!("number {}: ran {}", plan.number, count(plan.statements().count() as u64, "statement"))
            }
            (false, false) => {
                eprintln!("{} would run; nothing was changed", count(plan.statements().count() as u64, "statement"));
            }
        }
        Ok(())
    }
}

impl Back {
    fn run(&self, out: &mut dyn Write) -> Done {
        let planned = &self.planned;
        let client = planned.database.open(Absent::Refuse)?;
        let migrations = client.migrations()?;
        if planned.dry_run {
            let plan = migrations.plan_rollback(&planned.options())?;
            planned.show(&plan, false, out)?;
            return refused(plan);
        }
        let last = || Ok::<_, Error>(migrations.survey()?.entries.last().map_or(0, |last| last.number));
        let to = self.to.unwrap_or(last()?.max(1) - 1);
        if to < 0 {
            return Err(Failure::Usage(format!(
                "--to {to}: expected the number of a migration; 0 is before the first"
            )));
        }
        if last()? <= to {
            eprintln!("nothing to do: the last migration is number {}", last()?);
        }
        while last()? > to {
            let mut told = progress();
            let done = migrations.rollback_with(&planned.options(), &mut told)?;
            planned.show(&done.unwrap_or_default(), true, out)?;
        }
        Ok(())
    }
}

impl Difference {
    fn run(&self, out: &mut dyn Write) -> Done {
        let (old, new) = match &self.from {
            Some(folder) => {
                let loaded = |folder: &std::path::Path| {
                    let loaded = load_dir(folder);
                    let loaded = loaded.map_err(|faults| Error::validation("schema", faults.to_string()));
                    loaded.map(|loaded| Model::of(&loaded.schema))
                };
                (loaded(folder)?, {
                    let settings = self.simple.database.settings().map_err(Error::from)?;
                    loaded(&settings.schema_folder().unwrap_or_default())?
                })
            }
            None => {
                let client = self.simple.database.open(Absent::Imagine)?;
                (client.migrations()?.survey()?.model, Model::of(client.schema()))
            }
        };
        let difference = diff(&old, &new);
        debug_assert!(apply(&old, &difference).same(&new), "the difference leads there");
        let cannot = impossible(&old, &new, &difference);
        if self.simple.format == Report::Json {
            let cannot: Vec<Value> = cannot
                .iter()
                .map(|one| value!({ "field": (one.field.as_str()), "message": (one.message.as_str()) }))
                .collect();
            let lost: Vec<Value> = difference.iter().filter_map(Change::destroys).map(Value::from).collect();
            let answer = value!({ "changes": (changes(&difference)), "lost": lost, "impossible": cannot });
            writeln!(out, "{}", json::to_wire(&answer))?;
            return Ok(());
        }
        for change in &difference {
            let lost = if change.destroys().is_some() { "  (--drop)" } else { "" };
            writeln!(out, "{}{lost}", plain(&change.to_string()))?;
        }
        for one in &cannot {
            writeln!(out, "impossible: {}: {}", plain(&one.field), plain(&one.message))?;
        }
        if difference.is_empty() {
            eprintln!("no difference");
        }
        Ok(())
    }
}

fn changes(changes: &[Change]) -> Value {
    Value::List(changes.iter().map(|change| Value::from(change.to_string())).collect())
}

/// A plan that cannot be carried out is a failure with all its faults.
fn refused(plan: Plan) -> Done {
    if plan.faults.is_empty() { Ok(()) } else { Err(Error::invalid(plan.faults).into()) }
}

/// Says how far a long migration is, on standard error and no more than now and then.
fn progress() -> impl FnMut(usize, usize, &str) {
    let mut last = std::time::Instant::now();
    move |done, of, text| {
        if last.elapsed() > Duration::from_secs(1) && done < of {
            last = std::time::Instant::now();
            eprintln!("{done} of {of}: {}", plain(&text.chars().take(80).collect::<String>()));
        }
    }
}
