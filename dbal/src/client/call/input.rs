//! What a call is given, and what its templates make of it.

use super::Call;
use crate::client::Client;
use crate::error::{Error, ErrorKind, FieldFault, Result};
use crate::query::{size, validate};
use crate::request::Request;
use crate::row::Record;
use crate::schema::{OperationDecl, Template};
use crate::value::{Map, Value};

/// `name` and `input` of a request.
pub(super) fn options(request: &Request) -> Result<(&str, &Value)> {
    let mut faults = Vec::new();
    let mut fault =
        |field: &str, message: String| faults.push(FieldFault { field: field.into(), message, index: None });
    let (mut name, mut input) = (None, None);
    for (option, value) in request.args.iter() {
        match (option, value) {
            ("name", Value::Text(text)) if name.is_none() => name = Some(text.as_str()),
            ("name", Value::Text(_)) => fault("name", "given twice".into()),
            ("name", other) => fault("name", format!("expected an operation's name, got {}", other.kind())),
            ("input", Value::Map(_) | Value::Undefined) if input.is_none() => input = Some(value),
            ("input", Value::Map(_)) => fault("input", "given twice".into()),
            ("input", other) => fault("input", format!("expected an object, got {}", other.kind())),
            (other, _) => {
                let near = validate::nearest(other, ["name", "input"].into_iter());
                fault(&validate::shown(other), format!("unknown option{near}; expected name, input"));
            }
        }
    }
    match name {
        None if !request.args.iter().any(|(option, _)| option == "name") => {
            fault("name", "missing; expected an operation's name".into());
        }
        _ => {}
    }
    match (faults.is_empty(), name) {
        (true, Some(name)) => Ok((name, input.unwrap_or(&Value::Undefined))),
        _ => Err(Error::invalid(faults)),
    }
}

/// Bytes of what is given.
pub(super) fn bytes(input: &Value) -> usize {
    size::bytes(input)
}

/// The inputs, without those that are not there.
pub(super) fn check(_client: &Client, decl: &OperationDecl, given: &Value) -> Result<Map> {
    let mut faults = Vec::new();
    let mut fault = |name: &str, message: String| {
        faults.push(FieldFault { field: format!("input.{}", validate::shown(name)), message, index: None });
    };
    let mut input = Map::new();
    let empty = Map::new();
    let given = given.as_map().unwrap_or(&empty);
    for (position, (name, value)) in given.0.iter().enumerate() {
        if !decl.takes(name) {
            let near = validate::nearest(name, decl.inputs());
            fault(name, format!("{} has no such input{near}", decl.name));
        } else if given.0[..position].iter().any(|(other, _)| other == name) {
            fault(name, "given twice".into());
        } else if !matches!(value, Value::Undefined) {
            input.0.push((name.clone(), value.clone()));
        }
    }
    for name in decl.required.iter().filter(|name| input.get(name).is_none()) {
        fault(name, "missing".into());
    }
    let one_of = &decl.exactly_one_of;
    let several = one_of.iter().filter(|name| input.get(name).is_some()).count();
    if !one_of.is_empty() && several != 1 {
        fault(&one_of[0], format!("expected exactly one of {}, got {several}", one_of.join(", ")));
    }
    if let Some(per) = decl.rate_limit.as_ref().and_then(|limit| limit.per.as_deref())
        && let Some(value) = input.get(per)
        && matches!(value, Value::Null | Value::Map(_) | Value::List(_) | Value::Float(_))
    {
        fault(per, format!("expected one value that calls can be counted by, got {}", value.kind()));
    }
    if faults.is_empty() { Ok(input) } else { Err(Error::invalid(faults)) }
}

/// What steps saved, by name.
pub(super) type Saved = Vec<(String, Value)>;

impl Call {
    /// The value of a template; `Undefined` for what is not there.
    pub(super) fn value(&self, template: &Template, saved: &Saved) -> Result<Value> {
        let claim = |user: bool, name: &str| {
            let principal = self.client.caller.principal();
            let claims = principal.map(|principal| if user { &principal.user } else { &principal.session });
            claims.and_then(|claims| claims.get(name)).cloned().unwrap_or(Value::Null)
        };
        Ok(match template {
            Template::Value(value) => value.clone(),
            Template::Input(name) => self.input.get(name).cloned().unwrap_or(Value::Undefined),
            Template::Given(name, default) => {
                self.input.get(name).or(default.as_ref()).cloned().unwrap_or(Value::Undefined)
            }
            Template::Now => Value::DateTime(self.now),
            Template::User(name) => claim(true, name),
            Template::Session(name) => claim(false, name),
            Template::Ref(name, path) => {
                let from = saved.iter().find(|(known, _)| known == name).map(|(_, value)| value);
                let found = from.and_then(|value| below(value, path));
                // The path was checked when the schema was loaded: nothing was found that it could lead through.
                found.ok_or_else(|| {
                    let message = format!("{}: {name} found no {}", self.decl().name, path.join("."));
                    Error::new(ErrorKind::NotFound, message)
                })?
            }
            Template::List(items) => {
                Value::List(items.iter().map(|item| self.value(item, saved)).collect::<Result<_>>()?)
            }
            Template::Map(entries) => {
                let mut map = Map::new();
                for (name, template) in entries {
                    let value = self.value(template, saved)?;
                    let left_out = matches!(template, Template::Given(..)) && matches!(value, Value::Undefined);
                    if !left_out {
                        map.0.push((name.clone().into(), value));
                    }
                }
                Value::Map(map)
            }
        })
    }
}

fn below(value: &Value, path: &[String]) -> Option<Value> {
    let Some((name, rest)) = path.split_first() else { return Some(value.clone()) };
    let of = |record: &Record| record.get(name).and_then(|value| below(value, rest));
    match value {
        Value::Record(record) => of(record),
        Value::Map(map) => map.get(name).and_then(|value| below(value, rest)),
        Value::List(items) => items.get(name.parse::<usize>().ok()?).and_then(|value| below(value, rest)),
        Value::Records(records) => match records.get(name.parse::<usize>().ok()?) {
            Some(record) if rest.is_empty() => Some(Value::Record(Box::new(record.clone()))),
            Some(record) => record.get(&rest[0]).and_then(|value| below(value, &rest[1..])),
            None => None,
        },
        _ => None,
    }
}

/// An error of a step, with each field named by the input that it came from.
pub(super) fn by_input(error: Error, args: &[(String, Template)]) -> Error {
    error.with_fields(|field| {
        let path: Vec<&str> = field.split('.').collect();
        let under = |option: &str, path: &[&str]| {
            let template = args.iter().find(|(name, _)| name == option).map(|(_, template)| template)?;
            input_at(template, path)
        };
        let found = under(path[0], &path[1..]).or_else(|| under("data", &path));
        found.unwrap_or_else(|| field.to_owned())
    })
}

fn input_at(template: &Template, path: &[&str]) -> Option<String> {
    match template {
        Template::Input(name) | Template::Given(name, _) => {
            let rest = path.iter().filter(|step| !step.starts_with('$'));
            Some(rest.fold(format!("input.{name}"), |all, step| format!("{all}.{step}")))
        }
        Template::Map(entries) => {
            let (step, rest) = path.split_first()?;
            input_at(entries.iter().find(|(name, _)| name == step).map(|(_, template)| template)?, rest)
        }
        Template::List(items) => {
            let (step, rest) = path.split_first()?;
            input_at(items.get(step.parse::<usize>().ok()?)?, rest)
        }
        Template::Value(_) | Template::Now | Template::Ref(..) | Template::User(_) | Template::Session(_) => None,
    }
}
