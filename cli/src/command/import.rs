//! `dbal import`

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use dbal::schema::prisma::entities;
use dbal::yaml::{Fault, Severity};

use crate::failure::{Failure, InputFault};
use crate::print::{Done, count, plain};

/// Write entity files of another tool's schema
#[derive(Args, Debug)]
#[command(after_help = "\
What has no counterpart is left out with a warning. The files are opened over the database that the tool made with
--adapter prisma, and say nothing about who may do what: trusted code alone may, until an acl is written.

Examples:
  dbal import prisma prisma/schema.prisma --out api/schema
  dbal query User --adapter prisma --url file:./prisma/dev.db")]
pub struct Import {
    /// Whose schema
    #[arg(value_enum)]
    tool: Tool,
    /// The file
    file: PathBuf,
    /// The folder to write to; files that are there are not written over
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Write over files that are there
    #[arg(long)]
    force: bool,
}

/// Tools whose schemas are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tool {
    /// A schema.prisma
    Prisma,
}

impl Import {
    pub fn run(&self, out: &mut dyn Write) -> Done {
        let Tool::Prisma = self.tool;
        let unreadable = |path: &Path, error: std::io::Error| {
            Failure::Unreadable(format!("{} cannot be read or written: {error}", path.display()))
        };
        let text = std::fs::read_to_string(&self.file).map_err(|error| unreadable(&self.file, error))?;
        let name = self.file.display().to_string();
        let (files, warnings) = entities(&name, &text).map_err(|faults| {
            let message = format!("{name} cannot be imported: {}", count(faults.0.len() as u64, "fault"));
            let told = |fault: &Fault| InputFault {
                file: fault.file.clone(),
                line: fault.line,
                about: String::new(),
                message: format!("column {}: {}", fault.column, fault.message),
            };
            let errors = faults.0.iter().filter(|fault| fault.severity == Severity::Error);
            Failure::Faulty { message, faults: errors.map(told).collect() }
        })?;
        for warning in &warnings {
            eprintln!("{}", plain(&warning.to_string()));
        }
        if !self.force {
            let there = files.iter().map(|one| self.out.join(&one.file)).find(|path| path.exists());
            if let Some(path) = there {
                return Err(Failure::Usage(format!("{} is there already; --force writes over it", path.display())));
            }
        }
        std::fs::create_dir_all(&self.out).map_err(|error| unreadable(&self.out, error))?;
        for one in &files {
            let path = self.out.join(&one.file);
            std::fs::write(&path, &one.text).map_err(|error| unreadable(&path, error))?;
            writeln!(out, "{}", plain(&path.display().to_string()))?;
        }
        // What was written must load; if not, it says so here and not at somebody's next start.
        dbal::schema::load_dir(&self.out).map_err(dbal::Error::from)?;
        Ok(())
    }
}
