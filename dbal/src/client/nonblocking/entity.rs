//! The handle on one entity, awaited.

use super::{AsyncClient, AsyncTransaction};
use crate::client::builder::Query;
use crate::client::handle::{
    all_args, call_args, counted, data_args, distinct_args, key_args, many_args, rows_args, update_args, upsert_args,
};
use crate::client::{Page, Response};
use crate::error::Result;
use crate::request::{Operation, Request};
use crate::row::Record;
use crate::value::{Map, Name, Value};

#[derive(Clone, Copy, Debug)]
pub(super) enum On<'c> {
    Client(&'c AsyncClient),
    Transaction(&'c AsyncTransaction),
}

/// A handle on one entity, awaited; the same on a client and inside a transaction. The methods are those of
/// [`Entity`](crate::client::handle::Entity), with the same errors.
#[derive(Debug)]
pub struct AsyncEntity<'c> {
    pub(super) on: On<'c>,
    pub(super) name: &'c str,
}

impl AsyncEntity<'_> {
    async fn ask(&self, operation: Operation, args: Map) -> Result<Response> {
        let request = Request { operation, entity: Name::Owned(self.name.to_owned()), args };
        match self.on {
            On::Client(client) => client.execute(&request).await,
            On::Transaction(transaction) => transaction.execute(&request).await,
        }
    }

    /// Makes a row and returns it as stored.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn create(&self, data: impl Into<Value>) -> Result<Record> {
        self.ask(Operation::Create, data_args(data.into())).await?.row()
    }

    /// Makes rows, all or none, and returns them in the order given.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn create_many<V: Into<Value>>(&self, rows: impl IntoIterator<Item = V>) -> Result<Vec<Record>> {
        self.ask(Operation::CreateMany, rows_args(rows)).await?.rows()
    }

    /// Makes rows, all or none, and says how many.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn insert_many<V: Into<Value>>(&self, rows: impl IntoIterator<Item = V>) -> Result<i64> {
        self.ask(Operation::CreateMany, counted(rows_args(rows))).await?.affected()
    }

    /// The row with this key.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn read(&self, key: impl Into<Value>) -> Result<Record> {
        self.ask(Operation::Read, key_args(key.into())).await?.row()
    }

    /// Changes the named fields and returns the new row.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn update(&self, key: impl Into<Value>, patch: impl Into<Value>) -> Result<Record> {
        self.ask(Operation::Update, update_args(key.into(), patch.into())).await?.row()
    }

    /// Removes a row.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn delete(&self, key: impl Into<Value>) -> Result<()> {
        self.ask(Operation::Delete, key_args(key.into())).await.map(drop)
    }

    /// Changes the named fields of all rows that match, and says how many there were.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn update_many(&self, filter: impl Into<Value>, patch: impl Into<Value>) -> Result<i64> {
        self.ask(Operation::UpdateMany, many_args(filter.into(), Some(patch.into()))).await?.affected()
    }

    /// Changes the named fields of every row, and says how many there were.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn update_all(&self, patch: impl Into<Value>) -> Result<i64> {
        self.ask(Operation::UpdateMany, all_args(Some(patch.into()))).await?.affected()
    }

    /// Removes all rows that match, and says how many there were.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn delete_many(&self, filter: impl Into<Value>) -> Result<i64> {
        self.ask(Operation::DeleteMany, many_args(filter.into(), None)).await?.affected()
    }

    /// Removes every row, and says how many there were.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn delete_all(&self) -> Result<i64> {
        self.ask(Operation::DeleteMany, all_args(None)).await?.affected()
    }

    /// Changes the row of a unique key, or makes it where there is none. What `create` lacks of the key is taken
    /// from it.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn upsert(
        &self,
        key: impl Into<Value>,
        create: impl Into<Value>,
        update: impl Into<Value>,
    ) -> Result<Record> {
        self.ask(Operation::Upsert, upsert_args(key.into(), create.into(), update.into())).await?.row()
    }

    /// Upserts, all or none, each an object of `where`, `create`, `update` and maybe `if_version`. Returns the rows in
    /// the order given.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn upsert_many<V: Into<Value>>(&self, upserts: impl IntoIterator<Item = V>) -> Result<Vec<Record>> {
        self.ask(Operation::UpsertMany, rows_args(upserts)).await?.rows()
    }

    /// Runs an operation that the schema declares for the entity.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call).
    pub async fn call(&self, operation: &str, input: impl Into<Value>) -> Result<Response> {
        self.ask(Operation::Call, call_args(operation, input.into())).await.map(Response::uncalled)
    }

    /// A page of rows.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn list(&self, query: Query) -> Result<Page> {
        self.ask(Operation::List, query.into_args()).await?.page()
    }

    /// All rows that match.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn find_many(&self, query: Query) -> Result<Vec<Record>> {
        self.ask(Operation::FindMany, query.into_args()).await?.rows()
    }

    /// The first row that matches, if any.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn first(&self, query: Query) -> Result<Option<Record>> {
        self.ask(Operation::First, query.into_args()).await?.maybe()
    }

    /// How many rows match.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn count(&self, query: Query) -> Result<i64> {
        self.ask(Operation::Count, query.into_args()).await?.count()
    }

    /// The different values of a field, in its order.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn distinct(&self, field: &str, query: Query) -> Result<Vec<Value>> {
        self.ask(Operation::Distinct, distinct_args(field, query)).await?.values()
    }

    /// What is computed of all rows, or of each group.
    ///
    /// # Errors
    /// As the blocking handle.
    pub async fn aggregate(&self, query: Query) -> Result<Value> {
        self.ask(Operation::Aggregate, query.into_args()).await.map(Response::into_value)
    }
}
