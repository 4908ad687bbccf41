//! Text: what is allowed, how it is matched, and case folding. The same on every backend, because every backend
//! either calls these functions or stores what they made.

use std::borrow::Cow;

use crate::generated::unicode::FOLD;

/// How a text is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TextMatch {
    /// Substring.
    Contains,
    /// Prefix.
    StartsWith,
    /// Suffix.
    EndsWith,
    /// `%` any run, `_` one character, `\` escapes.
    Like,
}

impl TextMatch {
    /// Whether `text` matches `pattern`.
    ///
    /// ```
    /// use dbal::value::text::TextMatch;
    /// assert!(TextMatch::Contains.holds("Grace Hopper", "Hop"));
    /// assert!(TextMatch::EndsWith.holds("anything", ""));
    /// ```
    pub fn holds(self, text: &str, pattern: &str) -> bool {
        match self {
            TextMatch::Contains => text.contains(pattern),
            TextMatch::StartsWith => text.starts_with(pattern),
            TextMatch::EndsWith => text.ends_with(pattern),
            TextMatch::Like => like(text, pattern),
        }
    }

    /// [`TextMatch::holds`] without regard to case: both sides are folded first.
    pub fn holds_folded(self, text: &str, pattern: &str) -> bool {
        self.holds(&fold(text), &fold(pattern))
    }
}

/// Unicode simple case folding, by the one table of [`crate::generated::unicode`]: each code point becomes exactly one, or stays. `ß` is not `ss`, and neither the dotted
/// capital `İ` nor the dotless `ı` becomes `i`. Text that is folded already is borrowed.
///
/// ```
/// use dbal::value::text::fold;
/// assert_eq!(fold("ÄPFEL"), "äpfel");
/// assert_eq!(fold("Straße"), "straße");
/// ```
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return match text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(text.to_ascii_lowercase()),
            false => Cow::Borrowed(text),
        };
    }
    let Some((start, _)) = text.char_indices().find(|(_, c)| fold_char(*c) != *c) else {
        return Cow::Borrowed(text);
    };
    let mut folded = String::with_capacity(text.len());
    folded.push_str(&text[..start]);
    folded.extend(text[start..].chars().map(fold_char));
    Cow::Owned(folded)
}

/// [`fold`] of one code point.
pub fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let code = u32::from(c);
    let folded = match FOLD.get(FOLD.partition_point(|(_, last, ..)| *last < code)) {
        Some((first, _, step, add)) if *first <= code && (code - first).is_multiple_of(*step) => {
            code.checked_add_signed(*add).and_then(char::from_u32)
        }
        _ => None,
    };
    folded.unwrap_or(c)
}

/// Whether the whole text matches a pattern: `%` is any run of characters, also an empty one, `_` one code point, `\`
/// takes the next character as it is; a `\` that ends the pattern is a `\`. Only the latest `%` is ever tried
/// again, so the time is at most the product of both lengths, and no memory is taken.
///
/// ```
/// use dbal::value::text::like;
/// assert!(like("naïve", "na_ve"));
/// assert!(like("100%", "100\\%"));
/// assert!(!like("Ada", "a%"));
/// ```
pub fn like(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
    let (mut t, mut p) = (0, 0);
    // Where the pattern goes on after the latest `%`, and up to where that `%` has eaten the text.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let matched = match pattern.get(p) {
            None if t == text.len() => return true,
            None => None,
            Some(b'%') => {
                p += 1;
                if p == pattern.len() {
                    return true;
                }
                retry = Some((p, t));
                continue;
            }
            Some(b'_') => (t < text.len()).then(|| (next_char(text, t), p + 1)),
            Some(&byte) => {
                // An escaped character is compared by its bytes: the first one here, the others by the next rounds,
                // where bytes of a longer character can not be mistaken for `%`, `_` or `\`.
                let (byte, next) = match (byte, pattern.get(p + 1)) {
                    (b'\\', Some(&escaped)) => (escaped, p + 2),
                    _ => (byte, p + 1),
                };
                (text.get(t) == Some(&byte)).then_some((t + 1, next))
            }
        };
        match (matched, retry) {
            (Some(next), _) => (t, p) = next,
            (None, Some((after, eaten))) if eaten < text.len() => {
                t = next_char(text, eaten);
                p = after;
                retry = Some((after, t));
            }
            (None, _) => return false,
        }
    }
}

/// Where the code point after the one at `at` begins.
fn next_char(text: &[u8], at: usize) -> usize {
    let is_continuation = |byte: &u8| *byte & 0xC0 == 0x80;
    at + 1 + text[at + 1..].iter().take_while(|byte| is_continuation(byte)).count()
}

/// Refuses what no text may hold. Lone surrogates cannot be in a Rust string; the NUL character can, and backends
/// cut, refuse or store it as they please.
pub fn check(text: &str) -> Result<(), &'static str> {
    match text.as_bytes().contains(&0) {
        true => Err("contains the NUL character"),
        false => Ok(()),
    }
}

/// Whether a text is an address by the rule of HTML's `input type=email`: on purpose stricter than RFC 5322 before the
/// `@`, and ASCII only.
///
/// ```
/// use dbal::value::text::is_email;
/// assert!(is_email("ada.l+box@example.org"));
/// assert!(!is_email("ada@-example.org"));
/// ```
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let is_atom = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    !local.is_empty() && local.bytes().all(is_atom) && domain.split('.').all(is_label)
}
