//! The words of a text, for full-text search. The same on every backend, because every backend stores what this module
//! found, or calls it.

use std::borrow::Cow;

use super::text::fold;
use crate::generated::unicode::{LETTERS, MARKS};

/// Of a longer word only so many code points count. Folded or not, they take at most 1,020 bytes, which every
/// database can index.
pub const MOST: usize = 255;

/// The words of a text, in order: runs of letters and digits, case folded. A mark belongs to the letter before it, so
/// that an accent written by itself, or the vowel signs of an Indic script, do not tear a word apart. Nothing is
/// normalised, as everywhere.
///
/// ```
/// use dbal::value::words::words;
/// let found: Vec<_> = words("Don't PANIC: 42 Straßen!").collect();
/// assert_eq!(found, ["don", "t", "panic", "42", "straßen"]);
/// ```
pub fn words(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find(is_letter)?;
        let from = &rest[start..];
        let end = from.find(|c| !is_letter(c) && !is_mark(c)).unwrap_or(from.len());
        rest = &from[end..];
        let word = &from[..end];
        Some(fold(word.char_indices().nth(MOST).map_or(word, |(end, _)| &word[..end])))
    })
}

/// Whether a text has a word, or a word that begins so. Words are those that [`words`] gives.
///
/// ```
/// use dbal::value::words::has_word;
/// assert!(has_word("Grace Hopper", "hop", true));
/// assert!(!has_word("Grace Hopper", "hop", false));
/// ```
pub fn has_word(text: &str, word: &str, prefix: bool) -> bool {
    words(text).any(|found| if prefix { found.starts_with(word) } else { found == word })
}

pub(crate) fn is_letter(c: char) -> bool {
    match c.is_ascii() {
        true => c.is_ascii_alphanumeric(),
        false => within(LETTERS, c),
    }
}

pub(crate) fn is_mark(c: char) -> bool {
    !c.is_ascii() && within(MARKS, c)
}

fn within(ranges: &[(u32, u32)], c: char) -> bool {
    let code = u32::from(c);
    ranges.get(ranges.partition_point(|(_, last)| *last < code)).is_some_and(|(first, _)| *first <= code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        words(text).map(Cow::into_owned).collect()
    }

    #[test]
    fn words_end_where_neither_letter_nor_digit_nor_mark_follows() {
        assert_eq!(all(""), [""; 0]);
        assert_eq!(all(" -_-\0 "), [""; 0]);
        assert_eq!(all("a_b.c/d"), ["a", "b", "c", "d"]);
        assert_eq!(all("x2 ²½ Ⅳ ٤٢"), ["x2", "²½", "ⅳ", "٤٢"]);
        assert_eq!(all("re\u{301}sume\u{301}"), ["re\u{301}sume\u{301}"]);
        assert_eq!(all("\u{301}a"), ["a"]);
        assert_eq!(all("हिन्दी भाषा"), ["हिन्दी", "भाषा"]);
        assert_eq!(all("東京 タワー"), ["東京", "タワー"]);
        assert_eq!(all("👩‍🚀ΣΊΣΥΦΟΣ"), ["σίσυφοσ"]);
    }

    #[test]
    fn words_are_cut_by_code_points() {
        let long = "Ä".repeat(MOST + 1);
        assert_eq!(all(&long), ["ä".repeat(MOST)]);
        assert_eq!(all(&long[..2 * MOST]), ["ä".repeat(MOST)]);
    }
}
