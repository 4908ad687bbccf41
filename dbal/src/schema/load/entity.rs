//! One entity document.

use std::collections::{HashMap, HashSet};

use super::declare::{EntityDecl, FieldDecl, IndexDecl, Spot};
use super::field::{self, Declared, spot};
use super::{acl, names, operation, relation};
use crate::schema::{Acl, FieldType, Generator, TextKind};
use crate::yaml::{Block, Entry, Node, Report};

const SYNONYMS: &[(&str, &str)] = &[
    ("plural_name", "plural"),
    ("table_name", "table"),
    ("collection", "table"),
    ("relationships", "relations"),
    ("access", "acl"),
    ("indices", "indexes"),
];

/// Reads an entity; `name` where the document does not hold it itself. None when it has no usable name.
pub(super) fn read(report: &Report, node: &Node, name: Option<Spot>) -> Option<EntityDecl> {
    let mut block = report.lenient(node, "the entity")?.synonyms(SYNONYMS);
    // A format in the wild says `name`; where both stand, `name` is for people.
    let (by_entity, by_name) = (block.entry("entity"), block.entry("name"));
    let name = match (by_entity.or(by_name), name) {
        (Some(entry), _) => spot(&block, entry)?,
        (None, Some(name)) => name,
        (None, None) => {
            report.error(node.place, "an entity needs the key entity, its name");
            return None;
        }
    };
    if let Some(fault) = names::fault(&name.text) {
        report.error(name.place, format!("{} cannot be an entity's name: {fault}", name.text));
    }
    let mut block = block.named(format!("the entity {}", name.text));
    let plural = named_or(&mut block, "plural", || Spot::new(names::plural(&name.text), name.place));
    if names::is_client_method(&plural.text) {
        report
            .error(plural.place, format!("the plural {} is taken by the client itself; declare another", plural.text));
    }
    let table = table(&mut block);
    let table_declared = table.is_some();
    let table = table.unwrap_or_else(|| plural.clone());
    let renamed_from = names::renamed_from(&mut block);
    let version = block.written("version").unwrap_or_default().to_owned();
    block.accept(&["package", "label", "display_name"]);
    let description = block.written("description").unwrap_or_default().to_owned();
    let mut relations = Vec::new();
    let (mut fields, mut lost) = (Vec::new(), Vec::new());
    match block.entry("fields") {
        Some(entry) => lost = read_fields(report, &name, entry, &mut fields, &mut relations),
        None => report.error(name.place, format!("the entity {} has no fields", name.text)),
    }
    tenant_field(&mut block, report, &mut fields);
    let keys = choose_key(report, &name, &mut fields, !lost.is_empty());
    if let Some(entry) = block.entry("relations") {
        relations.extend(relation::read_all(report, &name.text, entry));
    }
    let indexes = block.entry("indexes").map(|entry| read_indexes(report, &name.text, entry)).unwrap_or_default();
    let owner = block.entry("owner").and_then(|entry| spot(&block, entry));
    let owned = owner.is_some() || name.text == "User";
    let acl = block.entry("acl").map_or_else(Acl::default, |entry| acl::read(report, &name.text, entry, owned));
    let ttl = block.entry("ttl").and_then(|entry| read_ttl(report, &name.text, entry));
    let searchable = block.entry("searchable").map(|entry| spots(report, entry)).unwrap_or_default();
    let operations = block.entry("operations").map(|entry| operation::read_all(report, &name.text, entry));
    let mut decl = EntityDecl {
        name,
        plural,
        table,
        table_declared,
        renamed_from,
        version,
        description,
        fields,
        keys,
        lost,
        indexes,
        relations,
        acl,
        owner,
        ttl,
        never_expose: Vec::new(),
        audit_all_access: false,
        scan_for_malicious: Vec::new(),
        searchable,
        operations: operations.unwrap_or_default(),
    };
    if let Some(entry) = block.entry("security") {
        read_security(report, entry, &mut decl);
    }
    block.finish();
    Some(decl)
}

fn named_or(block: &mut Block<'_>, key: &'static str, or: impl FnOnce() -> Spot) -> Spot {
    let Some(entry) = block.entry(key) else {
        return or();
    };
    match entry.value.as_str().map(names::fault) {
        Some(None) => Spot::new(entry.value.as_str().unwrap_or_default(), entry.value.place),
        Some(Some(fault)) => {
            block.report().error(entry.value.place, format!("{key}: {fault}"));
            or()
        }
        None => {
            block.wrong(entry, "a name");
            or()
        }
    }
}

/// The declared table, which others may have named with any characters.
fn table(block: &mut Block<'_>) -> Option<Spot> {
    let entry = block.entry("table")?;
    match entry.value.as_str().map(names::fault_in_database) {
        Some(None) => return spot(block, entry),
        Some(Some(fault)) => block.report().error(entry.value.place, format!("table: {fault}")),
        None => block.wrong(entry, "a name"),
    }
    None
}

fn read_fields(
    report: &Report,
    entity: &Spot,
    entry: &Entry,
    fields: &mut Vec<FieldDecl>,
    relations: &mut Vec<super::declare::RelationDecl>,
) -> Vec<String> {
    let mut lost = Vec::new();
    let Some(entries) = entry.value.as_map() else {
        let found = entry.value.describe();
        report.error(entry.value.place, format!("fields: expected a mapping of names to fields, found {found}"));
        return lost;
    };
    if entries.is_empty() {
        report.error(entry.place, format!("the entity {} has no fields", entity.text));
    }
    for entry in entries {
        match field::read(report, &entity.text, entry) {
            Some(Declared::Field(decl)) => fields.push(*decl),
            Some(Declared::Both(decl, relation)) => {
                fields.push(*decl);
                relations.push(relation);
            }
            Some(Declared::Relation(relation)) => relations.push(relation),
            None => lost.push(entry.key.clone()),
        }
    }
    let mut columns: HashMap<String, &str> = HashMap::new();
    for decl in fields.iter() {
        let column = decl.field.column.to_ascii_lowercase();
        // SQLite does not tell columns apart by case.
        if let Some(first) = columns.insert(column, &decl.field.name) {
            let message = format!("the column of {} is also that of {first} (case does not count)", decl.field.name);
            report.error(decl.place, message);
        }
        if decl.field.column == "_id" && !decl.field.primary {
            report.error(decl.place, "_id is where MongoDB keeps the key; declare another name or column");
        }
    }
    lost
}

/// `tenantId: true` beside `fields` declares the field in a format in the wild.
fn tenant_field(block: &mut Block<'_>, report: &Report, fields: &mut Vec<FieldDecl>) {
    let Some(entry) = block.entry("tenant_id").filter(|entry| entry.value.as_bool() == Some(true)) else {
        return;
    };
    if fields.iter().any(|decl| decl.field.name == entry.key) {
        return;
    }
    let mut field = field::blank(&entry.key, FieldType::Text(TextKind::String));
    field.nullable = false;
    field.required = true;
    field.index = true;
    report.warning(entry.place, format!("{} declares a required, indexed string field of that name", entry.key));
    fields.push(FieldDecl { field, place: entry.place, foreign_key: None, bare: false });
}

/// The key: one field, or several, whose names come back. Where none is marked, a field called id is it, as in formats in the wild.
fn choose_key(report: &Report, entity: &Spot, fields: &mut [FieldDecl], lost: bool) -> Vec<String> {
    let keys: Vec<usize> = (0..fields.len()).filter(|at| fields[*at].field.primary).collect();
    if let [_, _, ..] = keys[..] {
        let part = |at: usize| {
            let decl = &mut fields[at];
            // None of them finds a row by itself.
            decl.field.primary = false;
            if decl.field.generated == Some(Generator::Sequence) {
                let message = format!("{} is a part of the key only, which a sequence cannot make", decl.field.name);
                report.error(decl.place, message);
            }
            decl.field.name.clone()
        };
        return keys.into_iter().map(part).collect();
    }
    // Without fields, or with some that could not be read, the key may be among what has been reported already.
    if !keys.is_empty() || fields.is_empty() || lost {
        return Vec::new();
    }
    match fields.iter_mut().find(|decl| decl.field.name == "id" && !matches!(decl.field.ty, FieldType::Json)) {
        Some(decl) => {
            report
                .warning(decl.place, format!("no field of {} is marked primary; id is taken for the key", entity.text));
            decl.field.primary = true;
            decl.field.nullable = false;
            decl.field.required = decl.field.generated.is_none() && decl.field.default.is_none();
        }
        None => report.error(entity.place, format!("{} has no key; mark one field primary: true", entity.text)),
    }
    Vec::new()
}

fn read_indexes(report: &Report, entity: &str, entry: &Entry) -> Vec<IndexDecl> {
    let Some(items) = entry.value.as_list() else {
        let found = entry.value.describe();
        report.error(
            entry.value.place,
            format!("indexes: expected a list of {{ fields, unique, where }}, found {found}"),
        );
        return Vec::new();
    };
    let each = items.iter().filter_map(|item| {
        // `indexes: [[a, b]]` and `indexes: [a]` are short for the fields alone.
        if item.as_map().is_none() {
            let fields = spots_of(report, item, "indexes");
            return Some(IndexDecl { name: None, stored: None, fields, unique: false, filter: None });
        }
        let mut block = report.lenient(item, format!("an index of {entity}"))?;
        let fields = block.entry("fields").map(|entry| spots(report, entry));
        let name = block.entry("name").and_then(|entry| spot(&block, entry));
        let stored = block.entry("index").and_then(|entry| {
            let spot = spot(&block, entry)?;
            match names::fault_in_database(&spot.text) {
                None => Some(spot),
                Some(fault) => {
                    report.error(entry.value.place, format!("index: {fault}"));
                    None
                }
            }
        });
        let unique = block.boolean("unique").unwrap_or(false);
        let filter = block.entry("where").and_then(|entry| spot(&block, entry));
        block.written("description");
        block.finish();
        let Some(fields) = fields.filter(|fields| !fields.is_empty()) else {
            report.error(item.place, format!("an index of {entity} needs fields, a list of names"));
            return None;
        };
        Some(IndexDecl { name, stored, fields, unique, filter })
    });
    each.collect()
}

fn read_ttl(report: &Report, entity: &str, entry: &Entry) -> Option<(Spot, bool)> {
    let mut block = report.strict(&entry.value, format!("ttl of {entity}"))?;
    let field = block.entry("field");
    let auto_delete = block.boolean("auto_delete").unwrap_or(false);
    if field.is_none() {
        report.error(entry.place, "ttl needs field, the datetime after which a row does not exist any more");
    }
    let field = field.and_then(|field| spot(&block, field));
    block.finish();
    Some((field?, auto_delete))
}

fn read_security(report: &Report, entry: &Entry, decl: &mut EntityDecl) {
    let Some(mut block) = report.strict(&entry.value, format!("security of {}", decl.name.text)) else {
        return;
    };
    decl.never_expose = block.entry("never_expose").map(|entry| spots(report, entry)).unwrap_or_default();
    decl.audit_all_access = block.boolean("audit_all_access").unwrap_or(false);
    if let Some(entry) = block.entry("scan_for_malicious") {
        decl.scan_for_malicious = match entry.value.as_bool() {
            // A format in the wild says only that: then every text is scanned.
            Some(true) => {
                let texts = decl.fields.iter().filter(|decl| matches!(decl.field.ty, FieldType::Text(_)));
                texts.map(|decl| Spot::new(&decl.field.name, entry.value.place)).collect()
            }
            Some(false) => Vec::new(),
            None => spots(report, entry),
        };
    }
    if let Some(entry) = block.entry("sandbox_required") {
        let message = "sandbox_required is for whoever runs the code; the engine stores it and runs nothing";
        report.warning(entry.place, message);
    }
    block.finish();
}

/// The names of a list, or one name, each with its place.
fn spots(report: &Report, entry: &Entry) -> Vec<Spot> {
    spots_of(report, &entry.value, &entry.key)
}

fn spots_of(report: &Report, node: &Node, key: &str) -> Vec<Spot> {
    let items = node.as_list().unwrap_or(std::slice::from_ref(node));
    let each = items.iter().filter_map(|item| {
        let text = item.as_str();
        if text.is_none() {
            report.error(item.place, format!("{key}: expected a field's name, found {}", item.describe()));
        }
        text.map(|text| Spot::new(text, item.place))
    });
    let mut seen = HashSet::new();
    let once = each.filter(|spot| {
        let first = seen.insert(spot.text.clone());
        if !first {
            report.error(spot.place, format!("{key}: {} comes twice", spot.text));
        }
        first
    });
    once.collect()
}
