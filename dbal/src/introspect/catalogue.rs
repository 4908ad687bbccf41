//! What a database says of its tables, in words of no database where there are such words.

use crate::schema::Referential;
use crate::value::{Map, Value};

/// So many different values of a column are kept.
const EXAMPLES: usize = 100;

/// Everything that a database holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalogue {
    /// Tables or collections, by name.
    pub tables: Vec<Table>,
    /// What no entity can be made of, with the reason.
    pub others: Vec<(String, String)>,
}

impl Catalogue {
    /// A table by its name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// What somebody wrote about it.
    pub comment: Option<String>,
    /// In the order of their declaration.
    pub columns: Vec<Column>,
    /// The columns of the primary key.
    pub key: Vec<String>,
    /// Indexes and unique keys, that of the primary key left out.
    pub indexes: Vec<Index>,
    /// Where columns point.
    pub references: Vec<Reference>,
    /// The columns whose words the engine keeps in tables of its own.
    pub searched: Vec<String>,
    /// What else there is: checks, triggers, partitions; each as a remark.
    pub remarks: Vec<String>,
    /// How many rows were looked at; none where their form is declared.
    pub sampled: Option<u64>,
    /// Whether every row there is was looked at.
    pub whole: bool,
}

impl Table {
    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// A column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type in the database's own words.
    pub stored: String,
    /// Whether null is allowed.
    pub nullable: bool,
    /// What a row gets that says nothing of it.
    pub default: Option<Default_>,
    /// Why nobody can write it, where that is so.
    pub read_only: Option<&'static str>,
    /// The words that it may hold, where there are no others.
    pub words: Option<Vec<String>>,
    /// What somebody wrote about it.
    pub comment: Option<String>,
    /// By what texts are compared in it, where not by code points.
    pub collation: Option<String>,
    /// What it held where it was looked at.
    pub seen: Option<Seen>,
}

/// What a row gets that says nothing of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Default_ {
    /// This value.
    Literal(Value),
    /// The time.
    Now,
    /// A UUID.
    Uuid,
    /// The next number.
    Sequence,
    /// What no word of the contract says, in the database's own.
    Other(String),
}

/// An index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Index {
    /// Its name in the database.
    pub name: String,
    /// Its columns in order; empty where some of it is no column.
    pub columns: Vec<String>,
    /// Whether they are unique together.
    pub unique: bool,
    /// Whether it leaves nulls out as the engine's own unique indexes do.
    pub ours: bool,
    /// Which rows it is over, where not all.
    pub rows: Option<Rows>,
    /// What the contract cannot say of it; such an index is a remark. Of one over some rows, what is remarked where the
    /// contract has no words for them.
    pub odd: Option<String>,
}

/// Which rows an index is over, in the database's own words.
#[derive(Clone, Debug, PartialEq)]
pub enum Rows {
    /// The condition of SQL.
    Sql(String),
    /// The filter of MongoDB.
    Documents(Map),
}

/// Where columns point.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// The columns in order.
    pub columns: Vec<String>,
    /// The table that they point to.
    pub table: String,
    /// Its columns; empty for those of its key.
    pub targets: Vec<String>,
    /// What happens when the target is deleted.
    pub on_delete: Action,
    /// What happens when the target's value changes.
    pub on_update: Action,
}

/// What a reference does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// What the contract has a word for.
    Known(Referential),
    /// `SET DEFAULT`, for which it has none.
    SetDefault,
}

impl Action {
    /// Of the words that SQL has for it.
    pub fn of(words: &str) -> Action {
        match words.to_ascii_uppercase().as_str() {
            "CASCADE" | "C" => Action::Known(Referential::Cascade),
            "SET NULL" | "N" => Action::Known(Referential::SetNull),
            "SET DEFAULT" | "D" => Action::SetDefault,
            _ => Action::Known(Referential::Restrict),
        }
    }
}

/// What a column held in the rows that were looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// How often each kind of value, by the database's own word for it, most often first. Nulls are not among them.
    pub kinds: Vec<(String, u64)>,
    /// Rows without a value.
    pub nulls: u64,
    /// Of the texts, how many are of each form.
    pub forms: Forms,
    /// The least and the greatest whole number.
    pub range: Option<(i64, i64)>,
    /// The longest text, in code points.
    pub longest: u64,
    /// Some of the texts and whole numbers, each once.
    pub examples: Vec<Value>,
}

/// How many texts read as something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forms {
    /// All of them.
    pub texts: u64,
    /// A UUID in lower case with hyphens.
    pub uuid: u64,
    /// A calendar day.
    pub date: u64,
    /// A day and a time, with a blank or a `T` between them.
    pub instant: u64,
    /// An object or a list of JSON.
    pub json: u64,
    /// A number as decimals are spelled.
    pub decimal: u64,
}

impl Seen {
    /// How many values there were.
    pub fn values(&self) -> u64 {
        self.kinds.iter().map(|(_, count)| count).sum()
    }

    /// How many of a kind.
    pub fn of_kind(&self, kind: &str) -> u64 {
        self.kinds.iter().find(|(known, _)| known == kind).map_or(0, |(_, count)| *count)
    }

    /// Whether there were values, and all of this kind.
    pub fn only(&self, kind: &str) -> bool {
        self.values() > 0 && self.of_kind(kind) == self.values()
    }

    /// Takes one value in.
    pub fn add(&mut self, kind: &str, value: &Value) {
        if kind == "null" || kind == "undefined" {
            self.nulls += 1;
            return;
        }
        match self.kinds.iter_mut().find(|(known, _)| known == kind) {
            Some((_, count)) => *count += 1,
            None => self.kinds.push((kind.to_owned(), 1)),
        }
        if matches!(value, Value::Text(_) | Value::Int(_))
            && self.examples.len() < EXAMPLES
            && !self.examples.contains(value)
        {
            self.examples.push(value.clone());
        }
        match value {
            Value::Text(text) => self.text(text),
            Value::Int(number) => {
                let (least, greatest) = self.range.unwrap_or((*number, *number));
                self.range = Some((least.min(*number), greatest.max(*number)));
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        let forms = &mut self.forms;
        forms.texts += 1;
        self.longest = self.longest.max(text.chars().count() as u64);
        let lower = || !text.bytes().any(|byte| byte.is_ascii_uppercase());
        if text.len() == 36 && lower() && crate::value::Uuid::try_parse(text).is_ok() {
            forms.uuid += 1;
        }
        let day = text.get(..10).and_then(|day| day.parse::<crate::value::Date>().ok());
        if day.is_some() {
            match text.as_bytes().get(10) {
                None => forms.date += 1,
                Some(b' ' | b'T') if text.as_bytes().get(13) == Some(&b':') => forms.instant += 1,
                Some(_) => {}
            }
        }
        if text.starts_with(['{', '[']) && crate::value::json::parse(text.as_bytes()).is_ok() {
            forms.json += 1;
        }
        if text.parse::<crate::value::Decimal>().is_ok() {
            forms.decimal += 1;
        }
    }

    /// The most frequent kind first.
    pub fn sort(&mut self) {
        self.kinds.sort_by(|(a, many), (b, more)| more.cmp(many).then_with(|| a.cmp(b)));
    }
}
