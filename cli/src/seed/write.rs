//! Rows into a transaction.

use std::collections::{BTreeMap, HashMap};

use dbal::client::transaction::Transaction;
use dbal::schema::{EntityId, FieldType, Schema};
use dbal::{Error, ErrorKind, Map, Operation, Record, Request, Response, Value};

use super::{Progress, Row};
use crate::failure::{Failure, InputFault};

/// Writes all rows and counts them by entity. A faulty row does not keep the others from being tried, so that all faults
/// come at once; the error then makes the transaction roll back.
pub fn write(
    schema: &Schema,
    transaction: &Transaction<'_>,
    rows: &[Row],
    mut progress: Progress,
) -> Result<Vec<(String, u64)>, Failure> {
    let mut writer = Writer { schema, named: HashMap::new(), faults: Vec::new() };
    let mut faulty = 0;
    let mut counts: BTreeMap<EntityId, u64> = BTreeMap::new();
    for (position, row) in rows.iter().enumerate() {
        let before = writer.faults.len();
        writer.row(transaction, row)?;
        if writer.faults.len() > before {
            faulty += 1;
        }
        *counts.entry(row.entity).or_default() += 1;
        progress.at(position + 1);
    }
    if !writer.faults.is_empty() {
        let message = format!("faulty rows: {faulty} of {}; nothing was written", rows.len());
        return Err(Failure::Faulty { message, faults: writer.faults });
    }
    Ok(counts.into_iter().map(|(entity, count)| (schema.entity(entity).name.clone(), count)).collect())
}

struct Writer<'w> {
    schema: &'w Schema,
    /// The rows that have names; none for one that was refused.
    named: HashMap<&'w str, Option<(EntityId, Record)>>,
    faults: Vec<InputFault>,
}

impl<'w> Writer<'w> {
    fn row(&mut self, transaction: &Transaction<'_>, row: &'w Row) -> Result<(), Failure> {
        let written = match self.resolved(row) {
            Some(data) => {
                let name = self.schema.entity(row.entity).name.clone();
                let request = Request::new(Operation::Create, name).arg("data", Value::Map(data));
                match transaction.execute(&request) {
                    Ok(Response::Row(record)) => Some(record),
                    Ok(_) => None,
                    Err(error) if of_the_row(error.kind()) => {
                        self.refused(row, &error);
                        None
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            None => None,
        };
        if let Some(name) = &row.name
            && self.named.insert(name, written.map(|record| (row.entity, record))).is_some()
        {
            self.fault(row, None, format!("a row named {name} stands before; names are for one row each"));
        }
        Ok(())
    }

    /// The data with references looked up; none when one leads nowhere.
    fn resolved(&mut self, row: &'w Row) -> Option<Map> {
        let declared = self.schema.entity(row.entity);
        let mut data = Map(Vec::with_capacity(row.data.len()));
        let mut whole = true;
        for (name, value) in &row.data.0 {
            // A json document may hold a `$ref` of its own.
            let json = declared.field_by_name(name).is_some_and(|id| declared.field(id).ty == FieldType::Json);
            let value = match reference(value).filter(|_| !json) {
                None => value.clone(),
                Some(path) => match self.look_up(path) {
                    Ok(Some(value)) => value,
                    // The row it leads to was refused, which has been said.
                    Ok(None) => {
                        whole = false;
                        continue;
                    }
                    Err(message) => {
                        self.fault(row, Some(name), message);
                        whole = false;
                        continue;
                    }
                },
            };
            data.0.push((name.clone(), value));
        }
        whole.then_some(data)
    }

    /// The value that `ada` or `ada.username` means; none when that row was refused.
    fn look_up(&self, path: &str) -> Result<Option<Value>, String> {
        let (name, field) = match path.split_once('.') {
            Some((name, field)) => (name, Some(field)),
            None => (path, None),
        };
        let Some(found) = self.named.get(name) else {
            return Err(format!("$ref: no row above is named {name}"));
        };
        let Some((entity, record)) = found else { return Ok(None) };
        let declared = self.schema.entity(*entity);
        let field = field.unwrap_or(&declared.field(declared.key).name);
        match record.get(field) {
            Some(value) => Ok(Some(value.clone())),
            None => Err(format!("$ref: {} {name} has no field {field} that could be read", declared.name)),
        }
    }

    fn refused(&mut self, row: &Row, error: &Error) {
        if error.kind() == ErrorKind::ValidationError && !error.fields().is_empty() {
            for fault in error.fields() {
                self.fault(row, Some(&fault.field), fault.message.clone());
            }
        } else {
            let field = error.fields().first().map(|fault| fault.field.as_str());
            self.fault(row, field, format!("{}: {}", error.code(), error.message()));
        }
    }

    fn fault(&mut self, row: &Row, field: Option<&str>, message: String) {
        let entity = &self.schema.entity(row.entity).name;
        let field = field.map(|field| field.strip_prefix("data.").unwrap_or(field));
        let about = field.map_or(entity.clone(), |field| format!("{entity}.{field}"));
        let at = field.and_then(|field| row.data.0.iter().position(|(name, _)| name == field));
        let line = at.and_then(|at| row.lines.get(at)).copied().unwrap_or(row.line);
        self.faults.push(InputFault { file: row.file.clone(), line, about, message });
    }
}

/// The path of `{ $ref: path }`.
fn reference(value: &Value) -> Option<&str> {
    match value.as_map()?.0.as_slice() {
        [(key, path)] if key == "$ref" => path.as_str(),
        _ => None,
    }
}

/// Whether an error says that this row is wrong, rather than that the database failed.
fn of_the_row(kind: ErrorKind) -> bool {
    use ErrorKind::{DatabaseError, InternalError, RateLimitExceeded, Timeout};
    !matches!(kind, DatabaseError | InternalError | RateLimitExceeded | Timeout)
}
