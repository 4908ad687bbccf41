//! From what a database says of its tables to entities.

use std::collections::HashMap;

use super::catalogue::{Action, Catalogue, Column, Default_, Table};
use super::draft::{Draft, FieldDraft, IndexDraft, ReferenceDraft};
use super::name::{self, Taken};
use super::typed::{is_now, typed};
use super::{Left, index};
use crate::migrate::Model;
use crate::migrate::model::{self, Fill};
use crate::plan::operation::Lowering;
use crate::plan::operation::document::KEY;
use crate::schema::convert::convert;
use crate::schema::{DefaultValue, FieldType, Generator, Referential};
use crate::sql::dialect::Dialect;
use crate::value::{Value, json};

/// The entities, and what is left out with the reason.
pub(super) fn translate(how: Lowering, catalogue: &Catalogue, known: Option<&Model>) -> (Vec<Draft>, Vec<Left>) {
    let mut left: Vec<Left> =
        catalogue.others.iter().map(|(what, why)| Left { what: what.clone(), why: why.clone() }).collect();
    let (mut entities, mut plurals) = (Taken::default(), Taken::default());
    let known_table = |table: &Table| known?.tables.iter().find(|known| known.table == table.name);
    // Names that are known are taken first.
    let mut named: HashMap<&str, (String, String)> = HashMap::new();
    let (first, rest): (Vec<&Table>, Vec<&Table>) =
        catalogue.tables.iter().partition(|table| known_table(table).is_some());
    for table in first.into_iter().chain(rest) {
        let entity = match known_table(table) {
            Some(known) => entities.take(&known.entity),
            None => entities.take(&name::entity(&table.name)),
        };
        let plural = name::handle(&entity, &mut plurals);
        named.insert(&table.name, (entity, plural));
    }
    let mut drafts = Vec::new();
    for table in &catalogue.tables {
        let (entity, plural) = named[table.name.as_str()].clone();
        let known = known_table(table);
        let Some(keys) = keys(how, table) else {
            let why = "has no primary key, and no column that is unique and never null".to_owned();
            left.push(Left { what: table.name.clone(), why });
            continue;
        };
        let mut draft = Draft {
            entity,
            plural,
            table: table.name.clone(),
            description: table.comment.clone(),
            remarks: table.remarks.clone(),
            sampled: table.sampled,
            ..Draft::default()
        };
        if table.key.is_empty() {
            let taken = keys.join(", ");
            let are = if keys.len() > 1 { "are unique together" } else { "is unique" };
            draft.remarks.push(format!("there is no primary key; {taken} {are} and never null, and taken for it"));
        }
        if let Err(why) = fields(how, table, &keys, known, &mut draft, &mut left) {
            left.push(Left { what: table.name.clone(), why });
            continue;
        }
        index::draft(how, table, known, &mut draft);
        index::of_fields(&mut draft);
        drafts.push(draft);
    }
    references(how, catalogue, &mut drafts);
    for draft in &mut drafts {
        index::of_references(draft);
    }
    (drafts, left)
}

/// The columns that are the key: the primary ones, or those that might be, as few as there are.
fn keys(how: Lowering, table: &Table) -> Option<Vec<String>> {
    if how == Lowering::Document {
        return Some(vec![KEY.to_owned()]);
    }
    if !table.key.is_empty() {
        return Some(table.key.clone());
    }
    let there = |name: &String| table.column(name).is_some_and(|column| !column.nullable);
    let whole = |columns: &&Vec<String>| !columns.is_empty() && columns.iter().all(there);
    let candidates = table.indexes.iter().filter(|index| index.unique && index.odd.is_none());
    candidates.map(|index| &index.columns).filter(whole).min_by_key(|columns| columns.len()).cloned()
}

/// Puts the fields of a table in; an error where its key cannot be one.
fn fields(
    how: Lowering,
    table: &Table,
    keys: &[String],
    known: Option<&model::Table>,
    draft: &mut Draft,
    left: &mut Vec<Left>,
) -> Result<(), String> {
    let mut names = Taken::default();
    let stored = |column: &model::Column, of: &model::Table| match how {
        Lowering::Document if of.key == column.field => KEY.to_owned(),
        _ => column.column.clone(),
    };
    for column in &table.columns {
        let primary = keys.contains(&column.name);
        let declared = known.and_then(|of| of.columns.iter().find(|known| stored(known, of) == column.name));
        if let Some(declared) = declared {
            names.take(&declared.field);
            draft.fields.push(of_known(declared, primary));
            continue;
        }
        let leave = |why: String| Left { what: format!("{}.{}", table.name, column.name), why };
        let why = match (column.read_only, typed(how, table, column)) {
            (Some(why), _) => why.to_owned(),
            (None, Err(why)) => why,
            (None, Ok(typed)) => {
                let free = match how {
                    Lowering::Document if primary && table.column("id").is_none() => "id".to_owned(),
                    _ => name::field(&column.name),
                };
                let mut field = FieldDraft {
                    ty: typed.ty,
                    storage: typed.storage,
                    primary,
                    nullable: column.nullable && !primary,
                    max_length: typed.max_length,
                    description: column.comment.clone(),
                    remarks: typed.remarks,
                    seen: column.seen.as_ref().is_some_and(|seen| seen.values() > 0),
                    may_be_uuid: column.seen.as_ref().is_some_and(|seen| seen.forms.uuid == seen.values()),
                    ..FieldDraft::bare(&names.take(&free), &column.name)
                };
                if how == Lowering::Document && primary {
                    // It is `_id` in every collection, whatever it is called.
                    field.column.clone_from(&field.name);
                }
                if let Err(why) = suitable(&field) {
                    if primary {
                        return Err(why);
                    }
                    left.push(leave(why));
                    continue;
                }
                default(column, &mut field);
                if keys.len() > 1 && field.generated.take().is_some() {
                    field.remarks.push("the database makes its values; a create has to say them".into());
                }
                draft.fields.push(field);
                continue;
            }
        };
        if primary {
            return Err(format!("its key {} {why}", column.name));
        }
        if !column.nullable && column.default.is_none() && column.read_only.is_none() {
            draft.remarks.push(format!(
                "{} is left out and cannot be null: rows can be read and changed, not created",
                column.name
            ));
        }
        left.push(leave(why));
    }
    Ok(())
}

/// Whether a field can be what it is.
fn suitable(field: &FieldDraft) -> Result<(), String> {
    if field.column.contains('\0') || field.column.len() > 63 {
        return Err("has a name that no field can have".into());
    }
    match field.ty {
        FieldType::Json | FieldType::Float | FieldType::Boolean if field.primary => {
            Err(format!("its key {} is {}", field.column, field.ty.as_str()))
        }
        _ => Ok(()),
    }
}

/// A column that the history of migrations knows.
fn of_known(known: &model::Column, primary: bool) -> FieldDraft {
    let generated = match (&known.fill, known.counted, primary) {
        (_, true, _) => Some(Generator::Sequence),
        (Some(Fill::Uuid), _, true) => Some(Generator::Uuid),
        _ => None,
    };
    let default = match &known.fill {
        Some(Fill::Value(value)) => Some(DefaultValue::Value(value.clone())),
        Some(Fill::Now) => Some(DefaultValue::Now),
        Some(Fill::Uuid) if !primary => Some(DefaultValue::Uuid),
        Some(Fill::Uuid | Fill::Copy(_)) | None => None,
    };
    FieldDraft {
        ty: known.ty.clone(),
        storage: known.storage.map(crate::schema::Storage::as_str),
        primary,
        nullable: known.nullable,
        generated,
        default: default.filter(|_| generated.is_none() && known.stored_as.is_none()),
        stored_as: known.stored_as,
        reference: known.reference.as_ref().map(|points| ReferenceDraft {
            entity: points.entity.clone(),
            field: points.field.clone(),
            on_delete: points.on_delete,
            on_update: points.on_update,
        }),
        seen: true,
        ..FieldDraft::bare(&known.field, &known.column)
    }
}

/// What a create fills in, as far as the engine can do it as well.
fn default(column: &Column, field: &mut FieldDraft) {
    let time = matches!(field.ty, FieldType::DateTime | FieldType::Date);
    let text = matches!(field.ty, FieldType::Text(_));
    match &column.default {
        None => {}
        Some(Default_::Sequence) if matches!(field.ty, FieldType::Integer | FieldType::BigInt) => {
            field.generated = Some(Generator::Sequence);
        }
        Some(Default_::Uuid) if field.ty == FieldType::Uuid || (text && field.primary) => {
            if field.primary {
                field.generated = Some(Generator::Uuid);
            } else {
                field.default = Some(DefaultValue::Uuid);
            }
        }
        found if time && is_now(found.as_ref()) => field.default = Some(DefaultValue::Now),
        Some(Default_::Literal(value)) => match literal(&field.ty, value) {
            Some(value) => field.default = Some(DefaultValue::Value(value)),
            None => field.remarks.push(format!(
                "the database's default is {}, which is no {}",
                json::to_wire(value),
                field.ty.as_str()
            )),
        },
        Some(Default_::Other(text)) => {
            field.remarks.push(format!("the database's default is {text}; a create has to say its value"));
        }
        Some(other) => field.remarks.push(format!(
            "the database's default ({}) is none that the engine makes",
            match other {
                Default_::Now => "the time",
                Default_::Uuid => "a UUID",
                _ => "a sequence",
            }
        )),
    }
}

/// A literal as a value of a type; databases spell more in one way than the contract does.
fn literal(ty: &FieldType, value: &Value) -> Option<Value> {
    let truth = |text: &str| match text.to_ascii_lowercase().as_str() {
        "1" | "t" | "true" | "y" | "yes" => Some(Value::Bool(true)),
        "0" | "f" | "false" | "n" | "no" => Some(Value::Bool(false)),
        _ => None,
    };
    let given = match (ty, value) {
        (FieldType::Boolean, Value::Int(number)) => truth(&number.to_string())?,
        (FieldType::Boolean, Value::Text(text)) => truth(text)?,
        (FieldType::Json, Value::Text(text)) => json::parse(text.as_bytes()).ok()?,
        (FieldType::Integer | FieldType::BigInt, Value::Text(text)) => Value::Int(text.parse().ok()?),
        (FieldType::Integer | FieldType::BigInt, Value::Decimal(number)) => {
            Value::Int(number.to_string().parse().ok()?)
        }
        (FieldType::Float, Value::Text(text)) => Value::Float(text.parse().ok()?),
        (FieldType::Float, Value::Decimal(number)) => Value::Float(number.to_string().parse().ok()?),
        (FieldType::Decimal { .. }, Value::Int(number)) => Value::from(number.to_string()),
        (FieldType::Text(_) | FieldType::Enum(_), Value::Int(number)) => Value::from(number.to_string()),
        (FieldType::Text(_) | FieldType::Enum(_), Value::Decimal(number)) => Value::from(number.to_string()),
        (FieldType::DateTime, Value::Text(text)) if text.as_bytes().get(10) == Some(&b' ') => {
            let plain = text.trim_end_matches("+00").replacen(' ', "T", 1);
            Value::from(format!("{plain}Z"))
        }
        (FieldType::Bytes, _) => return None,
        (_, value) => value.clone(),
    };
    convert(ty, &given).ok()
}

/// Where fields point. The types at both ends have to be one.
fn references(how: Lowering, catalogue: &Catalogue, drafts: &mut [Draft]) {
    let mut links: Vec<(usize, String, usize, String)> = Vec::new();
    for at in 0..drafts.len() {
        let Some(table) = catalogue.table(&drafts[at].table) else { continue };
        for reference in &table.references {
            let said = format!("{} points to {}", reference.columns.join(", "), reference.table);
            let [column] = &reference.columns[..] else {
                drafts[at]
                    .remarks
                    .push(format!("{said} by several columns together, which the contract has no word for"));
                continue;
            };
            let target = drafts.iter().position(|draft| draft.table.eq_ignore_ascii_case(&reference.table));
            let Some(target) = target else {
                drafts[at].remarks.push(format!("{said}, which is not taken"));
                continue;
            };
            let field = match &reference.targets[..] {
                [] => drafts[target].key(),
                [only, ..] => drafts[target].fields.iter().find(|field| field.column.eq_ignore_ascii_case(only)),
            };
            let pointed = field.filter(|field| drafts[target].is_single(field));
            let Some((target_field, entity)) = pointed.map(|field| (field.name.clone(), drafts[target].entity.clone()))
            else {
                drafts[at].remarks.push(format!("{said}, but not to its key or to a unique field of it"));
                continue;
            };
            let own = drafts[at].fields.iter_mut().find(|field| field.column.eq_ignore_ascii_case(column));
            let Some(own) = own else { continue };
            if own.reference.is_some() {
                let known =
                    own.reference.as_ref().is_some_and(|known| known.entity == entity && known.field == target_field);
                if !known {
                    own.remarks.push(format!("points to {} as well; a field has one reference", reference.table));
                } else {
                    let name = own.name.clone();
                    links.push((at, name, target, target_field));
                }
                continue;
            }
            let nullable = own.nullable;
            let mut remarks = Vec::new();
            let mut rule = |when: &str, action: Action| match action {
                Action::Known(Referential::SetNull) if !nullable => {
                    remarks.push(format!("{when} set null, but it cannot be null: that fails in the database"));
                    Referential::Restrict
                }
                Action::Known(rule) => rule,
                Action::SetDefault => {
                    remarks.push(format!("{when} the database sets the default, which the contract has no word for"));
                    Referential::Restrict
                }
            };
            let on_delete = rule("on delete", reference.on_delete);
            let on_update = rule("on update", reference.on_update);
            own.remarks.extend(remarks);
            own.reference = Some(ReferenceDraft { entity, field: target_field.clone(), on_delete, on_update });
            links.push((at, own.name.clone(), target, target_field));
        }
    }
    settle(how, drafts, &links);
}

/// Gives both ends of each reference one type; where there is none, the reference is a remark.
fn settle(how: Lowering, drafts: &mut [Draft], links: &[(usize, String, usize, String)]) {
    let find = |drafts: &[Draft], at: usize, name: &str| drafts[at].fields.iter().position(|field| field.name == name);
    // A type may travel through several references.
    for _ in 0..=links.len().min(64) {
        let mut moved = false;
        for (at, name, target, pointed) in links {
            let (Some(own), Some(theirs)) = (find(drafts, *at, name), find(drafts, *target, pointed)) else { continue };
            let (a, b) = (drafts[*at].fields[own].clone(), drafts[*target].fields[theirs].clone());
            let widen = |field: &mut FieldDraft| {
                // Its column stays as narrow as it is.
                if how == Lowering::Sql(Dialect::Postgres) && field.storage.is_none() {
                    field.storage = Some("integer");
                }
                field.ty = FieldType::BigInt;
            };
            match (&a.ty, &b.ty) {
                (FieldType::Integer, FieldType::BigInt) => widen(&mut drafts[*at].fields[own]),
                (FieldType::BigInt, FieldType::Integer) => widen(&mut drafts[*target].fields[theirs]),
                (a_ty, b_ty) if same(a_ty, b_ty) => continue,
                // Nothing was there to look at.
                (_, FieldType::Uuid) if a.ty.is_text() && (!a.seen || a.may_be_uuid) => {
                    let field = &mut drafts[*at].fields[own];
                    (field.ty, field.storage, field.max_length) = (b.ty.clone(), b.storage, None);
                }
                (FieldType::Uuid, _) if b.ty.is_text() => {
                    let field = &mut drafts[*at].fields[own];
                    (field.ty, field.storage, field.max_length) = (b.ty.clone(), b.storage, b.max_length);
                }
                _ if !a.seen => {
                    let field = &mut drafts[*at].fields[own];
                    (field.ty, field.storage, field.max_length) = (b.ty.clone(), b.storage, b.max_length);
                }
                _ => continue,
            }
            moved = true;
        }
        if !moved {
            break;
        }
    }
    for (at, name, target, pointed) in links {
        let (Some(own), Some(theirs)) = (find(drafts, *at, name), find(drafts, *target, pointed)) else { continue };
        let theirs = drafts[*target].fields[theirs].ty.clone();
        let table = drafts[*target].table.clone();
        let own = &mut drafts[*at].fields[own];
        if !same(&own.ty, &theirs) {
            own.reference = None;
            own.remarks.push(format!(
                "points to {table}.{pointed}, which is {} and not {}",
                theirs.as_str(),
                own.ty.as_str()
            ));
        }
    }
}

fn same(a: &FieldType, b: &FieldType) -> bool {
    match (a, b) {
        (FieldType::Text(_), FieldType::Text(_)) | (FieldType::Decimal { .. }, FieldType::Decimal { .. }) => true,
        (FieldType::Enum(a), FieldType::Enum(b)) => a.values == b.values,
        _ => a == b,
    }
}

/// An index as it is written.
pub(super) fn index_draft(
    name: Option<String>,
    fields: Vec<String>,
    unique: bool,
    filter: Option<String>,
) -> IndexDraft {
    IndexDraft { name, stored: None, fields, unique, filter }
}
