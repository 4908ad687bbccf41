//! The reference backend: runs the query itself, by [`eval`](crate::query::eval), over rows in memory.
//!
//! Every reader has one moment of the data, which no later write changes. One writer works at a time, on a copy that
//! shares what it does not change, and puts it in place of the old one when it commits. Rolling back is dropping it.

mod aggregate;
mod catalogue;
mod data;
mod gate;
mod map;
mod read;
mod references;
mod write;

use std::sync::Arc;
use std::time::Instant;

use parking_lot::RwLock;

use self::catalogue::Catalogue;
use self::data::{Data, Moment};
use self::gate::{Gate, Permit};
use self::read::Reader;
use self::write::Writer;
use crate::adapter::{Adapter, Connection, Intent, Lowering};
use crate::capability::{Capabilities, Support};
use crate::error::{Error, Result};
use crate::plan::operation::{Lowered, Step};
use crate::query::ast::Statement;
use crate::row::RowSink;
use crate::schema::Schema;
use crate::sql::ddl::{Snapshot, TableInfo};
use crate::value::Value;

/// What the memory backend can do.
pub const CAPABILITIES: Capabilities = Capabilities {
    transactions: Support::Native,
    nested_transactions: Support::Native,
    statement_savepoints: Support::Native,
    joins: Support::Native,
    ttl: Support::Emulated,
    full_text_search: Support::Native,
    json_queries: Support::Native,
    aggregations: Support::Native,
    relations: Support::Native,
    foreign_keys: Support::Native,
    unique_indexes: Support::Native,
    migrations: Support::Native,
    connection_pooling: Support::Native,
    upsert: Support::Emulated,
    returning: Support::Native,
    case_insensitive_match: Support::Native,
    ordered_bytes: Support::Native,
    query_timeout: Support::Native,
    max_parameters: u16::MAX as u32,
    max_identifier_length: u32::MAX,
    max_row_bytes: u64::MAX,
    ..Capabilities::NONE
};

/// Rows in memory, for one schema; gone when it is dropped.
///
/// ```
/// use dbal::adapter::{Adapter, memory::MemoryAdapter};
/// use std::sync::Arc;
/// let adapter = MemoryAdapter::open(Arc::new(dbal::Schema::new(Vec::new(), Vec::new())))?;
/// assert_eq!(adapter.name(), "memory");
/// # Ok::<(), dbal::Error>(())
/// ```
#[derive(Debug)]
pub struct MemoryAdapter {
    catalogue: Catalogue,
    committed: RwLock<Data>,
    writer: Gate,
}

impl MemoryAdapter {
    /// An empty database with the tables of a schema.
    pub fn open(schema: Arc<Schema>) -> Result<MemoryAdapter> {
        let catalogue = Catalogue::new(schema);
        let committed = RwLock::new(Data::new(&catalogue));
        Ok(MemoryAdapter { catalogue, committed, writer: Gate::default() })
    }
}

impl Adapter for MemoryAdapter {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn lowering(&self) -> Lowering {
        Lowering::Ast
    }

    fn connect(&self, intent: Intent, _deadline: Option<Instant>) -> Result<Box<dyn Connection + '_>> {
        Ok(Box::new(MemoryConnection { adapter: self, intent, transaction: None }))
    }
}

struct MemoryConnection<'a> {
    adapter: &'a MemoryAdapter,
    intent: Intent,
    transaction: Option<Transaction<'a>>,
}

struct Transaction<'a> {
    /// What this transaction sees.
    data: Data,
    /// By depth, what it saw when each savepoint was set.
    savepoints: Vec<(u32, Data)>,
    /// Held by one that writes.
    permit: Option<Permit<'a>>,
}

impl<'a> MemoryConnection<'a> {
    fn transaction(&mut self) -> Result<&mut Transaction<'a>> {
        self.transaction.as_mut().ok_or_else(no_transaction)
    }

    /// Where in the savepoints number `depth` is.
    fn position(&mut self, depth: u32) -> Result<usize> {
        // The latest of the number, as in SQL: a request beside a nested transaction uses the same one.
        let position = self.transaction()?.savepoints.iter().rposition(|(at, _)| *at == depth);
        position.ok_or_else(|| Error::internal(format!("there is no savepoint {depth}")))
    }

    /// Runs a statement that writes, in the transaction or as one of its own.
    fn write(
        &mut self,
        statement: &Statement,
        params: &[Value],
        deadline: Option<Instant>,
        sink: &mut dyn RowSink,
    ) -> Result<u64> {
        if self.intent == Intent::Read {
            return Err(Error::internal("a connection for reading was asked to write"));
        }
        let catalogue = &self.adapter.catalogue;
        // On a copy, so that a statement that fails leaves nothing behind.
        match &mut self.transaction {
            Some(transaction) => {
                let mut data = transaction.data.clone();
                let count = Writer { catalogue, data: &mut data, params, deadline }.run(statement, sink)?;
                transaction.data = data;
                Ok(count)
            }
            None => {
                let _permit = self.adapter.writer.enter(deadline)?;
                let mut data = self.adapter.committed.read().clone();
                let count = Writer { catalogue, data: &mut data, params, deadline }.run(statement, sink)?;
                *self.adapter.committed.write() = data;
                Ok(count)
            }
        }
    }

    /// Runs a statement that reads, in the transaction's moment or in the latest.
    fn read(
        &self,
        statement: &Statement,
        params: &[Value],
        deadline: Option<Instant>,
        sink: &mut dyn RowSink,
    ) -> Result<u64> {
        let data = match &self.transaction {
            Some(transaction) => transaction.data.clone(),
            None => self.adapter.committed.read().clone(),
        };
        let moment = Moment { catalogue: &self.adapter.catalogue, data: &data };
        let reader = Reader { moment: &moment, params, deadline };
        match statement {
            Statement::Select(select) => reader.select(select, sink),
            Statement::Count(count) => reader.count(count, sink),
            Statement::Aggregate(aggregate) => reader.aggregate(aggregate, sink),
            Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) => {
                Err(Error::internal("a write was given to the reader"))
            }
        }
    }
}

impl Connection for MemoryConnection<'_> {
    fn begin(&mut self, deadline: Option<Instant>) -> Result<()> {
        if self.transaction.is_some() {
            return Err(Error::internal("a transaction is open already"));
        }
        let permit = match self.intent {
            Intent::Read => None,
            Intent::Write => Some(self.adapter.writer.enter(deadline)?),
        };
        let data = self.adapter.committed.read().clone();
        self.transaction = Some(Transaction { data, savepoints: Vec::new(), permit });
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        let Transaction { data, permit, .. } = self.transaction.take().ok_or_else(no_transaction)?;
        if permit.is_some() {
            *self.adapter.committed.write() = data;
        }
        Ok(())
    }

    fn rollback(&mut self) -> Result<()> {
        self.transaction.take().map(drop).ok_or_else(no_transaction)
    }

    fn savepoint(&mut self, depth: u32) -> Result<()> {
        let transaction = self.transaction()?;
        transaction.savepoints.push((depth, transaction.data.clone()));
        Ok(())
    }

    fn release(&mut self, depth: u32) -> Result<()> {
        let position = self.position(depth)?;
        self.transaction()?.savepoints.truncate(position);
        Ok(())
    }

    fn rollback_to(&mut self, depth: u32) -> Result<()> {
        let position = self.position(depth)?;
        let transaction = self.transaction()?;
        if let Some((_, data)) = transaction.savepoints.drain(position..).next() {
            transaction.data = data;
        }
        Ok(())
    }

    fn run(&mut self, step: &Step, params: &[Value], deadline: Option<Instant>, sink: &mut dyn RowSink) -> Result<u64> {
        match &step.statement {
            Lowered::Ast(statement) if statement.is_write() => self.write(statement, params, deadline, sink),
            Lowered::Ast(statement) => self.read(statement, params, deadline, sink),
            Lowered::Sql(_) | Lowered::Document(_) | Lowered::With(_) => {
                Err(Error::internal("the memory backend runs queries, in no database's words"))
            }
        }
    }

    /// Everything declared: tables exist as soon as the adapter is open.
    fn inspect(&mut self) -> Result<Snapshot> {
        let entities = self.adapter.catalogue.schema.entities();
        let tables = entities.map(|(_, entity)| TableInfo {
            name: entity.table.clone(),
            columns: entity.fields.iter().map(|field| field.column.clone()).collect(),
            indexes: entity.indexes.iter().map(|index| index.name.clone()).collect(),
            ..TableInfo::default()
        });
        Ok(Snapshot { tables: tables.collect(), ..Snapshot::default() })
    }

    fn execute_ddl(&mut self, _text: &str) -> Result<()> {
        Err(Error::internal("the memory backend has nothing to migrate"))
    }

    fn clear(&mut self) -> Result<()> {
        let empty = Data::new(&self.adapter.catalogue);
        self.transaction()?.data = empty;
        Ok(())
    }
}

fn no_transaction() -> Error {
    Error::internal("no transaction is open")
}
