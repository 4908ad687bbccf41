//! Text matches as regular expressions. Only literal characters, classes of literal characters and "anything" are used:
//! what matches what is decided by our own table of case folding, never by the server's idea of case.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::value::text::{TextMatch, fold_char};

/// Expressions are kept to this length where they can be; the server takes 32,764 bytes.
const LONGEST: usize = 16_000;
/// The end of the whole text, and not a line's.
const END: &str = r"(?![\s\S])";
/// Any run of characters, no longer than it must be.
const RUN: &str = r"[\s\S]*?";
/// One character.
const ANY: &str = r"[\s\S]";

/// The expression that finds what the pattern matches.
pub(super) fn matching(op: TextMatch, pattern: &str, fold: bool) -> String {
    match op {
        TextMatch::Contains if pattern.is_empty() => "^".to_owned(),
        TextMatch::Contains => literal(pattern, fold),
        TextMatch::StartsWith => format!("^{}", literal(pattern, fold)),
        TextMatch::EndsWith => format!("{}{END}", literal(pattern, fold)),
        TextMatch::Like => like(pattern, fold),
    }
}

/// The expression that is exactly this text.
pub(super) fn exactly(text: &str, fold: bool) -> String {
    format!("^{}{END}", literal(text, fold))
}

/// The expressions that together are exactly these texts, whatever the case; each of a length that the server takes.
pub(super) fn one_of<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<String> {
    let mut spelled: Vec<String> = Vec::new();
    for text in texts {
        let text = literal(text, true);
        match spelled.last_mut() {
            Some(last) if last.len() + text.len() < LONGEST => {
                last.push('|');
                last.push_str(&text);
            }
            _ => spelled.push(text),
        }
    }
    spelled.into_iter().map(|texts| format!("^(?:{texts}){END}")).collect()
}

fn literal(text: &str, fold: bool) -> String {
    let mut spelled = String::with_capacity(text.len() * 2);
    text.chars().for_each(|c| push(&mut spelled, c, fold));
    spelled
}

fn push(spelled: &mut String, c: char, fold: bool) {
    match fold.then(|| folding().get(&fold_char(c))).flatten() {
        Some(all) => {
            spelled.push('[');
            spelled.extend(all);
            spelled.push(']');
        }
        None => {
            // Only punctuation can mean something, and only letters and digits may not be escaped.
            if c.is_ascii_punctuation() {
                spelled.push('\\');
            }
            spelled.push(c);
        }
    }
}

/// A `LIKE` pattern. Each run ends where what follows it is found first: nothing is gained by looking further, so what
/// was found is never given back, and the time is no more than that of our own `like`.
fn like(pattern: &str, fold: bool) -> String {
    let mut parts = vec![String::new()];
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => parts.push(String::new()),
            c => {
                let part = parts.last_mut().expect("there is one from the start");
                match c {
                    '_' => part.push_str(ANY),
                    '\\' => push(part, chars.next().unwrap_or('\\'), fold),
                    c => push(part, c, fold),
                }
            }
        }
    }
    let last = parts.len() - 1;
    let mut spelled = String::from("^");
    for (position, part) in parts.iter().enumerate() {
        match position {
            0 => spelled.push_str(part),
            _ if position == last => {
                spelled.push_str(RUN);
                spelled.push_str(part);
            }
            _ if part.is_empty() => {}
            _ => spelled.push_str(&format!("(?>{RUN}{part})")),
        }
    }
    spelled + END
}

/// Beyond it no character folds into another one, as a test shows.
const LAST: u32 = 0x1_ffff;

/// For each folded character that stands for several, all of these.
fn folding() -> &'static HashMap<char, Vec<char>> {
    static FOLDING: OnceLock<HashMap<char, Vec<char>>> = OnceLock::new();
    FOLDING.get_or_init(|| {
        let mut all: HashMap<char, Vec<char>> = HashMap::new();
        for c in (0..=LAST).filter_map(char::from_u32) {
            let folded = fold_char(c);
            if folded != c {
                all.entry(folded).or_insert_with(|| vec![folded]).push(c);
            }
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_folds_beyond_the_table() {
        for c in (LAST + 1..=0x10_ffff).filter_map(char::from_u32) {
            assert_eq!(fold_char(c), c);
        }
    }

    #[test]
    fn classes_hold_what_folds_alike() {
        let all = folding();
        assert_eq!(all[&'k'], vec!['k', 'K', '\u{212a}']);
        assert!(all.iter().all(|(folded, all)| all.iter().all(|c| fold_char(*c) == *folded)));
        assert!(all.values().flatten().all(|c| c.is_alphabetic() || !c.is_ascii()), "no class needs an escape");
    }

    #[test]
    fn patterns_are_spelled() {
        assert_eq!(matching(TextMatch::Contains, "a.b", false), r"a\.b");
        assert_eq!(matching(TextMatch::StartsWith, "é", true), "^[éÉ]");
        assert_eq!(matching(TextMatch::Like, "a%b_%%c", false), r"^a(?>[\s\S]*?b[\s\S])[\s\S]*?c(?![\s\S])");
        assert_eq!(matching(TextMatch::Like, r"100\%\", false), r"^100\%\\(?![\s\S])");
        assert_eq!(exactly("ß", true), "^[ßẞ](?![\\s\\S])");
    }
}
