//! What was done to a database, kept in the database: a row for each migration, with the model that it led to.

use super::change::Change;
use super::model::Model;
use super::record;
use crate::adapter::Connection;
use crate::document::migrate::{object, text};
use crate::error::{Error, Result};
use crate::plan::operation::Lowering;
use crate::sql::ddl::Snapshot;
use crate::sql::dialect::Dialect;
use crate::value::{DateTime, Map, Value, json};

/// The table or collection. No entity can have such a name.
pub const HISTORY: &str = "_dbal_migrations";

/// One migration.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number; 0 is what was there before the first one.
    pub number: i64,
    /// What it is called.
    pub name: String,
    /// Of the model's text.
    pub checksum: String,
    /// What there is after it.
    pub model: Model,
    /// What it renamed.
    pub renamed: Vec<Renamed>,
    /// How far it is.
    pub state: State,
    /// How many of its statements are done.
    pub done: usize,
    /// Its statements, in order.
    pub statements: Vec<String>,
    /// When it began.
    pub at: String,
}

/// How far a migration is. Where a backend does all of it in one transaction, there are only applied ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is done.
    Applied,
    /// It was begun.
    Running,
    /// It is being taken back.
    Leaving,
}

/// A renaming, kept so that the way back needs no guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// The entity's name after it; for a field, whose.
    pub entity: String,
    /// Whether a field was renamed.
    pub field: bool,
    /// The name before.
    pub from: String,
    /// The name after.
    pub to: String,
}

impl State {
    /// The word that is kept.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Applied => "applied",
            State::Running => "running",
            State::Leaving => "leaving",
        }
    }
}

impl Renamed {
    /// What some changes rename.
    pub fn of(changes: &[Change]) -> Vec<Renamed> {
        let each = changes.iter().filter_map(|change| match change {
            Change::RenameEntity { from, to, .. } if from != to => {
                Some(Renamed { entity: to.clone(), field: false, from: from.clone(), to: to.clone() })
            }
            Change::RenameField { entity, from, to, .. } if from != to => {
                Some(Renamed { entity: entity.clone(), field: true, from: from.clone(), to: to.clone() })
            }
            _ => None,
        });
        each.collect()
    }
}

/// The model before a migration, which says of everything that was renamed what it is called now.
pub fn way_back(mut before: Model, renamed: &[Renamed]) -> Model {
    let earlier = |entity: &str| {
        let found = renamed.iter().find(|one| !one.field && one.to == entity);
        found.map_or_else(|| entity.to_owned(), |one| one.from.clone())
    };
    for one in renamed {
        let Some(table) = before.table_mut(&earlier(&one.entity)) else { continue };
        if !one.field {
            table.renamed_from = Some(one.to.clone());
        } else if let Some(column) = table.column_mut(&one.from) {
            column.renamed_from = Some(one.to.clone());
        }
    }
    before
}

/// How the history is written on one backend.
#[derive(Clone, Copy, Debug)]
pub struct History {
    how: Lowering,
}

impl History {
    /// The history of a backend.
    pub fn new(how: Lowering) -> History {
        History { how }
    }

    /// Whether there is one.
    pub fn exists(existing: &Snapshot) -> bool {
        existing.tables.iter().any(|table| table.name == HISTORY)
    }

    /// The statement that makes it.
    pub fn create(self) -> String {
        let strict = match self.how {
            Lowering::Document => return object(&[("create", &text(HISTORY))]),
            Lowering::Sql(Dialect::Sqlite) => " STRICT",
            Lowering::Sql(Dialect::Postgres) | Lowering::Ast => "",
        };
        format!(
            "CREATE TABLE IF NOT EXISTS \"{HISTORY}\" ( \"number\" INTEGER NOT NULL PRIMARY KEY, \"name\" TEXT NOT NULL, \
             \"checksum\" TEXT NOT NULL, \"model\" TEXT NOT NULL, \"renamed\" TEXT NOT NULL, \"state\" TEXT NOT NULL, \
             \"done\" INTEGER NOT NULL, \"statements\" TEXT NOT NULL, \"at\" TEXT NOT NULL ){strict}"
        )
    }

    /// All migrations, the first one first.
    ///
    /// # Errors
    /// DATABASE_ERROR for one that was changed since it was written.
    pub fn read(self, connection: &mut dyn Connection) -> Result<Vec<Entry>> {
        let ask = match self.how {
            Lowering::Document => {
                let sort = object(&[("_id", "1")]);
                object(&[("find", &text(HISTORY)), ("sort", &sort), ("batchSize", "100000")])
            }
            Lowering::Sql(_) | Lowering::Ast => format!("SELECT * FROM \"{HISTORY}\" ORDER BY \"number\""),
        };
        connection.ask(&ask)?.iter().map(read).collect()
    }

    /// The statement that adds an entry.
    pub fn insert(self, entry: &Entry) -> String {
        let Entry { number, done, .. } = entry;
        let statements = Value::List(entry.statements.iter().map(|one| Value::from(one.as_str())).collect());
        let texts = [
            ("name", entry.name.clone()),
            ("checksum", entry.checksum.clone()),
            ("model", record::to_text(&entry.model)),
            ("renamed", json::to_text(&renamings(&entry.renamed))),
            ("state", entry.state.as_str().to_owned()),
            ("statements", json::to_text(&statements)),
            ("at", entry.at.clone()),
        ];
        match self.how {
            Lowering::Document => {
                let mut pairs = vec![("_id", number.to_string()), ("done", done.to_string())];
                pairs.extend(texts.iter().map(|(name, value)| (*name, text(value))));
                let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let documents = format!("[{}]", object(&pairs));
                object(&[("insert", &text(HISTORY)), ("documents", &documents)])
            }
            Lowering::Sql(_) | Lowering::Ast => {
                let names: Vec<String> = texts.iter().map(|(name, _)| format!("\"{name}\"")).collect();
                let values: Vec<String> = texts.iter().map(|(_, value)| literal(value)).collect();
                let (names, values) = (names.join(", "), values.join(", "));
                format!("INSERT INTO \"{HISTORY}\" (\"number\", \"done\", {names}) VALUES ({number}, {done}, {values})")
            }
        }
    }

    /// The statement that forgets an entry.
    pub fn remove(self, number: i64) -> String {
        match self.how {
            Lowering::Document => {
                let delete = object(&[("q", &object(&[("_id", &number.to_string())])), ("limit", "1")]);
                object(&[("delete", &text(HISTORY)), ("deletes", &format!("[{delete}]"))])
            }
            Lowering::Sql(_) | Lowering::Ast => format!("DELETE FROM \"{HISTORY}\" WHERE \"number\" = {number}"),
        }
    }

    /// The command that says how far an entry is; databases with one transaction for all of it need none.
    pub fn progress(self, number: i64, state: State, done: usize, statements: Option<&[String]>) -> String {
        let (done, state) = (done.to_string(), text(state.as_str()));
        let mut set = vec![("done", done.as_str()), ("state", state.as_str())];
        let listed = statements.map(|statements| {
            let list = Value::List(statements.iter().map(|one| Value::from(one.as_str())).collect());
            text(&json::to_text(&list))
        });
        set.extend(listed.as_deref().map(|listed| ("statements", listed)));
        let (of, set) = (object(&[("_id", &number.to_string())]), object(&[("$set", &object(&set))]));
        let update = object(&[("q", &of), ("u", &set)]);
        object(&[("update", &text(HISTORY)), ("updates", &format!("[{update}]"))])
    }
}

/// A new entry.
pub fn entry(number: i64, name: String, model: &Model, changes: &[Change], statements: Vec<String>) -> Entry {
    // As it will be read: hints are no part of it.
    let model = record::from_text(&record::to_text(model)).unwrap_or_else(|_| model.clone());
    Entry {
        number,
        name,
        checksum: record::checksum(&record::to_text(&model)),
        model,
        renamed: Renamed::of(changes),
        state: State::Applied,
        done: statements.len(),
        statements,
        at: DateTime::now().to_string(),
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn renamings(renamed: &[Renamed]) -> Value {
    let each = renamed.iter().map(|one| {
        let mut map = Map::new();
        map.insert("entity", one.entity.as_str());
        map.insert("field", one.field);
        map.insert("from", one.from.as_str());
        map.insert("to", one.to.as_str());
        Value::Map(map)
    });
    Value::List(each.collect())
}

fn read(row: &Map) -> Result<Entry> {
    let text = |name: &str| row.get(name).and_then(Value::as_str);
    let whole = |name: &str| row.get(name).and_then(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok()));
    let list = |name: &str| json::parse(text(name)?.as_bytes()).ok();
    let broken =
        |what: &str| Error::database(format!("the history of migrations is damaged: {what}"), format!("{row:?}"));
    let number = whole("number").or_else(|| whole("_id")).ok_or_else(|| broken("an entry has no number"))?;
    let (kept, checksum) = (text("model").unwrap_or_default(), text("checksum").unwrap_or_default());
    if record::checksum(kept) != checksum {
        return Err(broken(&format!("the schema of number {number} is not the one that was written")));
    }
    let renamed = list("renamed").and_then(|list| list.as_list()?.iter().map(read_renamed).collect());
    let statements = list("statements").and_then(|list| {
        let texts = list.as_list()?.iter().map(|one| one.as_str().map(str::to_owned));
        texts.collect::<Option<Vec<_>>>()
    });
    let states = [State::Applied, State::Running, State::Leaving];
    Ok(Entry {
        number,
        name: text("name").unwrap_or_default().to_owned(),
        checksum: checksum.to_owned(),
        model: record::from_text(kept)?,
        renamed: renamed.ok_or_else(|| broken(&format!("what number {number} renamed cannot be read")))?,
        state: states.into_iter().find(|state| text("state") == Some(state.as_str())).unwrap_or(State::Applied),
        done: whole("done").and_then(|done| usize::try_from(done).ok()).unwrap_or(0),
        statements: statements.ok_or_else(|| broken(&format!("the statements of number {number} cannot be read")))?,
        at: text("at").unwrap_or_default().to_owned(),
    })
}

fn read_renamed(value: &Value) -> Option<Renamed> {
    let map = value.as_map()?;
    let text = |name: &str| map.get(name)?.as_str().map(str::to_owned);
    Some(Renamed {
        entity: text("entity")?,
        field: map.get("field") == Some(&Value::Bool(true)),
        from: text("from")?,
        to: text("to")?,
    })
}
