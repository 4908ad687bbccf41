//! One change of what is kept, in words of no database.

use super::model::{Column, Indexed, Model, Table};
use crate::syntax::renamed;

/// One change. Names are those after every renaming, but for what is renamed itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An entity is called otherwise, or its table is.
    RenameEntity {
        /// Its name before.
        from: String,
        /// Its name after.
        to: String,
        /// Its table before.
        from_table: String,
        /// Its table after.
        to_table: String,
    },
    /// A field is called otherwise, or its column is.
    RenameField {
        /// Whose.
        entity: String,
        /// Its name before.
        from: String,
        /// Its name after.
        to: String,
        /// Its column before.
        from_column: String,
        /// Its column after.
        to_column: String,
    },
    /// Words are kept no longer.
    DropSearch {
        /// Whose.
        entity: String,
        /// Of which field.
        field: String,
    },
    /// An index goes.
    DropIndex {
        /// Whose.
        entity: String,
        /// Which.
        index: Indexed,
    },
    /// The database removes rows past their time from now on, or no longer, or by another field.
    Expire {
        /// Whose.
        entity: String,
        /// The field before.
        from: Option<String>,
        /// The field after.
        to: Option<String>,
    },
    /// A field goes, and what it holds.
    DropField {
        /// Whose.
        entity: String,
        /// What is known of it.
        column: Column,
    },
    /// An entity goes, and all its rows.
    DropEntity(Table),
    /// There is a new entity.
    CreateEntity(Table),
    /// There is a new field.
    AddField {
        /// Whose.
        entity: String,
        /// What is known of it.
        column: Column,
    },
    /// A field's type, or what may stand in it, is another.
    AlterField {
        /// Whose.
        entity: String,
        /// What was known of it.
        from: Column,
        /// What it is to be.
        to: Column,
    },
    /// There is a new index.
    AddIndex {
        /// Whose.
        entity: String,
        /// Which.
        index: Indexed,
    },
    /// Words are kept from now on.
    AddSearch {
        /// Whose.
        entity: String,
        /// Of which field.
        field: String,
    },
}

impl Change {
    /// What is lost by it, as somebody has to name it: `User` or `User.nickname`.
    pub fn destroys(&self) -> Option<String> {
        match self {
            Change::DropEntity(table) => Some(table.entity.clone()),
            Change::DropField { entity, column } => Some(format!("{entity}.{}", column.field)),
            Change::RenameEntity { .. }
            | Change::RenameField { .. }
            | Change::DropSearch { .. }
            | Change::DropIndex { .. }
            | Change::Expire { .. }
            | Change::CreateEntity(_)
            | Change::AddField { .. }
            | Change::AlterField { .. }
            | Change::AddIndex { .. }
            | Change::AddSearch { .. } => None,
        }
    }
}

/// For people: one line.
impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Change::RenameEntity { from, to, from_table, to_table } if from == to => {
                write!(f, "{to}: its table {from_table} becomes {to_table}")
            }
            Change::RenameEntity { from, to, .. } => write!(f, "{from} becomes {to}"),
            Change::RenameField { entity, from, to, from_column, to_column } if from == to => {
                write!(f, "{entity}.{to}: its column {from_column} becomes {to_column}")
            }
            Change::RenameField { entity, from, to, .. } => write!(f, "{entity}.{from} becomes {entity}.{to}"),
            Change::DropSearch { entity, field } => write!(f, "{entity}.{field} is searched no longer"),
            Change::DropIndex { entity, index } => write!(f, "{entity}: the index {} goes", index.name),
            Change::Expire { entity, to: Some(field), .. } => {
                write!(f, "{entity}: the database removes rows past {field}, where it can")
            }
            Change::Expire { entity, .. } => write!(f, "{entity}: the database removes rows by itself no longer"),
            Change::DropField { entity, column } => {
                write!(f, "{entity}.{} goes, and what it holds", column.field)
            }
            Change::DropEntity(table) => write!(f, "{} goes, and all its rows", table.entity),
            Change::CreateEntity(table) => write!(f, "{} is new", table.entity),
            Change::AddField { entity, column } => {
                let null = if column.nullable { "" } else { ", never null" };
                write!(f, "{entity}.{} is new ({}{null})", column.field, column.ty.as_str())
            }
            Change::AlterField { entity, from, to } => {
                write!(f, "{entity}.{}: {}", to.field, altered(from, to).join(", "))
            }
            Change::AddIndex { entity, index } => {
                let unique = if index.unique { "unique " } else { "" };
                write!(f, "{entity}: a {unique}index {} over {}", index.name, index.fields.join(", "))
            }
            Change::AddSearch { entity, field } => write!(f, "{entity}.{field} is searched"),
        }
    }
}

/// What is other, in words.
fn altered(from: &Column, to: &Column) -> Vec<String> {
    let mut said = Vec::new();
    if from.ty.as_str() != to.ty.as_str() {
        said.push(format!("{} becomes {}", from.ty.as_str(), to.ty.as_str()));
    } else if from.ty != to.ty {
        said.push(format!("another {}", to.ty.as_str()));
    }
    match (from.nullable, to.nullable) {
        (true, false) => said.push("null is allowed no longer".into()),
        (false, true) => said.push("null is allowed".into()),
        _ => {}
    }
    match (&from.reference, &to.reference) {
        (before, after) if before == after => {}
        (_, Some(key)) => said.push(format!("points to {}.{}", key.entity, key.field)),
        (_, None) => said.push("points nowhere".into()),
    }
    match (from.counted, to.counted) {
        (false, true) => said.push("counted by the database".into()),
        (true, false) => said.push("counted no longer".into()),
        _ => {}
    }
    if from.stored_as != to.stored_as {
        said.push("hashed otherwise".into());
    }
    said
}

/// The model after some changes. What a change speaks of and what is not there is passed over.
pub fn apply(model: &Model, changes: &[Change]) -> Model {
    let mut model = model.clone();
    changes.iter().for_each(|change| apply_one(&mut model, change));
    model
}

pub(super) fn apply_one(model: &mut Model, change: &Change) {
    match change {
        Change::RenameEntity { from, to, to_table, .. } => {
            for reference in
                model.tables.iter_mut().flat_map(|table| &mut table.columns).filter_map(|c| c.reference.as_mut())
            {
                if reference.entity == *from {
                    reference.entity.clone_from(to);
                }
            }
            if let Some(table) = model.table_mut(from) {
                table.entity.clone_from(to);
                table.table.clone_from(to_table);
            }
        }
        Change::RenameField { entity, from, to, to_column, .. } => {
            for reference in
                model.tables.iter_mut().flat_map(|table| &mut table.columns).filter_map(|c| c.reference.as_mut())
            {
                if reference.entity == *entity && reference.field == *from {
                    reference.field.clone_from(to);
                }
            }
            let Some(table) = model.table_mut(entity) else { return };
            if let Some(column) = table.column_mut(from) {
                column.field.clone_from(to);
                column.column.clone_from(to_column);
            }
            for filter in table.indexes.iter_mut().filter_map(|index| index.filter.as_mut()) {
                *filter = renamed(filter, from, to);
            }
            let named = table.indexes.iter_mut().flat_map(|index| &mut index.fields);
            let named = named.chain(&mut table.searchable).chain(&mut table.expiry).chain([&mut table.key]);
            named.filter(|name| *name == from).for_each(|name| name.clone_from(to));
        }
        Change::DropEntity(table) => model.tables.retain(|known| known.entity != table.entity),
        Change::CreateEntity(table) => model.tables.push(table.clone()),
        Change::DropSearch { entity, .. }
        | Change::DropIndex { entity, .. }
        | Change::Expire { entity, .. }
        | Change::DropField { entity, .. }
        | Change::AddField { entity, .. }
        | Change::AlterField { entity, .. }
        | Change::AddIndex { entity, .. }
        | Change::AddSearch { entity, .. } => {
            if let Some(table) = model.table_mut(entity) {
                apply_to(table, change);
            }
        }
    }
}

fn apply_to(table: &mut Table, change: &Change) {
    match change {
        Change::DropSearch { field, .. } => table.searchable.retain(|known| known != field),
        Change::DropIndex { index, .. } => table.indexes.retain(|known| known.name != index.name),
        Change::Expire { to, .. } => table.expiry.clone_from(to),
        Change::DropField { column, .. } => table.columns.retain(|known| known.field != column.field),
        Change::AddField { column, .. } => table.columns.push(column.clone()),
        Change::AlterField { to, .. } => {
            if let Some(column) = table.column_mut(&to.field) {
                column.clone_from(to);
            }
        }
        Change::AddIndex { index, .. } => table.indexes.push(index.clone()),
        Change::AddSearch { field, .. } => table.searchable.push(field.clone()),
        Change::RenameEntity { .. } | Change::RenameField { .. } | Change::DropEntity(_) | Change::CreateEntity(_) => {}
    }
}
