//! A schema as TypeScript: for each entity its row, what makes and changes one, its keys and its relations. The Node
//! package derives filters, sorts, selections and results from these.

use std::fmt::Write as _;

use dbal::Schema;
use dbal::schema::{Entity, Field, FieldType, Generator};

/// The whole file. `lacks`: capabilities that some database has not that the program is to run on.
pub fn schema(schema: &Schema, camel: bool, lacks: &[&str]) -> String {
    let mut out = String::from(
        "// Written by `dbal generate ts`; a change of the schema is made there, and this file written anew.\n\n\
         import type { Increment, Json } from '@metabuilder/dbal'\n",
    );
    let names = Names { camel };
    // Those that types can keep out.
    const TYPED: [&str; 4] = ["ordered_bytes", "nested_transactions", "full_text_search", "json_queries"];
    let lacks: Vec<String> = TYPED.iter().filter(|one| lacks.contains(one)).map(|one| format!("'{one}'")).collect();
    for (_, declared) in schema.entities() {
        entity(schema, declared, &names, &lacks, &mut out);
    }
    out.push_str("\n/** Every entity: `new DBALClient<Schema>(…)`. */\nexport interface Schema {\n");
    for (_, entity) in schema.entities() {
        line(&mut out, format_args!("  {0}: {0}Model", entity.name));
    }
    out.push_str("}\n");
    out
}

fn entity(schema: &Schema, entity: &Entity, names: &Names, lacks: &[String], out: &mut String) {
    let name = &entity.name;
    let head = |out: &mut String, what: &str, suffix: &str| {
        line(out, format_args!("\n/** {what} */\nexport interface {name}{suffix} {{"));
    };
    let shown = if entity.description.is_empty() { name } else { &entity.description };
    head(out, &comment(shown), "");
    for field in entity.fields.iter().filter(|field| !field.sensitive) {
        described(field, out);
        line(out, format_args!("  {}: {}", names.of(&field.name), nullable(field, read(&field.ty))));
    }
    // A token is shown once, by the create that made it.
    for field in entity.fields.iter().filter(|field| field.sensitive && field.generated == Some(Generator::Token)) {
        line(out, format_args!("  {}?: {}", names.of(&field.name), read(&field.ty)));
    }
    out.push_str("}\n");
    head(out, &format!("What makes a {name}."), "Create");
    for field in &entity.fields {
        let optional = if field.required { "" } else { "?" };
        line(out, format_args!("  {}{optional}: {}", names.of(&field.name), nullable(field, given(&field.ty))));
    }
    out.push_str("}\n");
    head(out, &format!("What changes a {name}."), "Update");
    for field in entity.fields.iter().filter(|field| !field.immutable && !field.primary) {
        let step = if field.is_numeric() { format!(" | Increment<{}>", given(&field.ty)) } else { String::new() };
        line(out, format_args!("  {}?: {}{step}", names.of(&field.name), nullable(field, given(&field.ty))));
    }
    out.push_str("}\n");
    head(out, &format!("{name} and what belongs to it."), "Model");
    line(out, format_args!("  handle: '{}'", names.of(&entity.plural)));
    line(out, format_args!("  row: {name}\n  create: {name}Create\n  update: {name}Update"));
    line(out, format_args!("  key: {}", keys(entity, names)));
    if !lacks.is_empty() {
        line(
            out,
            format_args!("  /** What some target has not: types leave it out. */\n  lacks: {}", lacks.join(" | ")),
        );
    }
    out.push_str("  relations: {\n");
    for relation in &entity.relations {
        let target = &schema.entity(relation.target).name;
        let many = !relation.kind.is_to_one();
        line(out, format_args!("    {}: {{ to: '{target}'; many: {many} }}", names.of(&relation.name)));
    }
    out.push_str("  }\n}\n");
}

/// A value of the primary key, or any unique key by its fields.
fn keys(entity: &Entity, names: &Names) -> String {
    let named = |field: &Field| format!("{}: {}", names.of(&field.name), given(&field.ty));
    let mut keys = vec![given(&entity.field(entity.key).ty)];
    let unique = entity.fields.iter().filter(|field| (field.unique || field.primary) && !field.sensitive);
    keys.extend(unique.map(|field| format!("{{ {} }}", named(field))));
    for index in entity.indexes.iter().filter(|index| index.unique && index.fields.len() > 1) {
        let fields: Vec<String> = index.fields.iter().map(|field| named(entity.field(*field))).collect();
        keys.push(format!("{{ {} }}", fields.join("; ")));
    }
    keys.join(" | ")
}

/// The type of a value that comes.
fn read(ty: &FieldType) -> String {
    match ty {
        FieldType::Uuid | FieldType::Text(_) | FieldType::Decimal { .. } | FieldType::Date => "string".to_owned(),
        FieldType::Enum(declared) => declared.values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(" | "),
        FieldType::Integer | FieldType::Float => "number".to_owned(),
        FieldType::BigInt => "bigint".to_owned(),
        FieldType::Boolean => "boolean".to_owned(),
        FieldType::DateTime => "Date".to_owned(),
        FieldType::Json => "Json".to_owned(),
        FieldType::Bytes => "Uint8Array".to_owned(),
    }
}

/// The type of a value that is given.
fn given(ty: &FieldType) -> String {
    match ty {
        FieldType::BigInt => "bigint | number".to_owned(),
        FieldType::DateTime => "Date | string".to_owned(),
        other => read(other),
    }
}

fn nullable(field: &Field, ty: String) -> String {
    if field.nullable { format!("{ty} | null") } else { ty }
}

fn described(field: &Field, out: &mut String) {
    match (field.description.is_empty(), field.deprecated) {
        (true, false) => {}
        (true, true) => out.push_str("  /** @deprecated */\n"),
        (false, false) => line(out, format_args!("  /** {} */", comment(&field.description))),
        (false, true) => line(out, format_args!("  /** {} @deprecated */", comment(&field.description))),
    }
}

/// Text inside a comment, which it may not end.
fn comment(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("*/", "* /")
}

fn quoted(text: &str) -> String {
    dbal::value::json::to_text(&text.into())
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a String cannot fail");
}

struct Names {
    camel: bool,
}

impl Names {
    /// As JavaScript sees a name: `lib/names.js` of the package does the same.
    fn of(&self, name: &str) -> String {
        if !self.camel {
            return name.to_owned();
        }
        let mut made = String::new();
        let mut rest = name.chars().peekable();
        while let Some(letter) = rest.next() {
            if letter != '_' || made.is_empty() || made.ends_with('_') {
                made.push(letter);
                continue;
            }
            let mut bars = 1;
            while rest.next_if_eq(&'_').is_some() {
                bars += 1;
            }
            match rest.next_if(|next| next.is_ascii_lowercase() || next.is_ascii_digit()) {
                Some(next) => made.push(next.to_ascii_uppercase()),
                None => made.extend(std::iter::repeat_n('_', bars)),
            }
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_package() {
        let names = Names { camel: true };
        for (declared, shown) in [
            ("created_at", "createdAt"),
            ("_id", "_id"),
            ("a__b", "aB"),
            ("a_", "a_"),
            ("page_2", "page2"),
            ("a_B", "a_B"),
        ] {
            assert_eq!(names.of(declared), shown);
        }
    }

    #[test]
    fn what_is_never_returned_is_not_in_the_row() {
        let text = "entity: Key\nfields:\n  id: { type: integer, primary: true }\n  secret: { type: string, sensitive: true }\n";
        let loaded = dbal::schema::load_sources(vec![("key.yaml".into(), text.into())]).expect("a sound schema");
        let out = schema(&loaded.schema, false, &[]);
        assert!(out.contains("export interface Key {\n  id: number\n}\n"), "{out}");
        assert!(out.contains("  secret?: string | null\n"), "{out}");
    }
}
