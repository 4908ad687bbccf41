//! `dbal export`

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dbal::schema::load_dir;

use crate::command::import::Tool;
use crate::failure::Failure;
use crate::print::{Done, plain};
use crate::prisma::export::export;

/// Write another tool's schema of the entity files
#[derive(Args, Debug)]
#[command(after_help = "\
What the other tool has no words for is told on standard error.

Examples:
  dbal export prisma --out prisma/schema.prisma
  dbal export prisma --provider postgresql")]
pub struct Export {
    /// Whose schema
    #[arg(value_enum)]
    tool: Tool,
    /// The folder of entity files
    #[arg(long, value_name = "FOLDER", env = "DBAL_SCHEMA", default_value = "./api/schema")]
    schema: PathBuf,
    /// The kind of database that it is for
    #[arg(long, value_enum, default_value_t)]
    provider: Provider,
    /// The file to write; standard output if absent
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Provider {
    #[default]
    Sqlite,
    Postgresql,
}

impl Export {
    pub fn run(&self, out: &mut dyn Write) -> Done {
        let Tool::Prisma = self.tool;
        let loaded = load_dir(&self.schema).map_err(dbal::Error::from)?;
        let provider = match self.provider {
            Provider::Sqlite => "sqlite",
            Provider::Postgresql => "postgresql",
        };
        let (text, lost) = export(&loaded.schema, provider);
        for line in lost {
            eprintln!("{}", plain(&format!("warning: {line}")));
        }
        match &self.out {
            None => write!(out, "{text}")?,
            Some(path) => std::fs::write(path, text)
                .map_err(|error| Failure::Unreadable(format!("{} cannot be written: {error}", path.display())))?,
        }
        Ok(())
    }
}
