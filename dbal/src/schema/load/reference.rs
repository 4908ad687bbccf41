//! Where a field points: `foreign_key` in its forms.

use super::declare::{ForeignKeyDecl, Spot};
use super::field::spot;
use crate::schema::Referential;
use crate::yaml::{Block, Entry, Report};

const SYNONYMS: &[(&str, &str)] =
    &[("target", "entity"), ("table", "entity"), ("references", "field"), ("key", "field"), ("column", "field")];

/// Reads `foreign_key: {entity, field, on_delete, on_update}`, `foreign_key: User.id`, or `references: User.id`.
pub(super) fn read(report: &Report, field: &Entry, keys: &mut Block<'_>) -> Option<ForeignKeyDecl> {
    let entry = match (keys.entry("foreign_key"), keys.entry("references")) {
        (Some(entry), Some(other)) => {
            report.error(other.place, "references says the same as foreign_key; keep one");
            entry
        }
        (first, second) => first.or(second)?,
    };
    let place = entry.place;
    if let Some(text) = entry.value.as_str() {
        let (entity, remote) = match text.split_once('.') {
            Some((entity, remote)) => (entity, Some(Spot::new(remote, entry.value.place))),
            None => (text, None),
        };
        let entity = Spot::new(entity, entry.value.place);
        let (on_delete, on_update) = (referential(keys, "on_delete"), Referential::Restrict);
        return Some(ForeignKeyDecl { entity, field: remote, on_delete, on_update, place });
    }
    let mut block = report.lenient(&entry.value, format!("foreign_key of the field {}", field.key))?.synonyms(SYNONYMS);
    let entity = block.entry("entity").and_then(|entry| spot(&block, entry));
    let remote = block.entry("field").and_then(|entry| spot(&block, entry));
    let (on_delete, on_update) = (referential(&mut block, "on_delete"), referential(&mut block, "on_update"));
    if entity.is_none() {
        report.error(place, "foreign_key: expected entity, the name of the entity it points to");
    }
    block.finish();
    Some(ForeignKeyDecl { entity: entity?, field: remote, on_delete, on_update, place })
}

/// `cascade`, `CASCADE`, `set_null`, `SET NULL`, `setNull`; `no action` is what restrict does.
fn referential(block: &mut Block<'_>, name: &'static str) -> Referential {
    let Some(entry) = block.entry(name) else {
        return Referential::default();
    };
    let given = entry.value.written().unwrap_or_default();
    let folded: String = given.chars().filter(char::is_ascii_alphabetic).collect();
    match folded.to_ascii_lowercase().as_str() {
        "restrict" | "noaction" => Referential::Restrict,
        "cascade" => Referential::Cascade,
        "setnull" => Referential::SetNull,
        _ => {
            let words = [("restrict", ()), ("cascade", ()), ("set_null", ())];
            // Reports it with the nearest of the words.
            block.word(name, &words);
            Referential::default()
        }
    }
}
