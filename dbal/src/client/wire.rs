//! Results as JSON text: the form of the daemon and the command line (SEMANTICS.md, "Values", last column).

use crate::client::{Page, Response};
use crate::row::Record;
use crate::schema::{EntityId, FieldType, Schema};
use crate::value::{Map, Value, json};

/// Writes an answer about an entity as JSON text. It is [`json::to_wire`] with what only the schema can say: a bigint
/// is text always, also in related rows. Each entry of a batch is written as of its own entity.
///
/// ```
/// use dbal::{Client, Config, Operation, Request, client::wire, value};
/// let schema = "entity: Visit\nfields:\n  id: { type: bigint, primary: true }\n  page: { type: string }\n";
/// let db = Client::open(Config::memory().schema_text(schema))?;
/// let request = Request::new(Operation::Create, "Visit").arg("data", value!({ "id": 7, "page": "home" }));
/// let entity = db.schema().by_name("Visit").unwrap();
/// let text = wire::response(db.schema(), entity, &db.execute(&request)?);
/// assert_eq!(text, r#"{"id":"7","page":"home"}"#);
/// # Ok::<(), dbal::Error>(())
/// ```
pub fn response(schema: &Schema, entity: EntityId, response: &Response) -> String {
    let mut out = String::new();
    Writer { schema }.response(entity, response, &mut out);
    out
}

/// Writes the value of one column of an entity's row, a field or an included relation, as JSON text.
pub fn cell(schema: &Schema, entity: EntityId, column: &str, value: &Value) -> String {
    let mut out = String::new();
    Writer { schema }.cell(entity, column, value, &mut out);
    out
}

struct Writer<'s> {
    schema: &'s Schema,
}

impl Writer<'_> {
    fn response(&self, entity: EntityId, response: &Response, out: &mut String) {
        match response {
            Response::Row(row) | Response::Maybe(Some(row)) => self.record(entity, row, out),
            Response::Maybe(None) => out.push_str("null"),
            Response::Rows(rows) => self.records(entity, rows, out),
            Response::Page(page) => self.page(entity, page, out),
            Response::Count(count) => json::write_wire(&Value::Int(*count), out),
            Response::Affected(count) => {
                out.push_str("{\"count\":");
                json::write_wire(&Value::Int(*count), out);
                out.push('}');
            }
            Response::Values { field, values } => self.values(entity, field, values, out),
            Response::Group(group) => json::write_wire(&self.group(entity, group), out),
            Response::Groups(groups) => {
                let groups = groups.iter().map(|group| self.group(entity, group)).collect();
                json::write_wire(&Value::List(groups), out);
            }
            Response::Done => out.push_str("true"),
            Response::Called(answered) => self.response(answered.entity, &answered.response, out),
            Response::Value(value) => json::write_wire(value, out),
            Response::Batch(all) => {
                out.push('[');
                for (position, one) in all.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    self.response(one.entity, &one.response, out);
                }
                out.push(']');
            }
        }
    }

    fn page(&self, entity: EntityId, page: &Page, out: &mut String) {
        out.push_str("{\"data\":");
        self.records(entity, &page.data, out);
        let text = |cursor: &Option<String>| cursor.clone().map_or(Value::Null, Value::Text);
        let rest = [
            ("total", page.total.into()),
            ("page", Value::Int(page.page)),
            ("limit", Value::Int(page.limit)),
            ("has_more", Value::Bool(page.has_more)),
            ("next_cursor", text(&page.next_cursor)),
            ("prev_cursor", text(&page.prev_cursor)),
        ];
        for (name, value) in rest {
            out.push_str(",\"");
            out.push_str(name);
            out.push_str("\":");
            json::write_wire(&value, out);
        }
        out.push('}');
    }

    fn values(&self, entity: EntityId, field: &str, values: &[Value], out: &mut String) {
        out.push('[');
        for (position, value) in values.iter().enumerate() {
            if position > 0 {
                out.push(',');
            }
            self.cell(entity, field, value, out);
        }
        out.push(']');
    }

    /// What is computed of rows, as it is written: 64-bit sums are bigints, and so text; counts are numbers.
    fn group(&self, entity: EntityId, group: &Map) -> Value {
        let declared = self.schema.entity(entity);
        let is_bigint = |field: &str| {
            let id = declared.field_by_name(field);
            id.is_some_and(|id| declared.field(id).ty == FieldType::BigInt)
        };
        let text = |value: &Value, bigint: bool| match value {
            Value::Int(number) if bigint => Value::from(number.to_string()),
            other => other.clone(),
        };
        let written = group.iter().map(|(name, value)| {
            let value = match value {
                Value::Map(fields) => Value::Map(
                    fields
                        .iter()
                        .map(|(field, value)| {
                            let bigint = name == "sum" || name != "count_distinct" && is_bigint(field);
                            (field.to_owned(), text(value, bigint))
                        })
                        .collect(),
                ),
                value => text(value, is_bigint(name)),
            };
            (name.to_owned(), value)
        });
        Value::Map(written.collect())
    }

    fn records(&self, entity: EntityId, records: &[Record], out: &mut String) {
        out.push('[');
        for (position, record) in records.iter().enumerate() {
            if position > 0 {
                out.push(',');
            }
            self.record(entity, record, out);
        }
        out.push(']');
    }

    fn record(&self, entity: EntityId, record: &Record, out: &mut String) {
        out.push('{');
        for (position, (name, value)) in record.iter().enumerate() {
            if position > 0 {
                out.push(',');
            }
            json::write_wire(&name.into(), out);
            out.push(':');
            self.cell(entity, name, value, out);
        }
        out.push('}');
    }

    fn cell(&self, entity: EntityId, column: &str, value: &Value, out: &mut String) {
        let declared = self.schema.entity(entity);
        let target = || declared.relation_by_name(column).map(|id| declared.relation(id).target);
        match value {
            Value::Int(number) => {
                let field = declared.field_by_name(column).map(|id| &declared.field(id).ty);
                match field {
                    Some(FieldType::BigInt) => json::write_wire(&number.to_string().into(), out),
                    _ => json::write_wire(value, out),
                }
            }
            Value::Record(record) => match target() {
                Some(target) => self.record(target, record, out),
                None => json::write_wire(value, out),
            },
            Value::Records(records) => match target() {
                Some(target) => self.records(target, records, out),
                None => json::write_wire(value, out),
            },
            _ => json::write_wire(value, out),
        }
    }
}
