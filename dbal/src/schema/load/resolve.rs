//! The second pass: names become ids, and what only the whole schema shows is checked.

use std::collections::HashMap;

use super::declare::{EntityDecl, ForeignKeyDecl, Spot};
use super::{index, link};
use crate::schema::{
    Entity, EntityId, EntitySecurity, FieldId, FieldType, ForeignKey, Referential, Relation, StoredAs, Ttl,
};
use crate::yaml::{Place, Report, nearest};

/// The most entities of a schema, fields of an entity and relations of an entity: what an id can count.
const MAX_IDS: usize = u16::MAX as usize;

/// What was concluded from the declarations rather than declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived {
    /// The entity that got it.
    pub entity: String,
    /// What it is, in words: `relation author: the User of author_id`.
    pub what: String,
}

/// All declarations, while they are looked up by name.
pub(super) struct Names<'r> {
    pub report: &'r Report,
    pub entities: Vec<EntityDecl>,
    /// Some file could not be read, so an entity that is missing may stand there.
    pub incomplete: bool,
    by_name: HashMap<String, usize>,
}

impl<'r> Names<'r> {
    pub fn new(report: &'r Report, entities: Vec<EntityDecl>, incomplete: bool) -> Self {
        let mut by_name = HashMap::new();
        for (at, decl) in entities.iter().enumerate() {
            by_name.entry(folded(&decl.name.text)).or_insert(at);
        }
        Names { report, entities, incomplete, by_name }
    }

    /// The entity of a name; case and underscores do not count, since files in the wild mix them.
    pub fn entity(&self, name: &str) -> Option<usize> {
        self.by_name.get(&folded(name)).copied()
    }

    /// The name that was probably meant.
    pub fn nearest_entity(&self, name: &str) -> Option<&str> {
        nearest(name, self.entities.iter().map(|decl| decl.name.text.as_str()))
    }

    /// The entity of a name, or a fault with the nearest one.
    pub fn entity_or_fault(&self, what: &str, name: &Spot) -> Option<usize> {
        let found = self.entity(&name.text);
        if found.is_none() && !self.incomplete {
            let hint = hint(self.nearest_entity(&name.text));
            self.report.error(name.place, format!("{what}: there is no entity {}{hint}", name.text));
        }
        found
    }

    pub fn field(&self, entity: usize, name: &str) -> Option<FieldId> {
        let fields = &self.entities[entity].fields;
        fields.iter().position(|decl| decl.field.name == name).map(|at| FieldId(at as u16))
    }

    /// The field of a name, or a fault with the nearest one.
    pub fn field_or_fault(&self, what: &str, entity: usize, name: &Spot) -> Option<FieldId> {
        match self.field_or_message(entity, &name.text) {
            Ok(field) => Some(field),
            Err(message) => {
                if let Some(message) = message {
                    self.report.error(name.place, format!("{what}: {message}"));
                }
                None
            }
        }
    }

    /// The field of a name, or what to say of its absence: nothing where the field itself has been reported.
    pub fn field_or_message(&self, entity: usize, name: &str) -> Result<FieldId, Option<String>> {
        let decl = &self.entities[entity];
        if decl.lost.iter().any(|lost| lost == name) {
            return Err(None);
        }
        self.field(entity, name).ok_or_else(|| {
            let hint = hint(nearest(name, decl.fields.iter().map(|decl| decl.field.name.as_str())));
            Some(format!("{} has no field {name}{hint}", decl.name.text))
        })
    }

    pub fn field_of(&self, entity: usize, field: FieldId) -> &crate::schema::Field {
        &self.entities[entity].fields[usize::from(field.0)].field
    }

    pub fn key(&self, entity: usize) -> Option<FieldId> {
        self.entities[entity].fields.iter().position(|decl| decl.field.primary).map(|at| FieldId(at as u16))
    }

    /// The fields of a key of several.
    fn keys(&self, entity: usize) -> impl Iterator<Item = FieldId> + '_ {
        self.entities[entity].keys.iter().filter_map(move |name| self.field(entity, name))
    }
}

fn folded(name: &str) -> String {
    name.chars().filter(|letter| *letter != '_').flat_map(char::to_lowercase).collect()
}

fn hint(name: Option<&str>) -> String {
    name.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

/// Whether values of one field can equal values of the other: the same type, texts of any kind together.
pub(super) fn same_type(a: &FieldType, b: &FieldType) -> bool {
    match (a, b) {
        (FieldType::Text(_), FieldType::Text(_)) | (FieldType::Decimal { .. }, FieldType::Decimal { .. }) => true,
        (FieldType::Enum(a), FieldType::Enum(b)) => a.values == b.values,
        _ => a == b,
    }
}

/// Resolves every declaration. Faults go to the report; the result means something only when there are none.
pub(super) fn resolve(report: &Report, decls: Vec<EntityDecl>, incomplete: bool) -> (Vec<Entity>, Vec<Derived>) {
    if decls.len() > MAX_IDS {
        report.error(decls[MAX_IDS].name.place, format!("more than {MAX_IDS} entities"));
        return (Vec::new(), Vec::new());
    }
    for decl in &decls {
        if decl.fields.len() > MAX_IDS {
            report.error(decl.name.place, format!("{} has more than {MAX_IDS} fields", decl.name.text));
            return (Vec::new(), Vec::new());
        }
    }
    let mut names = Names::new(report, decls, incomplete);
    distinct(&names);
    index::mark_unique(&mut names);
    foreign_keys(&mut names);
    let (relations, mut derived) = link::relations(&names);
    let indexes = index::all(&names);
    let details: Vec<Details> = (0..names.entities.len()).map(|at| details(&names, at)).collect();
    let sources: Vec<_> = names.entities.iter_mut().map(|decl| std::mem::take(&mut decl.operations)).collect();
    let lost = names.entities.iter().map(|decl| !decl.lost.is_empty()).collect();
    let parts = names.entities.into_iter().zip(relations).zip(indexes).zip(details);
    let mut entities: Vec<Entity> =
        parts.map(|(((decl, relations), indexes), details)| build(decl, relations, indexes, details)).collect();
    super::body::read_all(report, &mut entities, sources, &mut derived, lost, incomplete);
    (entities, derived)
}

/// What resolves to fields of the entity itself.
struct Details {
    key: FieldId,
    key_rest: Vec<FieldId>,
    owner: Option<FieldId>,
    ttl: Option<Ttl>,
    security: EntitySecurity,
    searchable: Vec<FieldId>,
}

fn build(decl: EntityDecl, relations: Vec<Relation>, indexes: Vec<crate::schema::Index>, details: Details) -> Entity {
    let mut fields: Vec<_> = decl.fields.into_iter().map(|decl| decl.field).collect();
    for field in &details.security.never_expose {
        fields[usize::from(field.0)].sensitive = true;
    }
    Entity {
        name: decl.name.text,
        plural: decl.plural.text,
        table: decl.table.text,
        table_declared: decl.table_declared,
        renamed_from: decl.renamed_from,
        version: decl.version,
        description: decl.description,
        fields,
        key: details.key,
        key_rest: details.key_rest,
        indexes,
        relations,
        acl: decl.acl,
        owner: details.owner,
        ttl: details.ttl,
        security: details.security,
        searchable: details.searchable,
        operations: Vec::new(),
    }
}

/// Entities, plurals and tables each have names of their own.
fn distinct(names: &Names<'_>) {
    type NameOf = fn(&EntityDecl) -> &Spot;
    let kinds: [(&str, NameOf); 3] = [
        ("entity", |decl| &decl.name),
        ("plural", |decl| &decl.plural),
        // SQLite does not tell tables apart by case.
        ("table", |decl| &decl.table),
    ];
    for (kind, of) in kinds {
        let mut seen: HashMap<String, &EntityDecl> = HashMap::new();
        for decl in &names.entities {
            let spot = of(decl);
            let key = if kind == "entity" { folded(&spot.text) } else { spot.text.to_ascii_lowercase() };
            let Some(first) = seen.insert(key, decl) else {
                continue;
            };
            let at = at(names.report, first.name.place);
            let message = match kind {
                "entity" => format!("the entity {} is already declared {at}", spot.text),
                _ => format!("the {kind} {} of {} is also that of {} {at}", spot.text, decl.name.text, first.name.text),
            };
            names.report.error(spot.place, message);
            // One fault says it: two entities of one name share all the rest.
            if kind == "entity" {
                return;
            }
        }
    }
}

fn at(report: &Report, place: Place) -> String {
    match place.line {
        0 => String::from("before"),
        line => format!("in {}:{line}", report.file_name(place.file)),
    }
}

fn foreign_keys(names: &mut Names<'_>) {
    let mut found = Vec::new();
    for (entity, decl) in names.entities.iter().enumerate() {
        for (at, field) in decl.fields.iter().enumerate() {
            if let Some(key) = field.foreign_key.as_ref().and_then(|key| foreign_key(names, entity, at, key)) {
                found.push((entity, at, key));
            }
        }
    }
    for (entity, at, key) in found {
        names.entities[entity].fields[at].field.foreign_key = Some(key);
    }
}

fn foreign_key(names: &Names<'_>, entity: usize, at: usize, key: &ForeignKeyDecl) -> Option<ForeignKey> {
    let field = &names.entities[entity].fields[at].field;
    let what = format!("foreign_key of {}", field.name);
    let target = names.entity_or_fault(&what, &key.entity)?;
    let remote = match &key.field {
        Some(name) => names.field_or_fault(&what, target, name)?,
        None => {
            let only = names.key(target);
            if only.is_none() && !names.entities[target].keys.is_empty() {
                let several = &names.entities[target].name.text;
                names.report.error(
                    key.place,
                    format!("{what}: {several} has a key of several fields, which cannot be pointed at"),
                );
            }
            only?
        }
    };
    let report = names.report;
    let other = names.field_of(target, remote);
    let target_name = &names.entities[target].name.text;
    if !other.primary && !other.unique {
        let message =
            format!("{what}: {target_name}.{} is neither the key nor unique, so it cannot be pointed at", other.name);
        report.error(key.place, message);
    }
    if !same_type(&field.ty, &other.ty) {
        let (own, theirs) = (field.ty.as_str(), other.ty.as_str());
        report
            .error(key.place, format!("{what}: {} is {own}, but {target_name}.{} is {theirs}", field.name, other.name));
    }
    if other.stored_as == Some(StoredAs::Argon2id) || field.stored_as.is_some() {
        report.error(key.place, format!("{what}: a value that is stored as a hash points nowhere"));
    }
    for (word, action) in [("on_delete", key.on_delete), ("on_update", key.on_update)] {
        if action == Referential::SetNull && !field.nullable {
            let message = format!("{what}: {word} set_null, but {} cannot be null; make it nullable", field.name);
            report.error(key.place, message);
        }
    }
    Some(ForeignKey {
        entity: EntityId(target as u16),
        field: remote,
        on_delete: key.on_delete,
        on_update: key.on_update,
    })
}

fn details(names: &Names<'_>, entity: usize) -> Details {
    let decl = &names.entities[entity];
    let report = names.report;
    let fields = |what: &str, spots: &[Spot]| -> Vec<FieldId> {
        spots.iter().filter_map(|spot| names.field_or_fault(what, entity, spot)).collect()
    };
    let texts = |what: &str, spots: &[Spot]| {
        let ids = fields(what, spots);
        for (id, spot) in ids.iter().zip(spots) {
            let field = names.field_of(entity, *id);
            if !field.ty.is_text() && names.field(entity, &spot.text) == Some(*id) {
                report.error(spot.place, format!("{what}: {} is {}; expected text", field.name, field.ty.as_str()));
            }
        }
        ids
    };
    let searchable = texts("searchable", &decl.searchable);
    let security = EntitySecurity {
        never_expose: fields("never_expose", &decl.never_expose),
        audit_all_access: decl.audit_all_access,
        scan_for_malicious: texts("scan_for_malicious", &decl.scan_for_malicious),
    };
    for id in
        searchable.iter().filter(|id| names.field_of(entity, **id).sensitive || security.never_expose.contains(id))
    {
        let message = format!(
            "searchable: {} is sensitive, and a search would tell what it holds",
            names.field_of(entity, *id).name
        );
        report.error(decl.name.place, message);
    }
    for id in searchable.iter().filter(|id| names.field_of(entity, **id).stored_as.is_some()) {
        let message =
            format!("searchable: {} is stored as a hash, which has no words", names.field_of(entity, *id).name);
        report.error(decl.name.place, message);
    }
    let ttl = decl.ttl.as_ref().and_then(|(spot, auto_delete)| {
        let field = names.field_or_fault("ttl", entity, spot)?;
        let ty = &names.field_of(entity, field).ty;
        if *ty != FieldType::DateTime {
            report.error(spot.place, format!("ttl: {} is {}; expected a datetime", spot.text, ty.as_str()));
        }
        Some(Ttl { field, auto_delete: *auto_delete })
    });
    let versions = decl.fields.iter().filter(|decl| decl.field.version);
    for second in versions.skip(1) {
        report.error(second.place, format!("{} has more than one version field", decl.name.text));
    }
    if let (Some(spot), false) = (decl.searchable.first(), decl.keys.is_empty()) {
        names.report.error(spot.place, "searchable is for entities whose key is one field");
    }
    Details {
        key: names.key(entity).or_else(|| names.keys(entity).next()).unwrap_or(FieldId(0)),
        key_rest: names.keys(entity).skip(1).collect(),
        owner: decl.owner.as_ref().and_then(|spot| names.field_or_fault("owner", entity, spot)),
        ttl,
        security,
        searchable,
    }
}
