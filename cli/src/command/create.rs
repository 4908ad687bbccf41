//! `dbal create`

use std::io::Write;

use clap::Args;
use dbal::{Operation, Request};

use crate::input;
use crate::options::{Absent, Caller, Database, Format};
use crate::print::{self, Done};

/// Make a row and show it as stored
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dbal create User '{\"username\": \"ada\", \"email\": \"ada@example.org\"}' --url sqlite:app.db
  dbal create PageView '{\"slug\": \"home\", \"title\": \"Home\", \"level\": 1, \"layout\": {}}' --as zeus:god")]
pub struct Create {
    /// The entity, by name or plural
    entity: String,
    /// The fields, as a JSON object
    #[arg(value_name = "JSON")]
    data: String,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    caller: Caller,
    /// How the row is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

impl Create {
    pub fn run(&self, out: &mut dyn Write) -> Done {
        let data = input::json("JSON", &self.data)?;
        let client = self.caller.bind(self.database.open(Absent::Refuse)?)?;
        let entity = client.entity_id(&self.entity)?;
        let name = client.schema().entity(entity).name.clone();
        let request = Request::new(Operation::Create, name).arg("data", data);
        print::answer(&client, entity, &request, self.format, out)
    }
}
