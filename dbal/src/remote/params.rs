//! Requests as JSON. What JSON cannot say is a fault, named as the engine names it, and never sent as something else.

use crate::request::{Operation, Request};
use crate::value::{Map, Value, json};

/// Where a value stands that cannot be sent, and what is wrong with it.
pub(crate) type Fault = (String, String);

/// Members of the params of a message, as JSON text.
#[derive(Debug, Default)]
pub(crate) struct Params {
    text: String,
    faults: Vec<Fault>,
    /// In how many lists and objects of an argument the next value stands.
    depth: u32,
}

/// Deeper messages are none to a daemon.
const MAX_DEPTH: u32 = 126;

impl Params {
    /// Those of a request.
    pub fn of(request: &Request) -> Params {
        let mut params = Params::default();
        params.member("operation", &request.operation.as_str().into());
        if request.operation != Operation::Batch {
            params.member("entity", &request.entity.as_ref().into());
        }
        params.name("args");
        params.args(&request.args);
        params
    }

    /// Those of a stream.
    pub fn of_stream(request: &Request) -> Params {
        let mut params = Params::default();
        params.member("entity", &request.entity.as_ref().into());
        params.name("args");
        params.args(&request.args);
        params
    }

    /// One more member.
    pub fn member(&mut self, name: &str, value: &Value) {
        self.name(name);
        self.value(value, name, false);
    }

    fn name(&mut self, name: &str) {
        if !self.text.is_empty() {
            self.text.push(',');
        }
        json::write_wire(&name.into(), &mut self.text);
        self.text.push(':');
    }

    /// The members without their braces, or what cannot be sent.
    pub fn finish(self) -> Result<String, Vec<Fault>> {
        if self.faults.is_empty() { Ok(self.text) } else { Err(self.faults) }
    }

    fn args(&mut self, args: &Map) {
        self.text.push('{');
        let mut first = true;
        for (name, value) in args.iter() {
            // An option that is undefined is left out, a filter never: that would be all rows.
            if matches!(value, Value::Undefined) && !is_condition(name) {
                continue;
            }
            self.key(name, &mut first);
            match (name, value) {
                ("data" | "create" | "update" | "input", Value::Map(row)) => self.row(row, ""),
                ("data", Value::List(rows)) => {
                    self.list(rows, |params, row, _| match row {
                        Value::Map(row) => params.row(row, ""),
                        other => params.value(other, "data", true),
                    });
                }
                ("entries", Value::List(entries)) => {
                    self.list(entries, |params, entry, _| match entry {
                        Value::Map(entry) => params.args(entry),
                        other => params.value(other, "entries", false),
                    });
                }
                _ => self.value(value, name, false),
            }
        }
        self.text.push('}');
    }

    /// A row of data: what is undefined is absent.
    fn row(&mut self, row: &Map, path: &str) {
        self.text.push('{');
        let mut first = true;
        for (name, value) in row.iter().filter(|(_, value)| !matches!(value, Value::Undefined)) {
            self.key(name, &mut first);
            match value {
                // The rows of many upserts.
                Value::Map(inner) if path.is_empty() && matches!(name, "create" | "update") => self.row(inner, name),
                value => self.value(value, name, true),
            }
        }
        self.text.push('}');
    }

    fn key(&mut self, name: &str, first: &mut bool) {
        if !std::mem::take(first) {
            self.text.push(',');
        }
        json::write_wire(&name.into(), &mut self.text);
        self.text.push(':');
    }

    fn list(&mut self, items: &[Value], mut one: impl FnMut(&mut Params, &Value, usize)) {
        self.text.push('[');
        for (position, item) in items.iter().enumerate() {
            if position > 0 {
                self.text.push(',');
            }
            one(self, item, position);
        }
        self.text.push(']');
    }

    fn value(&mut self, value: &Value, path: &str, data: bool) {
        if self.depth > MAX_DEPTH {
            let argument = path.split('.').next().unwrap_or_default().to_owned();
            return self.fault(&argument, &format!("a depth of more than {MAX_DEPTH}"));
        }
        self.depth += 1;
        self.written(value, path, data);
        self.depth -= 1;
    }

    fn written(&mut self, value: &Value, path: &str, data: bool) {
        match value {
            Value::Undefined => self.fault(path, "expected a value, got undefined"),
            Value::Float(number) if !number.is_finite() => self.fault(path, "expected a finite float"),
            Value::Text(text) if text.contains('\0') => self.fault(path, "contains the NUL character"),
            Value::List(items) => {
                self.list(items, |params, item, position| {
                    // Where a path leads through a list, the engine names the place in it.
                    let inner = if data { format!("{path}.{position}") } else { path.to_owned() };
                    params.value(item, &inner, data);
                });
            }
            Value::Map(map) => {
                self.text.push('{');
                let mut first = true;
                for (name, value) in map.iter() {
                    let condition = is_condition(name) || path.split('.').any(is_condition);
                    if matches!(value, Value::Undefined) && !condition && !data {
                        continue;
                    }
                    if name.contains('\0') {
                        self.faults.push((path.to_owned(), "a name that contains the NUL character".to_owned()));
                        continue;
                    }
                    self.key(name, &mut first);
                    self.value(value, &format!("{path}.{name}"), data);
                }
                self.text.push('}');
            }
            Value::Records(records) => {
                let list: Vec<Value> = records.iter().cloned().map(|one| Value::Record(Box::new(one))).collect();
                self.value(&Value::List(list), path, data);
            }
            Value::Record(record) => self.value(&Value::Map(record.as_ref().clone().into_map()), path, data),
            other => json::write_wire(other, &mut self.text),
        }
    }

    fn fault(&mut self, path: &str, message: &str) {
        self.text.push_str("null");
        self.faults.push((path.to_owned(), message.to_owned()));
    }
}

/// What narrows rows: left out, it would be all of them.
fn is_condition(name: &str) -> bool {
    matches!(name, "filter" | "having")
}
