//! `dbal explain`

use std::io::Write;

use clap::Args;
use dbal::client::explain::{ExplainedStep, Explanation};
use dbal::value::json;
use dbal::{Request, Value, value};

use super::question::Question;
use super::verdict;
use crate::failure::Failure;
use crate::input;
use crate::options::{Absent, Caller, Database, Report};
use crate::print::{Done, count, plain};

/// Show what a query would run and which access rules apply, or which rules let one row through
#[derive(Args, Debug)]
#[command(after_help = "\
Without --row and --as user:ID the database itself is not opened: its kind and the schema decide. SQLite unless --url says
otherwise. With --row, each rule is asked about the row as it is: whether it lets the caller read, update and delete it, and
create one like it.

Examples:
  dbal explain User --filter '{\"role\": \"admin\"}' --sort -created_at
  dbal explain PageView --as ada:user --claim level=2 --rules acl.yaml
  dbal explain PageView --read '{\"slug\": \"home\"}' --include components --as zeus:god
  dbal explain PageView --row '{\"slug\": \"home\"}' --as user:018f3c1e-7b1c-7000-8000-000000000001")]
pub struct Explain {
    #[command(flatten)]
    question: Question,
    /// Why the caller of --as may read and change the row with this primary key, or this unique key as JSON, or may not
    #[arg(
        long,
        value_name = "KEY",
        conflicts_with_all = ["filter", "sort", "limit", "page", "select", "include", "answer"]
    )]
    row: Option<String>,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    caller: Caller,
    /// How the plan is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Report,
}

impl Explain {
    pub fn run(&self, out: &mut dyn Write) -> Done {
        if let Some(key) = &self.row {
            return self.row(key, out);
        }
        let client = match self.caller.is_known() {
            true => self.database.open(Absent::Refuse)?,
            false => self.database.imagine()?,
        };
        let (_, request) = self.question.request(&client)?;
        let principal = self.caller.principal(&client)?;
        let explanation = client.explain(&request, principal.as_ref())?;
        match self.format {
            Report::Json => writeln!(out, "{}", json::to_wire(&as_value(&explanation)))?,
            Report::Text => text(&request, principal.is_some(), &explanation, out)?,
        }
        Ok(())
    }

    /// What the rules say of one row.
    fn row(&self, key: &str, out: &mut dyn Write) -> Done {
        let client = self.database.open(Absent::Refuse)?;
        let entity = client.entity_id(&self.question.entity)?;
        let Some(principal) = self.caller.principal(&client)? else {
            let message = "--row: whose sight of the row? give --as ID:ROLE, --as user:ID or --anonymous";
            return Err(Failure::Usage(message.into()));
        };
        let key = input::key(client.schema(), entity, key)?;
        let judged = client.explain_row(&self.question.entity, key, &principal)?;
        match self.format {
            Report::Json => writeln!(out, "{}", json::to_wire(&verdict::value(&judged)))?,
            Report::Text => verdict::text(&judged, out)?,
        }
        Ok(())
    }
}

fn text(request: &Request, bound: bool, explanation: &Explanation, out: &mut dyn Write) -> Done {
    let Explanation { adapter, steps, rules, atomic } = explanation;
    let together = if *atomic { " in one transaction" } else { "" };
    let number = count(steps.len() as u64, "step");
    writeln!(out, "{}.{} on {adapter}: {number}{together}", request.entity, request.operation.as_str())?;
    match bound {
        false => writeln!(out, "access rules: none, trusted code asks")?,
        true => writeln!(out, "access rules: {}", rules.join(", "))?,
    }
    for (position, ExplainedStep { purpose, text, params }) in steps.iter().enumerate() {
        writeln!(out, "\nstep {}: {purpose}", position + 1)?;
        for line in text.lines() {
            writeln!(out, "  {}", plain(line))?;
        }
        for (position, source) in params.iter().enumerate() {
            writeln!(out, "  placeholder {}: {}", position + 1, plain(source))?;
        }
    }
    Ok(())
}

fn as_value(explanation: &Explanation) -> Value {
    let texts = |texts: &[String]| Value::List(texts.iter().map(|text| Value::from(text.as_str())).collect());
    let steps = explanation.steps.iter().map(|step| {
        value!({ "purpose": (step.purpose.as_str()), "text": (step.text.as_str()), "params": (texts(&step.params)) })
    });
    let steps: Vec<Value> = steps.collect();
    value!({
        "adapter": (explanation.adapter),
        "atomic": (explanation.atomic),
        "rules": (texts(&explanation.rules)),
        "steps": steps,
    })
}
