//! What a request answers.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::exec::{Machine, Summary};
use crate::query::ast::Shape;
use crate::query::paging::Paging;
use crate::row::{Columns, Record, RowSink};
use crate::schema::EntityId;
use crate::value::{Map, Name, Value};

/// A page of rows in its envelope.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The rows.
    pub data: Vec<Record>,
    /// How many rows there are on all pages; none when not asked for.
    pub total: Option<i64>,
    /// Which page this is, from 1.
    pub page: i64,
    /// Rows in a full page.
    pub limit: i64,
    /// Whether rows follow.
    pub has_more: bool,
    /// For a page by cursor, where rows follow: what to give as `after` to get them.
    pub next_cursor: Option<String>,
    /// For a page by cursor, where rows come before: what to give as `before` to get them.
    pub prev_cursor: Option<String>,
}

/// The answer to a request, by the shape of its operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// Of create, read, update.
    Row(Record),
    /// Of first.
    Maybe(Option<Record>),
    /// Of find_many.
    Rows(Vec<Record>),
    /// Of list.
    Page(Page),
    /// Of count.
    Count(i64),
    /// Of update_many and delete_many, and of create_many that returns no rows: how many were written.
    Affected(i64),
    /// Of distinct.
    Values {
        /// Whose values they are.
        field: Name,
        /// The values, each once.
        values: Vec<Value>,
    },
    /// Of aggregate over all rows: what was asked for, by name.
    Group(Map),
    /// Of aggregate by fields: these fields and what was asked for, by name.
    Groups(Vec<Map>),
    /// Of delete.
    Done,
    /// Of batch: of each entry, in order.
    Batch(Vec<Answered>),
    /// Of call: what its body answered, and of which entity.
    Called(Box<Answered>),
    /// Of call: a value that its body made.
    Value(Value),
}

/// The answer to one entry of a batch, or of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The entity that was asked about.
    pub entity: EntityId,
    /// What it answered.
    pub response: Response,
}

impl Response {
    /// As plain data, the way hosts without own types show it.
    pub fn into_value(self) -> Value {
        match self {
            Response::Row(record) | Response::Maybe(Some(record)) => Value::Record(Box::new(record)),
            Response::Maybe(None) => Value::Null,
            Response::Rows(records) => Value::Records(records),
            Response::Count(count) => Value::Int(count),
            Response::Affected(count) => Value::Map(Map(vec![("count".into(), count.into())])),
            Response::Values { values, .. } => Value::List(values),
            Response::Group(group) => Value::Map(group),
            Response::Groups(groups) => Value::List(groups.into_iter().map(Value::Map).collect()),
            Response::Done => Value::Bool(true),
            Response::Called(answered) => answered.response.into_value(),
            Response::Value(value) => value,
            Response::Batch(all) => Value::List(all.into_iter().map(|one| one.response.into_value()).collect()),
            Response::Page(page) => Value::Map(Map(vec![
                ("data".into(), Value::Records(page.data)),
                ("total".into(), page.total.into()),
                ("page".into(), page.page.into()),
                ("limit".into(), page.limit.into()),
                ("has_more".into(), page.has_more.into()),
                ("next_cursor".into(), text(page.next_cursor)),
                ("prev_cursor".into(), text(page.prev_cursor)),
            ])),
        }
    }

    /// The rows of an answer, and what else there is to say.
    ///
    /// # Errors
    /// INTERNAL_ERROR for the answer of a batch, which is several.
    pub(crate) fn taken_apart(self) -> Result<(Envelope, Vec<Record>)> {
        let single = |name: Name, value: Value| Record::new(Arc::new(Columns { names: vec![name] }), vec![value]);
        Ok(match self {
            Response::Row(record) => (Envelope::Row, vec![record]),
            Response::Maybe(record) => (Envelope::Maybe, record.into_iter().collect()),
            Response::Rows(records) => (Envelope::Rows, records),
            Response::Page(mut page) => {
                let records = std::mem::take(&mut page.data);
                (Envelope::Page(Box::new(page)), records)
            }
            Response::Count(count) => (Envelope::Count(count), Vec::new()),
            Response::Affected(count) => (Envelope::Affected(count), Vec::new()),
            Response::Values { field, values } => {
                (Envelope::Values, values.into_iter().map(|value| single(field.clone(), value)).collect())
            }
            Response::Group(group) => (Envelope::Group, vec![flat(group)]),
            Response::Groups(groups) => (Envelope::Groups, groups.into_iter().map(flat).collect()),
            Response::Done => (Envelope::Done, Vec::new()),
            Response::Called(called) => return called.response.taken_apart(),
            Response::Value(value) => (Envelope::Value, vec![single("".into(), value)]),
            Response::Batch(_) => return Err(Error::internal("a batch inside a batch")),
        })
    }

    /// Gives its rows to a sink.
    ///
    /// # Errors
    /// As [`Response::taken_apart`], and whatever the sink says.
    pub(crate) fn give(self, sink: &mut dyn RowSink) -> Result<Envelope> {
        let (envelope, records) = self.taken_apart()?;
        let mut columns: Option<Arc<Columns>> = None;
        if records.is_empty() {
            sink.start(&Arc::default())?;
        }
        for record in records {
            if columns.as_ref().is_none_or(|known| !Arc::ptr_eq(known, record.columns())) {
                sink.start(record.columns())?;
                columns = Some(record.columns().clone());
            }
            sink.own_row(record.into_values())?;
        }
        Ok(envelope)
    }

    /// The same, and the sink back.
    #[cfg(feature = "async")]
    pub(crate) fn given<S: RowSink>(self, mut sink: S) -> Result<(Envelope, S)> {
        let envelope = self.give(&mut sink)?;
        Ok((envelope, sink))
    }

    /// The answer of a call without the entity that it is of.
    pub fn uncalled(self) -> Response {
        match self {
            Response::Called(answered) => answered.response,
            other => other,
        }
    }

    pub(crate) fn row(self) -> Result<Record> {
        match self {
            Response::Row(record) => Ok(record),
            _ => Err(unexpected()),
        }
    }

    pub(crate) fn maybe(self) -> Result<Option<Record>> {
        match self {
            Response::Maybe(record) => Ok(record),
            _ => Err(unexpected()),
        }
    }

    pub(crate) fn rows(self) -> Result<Vec<Record>> {
        match self {
            Response::Rows(records) => Ok(records),
            _ => Err(unexpected()),
        }
    }

    pub(crate) fn page(self) -> Result<Page> {
        match self {
            Response::Page(page) => Ok(page),
            _ => Err(unexpected()),
        }
    }

    pub(crate) fn affected(self) -> Result<i64> {
        match self {
            Response::Affected(count) => Ok(count),
            _ => Err(unexpected()),
        }
    }

    pub(crate) fn values(self) -> Result<Vec<Value>> {
        match self {
            Response::Values { values, .. } => Ok(values),
            _ => Err(unexpected()),
        }
    }

    pub(crate) fn batch(self) -> Result<Vec<Response>> {
        match self {
            Response::Batch(all) => Ok(all.into_iter().map(|one| one.response).collect()),
            _ => Err(unexpected()),
        }
    }

    pub(crate) fn count(self) -> Result<i64> {
        match self {
            Response::Count(count) => Ok(count),
            _ => Err(unexpected()),
        }
    }
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

fn text(text: Option<String>) -> Value {
    text.map_or(Value::Null, Value::Text)
}

/// A group as hosts see it: `sum.price` is `price` inside `sum`. No declared name has a dot.
fn nested(record: Record) -> Map {
    let mut group = Map::new();
    for (name, value) in record.into_map().0 {
        let Some((outer, inner)) = name.split_once('.') else {
            group.insert(name, value);
            continue;
        };
        match group.0.iter_mut().find(|(known, _)| known == outer) {
            Some((_, Value::Map(map))) => map.insert(inner.to_owned(), value),
            _ => group.insert(outer.to_owned(), Map(vec![(inner.to_owned().into(), value)])),
        }
    }
    group
}

pub(super) fn unexpected() -> Error {
    Error::internal("an operation answered in the shape of another")
}

/// An answer without its rows: what a request that gives them to a sink of its own gets back.
#[derive(Clone, Debug, PartialEq)]
pub enum Envelope {
    /// One row was given.
    Row,
    /// One row was given, or none.
    Maybe,
    /// Rows were given.
    Rows,
    /// The rows of a page were given.
    Page(Box<Page>),
    /// A count.
    Count(i64),
    /// How many were written.
    Affected(i64),
    /// Rows of one column were given.
    Values,
    /// One row of what is computed was given; `sum.price` is called so.
    Group,
    /// Such rows were given.
    Groups,
    /// It is done.
    Done,
    /// One row of one column was given: a value that the body of a called operation made.
    Value,
}

/// What is known of an answer before its rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    shape: Shape,
    paging: Option<Paging>,
}

impl Head {
    pub fn of(machine: &Machine) -> Self {
        Head { shape: machine.shape(), paging: machine.paging() }
    }

    pub fn envelope(self, summary: Summary) -> Result<Envelope> {
        Ok(match self.shape {
            Shape::One => Envelope::Row,
            Shape::Maybe => Envelope::Maybe,
            Shape::Rows { .. } => Envelope::Rows,
            Shape::Values { .. } => Envelope::Values,
            Shape::Group => Envelope::Group,
            Shape::Groups { .. } => Envelope::Groups,
            Shape::Count => Envelope::Count(summary.total.ok_or_else(unexpected)?),
            Shape::Done => Envelope::Done,
            // Where nothing was to be set, the rows are counted instead.
            Shape::Affected => {
                let rows = i64::try_from(summary.rows).unwrap_or(i64::MAX);
                Envelope::Affected(summary.total.unwrap_or(rows))
            }
            Shape::Page { total, .. } => {
                let paging = self.paging.ok_or_else(unexpected)?;
                Envelope::Page(Box::new(Page {
                    data: Vec::new(),
                    total: summary.total.filter(|_| total),
                    page: paging.page,
                    limit: paging.limit,
                    has_more: summary.has_more,
                    next_cursor: summary.next_cursor,
                    prev_cursor: summary.prev_cursor,
                }))
            }
        })
    }
}

impl Envelope {
    /// The whole answer, with the rows that were given.
    ///
    /// # Errors
    /// INTERNAL_ERROR when a row is missing.
    pub fn with(self, mut records: Vec<Record>) -> Result<Response> {
        Ok(match self {
            Envelope::Row => Response::Row(records.pop().ok_or_else(unexpected)?),
            Envelope::Maybe => Response::Maybe(records.pop()),
            Envelope::Rows => Response::Rows(records),
            Envelope::Values => {
                let name = records.first().and_then(|record| record.columns().names.first().cloned());
                let values = records.into_iter().filter_map(|record| record.into_values().pop()).collect();
                Response::Values { field: name.unwrap_or_default(), values }
            }
            Envelope::Group => Response::Group(nested(records.pop().ok_or_else(unexpected)?)),
            Envelope::Groups => Response::Groups(records.into_iter().map(nested).collect()),
            Envelope::Count(count) => Response::Count(count),
            Envelope::Done => Response::Done,
            Envelope::Value => {
                let cell = records.pop().and_then(|record| record.into_values().pop());
                Response::Value(cell.ok_or_else(unexpected)?)
            }
            Envelope::Affected(count) => Response::Affected(count),
            Envelope::Page(page) => Response::Page(Page { data: records, ..*page }),
        })
    }
}
