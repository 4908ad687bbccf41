//! Steps that run while another one gives its rows: these come by a cursor, a fixed number at a time.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Instant;

use smallvec::SmallVec;

use super::connection::PostgresConnection;
use crate::adapter::{Connection as _, Deal, Nesting, Reading};
use crate::error::{Error, Result};
use crate::plan::operation::{Lowered, Sql, Step};
use crate::row::{Columns, RowSink};
use crate::value::{Value, ValueRef};

/// Rows that come at a time.
const FETCHED: usize = 1_024;

impl Nesting for PostgresConnection<'_> {
    fn run_nesting(
        &mut self,
        step: &Step,
        params: &[Value],
        deadline: Option<Instant>,
        deal: &mut Deal<'_>,
    ) -> Result<u64> {
        let Lowered::Sql(sql) = &step.statement else {
            return Err(Error::internal("a step for PostgreSQL is SQL"));
        };
        // What a fetch gives is prepared with it, so each statement has a cursor of its own name.
        let mut hasher = DefaultHasher::new();
        sql.text.hash(&mut hasher);
        let name = format!("dbal_{:016x}", hasher.finish());
        let declare = Sql {
            text: format!("DECLARE {name} NO SCROLL CURSOR FOR {}", sql.text).into(),
            params: sql.params.clone(),
            references: Vec::new(),
            walk: None,
            rows: None,
        };
        let fetch = Sql {
            text: format!("FETCH FORWARD {FETCHED} FROM {name}").into(),
            params: Vec::new(),
            references: Vec::new(),
            walk: None,
            rows: None,
        };
        self.wait(async |session| session.run_as(step, &declare, params, deadline, &mut Kept::default()).await)?;
        let mut count = 0;
        loop {
            let mut kept = Kept::default();
            self.wait(async |session| session.run_as(step, &fetch, params, deadline, &mut kept).await)?;
            for row in &kept.0 {
                let cells: SmallVec<[ValueRef<'_>; 16]> = row.iter().map(Value::as_ref).collect();
                deal(&mut Beside(self), &cells)?;
            }
            count += kept.0.len() as u64;
            if kept.0.len() < FETCHED {
                break;
            }
        }
        self.wait(async |session| {
            session.post(&format!("CLOSE {name}")).await;
            Ok(())
        })?;
        Ok(count)
    }
}

/// The rows of one fetch.
#[derive(Default)]
struct Kept(Vec<Vec<Value>>);

impl RowSink for Kept {
    fn start(&mut self, _columns: &Arc<Columns>) -> Result<()> {
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        self.0.push(cells.iter().map(|cell| cell.to_value()).collect());
        Ok(())
    }
}

/// The connection between two fetches.
struct Beside<'c, 'a>(&'c mut PostgresConnection<'a>);

impl Reading for Beside<'_, '_> {
    fn run(&mut self, step: &Step, params: &[Value], deadline: Option<Instant>, sink: &mut dyn RowSink) -> Result<u64> {
        self.0.run(step, params, deadline, sink)
    }
}
