//! Answers as bytes and back, every value with its type: what is given again is what was given first, whichever way it is
//! asked for.

use std::sync::Arc;

use crate::client::response::{Answered, Page, Response};
use crate::row::{Columns, Record};
use crate::schema::Schema;
use crate::value::{Date, DateTime, Decimal, Map, Name, Uuid, Value};

/// The bytes of an answer. Entities are named: their numbers are those of one schema.
pub(super) fn written(schema: &Schema, response: &Response) -> Vec<u8> {
    let mut writer = Writer { schema, out: Vec::with_capacity(256) };
    writer.response(response);
    writer.out
}

/// The answer of bytes; none when they are not such, or of an entity that is gone.
pub(super) fn read(schema: &Schema, bytes: &[u8]) -> Option<Response> {
    let mut reader = Reader { schema, rest: bytes };
    let response = reader.response()?;
    reader.rest.is_empty().then_some(response)
}

struct Writer<'s> {
    schema: &'s Schema,
    out: Vec<u8>,
}

impl Writer<'_> {
    fn response(&mut self, response: &Response) {
        match response {
            Response::Row(record) => {
                self.out.push(0);
                self.records(std::slice::from_ref(record));
            }
            Response::Maybe(record) => {
                self.out.push(1);
                self.records(record.as_slice());
            }
            Response::Rows(records) => {
                self.out.push(2);
                self.records(records);
            }
            Response::Page(page) => {
                self.out.push(3);
                self.records(&page.data);
                let text = |cursor: &Option<String>| cursor.clone().map_or(Value::Null, Value::Text);
                self.value(&page.total.into());
                self.value(&Value::Int(page.page));
                self.value(&Value::Int(page.limit));
                self.value(&Value::Bool(page.has_more));
                self.value(&text(&page.next_cursor));
                self.value(&text(&page.prev_cursor));
            }
            Response::Count(count) => self.counted(4, *count),
            Response::Affected(count) => self.counted(5, *count),
            Response::Values { field, values } => {
                self.out.push(6);
                self.text(field);
                self.values(values);
            }
            Response::Group(group) => {
                self.out.push(7);
                self.map(group);
            }
            Response::Groups(groups) => {
                self.out.push(8);
                self.length(groups.len());
                groups.iter().for_each(|group| self.map(group));
            }
            Response::Done => self.out.push(9),
            Response::Batch(all) => {
                self.out.push(10);
                self.length(all.len());
                all.iter().for_each(|answered| self.answered(answered));
            }
            Response::Called(answered) => {
                self.out.push(11);
                self.answered(answered);
            }
            Response::Value(value) => {
                self.out.push(12);
                self.value(value);
            }
        }
    }

    fn counted(&mut self, tag: u8, count: i64) {
        self.out.push(tag);
        self.value(&Value::Int(count));
    }

    fn answered(&mut self, answered: &Answered) {
        self.text(&self.schema.entity(answered.entity).name);
        self.response(&answered.response);
    }

    /// The columns once for all rows that share them.
    fn records(&mut self, records: &[Record]) {
        self.length(records.len());
        let mut known: Option<&Arc<Columns>> = None;
        for record in records {
            let columns = record.columns();
            let same = known.is_some_and(|known| Arc::ptr_eq(known, columns) || known == columns);
            self.out.push(u8::from(same));
            if !same {
                self.length(columns.names.len());
                columns.names.iter().for_each(|name| self.text(name));
                known = Some(columns);
            }
            record.values().iter().for_each(|value| self.value(value));
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null | Value::Undefined => self.out.push(0),
            Value::Bool(truth) => self.out.extend([1, u8::from(*truth)]),
            Value::Int(number) => self.fixed(2, &number.to_le_bytes()),
            Value::Float(number) => self.fixed(3, &number.to_bits().to_le_bytes()),
            Value::Decimal(number) => {
                self.fixed(4, &number.coefficient().to_le_bytes());
                self.out.extend(number.scale().to_le_bytes());
            }
            Value::Text(text) => {
                self.out.push(5);
                self.text(text);
            }
            Value::Bytes(bytes) => {
                self.out.push(6);
                self.length(bytes.len());
                self.out.extend_from_slice(bytes);
            }
            Value::Uuid(uuid) => self.fixed(7, uuid.as_bytes()),
            Value::DateTime(instant) => self.fixed(8, &instant.epoch_millis().to_le_bytes()),
            Value::Date(day) => self.fixed(9, &day.epoch_days().to_le_bytes()),
            Value::List(values) => {
                self.out.push(10);
                self.values(values);
            }
            Value::Map(map) => {
                self.out.push(11);
                self.map(map);
            }
            Value::Json(text) => {
                self.out.push(12);
                self.text(text);
            }
            Value::Record(record) => {
                self.out.push(13);
                self.records(std::slice::from_ref(record));
            }
            Value::Records(records) => {
                self.out.push(14);
                self.records(records);
            }
        }
    }

    fn values(&mut self, values: &[Value]) {
        self.length(values.len());
        values.iter().for_each(|value| self.value(value));
    }

    fn map(&mut self, map: &Map) {
        self.length(map.0.len());
        for (name, value) in &map.0 {
            self.text(name);
            self.value(value);
        }
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.out.extend_from_slice(text.as_bytes());
    }

    fn length(&mut self, length: usize) {
        self.out.extend((length as u64).to_le_bytes());
    }

    fn fixed(&mut self, tag: u8, bytes: &[u8]) {
        self.out.push(tag);
        self.out.extend_from_slice(bytes);
    }
}

struct Reader<'b> {
    schema: &'b Schema,
    rest: &'b [u8],
}

impl Reader<'_> {
    fn response(&mut self) -> Option<Response> {
        Some(match self.tag()? {
            0 => Response::Row(self.records()?.pop()?),
            1 => Response::Maybe(self.records()?.pop()),
            2 => Response::Rows(self.records()?),
            3 => Response::Page(Page {
                data: self.records()?,
                total: self.value()?.as_i64(),
                page: self.value()?.as_i64()?,
                limit: self.value()?.as_i64()?,
                has_more: self.value()? == Value::Bool(true),
                next_cursor: self.value()?.as_str().map(str::to_owned),
                prev_cursor: self.value()?.as_str().map(str::to_owned),
            }),
            4 => Response::Count(self.value()?.as_i64()?),
            5 => Response::Affected(self.value()?.as_i64()?),
            6 => Response::Values { field: self.text()?.into(), values: self.values()? },
            7 => Response::Group(self.map()?),
            8 => {
                let count = self.length()?;
                Response::Groups((0..count).map(|_| self.map()).collect::<Option<_>>()?)
            }
            9 => Response::Done,
            10 => {
                let count = self.length()?;
                Response::Batch((0..count).map(|_| self.answered()).collect::<Option<_>>()?)
            }
            11 => Response::Called(Box::new(self.answered()?)),
            12 => Response::Value(self.value()?),
            _ => return None,
        })
    }

    fn answered(&mut self) -> Option<Answered> {
        let name = self.text()?;
        Some(Answered { entity: self.schema.by_name(&name)?, response: self.response()? })
    }

    fn records(&mut self) -> Option<Vec<Record>> {
        let mut known: Option<Arc<Columns>> = None;
        let mut records = Vec::new();
        for _ in 0..self.length()? {
            if self.tag()? == 0 {
                let names = (0..self.length()?).map(|_| self.text().map(Name::Owned)).collect::<Option<_>>()?;
                known = Some(Arc::new(Columns { names }));
            }
            let columns = known.clone()?;
            let values = (0..columns.names.len()).map(|_| self.value()).collect::<Option<_>>()?;
            records.push(Record::new(columns, values));
        }
        Some(records)
    }

    fn value(&mut self) -> Option<Value> {
        Some(match self.tag()? {
            0 => Value::Null,
            1 => Value::Bool(self.tag()? == 1),
            2 => Value::Int(i64::from_le_bytes(self.fixed()?)),
            3 => Value::Float(f64::from_bits(u64::from_le_bytes(self.fixed()?))),
            4 => {
                let coefficient = i128::from_le_bytes(self.fixed()?);
                Value::Decimal(Box::new(Decimal::new(coefficient, u32::from_le_bytes(self.fixed()?))?))
            }
            5 => Value::Text(self.text()?),
            6 => {
                let length = self.length()?;
                Value::Bytes(self.bytes(length)?.to_vec())
            }
            7 => Value::Uuid(Uuid::from_bytes(self.fixed()?)),
            8 => Value::DateTime(DateTime::from_epoch_millis(i64::from_le_bytes(self.fixed()?))?),
            9 => Value::Date(Date::from_epoch_days(i32::from_le_bytes(self.fixed()?))?),
            10 => Value::List(self.values()?),
            11 => Value::Map(self.map()?),
            12 => Value::Json(self.text()?.into()),
            13 => Value::Record(Box::new(self.records()?.pop()?)),
            14 => Value::Records(self.records()?),
            _ => return None,
        })
    }

    fn values(&mut self) -> Option<Vec<Value>> {
        (0..self.length()?).map(|_| self.value()).collect()
    }

    fn map(&mut self) -> Option<Map> {
        (0..self.length()?).map(|_| Some((Name::Owned(self.text()?), self.value()?))).collect::<Option<_>>().map(Map)
    }

    fn text(&mut self) -> Option<String> {
        let length = self.length()?;
        String::from_utf8(self.bytes(length)?.to_vec()).ok()
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(u64::from_le_bytes(self.fixed()?)).ok()
    }

    fn tag(&mut self) -> Option<u8> {
        self.fixed::<1>().map(|[tag]| tag)
    }

    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*bytes)
    }

    fn bytes(&mut self, length: usize) -> Option<&[u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use crate::value;

    #[test]
    fn what_is_read_is_what_was_written() {
        let text = "entity: Note\nfields:\n  id: { type: integer, primary: true }\n";
        let schema = crate::schema::load_sources(vec![("note.yaml".into(), text.into())]).unwrap().schema;
        let columns = Arc::new(Columns { names: vec!["id".into(), "odd".into()] });
        let odd = [
            Value::Null,
            Value::Bool(true),
            Value::Int(i64::MIN),
            Value::Float(-0.5),
            Value::Decimal(Box::new("-12.340".parse().unwrap())),
            Value::from("ß\n"),
            Value::Bytes(vec![0, 255]),
            Value::Uuid(Uuid::from_bytes([7; 16])),
            Value::DateTime(DateTime::from_epoch_millis(-1).unwrap()),
            Value::Date(Date::from_epoch_days(-1).unwrap()),
            value!({ "b": [1, null, "x"], "a": {} }),
        ];
        let record = |value: &Value| Record::new(columns.clone(), vec![Value::Int(1), value.clone()]);
        let rows: Vec<Record> = odd.iter().map(record).collect();
        let nested = record(&Value::Record(Box::new(record(&Value::Records(rows.clone())))));
        let page = Page {
            data: rows.clone(),
            total: None,
            page: 2,
            limit: 9,
            has_more: true,
            next_cursor: Some("x".into()),
            prev_cursor: None,
        };
        let group = Map(vec![("sum".into(), value!({ "n": 3 }))]);
        let entity = schema.by_name("Note").unwrap();
        let called = Answered { entity, response: Response::Maybe(None) };
        let all = [
            Response::Row(nested),
            Response::Maybe(Some(record(&Value::Null))),
            Response::Rows(rows),
            Response::Page(page),
            Response::Count(7),
            Response::Affected(0),
            Response::Values { field: "odd".into(), values: odd.to_vec() },
            Response::Group(group.clone()),
            Response::Groups(vec![group.clone(), group]),
            Response::Done,
            Response::Called(Box::new(called.clone())),
            Response::Value(value!([true, { "x": 1.5 }])),
            Response::Batch(vec![called, Answered { entity, response: Response::Done }]),
        ];
        for response in all {
            let bytes = written(&schema, &response);
            assert_eq!(read(&schema, &bytes), Some(response));
            assert_eq!(read(&schema, &bytes[..bytes.len() - 1]), None);
        }
    }
}
