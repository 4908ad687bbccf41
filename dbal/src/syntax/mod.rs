//! The rules language as written: words, and a syntax tree of them that nobody has typed yet. `access` types it against
//! callers and entities, `schema` what an index says of its own rows.

mod lex;
mod parse;

use std::fmt;

pub(crate) use lex::{TokenKind, lex};
pub(crate) use parse::{Node, Term, TermKind, parse};

use crate::value::{Decimal, Value};

/// The longest expression, in bytes.
pub const MAX_BYTES: usize = 8 * 1024;

/// How deep parentheses and NOT may nest.
pub const MAX_DEPTH: usize = 32;

/// What is wrong with an expression, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprFault {
    /// The column, in characters from 1.
    pub column: usize,
    /// What was found and what was expected.
    pub message: String,
}

impl fmt::Display for ExprFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)
    }
}

/// What `$user.x` and `$session.x` look in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClaimScope {
    /// The caller's user.
    User,
    /// The caller's session.
    Session,
}

/// An expression with a name put for another, as far as it can be read. All else stays as written.
pub(crate) fn renamed(text: &str, from: &str, to: &str) -> String {
    let Ok(tokens) = lex(text) else { return text.to_owned() };
    let mut columns =
        tokens.iter().filter(|token| token.kind == TokenKind::Name(from.to_owned())).map(|token| token.column);
    let mut next = columns.next();
    let (mut out, mut skip) = (String::with_capacity(text.len()), 0);
    for (at, letter) in text.chars().enumerate() {
        if next == Some(at + 1) {
            out.push_str(to);
            (skip, next) = (from.chars().count(), columns.next());
        }
        match skip {
            0 => out.push(letter),
            _ => skip -= 1,
        }
    }
    out
}

/// A number as written: whole, or exact until its type is known.
pub(crate) fn number(text: &str) -> Option<Value> {
    match text.parse() {
        Ok(whole) => Some(Value::Int(whole)),
        Err(_) => text.parse::<Decimal>().ok().map(Value::from),
    }
}

#[cfg(test)]
mod tests {
    use super::renamed;

    #[test]
    fn a_name_is_put_for_another_and_texts_stay() {
        assert_eq!(renamed("é = 'a' AND a > 1 or not a", "a", "level"), "é = 'a' AND level > 1 or not level");
        assert_eq!(renamed("ab = 1", "a", "x"), "ab = 1");
        assert_eq!(renamed("a = 'open", "a", "x"), "a = 'open");
    }
}
