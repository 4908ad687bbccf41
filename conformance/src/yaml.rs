//! YAML as a tree in which every node knows where it stands, so that a fault in a case file can say so too.

use std::fmt;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

/// A line and a column, both from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl From<Marker> for Place {
    fn from(marker: Marker) -> Place {
        Place { line: marker.line(), column: marker.col() + 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A node with its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A scalar; `plain` when it is not quoted and may mean a number, a boolean or null.
    Scalar {
        /// Its text.
        text: String,
        /// Whether it stands without quotes.
        plain: bool,
    },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in written order, keys distinct.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// The value.
    pub value: Node,
}

impl Node {
    /// What it is, in the words of messages.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar { .. } => "a scalar",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn list(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a map.
    pub fn map(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value under a key of a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.map()?.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }
}

/// Reads a file's only document.
pub fn parse(text: &str) -> Result<Node, (Place, String)> {
    let mut reader = Reader { parser: Parser::new_from_str(text) };
    let node = loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
            (Event::StreamEnd, span) => return Err((span.start.into(), "the file is empty".into())),
            (event, span) => break reader.node(event, span)?,
        }
    };
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(node),
            (Event::DocumentStart(_), span) => {
                return Err((span.start.into(), "a second document; a file holds one".into()));
            }
            _ => {}
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), (Place, String)> {
        match self.parser.next_event() {
            Some(Ok(pair)) => Ok(pair),
            Some(Err(error)) => Err(((*error.marker()).into(), error.info().to_owned())),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span) -> Result<Node, (Place, String)> {
        let place = Place::from(span.start);
        let kind = match event {
            Event::Scalar(text, style, ..) => {
                Kind::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }
            }
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break Kind::List(items),
                        (event, span) => items.push(self.node(event, span)?),
                    }
                }
            }
            Event::MappingStart(..) => Kind::Map(self.entries()?),
            Event::Alias(_) => return Err((place, "aliases are not used in case files; write the value out".into())),
            other => return Err((place, format!("unexpected {other:?}"))),
        };
        Ok(Node { place, kind })
    }

    fn entries(&mut self) -> Result<Vec<Entry>, (Place, String)> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(entries);
            }
            let key = self.node(event, span)?;
            let place = key.place;
            let Kind::Scalar { text: key, .. } = key.kind else {
                return Err((place, format!("expected a name as key, found {}", key.describe())));
            };
            if entries.iter().any(|entry| entry.key == key) {
                return Err((place, format!("`{key}` is given twice")));
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span)?;
            entries.push(Entry { key, place, value });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_places_and_quotes() {
        let node = parse("b: 1\na: ['2', x]\n").expect("valid");
        let entries = node.map().expect("a map");
        assert_eq!(entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(entries[1].place, Place { line: 2, column: 1 });
        let items = entries[1].value.list().expect("a list");
        assert!(matches!(&items[0].kind, Kind::Scalar { plain: false, .. }));
        assert!(matches!(&items[1].kind, Kind::Scalar { plain: true, .. }));
    }

    #[test]
    fn refuses_what_a_case_must_not_hold() {
        for (text, line, said) in [
            ("a: 1\na: 2\n", 2, "given twice"),
            ("a: &x 1\nb: *x\n", 2, "aliases"),
            ("a: 1\n---\nb: 2\n", 2, "second document"),
            ("", 1, "empty"),
            ("a: [1\n", 2, ""),
        ] {
            let (place, message) = parse(text).expect_err(text);
            assert!(message.contains(said), "{text:?}: {message}");
            assert_eq!(place.line, line, "{text:?}: {message}");
        }
    }
}
