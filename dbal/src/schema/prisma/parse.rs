//! From the words of a schema.prisma to what it declares. A line that makes no sense is a fault, and the next one is read.

use super::lex::{Fault, Place, Token, tokens};

/// What a file declares.
#[derive(Debug, Default)]
pub struct Psl {
    /// `datasource` and `generator` blocks: kind, name, and their settings.
    pub settings: Vec<Settings>,
    pub models: Vec<Model>,
    pub enums: Vec<Enum>,
    /// Blocks that are none of these, such as views and types: kind, name.
    pub others: Vec<(String, String, Place)>,
}

#[derive(Debug)]
pub struct Settings {
    pub kind: String,
    pub entries: Vec<(String, Expr, Place)>,
}

#[derive(Debug)]
pub struct Model {
    pub name: String,
    pub place: Place,
    pub document: Vec<String>,
    pub fields: Vec<Field>,
    /// `@@id` and the like.
    pub attributes: Vec<Attribute>,
}

#[derive(Debug)]
pub struct Field {
    pub name: String,
    pub place: Place,
    pub document: Vec<String>,
    pub ty: String,
    pub optional: bool,
    pub list: bool,
    pub attributes: Vec<Attribute>,
}

#[derive(Debug)]
pub struct Enum {
    pub name: String,
    pub place: Place,
    /// Name and what it is called in the database.
    pub values: Vec<(String, String)>,
}

/// `@name(arguments)`.
#[derive(Debug)]
pub struct Attribute {
    /// Such as `id` or `db.VarChar`.
    pub name: String,
    pub place: Place,
    pub arguments: Vec<(Option<String>, Expr)>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Text(String),
    Number(String),
    Word(String),
    Call(String, Vec<(Option<String>, Expr)>),
    List(Vec<Expr>),
}

impl Expr {
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Expr::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The names of a list such as `[a, b(sort: Desc)]`.
    pub fn names(&self) -> Vec<&str> {
        let items = match self {
            Expr::List(items) => items.as_slice(),
            other => std::slice::from_ref(other),
        };
        items
            .iter()
            .filter_map(|item| match item {
                Expr::Word(name) | Expr::Call(name, _) => Some(name.as_str()),
                _ => None,
            })
            .collect()
    }
}

impl Attribute {
    /// The argument of a name, or the one without a name that stands first.
    pub fn get(&self, name: &str, first: bool) -> Option<&Expr> {
        let named = self.arguments.iter().find(|(given, _)| given.as_deref() == Some(name));
        let unnamed = || self.arguments.first().filter(|(given, _)| given.is_none());
        named.or_else(|| first.then(unnamed).flatten()).map(|(_, value)| value)
    }

    /// The whole number at a position.
    pub fn number(&self, at: usize) -> Option<u32> {
        match &self.arguments.get(at)?.1 {
            Expr::Number(number) => number.parse().ok(),
            _ => None,
        }
    }
}

/// The attribute of a name.
pub fn attribute<'a>(all: &'a [Attribute], name: &str) -> Option<&'a Attribute> {
    all.iter().find(|attribute| attribute.name == name)
}

/// What the text declares, and everything that is wrong with it.
pub fn parse(text: &str) -> (Psl, Vec<Fault>) {
    let mut faults = Vec::new();
    let tokens = tokens(text, &mut faults);
    let mut parser = Parser { tokens, at: 0, faults };
    let mut psl = Psl::default();
    parser.file(&mut psl);
    parser.faults.sort_by_key(|fault| fault.place);
    (psl, parser.faults)
}

struct Parser {
    tokens: Vec<(Token, Place)>,
    at: usize,
    faults: Vec<Fault>,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn place(&self) -> Place {
        self.tokens.get(self.at).or(self.tokens.last()).map(|(_, place)| *place).unwrap_or_default()
    }

    fn fault(&mut self, message: impl Into<String>) {
        let place = self.place();
        self.faults.push(Fault { place, message: message.into() });
    }

    fn expected(&mut self, what: &str) {
        let found = self.peek().map_or("the end of the file".into(), Token::describe);
        self.fault(format!("expected {what}, found {found}"));
    }

    fn sign(&mut self, sign: char) -> bool {
        let is = self.peek() == Some(&Token::Sign(sign));
        self.at += usize::from(is);
        is
    }

    fn word(&mut self) -> Option<String> {
        let Some(Token::Word(word)) = self.peek() else { return None };
        let word = word.clone();
        self.at += 1;
        Some(word)
    }

    /// Line ends and documents, of which the last ones stand above what follows.
    fn lines(&mut self) -> Vec<String> {
        let mut document = Vec::new();
        let mut blank = true;
        loop {
            match self.peek() {
                Some(Token::Document(text)) => {
                    let text = text.clone();
                    document.push(text);
                    blank = false;
                }
                Some(Token::Line) => {
                    if blank {
                        document.clear();
                    }
                    blank = true;
                }
                _ => return document,
            }
            self.at += 1;
        }
    }

    fn skip_line(&mut self) {
        while !matches!(self.peek(), None | Some(Token::Line) | Some(Token::Sign('}'))) {
            self.at += 1;
        }
    }

    /// What stands in brackets may go on in the next line.
    fn skip_breaks(&mut self) {
        while matches!(self.peek(), Some(Token::Line | Token::Document(_))) {
            self.at += 1;
        }
    }

    fn end_of_line(&mut self) {
        match self.peek() {
            None | Some(Token::Line | Token::Document(_) | Token::Sign('}')) => {}
            Some(_) => {
                self.expected("the end of the line");
                self.skip_line();
            }
        }
    }

    fn file(&mut self, psl: &mut Psl) {
        loop {
            let document = self.lines();
            if self.peek().is_none() {
                return;
            }
            let place = self.place();
            let Some(kind) = self.word() else {
                self.expected("model, enum, datasource or generator");
                self.at += 1;
                continue;
            };
            let name_place = self.place();
            let Some(name) = self.word() else {
                self.expected(&format!("the name of the {kind}"));
                self.skip_line();
                continue;
            };
            if !self.sign('{') {
                self.expected("`{`");
                self.skip_line();
                continue;
            }
            match kind.as_str() {
                "model" => {
                    let model = self.model(name, name_place, document);
                    psl.models.push(model);
                }
                "enum" => {
                    let declared = self.enumeration(name, name_place);
                    psl.enums.push(declared);
                }
                "datasource" | "generator" => {
                    let settings = self.settings(kind);
                    psl.settings.push(settings);
                }
                _ => {
                    if !["view", "type"].contains(&kind.as_str()) {
                        let message =
                            format!("there is no block {kind}; expected model, enum, datasource or generator");
                        self.faults.push(Fault { place, message });
                    }
                    psl.others.push((kind, name, name_place));
                    self.skip_block();
                }
            }
        }
    }

    fn skip_block(&mut self) {
        let mut depth = 1;
        while depth > 0 && self.at < self.tokens.len() {
            depth += i32::from(self.peek() == Some(&Token::Sign('{')));
            depth -= i32::from(self.peek() == Some(&Token::Sign('}')));
            self.at += 1;
        }
    }

    /// The next line of a block; none at its end.
    fn next_in_block(&mut self) -> Option<Vec<String>> {
        let document = self.lines();
        if self.sign('}') {
            return None;
        }
        if self.peek().is_none() {
            self.expected("`}`");
            return None;
        }
        Some(document)
    }

    fn settings(&mut self, kind: String) -> Settings {
        let mut entries = Vec::new();
        while self.next_in_block().is_some() {
            let place = self.place();
            let Some(name) = self.word() else {
                self.expected("a setting");
                self.at += 1;
                self.skip_line();
                continue;
            };
            if !self.sign('=') {
                self.expected("`=`");
                self.skip_line();
                continue;
            }
            if let Some(value) = self.expression() {
                entries.push((name, value, place));
            }
            self.end_of_line();
        }
        Settings { kind, entries }
    }

    fn enumeration(&mut self, name: String, place: Place) -> Enum {
        let mut values = Vec::new();
        while self.next_in_block().is_some() {
            if self.sign('&') {
                // Only what its type is called in the database: values are compared as text.
                let _ = self.attribute();
            } else if let Some(value) = self.word() {
                let own = self.attributes();
                let mapped = attribute(&own, "map").and_then(|map| map.get("name", true)?.as_text().map(str::to_owned));
                values.push((value.clone(), mapped.unwrap_or(value)));
            } else {
                self.expected("a value of the enum");
                self.at += 1;
                self.skip_line();
            }
            self.end_of_line();
        }
        Enum { name, place, values }
    }

    fn model(&mut self, name: String, place: Place, document: Vec<String>) -> Model {
        let (mut fields, mut attributes) = (Vec::new(), Vec::new());
        while let Some(document) = self.next_in_block() {
            if self.sign('&') {
                attributes.extend(self.attribute());
                self.end_of_line();
                continue;
            }
            let place = self.place();
            let Some(name) = self.word() else {
                self.expected("a field or @@");
                self.at += 1;
                self.skip_line();
                continue;
            };
            let Some(ty) = self.word() else {
                self.expected(&format!("the type of {name}"));
                self.skip_line();
                continue;
            };
            if ty == "Unsupported" && self.sign('(') {
                let _ = self.arguments();
            }
            let list = self.sign('[')
                && (self.sign(']') || {
                    self.expected("`]`");
                    false
                });
            let optional = self.sign('?');
            let attributes = self.attributes();
            self.end_of_line();
            fields.push(Field { name, place, document, ty, optional, list, attributes });
        }
        Model { name, place, document, fields, attributes }
    }

    fn attributes(&mut self) -> Vec<Attribute> {
        let mut all = Vec::new();
        while self.sign('@') {
            all.extend(self.attribute());
        }
        all
    }

    fn attribute(&mut self) -> Option<Attribute> {
        let place = self.place();
        let Some(mut name) = self.word() else {
            self.expected("the name of an attribute");
            self.skip_line();
            return None;
        };
        while self.sign('.') {
            name = format!("{name}.{}", self.word().unwrap_or_default());
        }
        let arguments = if self.sign('(') { self.arguments() } else { Vec::new() };
        Some(Attribute { name, place, arguments })
    }

    /// Up to the bracket that closes.
    fn arguments(&mut self) -> Vec<(Option<String>, Expr)> {
        let mut all = Vec::new();
        loop {
            self.skip_breaks();
            if self.sign(')') {
                return all;
            }
            let named = matches!(self.tokens.get(self.at + 1), Some((Token::Sign(':'), _)));
            let name = if named { self.word() } else { None };
            if name.is_some() {
                self.at += 1;
            }
            let Some(value) = self.expression() else {
                self.skip_line();
                return all;
            };
            all.push((name, value));
            self.skip_breaks();
            if !self.sign(',') && self.peek() != Some(&Token::Sign(')')) {
                self.expected("`,` or `)`");
                self.skip_line();
                return all;
            }
        }
    }

    fn expression(&mut self) -> Option<Expr> {
        self.skip_breaks();
        let token = self.peek().cloned();
        match token {
            Some(Token::Text(text)) => {
                self.at += 1;
                Some(Expr::Text(text))
            }
            Some(Token::Number(number)) => {
                self.at += 1;
                Some(Expr::Number(number))
            }
            Some(Token::Word(mut word)) => {
                self.at += 1;
                while self.sign('.') {
                    word = format!("{word}.{}", self.word().unwrap_or_default());
                }
                if self.sign('(') { Some(Expr::Call(word, self.arguments())) } else { Some(Expr::Word(word)) }
            }
            Some(Token::Sign('[')) => {
                self.at += 1;
                let mut items = Vec::new();
                loop {
                    self.skip_breaks();
                    if self.sign(']') {
                        return Some(Expr::List(items));
                    }
                    items.push(self.expression()?);
                    self.skip_breaks();
                    if !self.sign(',') && self.peek() != Some(&Token::Sign(']')) {
                        self.expected("`,` or `]`");
                        return None;
                    }
                }
            }
            _ => {
                self.expected("a value");
                None
            }
        }
    }
}
