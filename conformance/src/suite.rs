//! The files of `common/`: which cases there are, and the fixtures they run on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dbal::yaml::{Entry, Faults, Node, Place, Report};
use dbal::{Map, Value};

use crate::case::{self, Case, Step};
use crate::term::{self, Saved, Side};

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

impl Suite {
    /// Reads `contracts/**/*.yaml` and `fixtures/*.yaml` below a folder such as `common`.
    ///
    /// # Errors
    /// Every fault of every file, with its place.
    pub fn load(common: &Path) -> Result<Suite, Faults> {
        let report = Report::new();
        let mut fixtures = BTreeMap::new();
        for (name, path) in files(&common.join("fixtures"), &report) {
            let fixture = document(&path, &report).and_then(|node| read_fixture(&name, &path, &node, &report));
            fixtures.extend(fixture.map(|fixture| (name, Arc::new(fixture))));
        }
        let mut cases = Vec::new();
        for (name, path) in files(&common.join("contracts"), &report) {
            let Some(node) = document(&path, &report) else { continue };
            for case in case::read_file(&name, &node, &report) {
                check(&case, &fixtures, &report);
                cases.push(Arc::new(case));
            }
        }
        let mut differing = cases.iter().filter(|case| !case.differs.is_empty());
        if let Some(case) = differing.nth(MOST_DIFFERENCES) {
            report.error(case.place, format!("more than {MOST_DIFFERENCES} cases say that a backend differs"));
        }
        report.finish(Suite { cases, fixtures }).map(|(suite, _)| suite)
    }

    /// The fixture of a case.
    pub fn fixture(&self, case: &Case) -> &Arc<Fixture> {
        &self.fixtures[&case.fixture]
    }
}

/// Every YAML file below a folder, by its path below it without ending, in order.
fn files(folder: &Path, report: &Report) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(current) = open.pop() {
        let entries = match fs::read_dir(&current) {
            Ok(entries) => entries,
            Err(error) => {
                unreadable(&current, &error, report);
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

fn document(path: &Path, report: &Report) -> Option<Node> {
    match fs::read_to_string(path) {
        Ok(text) => Some(report.read_one(&path.display().to_string(), &text)),
        Err(error) => {
            unreadable(path, &error, report);
            None
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error, report: &Report) {
    let file = report.file(&path.display().to_string());
    report.error(Place { file, ..Place::default() }, format!("cannot be read: {error}"));
}

fn read_fixture(name: &str, path: &Path, node: &Node, report: &Report) -> Option<Fixture> {
    let mut block = report.strict(node, "a fixture")?;
    block.text("description");
    let schema = match (block.text("schema"), block.text("schema_dir")) {
        (Some(text), None) => SchemaSource::Text(text.to_owned()),
        (None, Some(folder)) => SchemaSource::Folder(path.parent().unwrap_or(Path::new(".")).join(folder)),
        _ => {
            report.error(node.place, "expected either schema or schema_dir");
            return None;
        }
    };
    let rules = block.text("acl").map(str::to_owned);
    let mut data = Vec::new();
    for Entry { key, value, .. } in block.get("data").map(Node::entries).unwrap_or_default() {
        for row in value.items() {
            match term::read(row, Side::Given, report).resolve(&Saved::new()) {
                Ok(Value::Map(row)) => data.push((key.clone(), row)),
                Ok(_) => report.error(row.place, "a row is a map"),
                Err(fault) => report.error(row.place, fault),
            }
        }
    }
    block.finish();
    Some(Fixture { name: name.to_owned(), schema, rules, data })
}

/// What one case cannot know of itself: that its fixture exists, and that names are saved before they are used.
fn check(case: &Case, fixtures: &BTreeMap<String, Arc<Fixture>>, report: &Report) {
    if !fixtures.contains_key(&case.fixture) {
        report.error(case.place, format!("there is no fixture {}", case.fixture));
    }
    check_saves(&case.steps, &mut BTreeSet::new(), report);
}

fn check_saves(steps: &[Step], names: &mut BTreeSet<String>, report: &Report) {
    for step in steps {
        match step {
            Step::Transaction(transaction) => check_saves(&transaction.steps, names, report),
            Step::Request(request) => {
                if let Some(name) = &request.save
                    && !names.insert(name.clone())
                {
                    report.error(request.place, format!("{name} is saved twice"));
                }
            }
        }
    }
}
