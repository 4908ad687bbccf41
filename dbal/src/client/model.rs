//! Entities as types of the program: what `dbal generate rust` writes rests on this. A field of another entity, or a
//! value of another type, is a fault of the compiler.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::client::builder::{Filter, Query, field, query};
use crate::client::handle::{Entity, Execute};
use crate::client::transaction::Transaction;
use crate::client::typed::{Typed, TypedPage};
use crate::error::Result;
use crate::value::{Value, to_value};

/// An entity as a type: its rows, and what makes and changes one.
pub trait Model: DeserializeOwned {
    /// The entity's name.
    const NAME: &'static str;
    /// What makes a row.
    type Create: Serialize;
    /// What changes a row.
    type Update: Serialize;
}

/// A field of an entity, with the type of its values.
///
/// ```
/// use dbal::client::model::{Column, Model, select};
/// use dbal::{Client, Config};
/// use serde::{Deserialize, Serialize};
///
/// // As `dbal generate rust` writes it.
/// #[derive(Deserialize)]
/// struct Note { id: i32, text: String }
/// #[derive(Serialize)]
/// struct NoteCreate { id: i32, text: String }
/// #[derive(Serialize, Default)]
/// struct NoteUpdate { #[serde(skip_serializing_if = "Option::is_none")] text: Option<String> }
/// impl Model for Note {
///     const NAME: &'static str = "Note";
///     type Create = NoteCreate;
///     type Update = NoteUpdate;
/// }
/// impl Note {
///     const TEXT: Column<Note, String> = Column::new("text");
/// }
///
/// let schema = "entity: Note\nfields: { id: { type: integer, primary: true }, text: { type: string } }";
/// let db = Client::open(Config::memory().schema_text(schema))?;
/// let notes = db.model::<Note>()?;
/// notes.create(&NoteCreate { id: 1, text: "hello".into() })?;
/// notes.update(1, &NoteUpdate { text: Some("hello, you".into()) })?;
/// let found = notes.find_many(select().filter(Note::TEXT.starts_with("hello")).sort(Note::TEXT.desc()))?;
/// assert_eq!((found[0].id, found[0].text.as_str()), (1, "hello, you"));
/// # Ok::<(), dbal::Error>(())
/// ```
pub struct Column<M, T> {
    name: &'static str,
    of: PhantomData<fn() -> (M, T)>,
}

impl<M, T> Clone for Column<M, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, T> Copy for Column<M, T> {}

impl<M, T> std::fmt::Debug for Column<M, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Types whose values have an order that conditions may ask about.
pub trait Ordered {}

macro_rules! ordered {
    ($($ty:ty),*) => { $(impl Ordered for $ty {})* };
}
ordered!(String, i32, i64, f64, crate::value::Decimal, crate::value::DateTime, crate::value::Date, crate::value::Uuid);

/// Bytes that every target of the program puts in order.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct OrderedBytes(pub Value);

impl Ordered for OrderedBytes {}

impl<M, T> Column<M, T> {
    /// The field of this name.
    pub const fn new(name: &'static str) -> Self {
        Column { name, of: PhantomData }
    }

    /// Null.
    pub fn is_null(self) -> Condition<M> {
        Condition::new(field(self.name).is_null())
    }

    /// Not null.
    pub fn is_not_null(self) -> Condition<M> {
        Condition::new(field(self.name).is_not_null())
    }

    /// Rows in the order of the field, the least first.
    pub fn asc(self) -> Order<M> {
        Order { name: self.name, direction: "asc", of: PhantomData }
    }

    /// Rows in the order of the field, the greatest first.
    pub fn desc(self) -> Order<M> {
        Order { name: self.name, direction: "desc", of: PhantomData }
    }
}

/// A value for a condition. One that cannot be data is a fault when the request is made: nothing equals it.
fn comparand(value: impl Serialize) -> Value {
    to_value(&value).unwrap_or(Value::Undefined)
}

impl<M, T: Serialize> Column<M, T> {
    /// Equal.
    pub fn eq(self, value: impl Into<T>) -> Condition<M> {
        Condition::new(field(self.name).eq(comparand(value.into())))
    }

    /// Not equal; rows where the field is null do not match.
    pub fn ne(self, value: impl Into<T>) -> Condition<M> {
        Condition::new(field(self.name).ne(comparand(value.into())))
    }

    /// One of these.
    pub fn is_in(self, values: impl IntoIterator<Item = impl Into<T>>) -> Condition<M> {
        Condition::new(field(self.name).is_in(values.into_iter().map(|value| comparand(value.into()))))
    }
}

impl<M, T: Serialize + Ordered> Column<M, T> {
    /// Greater.
    pub fn gt(self, value: impl Into<T>) -> Condition<M> {
        Condition::new(field(self.name).gt(comparand(value.into())))
    }

    /// Greater or equal.
    pub fn gte(self, value: impl Into<T>) -> Condition<M> {
        Condition::new(field(self.name).gte(comparand(value.into())))
    }

    /// Less.
    pub fn lt(self, value: impl Into<T>) -> Condition<M> {
        Condition::new(field(self.name).lt(comparand(value.into())))
    }

    /// Less or equal.
    pub fn lte(self, value: impl Into<T>) -> Condition<M> {
        Condition::new(field(self.name).lte(comparand(value.into())))
    }

    /// From `low` to `high`, both included.
    pub fn between(self, low: impl Into<T>, high: impl Into<T>) -> Condition<M> {
        Condition::new(field(self.name).between(comparand(low.into()), comparand(high.into())))
    }
}

impl<M> Column<M, String> {
    /// Text that holds this.
    pub fn contains(self, text: &str) -> Condition<M> {
        Condition::new(field(self.name).contains(text))
    }

    /// Text that begins with this.
    pub fn starts_with(self, text: &str) -> Condition<M> {
        Condition::new(field(self.name).starts_with(text))
    }

    /// Text that ends with this.
    pub fn ends_with(self, text: &str) -> Condition<M> {
        Condition::new(field(self.name).ends_with(text))
    }

    /// Text that holds this, whatever the case.
    pub fn icontains(self, text: &str) -> Condition<M> {
        Condition::new(field(self.name).icontains(text))
    }

    /// Equal, whatever the case.
    pub fn ieq(self, text: &str) -> Condition<M> {
        Condition::new(field(self.name).ieq(text))
    }
}

/// A relation of an entity.
pub struct Link<M> {
    name: &'static str,
    of: PhantomData<fn() -> M>,
}

impl<M> Link<M> {
    /// The relation of this name.
    pub const fn new(name: &'static str) -> Self {
        Link { name, of: PhantomData }
    }
}

impl<M> std::fmt::Debug for Link<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// A condition on rows of an entity.
#[derive(Debug)]
pub struct Condition<M> {
    filter: Filter,
    of: PhantomData<fn() -> M>,
}

impl<M> Condition<M> {
    fn new(filter: Filter) -> Self {
        Condition { filter, of: PhantomData }
    }

    /// Both hold.
    pub fn and(self, other: Condition<M>) -> Self {
        Condition::new(self.filter.and(other.filter))
    }

    /// At least one holds.
    pub fn or(self, other: Condition<M>) -> Self {
        Condition::new(self.filter.or(other.filter))
    }
}

impl<M> std::ops::Not for Condition<M> {
    type Output = Condition<M>;

    fn not(self) -> Condition<M> {
        Condition::new(!self.filter)
    }
}

/// An order of rows by one field.
#[derive(Debug)]
pub struct Order<M> {
    name: &'static str,
    direction: &'static str,
    of: PhantomData<fn() -> M>,
}

/// Starts a selection; empty means everything.
pub fn select<M>() -> Select<M> {
    Select { query: query(), include: Vec::new(), of: PhantomData }
}

/// Which rows of an entity, in which order.
#[derive(Debug)]
pub struct Select<M> {
    query: Query,
    include: Vec<&'static str>,
    of: PhantomData<fn() -> M>,
}

impl<M> Select<M> {
    fn map(self, change: impl FnOnce(Query) -> Query) -> Self {
        Select { query: change(self.query), ..self }
    }

    /// Rows for which this holds; a second call narrows further.
    pub fn filter(self, condition: Condition<M>) -> Self {
        self.map(|query| query.filter(condition.filter))
    }

    /// Orders rows; a second call orders rows equal so far.
    pub fn sort(self, order: Order<M>) -> Self {
        self.map(|query| query.sort(order.name, order.direction))
    }

    /// Related rows along.
    pub fn include(mut self, link: Link<M>) -> Self {
        self.include.push(link.name);
        self
    }

    /// At most so many rows, or rows in a page.
    pub fn limit(self, limit: i64) -> Self {
        self.map(|query| query.limit(limit))
    }

    /// Which page, from 1.
    pub fn page(self, page: i64) -> Self {
        self.map(|query| query.page(page))
    }

    /// Rows to pass over.
    pub fn offset(self, offset: i64) -> Self {
        self.map(|query| query.offset(offset))
    }

    fn into_query(self) -> Query {
        if self.include.is_empty() {
            return self.query;
        }
        let include = self.include.into_iter().map(|name| (name.to_owned(), Value::Bool(true)));
        self.query.include(Value::Map(include.collect()))
    }
}

/// A handle on the rows of an entity. Errors are those of [`Entity`].
#[derive(Debug)]
pub struct Models<'c, X, M: Model> {
    rows: Typed<'c, X, M>,
    plain: Entity<'c, X>,
}

impl<X: Execute, M: Model> Models<'_, X, M> {
    /// Makes a row.
    ///
    /// # Errors
    /// As [`Entity::create`].
    pub fn create(&self, data: &M::Create) -> Result<M> {
        self.rows.create(data)
    }

    /// The row with this key.
    ///
    /// # Errors
    /// As [`Entity::read`].
    pub fn read(&self, key: impl Into<Value>) -> Result<M> {
        self.rows.read(key)
    }

    /// Changes the fields that the patch has.
    ///
    /// # Errors
    /// As [`Entity::update`].
    pub fn update(&self, key: impl Into<Value>, patch: &M::Update) -> Result<M> {
        self.rows.update(key, patch)
    }

    /// Removes the row with this key.
    ///
    /// # Errors
    /// As [`Entity::delete`].
    pub fn delete(&self, key: impl Into<Value>) -> Result<()> {
        self.plain.delete(key)
    }

    /// A page of rows.
    ///
    /// # Errors
    /// As [`Entity::list`].
    pub fn list(&self, select: Select<M>) -> Result<TypedPage<M>> {
        self.rows.list(select.into_query())
    }

    /// All rows that match.
    ///
    /// # Errors
    /// As [`Entity::find_many`].
    pub fn find_many(&self, select: Select<M>) -> Result<Vec<M>> {
        self.rows.find_many(select.into_query())
    }

    /// The first row that matches, if any.
    ///
    /// # Errors
    /// As [`Entity::first`].
    pub fn first(&self, select: Select<M>) -> Result<Option<M>> {
        self.rows.first(select.into_query())
    }

    /// How many rows match.
    ///
    /// # Errors
    /// As [`Entity::count`].
    pub fn count(&self, select: Select<M>) -> Result<i64> {
        self.plain.count(select.into_query())
    }
}

impl Client {
    /// A handle on an entity as a type.
    ///
    /// # Errors
    /// VALIDATION_ERROR where the schema has no such entity.
    pub fn model<M: Model>(&self) -> Result<Models<'_, Client, M>> {
        Ok(Models { rows: self.entity(M::NAME)?.typed(), plain: self.entity(M::NAME)? })
    }
}

impl<'c> Transaction<'c> {
    /// A handle on an entity as a type.
    ///
    /// # Errors
    /// VALIDATION_ERROR where the schema has no such entity.
    pub fn model<M: Model>(&self) -> Result<Models<'_, Transaction<'c>, M>> {
        Ok(Models { rows: self.entity(M::NAME)?.typed(), plain: self.entity(M::NAME)? })
    }
}
