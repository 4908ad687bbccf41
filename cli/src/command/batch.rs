//! `dbal batch`

use std::io::Write;

use clap::Args;
use dbal::client::wire;
use dbal::schema::EntityId;
use dbal::{Operation, Request};

use crate::input;
use crate::options::{Absent, Caller, Database, Report};
use crate::print::Done;

/// Run several requests, all or none, and show their answers as a JSON list
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dbal batch '[{\"operation\": \"create\", \"entity\": \"User\", \"data\": {\"username\": \"ada\", \"email\": \"ada@example.org\"}},
               {\"operation\": \"update\", \"entity\": \"User\", \"id\": {\"$ref\": \"0.id\"}, \"data\": {\"level\": 2}}]' --url sqlite:app.db")]
pub struct Batch {
    /// The requests, as a JSON list of objects with operation and entity; {"$ref": "0.id"} is a value that an earlier
    /// one answered
    #[arg(value_name = "JSON")]
    entries: String,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    caller: Caller,
    /// How errors are written
    #[arg(long, value_enum, default_value_t)]
    pub format: Report,
}

impl Batch {
    pub fn run(&self, out: &mut dyn Write) -> Done {
        let entries = input::json("JSON", &self.entries)?;
        let client = self.caller.bind(self.database.open(Absent::Refuse)?)?;
        let response = client.execute(&Request::new(Operation::Batch, "").arg("entries", entries))?;
        // Each entry is written as of its own entity.
        writeln!(out, "{}", wire::response(client.schema(), EntityId(0), &response))?;
        Ok(())
    }
}
