//! `dbal update`

use std::io::Write;

use clap::Args;
use dbal::{Operation, Request};

use crate::input;
use crate::options::{Absent, Caller, Database, Format};
use crate::print::{self, Done};

/// Change fields of a row and show the new row
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dbal update User '{\"username\": \"ada\"}' '{\"level\": 4}' --url sqlite:app.db
  dbal update PageView 01890a5d-ac96-774b-bcce-b302099a8057 '{\"title\": \"Start\"}' --as zeus:god")]
pub struct Update {
    /// The entity, by name or plural
    entity: String,
    /// The primary key, or a unique key as a JSON object
    key: String,
    /// The fields to change, as a JSON object
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

impl Update {
    pub fn run(&self, out: &mut dyn Write) -> Done {
        let data = input::json("JSON", &self.data)?;
        let client = self.caller.bind(self.database.open(Absent::Refuse)?)?;
        let entity = client.entity_id(&self.entity)?;
        let key = input::key(client.schema(), entity, &self.key)?;
        let name = client.schema().entity(entity).name.clone();
        let request = Request::new(Operation::Update, name).arg("id", key).arg("data", data);
        print::answer(&client, entity, &request, self.format, out)
    }
}
