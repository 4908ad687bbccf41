//! The reference contract as a page to read: fields, keys, relations, who may do what, operations.

use dbal::schema::field::Bound;
use dbal::schema::{
    AclGrant, DefaultValue, Entity, Field, FieldId, FieldType, Generator, Referential, RelationKind, Schema, StoredAs,
    Verb,
};

use super::{HEADER, cell, push};

/// `docs/entities.md`.
pub fn page(schema: &Schema) -> String {
    let mut out = format!(
        "<!-- {HEADER}api/schema. Do not edit. -->\n\n# Entities\n\n\
         The reference contract: what dbal serves when a program brings no schema of its own. Every field is optional and \
         nullable unless it says *required*.\n\n"
    );
    for (_, entity) in schema.entities() {
        push(&mut out, format_args!("- [{}](#{}): {}\n", entity.name, entity.name.to_lowercase(), entity.description));
    }
    for (_, entity) in schema.entities() {
        push(&mut out, format_args!("\n## {}\n\n{}\n\n", entity.name, entity.description));
        push(&mut out, format_args!("Handle and table: `{}`. Version {}.\n\n", entity.plural, entity.version));
        fields(&mut out, schema, entity);
        keys(&mut out, entity);
        relations(&mut out, schema, entity);
        access(&mut out, entity);
        operations(&mut out, entity);
    }
    out
}

fn fields(out: &mut String, schema: &Schema, entity: &Entity) {
    out.push_str("| field | type | rules | meaning |\n|---|---|---|---|\n");
    for field in &entity.fields {
        let rules = rules(schema, field).join("; ");
        let (ty, meaning) = (type_of(field), cell(&field.description));
        push(out, format_args!("| `{}` | {} | {} | {meaning} |\n", field.name, cell(&ty), cell(&rules)));
    }
}

fn type_of(field: &Field) -> String {
    match &field.ty {
        FieldType::Enum(declared) => {
            let order = if declared.ordered { ", in this order" } else { "" };
            format!("one of {}{order}", declared.values.join(", "))
        }
        FieldType::Decimal { precision: Some(precision), scale } => {
            format!("decimal({precision}, {})", scale.unwrap_or_default())
        }
        other => other.as_str().to_owned(),
    }
}

/// Everything that holds for the values of a field, each in a few words.
fn rules(schema: &Schema, field: &Field) -> Vec<String> {
    let mut rules = Vec::new();
    let mut say = |condition: bool, words: &str| {
        if condition {
            rules.push(words.to_owned());
        }
    };
    say(field.primary, "primary key");
    say(!field.nullable && !field.primary, "required");
    say(field.unique && !field.primary, "unique");
    say(field.immutable, "immutable");
    say(field.auto_update, "set by every write");
    say(field.version, "raised by every write");
    say(field.sensitive, "never returned");
    say(field.deprecated, "deprecated");
    match field.stored_as {
        None => {}
        Some(StoredAs::Sha256) => rules.push("stored as SHA-256".to_owned()),
        Some(StoredAs::Argon2id) => rules.push("stored as Argon2id".to_owned()),
    }
    match field.generated {
        None => {}
        Some(Generator::Uuid) => rules.push("made by the engine (uuid v7)".to_owned()),
        Some(Generator::Cuid) => rules.push("made by the engine (cuid)".to_owned()),
        Some(Generator::Sequence) => rules.push("the next number".to_owned()),
        Some(Generator::Now) => rules.push("the instant of the create".to_owned()),
        Some(Generator::Token) => rules.push("256 random bits, returned once".to_owned()),
    }
    match &field.default {
        None => {}
        Some(DefaultValue::Value(value)) => rules.push(format!("default `{}`", dbal::value::json::to_text(value))),
        Some(DefaultValue::Now) => rules.push("default now".to_owned()),
        Some(DefaultValue::Uuid) => rules.push("default a new uuid".to_owned()),
    }
    rules.extend(range("length ", field.min_length, field.max_length));
    rules.extend(range("", field.min.as_ref().map(number), field.max.as_ref().map(number)));
    if let Some(pattern) = &field.pattern {
        rules.push(format!("matches `{}`", pattern.as_str()));
    }
    if let Some(key) = &field.foreign_key {
        let target = schema.entity(key.entity);
        let mut text = format!("refers to {}.{}", target.name, target.field(key.field).name);
        match key.on_delete {
            Referential::Restrict => {}
            Referential::Cascade => text.push_str(", deleted with it"),
            Referential::SetNull => text.push_str(", null when it is deleted"),
        }
        match key.on_update {
            Referential::Restrict => {}
            Referential::Cascade => text.push_str(", changed with it"),
            Referential::SetNull => text.push_str(", null when it changes"),
        }
        rules.push(text);
    }
    if let Some(roles) = &field.acl.read {
        rules.push(format!("read by {}", roles.join(", ")));
    }
    if let Some(roles) = &field.acl.write {
        rules.push(format!("written by {}", roles.join(", ")));
    }
    if let Some(check) = &field.acl.check {
        rules.push(format!("check `{check}`"));
    }
    rules
}

fn number(bound: &Bound) -> String {
    match bound {
        Bound::Int(number) => number.to_string(),
        Bound::Float(number) => number.to_string(),
        Bound::Decimal(number) => number.to_string(),
    }
}

fn range(what: &str, least: Option<impl ToString>, greatest: Option<impl ToString>) -> Option<String> {
    match (least.map(|number| number.to_string()), greatest.map(|number| number.to_string())) {
        (None, None) => None,
        (Some(least), None) => Some(format!("{what}at least {least}")),
        (None, Some(greatest)) => Some(format!("{what}at most {greatest}")),
        (Some(least), Some(greatest)) => Some(format!("{what}{least} to {greatest}")),
    }
}

/// Keys and indexes over several fields; those over one stand with the field.
fn keys(out: &mut String, entity: &Entity) {
    for index in entity.indexes.iter().filter(|index| index.fields.len() > 1) {
        let names: Vec<String> = index.fields.iter().map(|id| format!("`{}`", entity.field(*id).name)).collect();
        let kind = if index.unique { "Unique together" } else { "Indexed together" };
        push(out, format_args!("\n{kind}: {}.\n", names.join(", ")));
    }
    if let Some(ttl) = &entity.ttl {
        let deleted = if ttl.auto_delete { ", and is deleted before long" } else { "" };
        let name = &entity.field(ttl.field).name;
        push(out, format_args!("\nFrom the time in `{name}` on, a row no longer exists for anybody{deleted}.\n"));
    }
}

fn relations(out: &mut String, schema: &Schema, entity: &Entity) {
    if entity.relations.is_empty() {
        return;
    }
    out.push_str("\nRelations: ");
    let words = entity.relations.iter().map(|relation| {
        let kind = match relation.kind {
            RelationKind::BelongsTo => "belongs to",
            RelationKind::HasOne => "has one",
            RelationKind::HasMany => "has many",
            RelationKind::ManyToMany => "many to many",
        };
        format!("`{}` ({kind} {})", relation.name, schema.entity(relation.target).name)
    });
    push(out, format_args!("{}.\n", words.collect::<Vec<_>>().join(", ")));
}

fn access(out: &mut String, entity: &Entity) {
    out.push_str("\n| who may | |\n|---|---|\n");
    for verb in Verb::ALL {
        let grants: Vec<String> = entity.acl.grants(verb).iter().map(grant).collect();
        let words = if grants.is_empty() { "trusted code only".to_owned() } else { grants.join("; or ") };
        push(out, format_args!("| {} | {} |\n", verb.as_str(), cell(&words)));
    }
    let names = |ids: &[FieldId]| {
        let names: Vec<String> = ids.iter().map(|id| format!("`{}`", entity.field(*id).name)).collect();
        names.join(", ")
    };
    if entity.security.audit_all_access {
        out.push_str("\nEvery attempt is audited, reads included.\n");
    }
    if !entity.security.scan_for_malicious.is_empty() {
        push(out, format_args!("\nScanned for malicious code: {}.\n", names(&entity.security.scan_for_malicious)));
    }
    if !entity.searchable.is_empty() {
        push(out, format_args!("\nSearched by `$search`: {}.\n", names(&entity.searchable)));
    }
}

fn grant(grant: &AclGrant) -> String {
    let (who, row_level) = match grant {
        AclGrant::Public { row_level } => ("anybody".to_owned(), row_level),
        AclGrant::Roles { roles, row_level } => (roles.join(", "), row_level),
        AclGrant::Own { row_level } => ("the owner of the row".to_owned(), row_level),
        AclGrant::System => return "trusted code only".to_owned(),
    };
    match row_level {
        Some(filter) => format!("{who}, where `{filter}`"),
        None => who,
    }
}

fn operations(out: &mut String, entity: &Entity) {
    if entity.operations.is_empty() {
        return;
    }
    out.push_str("\n| operation | gives | who may call | |\n|---|---|---|---|\n");
    for operation in &entity.operations {
        let mut inputs = operation.required.clone();
        inputs.extend(operation.optional.iter().map(|name| format!("{name}?")));
        let callers = match (operation.public, operation.system_only) {
            (_, true) => "trusted code only".to_owned(),
            (true, _) => "anybody".to_owned(),
            _ => operation.acl_required.join(", "),
        };
        let output = operation.output.as_deref().unwrap_or_default();
        let mut text = cell(&operation.description);
        if let (Some(page), Some(most)) = (operation.default_limit, operation.max_limit) {
            text.push_str(&format!(" {page} rows a page, at most {most}."));
        }
        push(out, format_args!("| `{}({})` | {output} | {callers} | {text} |\n", operation.name, inputs.join(", ")));
    }
}
