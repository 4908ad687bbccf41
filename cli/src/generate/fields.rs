//! What C and C++ have in common: which fields come back, and names that both can have.

use dbal::schema::{Entity, Field, Generator, snake_case};

/// Words that are no names in C++17, those of C among them.
pub const KEYWORDS: &[&str] = &[
    "alignas",
    "alignof",
    "and",
    "asm",
    "auto",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "class",
    "const",
    "constexpr",
    "continue",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "else",
    "enum",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "nullptr",
    "operator",
    "or",
    "private",
    "protected",
    "public",
    "register",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "struct",
    "switch",
    "template",
    "this",
    "throw",
    "true",
    "try",
    "typedef",
    "typename",
    "union",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "while",
    "xor",
];

/// The fields that a row may have: all but those that are never returned. A token comes back from the create that made it.
pub fn returned(entity: &Entity) -> impl Iterator<Item = &Field> {
    entity.fields.iter().filter(|field| !field.sensitive || field.generated == Some(Generator::Token))
}

/// A name of the schema as one of the language.
pub fn identifier(name: &str, keywords: &[&str]) -> String {
    if keywords.contains(&name) { format!("{name}_") } else { name.to_owned() }
}

/// A name in capitals of several words, with nothing in it that a name cannot have.
pub fn constant(words: &[&str]) -> String {
    let all: Vec<String> = words.iter().map(|word| snake_case(word)).collect();
    all.join("_").chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// Text inside a comment, which it may not end.
pub fn comment(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("*/", "* /")
}
