//! A handle on one entity, the same on a client and inside a transaction.

use crate::client::builder::Query;
use crate::client::typed::Typed;
use crate::client::{Client, Page, Response};
use crate::error::Result;
use crate::request::{Operation, Request};
use crate::row::Record;
use crate::value::{Map, Name, Value};

/// Whatever runs requests: a [`Client`], or a [`Transaction`](super::transaction::Transaction).
pub trait Execute {
    /// Runs a request and gathers its answer.
    ///
    /// # Errors
    /// Those of the catalogue.
    fn execute(&self, request: &Request) -> Result<Response>;

    /// Runs a request whose answer is one row.
    ///
    /// # Errors
    /// Those of the catalogue; INTERNAL_ERROR where the answer is another one.
    fn row(&self, request: &Request) -> Result<Record> {
        self.execute(request)?.row()
    }
}

impl Execute for Client {
    fn execute(&self, request: &Request) -> Result<Response> {
        Client::execute(self, request)
    }

    fn row(&self, request: &Request) -> Result<Record> {
        Client::row(self, request)
    }
}

/// A handle on one entity.
#[derive(Debug)]
pub struct Entity<'c, X> {
    on: &'c X,
    name: &'c str,
}

impl<'c, X: Execute> Entity<'c, X> {
    pub(super) fn new(on: &'c X, name: &'c str) -> Self {
        Entity { on, name }
    }

    fn ask(&self, operation: Operation, args: Map) -> Result<Response> {
        self.on.execute(&Request { operation, entity: Name::Owned(self.name.to_owned()), args })
    }

    fn row(&self, operation: Operation, args: Map) -> Result<Record> {
        self.on.row(&Request { operation, entity: Name::Owned(self.name.to_owned()), args })
    }

    /// The same handle with rows as the program's own type.
    pub fn typed<T: serde::de::DeserializeOwned>(self) -> Typed<'c, X, T> {
        Typed::new(self)
    }

    /// Makes a row and returns it as stored.
    ///
    /// # Errors
    /// VALIDATION_ERROR with every faulty field, CONFLICT, FORBIDDEN.
    pub fn create(&self, data: impl Into<Value>) -> Result<Record> {
        self.row(Operation::Create, data_args(data.into()))
    }

    /// Makes rows, all or none, and returns them as stored, in the order given.
    ///
    /// # Errors
    /// As [`Entity::create`]; every fault carries the number of its row, from 0.
    pub fn create_many<V: Into<Value>>(&self, rows: impl IntoIterator<Item = V>) -> Result<Vec<Record>> {
        self.ask(Operation::CreateMany, rows_args(rows))?.rows()
    }

    /// Makes rows, all or none, and says how many: for many rows that nobody looks at.
    ///
    /// # Errors
    /// As [`Entity::create_many`].
    pub fn insert_many<V: Into<Value>>(&self, rows: impl IntoIterator<Item = V>) -> Result<i64> {
        self.ask(Operation::CreateMany, counted(rows_args(rows)))?.affected()
    }

    /// The row with this primary key, or with this unique key given as a map.
    ///
    /// # Errors
    /// NOT_FOUND when there is none, or none that the caller may see.
    pub fn read(&self, key: impl Into<Value>) -> Result<Record> {
        self.row(Operation::Read, key_args(key.into()))
    }

    /// Changes the named fields of a row and returns the new row.
    ///
    /// # Errors
    /// NOT_FOUND, VALIDATION_ERROR, CONFLICT, FORBIDDEN.
    pub fn update(&self, key: impl Into<Value>, patch: impl Into<Value>) -> Result<Record> {
        self.row(Operation::Update, update_args(key.into(), patch.into()))
    }

    /// Removes a row.
    ///
    /// # Errors
    /// NOT_FOUND; CONFLICT with reason `foreign_key` when something still refers to it.
    pub fn delete(&self, key: impl Into<Value>) -> Result<()> {
        self.ask(Operation::Delete, key_args(key.into())).map(drop)
    }

    /// Changes the named fields of all rows that match, and says how many there were.
    ///
    /// # Errors
    /// VALIDATION_ERROR, also for a filter that matches every row; CONFLICT, FORBIDDEN.
    pub fn update_many(&self, filter: impl Into<Value>, patch: impl Into<Value>) -> Result<i64> {
        self.ask(Operation::UpdateMany, many_args(filter.into(), Some(patch.into())))?.affected()
    }

    /// Changes the named fields of every row, and says how many there were.
    ///
    /// # Errors
    /// As [`Entity::update_many`].
    pub fn update_all(&self, patch: impl Into<Value>) -> Result<i64> {
        self.ask(Operation::UpdateMany, all_args(Some(patch.into())))?.affected()
    }

    /// Removes all rows that match, and says how many there were.
    ///
    /// # Errors
    /// VALIDATION_ERROR, also for a filter that matches every row; CONFLICT, FORBIDDEN.
    pub fn delete_many(&self, filter: impl Into<Value>) -> Result<i64> {
        self.ask(Operation::DeleteMany, many_args(filter.into(), None))?.affected()
    }

    /// Removes every row, and says how many there were.
    ///
    /// # Errors
    /// As [`Entity::delete_many`].
    pub fn delete_all(&self) -> Result<i64> {
        self.ask(Operation::DeleteMany, all_args(None))?.affected()
    }

    /// Changes the row of a unique key, or makes it where there is none. What `create` lacks of the key is taken
    /// from it.
    ///
    /// # Errors
    /// VALIDATION_ERROR, FORBIDDEN; CONFLICT with another row, also one that the caller may not see.
    pub fn upsert(&self, key: impl Into<Value>, create: impl Into<Value>, update: impl Into<Value>) -> Result<Record> {
        self.row(Operation::Upsert, upsert_args(key.into(), create.into(), update.into()))
    }

    /// Upserts, all or none, each an object of `where`, `create`, `update` and maybe `if_version`. Returns the rows in
    /// the order given.
    ///
    /// # Errors
    /// As [`Entity::upsert`]; every fault carries the number of its row, from 0.
    pub fn upsert_many<V: Into<Value>>(&self, upserts: impl IntoIterator<Item = V>) -> Result<Vec<Record>> {
        self.ask(Operation::UpsertMany, rows_args(upserts))?.rows()
    }

    /// Runs an operation that the schema declares for the entity; see [`Client::call`].
    ///
    /// # Errors
    /// As there.
    pub fn call(&self, operation: &str, input: impl Into<Value>) -> Result<Response> {
        self.ask(Operation::Call, call_args(operation, input.into())).map(Response::uncalled)
    }

    /// A page of rows in its envelope.
    ///
    /// # Errors
    /// VALIDATION_ERROR, FORBIDDEN.
    pub fn list(&self, query: Query) -> Result<Page> {
        self.ask(Operation::List, query.into_args())?.page()
    }

    /// All rows that match.
    ///
    /// # Errors
    /// VALIDATION_ERROR, FORBIDDEN; a bound caller who gives no limit and would get more rows than allowed is told so.
    pub fn find_many(&self, query: Query) -> Result<Vec<Record>> {
        self.ask(Operation::FindMany, query.into_args())?.rows()
    }

    /// The first row that matches, if any.
    ///
    /// # Errors
    /// VALIDATION_ERROR, FORBIDDEN.
    pub fn first(&self, query: Query) -> Result<Option<Record>> {
        self.ask(Operation::First, query.into_args())?.maybe()
    }

    /// How many rows match.
    ///
    /// # Errors
    /// VALIDATION_ERROR, FORBIDDEN.
    pub fn count(&self, query: Query) -> Result<i64> {
        self.ask(Operation::Count, query.into_args())?.count()
    }
    /// The different values of a field, in its order; null once if some row has it.
    ///
    /// # Errors
    /// VALIDATION_ERROR, FORBIDDEN; a bound caller who would get more values than allowed is told so.
    pub fn distinct(&self, field: &str, query: Query) -> Result<Vec<Value>> {
        self.ask(Operation::Distinct, distinct_args(field, query))?.values()
    }

    /// What is computed of all rows, or, with `group_by`, of each group: an object, or a list of objects.
    ///
    /// ```
    /// use dbal::{Client, Config, query, value};
    /// let schema = "entity: Sale\nfields:\n  id: { type: integer, primary: true }\n  town: { type: string }\n  price: { type: integer }\n";
    /// let db = Client::open(Config::memory().schema_text(schema))?;
    /// let sales = db.entity("Sale")?;
    /// sales.create(value!({ "id": 1, "town": "Rome", "price": 5 }))?;
    /// sales.create(value!({ "id": 2, "town": "Rome", "price": 2 }))?;
    /// let towns = sales.aggregate(query().group_by(["town"]).count().sum(["price"]))?;
    /// assert_eq!(towns, value!([{ "town": "Rome", "count": 2, "sum": { "price": 7 } }]));
    /// # Ok::<(), dbal::Error>(())
    /// ```
    ///
    /// # Errors
    /// VALIDATION_ERROR, with reason `overflow` for a sum outside its type; FORBIDDEN; a bound caller who gives no
    /// limit and would get more groups than allowed is told so.
    pub fn aggregate(&self, query: Query) -> Result<Value> {
        self.ask(Operation::Aggregate, query.into_args()).map(Response::into_value)
    }
}

pub(super) fn distinct_args(field: &str, query: Query) -> Map {
    let mut args = query.into_args();
    args.0.insert(0, ("field".into(), field.into()));
    args
}

pub(super) fn data_args(data: Value) -> Map {
    Map(vec![("data".into(), data)])
}

pub(super) fn rows_args<V: Into<Value>>(rows: impl IntoIterator<Item = V>) -> Map {
    data_args(Value::List(rows.into_iter().map(Into::into).collect()))
}

pub(super) fn many_args(filter: Value, patch: Option<Value>) -> Map {
    Map([("filter".into(), filter)].into_iter().chain(patch.map(|patch| ("data".into(), patch))).collect())
}

pub(super) fn all_args(patch: Option<Value>) -> Map {
    Map([("all".into(), Value::Bool(true))].into_iter().chain(patch.map(|patch| ("data".into(), patch))).collect())
}

pub(super) fn upsert_args(key: Value, create: Value, update: Value) -> Map {
    Map(vec![("where".into(), key), ("create".into(), create), ("update".into(), update)])
}

/// The same without the rows in the answer.
pub(super) fn counted(mut args: Map) -> Map {
    args.0.push(("returning".into(), Value::Bool(false)));
    args
}

pub(super) fn key_args(key: Value) -> Map {
    Map(vec![("id".into(), key)])
}

pub(super) fn call_args(operation: &str, input: Value) -> Map {
    Map(vec![("name".into(), operation.into()), ("input".into(), input)])
}

pub(super) fn update_args(key: Value, patch: Value) -> Map {
    Map(vec![("id".into(), key), ("data".into(), patch)])
}
