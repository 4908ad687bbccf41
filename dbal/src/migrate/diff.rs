//! From one model to another: the changes that make the one from the other.
//!
//! An entity or a field is the same when its name is. It is another one's successor only where it says so
//! (`renamed_from`); nothing is concluded from likeness. A hint may stay for ever: it means nothing once there is an
//! entity or a field of the new name, or none of the old one.

use super::change::{Change, apply_one};
use super::convert;
use super::model::{Column, Model, Table};
use crate::error::FieldFault;

/// The changes from one model to the other, in an order in which they can be made.
pub fn diff(old: &Model, new: &Model) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut work = old.clone();
    let push = |work: &mut Model, changes: &mut Vec<Change>, change: Change| {
        apply_one(work, &change);
        changes.push(change);
    };
    for table in &new.tables {
        let hint = table.renamed_from.as_ref().filter(|from| new.table(from).is_none());
        let before = work.table(&table.entity).or_else(|| work.table(hint?));
        if let Some(before) = before.filter(|before| before.entity != table.entity || before.table != table.table) {
            let change = Change::RenameEntity {
                from: before.entity.clone(),
                to: table.entity.clone(),
                from_table: before.table.clone(),
                to_table: table.table.clone(),
            };
            push(&mut work, &mut changes, change);
        }
    }
    for table in &new.tables {
        for column in &table.columns {
            let Some(before) = work.table(&table.entity) else { continue };
            let hint = column.renamed_from.as_deref().filter(|from| table.column(from).is_none());
            let before = before.column(&column.field).or_else(|| before.column(hint?));
            if let Some(before) = before.filter(|old| old.field != column.field || old.column != column.column) {
                let change = Change::RenameField {
                    entity: table.entity.clone(),
                    from: before.field.clone(),
                    to: column.field.clone(),
                    from_column: before.column.clone(),
                    to_column: column.column.clone(),
                };
                push(&mut work, &mut changes, change);
            }
        }
    }
    let both = || work.tables.iter().filter_map(|before| Some((before, new.table(&before.entity)?)));
    both().for_each(|(before, after)| less(before, after, &mut changes));
    for gone in work.tables.iter().filter(|table| new.table(&table.entity).is_none()) {
        changes.push(Change::DropEntity(gone.clone()));
    }
    for fresh in new.tables.iter().filter(|table| work.table(&table.entity).is_none()) {
        changes.push(Change::CreateEntity(fresh.clone()));
    }
    both().for_each(|(before, after)| more(before, after, &mut changes));
    changes
}

/// What goes of a table that stays.
fn less(before: &Table, after: &Table, changes: &mut Vec<Change>) {
    let entity = &after.entity;
    for field in before.searchable.iter().filter(|field| !after.searchable.contains(field)) {
        changes.push(Change::DropSearch { entity: entity.clone(), field: field.clone() });
    }
    for index in before.indexes.iter().filter(|index| !after.indexes.contains(index)) {
        changes.push(Change::DropIndex { entity: entity.clone(), index: index.clone() });
    }
    if before.expiry != after.expiry {
        let (from, to) = (before.expiry.clone(), after.expiry.clone());
        changes.push(Change::Expire { entity: entity.clone(), from, to });
    }
    for column in before.columns.iter().filter(|column| after.column(&column.field).is_none()) {
        changes.push(Change::DropField { entity: entity.clone(), column: column.clone() });
    }
}

/// What comes to a table that stays, and what is other.
fn more(before: &Table, after: &Table, changes: &mut Vec<Change>) {
    let entity = &after.entity;
    for column in &after.columns {
        match before.column(&column.field) {
            None => changes.push(Change::AddField { entity: entity.clone(), column: column.clone() }),
            Some(old) if differs(old, column) => {
                let (from, to) = (old.clone(), column.clone());
                changes.push(Change::AlterField { entity: entity.clone(), from, to });
            }
            Some(_) => {}
        }
    }
    for index in after.indexes.iter().filter(|index| !before.indexes.contains(index)) {
        changes.push(Change::AddIndex { entity: entity.clone(), index: index.clone() });
    }
    for field in after.searchable.iter().filter(|field| !before.searchable.contains(field)) {
        changes.push(Change::AddSearch { entity: entity.clone(), field: field.clone() });
    }
}

/// Whether anything is other that a database keeps.
fn differs(old: &Column, new: &Column) -> bool {
    let bare = |column: &Column| Column { fill: None, renamed_from: None, ..column.clone() };
    bare(old) != bare(new)
}

/// What cannot be done to rows that exist, whatever they hold.
pub fn impossible(old: &Model, new: &Model, changes: &[Change]) -> Vec<FieldFault> {
    let mut faults = Vec::new();
    let mut fault = |entity: &str, field: &str, message: String| {
        faults.push(FieldFault { field: format!("{entity}.{field}"), message, index: None });
    };
    let mut renamed = old.clone();
    changes
        .iter()
        .filter(|change| matches!(change, Change::RenameEntity { .. } | Change::RenameField { .. }))
        .for_each(|change| apply_one(&mut renamed, change));
    for before in &renamed.tables {
        if let Some(after) = new.table(&before.entity).filter(|after| after.key != before.key) {
            let message = format!("cannot become the key: rows are known by {}", before.key);
            fault(&after.entity, &after.key, message);
        }
    }
    for change in changes {
        let Change::AlterField { entity, from, to } = change else { continue };
        if from.stored_as != to.stored_as {
            let message = "is hashed otherwise than the values that are stored: declare another field for it";
            fault(entity, &to.field, message.into());
        }
        if from.storage != to.storage {
            let message = "has another storage than the values that are stored: declare another field for it";
            fault(entity, &to.field, message.into());
        }
        let is_key = new.table(entity).is_some_and(|table| table.key == to.field);
        match convert::between(&from.ty, &to.ty) {
            Err(why) => fault(entity, &to.field, why),
            Ok(conversion) if is_key && conversion.rewrites() => {
                let (before, after) = (from.ty.as_str(), to.ty.as_str());
                fault(entity, &to.field, format!("is the key, which cannot go from {before} to {after}"));
            }
            Ok(_) => {}
        }
    }
    for (entity, column) in changes.iter().filter_map(|change| match change {
        Change::AddField { entity, column } => Some((entity, column)),
        _ => None,
    }) {
        if let Some(super::model::Fill::Copy(other)) = &column.fill {
            let source = renamed.table(entity).and_then(|table| table.column(other));
            match source {
                None => fault(entity, &column.field, format!("backfill: {entity} had no field {other}")),
                Some(source) if convert::between(&source.ty, &column.ty).is_err() => {
                    let message = format!("backfill: {other} is {}, not {}", source.ty.as_str(), column.ty.as_str());
                    fault(entity, &column.field, message);
                }
                Some(_) => {}
            }
        }
    }
    faults
}
