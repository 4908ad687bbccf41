//! What can be read out of SQL text: defaults, checks that list words, and whether a word stands in a statement.

use super::catalogue::Default_;
use crate::value::{Decimal, Value};

/// A CHECK constraint.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What stands between its parentheses.
    pub text: String,
    /// Where it says that a column is one of some words: the column, and the words.
    pub words: Option<(String, Vec<String>)>,
}

/// A piece of SQL.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A word without quotes.
    Word(String),
    /// A name between quotes, or brackets, or backticks.
    Name(String),
    /// A text between single quotes.
    Text(String),
    /// A number.
    Number(String),
    /// Any other sign.
    Sign(char),
}

/// The pieces of a text with where each begins and ends; comments are none.
pub(super) fn tokens(sql: &str) -> Vec<(Token, usize, usize)> {
    let bytes = sql.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let begin = at;
        let byte = bytes[at];
        let token = match byte {
            _ if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'-' if bytes.get(at + 1) == Some(&b'-') => {
                at = sql[at..].find('\n').map_or(bytes.len(), |end| at + end);
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                at = sql[at..].find("*/").map_or(bytes.len(), |end| at + end + 2);
                continue;
            }
            b'\'' | b'"' | b'`' => {
                let (inside, end) = between(sql, at, char::from(byte));
                at = end;
                if byte == b'\'' { Token::Text(inside) } else { Token::Name(inside) }
            }
            // PostgreSQL's `[]` after a type is no name.
            b'[' if bytes.get(at + 1).is_some_and(|next| *next != b']') && !after_array(&found) => {
                let end = sql[at..].find(']').map_or(bytes.len(), |end| at + end + 1);
                let inside = sql[at + 1..end].trim_end_matches(']').to_owned();
                at = end;
                Token::Name(inside)
            }
            _ if byte.is_ascii_digit() => {
                while bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'.') {
                    at += 1;
                }
                Token::Number(sql[begin..at].to_owned())
            }
            _ if byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80 => {
                while bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'$' || *b >= 0x80)
                {
                    at += 1;
                }
                Token::Word(sql[begin..at].to_owned())
            }
            _ => {
                at += 1;
                Token::Sign(char::from(byte))
            }
        };
        found.push((token, begin, at));
    }
    found
}

/// Whether a bracket opens the items of an array.
fn after_array(found: &[(Token, usize, usize)]) -> bool {
    matches!(found.last(), Some((Token::Word(word), ..)) if word.eq_ignore_ascii_case("ARRAY"))
}

/// What stands between two quotes, which are doubled inside, and where it ends.
fn between(sql: &str, at: usize, quote: char) -> (String, usize) {
    let mut inside = String::new();
    let mut rest = sql[at + 1..].char_indices().peekable();
    while let Some((place, letter)) = rest.next() {
        if letter != quote {
            inside.push(letter);
        } else if rest.peek().is_some_and(|(_, next)| *next == quote) {
            inside.push(quote);
            rest.next();
        } else {
            return (inside, at + 1 + place + 1);
        }
    }
    (inside, sql.len())
}

/// Whether a word stands in a statement, outside of names and texts.
pub fn has_word(sql: &str, word: &str) -> bool {
    tokens(sql).iter().any(|(token, ..)| matches!(token, Token::Word(found) if found.eq_ignore_ascii_case(word)))
}

/// What stands behind the WHERE of a `CREATE INDEX`.
pub fn condition_of(sql: &str) -> Option<String> {
    let mut depth = 0;
    for (token, _, end) in tokens(sql) {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth -= 1,
            Token::Word(word) if depth == 0 && word.eq_ignore_ascii_case("WHERE") => {
                return Some(sql[end..].to_owned());
            }
            _ => {}
        }
    }
    None
}

/// What a comment before the columns says of a table, where SQLite has no other place for it.
pub fn comment_of(sql: &str) -> Option<String> {
    let open = sql.find('(')?;
    let head = sql.get(..open)?;
    let text = match (head.find("--"), head.find("/*")) {
        (Some(at), None) => head[at + 2..].lines().next()?,
        (None, Some(at)) => head[at + 2..].split("*/").next()?,
        _ => return None,
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

/// The columns of a `CREATE TABLE` that name a collation, with it.
pub fn collations(sql: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mut depth, mut fresh, mut column) = (0, false, None);
    let all = tokens(sql);
    for (at, (token, ..)) in all.iter().enumerate() {
        match token {
            Token::Sign('(') => {
                depth += 1;
                fresh = depth == 1;
                continue;
            }
            Token::Sign(')') => depth -= 1,
            Token::Sign(',') if depth == 1 => {
                fresh = true;
                continue;
            }
            Token::Word(name) | Token::Name(name) if fresh => column = Some(name.clone()),
            Token::Word(word) if depth == 1 && word.eq_ignore_ascii_case("COLLATE") => {
                if let (Some(column), Some((Token::Word(name) | Token::Name(name), ..))) = (&column, all.get(at + 1)) {
                    found.push((column.clone(), name.clone()));
                }
            }
            _ => {}
        }
        fresh = false;
    }
    found
}

/// The CHECK constraints of a statement, or of PostgreSQL's text of one.
pub fn checked(sql: &str) -> Vec<Check> {
    let all = tokens(sql);
    let mut found = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let is_check = matches!(&all[at].0, Token::Word(word) if word.eq_ignore_ascii_case("CHECK"));
        if !is_check || all.get(at + 1).map(|(token, ..)| token) != Some(&Token::Sign('(')) {
            at += 1;
            continue;
        }
        let mut depth = 0;
        let close = (at + 1..all.len()).find(|place| {
            match all[*place].0 {
                Token::Sign('(') => depth += 1,
                Token::Sign(')') => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let Some(close) = close else { break };
        let text = sql[all[at + 1].2..all[close].1].split_whitespace().collect::<Vec<_>>().join(" ");
        let inside: Vec<&Token> = all[at + 2..close].iter().map(|(token, ..)| token).collect();
        found.push(Check { text, words: words(&inside) });
        at = close + 1;
    }
    found
}

/// `x IN ('a', 'b')`, `x = ANY (ARRAY['a'::text, 'b'::text])`, either with `x IS NULL OR` before it.
fn words(inside: &[&Token]) -> Option<(String, Vec<String>)> {
    // Parentheses and casts say nothing here.
    let mut plain: Vec<&Token> = Vec::new();
    let mut rest = inside.iter().copied().peekable();
    while let Some(token) = rest.next() {
        match token {
            Token::Sign('(' | ')' | '[' | ']') => {}
            Token::Sign(':') => {
                // `::character varying[]` and the like, up to what cannot be part of a type.
                while rest
                    .peek()
                    .is_some_and(|next| matches!(next, Token::Sign(':' | '[' | ']') | Token::Word(_) | Token::Name(_)))
                {
                    let word = matches!(rest.peek(), Some(Token::Word(word)) if ["OR", "AND", "IN", "IS"].iter().any(|end| word.eq_ignore_ascii_case(end)));
                    if word {
                        break;
                    }
                    rest.next();
                }
            }
            token => plain.push(token),
        }
    }
    let is = |token: &Token, word: &str| matches!(token, Token::Word(found) if found.eq_ignore_ascii_case(word));
    let name = |token: &Token| match token {
        Token::Word(name) | Token::Name(name) => Some(name.clone()),
        _ => None,
    };
    if let [first, a, b, c, rest @ ..] = &plain[..]
        && is(a, "IS")
        && is(b, "NULL")
        && is(c, "OR")
    {
        let or_null = name(first)?;
        let (column, words) = words(rest)?;
        return (column == or_null).then_some((column, words));
    }
    let (column, listed) = match &plain[..] {
        [column, a, listed @ ..] if is(a, "IN") => (name(column)?, listed),
        [column, Token::Sign('='), a, b, listed @ ..] if is(a, "ANY") && is(b, "ARRAY") => (name(column)?, listed),
        _ => return None,
    };
    let texts = listed.iter().filter(|token| ***token != Token::Sign(','));
    let texts: Option<Vec<String>> = texts
        .map(|token| match token {
            Token::Text(text) if !text.is_empty() => Some(text.clone()),
            _ => None,
        })
        .collect();
    let texts = texts.filter(|texts| !texts.is_empty())?;
    let distinct: std::collections::HashSet<&String> = texts.iter().collect();
    (distinct.len() == texts.len()).then_some((column, texts))
}

/// What a default expression gives; none for null.
pub fn default(written: &str) -> Option<Default_> {
    let all = tokens(written);
    let mut pieces: Vec<&Token> = all.iter().map(|(token, ..)| token).collect();
    let other = || Some(Default_::Other(written.split_whitespace().collect::<Vec<_>>().join(" ")));
    // A cast at the end, and parentheses around all of it, change nothing that a literal says.
    let cast = pieces.windows(2).position(|pair| matches!(pair, [Token::Sign(':'), Token::Sign(':')]));
    let types = |tokens: &[&Token]| {
        tokens.iter().all(|token| {
            matches!(
                token,
                Token::Word(_)
                    | Token::Name(_)
                    | Token::Number(_)
                    | Token::Sign(':' | '(' | ')' | '.' | ',' | '[' | ']')
            )
        })
    };
    if let Some(at) = cast
        && at <= 4
        && !pieces[..at].iter().any(|token| **token == Token::Sign('('))
        && types(&pieces[at..])
    {
        pieces.truncate(at);
    }
    while let [Token::Sign('('), inside @ .., Token::Sign(')')] = &pieces[..] {
        let mut depth = 0;
        let whole = inside.iter().all(|token| {
            match token {
                Token::Sign('(') => depth += 1,
                Token::Sign(')') => depth -= 1,
                _ => {}
            }
            depth >= 0
        });
        if !whole {
            break;
        }
        pieces = inside.to_vec();
    }
    let word = |token: &Token| match token {
        Token::Word(word) => word.to_ascii_lowercase(),
        _ => String::new(),
    };
    let number = |text: &str, negative: bool| {
        let text = if negative { format!("-{text}") } else { text.to_owned() };
        if let Ok(number) = text.parse::<i64>() {
            return Some(Default_::Literal(Value::Int(number)));
        }
        text.parse::<Decimal>().ok().map(|number| Default_::Literal(Value::Decimal(Box::new(number))))
    };
    match &pieces[..] {
        [] => None,
        [Token::Text(text)] if text.eq_ignore_ascii_case("now") && cast.is_some() => Some(Default_::Now),
        [Token::Text(text)] => Some(Default_::Literal(Value::Text(text.clone()))),
        [Token::Number(text)] => number(text, false).or_else(other),
        [Token::Sign('-'), Token::Number(text)] => number(text, true).or_else(other),
        [Token::Sign('+'), Token::Number(text)] => number(text, false).or_else(other),
        // SQLite takes a name between double quotes for a text where no column is called so.
        [Token::Name(text)] => Some(Default_::Literal(Value::Text(text.clone()))),
        [only] => match word(only).as_str() {
            "null" => None,
            "true" => Some(Default_::Literal(Value::Bool(true))),
            "false" => Some(Default_::Literal(Value::Bool(false))),
            "current_timestamp" | "current_date" | "localtimestamp" => Some(Default_::Now),
            _ => other(),
        },
        [call, Token::Sign('('), inside @ .., Token::Sign(')')] => match (word(call).as_str(), inside) {
            ("now" | "clock_timestamp" | "statement_timestamp" | "transaction_timestamp" | "current_timestamp", _) => {
                Some(Default_::Now)
            }
            ("datetime" | "date", [Token::Text(text)]) if text.eq_ignore_ascii_case("now") => Some(Default_::Now),
            ("strftime", [_, _, Token::Text(text)]) if text.eq_ignore_ascii_case("now") => Some(Default_::Now),
            ("unixepoch", []) => Some(Default_::Now),
            ("gen_random_uuid" | "uuid_generate_v4" | "uuid_generate_v1" | "uuidv7", []) => Some(Default_::Uuid),
            ("nextval", _) => Some(Default_::Sequence),
            _ => other(),
        },
        // `('now'::text)::date`
        [Token::Sign('('), Token::Text(text), ..] if text.eq_ignore_ascii_case("now") => Some(Default_::Now),
        _ => other(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_read() {
        let literal = |value: Value| Some(Default_::Literal(value));
        let decimal = |text: &str| literal(Value::Decimal(Box::new(text.parse().expect("a decimal"))));
        for (written, expected) in [
            ("NULL", None),
            ("3", literal(Value::Int(3))),
            ("-3", literal(Value::Int(-3))),
            ("(-3)", literal(Value::Int(-3))),
            ("4.99", decimal("4.99")),
            ("'G'::mpaa_rating", literal("G".into())),
            ("'it''s'", literal("it's".into())),
            ("'{}'::jsonb", literal("{}".into())),
            ("'a'::character varying(10)", literal("a".into())),
            ("NULL::character varying", None),
            ("\"Y\"", literal("Y".into())),
            ("true", literal(Value::Bool(true))),
            ("CURRENT_TIMESTAMP", Some(Default_::Now)),
            ("now()", Some(Default_::Now)),
            ("(datetime('now'))", Some(Default_::Now)),
            ("strftime('%s','now')", Some(Default_::Now)),
            ("('now'::text)::date", Some(Default_::Now)),
            ("nextval('a_id_seq'::regclass)", Some(Default_::Sequence)),
            ("gen_random_uuid()", Some(Default_::Uuid)),
            ("lower('A')", Some(Default_::Other("lower('A')".into()))),
            ("(1 + 2)", Some(Default_::Other("(1 + 2)".into()))),
        ] {
            assert_eq!(default(written), expected, "{written}");
        }
    }

    #[test]
    fn words_of_checks_are_read() {
        let of = |sql: &str| checked(sql).into_iter().find_map(|check| check.words);
        let found = |column: &str, words: &[&str]| {
            Some((column.to_owned(), words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()))
        };
        assert_eq!(of("CREATE TABLE t (a, CHECK (a IN ('x','y')))"), found("a", &["x", "y"]));
        assert_eq!(of("CREATE TABLE t (a CHECK(\"a b\" in ('it''s')))"), found("a b", &["it's"]));
        assert_eq!(of("CHECK (a IS NULL OR a IN ('x'))"), found("a", &["x"]));
        let postgres =
            "CHECK (((status)::text = ANY ((ARRAY['new'::character varying, 'old'::character varying])::text[])))";
        assert_eq!(of(postgres), found("status", &["new", "old"]));
        assert_eq!(of("CHECK ((kind = ANY (ARRAY['a'::text, 'b'::text])))"), found("kind", &["a", "b"]));
        for other in [
            "CHECK (a IN (0, 1))",
            "CHECK (a IN ('x') AND b > 1)",
            "CHECK (a NOT IN ('x'))",
            "CHECK (a IN ('x', 'x'))",
            "CHECK (b IS NULL OR a IN ('x'))",
            "CREATE TABLE t (a /* CHECK (a IN ('x')) */, b DEFAULT 'CHECK (a IN (1))')",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(checked("CHECK (a > (1 + 2)), CHECK (b)").len(), 2);
    }

    #[test]
    fn collations_of_columns() {
        let sql = "CREATE TABLE t (a TEXT COLLATE NOCASE, \"b c\" NUMERIC(4, 2) COLLATE x, d, UNIQUE (a COLLATE y))";
        assert_eq!(collations(sql), [("a".into(), "NOCASE".into()), ("b c".into(), "x".into())]);
    }

    #[test]
    fn words_stand_outside_of_names() {
        assert!(has_word("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)", "autoincrement"));
        assert!(!has_word(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, \"autoincrement\" -- AUTOINCREMENT\n)",
            "autoincrement"
        ));
        assert_eq!(comment_of("CREATE TABLE t -- people\n(a)").as_deref(), Some("people"));
        assert_eq!(comment_of("CREATE TABLE t (a -- people\n)"), None);
    }
}
