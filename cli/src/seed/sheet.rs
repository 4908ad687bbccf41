//! CSV files: the rows of one entity.

use std::sync::Arc;

use dbal::schema::{EntityId, FieldType, Schema};
use dbal::value::json;
use dbal::yaml::nearest;
use dbal::{Map, Name};

use super::{Gathered, Row};
use crate::failure::InputFault;
use crate::input;

/// The rows of one file. The first line names the fields; an empty cell is absent.
pub fn read(schema: &Schema, file: &Arc<str>, text: &str, entity: EntityId, gathered: &mut Gathered) {
    let declared = schema.entity(entity);
    let fault = |line: u64, about: String, message: String| InputFault {
        file: file.clone(),
        line: u32::try_from(line).unwrap_or(u32::MAX),
        about,
        message,
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = match reader.headers() {
        Ok(names) => names.clone(),
        Err(error) => return gathered.faults.push(fault(1, String::new(), error.to_string())),
    };
    let mut columns: Vec<(Name, &FieldType)> = Vec::new();
    for name in &names {
        match declared.field_by_name(name) {
            Some(id) => columns.push((Name::Owned(name.to_owned()), &declared.field(id).ty)),
            None => {
                let known = declared.fields.iter().map(|field| field.name.as_str());
                let hint = nearest(name, known).map(|name| format!("; did you mean {name}?")).unwrap_or_default();
                let about = format!("{}.{name}", declared.name);
                gathered.faults.push(fault(1, about, format!("unknown field{hint}")));
            }
        }
    }
    if columns.len() < names.len() {
        return;
    }
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                gathered.faults.push(fault(line, declared.name.clone(), describe(&error)));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let mut data = Map::new();
        for ((name, ty), cell) in columns.iter().zip(&record) {
            let value = match ty {
                _ if cell.is_empty() => continue,
                FieldType::Json => json::parse(cell.as_bytes()).map_err(|error| error.message().to_owned()),
                ty => Ok(input::cell(ty, cell)),
            };
            match value {
                Ok(value) => data.0.push((name.clone(), value)),
                Err(message) => gathered.faults.push(fault(line, format!("{}.{name}", declared.name), message)),
            }
        }
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        gathered.rows.push(Row { file: file.clone(), line, entity, name: None, data, lines: Vec::new() });
    }
}

fn describe(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("expected {expected_len} cells as in the first line, found {len}")
        }
        _ => error.to_string(),
    }
}
