//! What a caller is shown of an answer that trusted code made for it.

use crate::client::engine::Caller;
use crate::client::response::{Answered, Page};
use crate::client::{Client, Response};
use crate::query::view::View;
use crate::row::{Columns, Record};
use crate::schema::{EntityId, OperationDecl};
use crate::value::Value;

/// An answer with rows cut to what a bound caller may read of them; a body of its own caller gives no more anyway.
pub(super) fn masked(client: &Client, decl: &OperationDecl, response: Response) -> Response {
    let Caller::Bound { principal, .. } = &*client.caller else { return response };
    if !decl.runs_as_system {
        return response;
    }
    let view = client.engine.policy.view(principal);
    let mask = Mask { client, view: &view };
    mask.response(None, response)
}

struct Mask<'m> {
    client: &'m Client,
    view: &'m dyn View,
}

impl Mask<'_> {
    fn response(&self, entity: Option<EntityId>, response: Response) -> Response {
        let Some(entity) = entity else {
            return match response {
                Response::Called(answered) => {
                    let Answered { entity, response } = *answered;
                    let response = self.response(Some(entity), response);
                    Response::Called(Box::new(Answered { entity, response }))
                }
                // Values are what the operation's author chose one by one; rows among them are not known to be of any entity.
                Response::Value(value) => Response::Value(plain(value)),
                other => other,
            };
        };
        match response {
            Response::Row(row) => Response::Row(self.record(entity, row)),
            Response::Maybe(row) => Response::Maybe(row.map(|row| self.record(entity, row))),
            Response::Rows(rows) => Response::Rows(self.records(entity, rows)),
            Response::Page(page) => Response::Page(Page { data: self.records(entity, page.data), ..page }),
            other => other,
        }
    }

    fn records(&self, entity: EntityId, rows: Vec<Record>) -> Vec<Record> {
        rows.into_iter().map(|row| self.record(entity, row)).collect()
    }

    /// The readable fields and relations, or the key alone.
    fn record(&self, entity: EntityId, row: Record) -> Record {
        let declared = self.client.engine.schema.entity(entity);
        let key = declared.field(declared.key).name.clone();
        let readable = |name: &str| declared.field_by_name(name).is_some_and(|id| self.view.readable(entity, id));
        let any = row.iter().any(|(name, _)| readable(name));
        let mut kept = (Vec::new(), Vec::new());
        for (name, value) in row.into_map().0 {
            let value = match declared.relation_by_name(&name).map(|id| declared.relation(id).target) {
                Some(target) => match value {
                    Value::Record(row) => Value::Record(Box::new(self.record(target, *row))),
                    Value::Records(rows) => Value::Records(self.records(target, rows)),
                    other => other,
                },
                None if readable(&name) || !any && name == key.as_str() => value,
                None => continue,
            };
            kept.0.push(name);
            kept.1.push(value);
        }
        Record::new(std::sync::Arc::new(Columns { names: kept.0 }), kept.1)
    }
}

/// A value without whole rows in it.
fn plain(value: Value) -> Value {
    match value {
        Value::Record(_) | Value::Records(_) => Value::Null,
        Value::List(items) => Value::List(items.into_iter().map(plain).collect()),
        Value::Map(map) => {
            Value::Map(crate::value::Map(map.0.into_iter().map(|(name, value)| (name, plain(value))).collect()))
        }
        other => other,
    }
}
