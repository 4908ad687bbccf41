//! A handle whose rows are the program's own types.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::builder::Query;
use crate::client::handle::{Entity, Execute};
use crate::error::Result;
use crate::value::{Value, to_value};

/// A handle on one entity that reads rows into `T`, by serde. Inputs are anything that serializes to an object: a
/// struct, a map, or [`value!`](crate::value!). Errors are those of [`Entity`], and DATABASE_ERROR or
/// VALIDATION_ERROR naming the field where a value does not fit the program's type.
///
/// ```
/// use dbal::{Client, Config, query};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize)]
/// struct NewNote<'a> { text: &'a str }
///
/// #[derive(Deserialize)]
/// struct Note { id: String, text: String }
///
/// let schema = "entity: Note\nfields:\n  id: { type: uuid, primary: true, generated: true }\n  text: { type: string, required: true }\n";
/// let db = Client::open(Config::memory().schema_text(schema))?;
/// db.migrate()?;
/// let notes = db.entity("Note")?.typed::<Note>();
/// let made = notes.create(&NewNote { text: "hello" })?;
/// let all: Vec<Note> = notes.find_many(query())?;
/// assert_eq!((all.len(), &all[0].id, all[0].text.as_str()), (1, &made.id, "hello"));
/// # Ok::<(), dbal::Error>(())
/// ```
#[derive(Debug)]
pub struct Typed<'c, X, T> {
    on: Entity<'c, X>,
    row: PhantomData<fn() -> T>,
}

/// A page of typed rows in its envelope.
#[derive(Clone, Debug, PartialEq)]
pub struct TypedPage<T> {
    /// The rows.
    pub data: Vec<T>,
    /// How many rows there are on all pages; none when not asked for.
    pub total: Option<i64>,
    /// Which page this is, from 1.
    pub page: i64,
    /// Rows in a full page.
    pub limit: i64,
    /// Whether rows follow.
    pub has_more: bool,
    /// What to give as `after` to get the rows that follow; see [`Page`](crate::Page).
    pub next_cursor: Option<String>,
    /// What to give as `before` to get the rows before.
    pub prev_cursor: Option<String>,
}

impl<'c, X: Execute, T: DeserializeOwned> Typed<'c, X, T> {
    pub(super) fn new(on: Entity<'c, X>) -> Self {
        Typed { on, row: PhantomData }
    }

    /// Makes a row.
    ///
    /// # Errors
    /// As [`Entity::create`].
    pub fn create(&self, data: &(impl Serialize + ?Sized)) -> Result<T> {
        self.on.create(to_value(data)?)?.to()
    }

    /// The row with this key.
    ///
    /// # Errors
    /// As [`Entity::read`].
    pub fn read(&self, key: impl Into<Value>) -> Result<T> {
        self.on.read(key)?.to()
    }

    /// Changes the fields that the patch has.
    ///
    /// # Errors
    /// As [`Entity::update`].
    pub fn update(&self, key: impl Into<Value>, patch: &(impl Serialize + ?Sized)) -> Result<T> {
        self.on.update(key, to_value(patch)?)?.to()
    }

    /// A page of rows.
    ///
    /// # Errors
    /// As [`Entity::list`].
    pub fn list(&self, query: Query) -> Result<TypedPage<T>> {
        let page = self.on.list(query)?;
        let data = page.data.iter().map(|record| record.to()).collect::<Result<_>>()?;
        Ok(TypedPage {
            data,
            total: page.total,
            page: page.page,
            limit: page.limit,
            has_more: page.has_more,
            next_cursor: page.next_cursor,
            prev_cursor: page.prev_cursor,
        })
    }

    /// All rows that match.
    ///
    /// # Errors
    /// As [`Entity::find_many`].
    pub fn find_many(&self, query: Query) -> Result<Vec<T>> {
        self.on.find_many(query)?.iter().map(|record| record.to()).collect()
    }

    /// The first row that matches, if any.
    ///
    /// # Errors
    /// As [`Entity::first`].
    pub fn first(&self, query: Query) -> Result<Option<T>> {
        self.on.first(query)?.map(|record| record.to()).transpose()
    }
}
