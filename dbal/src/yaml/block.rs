//! A mapping being read: typed values by name, and at the end every key that nobody asked for.

use std::borrow::Cow;

use super::fault::{Place, Report, Severity, nearest};
use super::node::{Entry, Node};

/// An open mapping; see [`Report::strict`] and [`Report::lenient`].
///
/// Every getter reports a value of the wrong type and returns none, so a caller reads on and finds the other faults.
#[derive(Debug)]
#[must_use = "finish() reports the unknown keys"]
pub struct Block<'n> {
    report: &'n Report,
    node: &'n Node,
    what: String,
    severity: Severity,
    used: Vec<bool>,
    asked: Vec<&'static str>,
    synonyms: &'static [(&'static str, &'static str)],
}

impl<'n> Block<'n> {
    pub(super) fn open(report: &'n Report, node: &'n Node, what: String, severity: Severity) -> Option<Self> {
        let Some(entries) = node.as_map() else {
            report.error(node.place, format!("expected a mapping for {what}, found {}", node.describe()));
            return None;
        };
        Some(Block { report, node, what, severity, used: vec![false; entries.len()], asked: Vec::new(), synonyms: &[] })
    }

    /// Other names for keys, each with the name that is asked for. Two names of one key in a mapping are a fault.
    pub fn synonyms(mut self, synonyms: &'static [(&'static str, &'static str)]) -> Self {
        self.synonyms = synonyms;
        self
    }

    /// Another name for the mapping in messages, where its content tells a better one.
    pub fn named(mut self, what: impl Into<String>) -> Self {
        self.what = what.into();
        self
    }

    /// The name under which a key of the file is asked for.
    fn canonical<'k>(&self, key: &'k str) -> Cow<'k, str> {
        let key = match self.severity {
            Severity::Warning => snake(key),
            Severity::Error => Cow::Borrowed(key),
        };
        match self.synonyms.iter().find(|(other, _)| *other == key) {
            Some((_, name)) => Cow::Borrowed(*name),
            None => key,
        }
    }

    /// Where the mapping begins.
    pub fn place(&self) -> Place {
        self.node.place
    }

    /// What the mapping is called in messages.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The report it writes to.
    pub fn report(&self) -> &'n Report {
        self.report
    }

    /// The entry under a name. None when it is absent or null; null is a fault where the mapping is read strictly.
    pub fn entry(&mut self, name: &'static str) -> Option<&'n Entry> {
        let entry = self.entry_or_null(name)?;
        if !entry.value.is_null() {
            return Some(entry);
        }
        if self.severity == Severity::Error {
            self.report.error(entry.place, format!("{} has no value", entry.key));
        }
        None
    }

    /// The entry under a name, for a key where null is a value: `default: null`.
    pub fn entry_or_null(&mut self, name: &'static str) -> Option<&'n Entry> {
        if !self.asked.contains(&name) {
            self.asked.push(name);
        }
        let mut found: Option<&'n Entry> = None;
        for (position, entry) in self.node.entries().iter().enumerate() {
            if self.canonical(&entry.key) != name {
                continue;
            }
            self.used[position] = true;
            match found {
                None => found = Some(entry),
                Some(first) => self.report.error(
                    entry.place,
                    format!("{} says the same as {} in line {}; keep one", entry.key, first.key, first.place.line),
                ),
            }
        }
        found
    }

    /// The value under a name. None when it is absent or null.
    pub fn get(&mut self, name: &'static str) -> Option<&'n Node> {
        self.entry(name).map(|entry| &entry.value)
    }

    /// Text. A number or boolean is a fault; see [`Block::written`].
    pub fn text(&mut self, name: &'static str) -> Option<&'n str> {
        self.typed(name, "text", Node::as_str)
    }

    /// A scalar as it is written, so that `version: 1.0` gives `1.0`.
    pub fn written(&mut self, name: &'static str) -> Option<&'n str> {
        self.typed(name, "text", Node::written)
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, name: &'static str) -> Option<bool> {
        self.typed(name, "true or false", Node::as_bool)
    }

    /// A whole number from `least` to `greatest`.
    pub fn integer(&mut self, name: &'static str, least: i64, greatest: i64) -> Option<i64> {
        let entry = self.entry(name)?;
        let number = entry.value.as_int().filter(|number| (least..=greatest).contains(number));
        if number.is_none() {
            let expected = match (least, greatest) {
                (i64::MIN, i64::MAX) => "a whole number".to_owned(),
                (_, i64::MAX) => format!("a whole number of at least {least}"),
                _ => format!("a whole number from {least} to {greatest}"),
            };
            self.wrong(entry, &expected);
        }
        number
    }

    /// A mapping, opened with the same strictness.
    pub fn block(&mut self, name: &'static str) -> Option<Block<'n>> {
        let entry = self.entry(name)?;
        Block::open(self.report, &entry.value, name.to_owned(), self.severity)
    }

    /// A list.
    pub fn list(&mut self, name: &'static str) -> Option<&'n [Node]> {
        self.typed(name, "a list", Node::as_list)
    }

    /// A list of texts; one text alone counts as a list of one.
    pub fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        let entry = self.entry(name)?;
        Some(self.texts_of(&entry.value, name))
    }

    /// The texts of a list, or one text; anything else in it is reported.
    pub fn texts_of(&self, node: &Node, name: &str) -> Vec<String> {
        let items = node.as_list().unwrap_or(std::slice::from_ref(node));
        let text = |item: &Node| {
            if item.as_str().is_none() {
                self.report.error(item.place, format!("{name}: expected a list of texts, found {}", item.describe()));
            }
            item.as_str().map(str::to_owned)
        };
        items.iter().filter_map(text).collect()
    }

    /// One of several words, with what each stands for.
    pub fn word<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        let entry = self.entry(name)?;
        let given = entry.value.written();
        if let Some((_, meaning)) = words.iter().find(|(word, _)| Some(*word) == given) {
            return Some(*meaning);
        }
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let mut expected = format!("one of {}", all.join(", "));
        let hint = given.and_then(|given| nearest(given, all.iter().copied()));
        if let Some(hint) = hint {
            expected = format!("{hint} ({expected})");
        }
        self.wrong(entry, &expected);
        None
    }

    /// Reports that an entry's value is not what was expected.
    pub fn wrong(&self, entry: &Entry, expected: &str) {
        let message = format!("{}: expected {expected}, found {}", entry.key, entry.value.describe());
        self.report.error(entry.value.place, message);
    }

    fn typed<T>(&mut self, name: &'static str, expected: &str, get: impl Fn(&'n Node) -> Option<T>) -> Option<T> {
        let entry = self.entry(name)?;
        let value = get(&entry.value);
        if value.is_none() {
            self.wrong(entry, expected);
        }
        value
    }

    /// Accepts keys that only inform people, so that they are not reported as unknown.
    pub fn accept(&mut self, names: &[&str]) {
        for (at, entry) in self.node.entries().iter().enumerate() {
            if names.contains(&&*self.canonical(&entry.key)) {
                self.used[at] = true;
            }
        }
    }

    /// The entries that nobody has asked for. They count as known from now on.
    pub fn rest(&mut self) -> Vec<&'n Entry> {
        let rest = self.node.entries().iter().zip(&self.used).filter(|(_, used)| !**used).map(|(entry, _)| entry);
        let rest = rest.collect();
        self.used.fill(true);
        rest
    }

    /// Reports every key that nobody asked for, with the nearest of the names that were.
    pub fn finish(self) {
        for (entry, _) in self.node.entries().iter().zip(&self.used).filter(|(_, used)| !**used) {
            let mut message = format!("unknown key {} in {}", entry.key, self.what);
            match nearest(&self.canonical(&entry.key), self.asked.iter().copied()) {
                Some(name) => message.push_str(&format!("; did you mean {name}?")),
                None if self.severity == Severity::Warning => message.push_str("; it is ignored"),
                None => message.push_str(&format!("; expected one of {}", self.asked.join(", "))),
            }
            self.report.add(entry.place, self.severity, message);
        }
    }
}

/// `maxLength` and `max-length` as `max_length`.
fn snake(name: &str) -> Cow<'_, str> {
    if !name.contains(|letter: char| letter.is_ascii_uppercase() || letter == '-') {
        return Cow::Borrowed(name);
    }
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.push(if letter == '-' { '_' } else { letter.to_ascii_lowercase() });
    }
    Cow::Owned(snake)
}
