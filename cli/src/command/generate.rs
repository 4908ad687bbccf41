//! `dbal generate`

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dbal::schema::load_dir;

use crate::failure::Failure;
use crate::generate::{python, ts};
use crate::print::Done;

/// Write what a schema means in another language
#[derive(Args, Debug)]
#[command(after_help = "\
The types of TypeScript make a wrong field a fault of the compiler, and narrow results by select and include:
  const dbal = new DBALClient<Schema>({ ... })

Examples:
  dbal generate ts --schema api/schema --out src/schema.ts
  dbal generate ts --naming camel-case --out src/schema.ts
  dbal generate python --out app/entities.py")]
pub struct Generate {
    /// The language
    #[arg(value_enum)]
    language: Language,
    /// The folder of entity files
    #[arg(long, value_name = "FOLDER", env = "DBAL_SCHEMA", default_value = "./api/schema")]
    schema: PathBuf,
    /// The file to write; standard output unless given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How fields are called: as declared, or as `naming: 'camelCase'` calls them
    #[arg(long, value_enum, default_value_t)]
    naming: Naming,
}

/// A language that can be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Language {
    /// Types for the Node package
    Ts,
    /// Typed dicts, dataclasses and typed clients for the Python package
    Python,
}

/// How fields are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Naming {
    /// As in the schema
    #[default]
    Declared,
    /// `createdAt` for `created_at`
    CamelCase,
}

impl Generate {
    pub fn run(&self, out: &mut dyn Write) -> Done {
        let schema = load_dir(&self.schema).map_err(dbal::Error::from)?.schema;
        let text = match (self.language, self.naming) {
            (Language::Ts, naming) => ts::schema(&schema, naming == Naming::CamelCase),
            (Language::Python, Naming::Declared) => python::schema(&schema),
            (Language::Python, Naming::CamelCase) => {
                let message = "Python has the names of the schema";
                return Err(dbal::Error::validation("--naming", message).into());
            }
        };
        match &self.out {
            None => out.write_all(text.as_bytes())?,
            Some(path) => std::fs::write(path, text)
                .map_err(|error| Failure::Unreadable(format!("{} cannot be written: {error}", path.display())))?,
        }
        Ok(())
    }
}
