//! From parser events to trees. The parser pulls, and the stack here is ours, so depth is bounded by a number.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};

use super::fault::{FileId, Place, Report};
use super::node::{Entry, Kind, Node};
use super::scalar;

/// The longest file that is read, in bytes.
pub const MAX_BYTES: usize = 4 << 20;
/// How deep lists and mappings may nest.
pub const MAX_DEPTH: usize = 64;
/// How many values a file may hold.
pub const MAX_NODES: usize = 250_000;
/// How much all aliases of a file together may repeat, in bytes of text plus a constant for each value.
const MAX_REPEATED: usize = 8 << 20;

const TOO_MUCH: &str = "the anchors and aliases of this file repeat too much";

/// The documents of a text. Faults go to the report; what was read before one that ends the reading is returned.
pub(super) fn documents(report: &Report, file: FileId, text: &str) -> Vec<Node> {
    let mut builder = Builder {
        report,
        file,
        documents: Vec::new(),
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        repeated: 0,
    };
    let start = Place { file, line: 1, column: 1 };
    if text.len() > MAX_BYTES {
        report.error(start, format!("the file has {} bytes, more than the {MAX_BYTES} allowed", text.len()));
        return Vec::new();
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // The scanner takes NUL for the end of the file; nothing may hide behind one.
    if let Some(at) = text.find('\0') {
        let line = text[..at].matches('\n').count() as u32 + 1;
        let column = text[..at].chars().rev().take_while(|c| *c != '\n').count() as u32 + 1;
        report.error(Place { file, line, column }, "a NUL character; the file must be UTF-8 text");
        return Vec::new();
    }
    let mut parser = Parser::new_from_str(text);
    // A document that a fault cut short is still in `open` and is left out.
    let _ = builder.run(&mut parser);
    builder.documents
}

struct Builder<'r> {
    report: &'r Report,
    file: FileId,
    documents: Vec<Node>,
    open: Vec<Open>,
    /// Finished anchored nodes of the current document with their weights.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    repeated: usize,
}

/// A list or mapping whose end has not come.
struct Open {
    place: Place,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, names: HashSet<String>, merges: Vec<Node>, key: Option<Key> },
}

enum Key {
    Named(String, Place),
    Merge(Place),
    /// The key was faulty and has been reported; its value is read and dropped.
    Dropped,
}

impl Builder<'_> {
    /// Reads to the end; none when a fault ended the reading.
    fn run<'t>(&mut self, parser: &mut Parser<'t, StrInput<'t>>) -> Option<()> {
        loop {
            let (event, span) = match parser.next_event()? {
                Ok(next) => next,
                Err(fault) => {
                    self.report.error(self.place(*fault.marker()), format!("not valid YAML: {}", fault.info()));
                    return None;
                }
            };
            match event {
                Event::StreamEnd => return Some(()),
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(_) => self.anchors.clear(),
                Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref(), span)?,
                Event::Alias(anchor) => self.alias(anchor, span)?,
                Event::SequenceStart(anchor, tag) => {
                    self.tag(tag.as_deref(), "seq", span);
                    self.begin(Content::List(Vec::new()), anchor, span)?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.tag(tag.as_deref(), "map", span);
                    let content =
                        Content::Map { entries: Vec::new(), names: HashSet::new(), merges: Vec::new(), key: None };
                    self.begin(content, anchor, span)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.end()?,
            }
        }
    }

    fn place(&self, marker: Marker) -> Place {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place { file: self.file, line: number(marker.line()), column: number(marker.col()).saturating_add(1) }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, anchor: usize, tag: Option<&Tag>, span: Span) -> Option<()> {
        let place = self.place(span.start);
        let plain = style == ScalarStyle::Plain;
        let kind = match tag {
            None if plain => scalar::plain(text),
            None => Kind::Text(text.to_owned()),
            Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Kind::Text(text.to_owned()),
            Some(tag) if tag.is_yaml_core_schema() => self.tagged(&tag.suffix, text, place),
            Some(tag) => {
                self.report.error(place, format!("the tag {tag} has no meaning here"));
                Kind::Text(text.to_owned())
            }
        };
        let merge = plain && tag.is_none() && text == "<<";
        if let Some(Open { content: Content::Map { key: key @ None, .. }, .. }) = self.open.last_mut() {
            *key = Some(if merge { Key::Merge(place) } else { Key::Named(text.to_owned(), place) });
            if anchor != 0 {
                self.anchors.insert(anchor, (Node::scalar(kind, place, text), weight_of(text)));
            }
            return self.count(place);
        }
        self.finish(Node::scalar(kind, place, text), anchor, weight_of(text))
    }

    fn tagged(&self, tag: &str, text: &str, place: Place) -> Kind {
        let resolved = match (tag, scalar::plain(text)) {
            ("str", _) => Some(Kind::Text(text.to_owned())),
            ("int", kind @ Kind::Int(_)) | ("bool", kind @ Kind::Bool(_)) | ("null", kind @ Kind::Null) => Some(kind),
            ("float", kind @ Kind::Float(_)) => Some(kind),
            ("float", Kind::Int(number)) => Some(Kind::Float(number as f64)),
            _ => None,
        };
        resolved.unwrap_or_else(|| {
            self.report.error(place, format!("the tag !!{tag} does not fit this value"));
            Kind::Text(text.to_owned())
        })
    }

    fn tag(&self, tag: Option<&Tag>, expected: &str, span: Span) {
        if let Some(tag) = tag.filter(|tag| !(tag.is_yaml_core_schema() && tag.suffix == expected)) {
            self.report.error(self.place(span.start), format!("the tag {tag} has no meaning here"));
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Option<()> {
        let place = self.place(span.start);
        let Some((node, weight)) = self.anchors.get(&anchor) else {
            self.report
                .error(place, "this alias points to nothing before it in this document, or to what it stands in");
            return self.finish(Node::new(Kind::Null, place), 0, 0);
        };
        let weight = *weight;
        self.repeated = self.repeated.saturating_add(weight);
        if self.repeated > MAX_REPEATED {
            self.report.error(place, TOO_MUCH);
            return None;
        }
        let node = node.clone();
        if self.open.len() + depth(&node) > MAX_DEPTH {
            self.report.error(place, format!("nested more than {MAX_DEPTH} deep"));
            return None;
        }
        self.finish(node, 0, weight)
    }

    fn begin(&mut self, content: Content, anchor: usize, span: Span) -> Option<()> {
        let place = self.place(span.start);
        self.count(place)?;
        if self.open.len() >= MAX_DEPTH {
            self.report.error(place, format!("nested more than {MAX_DEPTH} deep"));
            return None;
        }
        self.open.push(Open { place, anchor, content });
        Some(())
    }

    fn end(&mut self) -> Option<()> {
        let open = self.open.pop()?;
        let kind = match open.content {
            Content::List(items) => Kind::List(items),
            Content::Map { mut entries, mut names, merges, .. } => {
                for merged in &merges {
                    for entry in merged.entries() {
                        if names.insert(entry.key.clone()) {
                            entries.push(entry.clone());
                        }
                    }
                }
                Kind::Map(entries)
            }
        };
        let node = Node::new(kind, open.place);
        let weight = if open.anchor == 0 { 0 } else { weight(&node) };
        self.finish(node, open.anchor, weight)
    }

    /// Puts a finished node where it belongs.
    fn finish(&mut self, node: Node, anchor: usize, weight: usize) -> Option<()> {
        self.count(node.place)?;
        if anchor != 0 {
            // An anchor keeps a copy, which costs what an alias costs.
            self.repeated = self.repeated.saturating_add(weight);
            if self.repeated > MAX_REPEATED {
                self.report.error(node.place, TOO_MUCH);
                return None;
            }
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        let report = self.report;
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.documents.push(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map { entries, names, merges, key }) => match key.take() {
                None => {
                    report.error(node.place, format!("expected a name as the key, found {}", node.describe()));
                    *key = Some(Key::Dropped);
                }
                Some(Key::Dropped) => {}
                Some(Key::Merge(place)) => match node.kind {
                    Kind::Map(_) => merges.push(node),
                    Kind::List(items) if items.iter().all(|item| item.as_map().is_some()) => merges.extend(items),
                    _ => report.error(place, "<< merges a mapping or a list of mappings"),
                },
                Some(Key::Named(name, place)) => {
                    if names.insert(name.clone()) {
                        entries.push(Entry { key: name, place, value: node });
                    } else {
                        let first = entries.iter().find(|entry| entry.key == name).map_or(0, |entry| entry.place.line);
                        report.error(place, format!("the key {name} comes twice; the first is in line {first}"));
                    }
                }
            },
        }
        Some(())
    }

    fn count(&mut self, place: Place) -> Option<()> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            self.report.error(place, format!("the file holds more than {MAX_NODES} values"));
            return None;
        }
        Some(())
    }
}

fn weight_of(text: &str) -> usize {
    64 + text.len()
}

/// What a copy of the node costs. Depth is bounded, so this may recurse.
fn weight(node: &Node) -> usize {
    let own = weight_of(node.written().unwrap_or_default());
    let items: usize = node.items().iter().map(weight).sum();
    let entries: usize = node.entries().iter().map(|entry| entry.key.len() + weight(&entry.value)).sum();
    own + items + entries
}

fn depth(node: &Node) -> usize {
    let items = node.items().iter().map(|item| 1 + depth(item));
    items.chain(node.entries().iter().map(|entry| 1 + depth(&entry.value))).max().unwrap_or(0)
}
