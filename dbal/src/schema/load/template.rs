//! Values in bodies: plain data in which `{$input: name}` and its like stand for what is known when the body runs.

use std::collections::HashMap;

use crate::schema::{Entity, EntityId, OperationDecl, Template};
use crate::value::Value;
use crate::yaml::{Entry, Node, Place, Report, nearest};

/// The keys that make a mapping of one entry stand for something else.
const MARKS: [&str; 6] = ["$input", "$given", "$ref", "$now", "$user", "$session"];

/// What the answer of a step looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Saved {
    /// One row, or none.
    Row(EntityId),
    /// `{count}`.
    Count,
    /// Anything else.
    Other,
}

/// What the values of one body may name.
pub(super) struct Scope<'a> {
    pub report: &'a Report,
    pub decl: &'a OperationDecl,
    pub entities: &'a [Entity],
    /// What earlier steps saved.
    pub saved: HashMap<String, Saved>,
    /// Entities some of whose fields could not be read: what is not there may be meant.
    pub lost: &'a [bool],
}

impl Scope<'_> {
    pub fn entity(&self, id: EntityId) -> &Entity {
        &self.entities[usize::from(id.0)]
    }

    pub fn error(&self, place: Place, message: impl std::fmt::Display) {
        self.report.error(place, format!("{}: {message}", self.decl.name));
    }

    /// A value. Where `whole` is set, something has to stand there: an input that may be left out does not do.
    pub fn value(&self, node: &Node, whole: bool) -> Template {
        if let Some(items) = node.as_list() {
            return Template::List(items.iter().map(|item| self.value(item, true)).collect());
        }
        let Some(entries) = node.as_map() else { return Template::Value(node.to_value()) };
        if let Some(mark) = entries.iter().find(|entry| MARKS.contains(&entry.key.as_str())) {
            return self.marked(mark, entries, whole);
        }
        Template::Map(entries.iter().map(|entry| (entry.key.clone(), self.value(&entry.value, false))).collect())
    }

    fn marked(&self, mark: &Entry, entries: &[Entry], whole: bool) -> Template {
        let default = entries.iter().find(|entry| mark.key == "$given" && entry.key == "default");
        if entries.len() > 1 + usize::from(default.is_some()) {
            self.error(mark.place, format!("{} stands alone in its mapping", mark.key));
        }
        let text = mark.value.as_str().unwrap_or_default();
        let expect = |what: &str| {
            let found = mark.value.describe();
            self.error(mark.value.place, format!("{}: expected {what}, found {found}", mark.key));
            Template::Value(Value::Null)
        };
        match mark.key.as_str() {
            "$now" if mark.value.as_bool() == Some(true) => Template::Now,
            "$now" => expect("true"),
            _ if text.is_empty() => expect("a name"),
            "$user" => Template::User(text.to_owned()),
            "$session" => Template::Session(text.to_owned()),
            "$ref" => self.reference(text, mark.value.place),
            name => {
                self.input(text, mark.value.place);
                let optional = self.decl.optional.iter().any(|input| input == text);
                if name == "$given" {
                    return Template::Given(text.to_owned(), default.map(|entry| entry.value.to_value()));
                }
                if whole && optional {
                    let message = format!("$input: {text} may be left out, and something has to stand here");
                    self.error(mark.value.place, message);
                }
                Template::Input(text.to_owned())
            }
        }
    }

    /// Reports an input that is not declared.
    pub fn input(&self, name: &str, place: Place) {
        if !self.decl.takes(name) {
            let hint = hint(nearest(name, self.decl.inputs()));
            self.error(place, format!("there is no input {name}{hint}"));
        }
    }

    fn reference(&self, text: &str, place: Place) -> Template {
        let mut parts = text.split('.').map(str::to_owned);
        let name = parts.next().unwrap_or_default();
        let path: Vec<String> = parts.collect();
        match (self.saved.get(&name), path.first()) {
            (None, _) => {
                let hint = hint(nearest(&name, self.saved.keys().map(String::as_str)));
                self.error(place, format!("$ref: no earlier step saves {name}{hint}"));
            }
            (Some(Saved::Row(entity)), Some(field)) => {
                let known = self.entity(*entity);
                let there = known.field_by_name(field).is_some() || known.relation_by_name(field).is_some();
                if !there && !self.lost[usize::from(entity.0)] {
                    let hint = hint(nearest(field, known.fields.iter().map(|field| field.name.as_str())));
                    self.error(place, format!("$ref: {} has no field {field}{hint}", known.name));
                }
            }
            (Some(Saved::Count), Some(field)) if field != "count" => {
                self.error(place, format!("$ref: {name} has count and no {field}"));
            }
            _ => {}
        }
        Template::Ref(name, path)
    }
}

pub(super) fn hint(near: Option<&str>) -> String {
    near.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}
