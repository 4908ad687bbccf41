//! A schema as a header for C++: for each entity a struct of its row with a reader, and one of what is written with a writer.

use std::fmt::Write as _;

use dbal::Schema;
use dbal::schema::{Entity, Field, FieldType, snake_case};

use super::fields::{KEYWORDS, comment, identifier, returned};

/// The whole file.
pub fn schema(schema: &Schema) -> String {
    let mut out = String::from(
        "// Written by `dbal generate cpp`; a change of the schema is made there, and this file written anew.\n//\n\
         // `User::from(row)` reads a row; what was not selected keeps its default. `UserData{...}.data()` is what creates or\n\
         // updates one: what is not given is left as it is, or to its default.\n\n\
         #ifndef DBAL_ENTITIES_HPP\n#define DBAL_ENTITIES_HPP\n\n\
         #include <cstdint>\n#include <optional>\n#include <string>\n\n#include <dbal.hpp>\n\nnamespace entities {\n",
    );
    for (_, entity) in schema.entities() {
        words(entity, &mut out);
        row(entity, &mut out);
        data(entity, &mut out);
    }
    out.push_str("\n} // namespace entities\n\n#endif\n");
    out
}

/// The words of enums.
fn words(entity: &Entity, out: &mut String) {
    for field in &entity.fields {
        if let FieldType::Enum(declared) = &field.ty {
            line(out, format_args!("\nnamespace {}_{} {{", snake_case(&entity.name), field.name));
            for value in &declared.values {
                let name: String = value.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
                let name = match name.starts_with(|c: char| c.is_ascii_digit()) {
                    true => format!("_{name}"),
                    false => identifier(&name, KEYWORDS),
                };
                let text = dbal::value::json::to_text(&value.as_str().into());
                line(out, format_args!("inline constexpr const char *{name} = {text};"));
            }
            line(out, format_args!("}}"));
        }
    }
}

fn row(entity: &Entity, out: &mut String) {
    let name = &entity.name;
    line(out, format_args!("\n/** A row of {name}. {} */\nstruct {name} {{", comment(&entity.description)));
    for field in returned(entity) {
        line(out, format_args!("    {} {}{{}};", held(field), identifier(&field.name, KEYWORDS)));
    }
    line(out, format_args!("\n    static {name} from(const dbal::row &row) {{\n        {name} made;"));
    for field in returned(entity) {
        let own = identifier(&field.name, KEYWORDS);
        let getter = match field.ty {
            FieldType::Json => "document".to_owned(),
            _ => format!("get<{}>", held(field)),
        };
        line(out, format_args!("        if (row.has(\"{0}\")) made.{own} = row.{getter}(\"{0}\");", field.name));
    }
    line(out, format_args!("        return made;\n    }}\n}};"));
}

fn data(entity: &Entity, out: &mut String) {
    let name = &entity.name;
    line(
        out,
        format_args!("\n/** What is written of a {name}; an optional inside an optional may be given as null. */"),
    );
    line(out, format_args!("struct {name}Data {{"));
    for field in &entity.fields {
        line(out, format_args!("    std::optional<{}> {}{{}};", held(field), identifier(&field.name, KEYWORDS)));
    }
    line(out, format_args!("\n    dbal::value data() const {{\n        dbal::map made;"));
    for field in &entity.fields {
        let own = identifier(&field.name, KEYWORDS);
        line(out, format_args!("        if ({own}) made.put(\"{}\", dbal::value(*{own}));", field.name));
    }
    line(out, format_args!("        return made;\n    }}\n}};"));
}

/// The type of a field. A document is null by itself.
fn held(field: &Field) -> String {
    let ty = match field.ty {
        FieldType::Uuid | FieldType::Text(_) | FieldType::Enum(_) | FieldType::Decimal { .. } => "std::string",
        FieldType::Integer => "std::int32_t",
        FieldType::BigInt => "std::int64_t",
        FieldType::Float => "double",
        FieldType::Boolean => "bool",
        FieldType::DateTime => "dbal::instant",
        FieldType::Date => "dbal::date",
        FieldType::Json => return "dbal::value".to_owned(),
        FieldType::Bytes => "dbal::bytes",
    };
    if field.nullable { format!("std::optional<{ty}>") } else { ty.to_owned() }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_may_be_given_where_it_may_be_stored() {
        let text = "entity: Trip\nfields:\n  id: { type: integer, primary: true }\n  new: { type: date }\n  secret: { type: string, sensitive: true }\n";
        let loaded = dbal::schema::load_sources(vec![("trip.yaml".into(), text.into())]).expect("a sound schema");
        let out = schema(&loaded.schema);
        assert!(
            out.contains("struct Trip {\n    std::int32_t id{};\n    std::optional<dbal::date> new_{};\n\n"),
            "{out}"
        );
        assert!(out.contains("    std::optional<std::optional<dbal::date>> new_{};\n"), "{out}");
        assert!(out.contains("if (new_) made.put(\"new\", dbal::value(*new_));"), "{out}");
    }
}
