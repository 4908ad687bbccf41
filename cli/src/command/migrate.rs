//! `dbal migrate`

use std::io::Write;

use clap::Args;
use dbal::{Value, value, value::json};

use crate::options::{Absent, Database, Report};
use crate::print::{Done, count, plain};

/// Create the tables, columns and indexes that the database lacks; nothing is dropped or changed
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dbal migrate --url sqlite:app.db
  dbal migrate --dry-run --url sqlite:app.db > pending.sql")]
pub struct Migrate {
    /// Show the statements without running them
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    database: Database,
    /// How the statements are written
    #[arg(long, value_enum, default_value_t)]
    pub format: Report,
}

impl Migrate {
    pub fn run(&self, out: &mut dyn Write) -> Done {
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
}
