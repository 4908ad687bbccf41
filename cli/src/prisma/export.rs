//! From entities to a schema.prisma.

use std::collections::HashSet;

use dbal::schema::{
    DefaultValue, Entity, EntityId, EnumType, Field, FieldId, FieldType, Generator, Referential, Relation,
    RelationKind, Storage,
};
use dbal::value::json;
use dbal::{Schema, Value};

/// The text for a database of this provider, `sqlite` or `postgresql`, and what it does not say of the schema.
pub fn export(schema: &Schema, provider: &str) -> (String, Vec<String>) {
    let mut export = Export { schema, postgres: provider == "postgresql", enums: String::new(), lost: Vec::new() };
    let mut text = format!(
        "generator client {{\n  provider = \"prisma-client-js\"\n}}\n\ndatasource db {{\n  provider = \"{provider}\"\n  \
         url      = env(\"DATABASE_URL\")\n}}\n"
    );
    for (id, entity) in schema.entities() {
        if !is_implicit(schema, entity) && !dbal::schema::is_own(&entity.name) {
            text.push('\n');
            text += &export.model(id, entity);
        }
    }
    text += &export.enums;
    (text, export.lost)
}

/// Whether an entity is a table in between that Prisma makes by itself.
fn is_implicit(schema: &Schema, entity: &Entity) -> bool {
    let names: Vec<&str> = entity.fields.iter().map(|field| field.name.as_str()).collect();
    let through = |relation: &Relation| {
        relation.through.is_some_and(|through| schema.by_name(&entity.name) == Some(through.entity))
    };
    entity.table.starts_with('_')
        && names == ["A", "B"]
        && schema.entities().any(|(_, other)| other.relations.iter().any(through))
}

/// A name as Prisma takes it: a letter first.
fn name(given: &str) -> String {
    given.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).to_owned()
}

struct Export<'s> {
    schema: &'s Schema,
    postgres: bool,
    enums: String,
    lost: Vec<String>,
}

impl Export<'_> {
    fn model(&mut self, id: EntityId, entity: &Entity) -> String {
        let called = name(&entity.name);
        let mut lines: Vec<String> = Vec::new();
        let mut taken: HashSet<String> = entity.fields.iter().map(|field| name(&field.name)).collect();
        for (at, field) in entity.field_ids() {
            lines.push(self.field(entity, at, field));
        }
        lines.extend(self.relations(id, entity, &mut taken));
        if !entity.key_rest.is_empty() {
            lines.push(format!("\n  @@id([{}])", names(entity, &entity.keys().collect::<Vec<_>>())));
        }
        for index in &entity.indexes {
            let key: Vec<FieldId> = entity.keys().collect();
            let alone = index.fields.len() == 1 && entity.field(index.fields[0]).unique && index.unique;
            if index.fields == key || alone {
                continue;
            }
            if index.filter.is_some() {
                self.lost.push(format!("{}: the index {} is over some rows only", entity.name, index.name));
                continue;
            }
            let kind = if index.unique { "unique" } else { "index" };
            lines.push(format!("  @@{kind}([{}])", names(entity, &index.fields)));
        }
        if entity.table != called {
            lines.push(format!("  @@map({})", text(&entity.table)));
        }
        let about = match entity.description.is_empty() {
            true => String::new(),
            false => format!("/// {}\n", entity.description.replace('\n', " ")),
        };
        format!("{about}model {called} {{\n{}\n}}\n", lines.join("\n"))
    }

    fn field(&mut self, entity: &Entity, at: FieldId, field: &Field) -> String {
        let what = format!("{}.{}", entity.name, field.name);
        let (ty, native) = self.type_of(entity, field);
        let optional = if field.nullable && !entity.keys().any(|key| key == at) { "?" } else { "" };
        let mut line = format!("  {} {ty}{optional}", name(&field.name));
        if entity.is_key(at) {
            line += " @id";
        }
        if let Some(default) = self.default(field, &what) {
            line += &format!(" @default({default})");
        }
        if field.unique {
            line += " @unique";
        }
        if field.auto_update && field.ty == FieldType::DateTime {
            line += " @updatedAt";
        }
        if field.column != name(&field.name) {
            line += &format!(" @map({})", text(&field.column));
        }
        if let Some(native) = native.filter(|_| self.postgres) {
            line += &format!(" @db.{native}");
        }
        for (is, about) in [
            (field.stored_as.is_some(), "is hashed before it is stored"),
            (field.version, "is counted by dbal at each write"),
            (field.generated == Some(Generator::Token), "is made by dbal"),
        ] {
            if is {
                self.lost.push(format!("{what} {about}, which Prisma does not do"));
            }
        }
        line
    }

    fn type_of(&mut self, entity: &Entity, field: &Field) -> (String, Option<String>) {
        let plain = |ty: &str| (ty.to_owned(), None);
        let native = |ty: &str, native: &str| (ty.to_owned(), Some(native.to_owned()));
        match (&field.ty, field.storage) {
            (FieldType::Uuid, None) => native("String", "Uuid"),
            (FieldType::Uuid, Some(Storage::Blob)) => plain("Bytes"),
            (FieldType::Uuid, Some(_)) => plain("String"),
            (FieldType::Text(_), Some(Storage::Citext)) => native("String", "Citext"),
            (FieldType::Text(_), Some(Storage::Char)) => match field.max_length {
                Some(most) => native("String", &format!("Char({most})")),
                None => native("String", "Char"),
            },
            (FieldType::Text(_), _) => plain("String"),
            (FieldType::Enum(words), _) => plain(&self.enumeration(entity, field, words)),
            (FieldType::Integer, Some(Storage::Smallint)) => native("Int", "SmallInt"),
            (FieldType::Integer, _) => plain("Int"),
            (FieldType::BigInt, _) => plain("BigInt"),
            (FieldType::Float, Some(Storage::Real)) => native("Float", "Real"),
            (FieldType::Float, _) => plain("Float"),
            (FieldType::Decimal { precision: Some(precision), scale: Some(scale) }, _) => {
                native("Decimal", &format!("Decimal({precision}, {scale})"))
            }
            (FieldType::Decimal { .. }, _) => plain("Decimal"),
            (FieldType::Boolean, _) => plain("Boolean"),
            (FieldType::DateTime, Some(Storage::TimestampUs)) => native("DateTime", "Timestamp(6)"),
            (FieldType::DateTime, Some(Storage::TimestamptzUs)) => native("DateTime", "Timestamptz(6)"),
            (FieldType::DateTime, _) => plain("DateTime"),
            // Prisma has no day on SQLite, where it is text.
            (FieldType::Date, _) if !self.postgres => plain("String"),
            (FieldType::Date, _) => native("DateTime", "Date"),
            (FieldType::Json, Some(Storage::Json)) => native("Json", "Json"),
            (FieldType::Json, _) => plain("Json"),
            (FieldType::Bytes, _) => plain("Bytes"),
        }
    }

    /// Declares the enum of a field, and gives its name.
    fn enumeration(&mut self, entity: &Entity, field: &Field, words: &EnumType) -> String {
        let mut letters = field.name.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase()).unwrap_or('V');
        let called = format!("{}{first}{}", name(&entity.name), letters.as_str());
        self.enums += &format!("\nenum {called} {{\n");
        for (at, word) in words.values.iter().enumerate() {
            match is_name(word) {
                true => self.enums += &format!("  {word}\n"),
                false => self.enums += &format!("  V{at} @map({})\n", text(word)),
            }
        }
        self.enums += "}\n";
        called
    }

    fn default(&mut self, field: &Field, what: &str) -> Option<String> {
        let whole = matches!(field.ty, FieldType::Integer | FieldType::BigInt);
        match (field.generated, &field.default) {
            (Some(Generator::Uuid), _) | (None, Some(DefaultValue::Uuid)) => Some("uuid()".into()),
            (Some(Generator::Cuid), _) => Some("cuid()".into()),
            (Some(Generator::Sequence), _) if whole => Some("autoincrement()".into()),
            (Some(Generator::Now), _) | (None, Some(DefaultValue::Now)) if field.ty == FieldType::DateTime => {
                Some("now()".into())
            }
            (None, Some(DefaultValue::Value(value))) => match (&field.ty, value) {
                (FieldType::Json, document) => Some(text(&json::to_text(document))),
                (FieldType::Enum(words), Value::Text(word)) => {
                    let at = words.values.iter().position(|known| known == word)?;
                    Some(if is_name(word) { word.clone() } else { format!("V{at}") })
                }
                (_, Value::Text(word)) => Some(text(word)),
                (_, Value::Bool(_) | Value::Int(_) | Value::Float(_)) => Some(json::to_text(value)),
                (FieldType::Decimal { .. }, Value::Decimal(number)) => Some(number.to_string()),
                _ => {
                    self.lost.push(format!("{what} has a default that Prisma cannot write"));
                    None
                }
            },
            (Some(Generator::Token | Generator::Sequence | Generator::Now), _)
            | (None, Some(DefaultValue::Now))
            | (None, None) => None,
        }
    }

    /// Both ends of each reference of, or to, an entity, and its relations through tables of Prisma's own.
    fn relations(&self, id: EntityId, entity: &Entity, taken: &mut HashSet<String>) -> Vec<String> {
        let mut lines = Vec::new();
        for (at, field) in entity.field_ids() {
            let Some(key) = field.foreign_key else { continue };
            let target = self.schema.entity(key.entity);
            let follows = |relation: &&Relation| {
                relation.kind == RelationKind::BelongsTo && relation.local == at && relation.target == key.entity
            };
            let called =
                entity.relations.iter().find(follows).map_or(format!("{}_row", field.name), |one| one.name.clone());
            let optional = if field.nullable { "?" } else { "" };
            let mut rules = String::new();
            for (event, rule, usual) in [
                ("onDelete", key.on_delete, if field.nullable { Referential::SetNull } else { Referential::Restrict }),
                ("onUpdate", key.on_update, Referential::Cascade),
            ] {
                if rule != usual {
                    rules += &format!(", {event}: {}", action(rule));
                }
            }
            lines.push(format!(
                "  {} {}{optional} @relation({}, fields: [{}], references: [{}]{rules})",
                free(taken, &called),
                name(&target.name),
                text(&relation_name(entity, field)),
                name(&field.name),
                name(&target.field(key.field).name),
            ));
        }
        for (other_id, other) in self.schema.entities() {
            for (at, field) in other.field_ids() {
                if field.foreign_key.is_none_or(|key| key.entity != id) || is_implicit(self.schema, other) {
                    continue;
                }
                let follows = |relation: &&Relation| {
                    relation.through.is_none()
                        && relation.kind != RelationKind::BelongsTo
                        && relation.target == other_id
                        && relation.remote == at
                };
                let made = format!("{}_{}", other.plural, field.name);
                let called = entity.relations.iter().find(follows).map_or(made, |one| one.name.clone());
                let many = if field.unique || other.is_key(at) { "?" } else { "[]" };
                lines.push(format!(
                    "  {} {}{many} @relation({})",
                    free(taken, &called),
                    name(&other.name),
                    text(&relation_name(other, field)),
                ));
            }
        }
        for relation in &entity.relations {
            let Some(through) = relation.through else { continue };
            let between = self.schema.entity(through.entity);
            if is_implicit(self.schema, between) {
                let target = self.schema.entity(relation.target);
                let line = format!("  {} {}[]", free(taken, &relation.name), name(&target.name));
                lines.push(format!("{line} @relation({})", text(&between.table[1..])));
            }
        }
        lines
    }
}

fn relation_name(entity: &Entity, field: &Field) -> String {
    format!("{}_{}", entity.name, field.name)
}

/// A name that nothing of the model has yet.
fn free(taken: &mut HashSet<String>, wanted: &str) -> String {
    let mut free = name(wanted);
    while !taken.insert(free.clone()) {
        free.push_str("_row");
    }
    free
}

fn names(entity: &Entity, fields: &[FieldId]) -> String {
    let names: Vec<String> = fields.iter().map(|field| name(&entity.field(*field).name)).collect();
    names.join(", ")
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn text(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

fn action(rule: Referential) -> &'static str {
    match rule {
        Referential::Restrict => "Restrict",
        Referential::Cascade => "Cascade",
        Referential::SetNull => "SetNull",
    }
}
