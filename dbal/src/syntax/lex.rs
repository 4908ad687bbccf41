//! The words of the rules language.

use std::iter::Peekable;
use std::str::CharIndices;

use super::ExprFault;
use crate::value::Comparison;

/// A word of an expression and the column, in characters from 1, where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub column: usize,
    pub kind: TokenKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    /// A name of the schema.
    Name(String),
    /// `$user`, `$session`, `$now`: what follows the dollar.
    Dollar(String),
    /// A number as written.
    Number(String),
    /// What stood between quotes.
    Text(String),
    True,
    False,
    Null,
    And,
    Or,
    Not,
    In,
    Is,
    Compare(Comparison),
    Open,
    Close,
    Comma,
    Dot,
    End,
}

impl TokenKind {
    /// What it is, in the words of messages.
    pub fn describe(&self) -> String {
        match self {
            TokenKind::Name(name) => format!("`{name}`"),
            TokenKind::Dollar(name) => format!("`${name}`"),
            TokenKind::Number(text) => format!("the number {text}"),
            TokenKind::Text(_) => "a text".into(),
            TokenKind::True => "`true`".into(),
            TokenKind::False => "`false`".into(),
            TokenKind::Null => "`null`".into(),
            TokenKind::And => "AND".into(),
            TokenKind::Or => "OR".into(),
            TokenKind::Not => "NOT".into(),
            TokenKind::In => "IN".into(),
            TokenKind::Is => "IS".into(),
            TokenKind::Compare(_) => "a comparison".into(),
            TokenKind::Open => "`(`".into(),
            TokenKind::Close => "`)`".into(),
            TokenKind::Comma => "`,`".into(),
            TokenKind::Dot => "`.`".into(),
            TokenKind::End => "the end".into(),
        }
    }
}

/// Cuts an expression into words; the last one is [`TokenKind::End`].
pub(crate) fn lex(text: &str) -> Result<Vec<Token>, ExprFault> {
    let mut lexer = Lexer { chars: text.char_indices().peekable(), text, column: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.blanks();
        let column = lexer.column + 1;
        let kind = match lexer.bump() {
            None => TokenKind::End,
            Some((start, first)) => lexer.token(start, first, column)?,
        };
        let done = kind == TokenKind::End;
        tokens.push(Token { column, kind });
        if done {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    chars: Peekable<CharIndices<'t>>,
    text: &'t str,
    /// Characters taken so far.
    column: usize,
}

impl<'t> Lexer<'t> {
    fn bump(&mut self) -> Option<(usize, char)> {
        let next = self.chars.next();
        self.column += usize::from(next.is_some());
        next
    }

    fn peek(&mut self) -> Option<char> {
        self.chars.peek().map(|(_, c)| *c)
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.bump();
        }
        found
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.bump();
        }
    }

    /// What was written from `start` to here, after taking all that `goes_on` lets through.
    fn run(&mut self, start: usize, goes_on: impl Fn(char) -> bool) -> &'t str {
        while self.peek().is_some_and(&goes_on) {
            self.bump();
        }
        let end = self.chars.peek().map_or(self.text.len(), |(at, _)| *at);
        &self.text[start..end]
    }

    fn token(&mut self, start: usize, first: char, column: usize) -> Result<TokenKind, ExprFault> {
        let fault = |message: &str| Err(ExprFault { column, message: message.into() });
        Ok(match first {
            '(' => TokenKind::Open,
            ')' => TokenKind::Close,
            ',' => TokenKind::Comma,
            '.' => TokenKind::Dot,
            '=' => {
                self.take('=');
                TokenKind::Compare(Comparison::Eq)
            }
            '!' if self.take('=') => TokenKind::Compare(Comparison::Ne),
            '!' => TokenKind::Not,
            '<' if self.take('=') => TokenKind::Compare(Comparison::Lte),
            '<' if self.take('>') => TokenKind::Compare(Comparison::Ne),
            '<' => TokenKind::Compare(Comparison::Lt),
            '>' if self.take('=') => TokenKind::Compare(Comparison::Gte),
            '>' => TokenKind::Compare(Comparison::Gt),
            '&' if self.take('&') => TokenKind::And,
            '|' if self.take('|') => TokenKind::Or,
            '&' | '|' => return fault("expected `&&` or `||`"),
            '\'' | '"' => self.text(first, column)?,
            '$' => match self.run(start + 1, is_name) {
                "" => return fault("expected `$user.…`, `$session.…` or `$now`"),
                name => TokenKind::Dollar(name.to_owned()),
            },
            '-' | '0'..='9' => self.number(start, first, column)?,
            _ if is_name(first) => word(self.run(start, is_name)),
            other => return fault(&format!("unexpected character {other:?}")),
        })
    }

    /// A text up to the closing quote; a doubled quote stands for one.
    fn text(&mut self, quote: char, column: usize) -> Result<TokenKind, ExprFault> {
        let mut text = String::new();
        while let Some((_, c)) = self.bump() {
            if c != quote {
                text.push(c);
            } else if self.take(quote) {
                text.push(quote);
            } else {
                return Ok(TokenKind::Text(text));
            }
        }
        Err(ExprFault { column, message: format!("this text has no closing {quote}") })
    }

    fn number(&mut self, start: usize, first: char, column: usize) -> Result<TokenKind, ExprFault> {
        let digit = |c: char| c.is_ascii_digit();
        let whole = self.run(start, digit);
        let mut number = whole;
        let mut lookahead = self.chars.clone();
        lookahead.next();
        // `1.` followed by no digit is left to the parser, which does not know what to do with the dot and says so.
        if self.peek() == Some('.') && lookahead.peek().is_some_and(|(_, c)| digit(*c)) {
            self.bump();
            number = self.run(start, digit);
        }
        if first == '-' && whole.len() == 1 || self.peek().is_some_and(is_name) {
            let message = "a number is digits with an optional minus and fraction, such as -3 or 0.5".into();
            return Err(ExprFault { column, message });
        }
        Ok(TokenKind::Number(number.to_owned()))
    }
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn word(text: &str) -> TokenKind {
    const KEYWORDS: [(&str, TokenKind); 8] = [
        ("and", TokenKind::And),
        ("or", TokenKind::Or),
        ("not", TokenKind::Not),
        ("in", TokenKind::In),
        ("is", TokenKind::Is),
        ("true", TokenKind::True),
        ("false", TokenKind::False),
        ("null", TokenKind::Null),
    ];
    let keyword = KEYWORDS.into_iter().find(|(keyword, _)| keyword.eq_ignore_ascii_case(text));
    keyword.map_or_else(|| TokenKind::Name(text.to_owned()), |(_, kind)| kind)
}
