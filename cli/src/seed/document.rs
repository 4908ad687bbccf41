//! YAML and JSON files: entities with their rows.

use std::sync::Arc;

use dbal::schema::{EntityId, FieldType, Schema};
use dbal::yaml::{Entry, Kind, Node, Report, nearest};
use dbal::{Client, Map, Value};

use super::{Gathered, Row};
use crate::failure::InputFault;

/// The rows of one file. With an entity given, a document is its rows; otherwise it names entities.
pub fn read(client: &Client, file: &Arc<str>, text: &str, entity: Option<EntityId>, gathered: &mut Gathered) {
    let report = Report::new();
    let documents = report.read(file, text);
    if let Err(faults) = report.finish(()) {
        let fault = |fault: dbal::yaml::Fault| InputFault {
            file: file.clone(),
            line: fault.line,
            about: String::new(),
            message: fault.message,
        };
        gathered.faults.extend(faults.0.into_iter().map(fault));
        return;
    }
    let mut reader = Reader { schema: client.schema(), file, gathered };
    for document in &documents {
        match entity {
            Some(entity) => reader.rows(entity, document),
            None => reader.entities(client, document),
        }
    }
}

struct Reader<'r> {
    schema: &'r Schema,
    file: &'r Arc<str>,
    gathered: &'r mut Gathered,
}

impl Reader<'_> {
    fn fault(&mut self, line: u32, about: &str, message: String) {
        self.gathered.faults.push(InputFault { file: self.file.clone(), line, about: about.to_owned(), message });
    }

    fn entities(&mut self, client: &Client, document: &Node) {
        let Some(entries) = document.as_map() else {
            if !document.is_null() {
                let found = document.describe();
                let message = format!("expected entities with their rows, or --entity for a bare list; found {found}");
                self.fault(document.place.line, "", message);
            }
            return;
        };
        for entry in entries {
            match client.entity_id(&entry.key) {
                Ok(entity) => self.rows(entity, &entry.value),
                Err(_) => {
                    let names = self.schema.entities().map(|(_, entity)| entity.name.as_str());
                    let hint = nearest(&entry.key, names).map(|name| format!("; did you mean {name}?"));
                    self.fault(entry.place.line, &entry.key, format!("unknown entity{}", hint.unwrap_or_default()));
                }
            }
        }
    }

    /// A list of rows, or rows by name.
    fn rows(&mut self, entity: EntityId, node: &Node) {
        match &node.kind {
            Kind::Null => {}
            Kind::List(items) => items.iter().for_each(|item| self.row(entity, None, item)),
            Kind::Map(named) => named.iter().for_each(|entry| self.row(entity, Some(&entry.key), &entry.value)),
            _ => {
                let message = format!("expected a list of rows, or rows by name; found {}", node.describe());
                self.fault(node.place.line, &self.schema.entity(entity).name.clone(), message);
            }
        }
    }

    fn row(&mut self, entity: EntityId, name: Option<&str>, node: &Node) {
        let declared = self.schema.entity(entity);
        let Some(entries) = node.as_map() else {
            self.fault(
                node.place.line,
                &declared.name,
                format!("expected the fields of a row, found {}", node.describe()),
            );
            return;
        };
        let value = |entry: &Entry| {
            let field = declared.field_by_name(&entry.key).map(|id| &declared.field(id).ty);
            match (field, &entry.value.kind, entry.value.written()) {
                // A decimal is read by its digits: `10.10` means that, not the nearest double.
                (Some(FieldType::Decimal { .. }), Kind::Float(_), Some(digits)) => Value::from(digits),
                _ => entry.value.to_value(),
            }
        };
        let data = entries.iter().map(|entry| (entry.key.clone(), value(entry)));
        self.gathered.rows.push(Row {
            file: self.file.clone(),
            line: node.place.line,
            entity,
            name: name.map(str::to_owned),
            data: Map::from_iter(data),
            lines: entries.iter().map(|entry| entry.place.line).collect(),
        });
    }
}
