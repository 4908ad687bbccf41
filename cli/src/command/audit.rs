//! `dbal audit`

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use dbal::audit::verify;

use crate::failure::Failure;
use crate::print::Done;

/// Look at the lines that a daemon wrote down
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dbal audit verify /var/log/dbal/audit.log
  dbal audit verify /var/log/dbal/audit.log --last 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae")]
pub struct Audit {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Follow the hashes from line to line, through the files that were put aside as well
    Verify {
        /// The file that security.audit_log names
        file: PathBuf,
        /// A hash that a line must have: the last one that was kept elsewhere, so that a cut is found
        #[arg(long, value_name = "HASH")]
        last: Option<String>,
    },
}

impl Audit {
    pub fn run(&self, out: &mut dyn Write) -> Done {
        let Action::Verify { file, last } = &self.action;
        let unreadable =
            |path: &Path, error: &std::io::Error| Failure::Unreadable(format!("{}: {error}", path.display()));
        let mut paths = vec![file.clone()];
        for number in 1.. {
            let mut name = file.as_os_str().to_owned();
            name.push(format!(".{number}"));
            let aside = PathBuf::from(name);
            if !aside.exists() {
                break;
            }
            paths.insert(0, aside);
        }
        let mut opened = Vec::with_capacity(paths.len());
        for path in &paths {
            let reader = File::open(path).map_err(|error| unreadable(path, &error))?;
            opened.push((path.display().to_string(), BufReader::new(reader)));
        }
        let found = verify(opened).map_err(|error| unreadable(file, &error))?;
        let mut faults = found.faults;
        if let Some(last) = last {
            let known = paths.iter().any(|path| {
                std::fs::read_to_string(path).is_ok_and(|text| text.contains(&format!("\"hash\":\"{last}\"}}")))
            });
            if !known {
                faults.push(format!("no line has the hash {last}: lines were cut off"));
            }
        }
        if !faults.is_empty() {
            faults.iter().try_for_each(|fault| writeln!(out, "{fault}"))?;
            writeln!(out, "{} faults in {} lines", faults.len(), found.lines)?;
            return Err(Failure::Told);
        }
        writeln!(
            out,
            "{} lines, {} to {}, are linked; the last hash is {}",
            found.lines, found.first, found.last, found.hash
        )?;
        Ok(())
    }
}
