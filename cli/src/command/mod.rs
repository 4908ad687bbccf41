//! The subcommands, each in its own file.

mod audit;
mod batch;
mod call;
mod check;
mod completions;
mod create;
mod delete;
mod doctor;
mod explain;
mod export;
mod generate;
mod import;
mod introspect;
mod migrate;
mod query;
mod question;
mod seed;
mod token;
mod update;
mod verdict;

use std::io::Write;

use clap::Subcommand;

use crate::options::{Format, Report};
use crate::print::Done;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Check(check::Check),
    Migrate(migrate::Migrate),
    Seed(seed::Seed),
    Query(query::Query),
    Create(create::Create),
    Update(update::Update),
    Delete(delete::Delete),
    Batch(batch::Batch),
    Call(call::Call),
    Explain(explain::Explain),
    Generate(generate::Generate),
    Introspect(introspect::Introspect),
    Token(token::Token),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
    Audit(audit::Audit),
    Import(import::Import),
    Export(export::Export),
}

impl Command {
    /// Does it.
    pub fn run(&self, out: &mut dyn Write) -> Done {
        match self {
            Command::Check(check) => check.run(out),
            Command::Migrate(migrate) => migrate.run(out),
            Command::Seed(seed) => seed.run(out),
            Command::Query(query) => query.run(out),
            Command::Create(create) => create.run(out),
            Command::Update(update) => update.run(out),
            Command::Delete(delete) => delete.run(out),
            Command::Batch(batch) => batch.run(out),
            Command::Call(call) => call.run(out),
            Command::Explain(explain) => explain.run(out),
            Command::Generate(generate) => generate.run(out),
            Command::Introspect(introspect) => introspect.run(out),
            Command::Token(token) => token.run(out),
            Command::Doctor(doctor) => doctor.run(out),
            Command::Completions(completions) => completions.run(out),
            Command::Audit(audit) => audit.run(out),
            Command::Import(import) => import.run(out),
            Command::Export(export) => export.run(out),
        }
    }

    /// Whether errors are written as JSON.
    pub fn json(&self) -> bool {
        match self {
            Command::Check(check::Check { format, .. })
            | Command::Batch(batch::Batch { format, .. })
            | Command::Seed(seed::Seed { format, .. })
            | Command::Explain(explain::Explain { format, .. })
            | Command::Introspect(introspect::Introspect { format, .. })
            | Command::Doctor(doctor::Doctor { format, .. })
            | Command::Delete(delete::Delete { format, .. }) => *format == Report::Json,
            Command::Migrate(migrate) => migrate.format() == Report::Json,
            Command::Generate(_)
            | Command::Import(_)
            | Command::Export(_)
            | Command::Audit(_)
            | Command::Token(_)
            | Command::Completions(_) => false,
            Command::Query(query::Query { format, .. })
            | Command::Call(call::Call { format, .. })
            | Command::Create(create::Create { format, .. })
            | Command::Update(update::Update { format, .. }) => *format == Format::Json,
        }
    }
}
