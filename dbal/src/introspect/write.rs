//! Entities as YAML.

use super::draft::{Draft, FieldDraft, RelationDraft};
use super::typed::number;
use crate::schema::{DefaultValue, FieldType, Generator, Referential, RelationKind, StoredAs, plural};
use crate::value::{Value, json};
use crate::yaml::as_word;

/// The text of an entity's file. `backend` is the database's name for people.
pub(super) fn file(draft: &Draft, backend: &str) -> String {
    let mut text = String::new();
    let looked = draft.sampled.map(|rows| format!("; {} rows were looked at", number(rows))).unwrap_or_default();
    remark(&mut text, "", &format!("Read by dbal introspect from {} of a {backend} database{looked}.", draft.table));
    for line in &draft.remarks {
        remark(&mut text, "", line);
    }
    text += &format!("entity: {}\n", draft.entity);
    if draft.plural != plural(&draft.entity) {
        text += &format!("plural: {}\n", draft.plural);
    }
    if draft.table != draft.plural {
        text += &format!("table: {}\n", as_word(&draft.table));
    }
    if let Some(description) = &draft.description {
        text += &format!("description: {}\n", quoted(description));
    }
    text += "fields:\n";
    for field in &draft.fields {
        for line in &field.remarks {
            remark(&mut text, "  ", line);
        }
        text += &format!("  {}: {{ {} }}\n", field.name, keys(field).join(", "));
    }
    if !draft.indexes.is_empty() {
        text += "indexes:\n";
        for index in &draft.indexes {
            let mut keys = vec![format!("fields: [{}]", index.fields.join(", "))];
            keys.extend(index.name.iter().map(|name| format!("name: {name}")));
            keys.extend(index.stored.iter().map(|name| format!("index: {}", as_word(name))));
            keys.extend(index.unique.then(|| "unique: true".to_owned()));
            keys.extend(index.filter.iter().map(|filter| format!("where: {}", quoted(filter))));
            text += &format!("  - {{ {} }}\n", keys.join(", "));
        }
    }
    if !draft.relations.is_empty() {
        text += "relations:\n";
        for relation in &draft.relations {
            if let Some(line) = &relation.remark {
                remark(&mut text, "  ", line);
            }
            text += &format!("  {}: {{ {} }}\n", relation.name, relation_keys(relation).join(", "));
        }
    }
    if !draft.searchable.is_empty() {
        text += &format!("searchable: [{}]\n", draft.searchable.join(", "));
    }
    if let Some(field) = &draft.expiry {
        text += &format!("ttl: {{ field: {field}, auto_delete: true }}\n");
    }
    text
}

fn keys(field: &FieldDraft) -> Vec<String> {
    let mut keys = vec![format!("type: {}", field.ty.as_str())];
    match &field.ty {
        FieldType::Enum(words) => {
            let values: Vec<String> = words.values.iter().map(|value| quoted(value)).collect();
            keys.push(format!("values: [{}]", values.join(", ")));
            keys.extend(words.ordered.then(|| "ordered: true".to_owned()));
        }
        FieldType::Decimal { precision, scale } => {
            keys.extend(precision.map(|digits| format!("precision: {digits}")));
            keys.extend(scale.map(|digits| format!("scale: {digits}")));
        }
        _ => {}
    }
    if field.column != field.name {
        keys.push(format!("column: {}", as_word(&field.column)));
    }
    keys.extend(field.storage.map(|storage| format!("storage: {storage}")));
    if field.primary {
        keys.push("primary: true".into());
    } else if !field.nullable {
        keys.push("required: true".into());
    }
    let generated = field.generated.map(|generator| match generator {
        Generator::Uuid => "uuid",
        Generator::Cuid => "cuid",
        Generator::Sequence => "sequence",
        Generator::Now => "now",
        Generator::Token => "token",
    });
    keys.extend(generated.map(|word| format!("generated: {word}")));
    if field.unique && !field.primary {
        keys.push("unique: true".into());
    }
    keys.extend(field.index.map(|index| format!("index: {index}")));
    keys.extend(field.max_length.map(|most| format!("max_length: {most}")));
    keys.extend(field.stored_as.map(|how| {
        let how = match how {
            StoredAs::Sha256 => "sha256",
            StoredAs::Argon2id => "argon2id",
        };
        format!("stored_as: {how}")
    }));
    if field.auto_update {
        keys.push("auto_update: true".into());
    }
    keys.extend(field.default.as_ref().map(|default| match default {
        DefaultValue::Now => "default: now".to_owned(),
        DefaultValue::Uuid => "default: uuid".to_owned(),
        DefaultValue::Value(value) => format!("default: {}", literal(value)),
    }));
    if let Some(reference) = &field.reference {
        let rule = |when: &str, rule: Referential| match rule {
            Referential::Restrict => None,
            Referential::Cascade => Some(format!("{when}: cascade")),
            Referential::SetNull => Some(format!("{when}: set_null")),
        };
        let mut points = vec![format!("entity: {}", reference.entity), format!("field: {}", reference.field)];
        points.extend(rule("on_delete", reference.on_delete));
        points.extend(rule("on_update", reference.on_update));
        keys.push(format!("foreign_key: {{ {} }}", points.join(", ")));
    }
    keys.extend(field.description.as_ref().map(|text| format!("description: {}", quoted(text))));
    keys
}

fn relation_keys(relation: &RelationDraft) -> Vec<String> {
    let kind = match relation.kind {
        RelationKind::BelongsTo => "belongs_to",
        RelationKind::HasOne => "has_one",
        RelationKind::HasMany => "has_many",
        RelationKind::ManyToMany => "many_to_many",
    };
    let mut keys = vec![format!("type: {kind}"), format!("entity: {}", relation.entity)];
    keys.extend(relation.through.iter().map(|through| format!("through: {through}")));
    keys.extend(relation.foreign_key.iter().map(|field| format!("foreign_key: {field}")));
    keys.extend(relation.other_key.iter().map(|field| format!("other_key: {field}")));
    keys.extend(relation.references.iter().map(|field| format!("references: {field}")));
    keys
}

/// A value as YAML, of which JSON is a part.
fn literal(value: &Value) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        value => json::to_wire(value),
    }
}

fn quoted(text: &str) -> String {
    json::to_text(&Value::from(text))
}

/// A line for people, in as many lines as it takes.
fn remark(text: &mut String, indent: &str, line: &str) {
    let clean: String = line.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let mut now = String::new();
    for part in clean.split_whitespace() {
        if !now.is_empty() && now.len() + part.len() > 110 {
            *text += &format!("{indent}#{now}\n");
            now.clear();
        }
        now.push(' ');
        now.push_str(part);
    }
    if !now.is_empty() {
        *text += &format!("{indent}#{now}\n");
    }
}
