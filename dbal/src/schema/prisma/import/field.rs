//! One column.

use super::super::parse::{Attribute, Expr, Field, Model, attribute};
use super::{Import, Provider, ignored, mapped};
use crate::value::json;
use crate::yaml::as_word;

/// The type of a column in the words of entity files.
struct Typed {
    ty: String,
    storage: Option<&'static str>,
    more: String,
}

impl Typed {
    fn of(ty: &str) -> Typed {
        Typed { ty: ty.to_owned(), storage: None, more: String::new() }
    }

    fn stored(ty: &str, storage: &'static str) -> Typed {
        Typed { storage: Some(storage), ..Typed::of(ty) }
    }
}

impl<'p> Import<'p> {
    /// The keys of a field; none where it is left out.
    pub(super) fn field(
        &mut self,
        model: &Model,
        field: &Field,
        key: bool,
        reference: Option<String>,
    ) -> Option<String> {
        let name = format!("{}.{}", model.name, field.name);
        if ignored(&field.attributes) {
            return None;
        }
        if field.list {
            self.warn(field.place, format!("{name} is a list of scalars, which has no counterpart; it is left out"));
            return None;
        }
        let typed = self.typed(&name, field)?;
        let mut keys = vec![format!("type: {}", typed.ty)];
        if let Some(storage) = typed.storage {
            keys.push(format!("storage: {storage}"));
        }
        let column = mapped(&field.name, &field.attributes);
        if column != field.name {
            keys.push(format!("column: {}", as_word(column)));
        }
        if !typed.more.is_empty() {
            keys.push(typed.more.clone());
        }
        match (key, field.optional) {
            (true, _) => keys.push("primary: true".into()),
            (false, false) => keys.push("required: true".into()),
            (false, true) => {}
        }
        if attribute(&field.attributes, "unique").is_some() && !key {
            keys.push("unique: true".into());
        }
        if attribute(&field.attributes, "updatedAt").is_some() {
            keys.push("auto_update: true".into());
        }
        if let Some(default) = attribute(&field.attributes, "default") {
            keys.extend(self.default(&name, field, &typed.ty, key, default));
        }
        keys.extend(reference);
        if !field.document.is_empty() {
            keys.push(format!("description: {}", json::to_text(&field.document.join(" ").into())));
        }
        for one in &field.attributes {
            let known = ["id", "unique", "default", "map", "updatedAt", "relation", "ignore"];
            if !known.contains(&one.name.as_str()) && !one.name.starts_with("db.") {
                self.warn(one.place, format!("{name}: @{} has no counterpart and is left out", one.name));
            }
        }
        Some(keys.join(", "))
    }

    fn typed(&mut self, name: &str, field: &Field) -> Option<Typed> {
        if let Some(declared) = self.enums.get(field.ty.as_str()) {
            let values: Vec<String> = declared.values.iter().map(|(_, stored)| as_word(stored)).collect();
            let more = format!("values: [{}]", values.join(", "));
            if let Some((own, stored)) = declared.values.iter().find(|(own, stored)| own != stored) {
                let message = format!("{name}: dbal shows {stored}, as it is stored, where Prisma shows {own}");
                self.warn(field.place, message);
            }
            return Some(Typed { more, ..Typed::of("enum") });
        }
        let native = field.attributes.iter().find(|attribute| attribute.name.starts_with("db."));
        let plain = match field.ty.as_str() {
            "String" => Typed::of("string"),
            "Int" => Typed::of("integer"),
            "BigInt" => Typed::of("bigint"),
            "Float" => Typed::of("float"),
            "Decimal" => Typed::of("decimal"),
            "Boolean" => Typed::of("boolean"),
            "DateTime" => Typed::of("datetime"),
            "Json" => Typed::of("json"),
            "Bytes" => Typed::of("bytes"),
            "Unsupported" => {
                self.warn(field.place, format!("{name} is of a type that Prisma itself does not know; it is left out"));
                return None;
            }
            other => {
                self.fault(field.place, format!("{name}: there is no type, model or enum {other}"));
                return None;
            }
        };
        match native {
            Some(native) if self.provider == Provider::Postgres => self.native(name, field, plain, native),
            _ => Some(plain),
        }
    }

    /// `@db.VarChar(40)` and the like, on PostgreSQL.
    fn native(&mut self, name: &str, field: &Field, plain: Typed, native: &Attribute) -> Option<Typed> {
        let digits = |at: usize| native.number(at);
        let length = |typed: Typed| match digits(0) {
            Some(most) => Typed { more: format!("max_length: {most}"), ..typed },
            None => typed,
        };
        Some(match (field.ty.as_str(), &native.name["db.".len()..]) {
            ("String", "Text") => Typed::of("text"),
            ("String", "VarChar") => length(plain),
            ("String", "Char") => length(Typed::stored("string", "char")),
            ("String", "Uuid") => Typed::of("uuid"),
            ("String", "Citext") => Typed::stored("string", "citext"),
            ("Int", "Integer") | ("BigInt", "BigInt") | ("Float", "DoublePrecision") => plain,
            ("Int", "SmallInt") => Typed::stored("integer", "smallint"),
            ("Float", "Real") => Typed::stored("float", "real"),
            ("Boolean", "Boolean") | ("Json", "JsonB") | ("Bytes", "ByteA") => plain,
            ("Json", "Json") => Typed::stored("json", "json"),
            ("DateTime", "Date") => Typed::of("date"),
            ("DateTime", "Timestamp") if digits(0).is_some_and(|digits| digits <= 3) => plain,
            ("DateTime", "Timestamp") => Typed::stored("datetime", "timestamp_us"),
            ("DateTime", "Timestamptz") => Typed::stored("datetime", "timestamptz_us"),
            ("Decimal", "Decimal") => match (digits(0), digits(1)) {
                (Some(precision @ 1..=34), Some(scale)) => {
                    Typed { more: format!("precision: {precision}, scale: {scale}"), ..plain }
                }
                _ => plain,
            },
            (_, other) => {
                let message = format!("{name}: @db.{other} has no counterpart; the field is left out");
                self.warn(native.place, message);
                return None;
            }
        })
    }

    fn default(&mut self, name: &str, field: &Field, ty: &str, key: bool, default: &Attribute) -> Option<String> {
        let value = default.get("value", true)?;
        let made = |word: &str| Some(format!("generated: {word}"));
        match value {
            Expr::Call(function, _) => match function.as_str() {
                "autoincrement" if key => made("sequence"),
                "uuid" if matches!(ty, "string" | "text" | "uuid") => made("uuid"),
                "cuid" | "ulid" | "nanoid" => {
                    if function != "cuid" {
                        self.warn(default.place, format!("{name}: dbal makes cuids where Prisma makes {function}s"));
                    }
                    made("cuid")
                }
                "now" => Some("default: now".into()),
                "dbgenerated" if ty == "uuid" => made("uuid"),
                "autoincrement" | "dbgenerated" => {
                    let message = format!("{name}: what the database makes by itself has to be given to dbal");
                    self.warn(default.place, message);
                    None
                }
                other => {
                    self.warn(default.place, format!("{name}: there is no default {other}() here; it is left out"));
                    None
                }
            },
            Expr::Word(word) => {
                let declared = self.enums.get(field.ty.as_str());
                let stored = declared.and_then(|declared| declared.values.iter().find(|(own, _)| own == word));
                Some(format!("default: {}", stored.map_or_else(|| word.clone(), |(_, stored)| as_word(stored))))
            }
            Expr::Number(number) => Some(format!("default: {number}")),
            // Json is written as it stands; a name of dbal's own as a text must not become a call.
            Expr::Text(text) if ty == "json" => match json::parse(text.as_bytes()) {
                Ok(value) => Some(format!("default: {}", json::to_text(&value))),
                Err(_) => {
                    self.fault(default.place, format!("{name}: the default is no JSON"));
                    None
                }
            },
            Expr::Text(text) => Some(format!("default: {}", json::to_text(&text.as_str().into()))),
            Expr::List(_) => {
                self.warn(default.place, format!("{name}: a list is no default; it is left out"));
                None
            }
        }
    }
}
