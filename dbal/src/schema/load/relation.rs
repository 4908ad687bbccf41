//! Explicit relations, in the forms they are written in.

use super::declare::{RelationDecl, Spot};
use super::field::spot;
use super::names;
use crate::schema::RelationKind;
use crate::yaml::{Block, Entry, Report};

const SYNONYMS: &[(&str, &str)] = &[
    ("target", "entity"),
    ("relation", "kind"),
    ("kind", "kind"),
    ("field", "foreign_key"),
    ("local_key", "foreign_key"),
];

/// Reads `relations`: a mapping by name, or a list as other tools write it.
pub(super) fn read_all(report: &Report, entity: &str, entry: &Entry) -> Vec<RelationDecl> {
    if let Some(items) = entry.value.as_list() {
        let each = items.iter().filter_map(|item| {
            let block = report.lenient(item, format!("a relation of {entity}"))?.synonyms(SYNONYMS);
            read(None, true, block)
        });
        return each.collect();
    }
    if entry.value.as_map().is_none() {
        let found = entry.value.describe();
        report.error(
            entry.value.place,
            format!("{}: expected a mapping of names to relations, found {found}", entry.key),
        );
    }
    let each = entry.value.entries().iter().filter_map(|item| {
        if let Some(fault) = names::fault(&item.key) {
            report.error(item.place, format!("{} cannot be a relation's name: {fault}", item.key));
        }
        let block = report.lenient(&item.value, format!("the relation {} of {entity}", item.key))?.synonyms(SYNONYMS);
        // Camel-case kinds are the mark of the formats in the wild, where relations document.
        read(Some(Spot::new(&item.key, item.place)), false, block)
    });
    each.collect()
}

/// An entry of `fields` whose type is `relationship`.
pub(super) fn of_field(entry: &Entry, block: Block<'_>) -> Option<RelationDecl> {
    // Here `type` says that it is a relation, and `relation` which kind.
    read(Some(Spot::new(&entry.key, entry.place)), true, block.synonyms(SYNONYMS))
}

/// `relationship: {entity, field, type}` beside the other keys of a field that holds the reference.
pub(super) fn beside_field(entry: &Entry, block: Block<'_>) -> Option<RelationDecl> {
    const BESIDE: &[(&str, &str)] = &[("target", "entity"), ("field", "references")];
    let mut decl = read(None, true, block.synonyms(BESIDE))?;
    decl.foreign_key = Some(Spot::new(&entry.key, entry.place));
    decl.kind = RelationKind::BelongsTo;
    Some(decl)
}

fn read(name: Option<Spot>, loose: bool, mut block: Block<'_>) -> Option<RelationDecl> {
    let place = name.as_ref().map_or(block.place(), |name| name.place);
    let (kind, camel) = match (kind(&mut block, "kind"), kind(&mut block, "type")) {
        (Some(Some(kind)), _) | (None, Some(Some(kind))) => kind,
        (None, None) => {
            let report = block.report();
            report.error(place, "a relation needs a type: belongs_to, has_one, has_many or many_to_many");
            let _ = block.rest();
            return None;
        }
        _ => {
            let _ = block.rest();
            return None;
        }
    };
    let mut name_of = |key| block.entry(key).and_then(|entry| spot(&block, entry));
    let target = name_of("entity");
    let (foreign_key, references) = (name_of("foreign_key"), name_of("references"));
    let (through, other_key) = (name_of("through"), name_of("other_key"));
    block.written("description");
    if target.is_none() {
        block.report().error(place, "a relation needs entity, the name of the entity it leads to");
    }
    block.finish();
    Some(RelationDecl {
        name,
        kind,
        target: target?,
        foreign_key,
        references,
        through,
        other_key,
        place,
        loose: loose || camel,
    })
}

/// The kind under a key, and whether it is spelled as other tools do. None inside when it is not a kind.
#[expect(clippy::option_option, reason = "absent and faulty are different answers")]
fn kind(block: &mut Block<'_>, key: &'static str) -> Option<Option<(RelationKind, bool)>> {
    let entry = block.entry(key)?;
    let given = entry.value.written().unwrap_or_default();
    if key == "type" && ["relationship", "relation"].contains(&given.to_lowercase().as_str()) {
        return None;
    }
    let own = [
        ("belongs_to", RelationKind::BelongsTo),
        ("has_one", RelationKind::HasOne),
        ("has_many", RelationKind::HasMany),
        ("many_to_many", RelationKind::ManyToMany),
    ];
    if let Some((_, kind)) = own.iter().find(|(word, _)| *word == given) {
        return Some(Some((*kind, false)));
    }
    let folded: String = given.to_lowercase().chars().filter(char::is_ascii_alphabetic).collect();
    let kind = match folded.as_str() {
        "belongsto" | "manytoone" => RelationKind::BelongsTo,
        "hasone" | "onetoone" => RelationKind::HasOne,
        "hasmany" | "onetomany" => RelationKind::HasMany,
        "manytomany" | "hasandbelongstomany" | "belongstomany" => RelationKind::ManyToMany,
        _ => {
            // Reports it with the nearest of the words.
            block.word(key, &own);
            return Some(None);
        }
    };
    Some(Some((kind, true)))
}
