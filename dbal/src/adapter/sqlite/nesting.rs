//! Steps that run while another one gives its rows: SQLite lets one connection have several statements under way.

use std::sync::Arc;
use std::time::Instant;

use super::connection::SqliteConnection;
use super::error::{self, Fault};
use crate::adapter::{Deal, Nesting, Reading};
use crate::error::{Error, Result};
use crate::plan::operation::{Lowered, Sql, Step};
use crate::row::{Columns, RowSink};
use crate::value::{Value, ValueRef};

impl Nesting for SqliteConnection<'_> {
    fn run_nesting(
        &mut self,
        step: &Step,
        params: &[Value],
        deadline: Option<Instant>,
        deal: &mut Deal<'_>,
    ) -> Result<u64> {
        let sql = sql(step)?;
        self.ready(deadline)?;
        let done = {
            let mut rows = Dealt { beside: Beside(self), deal };
            self.run_sql(step, sql, params, &mut rows)
        };
        done.map_err(|fault| self.failed(step, sql, params, fault))
    }
}

fn sql(step: &Step) -> Result<&Sql> {
    match &step.statement {
        Lowered::Sql(sql) => Ok(sql),
        Lowered::Ast(_) | Lowered::Document(_) | Lowered::With(_) => Err(Error::internal("a step for SQLite is SQL")),
    }
}

/// Hands rows over with the connection that they come from.
struct Dealt<'c, 'a, 'd> {
    beside: Beside<'c, 'a>,
    deal: &'d mut Deal<'d>,
}

impl RowSink for Dealt<'_, '_, '_> {
    fn start(&mut self, _columns: &Arc<Columns>) -> Result<()> {
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        (self.deal)(&mut self.beside, cells)
    }
}

/// The connection while a statement of it gives rows: it reads, and leaves the transaction to whoever began it.
struct Beside<'c, 'a>(&'c SqliteConnection<'a>);

impl Reading for Beside<'_, '_> {
    fn run(&mut self, step: &Step, params: &[Value], deadline: Option<Instant>, sink: &mut dyn RowSink) -> Result<u64> {
        let sql = sql(step)?;
        self.0.ready(deadline)?;
        self.0.run_sql(step, sql, params, sink).map_err(|fault| match fault {
            Fault::Driver(error) => {
                let reference = || Error::internal("what reads breaks no reference");
                error::running(self.0.schema, step.entity, &error, reference)
            }
            Fault::Own(error) | Fault::Row { error, .. } => error,
        })
    }
}
