//! Operations files, and the patterns of `security.yaml`.

use std::collections::HashSet;

use super::declare::OperationSource;
use super::{names, rules};
use crate::schema::{MaliciousPattern, OperationDecl, RateLimit};
use crate::value::{Map, Value};
use crate::yaml::{Entry, Node, Report};

const SYNONYMS: &[(&str, &str)] = &[("params", "input"), ("returns", "output"), ("rate_limits", "rate_limit")];

/// Keys that say how an operation works. They are kept as written, for whoever runs it.
const KEPT: [&str; 13] = [
    "validation",
    "errors",
    "cascade",
    "pagination",
    "full_text_search",
    "hierarchical",
    "batch",
    "rate_limit",
    "security",
    "steps",
    "query",
    "body",
    "handler",
];

/// Reads a mapping of names to operations.
pub(super) fn read_all(report: &Report, entity: &str, entry: &Entry) -> Vec<OperationSource> {
    if entry.value.as_map().is_none() {
        let found = entry.value.describe();
        report
            .error(entry.value.place, format!("operations: expected a mapping of names to operations, found {found}"));
    }
    let read = |entry: &Entry| {
        let decl = read(report, entity, entry)?;
        Some(OperationSource { decl, entry: entry.clone() })
    };
    entry.value.entries().iter().filter_map(read).collect()
}

fn read(report: &Report, entity: &str, entry: &Entry) -> Option<OperationDecl> {
    let name = &entry.key;
    if let Some(fault) = names::fault(name) {
        report.error(entry.place, format!("{name} cannot be an operation's name: {fault}"));
    }
    let mut block = report.lenient(&entry.value, format!("the operation {name} of {entity}"))?.synonyms(SYNONYMS);
    let mut decl = OperationDecl { name: name.clone(), ..OperationDecl::default() };
    let mut rest = Map::new();
    decl.description = block.written("description").unwrap_or_default().to_owned();
    if let Some(entry) = block.entry("input") {
        read_input(report, name, entry, &mut decl);
    }
    if let Some(entry) = block.entry("output") {
        match entry.value.as_str() {
            Some(output) => decl.output = Some(output.to_owned()),
            // A list of fields, in a format in the wild.
            None => rest.insert("output", entry.value.to_value()),
        }
    }
    decl.acl_required = block.texts("acl_required").unwrap_or_default();
    decl.public = block.boolean("public").unwrap_or(false);
    decl.system_only = block.boolean("system_only").unwrap_or(false);
    decl.runs_as_system = block.word("runs_as", &[("caller", false), ("system", true)]).unwrap_or(false);
    let limit = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
    decl.max_limit = limit(block.integer("max_limit", 1, i64::from(u32::MAX)));
    decl.default_limit = limit(block.integer("default_limit", 0, i64::from(u32::MAX)));
    if let (Some(default), Some(max)) = (decl.default_limit, decl.max_limit)
        && default > max
    {
        report.error(entry.place, format!("{name}: default_limit {default} is greater than max_limit {max}"));
    }
    if decl.public && decl.system_only {
        report.error(entry.place, format!("{name} is both public and system_only; keep one"));
    }
    if let Some(entry) = block.entry("rate_limit") {
        decl.rate_limit = read_rate_limit(report, name, entry, &decl);
    }
    if let Some(entry) = block.entry("security") {
        decl.audit = read_security(report, name, entry);
    }
    // Typed by `access`, which knows the language.
    decl.row_level_check = block.text("row_level_check").map(str::to_owned);
    if decl.row_level_check.is_some() && decl.runs_as_system {
        let message = format!(
            "{name}: row_level_check narrows what the caller reaches, and the body runs as the system; keep one"
        );
        report.error(entry.place, message);
    }
    for key in KEPT {
        if let Some(value) = block.get(key) {
            rest.insert(key, value.to_value());
        }
    }
    block.finish();
    if !rest.is_empty() {
        decl.rest = Value::Map(rest);
    }
    Some(decl)
}

/// `{required: [..], optional: [..]}`, or a list in which `?` marks the optional ones.
fn read_input(report: &Report, name: &str, entry: &Entry, decl: &mut OperationDecl) {
    if let Some(items) = entry.value.as_list() {
        for item in items {
            match item.as_str().map(|text| (text.strip_suffix('?'), text)) {
                Some((Some(optional), _)) => decl.optional.push(optional.to_owned()),
                Some((None, required)) => decl.required.push(required.to_owned()),
                None => {
                    let found = item.describe();
                    report.error(item.place, format!("input of {name}: expected a field's name, found {found}"));
                }
            }
        }
    } else if let Some(mut block) = report.lenient(&entry.value, format!("input of {name}")) {
        decl.required = block.texts("required").unwrap_or_default();
        decl.optional = block.texts("optional").unwrap_or_default();
        block.finish();
    }
    let mut seen = HashSet::new();
    for field in decl.required.iter().chain(&decl.optional).filter(|field| !seen.insert(field.as_str())) {
        report.error(entry.place, format!("input of {name}: {field} comes twice"));
    }
}

fn read_rate_limit(report: &Report, name: &str, entry: &Entry, decl: &OperationDecl) -> Option<RateLimit> {
    let mut block = report.strict(&entry.value, format!("rate_limit of {name}"))?;
    let mut number = |name| block.integer(name, 1, i64::from(u32::MAX)).and_then(|number| u32::try_from(number).ok());
    let (max_attempts, window_seconds) = (number("max_attempts"), number("window_seconds"));
    let mut input = None;
    if entry.value.get("max_attempts").is_none() || entry.value.get("window_seconds").is_none() {
        report.error(entry.place, format!("rate_limit of {name} needs max_attempts and window_seconds"));
    }
    if let Some(per) = block.entry("per") {
        let mut inputs = decl.required.iter().chain(&decl.optional).map(String::as_str);
        let known = per.value.as_str().is_some_and(|text| text == "principal" || inputs.any(|input| input == text));
        if !known {
            block.wrong(per, "principal or an input field of the operation");
        }
        input = per.value.as_str().filter(|text| *text != "principal").map(str::to_owned);
    }
    block.finish();
    Some(RateLimit { max_attempts: max_attempts?, window_seconds: window_seconds?, per: input })
}

/// `audit` and any `never_log_<what>`; an unknown key could be a promise that nobody keeps.
fn read_security(report: &Report, name: &str, entry: &Entry) -> bool {
    let Some(mut block) = report.strict(&entry.value, format!("security of {name}")) else {
        return false;
    };
    let audit = block.boolean("audit").unwrap_or(false);
    for entry in block.rest() {
        if !entry.key.starts_with("never_log_") {
            let message =
                format!("unknown key {} in security of {name}; expected audit or never_log_<field>", entry.key);
            report.error(entry.place, message);
        } else if entry.value.as_bool().is_none() {
            block.wrong(entry, "true or false");
        }
    }
    block.finish();
    audit
}

/// The patterns that count whatever a schema's own files say, unless these give another one the same id.
pub(super) fn built_in(report: &Report, own: &[MaliciousPattern]) -> Vec<MaliciousPattern> {
    let node = report.read_one("the engine's own patterns", include_str!("../../../../api/schema/security.yaml"));
    read_patterns(report, &node, own)
}

/// Reads `security.yaml`: the patterns that the scan of content refuses.
pub(super) fn patterns(report: &Report, node: &Node) -> Vec<MaliciousPattern> {
    read_patterns(report, node, &[])
}

/// Those whose id is not known yet.
fn read_patterns(report: &Report, node: &Node, known: &[MaliciousPattern]) -> Vec<MaliciousPattern> {
    const NAMES: &[(&str, &str)] = &[("malicious_patterns", "patterns")];
    let mut patterns: Vec<MaliciousPattern> = Vec::new();
    let Some(mut block) = report.strict(node, "security.yaml").map(|block| block.synonyms(NAMES)) else {
        return patterns;
    };
    for item in block.list("patterns").unwrap_or_default() {
        let Some(mut block) = report.strict(item, "a pattern") else {
            continue;
        };
        let id = block.text("id");
        let pattern = block.entry("pattern");
        block.written("description");
        block.finish();
        let (Some(id), Some(entry)) = (id, pattern) else {
            report.error(item.place, "a pattern needs id and pattern");
            continue;
        };
        if known.iter().any(|other| other.id == id) {
            continue;
        }
        if patterns.iter().any(|other| other.id == id) {
            report.error(item.place, format!("the pattern {id} comes twice"));
        }
        match entry.value.as_str().map(regex::Regex::new) {
            Some(Ok(pattern)) => patterns.push(MaliciousPattern { id: id.to_owned(), pattern }),
            Some(Err(fault)) => report.error(entry.value.place, format!("pattern: {}", rules::regex_fault(&fault))),
            None => report.error(entry.value.place, "pattern: expected a regular expression as text"),
        }
    }
    block.finish();
    patterns
}
