//! `dbal generate`

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dbal::config::Settings;
use dbal::schema::load_dir;

use crate::failure::Failure;
use crate::generate::{c, cpp, python, rust, ts};
use crate::print::Done;
use crate::targets::{closed, missing};

/// Write what a schema means in another language
#[derive(Args, Debug)]
#[command(after_help = "\
Rust gets structs of rows, creates and updates, enums, and a constant for each field, of which conditions are made:
  db.model::<User>()?.find_many(select().filter(User::LEVEL.gte(3)))

With `targets` in the configuration, what is written offers nothing that some target lacks: no order of bytes, no
transaction inside another, no $search, no paths of json. Where a target cannot open the schema at all, that is a fault.

The types of TypeScript make a wrong field a fault of the compiler, and narrow results by select and include:
  const dbal = new DBALClient<Schema>({ ... })

Examples:
  dbal generate ts --schema api/schema --out src/schema.ts
  dbal generate ts --naming camel-case --out src/schema.ts
  dbal generate python --out app/entities.py
  dbal generate rust --config dbal.yaml --out src/entities.rs
  dbal generate c --out src/entities.h
  dbal generate cpp --out src/entities.hpp")]
pub struct Generate {
    /// The language
    #[arg(value_enum)]
    language: Language,
    /// The folder of entity files
    #[arg(long, value_name = "FOLDER", env = "DBAL_SCHEMA")]
    schema: Option<PathBuf>,
    /// A configuration file: its schema, and the targets that everything has to run on
    #[arg(long, value_name = "FILE", env = "DBAL_CONFIG")]
    config: Option<PathBuf>,
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
    /// Structs, enums and fields as constants, on serde
    Rust,
    /// Structs for C, with readers of rows and writers of data
    C,
    /// Structs for C++, in the same way
    Cpp,
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
        let settings = self.config.as_ref().map(Settings::load).transpose().map_err(dbal::Error::from)?;
        let named = self.schema.clone().or_else(|| settings.as_ref().and_then(|settings| settings.schema.clone()));
        let schema = load_dir(named.unwrap_or_else(|| "./api/schema".into())).map_err(dbal::Error::from)?.schema;
        let targets = settings.map(|settings| settings.targets).unwrap_or_default();
        let closed = targets.iter().flat_map(|target| closed(&schema, *target)).map(|lack| dbal::FieldFault {
            field: lack.about.unwrap_or_default(),
            message: format!("{}: {}", lack.target.as_str(), lack.message),
            index: None,
        });
        let closed: Vec<dbal::FieldFault> = closed.collect();
        if !closed.is_empty() {
            return Err(dbal::Error::invalid(closed).into());
        }
        let lacks = missing(&targets);
        let text = match (self.language, self.naming) {
            (Language::Ts, naming) => ts::schema(&schema, naming == Naming::CamelCase, &lacks),
            (Language::Python, Naming::Declared) => python::schema(&schema, &lacks),
            (Language::Rust, Naming::Declared) => rust::schema(&schema, !lacks.contains(&"ordered_bytes")),
            (Language::C, Naming::Declared) => c::schema(&schema),
            (Language::Cpp, Naming::Declared) => cpp::schema(&schema),
            (Language::Python | Language::Rust | Language::C | Language::Cpp, Naming::CamelCase) => {
                let message = "only TypeScript has other names than the schema";
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
