//! `dbal delete`

use std::io::Write;

use clap::Args;
use dbal::{Operation, Request};

use crate::input;
use crate::options::{Absent, Caller, Database, Report};
use crate::print::Done;

/// Remove a row
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dbal delete User '{\"username\": \"ada\"}' --url sqlite:app.db
  dbal delete PageView 01890a5d-ac96-774b-bcce-b302099a8057 --as zeus:god")]
pub struct Delete {
    /// The entity, by name or plural
    entity: String,
    /// The primary key, or a unique key as a JSON object
    key: String,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    caller: Caller,
    /// How the outcome is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Report,
}

impl Delete {
    pub fn run(&self, out: &mut dyn Write) -> Done {
        let client = self.caller.bind(self.database.open(Absent::Refuse)?)?;
        let entity = client.entity_id(&self.entity)?;
        let key = input::key(client.schema(), entity, &self.key)?;
        let name = client.schema().entity(entity).name.clone();
        client.execute(&Request::new(Operation::Delete, name.clone()).arg("id", key))?;
        match self.format {
            Report::Text => writeln!(out, "deleted one {name}")?,
            Report::Json => writeln!(out, "true")?,
        }
        Ok(())
    }
}
