//! From files to a [`Schema`], in two passes: what each file declares, then names to ids.
//!
//! An entity is any document with the key `entity` (or `name` and `fields`) in any `.yaml` or `.yml` file below the
//! folder. Operations come from `<entity>.ops.yaml`, from a document with the keys `entity` and `operations`, or stand
//! in the entity's own document. `security.yaml` has the patterns of the content scan. A document `idempotency: true` lets
//! writes carry keys. Other documents are passed over.
//!
//! All faults of all files come at once. Keys may be written as `max_length` or `maxLength`; an unknown key is a warning,
//! but a fault in `acl`, `security`, `ttl` and `rate_limit`, where a guess would open a door.

mod acl;
mod body;
mod declare;
mod entity;
mod field;
mod index;
mod infer;
mod link;
mod names;
mod operation;
mod reference;
mod relation;
mod resolve;
mod rules;
mod source;
mod template;
mod types;

use std::collections::HashSet;
use std::path::Path;

pub(crate) use index::made_index_name;
pub use names::snake_case;
pub(crate) use names::{fault as name_fault, is_client_method, plural};
pub use resolve::Derived;

use super::Schema;
use crate::value::Value;
use crate::yaml::{Fault, Faults, Place, Report};
use declare::OperationSource;
use source::Declared;

/// The entity that counts calls of operations with a `rate_limit`, and by which moves in trees take turns. It is there
/// where there is such an operation.
pub const RATE_LIMITS: &str = "DbalRateLimit";

/// Trusted code alone reaches it. Rows are named by a hash, so that no input is stored for the counting of it.
const RATE_LIMITS_ENTITY: &str = "\
entity: DbalRateLimit
plural: dbal_rate_limits
description: How often an operation was called in the present window. Kept by the engine.
fields:
  id: { type: string, primary: true, max_length: 64, description: A hash of the operation and of what is counted. }
  attempts: { type: bigint, required: true, description: Calls so far. }
  expires_at: { type: datetime, required: true, index: true, description: When the window ends. }
ttl: { field: expires_at, auto_delete: true }
";

/// The entity that keeps idempotency keys. It is there where a document of the schema says `idempotency: true`.
pub const IDEMPOTENCY_KEYS: &str = "DbalIdempotencyKey";

/// Trusted code alone reaches it. Keys and requests are digests, and answers are sealed with the keys.
const IDEMPOTENCY_KEYS_ENTITY: &str = "\
entity: DbalIdempotencyKey
plural: dbal_idempotency_keys
description: Writes that came with an idempotency key, and what they answered. Kept by the engine.
fields:
  id: { type: string, primary: true, max_length: 64, description: A hash of the caller and of the key. }
  request: { type: string, required: true, max_length: 64, description: A hash of the request. }
  answer: { type: bytes, description: 'What it answered, sealed with the key; null where that is too long to keep.' }
  expires_at: { type: datetime, required: true, index: true, description: How long the key is kept. }
ttl: { field: expires_at, auto_delete: true }
";

/// Whether an entity is the engine's own, made and used by it.
pub fn is_own(entity: &str) -> bool {
    [RATE_LIMITS, IDEMPOTENCY_KEYS].contains(&entity)
}

/// A schema, what somebody should look at, and what was concluded rather than declared.
#[derive(Debug)]
pub struct Loaded {
    /// The schema.
    pub schema: Schema,
    /// Warnings in order of file and place.
    pub warnings: Vec<Fault>,
    /// What was derived from the declarations.
    pub derived: Vec<Derived>,
}

/// Loads every `.yaml` and `.yml` file below a folder, hidden ones excepted. A path to a single file loads that file; one
/// that ends in `.prisma` is read as Prisma's schema language.
pub fn load_dir(path: impl AsRef<Path>) -> Result<Loaded, Faults> {
    let report = Report::new();
    let sources = source::files(&report, path.as_ref());
    let name = path.as_ref().display().to_string();
    load(report, sources, &name)
}

/// Loads files that are already text, each with its name: operations attach by it, and references between files go by
/// it.
///
/// ```
/// use dbal::schema::load_sources;
///
/// let user = "entity: User\nfields:\n  id: {type: uuid, primary: true, generated: true}\n  name: {type: string}\n";
/// let loaded = load_sources(vec![("user.yaml".into(), user.into())])?;
/// assert_eq!(loaded.schema.by_plural("users"), loaded.schema.by_name("User"));
///
/// let faults = load_sources(vec![("user.yaml".into(), user.replace("uuid", "uid"))]).unwrap_err();
/// assert!(faults.to_string().starts_with("user.yaml:3:14: error: type: there is no type uid; did you mean uuid?"));
/// # Ok::<(), dbal::yaml::Faults>(())
/// ```
pub fn load_sources(sources: Vec<(String, String)>) -> Result<Loaded, Faults> {
    load(Report::new(), sources, "schema")
}

/// Loads a schema that a host gives as objects: one entity, a list of them, or `{entities, operations, security}`.
pub fn load_value(value: &Value) -> Result<Loaded, Faults> {
    let report = Report::new();
    let node = report.value("schema", value);
    let mut declared = Declared::default();
    for document in node.as_list().unwrap_or(std::slice::from_ref(&node)) {
        source::document(&report, "schema", document, &mut declared);
    }
    finish(report, declared, Vec::new(), "schema", false)
}

fn load(report: Report, sources: Vec<(String, String)>, root: &str) -> Result<Loaded, Faults> {
    let mut declared = Declared::default();
    // Files are read before any is looked at: a fault so far means that some entity may be missing.
    let read = |(name, text): &(String, String)| (name.clone(), report.read(name, text));
    let documents: Vec<_> = sources.iter().map(read).collect();
    let incomplete = report.has_errors();
    for (name, documents) in &documents {
        for document in documents {
            source::document(&report, name, document, &mut declared);
        }
    }
    let files = sources.into_iter().map(|(name, _)| name).collect();
    finish(report, declared, files, root, incomplete)
}

fn finish(
    report: Report,
    mut declared: Declared,
    files: Vec<String>,
    root: &str,
    incomplete: bool,
) -> Result<Loaded, Faults> {
    if !incomplete {
        source::check_references(&report, &declared.references, &files);
    }
    if declared.entities.is_empty() && !report.has_errors() {
        let file = report.file(root);
        report.error(Place { file, line: 0, column: 0 }, "no entity found; one is a document with the key entity");
    }
    attach(&report, &mut declared, incomplete);
    let counts = |one: &OperationSource| one.decl.rate_limit.is_some() || one.decl.name == "move";
    if declared.entities.iter().flat_map(|entity| &entity.operations).any(counts) {
        own(&report, "rate_limits", RATE_LIMITS_ENTITY, &mut declared);
    }
    if declared.idempotency {
        own(&report, "idempotency_keys", IDEMPOTENCY_KEYS_ENTITY, &mut declared);
    }
    if declared.entities.iter().any(|entity| !entity.scan_for_malicious.is_empty()) {
        let built_in = operation::built_in(&report, &declared.patterns);
        declared.patterns.extend(built_in);
    }
    let Declared { entities, patterns, .. } = declared;
    let (entities, derived) = resolve::resolve(&report, entities, incomplete);
    let (entities, warnings) = report.finish(entities)?;
    Ok(Loaded { schema: Schema::new(entities, patterns), warnings, derived })
}

fn own(report: &Report, name: &str, text: &str, declared: &mut Declared) {
    for document in report.read("the engine's own entities", text) {
        source::document(report, name, &document, declared);
    }
}

/// Gives operations to their entities.
fn attach(report: &Report, declared: &mut Declared, incomplete: bool) {
    let operations = std::mem::take(&mut declared.operations);
    let entities = std::mem::take(&mut declared.entities);
    let mut names = resolve::Names::new(report, entities, incomplete);
    for mut file in operations {
        let name = &file.entity.text;
        match (names.entity(name), names.nearest_entity(name)) {
            (Some(at), _) => names.entities[at].operations.append(&mut file.operations),
            _ if incomplete => {}
            // Operations of what another package brings are left out; a slip of the pen is a fault.
            (None, Some(near)) => {
                let message = format!("operations of {name}: there is no such entity; did you mean {near}?");
                report.error(file.entity.place, message);
            }
            (None, None) => {
                let message = format!("operations of {name}: there is no such entity; they are left out");
                report.warning(file.entity.place, message);
            }
        }
    }
    for decl in &names.entities {
        let mut seen = HashSet::new();
        for operation in decl.operations.iter().map(|one| &one.decl).filter(|one| !seen.insert(&one.name)) {
            let message = format!("the operation {} of {} is declared twice", operation.name, decl.name.text);
            report.error(decl.name.place, message);
        }
    }
    declared.entities = names.entities;
}
