//! Reading rows and counting them.

use mongodb::bson::{Bson, Document, RawDocument, doc};
use smallvec::SmallVec;

use super::command::Session;
use super::error::misfit;
use super::spell::Speller;
use super::value::{at, decode};
use crate::error::Result;
use crate::plan::operation::Step;
use crate::plan::operation::document::{KEY, Path, Read, Stage};
use crate::row::RowSink;
use crate::schema::Schema;
use crate::value::{Value, ValueRef};

impl Session {
    /// Gives the rows to the sink.
    pub(super) async fn read<S: RowSink + ?Sized>(
        &mut self,
        step: &Step,
        read: &Read,
        speller: Speller<'_>,
        sink: &mut S,
    ) -> Result<u64> {
        let Some(mut pipeline) = speller.pipeline(&read.stages)? else { return Ok(0) };
        pipeline.push(doc! { "$project": projection(&read.columns) }.into());
        let shared = self.shared.clone();
        self.each(&read.collection, pipeline, |row| {
            let values = decoded(&shared.schema, step, read, row)?;
            let cells: SmallVec<[ValueRef<'_>; 16]> = values.iter().map(Value::as_ref).collect();
            sink.row(&cells)
        })
        .await
    }

    /// Gives how many documents come through.
    pub(super) async fn count<S: RowSink + ?Sized>(
        &mut self,
        collection: &str,
        stages: &[Stage],
        speller: Speller<'_>,
        sink: &mut S,
    ) -> Result<u64> {
        let count = match speller.pipeline(stages)? {
            None => 0,
            Some(pipeline) => self.counted(collection, pipeline).await?,
        };
        sink.row(&[ValueRef::Int(count)])?;
        Ok(1)
    }

    /// How many documents come through a pipeline.
    pub(super) async fn counted(&mut self, collection: &str, mut pipeline: Vec<Bson>) -> Result<i64> {
        pipeline.push(doc! { "$count": "n" }.into());
        let mut count = 0;
        self.each(collection, pipeline, |row: &RawDocument| {
            count = match row.get("n").ok().flatten() {
                Some(number) => number.as_i64().or_else(|| number.as_i32().map(i64::from)).unwrap_or(0),
                None => 0,
            };
            Ok(())
        })
        .await?;
        Ok(count)
    }
}

/// The cells of a row.
pub(super) fn decoded(schema: &Schema, step: &Step, read: &Read, row: &RawDocument) -> Result<SmallVec<[Value; 16]>> {
    let cells = step.cells.iter().zip(&read.columns);
    let decoded = cells.map(|(cell, path)| {
        let stored = at(row, path);
        decode(&cell.ty, stored).ok_or_else(|| misfit(schema, step.entity, cell, row, stored))
    });
    decoded.collect()
}

/// Only these, and the key, by which a fault names its row.
pub(super) fn projection(columns: &[Path]) -> Document {
    let mut projection = doc! { KEY: 1 };
    for path in columns {
        projection.insert(&path.0, 1);
    }
    projection
}
