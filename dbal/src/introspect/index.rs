//! Indexes and unique keys of a table, and what the engine itself keeps in indexes.

use super::catalogue::{Index, Rows, Table};
use super::draft::{Draft, FieldDraft, IndexDraft};
use super::predicate;
use super::translate::index_draft;
use crate::migrate::model;
use crate::plan::operation::Lowering;
use crate::plan::operation::document::KEY;
use crate::schema::index::OF_KEY;
use crate::schema::{Field, FieldType, IndexFilter, Storage, made_index_name};

/// Puts the indexes of a table in.
pub(super) fn draft(how: Lowering, table: &Table, known: Option<&model::Table>, draft: &mut Draft) {
    if let Some(known) = known {
        draft.searchable.clone_from(&known.searchable);
        draft.expiry.clone_from(&known.expiry);
        // The index of a key of several fields follows from them.
        for index in &known.indexes {
            if is_of_key(draft, index) {
                continue;
            }
            put(draft, Some(&index.name), index.fields.clone(), index.unique, index.filter.clone());
        }
    }
    let searched = table.searched.iter().filter_map(|column| draft.of_column(column)).map(|field| field.name.clone());
    for field in searched.collect::<Vec<_>>() {
        if !draft.searchable.contains(&field) {
            draft.searchable.push(field);
        }
    }
    for index in &table.indexes {
        if known.is_some_and(|known| known.indexes.iter().any(|other| other.name == index.name))
            || kept(table, index, draft)
        {
            continue;
        }
        let rows = index.rows.as_ref().and_then(|rows| filter(rows, draft));
        if let (Some(odd), None) = (&index.odd, &rows) {
            draft.remarks.push(format!(
                "{} {} {odd}",
                if index.unique { "the unique key" } else { "the index" },
                index.name
            ));
            continue;
        }
        let columns = index.columns.iter().filter(|column| how != Lowering::Document || *column != KEY);
        let fields: Option<Vec<FieldDraft>> = columns.map(|column| draft.of_column(column).cloned()).collect();
        let fit =
            |fields: &Vec<FieldDraft>| !fields.is_empty() && fields.iter().all(|field| field.ty != FieldType::Json);
        let Some(fields) = fields.filter(fit) else {
            let over = index.columns.join(", ");
            draft
                .remarks
                .push(format!("the index {} is over what is no field that can be indexed ({over})", index.name));
            continue;
        };
        let keys = draft.fields.iter().filter(|field| field.primary).count();
        if fields.len() == 1 && keys == 1 && fields[0].primary {
            continue;
        }
        if rows.is_none() && index.name.ends_with(OF_KEY) && keys > 1 && fields.iter().all(|field| field.primary) {
            continue;
        }
        let nulls = index.unique && fields.iter().any(|field| field.nullable);
        let apart = |field: &FieldDraft| {
            !field.nullable || rows.as_ref().is_some_and(|rows| rows.contains(&format!("{} IS NOT NULL", field.name)))
        };
        let apart = index.ours || fields.iter().all(apart);
        if how == Lowering::Document && nulls && !apart {
            draft.remarks.push(format!("the unique key {} takes a document without a value once only", index.name));
        }
        let fields = fields.into_iter().map(|field| field.name).collect();
        put(draft, Some(&index.name), fields, index.unique, rows);
    }
}

/// Whether an index is the one that a key of several fields has by itself.
fn is_of_key(draft: &Draft, index: &model::Indexed) -> bool {
    let keys = draft.fields.iter().filter(|field| field.primary).map(|field| &field.name);
    index.name.ends_with(OF_KEY) && index.filter.is_none() && keys.eq(&index.fields)
}

/// The condition of an index in words that can be read again; none where there are none.
fn filter(rows: &Rows, draft: &Draft) -> Option<String> {
    let text = predicate::said(rows, draft)?;
    let field = |field: &FieldDraft| Field {
        storage: field.storage.and_then(Storage::parse),
        stored_as: field.stored_as,
        ..model::bare(&field.name, field.column.clone(), field.ty.clone())
    };
    let fields: Vec<Field> = draft.fields.iter().map(field).collect();
    let fields: Vec<&Field> = fields.iter().collect();
    IndexFilter::read(&draft.entity, &fields, &text).ok()?;
    Some(text)
}

/// What the engine keeps for searches and for expiry: said otherwise.
fn kept(table: &Table, index: &Index, draft: &mut Draft) -> bool {
    let words = index.name.strip_suffix("$words").and_then(|name| name.strip_prefix(&format!("{}$", table.name)));
    let column = words.or_else(|| index.name.strip_prefix("_dbal_words_"));
    let of = |column: &str| if column == KEY { draft.key() } else { draft.of_column(column) };
    if let Some(field) = column.and_then(of).map(|field| field.name.clone()) {
        if !draft.searchable.contains(&field) {
            draft.searchable.push(field);
        }
        return true;
    }
    if let Some(column) = index.name.strip_prefix("_dbal_expiry_") {
        let field = draft.of_column(column).map(|field| field.name.clone());
        draft.expiry = draft.expiry.take().or(field);
        return true;
    }
    index.name.starts_with("_dbal")
}

/// One index, in the shortest form that has its name where the name can be said.
fn put(draft: &mut Draft, name: Option<&str>, fields: Vec<String>, unique: bool, filter: Option<String>) {
    if draft.indexes.iter().any(|known| known.fields == fields && known.filter == filter) {
        if let Some(name) = name {
            draft.remarks.push(format!("the index {name} is over the same fields as another"));
        }
        return;
    }
    let made = made_index_name(&draft.table, fields.iter().map(String::as_str), unique);
    let said = name.filter(|name| *name != made);
    let said = said.and_then(|name| name.strip_prefix(&format!("{}_", draft.table)));
    let said =
        said.filter(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    // One over all rows is known by its fields; which rows another is over, no database says in our words.
    let stored = name.filter(|name| filter.is_some() && said.is_none() && *name != made).map(str::to_owned);
    let index = index_draft(said.map(str::to_owned), fields, unique, filter);
    draft.indexes.push(IndexDraft { stored, ..index });
}

/// Indexes of one field become a word beside it where they need no name.
pub(super) fn of_fields(draft: &mut Draft) {
    let indexes = std::mem::take(&mut draft.indexes);
    for index in indexes {
        let [only] = &index.fields[..] else {
            draft.indexes.push(index);
            continue;
        };
        let field = draft.fields.iter_mut().find(|field| field.name == *only);
        let Some(field) = field.filter(|_| index.filter.is_none()) else {
            draft.indexes.push(index);
            continue;
        };
        field.unique |= index.unique;
        if index.name.is_some() {
            draft.indexes.push(index);
        } else if !index.unique {
            field.index = Some(true);
        }
    }
}

/// A reference is indexed by itself: one that is not says so.
pub(super) fn of_references(draft: &mut Draft) {
    let whole = draft.indexes.iter().filter(|index| index.filter.is_none());
    let covered: Vec<String> = whole.filter_map(|index| index.fields.first().cloned()).collect();
    let single = draft.key().is_some();
    // The key's own index serves the first of its fields, where it has several.
    let first = draft.fields.iter().find(|field| field.primary).map(|field| field.name.clone());
    let covered: Vec<String> = covered.into_iter().chain(first.filter(|_| !single)).collect();
    for field in &mut draft.fields {
        if field.reference.is_some() && !(field.primary && single) && !field.unique {
            field.index = match (field.index, covered.contains(&field.name)) {
                (Some(true), true) => Some(true),
                (Some(true), false) | (_, true) => None,
                (_, false) => Some(false),
            };
        }
    }
}
