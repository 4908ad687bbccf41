//! `dbal introspect`

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use dbal::introspect::{Introspection, Options};
use dbal::schema::{RelationKind, load_dir};
use dbal::value::json;
use dbal::{Config, Error, ErrorKind, Value, value};

use crate::failure::Failure;
use crate::options::Report;
use crate::print::{Done, count, plain, texts};

/// Write entity files from a database that others made
#[derive(Args, Debug)]
#[command(after_help = "\
Reads tables, columns, keys, indexes, references, enums and comments from the catalogue of a SQLite or PostgreSQL
database, and writes one entity file a table. Where a type binds nobody, in SQLite and MongoDB, rows are looked at, and
what follows from them alone says how sure it is as a remark in the file. What no entity can be made of is listed with
the reason. Nothing in the database changes.

The result loads, and `dbal migrate plan` on the same database finds nothing to do.

Examples:
  dbal introspect sqlite:music.db --out entities
  dbal introspect postgresql://ada:secret@localhost/shop --schema sales --out entities
  dbal introspect mongodb://localhost/shop --sample all --table orders --table customers --out entities")]
pub struct Introspect {
    /// The database: sqlite:app.db, postgresql://host/database or mongodb://host/database
    #[arg(value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    url: String,
    /// The folder that the entity files are written to; made if it is not there
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// How many rows of a table are looked at where its types bind nobody: a number, or all
    #[arg(long, value_name = "N", default_value = "1000")]
    sample: String,
    /// The PostgreSQL schema that holds the tables; the first of the search path by default
    #[arg(long, value_name = "NAME")]
    schema: Option<String>,
    /// Only this table or collection; as often as needed
    #[arg(long = "table", value_name = "NAME")]
    tables: Vec<String>,
    /// Write even where there are entity files already; those of the same name are replaced
    #[arg(long)]
    force: bool,
    /// How the summary is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Report,
}

impl Introspect {
    pub fn run(&self, out: &mut dyn Write) -> Done {
        let sample = match self.sample.as_str() {
            "all" => None,
            number => match number.parse::<u64>() {
                Ok(rows) if rows > 0 => Some(rows),
                _ => return Err(Failure::Usage(format!("--sample {number}: expected a number from 1, or all"))),
            },
        };
        let config = Config::url(&self.place()?);
        if let Some(path) = config.file().filter(|path| !path.exists()) {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no database {}", path.display())).into());
        }
        // Before anything is asked: whoever waits for a large database should not hear it in the end.
        self.free()?;
        let found = config.introspect(&Options { sample, tables: self.tables.clone() })?;
        self.write(&found)?;
        match self.format {
            Report::Json => self.json(&found, out),
            Report::Text => self.text(&found, out),
        }
    }

    /// The URL with the schema in it.
    fn place(&self) -> Result<String, Failure> {
        let Some(schema) = &self.schema else { return Ok(self.url.clone()) };
        if !self.url.starts_with("postgres") {
            return Err(Failure::Usage("--schema is for PostgreSQL; entity files go to --out".into()));
        }
        let sign = if self.url.contains('?') { '&' } else { '?' };
        let spelled: String = schema
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            })
            .collect();
        Ok(format!("{}{sign}schema={spelled}", self.url))
    }

    /// Refuses a folder that holds entity files.
    fn free(&self) -> Result<(), Failure> {
        let taken = !self.force && self.out.exists() && entities(&self.out);
        if !taken {
            return Ok(());
        }
        let message = format!("{} holds entity files already; give another folder, or --force", self.out.display());
        Err(Error::validation("out", message).into())
    }

    fn write(&self, found: &Introspection) -> Result<(), Failure> {
        let failed = |path: &Path, error: &std::io::Error| Failure::Unreadable(format!("{}: {error}", path.display()));
        fs::create_dir_all(&self.out).map_err(|error| failed(&self.out, &error))?;
        for file in &found.files {
            let path = self.out.join(&file.name);
            fs::write(&path, &file.text).map_err(|error| failed(&path, &error))?;
        }
        Ok(())
    }

    fn text(&self, found: &Introspection, out: &mut dyn Write) -> Done {
        let rows: Vec<Vec<String>> = found
            .files
            .iter()
            .map(|file| {
                let schema = &found.schema.schema;
                let fields = schema.by_name(&file.entity).map_or(0, |id| schema.entity(id).fields.len());
                let relations: Vec<String> = found.relations(&file.entity).into_iter().map(|(name, ..)| name).collect();
                vec![
                    plain(&file.table).into_owned(),
                    file.entity.clone(),
                    fields.to_string(),
                    relations.join(", "),
                    file.rows.map_or_else(|| "declared".to_owned(), |rows| rows.to_string()),
                    file.remarks.to_string(),
                ]
            })
            .collect();
        texts(&["table", "entity", "fields", "relations", "rows seen", "remarks"], &rows, out)?;
        if !found.left.is_empty() {
            writeln!(out, "\nleft out:")?;
            for left in &found.left {
                writeln!(out, "  {}: {}", plain(&left.what), plain(&left.why))?;
            }
        }
        let files = count(found.files.len() as u64, "entity file");
        eprintln!("wrote {files} to {}; what is uncertain stands in them as remarks", self.out.display());
        eprintln!("next: dbal check {0}, then dbal migrate plan --schema {0}", self.out.display());
        Ok(())
    }

    fn json(&self, found: &Introspection, out: &mut dyn Write) -> Done {
        let entities: Vec<Value> = found
            .files
            .iter()
            .map(|file| {
                let relations = found.relations(&file.entity);
                let relations: Vec<Value> = relations
                    .into_iter()
                    .map(|(name, kind, to)| value!({ "name": name, "kind": (word(kind)), "entity": to }))
                    .collect();
                let rows = file.rows.map_or(Value::Null, |rows| Value::Int(rows as i64));
                value!({
                    "table": (file.table.as_str()),
                    "entity": (file.entity.as_str()),
                    "file": (file.name.as_str()),
                    "rows_seen": rows,
                    "remarks": (file.remarks as i64),
                    "relations": relations,
                })
            })
            .collect();
        let left: Vec<Value> = found
            .left
            .iter()
            .map(|left| value!({ "what": (left.what.as_str()), "why": (left.why.as_str()) }))
            .collect();
        let answer = value!({ "out": (self.out.display().to_string()), "entities": entities, "left_out": left });
        writeln!(out, "{}", json::to_wire(&answer))?;
        Ok(())
    }
}

fn word(kind: RelationKind) -> &'static str {
    match kind {
        RelationKind::BelongsTo => "belongs_to",
        RelationKind::HasOne => "has_one",
        RelationKind::HasMany => "has_many",
        RelationKind::ManyToMany => "many_to_many",
    }
}

/// Whether a folder holds entities, faulty ones included.
fn entities(folder: &Path) -> bool {
    match load_dir(folder) {
        Ok(_) => true,
        Err(faults) => faults.0.iter().any(|fault| !fault.to_string().contains("no entity found")),
    }
}
