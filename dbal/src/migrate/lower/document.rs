//! MongoDB takes no change of collections inside a transaction, so each command is one that may be run again: who goes on
//! after an interruption does not know whether the last one was done. What destroys comes last.

use super::checks::{condition, grouped, range, worded};
use super::{Step, Work};
use crate::document::migrate::{
    constant, create_index, expiry, is_partly, object, reference_index, spell, text, validator,
};
use crate::error::{Error, Result};
use crate::migrate::change::Change;
use crate::migrate::convert::{Conversion, between};
use crate::migrate::model::{Column, Fill, Indexed, Table};
use crate::plan::operation::document::{KEY, SEQUENCES, WORDS};
use crate::schema::FieldType;
use crate::sql::ddl::Snapshot;

pub(super) fn lower(work: &Work<'_>, existing: &Snapshot) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    checks(work, &mut steps);
    let mut run = Vec::new();
    for (before, after) in work.staying() {
        if touched(work, before, after) {
            let old = work.table_before(&after.entity).unwrap_or(after);
            // Documents are neither of the old form nor of the new one for a while.
            run.push(object(&[("collMod", &text(&old.table)), ("validator", "{}")]));
        }
    }
    leave(work, &mut run);
    for (from, to) in work.table_renamings() {
        run.push(object(&[("renameCollection", &text(&from)), ("to", &text(&to))]));
    }
    for (_, after) in work.staying() {
        sequence(work, after, &mut run);
        let first = work.dropped(&after.entity).filter(|gone| super::postgres::in_the_way(after, gone));
        run.extend(first.map(|gone| unset(after, &gone.column)));
        rename(work, after, &mut run);
    }
    let schema = work.new.to_schema();
    for table in work.created() {
        let entity = schema.by_name(&table.entity).map(|id| schema.entity(id));
        let entity = entity.ok_or_else(|| Error::internal("an entity got lost in a migration"))?;
        run.push(object(&[("create", &text(&table.table)), ("validator", &validator(entity))]));
    }
    let counts = |table: &Table| table.columns.iter().any(|column| column.counted);
    if work.new.tables.iter().any(counts) && !existing.tables.iter().any(|table| table.name == SEQUENCES) {
        run.push(object(&[("create", &text(SEQUENCES))]));
    }
    for (before, after) in work.staying() {
        for column in work.added(&after.entity) {
            add(before, after, column, &mut run);
        }
        for (from, to) in work.altered(&after.entity) {
            alter(before, after, from, to, &mut run);
        }
    }
    come(work, &mut run)?;
    for (before, after) in work.staying() {
        let last = work.dropped(&after.entity).filter(|gone| !super::postgres::in_the_way(after, gone));
        run.extend(last.map(|gone| unset(after, &gone.column)));
        if touched(work, before, after) {
            let entity = schema.by_name(&after.entity).map(|id| schema.entity(id));
            let entity = entity.ok_or_else(|| Error::internal("an entity got lost in a migration"))?;
            run.push(object(&[("collMod", &text(&after.table)), ("validator", &validator(entity))]));
        }
    }
    run.extend(work.gone().map(|table| object(&[("drop", &text(&table.table))])));
    steps.extend(run.into_iter().map(Step::Run));
    Ok(steps)
}

/// Under which name a field's values are stored.
fn path<'t>(table: &Table, column: &'t Column) -> &'t str {
    if table.key == column.field { KEY } else { &column.column }
}

/// Whether the form of the documents changes.
fn touched(work: &Work<'_>, before: &Table, after: &Table) -> bool {
    let entity = &after.entity;
    let form = |(from, to): (&Column, &Column)| from.ty != to.ty || from.nullable != to.nullable;
    // Some servers forget the validator of a collection that they rename.
    work.table_before(entity).is_some_and(|old| old.table != after.table)
        || work.added(entity).next().is_some()
        || work.dropped(entity).next().is_some()
        || !renamings(work, after).is_empty()
        || work.altered(entity).any(form)
        || before.searchable != after.searchable
}

/// The renamings of all columns but the key's, which is called alike in every collection.
fn renamings(work: &Work<'_>, after: &Table) -> Vec<(String, String)> {
    let key = after.column(&after.key).map(|column| column.column.clone());
    work.renamings(&after.entity).into_iter().filter(|(_, to)| Some(to) != key.as_ref()).collect()
}

/// Whether an index is over something that is called or stored otherwise from now on.
fn moves(work: &Work<'_>, after: &Table, index: &Indexed) -> bool {
    index.looks_at().any(|field| {
        let before = work.column_before(&after.entity, &field);
        let renamed = before.zip(after.column(&field)).is_some_and(|(old, new)| old.column != new.column);
        renamed || work.altered(&after.entity).any(|(from, to)| to.field == field && from.ty != to.ty)
    })
}

/// Indexes that go, or that are made anew.
fn leave(work: &Work<'_>, run: &mut Vec<String>) {
    let mut drop = |table: &Table, name: &str| {
        run.push(object(&[("dropIndexes", &text(&table.table)), ("index", &text(name))]));
    };
    for change in work.changes {
        match change {
            Change::DropIndex { entity, index } => {
                if let Some(table) = work.table_before(entity) {
                    drop_index(table, index, &mut drop);
                }
            }
            Change::DropSearch { entity, field } => {
                if let (Some(table), Some(column)) = (work.table_before(entity), work.column_before(entity, field)) {
                    drop(table, &words_index(path(table, column)));
                }
            }
            _ => {}
        }
    }
    for (before, after) in work.staying() {
        let Some(old) = work.table_before(&after.entity) else { continue };
        let dropped = |name: &str| {
            work.changes.iter().any(|change| {
                matches!(change, Change::DropIndex { entity, index } if *entity == after.entity && index.name == name)
            })
        };
        for index in before.indexes.iter().filter(|index| !dropped(&index.name) && moves(work, after, index)) {
            drop_index(old, index, &mut drop);
        }
        for (was, now) in old.searchable.iter().zip(&before.searchable) {
            let columns = old.column(was).zip(after.column(now));
            if let Some((was, _)) = columns.filter(|(was, now)| was.column != now.column) {
                drop(old, &words_index(path(old, was)));
            }
        }
        let expires = |table: &Table| table.expiry.as_ref().and_then(|field| Some(table.column(field)?.column.clone()));
        if let Some(column) = expires(old).filter(|column| expires(after).as_ref() != Some(column)) {
            drop(old, &format!("_dbal_expiry_{column}"));
        }
    }
}

/// An index, and what stands beside it; that there is none is no fault.
fn drop_index(table: &Table, index: &Indexed, drop: &mut impl FnMut(&Table, &str)) {
    drop(table, &index.name);
    if is_partly(index.unique, index.fields.len(), index.filter.is_some()) {
        drop(table, &reference_index(&index.name));
    }
}

fn words_index(path: &str) -> String {
    format!("_dbal_words_{path}")
}

/// Numbers go on where they were.
fn sequence(work: &Work<'_>, after: &Table, run: &mut Vec<String>) {
    let name = |table: &Table, column: &Column| format!("{}.{}", table.table, column.column);
    for column in after.columns.iter().filter(|column| column.counted) {
        let before = work.table_before(&after.entity).zip(work.column_before(&after.entity, &column.field));
        let Some((table, old)) = before.filter(|(_, old)| old.counted) else { continue };
        let (from, to) = (name(table, old), name(after, column));
        if from != to {
            run.push(object(&[("_dbal_sequence", &text(&from)), ("to", &text(&to))]));
        }
    }
}

fn rename(work: &Work<'_>, after: &Table, run: &mut Vec<String>) {
    for (from, to) in renamings(work, after) {
        let there = object(&[(&from, r#"{"$exists":true}"#)]);
        run.push(update(after, &there, &object(&[("$rename", &object(&[(&from, &text(&to))]))])));
        let (from, to) = (format!("{WORDS}.{from}"), format!("{WORDS}.{to}"));
        let there = object(&[(&from, r#"{"$exists":true}"#)]);
        if !work.renamed.table(&after.entity).is_none_or(|table| table.searchable.is_empty()) {
            run.push(update(after, &there, &object(&[("$rename", &object(&[(&from, &text(&to))]))])));
        }
    }
}

fn update(table: &Table, filter: &str, change: &str) -> String {
    let update = object(&[("q", filter), ("u", change), ("multi", "true")]);
    object(&[("update", &text(&table.table)), ("updates", &format!("[{update}]"))])
}

fn unset(table: &Table, column: &str) -> String {
    let there = object(&[(column, r#"{"$exists":true}"#)]);
    update(table, &there, &object(&[("$unset", &object(&[(column, "1")]))]))
}

/// Sets a column of those documents to what is computed.
fn set(table: &Table, filter: &str, column: &str, value: &str) -> String {
    update(table, filter, &format!("[{}]", object(&[("$set", &object(&[(column, value)]))])))
}

fn fill(before: &Table, after: &Table, column: &Column, fill: &Fill, filter: &str) -> String {
    let name = path(after, column);
    match fill {
        Fill::Value(value) => {
            update(after, filter, &object(&[("$set", &object(&[(name, &constant(&column.ty, value))]))]))
        }
        Fill::Now => set(after, filter, name, now(&column.ty)),
        Fill::Uuid => object(&[("_dbal_fill", &text(&after.table)), ("uuid", &text(name))]),
        Fill::Copy(other) => {
            let source = before.column(other);
            let value = source.map_or("null".to_owned(), |source| {
                let from = text(&format!("${}", path(before, source)));
                let conversion = between(&source.ty, &column.ty).unwrap_or(Conversion::None);
                converted(&conversion, &from).map_or(from, |(value, _)| value)
            });
            set(after, filter, name, &value)
        }
    }
}

fn add(before: &Table, after: &Table, column: &Column, run: &mut Vec<String>) {
    if let Some(with) = &column.fill {
        let absent = object(&[(path(after, column), r#"{"$exists":false}"#)]);
        run.push(fill(before, after, column, with, &absent));
    }
}

fn alter(before: &Table, after: &Table, from: &Column, to: &Column, run: &mut Vec<String>) {
    let name = path(after, to);
    let conversion = between(&from.ty, &to.ty).unwrap_or(Conversion::None);
    if let Some((value, types)) = converted(&conversion, &text(&format!("${name}"))) {
        let stored = object(&[(name, &object(&[("$type", types)]))]);
        run.push(set(after, &stored, name, &value));
    }
    if let Some(with) = to.fill.as_ref().filter(|_| from.nullable && !to.nullable) {
        run.push(fill(before, after, to, with, &object(&[(name, "null")])));
    }
}

/// Indexes that come, and the words of what is searched from now on.
fn come(work: &Work<'_>, run: &mut Vec<String>) -> Result<()> {
    let schema = work.new.to_schema();
    for (id, entity) in schema.entities() {
        let Some(after) = work.new.table(&entity.name) else { continue };
        let fresh = work.created().any(|new| new.entity == entity.name);
        let (old, before) = (work.table_before(&entity.name), work.renamed.table(&entity.name));
        for index in &entity.indexes {
            let Some(declared) = after.indexes.iter().find(|declared| declared.name == index.name) else { continue };
            let added = work.changes.iter().any(|change| {
                matches!(change, Change::AddIndex { entity: of, index: new } if *of == entity.name && new.name == index.name)
            });
            if fresh || added || moves(work, after, declared) {
                run.push(create_index(entity, index)?);
            }
        }
        for field in &after.searchable {
            let Some(column) = after.column(field) else { continue };
            let name = path(after, column);
            let kept = before.is_some_and(|table| table.searchable.contains(field));
            let renamed = work.column_before(&entity.name, field).is_some_and(|was| was.column != column.column);
            if !kept && !fresh {
                run.push(object(&[("_dbal_fill", &text(&after.table)), ("words", &text(name))]));
            }
            if !kept || renamed {
                let key = object(&[(&format!("{WORDS}.{name}"), "1")]);
                run.push(create(after, &object(&[("key", &key), ("name", &text(&words_index(name)))])));
            }
        }
        for field in before.iter().flat_map(|table| &table.searchable).filter(|field| !after.searchable.contains(field))
        {
            if let Some(column) = before.and_then(|table| table.column(field)) {
                run.push(unset(after, &format!("{WORDS}.{}", column.column)));
            }
        }
        let expires = |table: &Table| table.expiry.as_ref().and_then(|field| Some(table.column(field)?.column.clone()));
        if let Some((_, definition)) = expiry(&schema, id)
            && (fresh || old.and_then(expires) != expires(after))
        {
            run.push(create(after, &definition));
        }
    }
    Ok(())
}

fn create(table: &Table, definition: &str) -> String {
    object(&[("createIndexes", &text(&table.table)), ("indexes", &format!("[{definition}]"))])
}

/// The time of the migration.
fn now(ty: &FieldType) -> &'static str {
    match ty {
        FieldType::BigInt => r#"{"$toLong":"$$NOW"}"#,
        FieldType::Float => r#"{"$toDouble":{"$toLong":"$$NOW"}}"#,
        FieldType::Date => r#"{"$dateToString":{"date":"$$NOW","format":"%Y-%m-%d"}}"#,
        _ => r#""$$NOW""#,
    }
}

/// The value in the other type, and in which types it is stored before; none where it is stored alike.
fn converted(conversion: &Conversion, from: &str) -> Option<(String, &'static str)> {
    const WHOLE: &str = r#"["int","long"]"#;
    let as_type = |name: &str, types| Some((object(&[(name, from)]), types));
    let to_int = |bits: u8| if bits == 32 { "$toInt" } else { "$toLong" };
    match conversion {
        Conversion::None | Conversion::Words(_) | Conversion::UuidToText | Conversion::TextToUuid => None,
        Conversion::Widen => as_type("$toLong", r#""int""#),
        Conversion::Narrow => as_type("$toInt", r#""long""#),
        Conversion::IntToFloat => as_type("$toDouble", WHOLE),
        Conversion::FloatToInt(bits) => as_type(to_int(*bits), r#""double""#),
        Conversion::DecimalToInt(bits) => as_type(to_int(*bits), r#""decimal""#),
        Conversion::IntToDecimal(0) => as_type("$toDecimal", WHOLE),
        Conversion::IntToDecimal(scale) => {
            let written =
                format!("[{},{}]", object(&[("$toString", from)]), text(&format!(".{}", "0".repeat(*scale as usize))));
            Some((object(&[("$toDecimal", &object(&[("$concat", &written)]))]), WHOLE))
        }
    }
}

/// What rows that exist must not hold; see the questions for SQL.
fn checks(work: &Work<'_>, steps: &mut Vec<Step>) {
    let mut check = |table: &Table, stages: &[String], message: String| {
        let pipeline = format!("[{},{}]", stages.join(","), r#"{"$count":"rows"}"#);
        let ask = object(&[("aggregate", &text(&table.table)), ("pipeline", &pipeline), ("cursor", "{}")]);
        steps.push(Step::Check { ask, message });
    };
    let matching = |condition: &str| object(&[("$match", condition)]);
    for change in work.changes {
        match change {
            Change::AddField { entity, column } if !column.nullable && column.fill.is_none() => {
                let Some(table) = work.table_before(entity) else { continue };
                let message = format!(
                    "{entity}.{} is new and never null, and the rows that exist have no value for it: give it a \
                     default or a backfill",
                    column.field
                );
                check(table, &[matching("{}")], message);
            }
            Change::AlterField { entity, from, to } => {
                let (Some(table), Some(before)) = (work.table_before(entity), work.column_before(entity, &to.field))
                else {
                    continue;
                };
                let (name, field) = (path(table, before), &to.field);
                if from.nullable && !to.nullable && to.fill.is_none() {
                    let message =
                        format!("{entity}.{field} is null in rows that exist: give it a default or a backfill");
                    check(table, &[matching(&object(&[(name, "null")]))], message);
                }
                if let Some(condition) = misfit(&between(&from.ty, &to.ty).unwrap_or(Conversion::None), name) {
                    let message = format!("{entity}.{field} holds values that are no {}", worded(&to.ty));
                    check(table, &[matching(&condition)], message);
                }
                if let Some(key) = to.reference.as_ref().filter(|_| to.reference != from.reference) {
                    let message = format!("{entity}.{field} points to rows of {} that do not exist", key.entity);
                    let mut stages = vec![matching(&object(&[(name, r#"{"$ne":null}"#)]))];
                    let target = work.table_before(&key.entity).zip(work.column_before(&key.entity, &key.field));
                    if let Some((target, remote)) = target {
                        let lookup = object(&[
                            ("from", &text(&target.table)),
                            ("localField", &text(name)),
                            ("foreignField", &text(path(target, remote))),
                            ("as", "\"there\""),
                        ]);
                        stages.extend([object(&[("$lookup", &lookup)]), matching(r#"{"there":{"$size":0}}"#)]);
                    }
                    check(table, &stages, message);
                }
            }
            Change::AddIndex { entity, index } if index.unique => {
                let (Some(table), Some(group)) = (work.table_before(entity), grouped(work, entity, &index.fields))
                else {
                    continue;
                };
                let key = table.column(&table.key).map(|column| column.column.as_str());
                let stored = |name: &String| if Some(name.as_str()) == key { KEY.to_owned() } else { name.clone() };
                let columns: Vec<String> = group.columns.iter().map(stored).collect();
                let known: Vec<(&str, &str)> = columns.iter().map(|name| (name.as_str(), r#"{"$ne":null}"#)).collect();
                let ids: Vec<String> = (0..columns.len()).map(|at| format!("f{at}")).collect();
                let from: Vec<String> = columns.iter().map(|name| text(&format!("${name}"))).collect();
                let id: Vec<(&str, &str)> =
                    ids.iter().zip(&from).map(|(id, from)| (id.as_str(), from.as_str())).collect();
                let id = if group.alone { "null".to_owned() } else { object(&id) };
                let within = match &index.filter {
                    None => "{}".to_owned(),
                    Some(filter) => {
                        let spelled = condition(work, entity, filter);
                        let Some(Ok(within)) = spelled.map(|(entity, condition)| spell(&entity, &condition)) else {
                            continue;
                        };
                        within
                    }
                };
                let group = object(&[("_id", &id), ("n", r#"{"$sum":1}"#)]);
                let fields = index.fields.join(", ");
                let message = format!("{entity}: rows that exist share the same {fields}, which is to be unique");
                let shared = matching(r#"{"n":{"$gt":1}}"#);
                let stages = [matching(&object(&known)), matching(&within), object(&[("$group", &group)]), shared];
                check(table, &stages, message);
            }
            _ => {}
        }
    }
}

/// The condition under which a stored value has no place in the other type.
fn misfit(conversion: &Conversion, name: &str) -> Option<String> {
    let outside = |bits: u8| {
        let (least, greatest) = range(bits);
        let (least, greatest) = (least.to_string(), greatest.to_string());
        let below = object(&[(name, &object(&[("$lt", &least)]))]);
        let above = object(&[(name, &object(&[("$gt", &greatest)]))]);
        format!("{below},{above}")
    };
    let broken = |ty: &str, bits: u8| {
        let value = text(&format!("${name}"));
        let broken = object(&[("$expr", &object(&[("$ne", &format!("[{value},{}]", object(&[("$trunc", &value)])))]))]);
        let either = object(&[("$or", &format!("[{broken},{}]", outside(bits)))]);
        let stored = object(&[(name, &object(&[("$type", ty)]))]);
        object(&[("$and", &format!("[{stored},{either}]"))])
    };
    Some(match conversion {
        Conversion::None | Conversion::Widen | Conversion::UuidToText | Conversion::IntToDecimal(_) => return None,
        Conversion::Words(words) => {
            let words: Vec<String> = words.iter().map(|word| text(word)).chain(["null".to_owned()]).collect();
            object(&[(name, &object(&[("$nin", &format!("[{}]", words.join(",")))]))])
        }
        Conversion::TextToUuid => {
            let form = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";
            let not = object(&[("$regex", &text(form))]);
            object(&[(name, &object(&[("$ne", "null"), ("$not", &not)]))])
        }
        Conversion::Narrow => object(&[("$or", &format!("[{}]", outside(32)))]),
        Conversion::IntToFloat => object(&[("$or", &format!("[{}]", outside(53)))]),
        Conversion::FloatToInt(bits) => broken("\"double\"", *bits),
        Conversion::DecimalToInt(bits) => broken("\"decimal\"", *bits),
    })
}
