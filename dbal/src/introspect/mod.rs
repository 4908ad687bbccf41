//! From a database that others made to entities of it.
//!
//! `read` asks a database what it holds, in its own language; `catalogue` is the answer in words of none. What follows
//! computes: `translate` makes entities of tables, with `typed` for the types and `sql` for what stands in texts of SQL,
//! `index` and `relate` for what joins them, `guess` for what nobody declared, and `write` makes YAML of it. What is
//! made loads, and a migration to it finds nothing to do.

pub mod catalogue;
mod draft;
mod guess;
mod index;
mod name;
mod predicate;
mod read;
mod relate;
mod server;
mod sql;
mod translate;
mod typed;
mod write;

use crate::adapter::Connection;
use crate::error::{Error, Result};
use crate::migrate::history::History;
use crate::plan::operation::Lowering;
use crate::schema::{Loaded, RelationKind, load_sources, snake_case};
use crate::sql::dialect::Dialect;
use draft::Draft;
pub use server::Server;
pub(crate) use server::server;

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many rows of a table are looked at where their form is not declared; none for all of them.
    pub sample: Option<u64>,
    /// The tables that are wanted; all where there are none.
    pub tables: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Options { sample: Some(1_000), tables: Vec::new() }
    }
}

/// Entities of a database.
#[derive(Debug)]
pub struct Introspection {
    /// Entity files, in the order of their tables.
    pub files: Vec<File>,
    /// What no entity or field was made of.
    pub left: Vec<Left>,
    /// The schema that the files make.
    pub schema: Loaded,
}

/// An entity file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, such as `film_actor.yaml`.
    pub name: String,
    /// What it holds.
    pub text: String,
    /// The entity.
    pub entity: String,
    /// The table that it was made of.
    pub table: String,
    /// How many rows were looked at; none where the form of rows is declared.
    pub rows: Option<u64>,
    /// How many remarks the file has.
    pub remarks: usize,
}

/// Something that is left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Left {
    /// A table, or a column as `table.column`.
    pub what: String,
    /// Why.
    pub why: String,
}

/// Makes entities of what a connection's database holds. Nothing is changed in it.
///
/// # Errors
/// VALIDATION_ERROR for a table that is wanted and not there; CAPABILITY_NOT_SUPPORTED for a backend that keeps nothing;
/// DATABASE_ERROR.
pub fn introspect(connection: &mut dyn Connection, how: Lowering, options: &Options) -> Result<Introspection> {
    let existing = connection.inspect()?;
    let catalogue = read::read(connection, how, &existing, options)?;
    let there =
        |name: &String| catalogue.table(name).is_some() || catalogue.others.iter().any(|(other, _)| other == name);
    if let Some(missing) = options.tables.iter().find(|name| !there(name)) {
        let all = existing.tables.iter().map(|table| table.name.as_str());
        let near = crate::yaml::nearest(missing, all).map(|name| format!("; did you mean {name}?")).unwrap_or_default();
        return Err(Error::validation("table", format!("there is no table {missing}{near}")));
    }
    // Where the engine migrated, it wrote down what it meant.
    let history = if History::exists(&existing) { History::new(how).read(connection)? } else { Vec::new() };
    let (mut drafts, mut left) = translate::translate(how, &catalogue, history.last().map(|last| &last.model));
    guess::relations(connection, how, &catalogue, &mut drafts)?;
    let backend = match how {
        Lowering::Sql(Dialect::Sqlite) => "SQLite",
        Lowering::Sql(Dialect::Postgres) => "PostgreSQL",
        Lowering::Document => "MongoDB",
        Lowering::Ast => "memory",
    };
    if drafts.is_empty() {
        let why = if left.is_empty() {
            "it is empty".to_owned()
        } else {
            format!("{} were left out: {}", left.len(), listed(&left))
        };
        return Err(Error::validation("database", format!("no entity can be made of it; {why}")));
    }
    let schema = made(&drafts, backend)?;
    let schema = match relate::complete(&mut drafts, &schema.schema) {
        true => made(&drafts, backend)?,
        false => schema,
    };
    left.sort();
    let files = drafts.iter().map(|draft| {
        let text = write::file(draft, backend);
        File {
            name: format!("{}.yaml", snake_case(&draft.entity)),
            remarks: draft.remarks.len() + draft.fields.iter().map(|field| field.remarks.len()).sum::<usize>(),
            text,
            entity: draft.entity.clone(),
            table: draft.table.clone(),
            rows: draft.sampled,
        }
    });
    Ok(Introspection { files: files.collect(), left, schema })
}

impl Introspection {
    /// The relations of an entity by name, each with its kind and the entity that it leads to.
    pub fn relations(&self, entity: &str) -> Vec<(String, RelationKind, String)> {
        let schema = &self.schema.schema;
        let Some(id) = schema.by_name(entity) else { return Vec::new() };
        let each = schema.entity(id).relations.iter();
        each.map(|relation| (relation.name.clone(), relation.kind, schema.entity(relation.target).name.clone()))
            .collect()
    }
}

fn listed(left: &[Left]) -> String {
    left.iter().take(5).map(|left| format!("{} {}", left.what, left.why)).collect::<Vec<_>>().join("; ")
}

/// The schema that drafts make.
fn made(drafts: &[Draft], backend: &str) -> Result<Loaded> {
    let files = drafts.iter().map(|draft| (format!("{}.yaml", snake_case(&draft.entity)), write::file(draft, backend)));
    load_sources(files.collect()).map_err(|faults| Error::internal(format!("what was read does not load: {faults}")))
}

fn wanted(options: &Options, table: &str) -> bool {
    options.tables.is_empty() || options.tables.iter().any(|name| name == table)
}
