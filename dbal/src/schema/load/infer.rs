//! Bodies of well-known shapes, where none is written: from an operation's name, its inputs and its output.

use super::resolve::Derived;
use crate::schema::{Act, Body, Entity, EntityId, FieldId, Move, OperationDecl, Step, Template};
use crate::value::Value;
use crate::yaml::{Entry, Node, Report};

/// Inputs that shape a page of rows rather than choose rows.
const PAGING: [&str; 7] = ["page", "limit", "offset", "sort", "after", "before", "total"];

struct Infer<'a> {
    decl: &'a OperationDecl,
    id: EntityId,
    entity: &'a Entity,
    entry: &'a Entry,
}

/// The body that an operation has by its shape; a warning where it has none.
pub(super) fn body(
    report: &Report,
    decl: &OperationDecl,
    id: EntityId,
    entities: &[Entity],
    entry: &Entry,
    derived: &mut Vec<Derived>,
) -> Body {
    let entity = &entities[usize::from(id.0)];
    let infer = Infer { decl, id, entity, entry };
    match infer.act() {
        Ok(Some((act, what))) => {
            derived.push(Derived { entity: entity.name.clone(), what: format!("operation {}: {what}", decl.name) });
            Body::Steps(vec![Step { act, save: None }])
        }
        // A fault elsewhere may be why.
        Ok(None) if report.has_errors() => Body::Missing,
        Ok(None) => {
            let message = format!(
                "{} says nothing of what it does, and nothing can be concluded; calling it is refused",
                decl.name
            );
            report.warning(entry.place, message);
            Body::Missing
        }
        Err(message) => {
            report.error(entry.place, format!("{}: {message}", decl.name));
            Body::Missing
        }
    }
}

type Found = Result<Option<(Act, String)>, String>;

impl Infer<'_> {
    fn act(&self) -> Found {
        let Infer { decl, entity, .. } = self;
        let output = decl.output.as_deref().unwrap_or_default();
        let one = output == entity.name;
        let many = output.strip_suffix("[]").is_some_and(|name| name == entity.name);
        let hierarchical = self.flag("hierarchical");
        match decl.name.as_str() {
            "create" if self.all_fields(decl.inputs()) => {
                return Ok(self.ask("create", vec![("data", self.values(decl.inputs()))], "makes a row"));
            }
            "update" if self.key_first() => return Ok(self.update()),
            "delete" if self.key_first() && decl.required.len() + decl.optional.len() == 1 => {
                return Ok(self.ask("delete", vec![("id", self.key(&decl.required[0]))], "removes the row of its key"));
            }
            "reorder" => return Ok(self.reorder()),
            "move" if one => return self.movement(),
            _ => {}
        }
        if one {
            return Ok(self.read());
        }
        if output == "integer" && (decl.name == "count" || decl.name.starts_with("count_")) {
            return Ok(self.filter().and_then(|filter| self.ask("count", vec![("filter", filter)], "counts rows")));
        }
        if many && hierarchical {
            return self.tree();
        }
        if many { self.rows() } else { Ok(None) }
    }

    fn flag(&self, name: &str) -> bool {
        self.entry.value.get(name).and_then(Node::as_bool).unwrap_or_default()
    }

    fn ask(&self, operation: &str, args: Vec<(&str, Template)>, what: impl Into<String>) -> Option<(Act, String)> {
        let args = args.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let act = Act::Ask { operation: operation.to_owned(), entity: self.id, args, when_missing: None };
        Some((act, what.into()))
    }

    fn field(&self, name: &str) -> Option<FieldId> {
        self.entity.field_by_name(name)
    }

    fn all_fields<'n>(&self, mut names: impl Iterator<Item = &'n str>) -> bool {
        names.all(|name| self.field(name).is_some())
    }

    fn is_unique(&self, name: &str) -> bool {
        self.field(name).is_some_and(|id| self.entity.is_key(id) || self.entity.field(id).unique)
    }

    /// The first input that must be given is a unique key, and all others are fields.
    fn key_first(&self) -> bool {
        let first = self.decl.required.first();
        first.is_some_and(|name| self.is_unique(name)) && self.all_fields(self.decl.inputs())
    }

    fn key(&self, name: &str) -> Template {
        Template::Map(vec![(name.to_owned(), Template::Input(name.to_owned()))])
    }

    fn given(&self, name: &str) -> Template {
        match self.decl.required.iter().any(|input| input == name) {
            true => Template::Input(name.to_owned()),
            false => Template::Given(name.to_owned(), None),
        }
    }

    fn values<'n>(&self, names: impl Iterator<Item = &'n str>) -> Template {
        Template::Map(names.map(|name| (name.to_owned(), self.given(name))).collect())
    }

    fn update(&self) -> Option<(Act, String)> {
        let key = &self.decl.required[0];
        let data = self.values(self.decl.inputs().filter(|name| name != key));
        self.ask("update", vec![("id", self.key(key)), ("data", data)], format!("changes the row of its {key}"))
    }

    /// The row of a unique key; of one of several, where exactly one is given.
    fn read(&self) -> Option<(Act, String)> {
        let keys: Vec<&str> = self.decl.inputs().collect();
        let either = !self.decl.exactly_one_of.is_empty()
            && keys.iter().all(|key| self.decl.exactly_one_of.iter().any(|one| one == key));
        if !keys.iter().all(|key| self.is_unique(key)) || keys.is_empty() || keys.len() > 1 && !either {
            return None;
        }
        let what = format!("the row of its {}", keys.join(" or "));
        self.ask("read", vec![("id", self.values(keys.into_iter()))], what)
    }

    /// The conditions of the inputs that choose rows; none where one is neither a field nor a search.
    fn filter(&self) -> Option<Template> {
        let search = self.search();
        let mut conditions = Vec::new();
        for name in self.decl.inputs().filter(|name| !PAGING.contains(name)) {
            if Some(name) == search {
                conditions.push(("$search".to_owned(), self.given(name)));
            } else if self.field(name).is_some() {
                conditions.push((name.to_owned(), self.given(name)));
            } else {
                return None;
            }
        }
        Some(Template::Map(conditions))
    }

    /// The input with words to look for.
    fn search(&self) -> Option<&str> {
        if self.entity.searchable.is_empty() {
            return None;
        }
        let words = |name: &&str| {
            let full_text = self.entry.value.get("full_text_search").is_some();
            *name == "search" || full_text && *name == "query"
        };
        self.decl.inputs().filter(words).find(|name| self.field(name).is_none())
    }

    fn rows(&self) -> Found {
        if let Some(fields) = self.entry.value.get("full_text_search") {
            let mut named: Vec<FieldId> = Vec::new();
            for name in fields.items().iter().filter_map(Node::as_str) {
                named.push(self.field(name).ok_or_else(|| format!("full_text_search: there is no field {name}"))?);
            }
            named.sort_unstable();
            let mut searchable = self.entity.searchable.clone();
            searchable.sort_unstable();
            if fields.as_list().is_some() && named != searchable {
                let names: Vec<&str> = searchable.iter().map(|id| self.entity.field(*id).name.as_str()).collect();
                return Err(format!("full_text_search looks in the searchable fields: {}", names.join(", ")));
            }
            if self.search().is_none() {
                return Err("full_text_search needs searchable fields and the input query".into());
            }
        }
        let Some(filter) = self.filter() else { return Ok(None) };
        let paged = self.flag("pagination");
        let mut args = vec![("filter", filter)];
        let options: &[&str] = if paged { &PAGING } else { &["limit", "offset", "sort"] };
        for option in options {
            let limit =
                || Template::Given("limit".into(), self.decl.default_limit.map(|limit| Value::Int(limit.into())));
            match self.decl.takes(option) {
                true if *option == "limit" => args.push((option, limit())),
                true => args.push((option, self.given(option))),
                false => {}
            }
        }
        if !self.decl.takes("limit") && paged {
            args.extend(self.decl.default_limit.map(|limit| ("limit", Template::Value(Value::Int(limit.into())))));
        }
        let by: Vec<&str> = self.decl.inputs().filter(|name| !PAGING.contains(name)).collect();
        let what = if paged { "a page of rows" } else { "the rows" };
        let what = if by.is_empty() { what.to_owned() } else { format!("{what} by {}", by.join(", ")) };
        Ok(self.ask(if paged { "list" } else { "find_many" }, args, what))
    }

    /// The one reference of the entity to itself.
    fn parent(&self) -> Result<(FieldId, FieldId), String> {
        let own =
            |field: &crate::schema::Field| field.foreign_key.filter(|key| key.entity == self.id).map(|key| key.field);
        let mut found = self.entity.field_ids().filter_map(|(id, field)| own(field).map(|key| (id, key)));
        match (found.next(), found.next()) {
            (Some(parent), None) => Ok(parent),
            (None, _) => Err(format!("{} is no tree: no field of it refers to it", self.entity.name)),
            (Some(_), Some(_)) => {
                Err(format!("{} refers to itself by several fields; say what it does in steps", self.entity.name))
            }
        }
    }

    fn order(&self) -> Option<FieldId> {
        ["order", "position", "sort_order"].into_iter().find_map(|name| self.field(name))
    }

    fn tree(&self) -> Found {
        let parent = self.parent()?;
        let [scope] = &self.decl.required[..] else { return Ok(None) };
        let Some(scope) = self.field(scope).filter(|_| self.decl.optional.is_empty()) else { return Ok(None) };
        let order = self.order();
        let name = &self.entity.field(scope).name;
        Ok(Some((Act::Tree { entity: self.id, parent, scope, order }, format!("the tree of one {name}"))))
    }

    fn reorder(&self) -> Option<(Act, String)> {
        let [input] = &self.decl.required[..] else { return None };
        if self.field(input).is_some() || !self.decl.optional.is_empty() {
            return None;
        }
        let order = self.order()?;
        let what = format!("sets {} of the rows in {input}", self.entity.field(order).name);
        Some((Act::Reorder { entity: self.id, order, input: input.clone() }, what))
    }

    fn movement(&self) -> Found {
        let parent = self.parent()?;
        let [row, under, rest @ ..] = &self.decl.required[..] else { return Ok(None) };
        let rest = rest.iter().chain(&self.decl.optional);
        let set: Option<Vec<_>> = rest.map(|name| Some((self.field(name)?, name.clone()))).collect();
        let (true, Some(set)) = (self.is_unique(row), set) else { return Ok(None) };
        let mut same = Vec::new();
        for rule in
            self.entry.value.get("validation").map(Node::items).unwrap_or_default().iter().flat_map(Node::entries)
        {
            let name = rule.value.as_str().unwrap_or_default();
            match rule.key.as_str() {
                "same_as_parent" => {
                    same.push(self.field(name).ok_or_else(|| format!("same_as_parent: there is no field {name}"))?);
                }
                "not_below_itself" if name != under => {
                    return Err(format!("not_below_itself: expected {under}, the input with the new parent"));
                }
                _ => {}
            }
        }
        let act = Move { entity: self.id, parent, row: row.clone(), under: under.clone(), set, same };
        Ok(Some((Act::Move(act), format!("puts a row under {under}, never under itself"))))
    }
}
