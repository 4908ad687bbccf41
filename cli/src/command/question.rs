//! What `query` asks and `explain` explains.

use clap::Args;
use dbal::schema::EntityId;
use dbal::{Client, Map, Operation, Request, Value};

use crate::failure::Failure;
use crate::input;

/// A question about one entity; a page of rows unless another answer is asked for.
#[derive(Args, Debug)]
pub struct Question {
    /// The entity, by name or plural
    pub entity: String,
    /// Which rows, as JSON: '{"role": "admin", "level": {"$lte": 3}}'
    #[arg(long, value_name = "JSON", conflicts_with = "read")]
    filter: Option<String>,
    /// The order: fields, descending behind a minus: level,-created_at
    #[arg(long, value_name = "FIELDS", allow_hyphen_values = true, conflicts_with_all = ["read", "count"])]
    sort: Option<String>,
    /// How many rows at most, or in a page (20)
    #[arg(long, value_name = "N", allow_negative_numbers = true, conflicts_with_all = ["read", "count", "first"])]
    limit: Option<i64>,
    /// Which page, from 1
    #[arg(long, value_name = "N", allow_negative_numbers = true, conflicts_with_all = ["read", "count", "first", "all"])]
    page: Option<i64>,
    /// Only these fields: id,username
    #[arg(long, value_name = "FIELDS", conflicts_with = "count")]
    select: Option<String>,
    /// Related rows along: names, or JSON with options: '{"components": {"limit": 3}}'
    #[arg(long, value_name = "RELATIONS", conflicts_with = "count")]
    include: Option<String>,
    /// All rows in place of a page
    #[arg(long, group = "answer")]
    all: bool,
    /// The first row alone
    #[arg(long, group = "answer")]
    first: bool,
    /// How many rows there are
    #[arg(long, group = "answer")]
    count: bool,
    /// The row with this primary key, or this unique key as JSON: '{"slug": "home"}'
    #[arg(long, group = "answer", value_name = "KEY")]
    read: Option<String>,
}

impl Question {
    /// The request, with the entity it is about.
    pub fn request(&self, client: &Client) -> Result<(EntityId, Request), Failure> {
        let entity = client.entity_id(&self.entity)?;
        let operation = match (&self.read, self.count, self.first, self.all) {
            (Some(_), ..) => Operation::Read,
            (None, true, ..) => Operation::Count,
            (None, false, true, _) => Operation::First,
            (None, false, false, true) => Operation::FindMany,
            (None, false, false, false) => Operation::List,
        };
        let mut request = Request::new(operation, client.schema().entity(entity).name.clone());
        if let Some(key) = &self.read {
            request = request.arg("id", input::key(client.schema(), entity, key)?);
        }
        if let Some(filter) = &self.filter {
            request = request.arg("filter", input::json("--filter", filter)?);
        }
        if let Some(sort) = &self.sort {
            request = request.arg("sort", sort_keys(sort));
        }
        if let Some(limit) = self.limit {
            request = request.arg("limit", limit);
        }
        if let Some(page) = self.page {
            request = request.arg("page", page);
        }
        if let Some(select) = &self.select {
            let names = input::names(select).map(|name| Value::Text(name.into_owned()));
            request = request.arg("select", Value::List(names.collect()));
        }
        if let Some(include) = &self.include {
            let value = match include.trim_start().starts_with('{') {
                true => input::json("--include", include)?,
                false => Value::Map(input::names(include).map(|name| (name, true)).collect()),
            };
            request = request.arg("include", value);
        }
        Ok((entity, request))
    }
}

/// `level,-created_at` as the engine takes it.
fn sort_keys(text: &str) -> Value {
    let keys = input::names(text).map(|name| {
        let (name, direction) = match name.strip_prefix('-') {
            Some(name) => (name.to_owned(), "desc"),
            None => (name.into_owned(), "asc"),
        };
        Value::Map(Map::from_iter([(name, direction)]))
    });
    Value::List(keys.collect())
}
