//! The tree: values of a document with their places.

use super::fault::{FileId, Place};
use super::parse::MAX_DEPTH;
use super::scalar::plain;
use crate::value::{Decimal, Map, Value};

/// A value of a document.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it begins.
    pub place: Place,
    /// A scalar as it is written, quotes removed: `version: 1.0` is a number, and its text is `1.0`.
    written: Option<Box<str>>,
    /// It came from elsewhere, and may be a secret: messages do not show it.
    hidden: bool,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Nothing, `null` or `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number of 64 bits.
    Int(i64),
    /// Any other number. [`Node::written`] has its exact digits.
    Float(f64),
    /// Text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order of the file; no key comes twice.
    Map(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key as text, also where it is written as a number.
    pub key: String,
    /// Where the key begins.
    pub place: Place,
    /// The value.
    pub value: Node,
}

impl Node {
    /// A node of this kind at this place.
    pub fn new(kind: Kind, place: Place) -> Self {
        Node { kind, place, written: None, hidden: false }
    }

    pub(super) fn scalar(kind: Kind, place: Place, written: &str) -> Self {
        // Text says itself how it is written.
        let written = (!matches!(kind, Kind::Text(_))).then(|| written.into());
        Node { kind, place, written, hidden: false }
    }

    /// The same place with a text from elsewhere, which messages do not show. Where it may be a number, a boolean or
    /// nothing it is read as the scalar that it would be in the file.
    pub(crate) fn replaced(&self, text: String, whole: bool) -> Self {
        let kind = if whole { plain(&text) } else { Kind::Text(text.clone()) };
        Node { hidden: true, ..Node::scalar(kind, self.place, &text) }
    }

    /// Whether messages do not show it.
    pub(crate) fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.kind {
            Kind::Bool(flag) => Some(flag),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self.kind {
            Kind::Int(number) => Some(number),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn as_float(&self) -> Option<f64> {
        match self.kind {
            Kind::Int(number) => Some(number as f64),
            Kind::Float(number) => Some(number),
            _ => None,
        }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, if it is a mapping.
    pub fn as_map(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Node] {
        self.as_list().unwrap_or_default()
    }

    /// The entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        self.as_map().unwrap_or_default()
    }

    /// The value under a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// Whether it is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// A scalar as it is written, whatever it means: `1.0`, `true`, `admin`. None for null, lists and mappings.
    pub fn written(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) => self.written.as_deref(),
            Kind::Null | Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// What it is, for a message: `the number 5`, `a list`.
    pub fn describe(&self) -> String {
        let written = || {
            let text = self.written().unwrap_or_default();
            match text.char_indices().nth(40) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text.to_owned(),
            }
        };
        if self.hidden {
            return "a value that stands elsewhere".into();
        }
        match self.kind {
            Kind::Null => "nothing".into(),
            Kind::Bool(flag) => flag.to_string(),
            Kind::Int(_) | Kind::Float(_) => format!("the number {}", written()),
            Kind::Text(_) => format!("the text {:?}", written()),
            Kind::List(_) => "a list".into(),
            Kind::Map(_) => "a mapping".into(),
        }
    }

    /// The value without its place. A number that 64 bits cannot hold exactly becomes a decimal where 34 digits can.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(flag) => Value::Bool(*flag),
            Kind::Int(number) => Value::Int(*number),
            Kind::Float(number) => self.big_integer().unwrap_or(Value::Float(*number)),
            Kind::Text(text) => Value::Text(text.clone()),
            Kind::List(items) => Value::List(items.iter().map(Node::to_value).collect()),
            Kind::Map(entries) => Value::Map(Map(entries
                .iter()
                .map(|entry| (entry.key.clone().into(), entry.value.to_value()))
                .collect())),
        }
    }

    fn big_integer(&self) -> Option<Value> {
        let digits = self.written()?;
        let whole = digits.len() <= 35 && digits.trim_start_matches(['-', '+']).bytes().all(|b| b.is_ascii_digit());
        let number: Decimal = whole.then(|| digits.parse().ok()).flatten()?;
        Some(Value::from(number))
    }

    /// A value that a host gave, as a tree without places. Fails for what YAML cannot hold, and for one that is too deep.
    pub fn from_value(value: &Value) -> Result<Node, String> {
        Node::from_value_in(FileId(0), value)
    }

    pub(super) fn from_value_in(file: FileId, value: &Value) -> Result<Node, String> {
        fn convert(place: Place, value: &Value, depth: usize) -> Result<Node, String> {
            if depth > MAX_DEPTH {
                return Err(format!("nested more than {MAX_DEPTH} deep"));
            }
            let kind = match value {
                Value::Null | Value::Undefined => Kind::Null,
                Value::Bool(flag) => Kind::Bool(*flag),
                Value::Int(number) => Kind::Int(*number),
                // Hosts with one number type give whole numbers as floats.
                Value::Float(number) if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_991.0 => {
                    Kind::Int(*number as i64)
                }
                Value::Float(number) => Kind::Float(*number),
                Value::Decimal(number) => {
                    let text = number.to_string();
                    let kind = Kind::Float(text.parse().unwrap_or(f64::NAN));
                    return Ok(Node::scalar(kind, place, &text));
                }
                Value::Text(text) => Kind::Text(text.clone()),
                Value::List(items) => {
                    Kind::List(items.iter().map(|item| convert(place, item, depth + 1)).collect::<Result<_, _>>()?)
                }
                Value::Map(map) => {
                    let mut entries: Vec<Entry> = Vec::with_capacity(map.len());
                    for (key, value) in map.iter() {
                        if matches!(value, Value::Undefined) {
                            continue;
                        }
                        if entries.iter().any(|entry| entry.key == key) {
                            return Err(format!("the key {key} comes twice"));
                        }
                        entries.push(Entry { key: key.to_owned(), place, value: convert(place, value, depth + 1)? });
                    }
                    Kind::Map(entries)
                }
                other => return Err(format!("expected plain data, found {}", other.kind())),
            };
            let written = match &kind {
                Kind::Bool(flag) => Some(flag.to_string().into()),
                Kind::Int(number) => Some(number.to_string().into()),
                Kind::Float(number) => Some(number.to_string().into()),
                _ => None,
            };
            Ok(Node { kind, place, written, hidden: false })
        }
        convert(Place { file, line: 0, column: 0 }, value, 0)
    }
}

/// Equal content; places do not count.
impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        self.to_value() == other.to_value()
    }
}
