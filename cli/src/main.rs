//! The `dbal` command: the engine's client for people at a terminal.
//!
//! Each subcommand is a file of `command`. Answers go to standard output, everything else to standard error. The exit
//! code is 0 when all went well, 1 when what was asked about is faulty, refused or not there, and 2 when the command
//! line itself makes no sense.

mod command;
mod failure;
mod generate;
mod input;
mod options;
mod print;
mod prisma;
mod seed;
mod targets;

use std::io::{BufWriter, Write as _};
use std::process::ExitCode;

use clap::Parser;

use command::Command;
use failure::Failure;

/// Entities over SQLite, PostgreSQL, MongoDB and memory: check a schema, bring databases to it and back, fill them, ask
/// them, and explain.
#[derive(Debug, Parser)]
#[command(name = "dbal", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "\
The database is named by --url or DATABASE_URL, the schema by --schema or DBAL_SCHEMA (else ./api/schema); --config
names a file that says both, with rules, limits and more.

Examples:
  dbal check api/schema
  dbal migrate apply --url sqlite:app.db
  dbal seed users.yaml --url sqlite:app.db
  dbal query User --filter '{\"role\": \"admin\"}' --sort -created_at --limit 10 --url sqlite:app.db
  dbal explain PageView --as ada:user --url sqlite:app.db

Exit codes: 0 done; 1 faulty, refused or not found; 2 the command line makes no sense.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = BufWriter::new(std::io::stdout().lock());
    let done = arguments.command.run(&mut out);
    let flushed = out.flush().map_err(Failure::Output);
    match done.and(flushed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(arguments.command.json()),
    }
}
