//! Answers in the packed form of [`crate::packed`]: those that were gathered, and what a message says beside its rows.

use std::sync::Arc;

use crate::client::response::{Answered, Envelope, Page, Response};
use crate::error::Result;
use crate::packed::{Layouts, Packer, Pieces};
use crate::value::{Map, Value};

/// Packs the answer to one request that was gathered: that of an entry of a batch.
///
/// # Errors
/// INTERNAL_ERROR when a cell is not of its column's type.
pub fn gathered(layouts: &Arc<Layouts>, answered: Answered) -> Result<(Pieces, Envelope)> {
    let (mut entity, mut response) = (answered.entity, answered.response);
    while let Response::Called(called) = response {
        (entity, response) = (called.entity, called.response);
    }
    let mut packer = Packer::new(layouts.clone(), entity);
    let (envelope, records) = response.taken_apart()?;
    records.iter().try_for_each(|record| packer.record(record))?;
    Ok((packer.finish(), envelope))
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
