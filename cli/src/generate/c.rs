//! A schema as a header for C: for each entity a struct of its row with a reader, and one of what is written with a writer.

use std::fmt::Write as _;

use dbal::Schema;
use dbal::schema::{Entity, Field, FieldType, snake_case};

use super::fields::{KEYWORDS, comment, constant, identifier, returned};

/// The whole file.
pub fn schema(schema: &Schema) -> String {
    let mut out = String::from(
        "/* Written by `dbal generate c`; a change of the schema is made there, and this file written anew.\n\n\
        \x20  ENTITY_find looks up once where the columns of an answer are, ENTITY_read takes the row under its cursor: texts are\n\
        \x20  borrowed until the next step, and what was not selected is 0 or NULL. ENTITY_set puts what is given at a place of\n\
        \x20  the arguments of a request, such as \"data\"; for null there is dbal_set_null. */\n\n\
         #ifndef DBAL_ENTITIES_H\n#define DBAL_ENTITIES_H\n\n\
         #include <stdio.h>\n\n#include <dbal.h>\n\n\
         #ifndef DBAL_GIVEN\n#define DBAL_GIVEN\n\
         /** Values that may not be given: `{true, 4}`. */\n\
         typedef struct dbal_given_bool { bool given; bool value; } dbal_given_bool;\n\
         typedef struct dbal_given_int { bool given; int64_t value; } dbal_given_int;\n\
         typedef struct dbal_given_float { bool given; double value; } dbal_given_float;\n\
         typedef struct dbal_given_bytes { const uint8_t *bytes; size_t length; } dbal_given_bytes;\n#endif\n",
    );
    for (_, entity) in schema.entities() {
        words(entity, &mut out);
        row(entity, &mut out);
        data(entity, &mut out);
    }
    out.push_str("\n#endif\n");
    out
}

/// The words of enums.
fn words(entity: &Entity, out: &mut String) {
    for field in &entity.fields {
        if let FieldType::Enum(declared) = &field.ty {
            line(out, format_args!(""));
            for value in &declared.values {
                let name = constant(&[&entity.name, &field.name, value]);
                line(out, format_args!("#define {name} {}", dbal::value::json::to_text(&value.as_str().into())));
            }
        }
    }
}

fn row(entity: &Entity, out: &mut String) {
    let name = snake_case(&entity.name);
    line(
        out,
        format_args!(
            "\n/** A row of {}. {} */\ntypedef struct {name}_row {{",
            entity.name,
            comment(&entity.description)
        ),
    );
    let fields: Vec<&Field> = returned(entity).collect();
    for field in &fields {
        let own = identifier(&field.name, KEYWORDS);
        match kind(&field.ty) {
            Kind::Text => line(out, format_args!("    const char *{own};{}", told(field))),
            Kind::Bytes => {
                line(out, format_args!("    const uint8_t *{own};\n    size_t {own}_length;{}", told(field)))
            }
            Kind::Bool => line(out, format_args!("    bool {own};{}", told(field))),
            Kind::Int => line(out, format_args!("    int64_t {own};{}", told(field))),
            Kind::Float => line(out, format_args!("    double {own};{}", told(field))),
        }
        if field.nullable && !matches!(kind(&field.ty), Kind::Text | Kind::Bytes) {
            line(out, format_args!("    bool {own}_is_null;"));
        }
    }
    line(
        out,
        format_args!(
            "}} {name}_row;\n\n/** Where the columns of a {name}_row are in an answer; -1 where they are not. */"
        ),
    );
    line(out, format_args!("typedef struct {name}_columns {{"));
    for field in &fields {
        line(out, format_args!("    int64_t {};", identifier(&field.name, KEYWORDS)));
    }
    line(
        out,
        format_args!("}} {name}_columns;\n\nstatic inline {name}_columns {name}_find(const dbal_result *result) {{"),
    );
    line(out, format_args!("    {name}_columns found;"));
    for field in &fields {
        let own = identifier(&field.name, KEYWORDS);
        line(out, format_args!("    found.{own} = dbal_result_column(result, \"{}\");", field.name));
    }
    line(out, format_args!("    return found;\n}}\n"));
    line(
        out,
        format_args!("static inline {name}_row {name}_read(const dbal_result *result, const {name}_columns *at) {{"),
    );
    line(out, format_args!("    {name}_row row;"));
    for field in &fields {
        let own = identifier(&field.name, KEYWORDS);
        let (getter, none) = match kind(&field.ty) {
            Kind::Text => ("dbal_result_text(result, (size_t)at->$, NULL)", "NULL"),
            Kind::Bytes => {
                line(out, format_args!("    row.{own}_length = 0;"));
                ("dbal_result_bytes(result, (size_t)at->$, &row.$_length)", "NULL")
            }
            Kind::Bool => ("dbal_result_bool(result, (size_t)at->$)", "false"),
            Kind::Int => ("dbal_result_int(result, (size_t)at->$)", "0"),
            Kind::Float => ("dbal_result_float(result, (size_t)at->$)", "0"),
        };
        line(out, format_args!("    row.{own} = at->{own} < 0 ? {none} : {};", getter.replace('$', &own)));
        if field.nullable && !matches!(kind(&field.ty), Kind::Text | Kind::Bytes) {
            line(
                out,
                format_args!(
                    "    row.{own}_is_null = at->{own} < 0 || dbal_result_is_null(result, (size_t)at->{own});"
                ),
            );
        }
    }
    line(out, format_args!("    return row;\n}}"));
}

fn data(entity: &Entity, out: &mut String) {
    let name = snake_case(&entity.name);
    line(
        out,
        format_args!(
            "\n/** What is written of a {}; what is not given is left as it is, or to its default. */",
            entity.name
        ),
    );
    line(out, format_args!("typedef struct {name}_data {{"));
    for field in &entity.fields {
        let own = identifier(&field.name, KEYWORDS);
        let ty = match kind(&field.ty) {
            Kind::Text => format!("const char *{own}"),
            Kind::Bytes => format!("dbal_given_bytes {own}"),
            Kind::Bool => format!("dbal_given_bool {own}"),
            Kind::Int => format!("dbal_given_int {own}"),
            Kind::Float => format!("dbal_given_float {own}"),
        };
        line(out, format_args!("    {ty};{}", told(field)));
    }
    line(out, format_args!("}} {name}_data;\n"));
    line(
        out,
        format_args!("static inline void {name}_set(dbal_value *args, const char *place, const {name}_data *data) {{"),
    );
    line(out, format_args!("    char path[256];"));
    for field in &entity.fields {
        let own = identifier(&field.name, KEYWORDS);
        let (given, setter) = match (&field.ty, kind(&field.ty)) {
            (FieldType::Json, _) => ("data->$", "dbal_set_json(args, path, data->$)"),
            (FieldType::DateTime, _) => ("data->$.given", "dbal_set_datetime(args, path, data->$.value)"),
            (FieldType::Date, _) => ("data->$.given", "dbal_set_date(args, path, (int32_t)data->$.value)"),
            (_, Kind::Text) => ("data->$", "dbal_set_text(args, path, data->$)"),
            (_, Kind::Bytes) => ("data->$.bytes", "dbal_set_bytes(args, path, data->$.bytes, data->$.length)"),
            (_, Kind::Bool) => ("data->$.given", "dbal_set_bool(args, path, data->$.value)"),
            (_, Kind::Int) => ("data->$.given", "dbal_set_int(args, path, data->$.value)"),
            (_, Kind::Float) => ("data->$.given", "dbal_set_float(args, path, data->$.value)"),
        };
        line(out, format_args!("    if ({}) {{", given.replace('$', &own)));
        line(out, format_args!("        snprintf(path, sizeof path, \"%s/{}\", place);", field.name));
        line(out, format_args!("        {};\n    }}", setter.replace('$', &own)));
    }
    line(out, format_args!("}}"));
}

/// How a value is held.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Bytes,
    Bool,
    Int,
    Float,
}

fn kind(ty: &FieldType) -> Kind {
    match ty {
        FieldType::Uuid | FieldType::Text(_) | FieldType::Enum(_) | FieldType::Decimal { .. } | FieldType::Json => {
            Kind::Text
        }
        FieldType::Integer | FieldType::BigInt | FieldType::DateTime | FieldType::Date => Kind::Int,
        FieldType::Float => Kind::Float,
        FieldType::Boolean => Kind::Bool,
        FieldType::Bytes => Kind::Bytes,
    }
}

/// What the type does not say.
fn told(field: &Field) -> &'static str {
    match field.ty {
        FieldType::DateTime => " /* milliseconds since 1970, UTC */",
        FieldType::Date => " /* days since 1970 */",
        FieldType::Json => " /* JSON */",
        FieldType::Decimal { .. } => " /* decimal */",
        FieldType::Uuid => " /* UUID */",
        _ => "",
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generated(text: &str) -> String {
        let loaded = dbal::schema::load_sources(vec![("key.yaml".into(), text.into())]).expect("a sound schema");
        schema(&loaded.schema)
    }

    #[test]
    fn what_is_never_returned_is_not_in_the_row() {
        let out = generated(
            "entity: ApiKey\nfields:\n  id: { type: integer, primary: true }\n  secret: { type: string, sensitive: true }\n",
        );
        assert!(out.contains("typedef struct api_key_row {\n    int64_t id;\n} api_key_row;"), "{out}");
        assert!(
            out.contains("typedef struct api_key_data {\n    dbal_given_int id;\n    const char *secret;\n}"),
            "{out}"
        );
    }

    #[test]
    fn words_of_the_language_get_a_tail() {
        let out =
            generated("entity: Trip\nfields:\n  id: { type: integer, primary: true }\n  register: { type: date }\n");
        assert!(out.contains("    int64_t register_; /* days since 1970 */\n    bool register__is_null;"), "{out}");
        assert!(out.contains("dbal_result_column(result, \"register\")"), "{out}");
    }
}
