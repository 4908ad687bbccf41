//! Rows from files into a database.

mod document;
mod progress;
mod sheet;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dbal::schema::EntityId;
use dbal::{Client, Map};

use crate::failure::{Failure, InputFault};

pub use progress::Progress;
pub use write::write;

/// One row to be written, and where it was found.
#[derive(Debug)]
pub struct Row {
    file: Arc<str>,
    line: u32,
    entity: EntityId,
    /// What `$ref` of later rows calls it.
    name: Option<String>,
    data: Map,
    /// The line of each field of `data`; empty when they all stand in one line.
    lines: Vec<u32>,
}

/// Everything gathered from the files.
#[derive(Debug, Default)]
struct Gathered {
    rows: Vec<Row>,
    faults: Vec<InputFault>,
}

/// Reads all rows of all files; every fault of every file comes at once.
pub fn read(client: &Client, files: &[PathBuf], entity: Option<EntityId>) -> Result<Vec<Row>, Failure> {
    let mut gathered = Gathered::default();
    for path in files {
        let file: Arc<str> = path.display().to_string().into();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml" | "yml" | "json") => {
                document::read(client, &file, &text(path)?, entity, &mut gathered);
            }
            Some("csv") => {
                let entity = entity.ok_or_else(|| Failure::Usage(format!("{file}: a CSV file needs --entity")))?;
                sheet::read(client.schema(), &file, &text(path)?, entity, &mut gathered);
            }
            _ => return Err(Failure::Usage(format!("{file}: expected a file ending in .yaml, .yml, .json or .csv"))),
        }
    }
    let Gathered { rows, faults } = gathered;
    match faults.len() {
        0 => Ok(rows),
        1 => Err(Failure::Faulty { message: "1 fault; nothing was written".into(), faults }),
        count => Err(Failure::Faulty { message: format!("{count} faults; nothing was written"), faults }),
    }
}

fn text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::Unreadable(format!("{} cannot be read: {error}", path.display())))
}
