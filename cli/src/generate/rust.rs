//! A schema as Rust: for each entity its row, what makes and changes one, an enum for each of its enums, and its fields
//! as constants of which conditions are made. A wrong field, or a value of a wrong type, is a fault of the compiler.

use std::collections::HashSet;
use std::fmt::Write as _;

use dbal::Schema;
use dbal::schema::{Entity, Field, FieldType, Generator};

/// Words of the language that a name may be when it is written `r#name`.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum",
    "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move",
    "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Words that no name may be.
const RESERVED: &[&str] = &["self", "Self", "super", "crate", "_"];

/// The whole file. `ordered`: every database that the program runs on puts bytes in order.
pub fn schema(schema: &Schema, ordered: bool) -> String {
    let mut out = String::from(
        "// Written by `dbal generate rust`; a change of the schema is made there, and this file written anew.\n\n\
         #![allow(clippy::all, dead_code, missing_docs, non_camel_case_types, non_snake_case, non_upper_case_globals, deprecated)]\n\n\
         use dbal::client::model::{Column, Link, Model};\n\
         use serde::{Deserialize, Serialize};\n",
    );
    let types: HashSet<&str> = schema.entities().map(|(_, entity)| entity.name.as_str()).collect();
    for (_, declared) in schema.entities() {
        let writer = Writer { schema, entity: declared, types: &types, ordered };
        writer.entity(&mut out);
    }
    out
}

struct Writer<'s> {
    schema: &'s Schema,
    entity: &'s Entity,
    types: &'s HashSet<&'s str>,
    ordered: bool,
}

impl Writer<'_> {
    fn entity(&self, out: &mut String) {
        for field in &self.entity.fields {
            if let FieldType::Enum(declared) = &field.ty {
                self.enumeration(field, &declared.values, out);
            }
        }
        self.row(out);
        self.create(out);
        self.update(out);
        self.model(out);
    }

    /// `UserRole` for the field `role` of `User`, unless an entity is called so.
    fn enum_name(&self, field: &Field) -> String {
        let mut name = format!("{}{}", self.entity.name, camel(&field.name));
        while self.types.contains(name.as_str()) {
            name.push('_');
        }
        name
    }

    fn enumeration(&self, field: &Field, values: &[String], out: &mut String) {
        let (name, mut used) = (self.enum_name(field), HashSet::new());
        line(out, format_args!("\n/// The words of `{}` of {}, in their order.", field.name, self.entity.name));
        out.push_str("#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]\n");
        line(out, format_args!("pub enum {name} {{"));
        for value in values {
            let mut variant = camel(value);
            if variant.is_empty() || variant.starts_with(|letter: char| letter.is_ascii_digit()) {
                variant.insert(0, 'V');
            }
            while RESERVED.contains(&variant.as_str()) || !used.insert(variant.clone()) {
                variant.push('_');
            }
            line(out, format_args!("    #[serde(rename = {})]\n    {variant},", quoted(value)));
        }
        out.push_str("}\n");
    }

    /// The type of a value, nullable or not.
    fn ty(&self, field: &Field) -> String {
        let plain = match &field.ty {
            FieldType::Uuid => "::dbal::Uuid",
            FieldType::Text(_) => "::std::string::String",
            FieldType::Enum(_) => return self.enum_name(field),
            FieldType::Integer => "i32",
            FieldType::BigInt => "i64",
            FieldType::Float => "f64",
            FieldType::Decimal { .. } => "::dbal::Decimal",
            FieldType::Boolean => "bool",
            FieldType::DateTime => "::dbal::DateTime",
            FieldType::Date => "::dbal::Date",
            FieldType::Json => "::dbal::Value",
            FieldType::Bytes if self.ordered => "::dbal::client::model::OrderedBytes",
            FieldType::Bytes => "::dbal::Value",
        };
        plain.to_owned()
    }

    fn nullable(&self, field: &Field) -> String {
        let ty = self.ty(field);
        if field.nullable { option(&ty) } else { ty }
    }

    fn row(&self, out: &mut String) {
        let entity = self.entity;
        let shown = if entity.description.is_empty() { &entity.name } else { &entity.description };
        line(out, format_args!("\n/// {}", comment(shown)));
        out.push_str("#[derive(Clone, Debug, PartialEq, Deserialize)]\n");
        line(out, format_args!("pub struct {} {{", entity.name));
        for field in entity.fields.iter().filter(|field| !field.sensitive) {
            described(field, out);
            member(out, &field.name, &self.nullable(field), "");
        }
        for field in entity.fields.iter().filter(|field| is_token(field)) {
            out.push_str("    /// Shown once, by the create that made it.\n");
            member(out, &field.name, &option(&self.ty(field)), "default");
        }
        for relation in &entity.relations {
            let target = &self.schema.entity(relation.target).name;
            let (ty, what) = match relation.kind.is_to_one() {
                true => (option(&format!("::std::boxed::Box<{target}>")), "The related row"),
                false => (option(&format!("::std::vec::Vec<{target}>")), "Related rows"),
            };
            line(out, format_args!("    /// {what}, where asked for."));
            member(out, &relation.name, &ty, "default");
        }
        out.push_str("}\n");
    }

    fn create(&self, out: &mut String) {
        let name = &self.entity.name;
        line(out, format_args!("\n/// What makes a [`{name}`]. What is left out is filled by its default, or null."));
        out.push_str("#[derive(Clone, Debug, PartialEq, Serialize)]\n");
        line(out, format_args!("pub struct {name}Create {{"));
        for field in &self.entity.fields {
            match must_be_given(field) {
                true => member(out, &field.name, &self.ty(field), ""),
                false => member(out, &field.name, &option(&self.ty(field)), OMIT),
            }
        }
        out.push_str("}\n");
        let given: Vec<&Field> = self.entity.fields.iter().filter(|field| must_be_given(field)).collect();
        line(out, format_args!("\nimpl {name}Create {{\n    /// With what must be given."));
        let params: Vec<String> = given
            .iter()
            .map(|field| format!("{}: impl ::std::convert::Into<{}>", ident(&field.name), self.ty(field)))
            .collect();
        line(out, format_args!("    pub fn new({}) -> Self {{\n        {name}Create {{", params.join(", ")));
        for field in &self.entity.fields {
            let field_name = ident(&field.name);
            match must_be_given(field) {
                true => line(out, format_args!("            {field_name}: {field_name}.into(),")),
                false => line(out, format_args!("            {field_name}: ::std::option::Option::None,")),
            }
        }
        out.push_str("        }\n    }\n}\n");
    }

    fn update(&self, out: &mut String) {
        let name = &self.entity.name;
        line(out, format_args!("\n/// What changes a [`{name}`]. What is `None` stays; `Some(None)` sets null."));
        out.push_str("#[derive(Clone, Debug, Default, PartialEq, Serialize)]\n");
        line(out, format_args!("pub struct {name}Update {{"));
        let changes = |field: &&Field| {
            !field.immutable && !field.primary && !field.version && !field.auto_update && field.generated.is_none()
        };
        for field in self.entity.fields.iter().filter(changes) {
            member(out, &field.name, &option(&self.nullable(field)), OMIT);
        }
        out.push_str("}\n");
    }

    fn model(&self, out: &mut String) {
        let name = &self.entity.name;
        line(out, format_args!("\nimpl Model for {name} {{"));
        line(out, format_args!("    const NAME: &'static str = {};", quoted(name)));
        line(out, format_args!("    type Create = {name}Create;\n    type Update = {name}Update;\n}}"));
        line(out, format_args!("\nimpl {name} {{"));
        let mut used = HashSet::new();
        let mut constant = |name: &str| {
            let mut constant = screaming(name);
            while !used.insert(constant.clone()) {
                constant.push('_');
            }
            constant
        };
        for field in self.entity.fields.iter().filter(|field| !field.sensitive) {
            let (shown, quoted) = (constant(&field.name), quoted(&field.name));
            line(
                out,
                format_args!("    pub const {shown}: Column<{name}, {}> = Column::new({quoted});", self.ty(field)),
            );
        }
        for relation in &self.entity.relations {
            let (shown, quoted) = (constant(&relation.name), quoted(&relation.name));
            line(out, format_args!("    pub const {shown}: Link<{name}> = Link::new({quoted});"));
        }
        out.push_str("}\n");
    }
}

/// What keeps an absent value out of what is sent.
const OMIT: &str = "skip_serializing_if = \"::std::option::Option::is_none\"";

fn must_be_given(field: &Field) -> bool {
    let filled = field.generated.is_some() || field.default.is_some() || field.version || field.auto_update;
    !filled && (field.required || !field.nullable)
}

fn is_token(field: &Field) -> bool {
    field.sensitive && field.generated == Some(Generator::Token)
}

fn option(ty: &str) -> String {
    format!("::std::option::Option<{ty}>")
}

/// A member of a struct, renamed where the language has another use for the name.
fn member(out: &mut String, name: &str, ty: &str, serde: &str) {
    let shown = ident(name);
    let renamed = shown.trim_start_matches("r#") != name;
    let rename = if renamed { format!("rename = {}", quoted(name)) } else { String::new() };
    let options: Vec<&str> = [rename.as_str(), serde].into_iter().filter(|option| !option.is_empty()).collect();
    if !options.is_empty() {
        line(out, format_args!("    #[serde({})]", options.join(", ")));
    }
    line(out, format_args!("    pub {shown}: {ty},"));
}

/// A name of the schema as one of the language.
fn ident(name: &str) -> String {
    if RESERVED.contains(&name) {
        return format!("{name}_");
    }
    if KEYWORDS.contains(&name) { format!("r#{name}") } else { name.to_owned() }
}

/// `created_at` as `CREATED_AT`, `createdAt` too.
fn screaming(name: &str) -> String {
    let mut made = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        let after_small = made.ends_with(|last: char| last.is_ascii_alphanumeric());
        if letter.is_ascii_uppercase() && after_small && name.contains(|c: char| c.is_ascii_lowercase()) {
            made.push('_');
        }
        made.push(letter.to_ascii_uppercase());
    }
    if made == "_" { "__".into() } else { made }
}

/// `in_print` as `InPrint`.
fn camel(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first.into_iter().chain(letters).collect::<String>()
        })
        .collect()
}

fn described(field: &Field, out: &mut String) {
    if !field.description.is_empty() {
        line(out, format_args!("    /// {}", comment(&field.description)));
    }
    if field.deprecated {
        out.push_str("    #[deprecated]\n");
    }
}

/// Text in one line of a comment.
fn comment(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_names_of_the_language() {
        for (name, shown) in [("type", "r#type"), ("self", "self_"), ("title", "title")] {
            assert_eq!(ident(name), shown);
        }
        for (name, shown) in [("created_at", "CREATED_AT"), ("createdAt", "CREATED_AT"), ("ID", "ID"), ("a1B", "A1_B")]
        {
            assert_eq!(screaming(name), shown);
        }
        for (word, shown) in
            [("in_print", "InPrint"), ("in-print", "InPrint"), ("2nd", "2nd"), ("é", ""), ("a b", "AB")]
        {
            assert_eq!(camel(word), shown);
        }
    }
}
