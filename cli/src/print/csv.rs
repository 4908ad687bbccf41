//! Comma-separated values, row by row: an export of any size needs no memory.

use std::io::Write;
use std::sync::Arc;

use dbal::client::Envelope;
use dbal::schema::{EntityId, Schema};
use dbal::{Client, Columns, Error, Request, RowSink, ValueRef};

use super::{Done, bare};
use crate::failure::Failure;

/// Asks, and writes each row as it comes.
pub fn stream(client: &Client, entity: EntityId, request: &Request, out: &mut dyn Write) -> Done {
    let writer = csv::Writer::from_writer(out);
    let mut sink = Sheet { schema: client.schema(), entity, columns: Arc::default(), writer, rows: 0, fault: None };
    let done = client.execute_into(request, &mut sink);
    if let Some(fault) = sink.fault {
        return Err(Failure::Output(fault));
    }
    let envelope = done?;
    sink.writer.flush()?;
    if let Envelope::Page(page) = envelope
        && page.has_more
    {
        match page.total {
            Some(total) => eprintln!("note: {} of {total} rows; --all writes every row", sink.rows),
            None => eprintln!("note: more rows follow; --all writes every row"),
        }
    }
    Ok(())
}

struct Sheet<'s, W: Write> {
    schema: &'s Schema,
    entity: EntityId,
    columns: Arc<Columns>,
    writer: csv::Writer<W>,
    rows: u64,
    /// What writing said: the engine only learns that the sink has had enough.
    fault: Option<std::io::Error>,
}

impl<W: Write> Sheet<'_, W> {
    fn record<'t>(&mut self, cells: impl Iterator<Item = impl AsRef<[u8]> + 't>) -> dbal::Result<()> {
        self.writer.write_record(cells).map_err(|fault| {
            self.fault = Some(fault.into());
            Error::internal("the output cannot be written")
        })
    }
}

impl<W: Write> RowSink for Sheet<'_, W> {
    fn start(&mut self, columns: &Arc<Columns>) -> dbal::Result<()> {
        self.columns = columns.clone();
        self.record(columns.names.iter().map(|name| name.as_bytes()))
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> dbal::Result<()> {
        self.rows += 1;
        let columns = self.columns.clone();
        let (schema, entity) = (self.schema, self.entity);
        let cells = columns.names.iter().zip(cells);
        self.record(cells.map(|(name, cell)| bare(schema, entity, name, &cell.to_value())))
    }
}
