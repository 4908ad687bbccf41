//! One engine that lets a program work with *entities* instead of a particular database.
//!
//! Entities are declared in YAML: their fields, keys, relations, and who may do what with them. The engine checks
//! every request against that declaration, adds the caller's access rules to it, and runs it with the same result on
//! every backend.
//!
//! ```
//! use dbal::{Client, Config, Principal, field, query, value};
//!
//! let schema = r#"
//! entity: Task
//! fields:
//!   id: { type: uuid, primary: true, generated: true }
//!   title: { type: string, required: true, max_length: 80 }
//!   owner_id: { type: uuid, required: true }
//!   done: { type: boolean, default: false }
//! owner: owner_id
//! acl:
//!   read: { self: true }
//!   create: { self: true }
//! "#;
//! let db = Client::open(Config::sqlite(":memory:").schema_text(schema))?;
//! db.migrate()?;
//!
//! // Trusted code does as it likes.
//! let ada = "018f3c1e-7b1c-7000-8000-000000000001";
//! let bob = "018f3c1e-7b1c-7000-8000-000000000002";
//! let tasks = db.entity("Task")?;
//! tasks.create(value!({ "title": "write", "owner_id": ada }))?;
//! tasks.create(value!({ "title": "review", "owner_id": bob, "done": true }))?;
//! let open = tasks.list(query().filter(field("done").eq(false)).sort("title", "asc"))?;
//! assert_eq!(open.total, Some(1));
//!
//! // A caller sees what the rules give, and writes no more than that.
//! let as_bob = db.as_principal(Principal::new(bob, "user"));
//! assert_eq!(as_bob.entity("Task")?.count(query())?, 1);
//! let refused = as_bob.entity("Task")?.create(value!({ "title": "for Ada", "owner_id": ada }));
//! assert_eq!(refused.unwrap_err().code(), "FORBIDDEN");
//! # Ok::<(), dbal::Error>(())
//! ```
//!
//! The modules are the stages of a request, in the order of `ARCHITECTURE.md`; a program needs only what is
//! re-exported here.

pub mod access;
pub mod adapter;
pub mod audit;
pub mod capability;
pub mod client;
pub mod config;
mod document;
pub mod error;
pub mod exec;
pub mod generated;
pub mod introspect;
pub mod migrate;
pub mod packed;
pub mod plan;
pub mod query;
#[cfg(feature = "remote")]
pub mod remote;
pub mod request;
pub mod row;
pub mod schema;
pub mod sql;
pub mod syntax;
pub mod value;
pub mod yaml;

pub use access::Principal;
pub use client::builder::{field, query};
#[cfg(feature = "async")]
pub use client::nonblocking::AsyncClient;
pub use client::{Client, Config, Page, Response};
pub use error::{Error, ErrorKind, FieldFault, Outcome, Reason, Result, Retry};
pub use request::{Operation, Request};
pub use row::{Columns, Record, RecordSink, RowSink};
pub use schema::Schema;
pub use value::{Date, DateTime, Decimal, Map, Name, Uuid, Value, ValueRef};
