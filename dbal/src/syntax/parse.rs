//! From words to a syntax tree. Chains of AND and OR are flat, so depth comes from parentheses and NOT alone and is
//! bounded: no input can run off the end of the stack.

use super::lex::{Token, TokenKind, lex};
use super::{ClaimScope, ExprFault, MAX_BYTES, MAX_DEPTH};
use crate::value::Comparison;

/// A condition as written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Compare {
        left: Term,
        op: Comparison,
        right: Term,
        column: usize,
    },
    In {
        value: Term,
        items: Vec<Term>,
        negated: bool,
    },
    IsNull {
        value: Term,
        negated: bool,
    },
    /// A boolean standing alone.
    Bare(Term),
}

/// A value as written, and where.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Term {
    pub column: usize,
    pub kind: TermKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TermKind {
    /// Names joined by dots, each with its column.
    Path(Vec<(usize, String)>),
    Claim(ClaimScope, String),
    Now,
    Text(String),
    Number(String),
    Bool(bool),
    Null,
}

/// Parses a whole expression.
pub(crate) fn parse(text: &str) -> Result<Node, ExprFault> {
    if text.len() > MAX_BYTES {
        let message = format!("the expression has {} bytes; at most {MAX_BYTES} are allowed", text.len());
        return Err(ExprFault { column: 1, message });
    }
    let mut parser = Parser { tokens: lex(text)?, position: 0, depth: 0 };
    let node = parser.any()?;
    match parser.kind() {
        TokenKind::End => Ok(node),
        _ => Err(parser.expected("AND, OR or the end")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    position: usize,
    depth: usize,
}

impl Parser {
    fn token(&self) -> &Token {
        // The last token is `End` and is never passed.
        &self.tokens[self.position]
    }

    fn kind(&self) -> &TokenKind {
        &self.token().kind
    }

    fn column(&self) -> usize {
        self.token().column
    }

    fn advance(&mut self) -> Token {
        let token = self.token().clone();
        if token.kind != TokenKind::End {
            self.position += 1;
        }
        token
    }

    fn take(&mut self, kind: &TokenKind) -> bool {
        let found = self.kind() == kind;
        if found {
            self.advance();
        }
        found
    }

    fn expected(&self, what: &str) -> ExprFault {
        ExprFault { column: self.column(), message: format!("expected {what}, found {}", self.kind().describe()) }
    }

    /// Runs `inside` one level deeper.
    fn deeper<T>(&mut self, inside: impl FnOnce(&mut Self) -> Result<T, ExprFault>) -> Result<T, ExprFault> {
        if self.depth == MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(ExprFault { column: self.column(), message });
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    fn any(&mut self) -> Result<Node, ExprFault> {
        let mut nodes = vec![self.all()?];
        while self.take(&TokenKind::Or) {
            nodes.push(self.all()?);
        }
        Ok(single(nodes, Node::Or))
    }

    fn all(&mut self) -> Result<Node, ExprFault> {
        let mut nodes = vec![self.not()?];
        while self.take(&TokenKind::And) {
            nodes.push(self.not()?);
        }
        Ok(single(nodes, Node::And))
    }

    fn not(&mut self) -> Result<Node, ExprFault> {
        if self.take(&TokenKind::Not) {
            return self.deeper(|parser| Ok(Node::Not(Box::new(parser.not()?))));
        }
        if self.take(&TokenKind::Open) {
            return self.deeper(|parser| {
                let node = parser.any()?;
                if !parser.take(&TokenKind::Close) {
                    return Err(parser.expected("`)`"));
                }
                Ok(node)
            });
        }
        self.test()
    }

    fn test(&mut self) -> Result<Node, ExprFault> {
        let left = self.term()?;
        let column = self.column();
        match self.kind().clone() {
            TokenKind::Compare(op) => {
                self.advance();
                Ok(Node::Compare { left, op, right: self.term()?, column })
            }
            TokenKind::In => {
                self.advance();
                Ok(Node::In { value: left, items: self.list()?, negated: false })
            }
            TokenKind::Not => {
                self.advance();
                if !self.take(&TokenKind::In) {
                    return Err(self.expected("IN"));
                }
                Ok(Node::In { value: left, items: self.list()?, negated: true })
            }
            TokenKind::Is => {
                self.advance();
                let negated = self.take(&TokenKind::Not);
                if !self.take(&TokenKind::Null) {
                    return Err(self.expected("NULL"));
                }
                Ok(Node::IsNull { value: left, negated })
            }
            _ => Ok(Node::Bare(left)),
        }
    }

    fn list(&mut self) -> Result<Vec<Term>, ExprFault> {
        if !self.take(&TokenKind::Open) {
            return Err(self.expected("`(` and a list"));
        }
        let mut items = vec![self.term()?];
        while self.take(&TokenKind::Comma) {
            items.push(self.term()?);
        }
        if !self.take(&TokenKind::Close) {
            return Err(self.expected("`,` or `)`"));
        }
        Ok(items)
    }

    fn term(&mut self) -> Result<Term, ExprFault> {
        const WANTED: &str = "a field, a claim or a value";
        let column = self.column();
        let kind = match self.kind().clone() {
            TokenKind::Name(name) => {
                self.advance();
                let mut path = vec![(column, name)];
                while self.take(&TokenKind::Dot) {
                    let at = self.column();
                    path.push((at, self.name()?));
                }
                TermKind::Path(path)
            }
            TokenKind::Dollar(name) => {
                self.advance();
                match name.as_str() {
                    "now" => TermKind::Now,
                    "user" => TermKind::Claim(ClaimScope::User, self.claim()?),
                    "session" => TermKind::Claim(ClaimScope::Session, self.claim()?),
                    _ => {
                        let message = format!("unknown `${name}`; expected `$user.…`, `$session.…` or `$now`");
                        return Err(ExprFault { column, message });
                    }
                }
            }
            TokenKind::Number(text) => {
                self.advance();
                TermKind::Number(text)
            }
            TokenKind::Text(text) => {
                self.advance();
                TermKind::Text(text)
            }
            TokenKind::True | TokenKind::False => TermKind::Bool(self.advance().kind == TokenKind::True),
            TokenKind::Null => {
                self.advance();
                TermKind::Null
            }
            _ => return Err(self.expected(WANTED)),
        };
        Ok(Term { column, kind })
    }

    fn claim(&mut self) -> Result<String, ExprFault> {
        if !self.take(&TokenKind::Dot) {
            return Err(self.expected("`.` and the name of a claim"));
        }
        let name = self.name()?;
        match self.kind() {
            TokenKind::Dot => Err(self.expected("nothing more: a claim is a single value")),
            _ => Ok(name),
        }
    }

    /// A name after a dot.
    fn name(&mut self) -> Result<String, ExprFault> {
        let name = match self.kind() {
            TokenKind::Name(name) => name.clone(),
            _ => return Err(self.expected("a name")),
        };
        self.advance();
        Ok(name)
    }
}

fn single(mut nodes: Vec<Node>, many: fn(Vec<Node>) -> Node) -> Node {
    match nodes.len() {
        1 => nodes.remove(0),
        _ => many(nodes),
    }
}
