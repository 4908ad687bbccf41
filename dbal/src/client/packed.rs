//! Answers in the packed form of [`crate::packed`]: those that were gathered, and what a message says beside its rows.

use std::sync::Arc;

use crate::client::response::{Answered, Envelope, Page, Response};
use crate::error::{Error, Result};
use crate::packed::{Layouts, Packer, Pieces};
use crate::row::{Columns, Record};
use crate::value::{Map, Name, Value};

/// Packs the answer to one request that was gathered: that of an entry of a batch.
///
/// # Errors
/// INTERNAL_ERROR when a cell is not of its column's type.
pub fn gathered(layouts: &Arc<Layouts>, answered: Answered) -> Result<(Pieces, Envelope)> {
    let mut packer = Packer::new(layouts.clone(), answered.entity);
    let mut records = |records: Vec<Record>| records.iter().try_for_each(|record| packer.record(record));
    let single = |name: Name, value: Value| Record::new(Arc::new(Columns { names: vec![name] }), vec![value]);
    let envelope = match answered.response {
        Response::Row(record) => records(vec![record]).map(|()| Envelope::Row)?,
        Response::Maybe(record) => records(record.into_iter().collect()).map(|()| Envelope::Maybe)?,
        Response::Rows(rows) => records(rows).map(|()| Envelope::Rows)?,
        Response::Page(mut page) => {
            records(std::mem::take(&mut page.data))?;
            Envelope::Page(Box::new(page))
        }
        Response::Count(count) => Envelope::Count(count),
        Response::Affected(count) => Envelope::Affected(count),
        Response::Values { field, values } => {
            records(values.into_iter().map(|value| single(field.clone(), value)).collect())?;
            Envelope::Values
        }
        Response::Group(group) => records(vec![flat(group)]).map(|()| Envelope::Group)?,
        Response::Groups(groups) => records(groups.into_iter().map(flat).collect()).map(|()| Envelope::Groups)?,
        Response::Done => Envelope::Done,
        Response::Called(called) => return gathered(layouts, *called),
        Response::Value(value) => records(vec![single("".into(), value)]).map(|()| Envelope::Value)?,
        Response::Batch(_) => return Err(Error::internal("a batch inside a batch")),
    };
    Ok((packer.finish(), envelope))
}

/// `price` inside `sum` as the column `sum.price`.
fn flat(group: Map) -> Record {
    let (mut names, mut values): (Vec<Name>, Vec<Value>) = (Vec::new(), Vec::new());
    for (name, value) in group.0 {
        match value {
            Value::Map(fields) => {
                for (field, value) in fields.0 {
                    names.push(format!("{name}.{field}").into());
                    values.push(value);
                }
            }
            value => {
                names.push(name);
                values.push(value);
            }
        }
    }
    Record::new(Arc::new(Columns { names }), values)
}

/// What a message of packed rows says of its answer beside the rows: its `envelope`. Answers that have no rows are
/// texts ([`wire`](crate::client::wire)).
pub fn head(envelope: &Envelope) -> Map {
    let word = match envelope {
        Envelope::Row => "row",
        Envelope::Maybe => "maybe",
        Envelope::Rows => "rows",
        Envelope::Values => "values",
        Envelope::Value => "value",
        Envelope::Group => "group",
        Envelope::Groups => "groups",
        Envelope::Count(_) => "count",
        Envelope::Affected(_) => "affected",
        Envelope::Done => "done",
        Envelope::Page(page) => {
            let Page { data: _, total, page, limit, has_more, next_cursor, prev_cursor } = &**page;
            let text = |cursor: &Option<String>| cursor.clone().map_or(Value::Null, Value::Text);
            let page = Map(vec![
                ("total".into(), (*total).into()),
                ("page".into(), (*page).into()),
                ("limit".into(), (*limit).into()),
                ("has_more".into(), (*has_more).into()),
                ("next_cursor".into(), text(next_cursor)),
                ("prev_cursor".into(), text(prev_cursor)),
            ]);
            let page = Value::Map(Map(vec![("page".into(), Value::Map(page))]));
            return Map(vec![("envelope".into(), page)]);
        }
    };
    Map(vec![("envelope".into(), word.into())])
}
