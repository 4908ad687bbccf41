//! Indexes: the declared ones, and those that unique, indexed and referring fields need.

use std::collections::HashSet;

use super::declare::Spot;
use super::names::fit;
use super::resolve::Names;
use crate::schema::index::OF_KEY;
use crate::schema::{Field, FieldId, FieldType, Index, IndexFilter};

/// A declared unique index over one field makes the field unique.
pub(super) fn mark_unique(names: &mut Names<'_>) {
    for decl in &mut names.entities {
        for index in decl.indexes.iter().filter(|index| index.unique && index.filter.is_none()) {
            if let [only] = &index.fields[..] {
                for field in decl.fields.iter_mut().filter(|decl| decl.field.name == only.text) {
                    field.field.unique |= !field.field.primary;
                }
            }
        }
    }
}

/// The indexes of every entity, in the order of entities.
pub(super) fn all(names: &Names<'_>) -> Vec<Vec<Index>> {
    let mut taken = HashSet::new();
    (0..names.entities.len()).map(|entity| of_entity(names, entity, &mut taken)).collect()
}

fn of_entity(names: &Names<'_>, entity: usize, taken: &mut HashSet<String>) -> Vec<Index> {
    let decl = &names.entities[entity];
    let mut indexes: Vec<Index> = Vec::new();
    if !decl.keys.is_empty() {
        let fields = decl.keys.iter().filter_map(|name| names.field(entity, name)).collect();
        let name = untaken(taken, fit(format!("{}{OF_KEY}", decl.table.text)));
        indexes.push(Index { name, fields, unique: true, filter: None });
    }
    for declared in &decl.indexes {
        let mut fields = Vec::new();
        for spot in &declared.fields {
            let Some(id) = names.field_or_fault("indexes", entity, spot) else {
                continue;
            };
            if names.field_of(entity, id).ty == FieldType::Json {
                names.report.error(spot.place, format!("indexes: {} is json, which cannot be indexed", spot.text));
            }
            fields.push(id);
        }
        if fields.len() < declared.fields.len() {
            continue;
        }
        let filter = match &declared.filter {
            None => None,
            Some(spot) => match read_filter(names, entity, spot) {
                Some(filter) => Some(filter),
                None => continue,
            },
        };
        // The key has an index already, and a field that is unique gets its own below.
        if let ([only], None) = (&fields[..], &filter) {
            let field = names.field_of(entity, *only);
            if field.primary || (field.unique && declared.name.is_none() && declared.stored.is_none()) {
                continue;
            }
        }
        let same = indexes.iter_mut().find(|index| index.fields == fields && index.filter == filter);
        if let Some(same) = same {
            same.unique |= declared.unique;
            continue;
        }
        if let Some(stored) = &declared.stored {
            if !taken.insert(stored.text.to_ascii_lowercase()) {
                names.report.error(stored.place, format!("index: {} is the name of another index", stored.text));
            }
            indexes.push(Index { name: stored.text.clone(), fields, unique: declared.unique, filter });
            continue;
        }
        let name = match &declared.name {
            Some(name) => declared_name(&decl.table.text, &name.text),
            None => made_name(names, entity, &fields, declared.unique),
        };
        let name = untaken(taken, name);
        indexes.push(Index { name, fields, unique: declared.unique, filter });
    }
    for (at, field) in decl.fields.iter().enumerate() {
        let (id, bare, field) = (FieldId(at as u16), field.bare, &field.field);
        let refers = field.foreign_key.is_some() && !bare;
        if field.primary || !(field.unique || field.index || refers) {
            continue;
        }
        let covered = indexes.iter().any(|index| {
            let whole = index.filter.is_none() && index.fields.first() == Some(&id);
            let alone = index.fields.len() == 1;
            // A reference only needs to be found; an index that begins with it does that.
            whole && if field.unique { alone && index.unique } else { alone || !field.index }
        });
        if !covered {
            let name = untaken(taken, made_name(names, entity, &[id], field.unique));
            indexes.push(Index { name, fields: vec![id], unique: field.unique, filter: None });
        }
    }
    indexes
}

/// The condition of an index; none when it has faults, which are reported.
fn read_filter(names: &Names<'_>, entity: usize, spot: &Spot) -> Option<IndexFilter> {
    let decl = &names.entities[entity];
    let fields: Vec<&Field> = decl.fields.iter().map(|decl| &decl.field).collect();
    match IndexFilter::read(&decl.name.text, &fields, &spot.text) {
        Ok(filter) => Some(filter),
        Err(faults) => {
            for fault in faults {
                names.report.error(spot.place, format!("where: {fault}"));
            }
            None
        }
    }
}

fn made_name(names: &Names<'_>, entity: usize, fields: &[FieldId], unique: bool) -> String {
    let table = &names.entities[entity].table.text;
    made_index_name(table, fields.iter().map(|field| names.field_of(entity, *field).name.as_str()), unique)
}

/// What an index is called that has no declared name: `users_role_level_idx`; a unique one ends in `key`.
pub(crate) fn made_index_name<'n>(table: &str, fields: impl Iterator<Item = &'n str>, unique: bool) -> String {
    let mut name = table.to_owned();
    for field in fields {
        name.push('_');
        name.push_str(field);
    }
    name.push_str(if unique { "_key" } else { "_idx" });
    fit(name)
}

/// Index names are one space for the whole database, so a declared one stands behind its table's name.
fn declared_name(table: &str, name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    fit(format!("{table}_{name}"))
}

fn untaken(taken: &mut HashSet<String>, name: String) -> String {
    let mut free = name.clone();
    let mut count = 1;
    while !taken.insert(free.to_ascii_lowercase()) {
        count += 1;
        free = fit(format!("{name}_{count}"));
    }
    free
}
