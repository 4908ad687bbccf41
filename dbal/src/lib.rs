//! One engine that lets a program work with entities instead of a particular database.

pub mod access;
pub mod adapter;
pub mod capability;
pub mod client;
pub mod error;
pub mod exec;
pub mod generated;
pub mod plan;
pub mod query;
pub mod request;
pub mod row;
pub mod schema;
pub mod sql;
pub mod value;
pub mod yaml;

pub use access::Principal;
#[cfg(feature = "async")]
pub use client::nonblocking::AsyncClient;
pub use client::builder::{field, query};
pub use client::{Client, Config, Page, Response};
pub use error::{Error, ErrorKind, FieldFault, Outcome, Reason, Result, Retry};
pub use request::{Operation, Request};
pub use row::{Columns, Record, RecordSink, RowSink};
pub use schema::Schema;
pub use value::{Date, DateTime, Decimal, Map, Name, Uuid, Value, ValueRef};
