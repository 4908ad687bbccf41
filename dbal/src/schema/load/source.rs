//! Which documents of which files are entities, operations, patterns, or none of ours.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use super::declare::{EntityDecl, OperationsDecl, Spot};
use super::{entity, operation};
use crate::schema::{MaliciousPattern, prisma};
use crate::yaml::{Entry, MAX_BYTES, Node, Place, Report, nearest};

/// How deep folders may nest.
const MAX_FOLDERS: usize = 32;

/// Everything that the files declare.
#[derive(Default)]
pub(super) struct Declared {
    pub entities: Vec<EntityDecl>,
    pub operations: Vec<OperationsDecl>,
    pub patterns: Vec<MaliciousPattern>,
    /// Files that registries name, to be found among those that were loaded.
    pub references: Vec<Reference>,
    /// Writes may carry idempotency keys.
    pub idempotency: bool,
}

/// A `$ref` of a registry file.
pub(super) struct Reference {
    pub path: String,
    pub place: Place,
}

/// Reads every `.yaml` and `.yml` file below a folder in the order of their paths, or one such file. Of a schema.prisma
/// come the documents that it stands for.
pub(super) fn files(report: &Report, root: &Path) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    if root.is_file() && root.extension().is_some_and(|ending| ending == "prisma") {
        let name = root.display().to_string();
        let files = read(report, root).map(|text| prisma::read(report, &name, &text)).unwrap_or_default();
        if report.has_errors() {
            // What is wrong has a place in that file; what it would stand for has none.
            return Vec::new();
        }
        return files.into_iter().map(|file| (format!("{name} ({})", file.file), file.text)).collect();
    }
    if root.is_file() {
        paths.push(root.to_path_buf());
    } else {
        walk(report, root, 0, &mut HashSet::new(), &mut paths);
    }
    paths.sort();
    paths.into_iter().filter_map(|path| read(report, &path).map(|text| (path.display().to_string(), text))).collect()
}

fn whole_file(report: &Report, path: &Path, message: impl Into<String>) {
    let file = report.file(&path.display().to_string());
    report.error(Place { file, line: 0, column: 0 }, message);
}

fn walk(report: &Report, folder: &Path, depth: usize, seen: &mut HashSet<PathBuf>, paths: &mut Vec<PathBuf>) {
    // Links may lead in circles; a folder is read once, however it is reached.
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    if !seen.insert(real) {
        return;
    }
    if depth > MAX_FOLDERS {
        return whole_file(report, folder, format!("folders nested more than {MAX_FOLDERS} deep"));
    }
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(fault) => return whole_file(report, folder, format!("cannot read this folder: {fault}")),
    };
    for entry in entries {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(fault) => return whole_file(report, folder, format!("cannot read this folder: {fault}")),
        };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            walk(report, &path, depth + 1, seen, paths);
        } else if name.ends_with(".yaml") || name.ends_with(".yml") {
            paths.push(path);
        }
    }
}

fn read(report: &Report, path: &Path) -> Option<String> {
    let large = std::fs::metadata(path).is_ok_and(|about| about.len() > MAX_BYTES as u64);
    if large {
        whole_file(report, path, format!("the file has more than the {MAX_BYTES} bytes allowed"));
        return None;
    }
    match std::fs::read(path) {
        Err(fault) => {
            whole_file(report, path, format!("cannot read this file: {fault}"));
            None
        }
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Some(text),
            Err(fault) => {
                let valid = &fault.as_bytes()[..fault.utf8_error().valid_up_to()];
                let line = valid.iter().filter(|byte| **byte == b'\n').count() as u32 + 1;
                let file = report.file(&path.display().to_string());
                report.error(Place { file, line, column: 1 }, "not UTF-8 text");
                None
            }
        },
    }
}

/// Reads one document. One that declares nothing of ours, such as a table of errors, is passed over.
pub(super) fn document(report: &Report, file: &str, node: &Node, declared: &mut Declared) {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    if ["security.yaml", "security.yml"].contains(&name) {
        declared.patterns.extend(operation::patterns(report, node));
        return;
    }
    let Some(entries) = node.as_map() else {
        return;
    };
    let has = |key: &str| node.get(key).is_some();
    let named_ops = [".ops.yaml", ".ops.yml"].iter().find_map(|end| name.strip_suffix(end));
    if has("entities") {
        registry(report, node, declared);
    } else if entries.iter().all(|entry| reference(&entry.value).is_some()) && !entries.is_empty() {
        entries.iter().for_each(|entry| refer(&entry.value, declared));
    } else if named_ops.is_some() || (has("operations") && !has("fields")) {
        let stem = named_ops.or_else(|| name.rsplit_once('.').map(|(stem, _)| stem)).unwrap_or(name);
        operations(report, stem, node, declared);
    } else if has("entity") || (has("name") && has("fields")) {
        declared.entities.extend(entity::read(report, node, None));
    } else if let Some(value) = node.get("idempotency").filter(|_| entries.len() == 1) {
        idempotency(report, value, declared);
    } else if has("fields") {
        let near = nearest("entity", entries.iter().map(|entry| entry.key.as_str()));
        let hint = near.map(|key| format!("; is {key} meant to be entity?")).unwrap_or_default();
        report.error(node.place, format!("fields without the key entity, the name of the entity they belong to{hint}"));
    }
}

fn reference(node: &Node) -> Option<&Node> {
    node.get("$ref").filter(|_| node.entries().len() == 1)
}

fn refer(node: &Node, declared: &mut Declared) {
    if let Some(target) = reference(node) {
        let path = target.as_str().unwrap_or_default().to_owned();
        declared.references.push(Reference { path, place: target.place });
    }
}

/// Whether writes may carry keys, which the engine keeps in an entity of its own then.
fn idempotency(report: &Report, value: &Node, declared: &mut Declared) {
    match value.as_bool() {
        Some(kept) => declared.idempotency |= kept,
        None => report.error(value.place, format!("idempotency: expected true or false, found {}", value.describe())),
    }
}

/// A list or mapping of entities: references to files, or whole entities.
fn registry(report: &Report, node: &Node, declared: &mut Declared) {
    for Entry { key, place, value } in node.entries() {
        match key.as_str() {
            "entities" => {
                for item in value.items() {
                    match reference(item) {
                        Some(_) => refer(item, declared),
                        None if item.as_map().is_some() => declared.entities.extend(entity::read(report, item, None)),
                        None => {
                            let found = item.describe();
                            report.error(item.place, format!("entities: expected an entity or a $ref, found {found}"));
                        }
                    }
                }
                for entry in value.entries() {
                    match reference(&entry.value) {
                        Some(_) => refer(&entry.value, declared),
                        None => {
                            let name = Spot::new(&entry.key, entry.place);
                            declared.entities.extend(entity::read(report, &entry.value, Some(name)));
                        }
                    }
                }
                if value.as_list().is_none() && value.as_map().is_none() {
                    report.error(
                        value.place,
                        format!("entities: expected a list or a mapping, found {}", value.describe()),
                    );
                }
            }
            "operations" => {
                for entry in value.entries() {
                    let entity = Spot::new(&entry.key, entry.place);
                    let operations = operation::read_all(report, &entry.key, entry);
                    declared.operations.push(OperationsDecl { entity, operations });
                }
            }
            "security" => declared.patterns.extend(operation::patterns(report, value)),
            "idempotency" => idempotency(report, value, declared),
            "version" | "description" | "name" => {}
            _ => report.warning(*place, format!("unknown key {key} beside entities; it is ignored")),
        }
    }
}

fn operations(report: &Report, stem: &str, node: &Node, declared: &mut Declared) {
    let Some(mut block) = report.lenient(node, "the operations file") else {
        return;
    };
    let entity = match block.entry("entity") {
        Some(entry) => super::field::spot(&block, entry),
        None => Some(Spot::new(stem, node.place)),
    };
    block.written("version");
    block.written("description");
    let found = block.entry("operations");
    if found.is_none() {
        report.error(node.place, "an operations file needs the key operations");
    }
    if let (Some(entity), Some(entry)) = (entity, found) {
        let operations = operation::read_all(report, &entity.text, entry);
        declared.operations.push(OperationsDecl { entity, operations });
    }
    block.finish();
}

/// Reports references to files that were not loaded. Nothing outside of what was loaded is ever opened.
pub(super) fn check_references(report: &Report, references: &[Reference], files: &[String]) {
    let known: HashSet<PathBuf> = files.iter().map(|file| tidy(Path::new(file))).collect();
    for Reference { path, place } in references {
        let path = path.split('#').next().unwrap_or_default();
        let from = report.file_name(place.file);
        let target = tidy(&Path::new(&*from).parent().unwrap_or(Path::new("")).join(path));
        if path.is_empty() || !known.contains(&target) {
            let name = target.display();
            report.error(*place, format!("$ref: {name} is not among the files of this schema"));
        }
    }
}

/// The path without `.` and `..`, as text alone.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if tidy.file_name().is_some() => {
                tidy.pop();
            }
            other => tidy.push(other),
        }
    }
    tidy
}
