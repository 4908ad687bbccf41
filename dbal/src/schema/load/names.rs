//! Names: what is a name, what is its plural, what is too long for a database.

use sha2::{Digest, Sha256};

use crate::yaml::Block;

/// The longest identifier that every backend takes, in bytes (PostgreSQL cuts longer ones).
pub(super) const MAX_IDENTIFIER: usize = 63;

/// What is wrong with a name of an entity, field, relation, table or column, if anything.
pub(crate) fn fault(name: &str) -> Option<String> {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    if !name.as_bytes().first().is_some_and(|first| letter(*first))
        || !name.bytes().all(|byte| letter(byte) || byte.is_ascii_digit())
    {
        return Some("expected letters, digits and underscores, not beginning with a digit".into());
    }
    if name.len() > MAX_IDENTIFIER {
        return Some(format!("longer than {MAX_IDENTIFIER} characters"));
    }
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("_dbal") || lower.starts_with("sqlite_") {
        return Some("names that begin so belong to the database or to the engine".into());
    }
    // What every object of a JavaScript host already has.
    if ["__proto__", "constructor", "prototype"].contains(&name) {
        return Some("a name that objects of JavaScript hosts already have".into());
    }
    None
}

/// What is wrong with the name of a table or a column. Whoever made it may have used any characters.
pub(super) fn fault_in_database(name: &str) -> Option<String> {
    if name.is_empty() || name.contains('\0') {
        return Some("expected a name".into());
    }
    if name.len() > MAX_IDENTIFIER {
        return Some(format!("longer than {MAX_IDENTIFIER} bytes"));
    }
    let lower = name.to_ascii_lowercase();
    let reserved = lower.starts_with("_dbal") || lower.starts_with("sqlite_");
    reserved.then(|| "names that begin so belong to the database or to the engine".into())
}

/// The name that something had before, if it says so.
pub(super) fn renamed_from(block: &mut Block<'_>) -> Option<String> {
    let entry = block.entry("renamed_from")?;
    match entry.value.as_str().filter(|name| fault(name).is_none()) {
        Some(name) => Some(name.to_owned()),
        None => {
            block.wrong(entry, "the name that it had before");
            None
        }
    }
}

/// What the client itself offers, so that no handle can have the name.
pub(crate) fn is_client_method(plural: &str) -> bool {
    const TAKEN: [&str; 17] = [
        "transaction",
        "batch",
        "call",
        "explain",
        "capabilities",
        "newest",
        "migrate",
        "reset",
        "close",
        "entity",
        "entities",
        "schema",
        "open",
        "connect",
        "stream",
        "then",
        "as_principal",
    ];
    TAKEN.contains(&plural)
}

/// `PageView`, `pageView` and `page-view` as `page_view`; `IRCChannel` as `irc_channel`.
///
/// ```
/// assert_eq!(dbal::schema::snake_case("IRCChannel"), "irc_channel");
/// ```
pub fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, &letter) in letters.iter().enumerate() {
        let after_lower = at > 0 && !letters[at - 1].is_uppercase();
        let before_lower = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && (after_lower || before_lower) && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.extend(if letter == '-' { vec!['_'] } else { letter.to_lowercase().collect() });
    }
    snake
}

/// The English plural of an entity's name in snake case: `ComponentHierarchy` as `component_hierarchies`.
pub(crate) fn plural(entity: &str) -> String {
    let snake = snake_case(entity);
    let (head, last) = match snake.rfind('_') {
        Some(at) => snake.split_at(at + 1),
        None => ("", snake.as_str()),
    };
    format!("{head}{}", plural_word(last))
}

fn plural_word(word: &str) -> String {
    const SAME: [&str; 14] = [
        "series",
        "species",
        "news",
        "sheep",
        "fish",
        "data",
        "media",
        "metadata",
        "information",
        "equipment",
        "software",
        "hardware",
        "feedback",
        "settings",
    ];
    const IRREGULAR: [(&str, &str); 12] = [
        ("person", "people"),
        ("child", "children"),
        ("man", "men"),
        ("woman", "women"),
        ("foot", "feet"),
        ("tooth", "teeth"),
        ("goose", "geese"),
        ("mouse", "mice"),
        ("criterion", "criteria"),
        ("datum", "data"),
        ("quiz", "quizzes"),
        ("ox", "oxen"),
    ];
    const VES: [&str; 11] = ["knife", "life", "wife", "leaf", "half", "shelf", "wolf", "self", "loaf", "thief", "calf"];
    const OES: [&str; 5] = ["hero", "echo", "potato", "tomato", "veto"];
    if SAME.contains(&word) {
        return word.to_owned();
    }
    if let Some((_, plural)) = IRREGULAR.iter().find(|(singular, _)| *singular == word) {
        return (*plural).to_owned();
    }
    if VES.contains(&word) {
        return format!("{}ves", word.trim_end_matches('e').trim_end_matches('f'));
    }
    if let Some(stem) = word.strip_suffix('y') {
        return match stem.ends_with(['a', 'e', 'i', 'o', 'u']) || stem.is_empty() {
            true => format!("{word}s"),
            false => format!("{stem}ies"),
        };
    }
    if let Some(stem) = word.strip_suffix("sis") {
        return format!("{stem}ses");
    }
    let hisses = ["ss", "us", "as", "is", "os", "x", "z", "ch", "sh"].iter().any(|end| word.ends_with(end));
    if hisses || OES.contains(&word) {
        return format!("{word}es");
    }
    // Any other word in s is taken for a plural already: `options`.
    if word.ends_with('s') { word.to_owned() } else { format!("{word}s") }
}

/// A field's name without the part that says it is a reference: `author_id` and `authorId` as `author`.
pub(super) fn without_id(field: &str) -> Option<&str> {
    let stem = field.strip_suffix("_id").or_else(|| field.strip_suffix("Id"))?;
    (!stem.is_empty() && stem != "_").then_some(stem)
}

/// Two names as one, in the style of a field's name: `created_by` and `user` as `created_by_user`, `createdBy` as
/// `createdByUser`.
pub(super) fn joined(first: &str, second: &str, style: &str) -> String {
    let camel = style.contains(|letter: char| letter.is_ascii_uppercase()) && !style.contains('_');
    if !camel {
        return format!("{first}_{second}");
    }
    let mut joined = first.to_owned();
    for word in second.split('_') {
        let mut letters = word.chars();
        joined.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        joined.push_str(letters.as_str());
    }
    joined
}

/// A name for the database that every backend takes: a longer one is cut and ends in a hash of the whole.
pub(super) fn fit(name: String) -> String {
    if name.len() <= MAX_IDENTIFIER {
        return name;
    }
    let digest = Sha256::digest(name.as_bytes());
    let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let head: String = name.chars().filter(char::is_ascii).take(MAX_IDENTIFIER - 9).collect();
    format!("{head}_{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_and_snakes() {
        for (name, expected) in [
            ("User", "users"),
            ("ComponentHierarchy", "component_hierarchies"),
            ("LuaScript", "lua_scripts"),
            ("IRCChannel", "irc_channels"),
            ("Box", "boxes"),
            ("Status", "statuses"),
            ("Analysis", "analyses"),
            ("Person", "people"),
            ("Day", "days"),
            ("UserSettings", "user_settings"),
            ("Address", "addresses"),
            ("Knife", "knives"),
            ("workflow", "workflows"),
            ("Batch", "batches"),
            ("News", "news"),
        ] {
            assert_eq!(plural(name), expected, "{name}");
        }
    }

    #[test]
    fn long_names_fit_and_stay_apart() {
        let long = |end: &str| fit(format!("{}{end}", "a".repeat(70)));
        assert_eq!(long("x").len(), MAX_IDENTIFIER);
        assert_ne!(long("x"), long("y"));
        assert_eq!(fit("short".into()), "short");
    }

    #[test]
    fn relation_names() {
        assert_eq!((without_id("author_id"), without_id("authorId")), (Some("author"), Some("author")));
        assert_eq!((without_id("created_by"), without_id("_id"), without_id("id")), (None, None, None));
        assert_eq!(joined("created_by", "page_view", "created_by"), "created_by_page_view");
        assert_eq!(joined("createdBy", "page_view", "createdBy"), "createdByPageView");
    }
}
