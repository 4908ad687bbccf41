//! The words of a schema.prisma, each with its place.

/// Line and column, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

/// Something wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub place: Place,
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A name, which may have hyphens inside.
    Word(String),
    Text(String),
    Number(String),
    /// One of `{ } [ ] ( ) = : , . ? @`, or `@@` as `&`.
    Sign(char),
    /// What follows `///`.
    Document(String),
    Line,
}

impl Token {
    pub fn describe(&self) -> String {
        match self {
            Token::Word(word) => format!("`{word}`"),
            Token::Text(_) => "a text".into(),
            Token::Number(number) => format!("the number {number}"),
            Token::Sign('&') => "`@@`".into(),
            Token::Sign(sign) => format!("`{sign}`"),
            Token::Document(_) | Token::Line => "the end of the line".into(),
        }
    }
}

/// All words; what is none is a fault and passed over.
pub fn tokens(text: &str, faults: &mut Vec<Fault>) -> Vec<(Token, Place)> {
    let mut found = Vec::new();
    let mut letters = text.chars().peekable();
    let mut at = Place { line: 1, column: 1 };
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    while let Some(letter) = letters.next() {
        let place = at;
        at.column += 1;
        match letter {
            '\n' => {
                found.push((Token::Line, place));
                at = Place { line: at.line + 1, column: 1 };
            }
            '/' if letters.peek() == Some(&'/') => {
                let mut comment = String::new();
                while let Some(c) = letters.next_if(|c| *c != '\n') {
                    comment.push(c);
                    at.column += 1;
                }
                if let Some(document) = comment.strip_prefix("//") {
                    found.push((Token::Document(document.trim().to_owned()), place));
                }
            }
            '/' if letters.peek() == Some(&'*') => {
                let mut before = ' ';
                loop {
                    let Some(c) = letters.next() else {
                        faults.push(Fault { place, message: "a comment that does not end".into() });
                        break;
                    };
                    at = if c == '\n' {
                        Place { line: at.line + 1, column: 1 }
                    } else {
                        Place { column: at.column + 1, ..at }
                    };
                    if before == '*' && c == '/' {
                        break;
                    }
                    before = c;
                }
            }
            '"' => {
                let mut value = String::new();
                loop {
                    let Some(c) = letters.next_if(|c| *c != '\n') else {
                        faults.push(Fault { place, message: "a text that does not end".into() });
                        break;
                    };
                    at.column += 1;
                    match c {
                        '"' => break,
                        '\\' => {
                            let escaped = letters.next().unwrap_or('\\');
                            at.column += 1;
                            value.push(match escaped {
                                'n' => '\n',
                                't' => '\t',
                                'r' => '\r',
                                other => other,
                            });
                        }
                        c => value.push(c),
                    }
                }
                found.push((Token::Text(value), place));
            }
            '@' if letters.next_if_eq(&'@').is_some() => {
                at.column += 1;
                found.push((Token::Sign('&'), place));
            }
            '{' | '}' | '[' | ']' | '(' | ')' | '=' | ':' | ',' | '.' | '?' | '@' => {
                found.push((Token::Sign(letter), place));
            }
            c if c.is_ascii_digit() || c == '-' || c == '+' => {
                let mut number = c.to_string();
                while let Some(c) = letters.next_if(|c| word(*c) || matches!(c, '.' | '+')) {
                    number.push(c);
                    at.column += 1;
                }
                found.push((Token::Number(number), place));
            }
            c if c.is_alphabetic() || c == '_' => {
                let mut name = c.to_string();
                while let Some(c) = letters.next_if(|c| word(*c)) {
                    name.push(c);
                    at.column += 1;
                }
                found.push((Token::Word(name), place));
            }
            c if c.is_whitespace() || c == '\u{feff}' => {}
            c => faults.push(Fault { place, message: format!("unexpected character {c:?}") }),
        }
    }
    found.push((Token::Line, at));
    found
}
