//! `dbal seed`

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use dbal::{Value, value, value::json};

use crate::failure::Failure;
use crate::options::{Absent, Database, Report};
use crate::print::{Done, count};
use crate::seed::{self, Progress};

/// Fill tables from YAML, JSON or CSV files, in one transaction: all rows or none
#[derive(Args, Debug)]
#[command(after_help = "\
A YAML or JSON file names entities (or their plurals) with their rows, written in the order of the file:

  User:
    ada: { username: ada, email: ada@example.org, role: god }   # a row with a name
  Workflow:
    - { name: nightly, trigger: schedule, trigger_config: {}, steps: [], created_by: { $ref: ada } }

{ $ref: ada } is the key of that row, { $ref: ada.username } another of its fields. Rows without names are a list.
A CSV file has the rows of one entity, named by --entity; its first line names the fields, and an empty cell is absent.

Examples:
  dbal seed users.yaml pages.json --url sqlite:app.db
  dbal seed visits.csv --entity Visit --url sqlite:app.db")]
pub struct Seed {
    /// The files, in the order in which they are written
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The entity of files that name none
    #[arg(long)]
    entity: Option<String>,
    #[command(flatten)]
    database: Database,
    /// How the outcome is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Report,
}

impl Seed {
    pub fn run(&self, out: &mut dyn Write) -> Done {
        let client = self.database.open(Absent::Refuse)?;
        let entity = self.entity.as_deref().map(|name| client.entity_id(name)).transpose()?;
        let rows = seed::read(&client, &self.files, entity)?;
        let written = client.transaction(|transaction| {
            let progress = Progress::new(rows.len());
            seed::write(client.schema(), transaction, &rows, progress)
        })?;
        match self.format {
            Report::Json => {
                let counts = written.iter().map(|(name, number)| (name.clone(), Value::Int(*number as i64)));
                writeln!(out, "{}", json::to_wire(&value!({ "written": (Value::Map(counts.collect())) })))?;
            }
            Report::Text => {
                let parts: Vec<String> = written.iter().map(|(name, number)| format!("{number} {name}")).collect();
                let total: u64 = written.iter().map(|(_, number)| number).sum();
                match total {
                    0 => writeln!(out, "nothing to write: the files have no rows")?,
                    _ => writeln!(out, "wrote {}: {}", count(total, "row"), parts.join(", "))?,
                }
            }
        }
        Ok::<(), Failure>(())
    }
}
