//! `dbal call`

use std::io::Write;

use clap::Args;
use dbal::{Operation, Request};

use crate::failure::Failure;
use crate::input;
use crate::options::{Absent, Caller, Database, Format};
use crate::print::{self, Done};

/// Run an operation that the schema declares
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dbal call PageView.get_by_level '{\"level\": 1}' --url sqlite:app.db
  dbal call Session.delete_expired --url sqlite:app.db
  dbal call User.search '{\"query\": \"ada\"}' --as ada:admin --url sqlite:app.db")]
pub struct Call {
    /// The entity and the operation, with a dot between them
    #[arg(value_name = "ENTITY.OPERATION")]
    name: String,
    /// Its input, as a JSON object
    #[arg(value_name = "JSON", default_value = "{}")]
    input: String,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    caller: Caller,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

impl Call {
    pub fn run(&self, out: &mut dyn Write) -> Done {
        let input = input::json("JSON", &self.input)?;
        let client = self.caller.bind(self.database.open(Absent::Refuse)?)?;
        let (entity, operation) = self.name.rsplit_once('.').unwrap_or(("", &self.name));
        let id = client.entity_id(entity).map_err(Failure::from)?;
        let request = Request::new(Operation::Call, entity.to_owned()).arg("name", operation).arg("input", input);
        print::answer(&client, id, &request, self.format, out)
    }
}
