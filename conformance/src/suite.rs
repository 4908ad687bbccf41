//! The files of `common/`: which cases there are, and the fixtures they run on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dbal::{Map, Value};

use crate::case::{self, Case, Keys, Step};
use crate::term::{self, Faults, Saved, Side};
use crate::yaml::{self, Entry, Node, Place};

/// How many cases may say that a backend differs; more would mean that the semantics are not the same everywhere.
pub const MOST_DIFFERENCES: usize = 10;

/// All cases and fixtures below a folder.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The cases in the order of their files and of their places in them.
    pub cases: Vec<Arc<Case>>,
    /// The fixtures by name.
    pub fixtures: BTreeMap<String, Arc<Fixture>>,
}

/// A schema, rules, and rows to begin with.
#[derive(Clone, Debug)]
pub struct Fixture {
    /// The file's name without its ending.
    pub name: String,
    /// Entities in the form of `api/schema`.
    pub schema: SchemaSource,
    /// A rules file that replaces the entities' `acl` blocks.
    pub rules: Option<String>,
    /// Rows to create on behalf of trusted code, in this order.
    pub data: Vec<(String, Map)>,
}

/// Where a fixture's entities come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaSource {
    /// YAML text of entity documents.
    Text(String),
    /// A folder.
    Folder(PathBuf),
}

/// A fault of a case file or a fixture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// Where in it.
    pub place: Place,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.place, self.message)
    }
}

impl Suite {
    /// Reads `contracts/**/*.yaml` and `fixtures/*.yaml` below a folder such as `common`; all faults at once.
    pub fn load(common: &Path) -> Result<Suite, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut fixtures = BTreeMap::new();
        for (name, path) in files(&common.join("fixtures"), &mut faults) {
            let read = |node: &Node, found: &mut Faults| read_fixture(&name, &path, node, found);
            if let Some(fixture) = document(&path, &mut faults, read) {
                fixtures.insert(name.clone(), Arc::new(fixture));
            }
        }
        let mut cases = Vec::new();
        for (name, path) in files(&common.join("contracts"), &mut faults) {
            let read = |node: &Node, found: &mut Faults| {
                let cases = case::read_file(&name, node, found);
                for case in &cases {
                    check(case, &fixtures, found);
                }
                cases
            };
            cases.extend(document(&path, &mut faults, read).unwrap_or_default().into_iter().map(Arc::new));
        }
        let differing = cases.iter().filter(|case| !case.differs.is_empty()).count();
        if differing > MOST_DIFFERENCES {
            let message = format!("{differing} cases say `differs`; at most {MOST_DIFFERENCES} may");
            faults.push(Fault { file: common.to_owned(), place: Place::default(), message });
        }
        if faults.is_empty() { Ok(Suite { cases, fixtures }) } else { Err(faults) }
    }

    /// The fixture of a case.
    pub fn fixture(&self, case: &Case) -> &Arc<Fixture> {
        &self.fixtures[&case.fixture]
    }
}

/// Every YAML file below a folder, by its path below it without ending, in order.
fn files(folder: &Path, faults: &mut Vec<Fault>) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(current) = open.pop() {
        let entries = match fs::read_dir(&current) {
            Ok(entries) => entries,
            Err(error) => {
                faults.push(Fault { file: current, place: Place::default(), message: error.to_string() });
                continue;
            }
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml")
                && let Ok(below) = path.strip_prefix(folder)
            {
                found.insert(below.with_extension("").to_string_lossy().replace('\\', "/"), path);
            }
        }
    }
    found
}

fn document<T>(path: &Path, faults: &mut Vec<Fault>, read: impl FnOnce(&Node, &mut Faults) -> T) -> Option<T> {
    let mut fault = |place, message| faults.push(Fault { file: path.to_owned(), place, message });
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            fault(Place::default(), error.to_string());
            return None;
        }
    };
    match yaml::parse(&text) {
        Ok(node) => {
            let mut found = Faults::new();
            let read = read(&node, &mut found);
            found.into_iter().for_each(|(place, message)| fault(place, message));
            Some(read)
        }
        Err((place, message)) => {
            fault(place, message);
            None
        }
    }
}

fn read_fixture(name: &str, path: &Path, node: &Node, faults: &mut Faults) -> Fixture {
    let mut keys = Keys::of(node, faults);
    keys.text("description", faults);
    let text = keys.text("schema", faults);
    let folder = keys.text("schema_dir", faults);
    let schema = match (text, folder) {
        (Some(text), None) => SchemaSource::Text(text),
        (None, Some(folder)) => SchemaSource::Folder(path.parent().unwrap_or(Path::new(".")).join(folder)),
        _ => {
            faults.push((node.place, "expected either `schema` or `schema_dir`".into()));
            SchemaSource::Text(String::new())
        }
    };
    let rules = keys.text("acl", faults);
    let mut data = Vec::new();
    for Entry { key, value, .. } in keys.take("data").and_then(Node::map).unwrap_or_default() {
        for row in value.list().unwrap_or_default() {
            match term::read(row, Side::Given, faults).resolve(&Saved::new()) {
                Ok(Value::Map(row)) => data.push((key.clone(), row)),
                Ok(_) => faults.push((row.place, "a row is a map".into())),
                Err(fault) => faults.push((row.place, fault)),
            }
        }
    }
    keys.finish("a fixture", faults);
    Fixture { name: name.to_owned(), schema, rules, data }
}

/// What one case cannot know of itself: that its fixture exists, and that names are saved before they are used.
fn check(case: &Case, fixtures: &BTreeMap<String, Arc<Fixture>>, faults: &mut Faults) {
    if !fixtures.contains_key(&case.fixture) && !case.fixture.is_empty() {
        faults.push((case.place, format!("there is no fixture `{}`", case.fixture)));
    }
    check_saves(&case.steps, &mut BTreeSet::new(), faults);
}

fn check_saves(steps: &[Step], names: &mut BTreeSet<String>, faults: &mut Faults) {
    for step in steps {
        match step {
            Step::Transaction(transaction) => check_saves(&transaction.steps, names, faults),
            Step::Request(request) => {
                if let Some(name) = &request.save
                    && !names.insert(name.clone())
                {
                    faults.push((request.place, format!("`{name}` is saved twice")));
                }
            }
        }
    }
}
