//! A schema as Python: for each entity typed dicts of its row and of what makes and changes one, a dataclass that rows
//! can be made into, and clients whose attributes have these types.

use std::fmt::Write as _;

use dbal::Schema;
use dbal::schema::{Entity, Field, FieldType, Generator};

/// Words that no name of a class body may be.
const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// The whole file. `lacks`: capabilities that some database has not that the program is to run on.
pub fn schema(schema: &Schema, lacks: &[&str]) -> String {
    let mut out = String::from(
        "# Written by `dbal generate python`; a change of the schema is made there, and this file written anew.\n\
         # ruff: noqa\n\n\
         from __future__ import annotations\n\n\
         import dataclasses\nimport datetime\nimport decimal\nimport uuid\n\
         from collections.abc import Mapping\n\
         from typing import TYPE_CHECKING, Any, Literal, TypedDict\n\n\
         import dbal\n\n\
         if TYPE_CHECKING:\n    from typing_extensions import NotRequired\n\n\
         #: Any JSON value.\n\
         Json = Any\n",
    );
    let entities: Vec<&Entity> = schema.entities().map(|(_, entity)| entity).collect();
    for entity in &entities {
        typed(schema, entity, &mut out);
        dataclass(schema, entity, &mut out);
    }
    let flat = lacks.contains(&"nested_transactions");
    if flat {
        out = out.replace(
            "from collections.abc import Mapping\nfrom typing import TYPE_CHECKING, Any, Literal, TypedDict\n",
            "from collections.abc import Awaitable, Callable, Mapping\nfrom contextlib import AbstractAsyncContextManager, \
             AbstractContextManager\nfrom typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, overload\n",
        );
        out.push_str("\n\nResult = TypeVar(\"Result\")\n");
    }
    for (class, handle) in [("Client", "Entity"), ("AsyncClient", "AsyncEntity")] {
        if flat {
            transaction(&entities, class, handle, &mut out);
        }
        line(&mut out, format_args!("\n\nclass {class}(dbal.{class}):"));
        out.push_str("    \"\"\"A client that knows the types of its entities.\"\"\"\n");
        out.push_str("\n    if TYPE_CHECKING:\n");
        for entity in entities.iter().filter(|entity| is_name(&entity.plural)) {
            line(&mut out, format_args!("        {}: dbal.{handle}[{}]", entity.plural, entity.name));
        }
        if flat {
            let (manager, work) = match class {
                "Client" => ("AbstractContextManager[Transaction]", "Callable[[Transaction], Result]"),
                _ => {
                    ("AbstractAsyncContextManager[AsyncTransaction]", "Callable[[AsyncTransaction], Awaitable[Result]]")
                }
            };
            let result = if class == "Client" { "Result" } else { "Awaitable[Result]" };
            line(
                &mut out,
                format_args!(
                    "\n        @overload  # type: ignore[override]\n        def transaction(self, *, timeout: float | None = None) -> \
                     {manager}: ...\n        @overload\n        def transaction(\n            self, work: {work}, *, \
                     retries: int | None = None, timeout: float | None = None\n        ) -> {result}: ..."
                ),
            );
        }
    }
    out
}

/// A transaction as every target has it, which is without another inside.
fn transaction(entities: &[&Entity], class: &str, handle: &str, out: &mut String) {
    let name = class.replace("Client", "Transaction");
    line(out, format_args!("\n\nif TYPE_CHECKING:\n\n    class {name}(dbal.{name}):"));
    out.push_str("        \"\"\"A transaction. Some target has none inside another.\"\"\"\n\n");
    for entity in entities.iter().filter(|entity| is_name(&entity.plural)) {
        line(out, format_args!("        {}: dbal.{handle}[{}]", entity.plural, entity.name));
    }
    out.push_str("        transaction: None  # type: ignore[assignment]\n");
}

fn typed(schema: &Schema, entity: &Entity, out: &mut String) {
    let name = &entity.name;
    let shown = if entity.description.is_empty() { name } else { &entity.description };
    let mut row: Vec<(String, String)> =
        shown_fields(entity).map(|field| (field.name.clone(), nullable(field, read(&field.ty)))).collect();
    // A token is shown once, by the create that made it; related rows are there where they were asked for.
    row.extend(tokens(entity).map(|field| (field.name.clone(), format!("NotRequired[{}]", read(&field.ty)))));
    row.extend(entity.relations.iter().map(|relation| {
        let target = &schema.entity(relation.target).name;
        let ty = if relation.kind.is_to_one() { format!("{target} | None") } else { format!("list[{target}]") };
        (relation.name.clone(), format!("NotRequired[{ty}]"))
    }));
    dict(out, name, &doc(shown), &row);
    let create: Vec<(String, String)> = entity
        .fields
        .iter()
        .map(|field| {
            let ty = nullable(field, given(&field.ty));
            (field.name.clone(), if field.required { ty } else { format!("NotRequired[{ty}]") })
        })
        .collect();
    dict(out, &format!("{name}Create"), &format!("What makes a {name}."), &create);
    let changes = entity.fields.iter().filter(|field| !field.immutable && !field.primary);
    let update: Vec<(String, String)> = changes
        .map(|field| {
            let step = if field.is_numeric() { " | Mapping[Literal[\"$increment\"], Any]" } else { "" };
            (field.name.clone(), format!("NotRequired[{}{step}]", nullable(field, given(&field.ty))))
        })
        .collect();
    dict(out, &format!("{name}Update"), &format!("What changes a {name}."), &update);
}

/// A typed dict; in the form of a call where a field's name is a word of the language.
fn dict(out: &mut String, name: &str, told: &str, fields: &[(String, String)]) {
    if fields.iter().all(|(field, _)| is_name(field)) {
        line(out, format_args!("\n\nclass {name}(TypedDict):\n    \"\"\"{told}\"\"\"\n"));
        for (field, ty) in fields {
            line(out, format_args!("    {field}: {ty}"));
        }
        return;
    }
    line(out, format_args!("\n\n# {told}\n{name} = TypedDict(\"{name}\", {{"));
    for (field, ty) in fields {
        line(out, format_args!("    {}: {},", quoted(field), quoted(ty)));
    }
    out.push_str("})\n");
}

/// A dataclass of the row. Related rows stay dicts.
fn dataclass(schema: &Schema, entity: &Entity, out: &mut String) {
    let name = &entity.name;
    line(out, format_args!("\n\n@dataclasses.dataclass(slots=True, kw_only=True)\nclass {name}Row:"));
    line(out, format_args!("    \"\"\"A {name}: `client.{}.into({name}Row)`.\"\"\"\n", entity.plural));
    for field in shown_fields(entity).filter(|field| is_name(&field.name)) {
        line(out, format_args!("    {}: {}", field.name, nullable(field, read(&field.ty))));
    }
    for field in tokens(entity).filter(|field| is_name(&field.name)) {
        line(out, format_args!("    {}: {} | None = None", field.name, read(&field.ty)));
    }
    for relation in entity.relations.iter().filter(|relation| is_name(&relation.name)) {
        let target = &schema.entity(relation.target).name;
        let ty = if relation.kind.is_to_one() { target.to_string() } else { format!("list[{target}]") };
        line(out, format_args!("    {}: {ty} | None = None", relation.name));
    }
}

fn shown_fields(entity: &Entity) -> impl Iterator<Item = &Field> {
    entity.fields.iter().filter(|field| !field.sensitive)
}

fn tokens(entity: &Entity) -> impl Iterator<Item = &Field> {
    entity.fields.iter().filter(|field| field.sensitive && field.generated == Some(Generator::Token))
}

/// The type of a value that comes.
fn read(ty: &FieldType) -> String {
    match ty {
        FieldType::Uuid => "uuid.UUID".to_owned(),
        FieldType::Text(_) => "str".to_owned(),
        FieldType::Enum(declared) => {
            let values: Vec<String> = declared.values.iter().map(|value| quoted(value)).collect();
            format!("Literal[{}]", values.join(", "))
        }
        FieldType::Integer | FieldType::BigInt => "int".to_owned(),
        FieldType::Float => "float".to_owned(),
        FieldType::Decimal { .. } => "decimal.Decimal".to_owned(),
        FieldType::Boolean => "bool".to_owned(),
        FieldType::DateTime => "datetime.datetime".to_owned(),
        FieldType::Date => "datetime.date".to_owned(),
        FieldType::Json => "Json".to_owned(),
        FieldType::Bytes => "bytes".to_owned(),
    }
}

/// The type of a value that is given.
fn given(ty: &FieldType) -> String {
    match ty {
        FieldType::Uuid => "uuid.UUID | str".to_owned(),
        FieldType::DateTime => "datetime.datetime | str".to_owned(),
        FieldType::Date => "datetime.date | str".to_owned(),
        FieldType::Decimal { .. } => "decimal.Decimal | int | str".to_owned(),
        other => read(other),
    }
}

fn nullable(field: &Field, ty: String) -> String {
    if field.nullable { format!("{ty} | None") } else { ty }
}

/// Whether a name can stand in the body of a class.
fn is_name(name: &str) -> bool {
    !KEYWORDS.contains(&name) && !name.starts_with("__")
}

/// Text inside a docstring, which it may not end.
fn doc(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('\\', "\\\\").replace('"', "'")
}

/// A text as Python writes it: JSON's escapes are a part of Python's.
fn quoted(text: &str) -> String {
    dbal::value::json::to_text(&text.into())
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generated(text: &str) -> String {
        let loaded = dbal::schema::load_sources(vec![("key.yaml".into(), text.into())]).expect("a sound schema");
        schema(&loaded.schema, &[])
    }

    #[test]
    fn what_is_never_returned_is_not_in_the_row() {
        let out = generated(
            "entity: Key\nfields:\n  id: { type: integer, primary: true }\n  secret: { type: string, sensitive: true }\n",
        );
        assert!(
            out.contains("class Key(TypedDict):\n    \"\"\"Key\"\"\"\n\n    id: int\n\n\nclass KeyCreate"),
            "{out}"
        );
        assert!(out.contains("    secret: NotRequired[str | None]\n"), "{out}");
        assert!(
            out.contains("class KeyRow:\n    \"\"\"A Key: `client.keys.into(KeyRow)`.\"\"\"\n\n    id: int\n"),
            "{out}"
        );
    }

    #[test]
    fn words_of_the_language_are_names_in_a_dict_all_the_same() {
        let out = generated("entity: Trip\nfields:\n  id: { type: integer, primary: true }\n  from: { type: date }\n");
        assert!(
            out.contains(
                "Trip = TypedDict(\"Trip\", {\n    \"id\": \"int\",\n    \"from\": \"datetime.date | None\",\n})"
            ),
            "{out}"
        );
        assert!(!out.contains("    from: "), "{out}");
    }
}
