//! The words for types, those of other tools included.

use std::collections::HashSet;
use std::sync::Arc;

use crate::schema::{EnumType, FieldType, TextKind};
use crate::yaml::{Entry, Node, Report, nearest};

/// What a type word stands for.
#[derive(Clone, Debug)]
pub(super) enum Word {
    /// A type of the contract.
    Type(FieldType),
    /// A text id with a generator of its own, such as a cuid.
    TextId,
    /// `number`: a float, unless the column is said to hold integers.
    Number,
    /// The entry is a relation, not a field.
    Relation,
}

/// A type as it is written: its word, the arguments in parentheses, and whether a `?` makes it nullable.
pub(super) struct Written {
    pub word: Word,
    pub arguments: Vec<String>,
    pub nullable: bool,
}

const CANONICAL: [&str; 15] = [
    "uuid",
    "string",
    "text",
    "email",
    "object_id",
    "enum",
    "integer",
    "bigint",
    "float",
    "decimal",
    "boolean",
    "datetime",
    "date",
    "json",
    "bytes",
];

/// Reads a type word in any case: `string`, `String`, `varchar(50)`, `decimal(10, 2)`, `string[]`, `uuid?`.
pub(super) fn read(report: &Report, entry: &Entry) -> Option<Written> {
    let Some(given) = entry.value.written() else {
        report.error(entry.value.place, format!("type: expected a type's name, found {}", entry.value.describe()));
        return None;
    };
    let (text, nullable) = match given.trim().strip_suffix('?') {
        Some(text) => (text, true),
        None => (given.trim(), false),
    };
    let (head, arguments) = match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        Some((head, arguments)) => (head, arguments.split(',').map(|item| item.trim().to_owned()).collect()),
        None => (text, Vec::new()),
    };
    let folded: String = head.trim().to_lowercase().chars().filter(|letter| !"_- ".contains(*letter)).collect();
    let word = match folded.as_str() {
        list if list.ends_with("[]") => Word::Type(FieldType::Json),
        "uuid" | "guid" => Word::Type(FieldType::Uuid),
        "string" | "str" | "varchar" | "char" | "url" | "uri" | "slug" => Word::Type(FieldType::Text(TextKind::String)),
        "cuid" | "cuid2" | "ulid" | "nanoid" => Word::TextId,
        "text" | "longtext" | "markdown" => Word::Type(FieldType::Text(TextKind::Text)),
        "objectid" => Word::Type(FieldType::Text(TextKind::ObjectId)),
        "email" => Word::Type(FieldType::Text(TextKind::Email)),
        "enum" => Word::Type(FieldType::Enum(Arc::new(EnumType { values: Vec::new(), ordered: false }))),
        "integer" | "int" | "int32" | "smallint" => Word::Type(FieldType::Integer),
        "bigint" | "int64" | "long" => Word::Type(FieldType::BigInt),
        "float" | "double" | "real" | "float64" => Word::Type(FieldType::Float),
        "number" => Word::Number,
        "decimal" | "numeric" | "money" => Word::Type(FieldType::Decimal { precision: None, scale: None }),
        "boolean" | "bool" => Word::Type(FieldType::Boolean),
        "datetime" | "timestamp" | "timestamptz" => Word::Type(FieldType::DateTime),
        "date" => Word::Type(FieldType::Date),
        "json" | "jsonb" | "object" | "array" | "map" => Word::Type(FieldType::Json),
        "bytes" | "binary" | "blob" | "bytea" | "buffer" => Word::Type(FieldType::Bytes),
        "relationship" | "relation" => Word::Relation,
        _ => {
            let hint = nearest(&folded, CANONICAL).map(|name| format!("; did you mean {name}?")).unwrap_or_default();
            let all = CANONICAL.join(", ");
            report.error(entry.value.place, format!("type: there is no type {given}{hint} Expected one of {all}"));
            return None;
        }
    };
    Some(Written { word, arguments, nullable })
}

/// The values of an enum: texts, or scalars as they are written.
pub(super) fn values(report: &Report, entry: &Entry) -> Vec<String> {
    let Some(items) = entry.value.as_list().filter(|items| !items.is_empty()) else {
        let found = if entry.value.as_list().is_some() { "an empty one".into() } else { entry.value.describe() };
        report.error(entry.value.place, format!("{}: expected a list of words, found {found}", entry.key));
        return Vec::new();
    };
    let mut seen = HashSet::new();
    let words = items.iter().filter_map(|item| {
        let word = item.written().filter(|word| !word.is_empty());
        match word {
            None => report.error(item.place, format!("{}: expected a word, found {}", entry.key, item.describe())),
            Some(word) if !seen.insert(word) => {
                report.error(item.place, format!("{}: {word} comes twice", entry.key));
            }
            Some(_) => {}
        }
        word.map(str::to_owned)
    });
    words.collect()
}

/// Whether a default of a text is a call that other tools write for a generated value, and which one.
pub(super) fn generator_call(node: &Node) -> Option<&'static str> {
    let name = node.as_str()?.trim().strip_suffix("()")?;
    match name.to_lowercase().as_str() {
        "now" | "current_timestamp" | "current_timestamp_ms" => Some("now"),
        "uuid" | "uuidv4" | "uuidv7" | "gen_random_uuid" | "uuid_generate_v4" => Some("uuid"),
        "cuid" | "cuid2" | "ulid" | "gen_ulid" | "gen_cuid" | "nanoid" => Some("cuid"),
        "autoincrement" => Some("sequence"),
        _ => None,
    }
}
