//! `dbal query`

use std::io::Write;

use clap::Args;

use super::question::Question;
use crate::options::{Absent, Caller, Database, Format};
use crate::print::{self, Done};

/// Ask for rows, a count, or one row
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dbal query User --filter '{\"role\": \"admin\"}' --sort -created_at --limit 10
  dbal query users --count --filter '{\"level\": {\"$gte\": 3}}'
  dbal query PageView --read '{\"slug\": \"home\"}' --include components
  dbal query PageView --as ada:user --claim level=2 --rules acl.yaml
  dbal query User --all --format csv > users.csv")]
pub struct Query {
    #[command(flatten)]
    question: Question,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    caller: Caller,
    /// How rows are written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

impl Query {
    pub fn run(&self, out: &mut dyn Write) -> Done {
        let client = self.caller.bind(self.database.open(Absent::Refuse)?)?;
        let (entity, request) = self.question.request(&client)?;
        print::answer(&client, entity, &request, self.format, out)
    }
}
